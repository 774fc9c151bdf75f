# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of the playbook ``set_weights``: what ``slb_backend_weights`` does, with the weights kept in a file.

An action runs on the controller, where the file is, whatever connection, become or interpreter the inventory sets.
"""

from __future__ import annotations

import os
import typing as t

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils import _plan, _survey
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Plan
from ansible_collections.aliyun_community.slb.plugins.module_utils._previous_file import PreviousFile, Server
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report, as_option
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import (
    check_load_balancer_id,
    parse_requested,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter
from ansible_collections.aliyun_community.slb.plugins.modules.slb_backend_weights import argument_spec

FILES: dict[str, t.Any] = {"previous_file": {"type": "path"}, "restored_from": {"type": "path"}}
Result = dict[str, t.Any]


class ActionModule(ActionBase):
    """The action ``aliyun_community.slb.slb_set_weights``."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Result:
        super().run(task_vars=task_vars)
        subject = f"Setting weights of {self._task.args.get('load_balancer_id')}"
        warnings: list[str] = []
        try:
            run = Run(_options(self._task.args), warnings.append)
        except SlbError as exc:
            nothing_done = Report(str(self._task.args.get("load_balancer_id")), self._task.args.get("region"))
            return {**nothing_done.result(), **nothing_done.account(), **_failure(exc, subject)}
        result = run.set_weights(subject, check_mode=self._task.check_mode, diff=self._task.diff)
        return {**result, "warnings": [printable(warning) for warning in [*warnings, *run.setter.warnings]]}


class Run:
    """One run: what sets the weights, and the files that it keeps up to date."""

    def __init__(self, options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> None:
        """Raises SlbError before any request is sent, also for a file that cannot be used."""
        self._requested = parse_requested(options["backend_servers"], options["server_groups"])
        load_balancer_id = check_load_balancer_id(options["load_balancer_id"])
        setter_options = Options.parse(options)
        client = open_client(options, os.environ, warn)
        self.setter = WeightSetter(client, load_balancer_id, setter_options)
        self._warn = warn
        self._kept_earlier: list[Server] = []
        self._is_kept = False
        self._previous, self._restored_from = (
            PreviousFile(options[name], _load, load_balancer_id, client.region) if options[name] else None
            for name in FILES
        )
        if self._previous:
            self._previous.read()

    def set_weights(self, subject: str, *, check_mode: bool, diff: bool) -> Result:
        try:
            self.setter.run(self._requested, check_mode=check_mode, before_write=self._keep)
        except SlbError as exc:
            report = self.setter.report()
            result = {**report.result(), **report.account()}
            return {**result, **_failure(exc, subject, self._way_back() if result["changed"] else "")}
        if not check_mode:
            self._note_restored()
        report = self.setter.report()
        result = {**report.result(), "summary": self._summary()}
        result["ansible_stats"] = {"data": {"slb_previous": result["previous"]}, "per_host": False, "aggregate": True}
        return {**result, "diff": report.diff()} if diff else result

    def _keep(self, plan: Plan) -> None:
        if self._previous:
            self._kept_earlier = self._previous.keep([as_option(change.server) for change in plan.changes])
            self._is_kept = True

    def _note_restored(self) -> None:
        """The weights are set: a file that cannot be brought up to date is no reason to fail."""
        requested = [as_option(change.target) for change in (self.setter.plan.requested if self.setter.plan else ())]
        members = [as_option(member) for member in self.setter.group or ()]
        for file in (self._previous, self._restored_from):
            try:
                if file:
                    file.note_restored(requested, members)
            except InvalidArgument as exc:
                self._warn(f"{exc.message}: remove the file before you use it for another drain")

    def _way_back(self) -> str:
        if not (self._previous and self._is_kept):
            return ""
        return (
            f" {self._previous.path} has the weights as they were; to restore them, run "
            f"ansible-playbook aliyun_community.slb.set_weights -e @{self._previous.path}"
        )

    def _summary(self) -> list[str]:
        """Lines for people."""
        members = self.setter.group or ()
        lines = [f"{printable(member.name)}: {member.weight}" for member in members]
        lines.append(f"{_plan.active_count(members)} of {len(members)} servers get traffic")
        if self._previous and self._is_kept:
            lines.append(f"{self._previous.path} has the weights as they were")
        for server in self._kept_earlier:
            lines.append(f"It keeps the weight that it already had for {server['server_id']}: {server['weight']}")
        return lines


def _options(arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The options of the task, validated as those of the module are. Raises InvalidArgument."""
    given = {**arguments, "backend_servers": _survey.servers_of(arguments.get("backend_servers"))}
    given["load_balancer_id"] = str(arguments.get("load_balancer_id") or "").strip()
    validated = ArgumentSpecValidator({**argument_spec(), **FILES}).validate(given)
    if validated.error_messages:
        raise InvalidArgument("; ".join(validated.error_messages))
    return dict(validated.validated_parameters)


def _load(text: str) -> t.Any:
    """The content of a text in YAML. Raises ValueError."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError("not YAML") from exc


def _failure(exc: SlbError, subject: str, more: str = "") -> Result:
    return {"failed": True, "msg": printable(f"{subject}: {exc.sentence()}{more}"), "error": exc.as_dict()}
