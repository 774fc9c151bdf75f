# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""How the hosts of a batch share their work, although Ansible runs a task for each of them in a process of its own.

A host announces what it will need. The first host that comes to a step takes the step's lock and does the work of all
that have announced it; the others find their outcome here. An announcement belongs to one play and is used once, so an
outcome never reaches a host that asked for something else. All of it is scratch, in a folder of the user below the one
for temporary files: it ends with the run, holds no secret, and what must survive is in the journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import stat
import tempfile
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import (
    JournalUnusable,
    LockedFolder,
    Run,
)

Json = dict[str, t.Any]

_PREFIX = ".run-"
_LOCK = ".lock"
_NOTHING = object()
# The name of a controller may hold dots.
_SCRATCH_NAME = re.compile(
    r"\.run-(?P<pid>[0-9]+)-(?P<started>[^@]*)@(?P<controller>.*?)(\.json(\.[0-9]+)?|\.[a-z]+\.lock)"
)


class Request(t.NamedTuple):
    """What a host needs. ``connection``: tells requests apart that go to different APIs or accounts; not a secret.

    ``play``: identifies the play. ``names_server``: the task itself says which server it is about, not a variable of the
    host. ``conditions``: of the task; they may be false for other hosts.
    """

    host: str
    play: str
    connection: str
    rolling_update_id: str
    load_balancer_ids: tuple[str, ...]
    region: str
    server_id: str
    server_ip: str | None
    min_active: int
    drain_delay: int
    already_out: str
    ramp: tuple[int, ...]
    ramp_pause: int
    health_timeout: int
    server_groups: str
    names_server: bool
    conditions: tuple[str, ...]

    def as_json(self) -> Json:
        return self._asdict()

    @classmethod
    def from_json(cls, row: Json) -> Request:
        lists = {name: tuple(row[name]) for name in ("load_balancer_ids", "ramp", "conditions")}
        return cls(**{**row, **lists})

    def may_be_done_with(self, other: Request) -> bool:
        """Whether one process can do the work of both at once."""
        return self._work == other._work

    @property
    def _work(self) -> tuple[t.Any, ...]:
        return (
            self.play,
            self.connection,
            self.rolling_update_id,
            self.server_groups,
            self.ramp,
            self.ramp_pause,
            self.conditions,
        )


