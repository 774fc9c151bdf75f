# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The journal of a rolling update: what is out of traffic, and with which weight it goes back.

One JSON file per rolling update. It is written, and synced, before the API call that it announces, so that whatever
ends a run leaves a journal that the next run, recover and the audit can use. It holds no secret.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import socket
import typing as t
from urllib.parse import quote

from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import STATES, Entry, KnownEntry
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError, printable

FORMAT = 1
_SUFFIX = ".json"
_LONGEST_FILE_NAME = 255  # bytes, of every file system that a controller is likely to have
_DAY = 24 * 60 * 60


class JournalUnusable(SlbError):
    """A journal, or the folder of the journals, cannot be read or written."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__("JournalUnusable", message, advice=advice)


class Run(t.NamedTuple):
    """One run of ansible-playbook. ``started``: tells it from another process that gets the same id later."""

    controller: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.pid}-{self.started}@{self.controller}"

    @classmethod
    def of_process(cls, pid: int) -> Run:
        return cls(socket.gethostname(), pid, _start_of(pid) or "0")

    @classmethod
    def parse(cls, text: str) -> Run:
        process, _at, controller = text.partition("@")
        pid, _dash, started = process.partition("-")
        return cls(controller, int(pid), started)

    @property
    def is_running(self) -> bool:
        """Whether the process still exists. False for other machines, about which this one cannot know."""
        return self.controller == socket.gethostname() and _start_of(self.pid) == self.started


def _start_of(pid: int) -> str | None:
    """When a process was started, in a form that differs between two processes with the same id; None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name of the program, in parentheses, may hold spaces; state is the first field after it.
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        if os.path.exists("/proc/self/stat"):
            return None
    return _exists(pid)


def _exists(pid: int) -> str | None:
    """For systems without /proc: the same text for every process, so that one which gets the id later looks the same."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass  # it is another user's
    return "0"


class Journal(t.NamedTuple):
    """The content of a file. ``started`` and ``closed``: seconds since the epoch; ``closed`` is None while it is open."""

    rolling_update_id: str
    run: str
    started: float
    closed: float | None
    entries: tuple[Entry, ...]

    @property
    def open_entries(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.is_open]

    def with_entries(self, changed: t.Iterable[Entry], now: float) -> Journal:
        """The journal with these entries in place of those with the same key. It is closed with its last entry."""
        entries = {entry.key: entry for entry in self.entries}
        entries.update((entry.key, entry) for entry in changed)
        rows = tuple(entries.values())
        is_open = any(entry.is_open for entry in rows)
        return self._replace(entries=rows, closed=None if is_open else self.closed or now)

    def as_document(self) -> dict[str, t.Any]:
        return {
            "format": FORMAT,
            "rolling_update_id": self.rolling_update_id,
            "run": self.run,
            "started": self.started,
            "closed": self.closed,
            "entries": [{**entry._asdict(), "written": list(entry.written)} for entry in self.entries],
        }

    @classmethod
    def from_document(cls, document: t.Any, place: str) -> Journal:
        """Read a document. ``place``: names it in messages. Raises JournalUnusable."""
        if not isinstance(document, dict) or "format" not in document or "rolling_update_id" not in document:
            raise JournalUnusable(
                f"{place} is not the journal of a rolling update", "Move it out of the folder of the journals."
            )
        if document["format"] != FORMAT:
            raise JournalUnusable(
                f"{place} has format {printable(str(document['format']))[:20]}, and this version reads format {FORMAT}",
                "Use the version of the collection that wrote it.",
            )
        try:
            closed = document["closed"]
            return cls(
                rolling_update_id=_id(document["rolling_update_id"]),
                run=_run(document["run"]),
                started=_point_in_time(document["started"]),
                closed=None if closed is None else _point_in_time(closed),
                entries=tuple(_entry(row) for row in _of_type(document["entries"], list)),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise JournalUnusable(
                f"{place} is damaged ({printable(str(exc))[:100]})",
                "It says which servers are out of traffic: compare it with the weights of the load balancers, put the "
                "servers back, and move the file away.",
            ) from None


def _entry(row: t.Mapping[str, t.Any]) -> Entry:
    defaults = Entry._field_defaults  # of what journals of earlier versions do not have
    fields = {name: row.get(name, defaults[name]) if name in defaults else row[name] for name in Entry._fields}
    for name in ("host", "region", "load_balancer_id", "server_id", "type", "state"):
        _of_type(fields[name], str)
    for name, kind in (("group", str), ("group_name", str), ("server_ip", str), ("port", int)):
        if fields[name] is not None:
            _of_type(fields[name], kind)
    weights = [_of_type(weight, int) for weight in [fields["original"], *_of_type(fields["written"], list)]]
    if not all(0 <= weight <= 100 for weight in weights) or fields["state"] not in STATES:
        raise ValueError(f"an entry of {fields['host']} is not valid")
    _run(fields["run"])
    times = {name: _point_in_time(fields[name]) for name in ("out_since", "changed")}
    return Entry(**{**fields, **times, "written": tuple(fields["written"])})


def _of_type(value: t.Any, *kinds: type) -> t.Any:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise TypeError(f"{printable(repr(value))[:40]} in place of {kinds[0].__name__}")
    return value


def _id(value: t.Any) -> str:
    if not str(_of_type(value, str)).strip():
        raise ValueError("no id")
    return str(value)


def _run(value: t.Any) -> str:
    Run.parse(_of_type(value, str))
    return str(value)


def _point_in_time(value: t.Any) -> float:
    """Seconds since the epoch. JSON as Python reads it may also hold NaN and Infinity."""
    number = float(_of_type(value, float, int))
    if not math.isfinite(number):
        raise ValueError(f"{number} in place of a point in time")
    return number


def default_folder(environ: t.Mapping[str, str]) -> str:
    """Where journals are by default: below the home of the user's account where HOME is not set."""
    state = environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "aliyun_community.slb")


