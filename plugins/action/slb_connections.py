# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of the same name in slices, so that a long wait shows that it goes on."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import parse_ports
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import Range, whole_number
from ansible_collections.aliyun_community.slb.plugins.plugin_utils._host_waits import (
    HostModules,
    verdict,
    wait_for_connections,
    warning_of_closed_ports,
)

TIMEOUT = Range(0, 24 * 60 * 60)  # seconds; 0: count once

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
            ports = parse_ports(given["port"], "port")
            timeout = whole_number(given["timeout"], "timeout", TIMEOUT)
            if not ports:
                raise InvalidArgument("port is empty", "Give at least one port.")
        except InvalidArgument as error:
            return {**result, "failed": True, "msg": f"{error.message}. {error.advice}"}
        host = str(task_vars.get("inventory_hostname", "the host"))
        check_mode = bool(self._task.check_mode)
        modules = HostModules(self, task_vars)
        answer = wait_for_connections(modules, ports, 0 if check_mode else timeout, self._display.display)
        if "elapsed" in answer:
            warning = warning_of_closed_ports(answer, host)
            if warning:
                self._display.warning(warning)
            answer.update(verdict(answer, host, ports, given["on_timeout"], check_mode))
        return {**result, **answer}
