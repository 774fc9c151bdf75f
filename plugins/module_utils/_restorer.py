# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Put members back, step by step, and keep the journal."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    LEFT_ALONE,
    RESTORED,
    RESTORING,
    Entry,
    EntryKey,
    left_alone_reason,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    BackendServerKey,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import (
    RestorePlan,
    plan_restore,
    weight_lines,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import Scope
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

LOOK_SECONDS = 2.0  # before what a read has found is looked at again
BEGUN = "its update has begun or may have"


class Outcome:
    """What became of entries. Each entry is in exactly one of ``back``, ``left_alone`` and ``failed``.

    ``changed``: the entries whose weight was changed here. Of those that are back, the others were back before.
    """

    def __init__(self) -> None:
        self.changed: set[EntryKey] = set()
        self.back: dict[EntryKey, Entry] = {}
        self.left_alone: dict[EntryKey, str] = {}
        self.failed: dict[EntryKey, str] = {}

    def add(self, other: Outcome) -> None:
        """Take in what became of other entries."""
        self.changed |= other.changed
        self.back.update(other.back)
        self.left_alone.update(other.left_alone)
        self.failed.update(other.failed)

    def was_back(self, entry: Entry) -> bool:
        return entry.key in self.back and entry.key not in self.changed

    def is_settled(self, entry: Entry) -> bool:
        return entry.key in self.left_alone or entry.key in self.failed


class Restorer:
    """Puts entries of one rolling update back."""

    def __init__(self, bench: Workbench, rolling_update_id: str) -> None:
        self._bench = bench
        self._id = rolling_update_id
        self.changed = False

    def restore(
        self,
        entries: t.Sequence[Entry],
        steps: t.Sequence[int] = (100,),
        pause: float = 0.0,
        before_step: t.Callable[[t.Sequence[Entry]], t.Mapping[EntryKey, str]] | None = None,
    ) -> Outcome:
        """Take the steps for all entries at once, in reverse order of the load balancers.

        ``before_step``: gives a reason for each entry that must stay where it is, such as a server that is not healthy.
        """
        outcome = Outcome()
        waiting = list(entries)
        previous = None
        for percent in steps:
            if previous and waiting:
                self._bench.wait(pause, "before the next step of the ramp")
            if before_step is not None and waiting:
                outcome.add(self._staying(waiting, before_step(waiting)))
            waiting = [entry for entry in waiting if not outcome.is_settled(entry)]
            waiting = self._take_step(waiting, StepOfRamp(percent, previous, percent == steps[-1]), outcome)
            previous = percent
        return outcome

    def _staying(self, entries: t.Sequence[Entry], reasons: t.Mapping[EntryKey, str]) -> Outcome:
        """Entries that must stay where they are, unless there is nothing to put back: a server that is gone is never healthy."""
        outcome = self.look([entry for entry in entries if entry.key in reasons])
        outcome.failed = {key: reasons[key] for key in outcome.failed}
        return outcome

    def look(self, entries: t.Sequence[Entry]) -> Outcome:
        """Find out which entries are back, or someone else's by now, without a write. The others are ``failed``."""
        outcome = Outcome()
        self._take_step(entries, StepOfRamp(100, None, is_last=True, is_look=True), outcome)
        return outcome

    def _take_step(self, entries: t.Sequence[Entry], step: StepOfRamp, outcome: Outcome) -> list[Entry]:
        """One step for all; returns the entries as they are now."""
        after: list[Entry] = []
        for load_balancer_id in reversed(list(dict.fromkeys(entry.load_balancer_id for entry in entries))):
            mine = [entry for entry in entries if entry.load_balancer_id == load_balancer_id]
            work = self._work(_Step(load_balancer_id, mine, step), outcome)
            doubtful = [] if self._bench.check_mode else work.surprising
            moved = []
            if doubtful:
                # A read may be stale, and a finding by which the server stays where it is must not rest on one.
                self._bench.pause(LOOK_SECONDS)
                moved = self._end_step(work, outcome, without=doubtful)
                work = self._work(_Step(load_balancer_id, doubtful, step), outcome)
            # In front, so that the next step finds the load balancers in the order of the drain again.
            after[:0] = [*moved, *self._end_step(work, outcome)]
        return after

    def _work(self, work: _Step, outcome: Outcome) -> _Step:
        """Set the weights of a step. If that fails, find out how far it came."""
        setter = None
        try:
            setter = self._setter(work, work.groups)
            try:
                self._run(setter, work)
            except SlbError as exc:
                if setter.plan is not None or not _slb.is_missing_group(exc):
                    raise
                # Nothing was sent so far. A group that someone has deleted has no members.
                setter = self._setter(work, self._groups_left(work))
                self._run(setter, work)
        except SlbError as exc:
            work.failed_after(exc.sentence(), setter.group if setter else None)
        if setter:
            self._note(setter, work, outcome)
        return work

    def _run(self, setter: WeightSetter, work: _Step) -> None:
        ids = {group.vserver_group_id for group in setter.groups.listed or ()}
        setter.run(
            work.choose,
            check_mode=self._bench.check_mode,
            before_write=lambda _plan: self._before_write(work),
            scope=Scope(work.has_default_group, frozenset(group_id for group_id in ids if group_id is not None)),
        )

    def _setter(self, work: _Step, groups: list[ServerGroup]) -> WeightSetter:
        """``groups``: the vServer groups to look at. The entries name them, so that they need not be listed."""
        client = self._bench.client_for(work.entries[0].region)
        setter = WeightSetter(client, work.load_balancer_id, Options(verify=work.step.is_last))
        setter.groups.listed = groups
        return setter

    def _groups_left(self, work: _Step) -> list[ServerGroup]:
        client = self._bench.client_for(work.entries[0].region)
        listed = {group.vserver_group_id for group in _slb.describe_vserver_groups(client, work.load_balancer_id)}
        return [group for group in work.groups if group.vserver_group_id in listed]

    def _note(self, setter: WeightSetter, work: _Step, outcome: Outcome) -> None:
        applied = setter.ledger.applied
        if not applied:
            return
        self.changed = True
        work.changed = {change.server.key for change in applied}
        outcome.changed |= {entry.key for entry in work.entries if entry.key[1:] in work.changed}
        for line in weight_lines(work.load_balancer_id, applied, setter.group or ()):
            self._bench.say(f"Check mode: would set {line}" if self._bench.check_mode else line)

    def _end_step(self, work: _Step, outcome: Outcome, without: t.Sequence[Entry] = ()) -> list[Entry]:
        """Account for a step; returns the entries that go on, as they are now. ``without``: they are looked at again."""
        left_alone = [(entry, weight) for entry, weight in work.plan.left_alone if entry not in without]
        outcome.left_alone.update((entry.key, left_alone_reason(entry, weight)) for entry, weight in left_alone)
        outcome.failed.update((entry.key, work.error) for entry in work.failed)
        outcome.failed.update((entry.key, BEGUN) for entry in work.kept)
        skipped = {entry.key for entry in [*without, *work.failed]}
        moved = [entry for entry in work.after() if entry.key not in skipped]
        if work.step.is_last:
            outcome.back.update((entry.key, entry) for entry in moved)
        self._record([*moved, *(entry.moved_to(LEFT_ALONE, time.time()) for entry, _weight in left_alone)])
        return moved

    def _before_write(self, work: _Step) -> None:
        self._bench.check_alive()
        self._record(work.about_to_write())
        work.has_begun = True

    def _record(self, entries: t.Sequence[Entry]) -> None:
        if entries and not self._bench.check_mode:
            self._bench.record_if_possible(self._id, entries)


class StepOfRamp(t.NamedTuple):
    """A step in percent of the original weights, and the one before it, if this restore has taken one.

    ``is_look``: nothing is written.
    """

    percent: int
    previous: int | None
    is_last: bool
    is_look: bool = False


class _Step:
    """The entries of one load balancer during one step. ``failed``: those that did not get there, because of ``error``.

    ``changed``: the members whose weight was changed. ``kept``: what a look has found where the rolling update left it.
    ``has_begun``: weights of this step were about to be written, so some may be in effect.
    """

    def __init__(self, load_balancer_id: str, entries: t.Sequence[Entry], step: StepOfRamp) -> None:
        self.load_balancer_id = load_balancer_id
        self.entries = entries
        self.step = step
        self.plan = RestorePlan((), (), (), ())
        self.error = ""
        self.failed: t.Sequence[Entry] = ()
        self.changed: set[BackendServerKey] = set()
        self.kept: t.Sequence[Entry] = ()
        self.has_begun = False

    @property
    def has_default_group(self) -> bool:
        return any(entry.group is None for entry in self.entries)

    @property
    def groups(self) -> list[ServerGroup]:
        """The vServer groups of the entries, without their members."""
        names = {entry.group: entry.group_name for entry in self.entries if entry.group is not None}
        return [ServerGroup(group_id, name, ()) for group_id, name in names.items()]

    def choose(self, group: tuple[BackendServer, ...]) -> t.Sequence[RequestedWeight]:
        self.plan = plan_restore(self.entries, group, self.step.percent, self.step.previous, self.has_begun)
        if self.step.is_look:
            self.kept = self.plan.entries
            self.plan = self.plan._replace(requested=(), entries=())
        return self.plan.requested

    def failed_after(self, error: str, group: tuple[BackendServer, ...] | None) -> None:
        """``group``: the newest knowledge of it, None if it was never read."""
        self.error = error
        if group is None:
            self.failed = self.entries
            return
        self.choose(group)
        weights = {server.key: server.weight for server in group}
        self.failed = [
            entry
            for entry, requested in zip(self.plan.entries, self.plan.requested)
            if weights[entry.key[1:]] != requested.weight
        ]

    @property
    def surprising(self) -> list[Entry]:
        """What is not as the journal says, although nothing was changed here."""
        put_back = [entry for entry in self.plan.done if entry.is_out and entry.key[1:] not in self.changed]
        return [*put_back, *(entry for entry, _weight in self.plan.left_alone)]

    def about_to_write(self) -> list[Entry]:
        now = time.time()
        weights = [requested.weight for requested in self.plan.requested]
        return [entry.moved_to(RESTORING, now, weight) for entry, weight in zip(self.plan.entries, weights)]

    def after(self) -> list[Entry]:
        now = time.time()
        state = RESTORED if self.step.is_last else RESTORING
        return [entry.moved_to(state, now) for entry in [*self.about_to_write(), *self.plan.done]]
