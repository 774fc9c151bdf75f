# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Put members back: wait until the load balancers call them healthy, take the steps of a ramp, keep the journal."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _health, _plan, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import wait_for_orphans
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import (
    Journal,
    JournalFolder,
    LockedFolder,
    Run,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    BackendServerKey,
    Listener,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import (
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    RESTORING,
    Entry,
    EntryKey,
    KnownEntry,
    RestorePlan,
    duration,
    left_alone_reason,
    out_by_another_run,
    plan_restore,
    weight_line,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter

LOOK_SECONDS = 2.0  # between two looks at the health
LINE_SECONDS = 10.0  # between two lines during a wait
# How long a request of a killed process may still take effect. A call takes the API 2 to 3 s (vendor page
# SetBackendServers).
SETTLE_SECONDS = 10.0


class Workbench(t.NamedTuple):
    """What the steps of a rolling update work with.

    ``scratch``: for what the hosts of a run share. ``client_for``: a client for a region, with its whole wait_timeout
    left. ``say`` and ``warn``: a line for people. ``is_alive``: whether
    ansible-playbook is still running.
    """

    folder: JournalFolder
    scratch: LockedFolder
    run: Run
    client_for: t.Callable[[str], Client]
    say: t.Callable[[str], None]
    warn: t.Callable[[str], None]
    check_mode: bool
    is_alive: t.Callable[[], bool]

    def check_alive(self) -> None:
        """Raise SlbError in a process that outlived its run: recover waits for it, and it must write nothing more."""
        if not self.is_alive():
            raise SlbError("RunEnded", "ansible-playbook has ended while this task was at work")

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run ends meanwhile. Raises SlbError."""
        end = time.monotonic() + seconds
        while True:
            self.check_alive()
            remaining = end - time.monotonic()
            if remaining <= 0:
                return
            time.sleep(min(remaining, 1.0))

    def wait(self, seconds: float, what: str) -> None:
        """A pause that people see, with a line every LINE_SECONDS. ``what``: ends the sentence 'Waiting 30 s ...'."""
        if seconds > 0:
            self.say(f"Waiting {duration(seconds)} {what}")
        while seconds > LINE_SECONDS:
            self.pause(LINE_SECONDS)
            seconds -= LINE_SECONDS
            self.say(f"{duration(seconds)} left")
        self.pause(seconds)

    def record(self, rolling_update_id: str, entries: t.Iterable[Entry]) -> Journal:
        """Write entries into a journal. Raises JournalUnusable."""
        with self.folder.locked():
            return self._write(rolling_update_id, entries)

    def claim(self, rolling_update_id: str, entries: t.Sequence[Entry]) -> None:
        """Write entries before the members are drained. Raises SlbError if another run has just claimed one of them."""
        if not entries:
            return
        with self.folder.locked():
            self._refuse_claimed(entries)
            self._write(rolling_update_id, entries)

    def adopt(self, rolling_update_id: str, entries: t.Sequence[Entry]) -> list[Entry]:
        """Make the entries of a journal this run's, so that no other run drains the members while they are put back.

        ``entries``: for a journal that has no file. Returns the entries as they are by now. Raises SlbError as claim does.
        """
        with self.folder.locked():
            journal = self.folder.read(rolling_update_id)
            rows = [entry._replace(run=str(self.run)) for entry in (journal.open_entries if journal else entries)]
            self._refuse_claimed(rows)
            self._write(rolling_update_id, rows)
        return rows

    def _refuse_claimed(self, entries: t.Sequence[Entry]) -> None:
        keys = {entry.key for entry in entries}
        for row in self.folder.known_entries(None, self.run):
            if row.running and row.entry.key in keys:
                raise out_by_another_run(row)

    def settle(self, entries: t.Iterable[Entry]) -> None:
        """Wait until nothing that an ended run has sent can still take effect: a killed run may leave a process behind."""
        for entry in entries:
            run = Run.parse(entry.run)
            if run == self.run or run.is_running:
                continue
            wait_for_orphans(self.scratch, run)
            seconds = entry.changed + SETTLE_SECONDS - time.time()
            # A point in time later than now comes from the clock of another machine.
            if entry.state in (DRAINING, RESTORING) and 0 < seconds <= SETTLE_SECONDS:
                self.wait(seconds, f"for what the ended run {run.pid} may have sent")

    def record_of_other(self, row: KnownEntry) -> None:
        """Write how an entry of another journal ends. Raises JournalUnusable."""
        with self.folder.locked():
            journal = self.folder.read(row.rolling_update_id)
            if journal:
                self.folder.write(journal.with_entries([row.entry], time.time()))

    def _write(self, rolling_update_id: str, entries: t.Iterable[Entry]) -> Journal:
        now = time.time()
        journal = self.folder.read(rolling_update_id) or Journal(rolling_update_id, str(self.run), now, None, ())
        journal = journal._replace(run=str(self.run)).with_entries(entries, now)
        self.folder.write(journal)
        return journal

    def record_if_possible(self, rolling_update_id: str, entries: t.Sequence[Entry]) -> None:
        """Write entries into a journal. If that fails, putting servers back is more important: say what is out."""
        try:
            self.record(rolling_update_id, entries)
        except SlbError as exc:
            state = ", ".join(f"{entry.describe()}: {entry.state}" for entry in entries)
            self.warn(f"{exc.sentence()} The journal does not say so, but this is the state now: {state}")


class Outcome:
    """What became of entries. Each entry is in exactly one of ``back``, ``left_alone`` and ``failed``.

    ``changed``: the entries whose weight was changed here. Of those that are back, the others were back before.
    """

    def __init__(self) -> None:
        self.changed: set[EntryKey] = set()
        self.back: dict[EntryKey, Entry] = {}
        self.left_alone: dict[EntryKey, str] = {}
        self.failed: dict[EntryKey, str] = {}

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
                outcome.failed.update(before_step(waiting))
            waiting = [entry for entry in waiting if not outcome.is_settled(entry)]
            waiting = self._take_step(waiting, StepOfRamp(percent, previous, percent == steps[-1]), outcome)
            previous = percent
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
            client = self._bench.client_for(work.entries[0].region)
            setter = WeightSetter(client, work.load_balancer_id, Options(verify=work.step.is_last))
            setter.run(
                work.choose, check_mode=self._bench.check_mode, before_write=lambda _plan: self._before_write(work)
            )
        except SlbError as exc:
            work.failed_after(exc.sentence(), setter.group if setter else None)
        if setter and setter.ledger.applied:
            self.changed = True
            work.changed = {change.server.key for change in setter.ledger.applied}
            outcome.changed |= {entry.key for entry in work.entries if entry.key[1:] in work.changed}
            changes = [
                f"{change.server.name} {change.server.weight} -> {change.after}" for change in setter.ledger.applied
            ]
            group = setter.group or ()
            prefix = "Check mode: would set " if self._bench.check_mode else ""
            self._bench.say(prefix + weight_line(work.load_balancer_id, changes, _plan.active_count(group), len(group)))
        return work

    def _end_step(self, work: _Step, outcome: Outcome, without: t.Sequence[Entry] = ()) -> list[Entry]:
        """Account for a step; returns the entries that go on, as they are now. ``without``: they are looked at again."""
        left_alone = [(entry, weight) for entry, weight in work.plan.left_alone if entry not in without]
        outcome.left_alone.update((entry.key, left_alone_reason(entry, weight)) for entry, weight in left_alone)
        outcome.failed.update((entry.key, work.error) for entry in work.failed)
        skipped = {entry.key for entry in [*without, *work.failed]}
        moved = [entry for entry in work.after() if entry.key not in skipped]
        if work.step.is_last:
            outcome.back.update((entry.key, entry) for entry in moved)
        self._record([*moved, *(entry.moved_to(LEFT_ALONE, time.time()) for entry, _weight in left_alone)])
        return moved

    def _before_write(self, work: _Step) -> None:
        self._bench.check_alive()
        self._record(work.about_to_write())

    def _record(self, entries: t.Sequence[Entry]) -> None:
        if entries and not self._bench.check_mode:
            self._bench.record_if_possible(self._id, entries)


class StepOfRamp(t.NamedTuple):
    """A step in percent of the original weights, and the one before it, if this restore has taken one."""

    percent: int
    previous: int | None
    is_last: bool


class _Step:
    """The entries of one load balancer during one step. ``failed``: those that did not get there, because of ``error``.

    ``changed``: the members whose weight was changed.
    """

    def __init__(self, load_balancer_id: str, entries: t.Sequence[Entry], step: StepOfRamp) -> None:
        self.load_balancer_id = load_balancer_id
        self.entries = entries
        self.step = step
        self.plan = RestorePlan((), (), (), ())
        self.error = ""
        self.failed: t.Sequence[Entry] = ()
        self.changed: set[BackendServerKey] = set()

    def choose(self, group: tuple[BackendServer, ...]) -> t.Sequence[RequestedWeight]:
        self.plan = plan_restore(self.entries, group, self.step.percent, self.step.previous)
        return self.plan.requested

    def failed_after(self, error: str, group: tuple[BackendServer, ...] | None) -> None:
        """``group``: the newest knowledge of it, None if it was never read."""
        self.error = error
        if group is None:
            self.failed = self.entries
            return
        self.choose(group)
        self.failed = self.plan.entries

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


class HealthWait:
    """Waits until every listener that checks the health of a member calls it normal."""

    def __init__(
        self, bench: Workbench, listeners_of: t.Callable[[Entry], t.Sequence[Listener]], timeout: float
    ) -> None:
        self._bench = bench
        self._listeners_of = listeners_of
        self._timeout = timeout

    def __call__(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        """The reason for each entry that is not healthy when the time is up."""
        if self._bench.check_mode:
            return {}
        started = time.monotonic()
        next_line = LINE_SECONDS
        while True:
            unhealthy = self._look(entries)
            elapsed = time.monotonic() - started
            if not unhealthy or elapsed >= self._timeout:
                return {
                    key: f"{reason}, after {duration(elapsed)} (health_timeout)" for key, reason in unhealthy.items()
                }
            if elapsed >= next_line:
                next_line += LINE_SECONDS
                self._say(unhealthy, elapsed)
            self._bench.pause(min(LOOK_SECONDS, max(0.0, self._timeout - elapsed)))

    def _say(self, unhealthy: t.Mapping[EntryKey, str], elapsed: float) -> None:
        reasons = "; ".join(sorted(set(unhealthy.values())))
        self._bench.say(f"Waiting for {reasons}: {duration(elapsed)} of at most {duration(self._timeout)}")

    def _look(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        """One call for each load balancer whose listeners check anything."""
        unhealthy: dict[EntryKey, str] = {}
        for load_balancer_id in dict.fromkeys(entry.load_balancer_id for entry in entries):
            mine = [entry for entry in entries if entry.load_balancer_id == load_balancer_id]
            try:
                unhealthy.update(self._look_at(mine))
            except SlbError as exc:
                unhealthy.update((entry.key, exc.sentence()) for entry in mine)
        return unhealthy

    def _look_at(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        listeners = _health.checked_listeners(self._listeners_of(entries[0]))
        if not listeners:
            return {}
        client = self._bench.client_for(entries[0].region)
        rows = _slb.describe_health_status(client, entries[0].load_balancer_id)
        found = {}
        for entry in entries:
            server = BackendServer(entry.server_id, entry.original, entry.type, entry.server_ip)
            states = {listener.name: _health.health_of(server, listener, rows) for listener in listeners}
            findings = [
                f"{'/'.join(sorted(state)) or 'unknown'} on {name}"
                for name, state in states.items()
                if state != {"normal"}
            ]
            if findings:
                found[entry.key] = f"{entry.name} of {entry.load_balancer_id} is {', '.join(findings)}"
        return found
