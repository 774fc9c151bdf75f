# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Look after journals once their run has ended: put servers back, list what is out, fail if something is."""

from __future__ import annotations

import contextlib
import json
import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import ALREADY_OUT, recover_command
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    LEFT_ALONE,
    RESTORED,
    Entry,
    described,
    shown,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._health_wait import HealthWait
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import Journal, JournalUnusable, other_run
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import Listener
from ansible_collections.aliyun_community.slb.plugins.module_utils._restorer import Outcome, Restorer
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

Json = dict[str, t.Any]

_COPY = (
    'Copy the whole result, in JSON, of the last task "Prove that this server is out of traffic" of the rolling update.'
)

RECOVERED, CLOSED, LISTED = "recovered", "closed", "listed"
ALL, NOT_BEGUN = "all", "not_begun"


def argument_spec() -> dict[str, t.Any]:
    """The options of slb_journal."""
    return {
        "state": {"type": "str", "choices": [RECOVERED, CLOSED, LISTED], "required": True},
        "rolling_update_id": {"type": "str"},
        "recover": {"type": "str", "choices": [ALL, NOT_BEGUN], "default": ALL},
        "record": {"type": "raw"},
        "record_dir": {"type": "path"},
        "health_timeout": {"type": "raw", "default": 300},
        **connection_argument_spec(),
    }