class LockedFolder:
    """A folder of files that processes change in turn."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))

    def prepare(self) -> None:
        """Make the folder. Raises JournalUnusable."""
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        except OSError as exc:
            raise self._unwritable(exc) from None

    @contextlib.contextmanager
    def locked(self, name: str = ".lock") -> t.Iterator[None]:
        """Hold a lock of the folder. The system releases it when the process ends, however it ends."""
        try:
            descriptor = os.open(os.path.join(self.path, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise self._unwritable(exc) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unwritable(self, exc: OSError) -> JournalUnusable:
        return JournalUnusable(f"no file can be written in {self.path} ({exc.strerror})", "Check its permissions.")


# Inode, time of the last change (nanoseconds) and size of a file: a journal is never changed in place.
Mark = list[int]


class JournalFolder(LockedFolder):
    """The journals of a user, or of all who share the folder. Its methods raise JournalUnusable.

    ``settled``: files without an open entry, by name. As long as such a file is the same, known_entries need not read it.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.settled: dict[str, Mark] = {}

    def path_of(self, rolling_update_id: str) -> str:
        name = _file_name(rolling_update_id)
        if not rolling_update_id.strip() or len(name) > _LONGEST_FILE_NAME:
            raise InvalidArgument(
                f"rolling_update_id {printable(rolling_update_id)[:60]!r} cannot be the name of a journal",
                "Give a short name such as web-1.5.",
            )
        return os.path.join(self.path, name)

    def read(self, rolling_update_id: str) -> Journal | None:
        """The journal of a rolling update, or None if there is none."""
        return self._read_file(self.path_of(rolling_update_id))

    def read_all(self) -> list[Journal]:
        """All journals. A file that cannot be read is an error: it may be the one that knows about a server."""
        return [journal for journal in map(self._read_file, self._paths()) if journal]

    def _paths(self) -> list[str]:
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise JournalUnusable(f"{self.path} cannot be read ({exc.strerror})", "Check record_dir.") from None
        return [os.path.join(self.path, name) for name in names if name.endswith(_SUFFIX) and name[0] != "."]

    def read_open(self) -> list[Journal]:
        """The journals with an open entry."""
        found = []
        for path in self._paths():
            mark = _mark_of(path)
            if mark and self.settled.get(os.path.basename(path)) == mark:
                continue
            journal = self._read_file(path)
            if journal and journal.open_entries:
                found.append(journal)
            elif journal and mark:
                self.settled[os.path.basename(path)] = mark
        return found

    def known_entries(self, load_balancer_id: str | None, run: Run) -> list[KnownEntry]:
        """The open entries of a load balancer, or of all, in all journals."""
        return [
            KnownEntry(journal.rolling_update_id, entry, entry.run == str(run), other_run(entry, run))
            for journal in self.read_open()
            for entry in journal.open_entries
            if load_balancer_id in (None, entry.load_balancer_id)
        ]

    def write(self, journal: Journal) -> None:
        """Replace the file of a journal in one step. It is on the disk when this returns."""
        content = json.dumps(journal.as_document(), indent=1).encode() + b"\n"
        path = self.path_of(journal.rolling_update_id)
        temporary = os.path.join(self.path, f".new-{os.getpid()}")
        try:
            _write_synced(temporary, content)
            os.replace(temporary, path)
            _sync_folder(self.path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise self._unwritable(exc) from None

    def remove_old(self, days: int, now: float) -> None:
        """Delete closed journals that are older than this. Locked: another run may be about to open one again."""
        with self.locked():
            for journal in self.read_all():
                if journal.closed is not None and not journal.open_entries and journal.closed < now - days * _DAY:
                    with contextlib.suppress(OSError):
                        os.unlink(self.path_of(journal.rolling_update_id))

    def _read_file(self, path: str) -> Journal | None:
        """None if there is no such file, or no longer."""
        try:
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise JournalUnusable(f"{path} cannot be read ({exc.strerror})", "Check its permissions.") from None
        except (ValueError, RecursionError):
            raise JournalUnusable(
                f"{path} is damaged or not a journal",
                "If it is the journal of a rolling update, put its servers back by hand. Then move the file away.",
            ) from None
        journal = Journal.from_document(document, path)
        if _file_name(journal.rolling_update_id) != os.path.basename(path):
            raise JournalUnusable(
                f"{path} is not the file of rolling update {journal.rolling_update_id}, of which it is the journal",
                "Move such a copy out of the folder of the journals.",
            )
        return journal

    def _unwritable(self, exc: OSError) -> JournalUnusable:
        return JournalUnusable(
            f"no journal can be written in {self.path} ({exc.strerror})",
            "Give another folder in rolling_update_record_dir, or fix this one.",
        )


def _mark_of(path: str) -> Mark:
    """Empty if that cannot be known: then reading the file says why."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_ino, found.st_mtime_ns, found.st_size]


def _file_name(rolling_update_id: str) -> str:
    """An id may hold a slash or begin with a dot, and must not lead out of the folder or hide the file."""
    return quote(rolling_update_id, safe="", errors="surrogatepass").replace(".", "%2E") + _SUFFIX


def other_run(entry: Entry, run: Run) -> str | None:
    """Names the run that an entry belongs to, if that is another one and still running."""
    if entry.run == str(run):
        return None
    other = Run.parse(entry.run)
    return f"process {other.pid} on {other.controller}" if other.is_running else None


def _write_synced(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
