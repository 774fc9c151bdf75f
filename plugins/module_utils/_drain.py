# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Take the hosts of a batch out of traffic: the journal first, then one write for each server group."""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._check import already_out_error
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import (
    ALREADY_OUT,
    WOULD_BE_OUT,
    Context,
    journal_key,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import UPDATING, Entry, EntryKey
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._reads import Reads
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight
from ansible_collections.aliyun_community.slb.plugins.module_utils._restorer import Restorer
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import (
    DrainPlan,
    Setting,
    Target,
    plan_drain,
    ramp_steps,
    step_weight,
    weight_lines,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import SETTLE_SECONDS, Workbench

Json = dict[str, t.Any]


class Drain:
    """One drain of several hosts."""

    def __init__(self, context: Context, requests: t.Sequence[Request], verify: bool) -> None:
        self._context = context
        self._bench = context.bench
        self._batch = context.batch
        self._reads = Reads(context)
        self._requests = requests
        self._verify = verify
        self._id = requests[0].rolling_update_id
        self._failed: dict[str, str] = {}
        self._already_out: dict[str, list[str]] = {}
        self._changed: set[str] = set()
        self._taken_over: set[str] = set()  # hosts that an earlier run has left out, and that go back with this one
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
        work = _Work(
            self._bench,
            self._id,
            self._context.setting(load_balancer_id),
            [self._context.target(each) for each in requests],
        )
        self._bench.settle([row.entry for row in self._bench.folder.known_entries(load_balancer_id, self._bench.run)])
        # Where a proof follows, it lists the groups again. Where the drain verifies itself, there may be no proof.
        listed = None if self._verify else self._reads.shared.listed(load_balancer_id)
        setter = self._setter(load_balancer_id, requests, listed)
        try:
            try:
                self._set_weights(setter, work)
            except SlbError as exc:
                if setter.plan is not None or not _slb.is_missing_group(exc):
                    raise
                # Nothing was sent so far. Someone has deleted a group since this run listed them.
                setter = self._setter(load_balancer_id, requests, None)
                self._set_weights(setter, work)
        finally:
            self._failed.update((host, exc.sentence()) for host, exc in work.plan.refused.items())
            self._note(work, setter)
        if not self._bench.check_mode:
            work.announce()  # also members that were at 0 already
            self._bench.record_if_possible(self._id, [e.drained(time.time()) for e in work.plan.entries])

    def _setter(
        self, load_balancer_id: str, requests: t.Sequence[Request], listed: list[ServerGroup] | None
    ) -> WeightSetter:
        """``listed``: the vServer groups; None to list them."""
        min_active = max(request.min_active for request in requests)
        # Without verification the proof reads the weights and counts the members in traffic, see Proof.
        options = Options(min_active=min_active, verify=self._verify, count_again=self._verify)
        setter = WeightSetter(self._bench.client_for(requests[0].region), load_balancer_id, options)
        setter.groups.listed = listed
        return setter

    def _set_weights(self, setter: WeightSetter, work: _Work) -> None:
        setter.run(
            work.choose,
            check_mode=self._bench.check_mode,
            before_write=lambda _plan: work.announce(),
            scope=self._reads.scope,
        )

    def _note(self, work: _Work, setter: WeightSetter) -> None:
        self._reads.shared.keep_listed(setter.groups)
        for host, members in work.plan.already_out.items():
            self._already_out.setdefault(host, []).extend(members)
        for warning in work.plan.warnings:
            self._bench.warn(warning)
        if self._bench.check_mode:
            self._predict(work.plan.entries)
        play = self._requests[0].play
        for entry in work.plan.entries:
            self._batch.remember(journal_key(play, entry.host), self._context.journal_name(self._requests[0]))
            self._entries.setdefault(entry.host, []).append(entry.drained(time.time()))
            if entry.key in work.taken_over:
                self._taken_over.add(entry.host)
        self._is_unsettled = self._is_unsettled or bool(setter.ledger.unknown)
        applied = setter.ledger.applied
        if not applied:
            return
        load_balancer_id = work.setting.load_balancer_id
        groups: dict[str, list[str | None]] = {}
        for entry in work.plan.entries:
            if entry.key[1:] in {change.server.key for change in applied}:
                groups.setdefault(entry.host, []).append(entry.group)
        self._changed |= set(groups)
        for host, drained_groups in groups.items():
            self._batch.add_to_list(f"drained {load_balancer_id} {host}", drained_groups)
        for line in weight_lines(load_balancer_id, applied, setter.group or ()):
            self._bench.say(f"Check mode: would set {line}" if self._bench.check_mode else line)

    def _predict(self, entries: t.Sequence[Entry]) -> None:
        """Remember what would be out, with every weight that would be written until it is back."""
        ramps = {request.host: ramp_steps(request.ramp)[:-1] for request in self._requests}
        rows = []
        for entry in entries:
            steps = [step_weight(entry.original, percent) for percent in ramps[entry.host]]
            # Whoever needs this does not know whether the update has begun.
            rows.append(json.dumps(entry.moved_to(UPDATING, entry.changed, *steps)._asdict()))
        self._batch.add_to_list(f"{WOULD_BE_OUT} {self._id}", rows)

    def _refuse_already_out(self) -> None:
        """The check has done so, where there was one, for what was out at that time."""
        for request in self._requests:
            members = self._already_out.get(request.host)
            if members and request.already_out == "fail" and request.host not in self._failed:
                self._failed[request.host] = already_out_error(members, self._context.place.prefix).sentence()

    def _undo_failed(self) -> None:
        """A host that cannot be drained everywhere is put back where it was drained: its update will not begin."""
        entries = [entry for entry in self._context.open_entries_of_run() if entry.host in self._failed]
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
                    f"This puts it back: {self._context.recover_command}"
                )

    def _outcome(self, host: str) -> Json:
        if host in self._failed:
            left_out = self._left_out.get(host, [])
            changed = bool(left_out) and host in self._changed
            result = self._context.result(changed=changed, entries=left_out, msg=f"{host}: {self._failed[host]}")
            return {**result, "failed": True}
        already_out = self._already_out.get(host, [])
        if already_out:
            self._bench.warn(
                f"{host}: {', '.join(already_out)} was at weight 0 and no journal knows why. It stays there."
            )
            self._batch.add_to_list(ALREADY_OUT, [f"{host}: {member}" for member in already_out])
        return self._context.result(
            changed=host in self._changed | self._taken_over,
            entries=self._entries.get(host, []),
            already_out=already_out,
        )


class _Work:
    """The members of one load balancer during a drain."""

    def __init__(self, bench: Workbench, rolling_update_id: str, setting: Setting, targets: t.Sequence[Target]) -> None:
        self._bench = bench
        self._id = rolling_update_id
        self.setting = setting
        self._targets = targets
        self._announced = False
        self.plan = DrainPlan((), (), (), {}, {}, ())

    @property
    def taken_over(self) -> set[EntryKey]:
        """Members that another run has taken out of traffic."""
        return {row.entry.key for row in self.plan.superseded if not row.is_own}

    def choose(self, members: tuple[BackendServer, ...]) -> t.Sequence[RequestedWeight]:
        known = self._bench.folder.known_entries(self.setting.load_balancer_id, self._bench.run)
        self.plan = plan_drain(self._targets, members, known, self.setting)
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