class Keeper:
    """Works on the journals of a folder. ``record_dir``: None for the default folder. Its methods return results."""

    def __init__(self, bench: Workbench, record_dir: str | None) -> None:
        self._bench = bench
        self._record_dir = record_dir

    def list_open(self, rolling_update_id: str | None) -> Json:
        """What is out of traffic, by journal."""
        journals = [journal for journal in self._chosen(rolling_update_id, None) if journal.open_entries]
        for journal in journals:
            self._bench.say(self._line(journal))
        return {
            "changed": False,
            "journals": [self._shown(journal) for journal in journals],
            "msg": f"{len(journals)} rolling updates have servers out of traffic.",
        }

    def check_closed(self, rolling_update_id: str | None) -> Json:
        """Fail if a server of the rolling updates of this run, or of the one that is named, is still out of traffic."""
        if rolling_update_id:
            journals = [each for each in [self._bench.folder.read(rolling_update_id)] if each]
        else:
            run = str(self._bench.run)
            journals = [
                journal
                for journal in self._bench.folder.read_all()
                if journal.run == run or any(entry.run == run for entry in journal.entries)
            ]
        for member in Batch(self._bench.scratch, self._bench.run).recall(ALREADY_OUT) or ():
            self._bench.warn(f"{member} was at weight 0 before this run and no journal knows why. It is still there.")
        open_ones = [journal for journal in journals if journal.open_entries]
        if open_ones:
            return {"changed": False, "failed": True, "msg": " ".join(self._line(journal) for journal in open_ones)}
        names = ", ".join(journal.rolling_update_id for journal in journals) or "no rolling update"
        rows = sorted((entry for journal in journals for entry in journal.entries), key=lambda entry: entry.changed)
        states = [entry.state for entry in {entry.key: entry for entry in rows}.values()]  # the newest of each member
        back, left = states.count(RESTORED), states.count(LEFT_ALONE)
        text = f"{names}: nothing is out of traffic, {back} members were put back"
        if left:
            text += f", {left} were left alone because someone else changed them"
        return {"changed": False, "msg": f"{text}."}

    def recover(self, rolling_update_id: str | None, record: t.Any, health_timeout: int, which: str = ALL) -> Json:
        """Put back what one journal, or every open journal, says.

        ``which``: with NOT_BEGUN, a server whose update has begun, or may have, stays where it is.
        """
        back: list[Entry] = []
        put_back: list[Entry] = []
        problems: list[str] = []
        left_alone: list[str] = []
        changed = False
        handed_on: Json = {}
        for journal in self._chosen(rolling_update_id, record):
            running = self._running(journal)
            if running:
                problems.append(f"Rolling update {journal.rolling_update_id} is still running ({running}).")
                continue
            try:
                entries = self._take(journal)
            except SlbError as exc:
                problems.append(exc.sentence())
                continue
            if not entries:
                self._bench.say(f"Rolling update {journal.rolling_update_id}: nothing is out of traffic.")
                continue
            restorer = Restorer(self._bench, journal.rolling_update_id)
            health = HealthWait(self._bench, self._listeners_of, health_timeout)
            kept = [entry for entry in entries if which == NOT_BEGUN and not entry.is_untouched]
            outcome = restorer.restore([entry for entry in entries if entry not in kept], before_step=health)
            outcome.add(restorer.look(kept))
            changed = changed or restorer.changed
            back += outcome.back.values()
            put_back += [entry for entry in outcome.back.values() if entry.key in outcome.changed]
            left_alone += outcome.left_alone.values()
            problems += self._problems(entries, outcome)
            if record:
                still_out = [entry for entry in entries if entry.key in outcome.failed]
                handed_on["record"] = self._still_open(journal, still_out)
        return {
            **handed_on,
            "changed": changed,
            "failed": bool(problems),
            "restored": [shown(entry) for entry in back],
            "left_alone": list(left_alone),
            "msg": " ".join([*self._account(back, put_back, left_alone), *problems]),
        }

    def _take(self, journal: Journal) -> list[Entry]:
        """The open entries of a journal, from now on this run's. Raises SlbError if another run has taken one.

        The file is newer than ``journal``, which a job may have handed on.
        """
        entries = journal.open_entries
        if not entries:
            return []
        self._bench.settle(entries)
        if not self._bench.check_mode:
            try:
                return self._bench.adopt(journal.rolling_update_id, entries)
            except JournalUnusable as exc:
                # Putting servers back is more important.
                self._bench.warn(exc.sentence())
        found = self._bench.folder.read(journal.rolling_update_id)
        return found.open_entries if found else entries

    def _still_open(self, journal: Journal, entries: t.Sequence[Entry]) -> Json:
        """The record for the next job: ``entries`` as the file has them by now. Empty if there are none."""
        found = None
        with contextlib.suppress(SlbError):
            found = self._bench.folder.read(journal.rolling_update_id)
        now = {entry.key: entry for entry in (found.open_entries if found else ())}
        rows = tuple(now.get(entry.key, entry) for entry in entries)
        return journal._replace(entries=rows, closed=None).as_document() if rows else {}

    def _account(self, back: t.Sequence[Entry], put_back: t.Sequence[Entry], left_alone: t.Sequence[str]) -> list[str]:
        verb = "Check mode: would put back" if self._bench.check_mode else "Put back"
        parts = [f"{verb}: {_with_weights(put_back) or 'nothing'}."]
        found_back = [entry for entry in back if entry not in put_back]
        if found_back:
            parts.append(f"In traffic already: {_with_weights(found_back)}.")
        if left_alone:
            parts.append(f"Left alone: {'; '.join(left_alone)}.")
        return parts

    def _problems(self, entries: t.Sequence[Entry], outcome: Outcome) -> list[str]:
        still_out = [entry for entry in entries if entry.key in outcome.failed]
        reasons = "; ".join(dict.fromkeys(outcome.failed.values()))
        return [f"Still out of traffic: {described(still_out)}: {reasons}."] if still_out else []

    def _chosen(self, rolling_update_id: str | None, record: t.Any) -> list[Journal]:
        folder = self._bench.folder
        if record == {}:
            return []  # what the playbook rolling_update hands on if it ends before it takes anything out
        if rolling_update_id is None and not record:
            return [journal for journal in folder.read_all() if journal.open_entries]
        if record:
            return [_journal_in(record)]
        found = folder.read(str(rolling_update_id))
        if found:
            return [found]
        open_ones = ", ".join(journal.rolling_update_id for journal in folder.read_all() if journal.open_entries)
        raise JournalUnusable(
            f"there is no journal of rolling update {rolling_update_id} in {folder.path}",
            f"Check rolling_update_id and rolling_update_record_dir. Open journals there: {open_ones or 'none'}.",
        )

    def _running(self, journal: Journal) -> str | None:
        runs = (other_run(entry, self._bench.run) for entry in journal.open_entries)
        return next((run for run in runs if run), None)

    def _listeners_of(self, entry: Entry) -> list[Listener]:
        key = f"recover listeners {entry.load_balancer_id}"
        batch = Batch(self._bench.scratch, self._bench.run)
        kept = batch.recall(key)
        if kept is None:
            listeners = _slb.describe_listeners(self._bench.client_for(entry.region), entry.load_balancer_id)
            kept = [listener.as_dict() for listener in listeners]
            batch.remember(key, kept)
        return [Listener(**row) for row in kept]

    def _line(self, journal: Journal) -> str:
        now = time.time()
        out = ", ".join(
            f"{entry.describe()}, out for {duration(now - entry.out_since)}, {entry.state}"
            for entry in journal.open_entries
        )
        command = recover_command(journal.rolling_update_id, self._record_dir)
        return (
            f"Rolling update {journal.rolling_update_id}: still out of traffic: {out}. This puts them back: {command}"
        )

    def _shown(self, journal: Journal) -> Json:
        return {
            "rolling_update_id": journal.rolling_update_id,
            "started": journal.started,
            "running": self._running(journal) is not None,
            "servers": [{**shown(entry), "out_since": entry.out_since} for entry in journal.open_entries],
            "recover_command": recover_command(journal.rolling_update_id, self._record_dir),
        }


def _with_weights(entries: t.Sequence[Entry]) -> str:
    return ", ".join(f"{entry.host} ({entry.name} of {entry.load_balancer_id}: {entry.original})" for entry in entries)


def _journal_in(record: t.Any) -> Journal:
    """The journal in what a job of AWX has handed on, or in a result that someone has copied. Raises InvalidArgument."""
    try:
        return Journal.from_document(record_in(record), "the record")
    except JournalUnusable as exc:
        raise InvalidArgument(exc.message, _COPY) from None


def record_in(record: t.Any) -> t.Any:
    """The journal itself, or the one in a result that holds it, as data or JSON text. Raises InvalidArgument."""
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except ValueError:
            raise InvalidArgument("the record is not JSON", _COPY) from None
    for keys in (("ansible_stats", "data", "rolling_update_record"), ("rolling_update_record",)):
        found = record
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return found
    return record
