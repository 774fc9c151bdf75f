# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Check a host before anything is drained, and announce it for the drain."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import remove_ended_runs
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Context
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry, described
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalUnusable
from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import find, remedies
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._reads import Reads
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import (
    find_members,
    plan_drain,
    same_member,
    too_few_active,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._snapshots import Snapshot

Json = dict[str, t.Any]


class Check:
    """The check of one host. Its methods raise SlbError."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bench = context.bench
        self._batch = context.batch
        self._request = context.request
        self._reads = Reads(context)

    def check(self, check_listeners: str) -> Json:
        """Check this host without a write, and announce it for the drain."""
        request = self._request
        with self._batch.leading("checked"):
            left, failed = self._context.left_behind(), self._failed_hosts()
            if left or failed:
                return self._stop(left, failed)
            already_out: list[str] = []
            self._refuse_same_member()
            self._refuse_same_server()

            def judge(snapshot: Snapshot) -> None:
                found = self._judge_members(snapshot)
                self._judge_listeners(snapshot, check_listeners)
                already_out.extend(found)

            self._judge_each(judge)
            self._batch.announce("drained", request)
        return self._context.with_stats(self._context.result(changed=False, already_out=already_out))

    def check_unannounced(self, check_listeners: str) -> None:
        """Of what check() does, what nothing else finds out: whether it is the right server, and weights have an effect."""
        self._refuse_same_server()
        self._refuse_server_that_is_out()
        if check_listeners != "off":
            self._judge_each(lambda snapshot: self._judge_listeners(snapshot, check_listeners))

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
            f"{self._context.recover_command}"
        )

    def _failed_hosts(self) -> list[str]:
        """The hosts of earlier batches that failed, also those whose weights are as they were."""
        hosts = self._batch.recall(f"failed in {self._request.play}") or []
        return [host for host in hosts if host not in self._context.place.batch]

    def _stop(self, left: t.Sequence[Entry], failed: t.Sequence[str]) -> Json:
        """Stop before the next batch. Unless the run is red already, one host fails for all, so that it does not end green."""
        reason = f"{described(left)} did not come back" if left else f"{', '.join(failed)} failed"
        message = f"Rolling update {self._request.rolling_update_id} stops here: {reason}. Fix that first."
        if left:
            message += f" This puts back what is still out: {self._context.recover_command}"
        is_first = self._batch.first_time(f"stopped {self._request.play} {self._request.rolling_update_id}")
        is_red = {row.host for row in left} <= set(failed) and not set(failed) & set(self._context.place.play)
        if is_first and is_red:
            self._bench.say(message)
        return {**self._context.result(changed=False, msg=message), "stopped": True, "failed": is_first and not is_red}

    def _refuse_same_server(self) -> None:
        """Refuse a host that names the server of another host of its play, which has another address.

        One of the two names the wrong server, and its own may be in traffic. Hosts with one address are parts of one server.
        """
        request, place = self._request, self._context.place
        key = f"server {request.play} {request.connection} {request.server_id} {request.server_ip}"
        host, address, balancers = self._batch.recall_or_remember(
            key, [request.host, place.address, list(request.load_balancer_ids)]
        )
        shared = set(request.load_balancer_ids) & set(balancers)
        others = [host] if shared and host != request.host and address != place.address else place.twins
        if others:
            setting = self._context.setting(min(shared or request.load_balancer_ids))
            raise same_member(self._context.target(request), others[0], setting)

    def _refuse_same_member(self) -> None:
        """Refuse a host that is the same member as one that has announced itself before, and that one, too.

        One of the two names the wrong member, and its own may be in traffic.
        """
        request = self._request
        for other in self._batch.announced("drained", request, self._context.place.batch)[1:]:
            shared = set(request.load_balancer_ids) & set(other.load_balancer_ids)
            if shared and (request.server_id, request.server_ip) == (other.server_id, other.server_ip):
                error = same_member(self._context.target(request), other.host, self._context.setting(min(shared)))
                self._batch.remember(f"refused {other.play} {other.host}", error.sentence())
                raise error

    def _refuse_server_that_is_out(self) -> None:
        """Refuse a host whose server another host of this run has taken out of traffic, and would put back."""
        request = self._request
        target = self._context.target(request)
        requested = target._replace(everywhere=True).requested
        for entry in self._context.open_entries_of_run():
            if (
                entry.host != request.host
                and requested.matches(entry.member)
                and entry.load_balancer_id in request.load_balancer_ids
            ):
                raise same_member(target, entry.host, self._context.setting(entry.load_balancer_id))

    def _judge_each(self, judge: t.Callable[[Snapshot], None]) -> None:
        """Judge each load balancer by what this run has read, and read again before a refusal."""
        for load_balancer_id in self._request.load_balancer_ids:
            try:
                try:
                    judge(self._reads.snapshot(load_balancer_id))
                except SlbError:
                    if not self._reads.is_old(load_balancer_id):
                        raise
                    judge(self._reads.new_snapshot(load_balancer_id))
            except SlbError as exc:
                if load_balancer_id not in exc.message:
                    exc.message = f"{load_balancer_id}: {exc.message}"
                raise

    def _judge_members(self, snapshot: Snapshot) -> list[str]:
        """The members that are at weight 0 and that no journal knows."""
        request, prefix = self._request, self._context.place.prefix
        load_balancer_id = snapshot.load_balancer.load_balancer_id
        known = self._bench.folder.known_entries(load_balancer_id, self._bench.run)
        setting = self._context.setting(load_balancer_id)
        plan = plan_drain([self._context.target(request)], snapshot.members, known, setting)
        for exc in plan.refused.values():
            raise exc
        already_out = list(plan.already_out.get(request.host, ()))
        if already_out and request.already_out == "fail":
            raise already_out_error(already_out, prefix)
        for group, active, total in too_few_active(plan.requested, snapshot.members, request.min_active):
            raise SlbError(
                "MinActive",
                f"{active} of {total} members{group} of {load_balancer_id} would have a weight above 0, and "
                f"{prefix}min_active is {request.min_active}",
                advice="Put other members back first.",
            )
        return already_out

    def _judge_listeners(self, snapshot: Snapshot, check_listeners: str) -> None:
        """A member that is at 0 already counts as drained: it must get no traffic either."""
        if check_listeners == "off":
            return
        setting = self._context.setting(snapshot.load_balancer.load_balancer_id)
        servers = find_members(self._context.target(self._request), snapshot.members, setting)
        drains = [Change(server._replace(weight=server.weight or 1), 0) for server in servers]
        findings = find(self._reads.traffic(snapshot), drains, all_groups=self._request.server_groups == "all")
        if not findings:
            return
        text = f"weights may have no effect on {setting.load_balancer_id}: {'; '.join(row.text for row in findings)}"
        if check_listeners == "fail":
            raise SlbError(
                "WeightsWithoutEffect",
                text,
                advice=f"{remedies(findings)} Or set {setting.prefix}check_listeners to warn.",
            )
        if self._batch.first_time(f"warned {text}"):
            self._bench.warn(f"{text[0].upper()}{text[1:]}. {remedies(findings)}")


def already_out_error(members: t.Sequence[str], prefix: str) -> SlbError:
    return SlbError(
        "AlreadyOut",
        f"{', '.join(members)} is at weight 0 and no journal knows why",
        advice=f"Put it back, or set {prefix}already_out to warn.",
    )
