# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Put members back: wait until the load balancers call them healthy, take the steps of a ramp, keep the journal."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _plan, _slb
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

    ``scratch``: for what the hosts of a run share. ``client_for``: a client for a region, with its whole wait_timeout left. ``say`` and ``warn``: a line for people.
    ``is_alive``: whether ansible-playbook is still running.
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

    def record(self, rolling_update_id: str, entries: t.Iterable[Entry]) -> Journal:
        """Write entries into a journal. Raises JournalUnusable."""
        with self.folder.locked():
            return self._write(rolling_update_id, entries)

    def claim(self, rolling_update_id: str, entries: t.Sequence[Entry]) -> None:
        """Write entries before the members are drained. Raises SlbError if another run has just claimed one of them."""
        if not entries:
            return
        keys = {entry.key for entry in entries}
        with self.folder.locked():
            for row in self.folder.known_entries(entries[0].load_balancer_id, self.run):
                if row.running and row.entry.key in keys:
                    raise out_by_another_run(row)
            self._write(rolling_update_id, entries)

    def settle(self, entries: t.Iterable[Entry]) -> None:
        """Wait until nothing that an ended run has sent can still take effect: a killed run may leave a process behind."""
        for entry in entries:
            run = Run.parse(entry.run)
            if run == self.run or run.is_running:
                continue
            wait_for_orphans(self.scratch, run)
            seconds = entry.changed + SETTLE_SECONDS - time.time()
            if entry.state in (DRAINING, RESTORING) and 0 < seconds <= SETTLE_SECONDS:
                self.say(f"Waiting {duration(seconds)} for what the ended run {run.pid} may have sent")
                self.pause(seconds)

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
        for number, percent in enumerate(steps):
            if number and waiting:
                self._bench.say(f"Waiting {duration(pause)} before the next step of the ramp")
                self._bench.pause(pause)
            if before_step is not None and waiting:
                outcome.failed.update(before_step(waiting))
            waiting = [entry for entry in waiting if not outcome.is_settled(entry)]
            waiting = self._step(waiting, percent, percent == steps[-1], outcome)
        return outcome

    def _step(self, entries: t.Sequence[Entry], percent: int, is_last: bool, outcome: Outcome) -> list[Entry]:
        """One step for all; returns the entries as they are now."""
        after: list[Entry] = []
        for load_balancer_id in reversed(list(dict.fromkeys(entry.load_balancer_id for entry in entries))):
            mine = [entry for entry in entries if entry.load_balancer_id == load_balancer_id]
            # In front, so that the next step finds the load balancers in the order of the drain again.
            after[:0] = self._step_of(load_balancer_id, mine, percent, is_last, outcome)
        return after

    def _step_of(
        self, load_balancer_id: str, entries: t.Sequence[Entry], percent: int, is_last: bool, outcome: Outcome
    ) -> list[Entry]:
        work = _Step(entries, percent)
        try:
            client = self._bench.client_for(entries[0].region)
            setter = WeightSetter(client, load_balancer_id, Options(verify=is_last))
            setter.run(
                work.choose,
                check_mode=self._bench.check_mode,
                before_write=lambda _plan: self._before_write(work),
            )
        except SlbError as exc:
            applied = {change.target.key: change.after for change in setter.ledger.applied}
            outcome.failed.update((entry.key, exc.sentence()) for entry in work.not_in_effect(applied))
        if setter.ledger.applied:
            self.changed = True
            keys = {change.server.key for change in setter.ledger.applied}
            outcome.changed |= {entry.key for entry in entries if entry.key[2:5] in keys}
            changes = [
                f"{change.server.name} {change.server.weight} -> {change.after}" for change in setter.ledger.applied
            ]
            active = sum(server.weight > 0 for server in setter.group or ())
            prefix = "Check mode: would set " if self._bench.check_mode else ""
            self._bench.say(prefix + weight_line(load_balancer_id, changes, active, len(setter.group or ())))
        for entry, weight in work.plan.left_alone:
            outcome.left_alone[entry.key] = left_alone_reason(entry, weight)
        moved = [entry for entry in work.after(RESTORED if is_last else RESTORING) if entry.key not in outcome.failed]
        if is_last:
            outcome.back.update((entry.key, entry) for entry in moved)
        closed = [entry.moved_to(LEFT_ALONE, time.time()) for entry, _weight in work.plan.left_alone]
        self._record([*moved, *closed])
        return moved

    def _before_write(self, work: _Step) -> None:
        self._bench.check_alive()
        self._record(work.about_to_write())

    def _record(self, entries: t.Sequence[Entry]) -> None:
        if entries and not self._bench.check_mode:
            self._bench.record_if_possible(self._id, entries)


class _Step:
    """The entries of one load balancer during one step."""

    def __init__(self, entries: t.Sequence[Entry], percent: int) -> None:
        self._entries = entries
        self._percent = percent
        self.plan = RestorePlan((), (), (), ())

    def choose(self, group: tuple[BackendServer, ...]) -> t.Sequence[_plan.RequestedWeight]:
        self.plan = plan_restore(self._entries, group, self._percent)
        return self.plan.requested

    def about_to_write(self) -> list[Entry]:
        now = time.time()
        weights = [requested.weight for requested in self.plan.requested]
        return [entry.moved_to(RESTORING, now, weight) for entry, weight in zip(self.plan.entries, weights)]

    def not_in_effect(self, applied: t.Mapping[BackendServerKey, int]) -> list[Entry]:
        """The entries that a failure left where they were. ``applied``: the weights that were set, by member."""
        settled = {entry.key for entry in self.plan.done} | {entry.key for entry, _weight in self.plan.left_alone}
        settled |= {entry.key for entry in self.plan.entries if entry.key[2:5] in applied}
        return [entry for entry in self._entries if entry.key not in settled]

    def after(self, state: str) -> list[Entry]:
        now = time.time()
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
        listeners = _plan.checked_listeners(self._listeners_of(entries[0]))
        if not listeners:
            return {}
        client = self._bench.client_for(entries[0].region)
        rows = _slb.describe_health_status(client, entries[0].load_balancer_id)
        found = {}
        for entry in entries:
            server = BackendServer(entry.server_id, entry.original, entry.type, entry.server_ip)
            states = {listener.name: _plan.health_of(server, listener, rows) for listener in listeners}
            findings = [
                f"{'/'.join(sorted(state)) or 'unknown'} on {name}"
                for name, state in states.items()
                if state != {"normal"}
            ]
            if findings:
                found[entry.key] = f"{entry.name} of {entry.load_balancer_id} is {', '.join(findings)}"
        return found
