# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The steps of a rolling update for one host: check, drain, prove, note the update, restore, account for a failure.

The host that comes first does the API calls for all hosts of its batch that have announced themselves (see _batch).
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _listener_findings, _plan, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import (
    Batch,
    Request,
    remove_ended_runs,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import Journal, JournalUnusable
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener, LoadBalancer
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight
from ansible_collections.aliyun_community.slb.plugins.module_utils._restorer import (
    SETTLE_SECONDS,
    HealthWait,
    Outcome,
    Restorer,
    Workbench,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import (
    DRAINED,
    UPDATED,
    UPDATING,
    DrainPlan,
    Entry,
    Setting,
    Target,
    duration,
    plan_drain,
    ramp_steps,
    same_member,
    step_weight,
    unproven,
    weight_line,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter

Json = dict[str, t.Any]

WOULD_BE_OUT = "would be out"  # what a run in check mode remembers of members that it would have drained
ALREADY_OUT = "already out"  # what the run remembers of members that were at weight 0 before it
_PLAIN = re.compile(r"[\w.:/@%+,~-]+")  # what -e NAME=VALUE takes as it is
PROOF_SECONDS = 5.0  # how old the read may be that proves the weights of the hosts of a batch


def recover_command(rolling_update_id: str, record_dir: str | None) -> str:
    """What to type to put back what a rolling update has left out. ``record_dir``: None for the default folder."""
    variables = {"rolling_update_id": rolling_update_id}
    if record_dir:
        variables["rolling_update_record_dir"] = record_dir
    if all(_PLAIN.fullmatch(value) for value in variables.values()):
        words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    else:
        # Lines for people hold no two spaces in a row, see printable.
        words = ["-e", json.dumps(variables).replace("  ", " \\u0020")]
    return shlex.join(["ansible-playbook", "aliyun_community.slb.recover", *words])


class Place(t.NamedTuple):
    """Where a task runs. ``batch`` and ``play``: the hosts that have not failed; ``prefix``: of the names of options."""

    batch: tuple[str, ...]
    play: tuple[str, ...]
    prefix: str
    default_record_dir: bool


class Coordinator:
    """Takes one step of a rolling update for one host. Its methods raise SlbError, and return the result of the task."""

    def __init__(self, bench: Workbench, request: Request, place: Place) -> None:
        self._bench = bench
        self._request = request
        self._place = place
        self._batch = Batch(bench.scratch, bench.run)

    @property
    def recover_command(self) -> str:
        folder = None if self._place.default_record_dir else self._bench.folder.path
        return recover_command(self._request.rolling_update_id, folder)

    # Check

    def check(self, check_listeners: str) -> Json:
        """Check this host without a write, and announce it for the drain."""
        request = self._request
        with self._batch.leading("checked"):
            left, failed = self._left_behind(), self._failed_hosts()
            if left or failed:
                return self._stop(left, failed)
            already_out = []
            self._refuse_same_member()
            for load_balancer_id in request.load_balancer_ids:
                try:
                    already_out += self._check_member(load_balancer_id, check_listeners)
                except SlbError as exc:
                    if load_balancer_id not in exc.message:
                        exc.message = f"{load_balancer_id}: {exc.message}"
                    raise
            self._batch.announce("drained", request)
        return self._with_stats(self._result(changed=False, already_out=already_out))

    def begin(self, keep_days: int) -> None:
        """Once in a run, before anything is drained: find out whether a journal can be written, and say how to recover."""
        key = f"begun {self._request.rolling_update_id} {self._bench.folder.path}"
        with self._batch.leading("begun"):
            if not self._batch.recall(key):
                self._begin(keep_days)
                self._batch.remember(key, True)

    def _begin(self, keep_days: int) -> None:
        if not self._batch.is_writable():
            # Without an id of the user's, each task would make up another one.
            raise JournalUnusable(
                f"no file can be written in {self._bench.scratch.path}",
                "Free some space, or set TMPDIR to another folder.",
            )
        remove_ended_runs(self._bench.scratch, self._bench.run)
        self._bench.folder.remove_old(keep_days, time.time())
        self._bench.folder.read_open()
        self._batch.remember(f"settled {self._bench.folder.path}", self._bench.folder.settled)
        if self._bench.check_mode:
            self._bench.say(f"Rolling update {self._request.rolling_update_id}, check mode: nothing is changed.")
            return
        # Also for recover after a run that ended before its first drain.
        self._bench.record(self._request.rolling_update_id, [])
        self._bench.say(
            f"Rolling update {self._request.rolling_update_id}. If it ends before its servers are back, this puts them back: "
            f"{self.recover_command}"
        )

    def _left_behind(self) -> list[Entry]:
        """What this run has taken out and hosts of earlier batches did not bring back."""
        journal = self._bench.folder.read(self._request.rolling_update_id)
        rows = journal.open_entries if journal else []
        return [row for row in rows if row.run == str(self._bench.run) and row.host not in self._place.batch]

    def _failed_hosts(self) -> list[str]:
        """The hosts of earlier batches that failed, also those whose weights are as they were."""
        hosts = self._batch.recall(f"failed in {self._request.play}") or []
        return [host for host in hosts if host not in self._place.batch]

    def _stop(self, left: t.Sequence[Entry], failed: t.Sequence[str]) -> Json:
        """Stop before the next batch. Unless the run is red already, one host fails for all, so that it does not end green."""
        reason = f"{described(left)} did not come back" if left else f"{', '.join(failed)} failed"
        message = f"Rolling update {self._request.rolling_update_id} stops here: {reason}. Fix that first."
        if left:
            message += f" This puts back what is still out: {self.recover_command}"
        is_first = self._batch.first_time(f"stopped {self._request.play} {self._request.rolling_update_id}")
        is_red = {row.host for row in left} <= set(failed) and not set(failed) & set(self._place.play)
        if is_first and is_red:
            self._bench.say(message)
        return {**self._result(changed=False, msg=message), "stopped": True, "failed": is_first and not is_red}

    def _refuse_same_member(self) -> None:
        """Refuse a host that is the same member as one that has announced itself before, and that one, too.

        One of the two names the wrong member, and its own may be in traffic.
        """
        request = self._request
        for other in self._batch.announced("drained", request, self._place.batch)[1:]:
            shared = set(request.load_balancer_ids) & set(other.load_balancer_ids)
            if shared and (request.server_id, request.server_ip) == (other.server_id, other.server_ip):
                error = same_member(self._target(request), other.host, self._setting(min(shared)))
                self._batch.remember(f"refused {other.play} {other.host}", error.sentence())
                raise error

    def _check_member(self, load_balancer_id: str, check_listeners: str) -> list[str]:
        """Check one membership by what this run has read, and read again before a refusal."""
        try:
            return self._judge_member(load_balancer_id, self._snapshot(load_balancer_id), check_listeners)
        except SlbError:
            key = self._snapshot_key(load_balancer_id)
            if not self._batch.recall(key) or not self._batch.recall(f"{key} is old"):
                raise
        return self._judge_member(load_balancer_id, self._read_snapshot(load_balancer_id), check_listeners)

    def _judge_member(self, load_balancer_id: str, snapshot: LoadBalancer, check_listeners: str) -> list[str]:
        request = self._request
        known = self._bench.folder.known_entries(load_balancer_id, self._bench.run)
        plan = plan_drain([self._target(request)], snapshot.backend_servers, known, self._setting(load_balancer_id))
        for exc in plan.refused.values():
            raise exc
        already_out = list(plan.already_out.values())
        if already_out and request.already_out == "fail":
            raise already_out_error(already_out, self._place.prefix)
        left = _plan.active_count(snapshot.backend_servers) - len(plan.requested)
        if plan.requested and left < request.min_active:
            raise SlbError(
                "MinActive",
                f"{left} of {len(snapshot.backend_servers)} members of {load_balancer_id} would have a weight above 0, and "
                f"{self._place.prefix}min_active is {request.min_active}",
                advice="Put other members back first.",
            )
        self._judge_listeners(snapshot, check_listeners)
        return already_out

    def _judge_listeners(self, snapshot: LoadBalancer, check_listeners: str) -> None:
        if check_listeners == "off":
            return
        reasons = _listener_findings.ineffective_weight_reasons(snapshot, self._listeners(snapshot.load_balancer_id))
        if not reasons:
            return
        finding = f"Weights may have no effect on {snapshot.load_balancer_id}: {'; '.join(reasons)}"
        if check_listeners == "fail":
            raise SlbError(
                "WeightsWithoutEffect",
                finding[0].lower() + finding[1:],
                advice=f"Fix the listeners, or set {self._place.prefix}check_listeners to warn.",
            )
        if self._batch.first_time(f"warned {finding}"):
            self._bench.warn(finding)

    # Drain

    def drain(self, verify: bool) -> Json:
        """Take this host out of traffic, and with it all of its batch that have announced themselves."""
        with self._batch.leading("drained"):
            outcome = self._batch.take_outcome("drained", self._request)
            if outcome is not None:
                return outcome
            requests = self._batch.announced("drained", self._request, self._place.batch)
            for request in requests:
                self._forget_proofs(request)
            outcomes = _Drain(self, requests, verify).run()
            mine = outcomes.pop(self._request.host)
            self._batch.leave_outcomes("drained", outcomes)
            return self._with_stats(mine)

    # Prove and note

    def prove(self) -> Json:
        """Prove that this host gets no traffic, and note that its update begins. Raises SlbError if that is not proven."""
        request, bench = self._request, self._bench
        if bench.check_mode:
            return self._result(changed=False, msg="Check mode: nothing was drained, so nothing is proven.")
        with self._batch.leading("proven"):
            for load_balancer_id in request.load_balancer_ids:
                self._prove_member(load_balancer_id)
        entries = [entry.moved_to(UPDATING, time.time()) for entry in self._open_entries()]
        if entries:
            bench.record(request.rolling_update_id, entries)
        return self._with_stats(self._result(changed=False, msg=f"{request.host} gets no new requests."))

    def _prove_member(self, load_balancer_id: str) -> None:
        """By the read of another host, which takes a few seconds to get old, or by a read of this one's own."""
        kept = self._kept_for_proof(load_balancer_id)
        if kept is not None:
            with contextlib.suppress(SlbError):
                return self._judge_proof(load_balancer_id, kept)
        return self._judge_proof(load_balancer_id, self._read_for_proof(load_balancer_id))

    def _judge_proof(self, load_balancer_id: str, group: t.Sequence[BackendServer]) -> None:
        for reason in unproven([self._target(self._request)], group, self._setting(load_balancer_id)).values():
            raise SlbError(
                "NotDrained",
                f"its update does not begin: {reason}",
                advice="The drain was skipped, or someone changed the weight since.",
            )
        self._prove_min_active(load_balancer_id, group)

    def _prove_min_active(self, load_balancer_id: str, group: t.Sequence[BackendServer]) -> None:
        """Two rolling updates at the same time may each have left enough members in traffic, and too few together."""
        active = _plan.active_count(group)
        drained_now = self._batch.recall(f"drained {load_balancer_id} {self._request.host}")
        if drained_now and active < self._request.min_active:
            raise SlbError(
                "MinActive",
                f"another job drained members of {load_balancer_id} at the same time: {active} are left in traffic, and "
                f"{self._place.prefix}min_active is {self._request.min_active}",
                advice="Run this again when the other job has ended.",
            )

    def _kept_for_proof(self, load_balancer_id: str) -> tuple[BackendServer, ...] | None:
        """A read that is shared by the hosts of a batch, which all come here within a few seconds."""
        kept = self._batch.recall(self._proof_key(load_balancer_id))
        if not kept or not 0 <= time.time() - kept["at"] < PROOF_SECONDS:
            return None
        return tuple(BackendServer(**row) for row in kept["group"])

    def _read_for_proof(self, load_balancer_id: str) -> tuple[BackendServer, ...]:
        at = time.time()
        client = self._bench.client_for(self._request.region)
        group = _slb.describe_load_balancer(client, load_balancer_id).backend_servers
        kept = {"at": at, "group": [server.as_dict() for server in group]}
        self._batch.remember(self._proof_key(load_balancer_id), kept)
        return group

    def _proof_key(self, load_balancer_id: str) -> str:
        return f"proof {self._request.connection} {load_balancer_id}"

    def _forget_proofs(self, request: Request) -> None:
        """Weights are about to change: what was read before proves nothing."""
        for load_balancer_id in request.load_balancer_ids:
            self._batch.forget(self._proof_key(load_balancer_id))

    def note_updated(self) -> Json:
        """Note that the update has ended and that the host has passed its own check; announce it for the restore."""
        entries = self._open_entries()
        if entries and not self._bench.check_mode:
            moved = [entry.moved_to(UPDATED, time.time()) for entry in entries]
            self._bench.record_if_possible(self._request.rolling_update_id, moved)
        self._batch.announce("restored", self._request)
        return self._result(changed=False)

    # Restore

    def restore(self) -> Json:
        """Put this host back, and with it all of its batch that have announced that they are ready."""
        with self._batch.leading("restored"):
            outcome = self._batch.take_outcome("restored", self._request)
            if outcome is not None:
                return outcome
            requests = self._batch.announced("restored", self._request, self._place.batch)
            for request in requests:
                self._forget_proofs(request)
            outcomes = self._restore_all(requests)
            mine = outcomes.pop(self._request.host)
            self._batch.leave_outcomes("restored", outcomes)
            self._put_back_unclaimed()
            return self._with_stats(mine)

    def _restore_all(self, requests: t.Sequence[Request]) -> dict[str, Json]:
        rows = self._open_entries_of_run()
        entries = {request.host: [entry for entry in rows if entry.host == request.host] for request in requests}
        outcome = self._restore_entries(requests, [entry for each in entries.values() for entry in each])
        return {request.host: self._restored_result(request, entries[request.host], outcome) for request in requests}

    def _restore_entries(self, requests: t.Sequence[Request], entries: t.Sequence[Entry]) -> Outcome:
        if self._bench.check_mode or not entries:
            return Outcome()
        first = requests[0]
        restorer = Restorer(self._bench, first.rolling_update_id)
        health = HealthWait(self._bench, self._listeners_of_entry, max(request.health_timeout for request in requests))
        outcome = restorer.restore(entries, ramp_steps(first.ramp), first.ramp_pause, health)
        self._say_who_is_back(outcome)
        for entry in entries:
            self._batch.forget(f"out {first.play} {entry.host}")
        return outcome

    def _nothing_to_restore(self, request: Request) -> Json:
        if self._bench.check_mode:
            return self._result(changed=False, msg="Check mode: nothing was drained, so nothing is put back.")
        out = self._batch.recall(f"out {request.play} {request.host}")
        if out and out != self._journal_name(request):
            message = (
                f"{request.host} was taken out of traffic by rolling update {out['id']}, with its journal in {out['folder']}, "
                f"and this task is about rolling update {request.rolling_update_id} in {self._bench.folder.path}. Give all "
                f"tasks the same rolling_update_id and record_dir. This puts the host back: "
                f"{recover_command(out['id'], out['folder'])}"
            )
            return {**self._result(changed=False, msg=message), "failed": True}
        return self._result(
            changed=False, msg=f"This rolling update has taken no member of {request.host} out of traffic."
        )

    def _journal_name(self, request: Request) -> Json:
        return {"id": request.rolling_update_id, "folder": self._bench.folder.path}

    def _say_who_is_back(self, outcome: Outcome) -> None:
        now = time.time()
        hosts: dict[str, list[Entry]] = {}
        for entry in outcome.back.values():
            hosts.setdefault(entry.host, []).append(entry)
        for host, rows in hosts.items():
            weights = ", ".join(f"{entry.name} of {entry.load_balancer_id} at {entry.original}" for entry in rows)
            out_for = max(now - entry.out_since for entry in rows)
            self._bench.say(f"{host} is back after {duration(out_for)}: {weights}")

    def _restored_result(self, request: Request, entries: t.Sequence[Entry], outcome: Outcome) -> Json:
        if self._bench.check_mode or not entries:
            return self._nothing_to_restore(request)
        problems = [outcome.failed[entry.key] for entry in entries if entry.key in outcome.failed]
        problems += [outcome.left_alone[entry.key] for entry in entries if entry.key in outcome.left_alone]
        problems += [_back_too_early(entry) for entry in entries if entry.is_out and outcome.was_back(entry)]
        back = [outcome.back[entry.key] for entry in entries if entry.key in outcome.back]
        changed = any(entry.key in outcome.changed for entry in entries)
        if not problems:
            return self._result(changed=changed, entries=back)
        still_out = [entry for entry in entries if entry.key in outcome.failed]
        text = "; ".join(dict.fromkeys(problems))
        if still_out:
            text += (
                f". Still out of traffic: {described(still_out)}. This puts back what can be: {self.recover_command}"
            )
        return {**self._result(changed=changed, entries=back, msg=text), "failed": True}

    def _put_back_unclaimed(self) -> None:
        """Put back hosts that were drained for a task that they never came to, since nothing else would."""
        with self._batch.leading("drained"):
            hosts = self._batch.drop_outcomes("drained", self._request)
            entries = [entry for entry in self._open_entries_of_run() if entry.host in hosts and entry.is_untouched]
            if entries:
                Restorer(self._bench, self._request.rolling_update_id).restore(entries)

    # Account for a failure

    def account(self, reason: str, on_failure: str, is_hidden: bool) -> Json:
        """After a failure: put the server back if its update has not begun, or if asked to. The host fails either way.

        ``is_hidden``: a rescue further out would turn the failure into a success. With a server out of traffic the host
        counts as unreachable then, which Ansible rescues nowhere.
        """
        host = self._request.host
        self._batch.add_to_list(f"failed in {self._request.play}", [host])
        if self._bench.check_mode:
            return {
                **self._result(changed=False, msg=f"{host} failed ({reason}). Nothing was changed."),
                "failed": True,
            }
        entries = self._open_entries()
        self._forget_proofs(self._request)
        stays = [entry for entry in entries if not entry.is_untouched and on_failure != "restore"]
        restorer = Restorer(self._bench, self._request.rolling_update_id)
        with self._batch.leading("restored"):
            outcome = restorer.restore([entry for entry in entries if entry not in stays])
        still_out = [*stays, *(entry for entry in entries if entry.key in outcome.failed)]
        self._put_back_unclaimed()
        message = self._account_message(reason, still_out, outcome)
        result = {**self._result(changed=restorer.changed, entries=still_out, msg=message), "failed": True}
        if is_hidden and (still_out or self._left_behind()):
            message = f"{message.rstrip('.')}. It counts as unreachable, so that no rescue hides this."
            result.update(failed=False, unreachable=True, msg=message)
        return result

    def _account_message(self, reason: str, still_out: t.Sequence[Entry], outcome: Outcome) -> str:
        host = self._request.host
        parts = [f"{host} failed ({reason})."]
        parts += [f"{text}." for text in dict.fromkeys([*outcome.failed.values(), *outcome.left_alone.values()])]
        if still_out:
            parts.append(
                f"It stays out of traffic: {described(still_out)}. Fix {host}, then put it back: {self.recover_command}"
            )
        elif not outcome.left_alone:
            parts.append("Its weights are as they were.")
        return " ".join(parts)

    # What the steps share

    def _with_stats(self, result: Json) -> Json:
        """The result with what is out as a statistic of the run: AWX hands those to the next job of a workflow."""
        rolling_update_id = self._request.rolling_update_id
        journal = self._predicted() if self._bench.check_mode else self._bench.folder.read(rolling_update_id)
        if journal is None or result.get("failed"):  # Ansible does not look at those of a failed task
            return result
        data = {"rolling_update_record": journal._replace(entries=tuple(journal.open_entries)).as_document()}
        return {**result, "ansible_stats": {"data": data, "per_host": False, "aggregate": False}}

    def _predicted(self) -> Journal:
        """What the rolling update would take out. A job of AWX that is killed hands on nothing: the check before it did."""
        rolling_update_id = self._request.rolling_update_id
        rows = [json.loads(row) for row in self._batch.recall(f"{WOULD_BE_OUT} {rolling_update_id}") or ()]
        entries = tuple(Entry(**{**row, "written": tuple(row["written"])}) for row in rows)
        return Journal(rolling_update_id, str(self._bench.run), time.time(), None, entries)

    def _open_entries(self) -> list[Entry]:
        """The open entries of this host that this run wrote."""
        return [entry for entry in self._open_entries_of_run() if entry.host == self._request.host]

    def _open_entries_of_run(self) -> list[Entry]:
        journal = self._bench.folder.read(self._request.rolling_update_id)
        return [entry for entry in (journal.open_entries if journal else ()) if entry.run == str(self._bench.run)]

    def _target(self, request: Request) -> Target:
        return Target(request.host, request.server_id, request.server_ip)

    def _setting(self, load_balancer_id: str) -> Setting:
        return Setting(load_balancer_id, self._request.region, str(self._bench.run), time.time(), self._place.prefix)

    def _snapshot_key(self, load_balancer_id: str) -> str:
        return f"snapshot {self._request.connection} {load_balancer_id}"

    def _snapshot(self, load_balancer_id: str) -> LoadBalancer:
        """The load balancer as this run read it first: later checks cost no call."""
        key = self._snapshot_key(load_balancer_id)
        kept = self._batch.recall(key)
        if kept is None:
            return self._read_snapshot(load_balancer_id)
        self._batch.remember(f"{key} is old", True)
        servers = tuple(BackendServer(**row) for row in kept.pop("backend_servers"))
        return LoadBalancer(**kept, backend_servers=servers)

    def _read_snapshot(self, load_balancer_id: str) -> LoadBalancer:
        load_balancer = self._read_load_balancer(load_balancer_id)
        row = {
            **load_balancer._asdict(),
            "backend_servers": [server.as_dict() for server in load_balancer.backend_servers],
        }
        key = self._snapshot_key(load_balancer_id)
        self._batch.remember(key, row)
        self._batch.remember(f"{key} is old", False)
        return load_balancer

    def _read_load_balancer(self, load_balancer_id: str) -> LoadBalancer:
        """Read it for the first time. Raises SlbError with the names of the variables to check."""
        region, prefix = self._request.region, self._place.prefix
        try:
            return _slb.describe_load_balancer(self._bench.client_for(region), load_balancer_id)
        except SlbError as exc:
            if exc.code != "InvalidLoadBalancerId.NotFound":
                raise
            raise SlbError(
                exc.code,
                f"{load_balancer_id} is not a load balancer in {region}",
                http_status=exc.http_status,
                request_id=exc.request_id,
                advice=f"Check {prefix}load_balancer_ids and {prefix}region of {self._request.host}.",
            ) from None

    def _listeners(self, load_balancer_id: str, region: str | None = None) -> list[Listener]:
        """The listeners of a load balancer, read once in a run."""
        key = f"listeners {self._request.connection} {load_balancer_id}"
        kept = self._batch.recall(key)
        if kept is not None:
            return [Listener(**row) for row in kept]
        client = self._bench.client_for(region or self._request.region)
        listeners = _slb.describe_listeners(client, load_balancer_id)
        self._batch.remember(key, [listener.as_dict() for listener in listeners])
        return listeners

    def _listeners_of_entry(self, entry: Entry) -> list[Listener]:
        return self._listeners(entry.load_balancer_id, entry.region)

    def _result(
        self,
        *,
        changed: bool,
        msg: str = "",
        entries: t.Sequence[Entry] = (),
        already_out: t.Sequence[str] = (),
    ) -> Json:
        return {
            "changed": changed,
            "rolling_update_id": self._request.rolling_update_id,
            "servers": [shown(entry) for entry in entries],
            "already_out": list(already_out),
            **({"msg": msg} if msg else {}),
        }


def shown(entry: Entry) -> Json:
    """An entry as results show it."""
    return {
        "host": entry.host,
        "load_balancer_id": entry.load_balancer_id,
        "server_id": entry.server_id,
        "type": entry.type,
        "server_ip": entry.server_ip,
        "original_weight": entry.original,
        "state": entry.state,
    }


def _back_too_early(entry: Entry) -> str:
    return (
        f"{entry.host}: {entry.name} of {entry.load_balancer_id} had its weight {entry.original} back before: someone else "
        f"changed it while {entry.host} was being updated"
    )


def already_out_error(members: t.Sequence[str], prefix: str) -> SlbError:
    return SlbError(
        "AlreadyOut",
        f"{', '.join(members)} is at weight 0 and no journal knows why",
        advice=f"Put it back, or set {prefix}already_out to warn.",
    )


def described(entries: t.Sequence[Entry]) -> str:
    return ", ".join(entry.describe() for entry in entries)


class _Drain:
    """One drain of several hosts."""

    def __init__(self, coordinator: Coordinator, requests: t.Sequence[Request], verify: bool) -> None:
        self._coordinator = coordinator
        self._bench = coordinator._bench
        self._batch = coordinator._batch
        self._requests = requests
        self._verify = verify
        self._id = requests[0].rolling_update_id
        self._failed: dict[str, str] = {}
        self._already_out: dict[str, list[str]] = {}
        self._changed: set[str] = set()
        self._left_out: dict[str, list[Entry]] = {}
        self._is_unsettled = False
        self._entries: dict[str, list[Entry]] = {}

    def run(self) -> dict[str, Json]:
        """The outcome for each host."""
        for request in self._requests:
            refused = self._batch.recall(f"refused {request.play} {request.host}")
            if refused:
                self._failed[request.host] = refused
        for load_balancer_id in dict.fromkeys(each for request in self._requests for each in request.load_balancer_ids):
            self._drain_from(load_balancer_id)
        self._refuse_already_out()
        self._undo_failed()
        if self._changed and not self._bench.check_mode:
            # The API answers about 2 s before the load balancer follows (measured by the author of a public drain tool).
            delay = max(request.drain_delay for request in self._requests if request.host in self._changed)
            self._bench.wait(delay, "for the load balancers to apply the change")
        return {request.host: self._outcome(request.host) for request in self._requests}

    def _drain_from(self, load_balancer_id: str) -> None:
        requests = [
            request
            for request in self._requests
            if load_balancer_id in request.load_balancer_ids and request.host not in self._failed
        ]
        if not requests:
            return
        try:
            self._drain_members(load_balancer_id, requests)
        except SlbError as exc:
            sentence = exc.sentence()
            if load_balancer_id not in sentence:
                sentence = f"{load_balancer_id}: {sentence}"
            for request in requests:
                self._failed.setdefault(request.host, sentence)

    def _drain_members(self, load_balancer_id: str, requests: t.Sequence[Request]) -> None:
        work = _Work(self._bench, self._id, self._coordinator._setting(load_balancer_id), requests)
        self._bench.settle([row.entry for row in self._bench.folder.known_entries(load_balancer_id, self._bench.run)])
        client = self._bench.client_for(requests[0].region)
        min_active = max(request.min_active for request in requests)
        # Without verification the proof reads the weights and counts the members in traffic, see Coordinator.prove.
        options = Options(min_active=min_active, verify=self._verify, count_again=self._verify)
        setter = WeightSetter(client, load_balancer_id, options)
        try:
            setter.run(work.choose, check_mode=self._bench.check_mode, before_write=lambda _plan: work.announce())
        finally:
            self._failed.update((host, exc.sentence()) for host, exc in work.plan.refused.items())
            self._note(work, setter)
        if not self._bench.check_mode:
            work.announce()  # also members that were at 0 already
            self._bench.record_if_possible(self._id, [e.drained(time.time()) for e in work.plan.entries])

    def _note(self, work: _Work, setter: WeightSetter) -> None:
        for host, member in work.plan.already_out.items():
            self._already_out.setdefault(host, []).append(member)
        for warning in work.plan.warnings:
            self._bench.warn(warning)
        if self._bench.check_mode:
            self._predict(work.plan.entries)
        play = self._requests[0].play
        for entry in work.plan.entries:
            self._batch.remember(f"out {play} {entry.host}", self._coordinator._journal_name(self._requests[0]))
            self._entries.setdefault(entry.host, []).append(entry.drained(time.time()))
        self._is_unsettled = self._is_unsettled or bool(setter.ledger.unknown)
        applied = setter.ledger.applied
        if not applied:
            return
        keys = {change.server.key for change in applied}
        hosts = {entry.host for entry in work.plan.entries if entry.key[1:] in keys}
        self._changed |= hosts
        for host in hosts:
            self._batch.remember(f"drained {work.setting.load_balancer_id} {host}", True)
        group = setter.group or ()
        changes = [f"{change.server.name} {change.server.weight} -> {change.after}" for change in applied]
        line = weight_line(work.setting.load_balancer_id, changes, _plan.active_count(group), len(group))
        self._bench.say(f"Check mode: would set {line}" if self._bench.check_mode else line)

    def _predict(self, entries: t.Sequence[Entry]) -> None:
        """Remember what would be out, with every weight that would be written until it is back."""
        ramps = {request.host: ramp_steps(request.ramp)[:-1] for request in self._requests}
        rows = []
        for entry in entries:
            steps = [step_weight(entry.original, percent) for percent in ramps[entry.host]]
            rows.append(json.dumps(entry.moved_to(DRAINED, entry.changed, *steps)._asdict()))
        self._batch.add_to_list(f"{WOULD_BE_OUT} {self._id}", rows)

    def _refuse_already_out(self) -> None:
        """The check has done so, where there was one, for what was out at that time."""
        for request in self._requests:
            members = self._already_out.get(request.host)
            if members and request.already_out == "fail" and request.host not in self._failed:
                self._failed[request.host] = already_out_error(members, self._coordinator._place.prefix).sentence()

    def _undo_failed(self) -> None:
        """A host that cannot be drained everywhere is put back where it was drained: its update will not begin."""
        entries = [entry for entry in self._coordinator._open_entries_of_run() if entry.host in self._failed]
        if self._bench.check_mode or not entries:
            return
        if self._is_unsettled:
            self._bench.wait(SETTLE_SECONDS, "for a write that got no response and may still take effect")
        outcome = Restorer(self._bench, self._id).restore([entry for entry in entries if entry.is_untouched])
        for entry in entries:
            if entry.key in outcome.left_alone:
                self._failed[entry.host] += f" {outcome.left_alone[entry.key]}."
            elif entry.key not in outcome.back:
                reason = outcome.failed.get(entry.key, "An update of it has begun and has not ended.")
                self._left_out.setdefault(entry.host, []).append(entry)
                self._failed[entry.host] += (
                    f" Still out of traffic: {entry.describe()}. {reason} "
                    f"This puts it back: {self._coordinator.recover_command}"
                )

    def _outcome(self, host: str) -> Json:
        coordinator = self._coordinator
        if host in self._failed:
            left_out = self._left_out.get(host, [])
            changed = bool(left_out) and host in self._changed
            result = coordinator._result(changed=changed, entries=left_out, msg=f"{host}: {self._failed[host]}")
            return {**result, "failed": True}
        already_out = self._already_out.get(host, [])
        if already_out:
            self._bench.warn(
                f"{host}: {', '.join(already_out)} was at weight 0 and no journal knows why. It stays there."
            )
            self._batch.add_to_list(ALREADY_OUT, [f"{host}: {member}" for member in already_out])
        return coordinator._result(
            changed=host in self._changed, entries=self._entries.get(host, []), already_out=already_out
        )


class _Work:
    """The members of one load balancer during a drain."""

    def __init__(
        self, bench: Workbench, rolling_update_id: str, setting: Setting, requests: t.Sequence[Request]
    ) -> None:
        self._bench = bench
        self._id = rolling_update_id
        self.setting = setting
        self._targets = [Target(request.host, request.server_id, request.server_ip) for request in requests]
        self._announced = False
        self.plan = DrainPlan((), (), (), {}, {}, ())

    def choose(self, group: tuple[BackendServer, ...]) -> t.Sequence[RequestedWeight]:
        known = self._bench.folder.known_entries(self.setting.load_balancer_id, self._bench.run)
        self.plan = plan_drain(self._targets, group, known, self.setting)
        return self.plan.requested

    def announce(self) -> None:
        """Write the journal before the members are written, own entries first: an original weight is never in no journal."""
        if self._announced:
            return
        self._bench.check_alive()
        self._announced = True
        self._bench.claim(self._id, self.plan.entries)
        own = {entry.key for entry in self.plan.entries}
        for row in self.plan.superseded:
            if row.rolling_update_id != self._id or row.entry.key not in own:
                self._bench.record_of_other(row)