def scratch_folder() -> LockedFolder:
    """The folder for scratch files. Raises JournalUnusable if it is not this user's own: names below /tmp can be guessed."""
    folder = LockedFolder(os.path.join(tempfile.gettempdir(), f"aliyun_community.slb-{os.geteuid()}"))
    folder.prepare()
    found = os.lstat(folder.path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise JournalUnusable(f"{folder.path} is not a folder of this user", "Remove it, or set TMPDIR.")
    return folder


class Batch:
    """The scratch file of a run. Use it under ``leading``, which keeps other hosts out of the same step."""

    def __init__(self, folder: LockedFolder, run: Run) -> None:
        self.folder = folder
        self.run = run
        self._name = f"{_PREFIX}{run}"
        self._path = os.path.join(folder.path, f"{self._name}.json")

    @contextlib.contextmanager
    def leading(self, step: str) -> t.Iterator[None]:
        """Wait until no other host of this run is in this step."""
        with self._locked(step):
            yield

    def announce(self, step: str, request: Request) -> None:
        """Let the first host that comes to the step do it for this one, too. Replaces an earlier announcement."""
        with self._changing() as content:
            content["announced"].setdefault(step, {})[request.host] = request.as_json()
            content["outcomes"].setdefault(step, {}).pop(request.host, None)

    def is_announced(self, step: str, request: Request) -> bool:
        """Whether the host has announced exactly this request, and not got its outcome."""
        row = self._read()["announced"].get(step, {}).get(request.host)
        return row is not None and Request.from_json(row) == request

    def announced(self, step: str, request: Request, batch: t.Sequence[str]) -> list[Request]:
        """What can be done together with this request: what hosts of the batch have announced and not yet got."""
        rows = self._read()
        outcomes = rows["outcomes"].get(step, {})
        found = [Request.from_json(row) for row in rows["announced"].get(step, {}).values()]
        others = [
            other
            for other in found
            if other.host in batch
            and other.host != request.host
            and other.host not in outcomes
            and other.may_be_done_with(request)
        ]
        # An outcome that cannot be left would look to its host like someone else's change.
        return [request, *others] if others and self.is_writable() else [request]

    def is_writable(self) -> bool:
        """Whether hosts can leave anything for each other."""
        count = (self.recall("writes") or 0) + 1
        self.remember("writes", count)
        return bool(self.recall("writes") == count)

    def leave_outcomes(self, step: str, outcomes: t.Mapping[str, Json]) -> None:
        """Leave the outcomes of other hosts for them."""
        with self._changing() as content:
            content["outcomes"].setdefault(step, {}).update(outcomes)

    def take_outcome(self, step: str, request: Request) -> Json | None:
        """The outcome that another host has left for exactly this request, once."""
        with self._changing() as content:
            announced = content["announced"].setdefault(step, {}).pop(request.host, None)
            outcome: Json | None = content["outcomes"].setdefault(step, {}).pop(request.host, None)
        if announced is None or Request.from_json(announced) != request:
            return None
        return outcome

    def drop_outcomes(self, step: str, request: Request) -> list[str]:
        """Forget the outcomes that hosts of the same play have not fetched; returns these hosts."""
        with self._changing() as content:
            announced, outcomes = content["announced"].get(step, {}), content["outcomes"].get(step, {})
            hosts = [
                host
                for host in outcomes
                if host in announced and Request.from_json(announced[host]).may_be_done_with(request)
            ]
            for host in hosts:
                del announced[host], outcomes[host]
        return hosts

    def remember(self, key: str, value: t.Any) -> None:
        """Keep something for the rest of the run, such as what a check has read."""
        if self._read()["memory"].get(key, _NOTHING) == value:
            return
        with self._changing() as content:
            content["memory"][key] = value

    def recall(self, key: str) -> t.Any:
        return self._read()["memory"].get(key)

    def recall_or_remember(self, key: str, value: t.Any) -> t.Any:
        """What was kept under the key; if nothing was, keep this."""
        kept = self.recall(key)
        if kept is not None:
            return kept
        with self._changing() as content:
            return content["memory"].setdefault(key, value)

    def forget(self, key: str) -> None:
        if key not in self._read()["memory"]:
            return
        with self._changing() as content:
            content["memory"].pop(key, None)

    def add_to_list(self, key: str, values: t.Sequence[str | None]) -> None:
        """Add to what is kept under the key, each value once."""
        with self._changing() as content:
            content["memory"][key] = list(dict.fromkeys([*content["memory"].get(key, []), *values]))

    def first_time(self, key: str) -> bool:
        """Whether nothing was kept under this key before. It is from now on."""
        if key in self._read()["memory"]:
            return False
        with self._changing() as content:
            is_first = key not in content["memory"]
            content["memory"].setdefault(key, True)
        return is_first

    @contextlib.contextmanager
    def _locked(self, name: str) -> t.Iterator[None]:
        """Without scratch files each host does its own work: a server must go back also where the disk is full by now.

        Before a drain it is the journal that must be writable.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(JournalUnusable):
                stack.enter_context(self.folder.locked(f"{self._name}.{name}.lock"))
            yield

    @contextlib.contextmanager
    def _changing(self) -> t.Iterator[Json]:
        with self._locked("content"):
            content = self._read()
            yield content
            temporary = f"{self._path}.{os.getpid()}"
            with contextlib.suppress(OSError):
                with open(temporary, "w", encoding="utf-8", opener=_private) as file:
                    # json.dump encodes in Python, ten times more slowly.
                    file.write(json.dumps(content))
                os.replace(temporary, self._path)

    def _read(self) -> Json:
        empty: Json = {"announced": {}, "outcomes": {}, "memory": {}}
        try:
            with open(self._path, encoding="utf-8") as file:
                content: Json = json.load(file)
        except (OSError, ValueError):
            return empty
        return content


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def remove_ended_runs(folder: LockedFolder, run: Run) -> None:
    """Delete the scratch files of runs of this machine that have ended, with all processes that they left behind."""
    for path, other in _scratch_files(folder):
        if other.controller == run.controller and other != run and not other.is_running and not _is_held(path):
            with contextlib.suppress(OSError):
                os.unlink(path)


def wait_for_orphans(folder: LockedFolder, run: Run) -> None:
    """Wait until no process that a run has left behind is in a step. A killed run may leave one that goes on writing."""
    for path, other in _scratch_files(folder):
        if other == run and path.endswith(_LOCK):
            with folder.locked(os.path.basename(path)):
                pass


def _scratch_files(folder: LockedFolder) -> t.Iterator[tuple[str, Run]]:
    for name in sorted(os.listdir(folder.path)) if os.path.isdir(folder.path) else ():
        found = _SCRATCH_NAME.fullmatch(name)
        if found:
            yield os.path.join(folder.path, name), Run(found["controller"], int(found["pid"]), found["started"])


def _is_held(path: str) -> bool:
    """Whether a process holds this lock; other files are never held."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
