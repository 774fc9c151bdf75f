# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The file in which the playbook ``set_weights`` keeps the weights that it changes; ``-e @FILE`` restores them.

The file holds variables of the playbook, and two more: ``slb_restored_from``, its own path, so that the run that
restores the weights can find it, and ``slb_restored``, whether all of them have been restored since. Until then the
weight that was recorded first stays: a later run may find a weight that an earlier one has set.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tempfile
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import parse_requested

# An element of the option ``backend_servers``: what identifies a member, and its weight.
Server = dict[str, t.Any]

_PLAYBOOK = "aliyun_community.slb.set_weights"
_NAMES = {"slb_load_balancer_id", "slb_region", "slb_backend_servers", "slb_restored_from", "slb_restored"}
# Ansible evaluates templates in the variables of a file, and the API may send any text.
_PLAIN = re.compile(r"[\w.:/-]*", re.ASCII)


class Record(t.NamedTuple):
    """The content of a file."""

    load_balancer_id: str
    region: str
    servers: tuple[Server, ...]
    restored: bool = False

    def adding(self, servers: t.Sequence[Server]) -> Record:
        """The record for a run that is about to change ``servers``, given with the weights that they have."""
        if self.restored:
            return self._replace(servers=tuple(servers), restored=False)
        recorded = {_identity(server): server for server in self.servers}
        for server in servers:
            recorded.setdefault(_identity(server), server)
        return self._replace(servers=tuple(recorded.values()))

    def is_restored_by(self, requested: t.Sequence[Server], members: t.Sequence[Server]) -> bool:
        """Whether a run that has given ``requested`` their weights restored every recorded server that is still a member.

        The weights of the members do not decide it: another run may have recorded a server that it has yet to drain.
        """
        weights = {_identity(server): server["weight"] for server in requested}
        present = {_identity(server) for server in members}
        return all(
            weights.get(_identity(server)) == server["weight"]
            for server in self.servers
            if _identity(server) in present
        )


def _identity(server: Server) -> tuple[tuple[str, t.Any], ...]:
    """What tells a member from the others. The API gives the address of an ECS instance only sometimes."""
    left_out = ("weight", "server_ip") if server.get("type") == "ecs" else ("weight",)
    return tuple(sorted((name, value) for name, value in server.items() if name not in left_out))


class PreviousFile:
    """The file at ``path``. ``load`` reads YAML and raises ValueError; module_utils cannot rely on PyYAML."""

    def __init__(self, path: str, load: t.Callable[[str], t.Any], load_balancer_id: str, region: str) -> None:
        self.path = os.path.realpath(path)
        self._load = load
        self._load_balancer_id = load_balancer_id
        self._region = region

    def read(self) -> Record | None:
        """The record, or None if the file is empty or does not exist. Raises InvalidArgument if it is not ours."""
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return None
        except UnicodeError:
            raise self._foreign() from None
        except OSError as exc:
            raise InvalidArgument(
                f"previous_file {self.path} cannot be read ({exc.strerror})", "Use another file."
            ) from None
        if not text.strip():
            return None
        record = self._parse(text)
        if (record.load_balancer_id, record.region) != (self._load_balancer_id, self._region):
            raise InvalidArgument(
                f"previous_file {self.path} has the weights of {record.load_balancer_id} in {record.region}, "
                f"not of {self._load_balancer_id} in {self._region}",
                "Use another file for each load balancer.",
            )
        return record

    def keep(self, servers: t.Sequence[Server]) -> list[Server]:
        """Record servers before their weights are changed. Returns those of which an earlier weight stays recorded.

        Raises InvalidArgument; the file is then as it was.
        """
        for server in servers:
            _check_plain(server)
        with self._locked():
            record = self.read() or Record(self._load_balancer_id, self._region, ())
            record = record.adding(servers)
            self._write(record)
        changed = {_identity(server): server for server in servers}
        return [server for server in record.servers if changed.get(_identity(server), server) != server]

    def note_restored(self, requested: t.Sequence[Server], members: t.Sequence[Server]) -> None:
        """After a run: record it if the run has restored the weights. Raises InvalidArgument."""
        if not os.path.exists(self.path):
            return
        with self._locked():
            record = self.read()
            if record and not record.restored and record.is_restored_by(requested, members):
                self._write(record._replace(restored=True))

    def _parse(self, text: str) -> Record:
        try:
            content = self._load(text)
            record = _record(content)
            parse_requested(record.servers)
        except (AttributeError, KeyError, TypeError, ValueError, InvalidArgument):
            raise self._foreign() from None
        return record

    def _foreign(self) -> InvalidArgument:
        return InvalidArgument(
            f"previous_file {self.path} exists, and {_PLAYBOOK} did not write it",
            "Use another file, or remove this one.",
        )

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        """Keep other runs from writing the same file. The lock is on the folder, since the file is replaced."""
        try:
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
        except OSError as exc:
            raise self._unwritable(exc) from None
        try:
            with contextlib.suppress(OSError):  # a file system may not have locks
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, record: Record) -> None:
        """Replace the file in one step, and only with content that has reached the disk."""
        folder, name = os.path.split(self.path)
        try:
            # The new file has mode 0600.
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            try:
                with open(handle, "w", encoding="utf-8") as file:
                    file.write(self._text(record))
                    file.flush()
                    os.fsync(handle)
                os.replace(temporary, self.path)
            except BaseException:
                os.unlink(temporary)
                raise
            _sync_folder(folder)
        except OSError as exc:
            raise self._unwritable(exc) from None

    def _unwritable(self, exc: OSError) -> InvalidArgument:
        return InvalidArgument(
            f"previous_file {self.path} cannot be written ({exc.strerror})",
            "Use a file in a folder that you can write to.",
        )

    def _text(self, record: Record) -> str:
        """Variables in YAML. A value in JSON is one in YAML, too."""
        variables = {
            "slb_load_balancer_id": self._load_balancer_id,
            "slb_region": self._region,
            "slb_restored_from": self.path,
            "slb_restored": record.restored,
        }
        lines = [
            "---",
            "# Weights of servers before they were changed. This restores them:",
            f"#   ansible-playbook {_PLAYBOOK} -e @{os.path.basename(self.path)}",
            *(f"{name}: {json.dumps(value)}" for name, value in variables.items()),
            "slb_backend_servers:",
            *(f"  - {json.dumps(server)}" for server in record.servers),
        ]
        return "\n".join(lines) + "\n"


def _record(content: t.Any) -> Record:
    """The record in the variables of a file. Raises KeyError, TypeError or ValueError if they are not one."""
    if set(content) != _NAMES:
        raise ValueError("other variables")
    servers = tuple(content["slb_backend_servers"])
    if any("type" not in server for server in servers):
        raise ValueError("a request for weights, not a record of them")
    return Record(content["slb_load_balancer_id"], content["slb_region"], servers, content["slb_restored"] is True)


def _check_plain(server: Server) -> None:
    for name, value in server.items():
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            raise InvalidArgument(
                f"previous_file cannot keep {server['server_id']}: its {name} is {value!r}",
                "Check that endpoint leads to the Slb API.",
            )


def _sync_folder(folder: str) -> None:
    """Let the new name reach the disk, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems sync no folders
            os.fsync(handle)
    finally:
        os.close(handle)
