# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the steps of a rolling update work with: folders, clients, lines for people, pauses and journals."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import wait_for_orphans
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINING,
    RESTORING,
    Entry,
    KnownEntry,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import (
    Journal,
    JournalFolder,
    LockedFolder,
    Run,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration, out_by_another_run

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
