# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What a rolling update waits for on the host itself: the end of its connections, and its own health URL.

Both run a module on the host, in slices, so that a long wait prints a line every 10 seconds.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible.module_utils import basic
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import LINE_SECONDS

LOOK_SECONDS = 2.0
_LONGEST_ANSWER = 10  # seconds for one request to the health URL

_USABLE = "usable"
# Looks for what the wrapper around every module needs, without the time that importing all of it takes.
_PROBE = f"""\
import importlib.util, json, sys, zlib
found = all(importlib.util.find_spec(name) for name in ("base64", "runpy", "tempfile", "zipfile"))
print("{_USABLE}" if found and sys.version_info >= {{minimum}} else "unusable")
"""
_minimum = getattr(basic, "_PY_MIN", None)
# ansible-core 2.16 keeps no version there. It takes older ones, too, about which a module decides.
_OLDEST_PYTHON: tuple[int, ...] = _minimum if isinstance(_minimum, tuple) else (3, 9)

Json = dict[str, t.Any]


class HostModules:
    """Runs modules on the host of a task. Without become: that is meant for the update, and may need a password."""

    def __init__(self, action: ActionBase, task_vars: dict[str, t.Any]) -> None:
        self._action = action
        self._task_vars = task_vars
        self.host = str(task_vars["inventory_hostname"])
        action._connection.become = None

    def run(self, name: str, **options: t.Any) -> Json:
        """The result of a module. An unreachable host raises AnsibleConnectionFailure, as for any task."""
        result: Json = self._action._execute_module(module_name=name, module_args=options, task_vars=self._task_vars)
        return result

    def check_usable(self) -> None:
        """Raise SlbError if Ansible cannot run a module on the host."""
        if getattr(self._action._connection._shell, "SHELL_FAMILY", "") == "powershell":
            self._action._low_level_execute_command("exit 0")
            return
        if self._runs_scripts():
            return
        result = self.run("ansible.builtin.ping")
        if result.get("failed") or result.get("ping") != "pong":
            raise SlbError(
                "HostUnusable",
                f"Ansible cannot run a module on it: {reason_of(result)}",
                advice="It keeps its traffic. Check ansible_python_interpreter and the connection.",
            )

    def _runs_scripts(self) -> bool:
        """Whether the host runs a script the way it will run a module. That takes a tenth of the time of a module.

        Goes the way of ActionBase._execute_module: the same interpreter, temporary folder and transfer. False says
        nothing: then a module has to find out, and what it says is the reason.
        """
        interpreter = self._known_interpreter()
        if not interpreter:
            return False
        action, shell = self._action, self._action._connection._shell
        script, path = _PROBE.format(minimum=_OLDEST_PYTHON), ""
        is_piped = action._is_pipelining_enabled("new")
        if not is_piped:
            if shell.tmpdir is None:
                action._make_tmp_path()
            path = shell.join_path(shell.tmpdir, "usable.py")
            action._transfer_data(path, script)
        command = shell.build_module_command(action._compute_environment_string(), f"#!{interpreter}", path).strip()
        done = action._low_level_execute_command(command, in_data=script.encode() if is_piped else None)
        return done.get("rc") == 0 and _USABLE in done.get("stdout", "").split()

    def _known_interpreter(self) -> str | None:
        """The Python that Ansible will use on the host, unless it has yet to look for one."""
        named = self._task_vars.get("ansible_python_interpreter")
        if named is None:
            named = (self._task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
        value = self._action._templar.template(named)
        return value if isinstance(value, str) and not value.startswith("auto") else None


def reason_of(result: t.Mapping[str, t.Any]) -> str:
    """What a failed module said, on one line."""
    text = result.get("msg") or result.get("module_stderr") or result.get("module_stdout") or "no response"
    return printable(str(text))[:300].rstrip(".")


def wait_for_connections(
    modules: HostModules, ports: t.Sequence[int], timeout: int, say: t.Callable[[str], None]
) -> Json:
    """The result of the last count, with ``elapsed`` (seconds) for all of them if the connections were counted.

    ``closed_ports`` are those of the first one: the service may end meanwhile.
    """
    started = time.monotonic()
    closed: t.Any = None
    while True:
        waited = int(time.monotonic() - started)
        answer = modules.run(
            "aliyun_community.slb.slb_connections", port=list(ports), timeout=slice_seconds(waited, timeout)
        )
        if answer.get("failed") or answer.get("unreachable") or not isinstance(answer.get("connections"), int):
            return not_counted(answer)
        # Leaves out how long it took to start the module: the connections may have been gone by then.
        elapsed = answer["elapsed"] = waited + int(answer.get("elapsed", 0))
        closed = answer["closed_ports"] = answer.get("closed_ports", []) if closed is None else closed
        if not answer["connections"] or elapsed >= timeout:
            return answer
        left = f"{connections(answer['connections'])} left on {port_name(ports)}"
        say(f"{modules.host}: {left} after {elapsed} s of at most {timeout} s")


def slice_seconds(elapsed: int, timeout: int) -> int:
    """How long the next slice may take: until the next full 10 seconds, so that lines come at a steady pace."""
    next_line = (elapsed // int(LINE_SECONDS) + 1) * int(LINE_SECONDS)
    return max(0, min(next_line, timeout) - elapsed)


def connections(count: int) -> str:
    return "1 connection" if count == 1 else f"{count} connections"


def port_name(ports: t.Sequence[int]) -> str:
    """Ports as messages name them: ``port 80``, ``ports 80, 8080``."""
    return f"port{'s' if len(ports) > 1 else ''} {', '.join(map(str, ports))}"


def warning_of_closed_ports(answer: Json, host: str) -> str | None:
    """What to say about ports on which nothing listens, whose connections may be elsewhere."""
    if not answer.get("closed_ports"):
        return None
    return (
        f"Nothing listens on {port_name(answer['closed_ports'])} of {host}. If the port is right, the service is down, or its"
        " connections are not those of the host, as with a container. They are not waited for."
    )


def not_counted(answer: Json) -> Json:
    """A module that did not count has failed, whatever else it says."""
    kept = {key: value for key, value in answer.items() if key not in ("connections", "elapsed")}
    if not kept.get("unreachable"):
        kept["failed"] = True
        kept.setdefault("msg", "The connections cannot be counted: the module returned no count.")
    return kept


def verdict(
    answer: Json, host: str, ports: t.Sequence[int], on_timeout: str, check_mode: bool, option: str = "on_timeout"
) -> Json:
    """What the count means for the task: ``timed_out``, ``msg`` and perhaps ``failed``."""
    count, elapsed = answer["connections"], answer["elapsed"]
    if check_mode:
        return {
            "timed_out": False,
            "msg": f"{host} has {connections(count)} on {port_name(ports)}. In check mode nothing waits for them.",
        }
    if not count:
        return {"timed_out": False, "msg": f"{host} has no connections left on {port_name(ports)} after {elapsed} s."}
    finding = f"{host} still has {connections(count)} on {port_name(ports)} after {elapsed} s"
    if on_timeout == "fail":
        return {"timed_out": True, "failed": True, "msg": f"{finding}, and {option} is fail."}
    them = "it" if count == 1 else "them"
    return {"timed_out": True, "msg": f"{finding}; the update will cut {them}."}


def wait_for_url(modules: HostModules, url: str, timeout: int, say: t.Callable[[str], None]) -> None:
    """Wait until the host gets status 200 from the URL. Raises SlbError."""
    shown = without_secrets(url)
    started = time.monotonic()
    next_line = LINE_SECONDS
    while True:
        result = modules.run("ansible.builtin.uri", url=url, timeout=max(1, min(timeout, _LONGEST_ANSWER)))
        if not result.get("failed"):
            return
        elapsed = time.monotonic() - started
        reason = reason_of(result).replace(url, shown)
        if elapsed >= timeout:
            raise SlbError(
                "Unhealthy",
                f"{shown} did not answer with status 200 within {duration(elapsed)}: {reason}",
                advice="Check the service on this host.",
            )
        if elapsed >= next_line:
            next_line += LINE_SECONDS
            say(f"{modules.host}: waiting for {shown} ({reason}), {duration(elapsed)} of at most {duration(timeout)}")
        time.sleep(min(LOOK_SECONDS, max(0.0, timeout - elapsed)))


def without_secrets(url: str) -> str:
    """A URL as logs may have it: without user, password, query and fragment."""
    scheme, colon, rest = re.split("[?#]", url)[0].rpartition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{colon}{authority.rpartition('@')[2]}{slash}{path}"
