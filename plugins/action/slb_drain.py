# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take the host of a task out of traffic, or put it back. Runs on the controller, whatever the play means for its hosts."""

from __future__ import annotations

import os
import time
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils import _drain_options, _sdk
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import (
    Place,
    drain_key,
    journal_of_host,
    recover_command,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._coordinator import Coordinator
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import DrainOptions
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import described
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, default_folder
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import (
    _conditions,
    _controller,
    _host_waits,
    _play,
    _play_checks,
    _tasks_file,
)

Json = dict[str, t.Any]

BEGINNING = (_drain_options.CHECKED, _drain_options.DRAINED)
# The states in which a task uses the option on the host itself, or announces that.
LOOKS_AT_HOST = {
    "port": BEGINNING,
    "health_url": (_drain_options.CHECKED, _drain_options.UPDATED),
}
HANDLERS_FILE = "rolling_update_flush_handlers.yml"  # of the role
HANDLERS_HAVE_RUN = "__rolling_update_handlers_have_run"  # the role's

# Ansible imports this file before it forks a process for each task of each host.
_sdk.preload_sdk()


class ActionModule(ActionBase):
    """See the documentation of the module slb_drain."""

    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Json:
        result: Json = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        if _play.is_left_out_by_tags(self, task_vars):
            return {
                **result,
                "changed": False,
                "skipped": True,
                "skip_reason": "The tags of the run leave out the role.",
            }
        try:
            result.update(self._step(task_vars))
        except AnsibleConnectionFailure as exc:
            if self._task.args.get("state") == _drain_options.CHECKED:
                raise
            # Ansible rescues no unreachable host, and this one is out of traffic: the rescue decides what becomes of it.
            msg = f"{task_vars.get('inventory_hostname')}: Ansible cannot reach it any longer: {exc}"
            result.update(failed=True, msg=printable(msg))
        except SlbError as exc:
            out = self._still_out(task_vars) if isinstance(exc, InvalidArgument) else ""
            msg = f"{task_vars.get('inventory_hostname')}: {exc.sentence()}{out}"
            result.update(failed=True, msg=printable(msg), error=exc.as_dict())
        return self._not_to_be_ignored(result)

    def _not_to_be_ignored(self, result: Json) -> Json:
        """With ignore_errors, a host that was not drained would be updated, and one that was not restored left out, unnoticed."""
        is_ignored = result.get("failed") and self._task.ignore_errors
        if not is_ignored or self._task.args.get("state") == _drain_options.CHECKED:
            return result
        del result["failed"]
        return {
            **result,
            "unreachable": True,
            "msg": f"{result['msg']} It counts as unreachable, so that ignore_errors does not hide this.",
        }

    def _step(self, task_vars: dict[str, t.Any]) -> Json:
        batch = _controller.batch_of_run()
        if batch and self._task.args.get("state") == _drain_options.DRAINED:
            batch.remember(drain_key(str(task_vars.get("inventory_hostname"))), True)
        values = _controller.option_values(self, task_vars, _drain_options.argument_spec(), batch)
        options = _drain_options.parse_options(values, _play.prefix_of(self))
        self._check_task(options, task_vars)
        folder = JournalFolder(options.record_dir or default_folder(os.environ))
        bench = _controller.workbench(self, folder, options.connection, batch)
        if options.state == _drain_options.CHECKED:
            found = self._check_host(options, task_vars)
        folder.prepare()
        request = self._request(options, task_vars, bench)
        coordinator = Coordinator(bench, request, self._place(options, task_vars, batch))
        if options.state in BEGINNING:
            coordinator.begin(options.keep_days)
        if options.state == _drain_options.CHECKED:
            self._warn(task_vars, bench)
            return {**coordinator.check(options.check_listeners), **found}
        if options.state == _drain_options.DRAINED:
            return self._drain(coordinator, options, task_vars, bench)
        if options.state == _drain_options.PROVEN:
            return {**coordinator.prove(), "files": _files_to_run(options, task_vars)}
        if options.state == _drain_options.UPDATED:
            if options.health_url and not bench.check_mode:
                modules = _host_waits.HostModules(self, task_vars)
                _host_waits.wait_for_url(modules, options.health_url, options.health_timeout, bench.say)
            return coordinator.note_updated()
        if options.state == _drain_options.RESTORED:
            return coordinator.restore()
        return self._account(coordinator, options, task_vars)

    def _check_task(self, options: DrainOptions, task_vars: dict[str, t.Any]) -> None:
        """Raise SlbError if the task, where it stands in its play, could leave a server in traffic, or out of it."""
        host = str(task_vars["inventory_hostname"])
        if options.state != _drain_options.FAILED:
            _play.check_acts_for_itself(self, task_vars)
        for option, states in LOOKS_AT_HOST.items():
            if getattr(options, option) and options.state in states:
                _play.check_is_not_delegated(self, host, option)
        if options.state in BEGINNING:
            _play_checks.check_play(self)
            _play_checks.check_restores(self, task_vars)
        if options.state in (_drain_options.UPDATED, _drain_options.RESTORED):
            _play.check_no_handlers_to_run(self, host)

    def _place(self, options: DrainOptions, task_vars: dict[str, t.Any], batch: Batch) -> Place:
        place = Place(
            batch=tuple(task_vars.get("ansible_play_batch", ())),
            play=tuple(task_vars.get("ansible_play_hosts", ())),
            prefix=_play.prefix_of(self),
            default_record_dir=options.record_dir is None,
        )
        if options.state not in BEGINNING:
            return place
        return place._replace(address=_play.address_of(self, task_vars), twins=_play.twins_of(self, task_vars, batch))

    def _request(self, options: DrainOptions, task_vars: dict[str, t.Any], bench: Workbench) -> Request:
        rolling_update_id = options.rolling_update_id
        if not rolling_update_id:
            own = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{bench.run.pid}"
            rolling_update_id = str(Batch(bench.scratch, bench.run).recall_or_remember("rolling_update_id", own))
        return Request(
            host=str(task_vars["inventory_hostname"]),
            play=_play.play_id(self),
            connection=options.fingerprint,
            rolling_update_id=rolling_update_id,
            load_balancer_ids=options.load_balancer_ids,
            region=options.connection["region"] or "",
            server_id=options.server_id,
            server_ip=options.server_ip,
            min_active=options.min_active,
            drain_delay=options.drain_delay,
            already_out=options.already_out,
            ramp=options.ramp,
            ramp_pause=options.ramp_pause,
            health_timeout=options.health_timeout,
            server_groups=options.server_groups,
            names_server="server_id" in self._task.args,
            conditions=tuple(map(str, self._task.when or ())),
        )

    def _check_host(self, options: DrainOptions, task_vars: dict[str, t.Any]) -> Json:
        """Before anything is drained: the tasks files are fit for it, and Ansible can run a module on the host."""
        found: Json = {}
        changes: dict[str, str] = {}
        for name in ("tasks_file", "health_tasks_file"):
            path = getattr(options, name)
            found[name] = path and _play.find_tasks_file(path, task_vars)
            if path:
                changes.update(self._check_tasks_file(found[name], name, task_vars))
        _conditions.check_conditions(_conditions.conditions_around(self._task), changes, task_vars)
        _host_waits.HostModules(self, task_vars).check_usable()
        return found

    def _check_tasks_file(self, path: str, name: str, task_vars: dict[str, t.Any]) -> dict[str, str]:
        """What the tasks of a file change."""
        try:
            return _tasks_file.check_tasks_file(
                path,
                loader=self._loader,
                variable_manager=self._task.get_variable_manager(),
                task_vars=task_vars,
                templar=self._templar,
                role_path=self._task._role._role_path if _play.in_role(self) else "",
                task=self._task,
                # The entry point "check" of the role is often used in a separate play, which lacks the handlers of the update.
                knows_handlers=_play.in_role(self) and "tasks_file" in self._task.args,
            )
        except _tasks_file.TasksFileError as exc:
            raise SlbError("TasksFile", f"{_play.prefix_of(self)}{name}: {exc}") from None

    def _drain(
        self, coordinator: Coordinator, options: DrainOptions, task_vars: dict[str, t.Any], bench: Workbench
    ) -> Json:
        outcome = coordinator.drain(options.verify, options.check_listeners)
        try:
            outcome = self._after_drain(outcome, options, task_vars, bench)
            # Without verification the proof does that.
            return coordinator.begin_update(outcome) if options.verify else outcome
        except SlbError as exc:
            return coordinator.undo_drain(exc)

    def _after_drain(self, outcome: Json, options: DrainOptions, task_vars: dict[str, t.Any], bench: Workbench) -> Json:
        """Wait for the connections of this host, once it gets no new ones."""
        if outcome.get("failed") or not options.port or bench.check_mode:
            return outcome
        modules = _host_waits.HostModules(self, task_vars)
        answer = _host_waits.wait_for_connections(modules, options.port, options.drain_timeout, bench.say)
        if "elapsed" not in answer:
            reason = _host_waits.reason_of(answer)
            raise SlbError(
                "NotCounted", f"the connections to {_host_waits.port_name(options.port)} cannot be counted: {reason}"
            )
        warning = _host_waits.warning_of_closed_ports(answer, modules.host)
        if warning and Batch(bench.scratch, bench.run).first_time(f"closed {answer['closed_ports']}"):
            bench.warn(warning)
        option = f"{_play.prefix_of(self)}on_drain_timeout"
        found = _host_waits.verdict(answer, modules.host, options.port, options.on_drain_timeout, False, option)
        if found.get("failed"):
            raise SlbError("ConnectionsLeft", found["msg"])
        bench.say(found["msg"])
        return {**outcome, "connections": answer["connections"]}

    def _account(self, coordinator: Coordinator, options: DrainOptions, task_vars: dict[str, t.Any]) -> Json:
        reason, on_failure = _reason(task_vars), options.on_failure
        if on_failure == "restore" and _play.runs_handlers_after_failure(self):
            is_early = _play.in_role(self) and not task_vars.get(HANDLERS_HAVE_RUN)
            if is_early and coordinator.update_has_begun():
                return {"changed": False, "files": [HANDLERS_FILE]}
            names = _play.handlers_to_run(self, str(task_vars["inventory_hostname"]))
            if names:
                on_failure = "keep_drained"
                reason += f"; its handlers are still to run: {', '.join(names)}"
        # The first rescue is the one that this task stands in.
        is_hidden = _play.rescues_around(self) > 1
        return coordinator.account(reason, on_failure, is_hidden)

    def _still_out(self, task_vars: dict[str, t.Any]) -> str:
        """What to add where the update has made the host's variables invalid: the journal knows what is out."""
        host = str(task_vars.get("inventory_hostname"))
        out = journal_of_host(_controller.batch_of_run(), _play.play_id(self), host)
        if not out:
            return ""
        try:
            journal = JournalFolder(out["folder"]).read(out["id"])
        except SlbError as exc:
            return f" {exc.sentence()}"
        entries = [entry for entry in (journal.open_entries if journal else ()) if entry.host == host]
        folder = None if out["folder"] == JournalFolder(default_folder(os.environ)).path else out["folder"]
        command = recover_command(out["id"], folder)
        return f" Still out of traffic: {described(entries)}. This puts it back: {command}" if entries else ""

    def _warn(self, task_vars: dict[str, t.Any], bench: Workbench) -> None:
        """Once in a run, what may be a mistake."""
        batch = Batch(bench.scratch, bench.run)
        of_loop = _play.warning_of_a_loop(self, task_vars)
        for sentence in [*_drain_options.unknown_variables(task_vars), *filter(None, [of_loop])]:
            if batch.first_time(sentence):
                bench.warn(sentence)


def _files_to_run(options: DrainOptions, task_vars: dict[str, t.Any]) -> list[str]:
    """The files that the role includes once a host is proven to be out of traffic."""
    found = [_play.find_tasks_file(path, task_vars) for path in (options.tasks_file, options.health_tasks_file) if path]
    if options.health_tasks_file:
        found.insert(-1, HANDLERS_FILE)
    return found


def _reason(task_vars: t.Mapping[str, t.Any]) -> str:
    """Why the host is in a rescue: the name of the task that failed, and what it said, unless that was slb_drain itself."""
    task, result = task_vars.get("ansible_failed_task"), task_vars.get("ansible_failed_result")
    if not isinstance(task, dict) or not isinstance(result, dict):
        return "another host or an include failed, see the errors above"
    name = str(task.get("name") or task.get("action") or "an update task")
    if str(task.get("action")).endswith("slb_drain"):
        return f"{name}, see the error above"
    if task.get("no_log"):  # the result itself is whole
        return printable(f"{name}: its result is hidden (no_log)")
    results = result.get("results")
    rows = [row for row in results if isinstance(row, dict) and row.get("failed")] if isinstance(results, list) else []
    text = " ".join(str(row.get("msg") or "failed") for row in rows or [result])
    return printable(f"{name}: {text}")[:600].rstrip(".")
