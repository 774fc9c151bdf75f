# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of the same name in slices, so that a long wait shows that it goes on."""

from __future__ import annotations

import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import Range, whole_number

MODULE = "aliyun_community.slb.slb_connections"
PORT = Range(1, 65535)
TIMEOUT = Range(0, 24 * 60 * 60)  # seconds; 0: count once
LINE_SECONDS = 10

Result = dict[str, t.Any]


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        # Numbers are raw: Ansible's own conversion takes `true` for 1.
        action: t.Any = self
        _validation, given = action.validate_argument_spec(
            {
                "port": {"type": "raw", "required": True},
                "timeout": {"type": "raw", "default": 300},
                "on_timeout": {"type": "str", "choices": ["continue", "fail"], "default": "continue"},
            }
        )
        try:
            port, timeout = (
                whole_number(given["port"], "port", PORT),
                whole_number(given["timeout"], "timeout", TIMEOUT),
            )
        except InvalidArgument as error:
            return {**result, "failed": True, "msg": f"{error.message}. {error.advice}"}
        host = str(task_vars.get("inventory_hostname", "the host"))
        check_mode = bool(self._task.check_mode)
        answer = self._wait(host, port, 0 if check_mode else timeout, task_vars)
        if "elapsed" in answer:
            answer.update(_verdict(answer, host, port, given["on_timeout"], check_mode))
        return {**result, **answer}

    def _wait(self, host: str, port: int, timeout: int, task_vars: dict[str, t.Any]) -> Result:
        """The result of the last slice; with ``elapsed`` for all of them if the connections were counted."""
        started = time.monotonic()
        while True:
            waited = int(time.monotonic() - started)
            options: dict[str, object] = {"port": port, "timeout": slice_seconds(waited, timeout)}
            # An unreachable host raises, and so ends the wait as it ends any task.
            answer: Result = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
            if answer.get("failed") or answer.get("unreachable") or not isinstance(answer.get("connections"), int):
                return _not_counted(answer)
            # Leaves out how long it took to start the module: the connections may have been gone by then.
            elapsed = answer["elapsed"] = waited + int(answer.get("elapsed", 0))
            if not answer["connections"] or elapsed >= timeout:
                return answer
            left = f"{connections(answer['connections'])} left on port {port}"
            Display().display(f"{host}: {left} after {elapsed} s of at most {timeout} s")


def slice_seconds(elapsed: int, timeout: int) -> int:
    """How long the next slice may take: until the next full 10 seconds, so that lines come at a steady pace."""
    next_line = (elapsed // LINE_SECONDS + 1) * LINE_SECONDS
    return max(0, min(next_line, timeout) - elapsed)


def connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count} connections"


def _not_counted(answer: Result) -> Result:
    """A module that did not count has failed, whatever else it says."""
    kept = {key: value for key, value in answer.items() if key not in ("connections", "elapsed")}
    if not kept.get("unreachable"):
        kept["failed"] = True
        kept.setdefault("msg", "The connections cannot be counted: the module returned no count.")
    return kept


def _verdict(answer: Result, host: str, port: int, on_timeout: str, check_mode: bool) -> Result:
    """What the count means for the task: ``timed_out``, ``msg`` and perhaps ``failed``."""
    count, elapsed = answer["connections"], answer["elapsed"]
    if check_mode:
        return {
            "timed_out": False,
            "msg": f"{host} has {connections(count)} on port {port}. In check mode nothing waits for them.",
        }
    if not count:
        return {"timed_out": False, "msg": f"No connections left on port {port} after {elapsed} s."}
    finding = f"{host} still has {connections(count)} on port {port} after {elapsed} s"
    if on_timeout == "fail":
        return {"timed_out": True, "failed": True, "msg": f"{finding}, and on_timeout is fail."}
    them = "it" if count == 1 else "them"
    return {"timed_out": True, "msg": f"{finding}; the update will cut {them}."}
