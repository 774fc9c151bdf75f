# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy's runtime API: commands over its stats socket. After the HAProxy management guide, version 2.6."""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# HAProxy answers at once, or it is in trouble.
TIMEOUT_SECONDS = 5.0
# Commands sent together; one line may have 16 kB.
COMMANDS_PER_LINE = 40


class RuntimeApiError(Exception):
    """HAProxy did not do what it was told; the text is its answer."""


class ServerStats(NamedTuple):
    """A server as `show stat` shows it. total_requests counts connections where the mode is tcp."""

    status: str
    check_status: str
    weight: int
    sessions: int
    total_requests: int

    @property
    def health(self) -> str:
        """The API's word. Without a finished check it is unavailable, whatever HAProxy assumes meanwhile."""
        # A star stands before the last result while the next check runs.
        if self.check_status.lstrip("* ") in ("", "INI", "UNK") or self.status == "no check":
            return "unavailable"
        # A server of weight 0 that is up has the status DRAIN.
        return "normal" if self.status.split(" ")[0] in ("UP", "DRAIN", "NOLB") else "abnormal"


# By name of the section and name of the server.
Stats = Mapping[tuple[str, str], ServerStats]


def ask(path: Path, command: str) -> str:
    """The answer to a line of commands; OSError when HAProxy does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(str(path))
        connection.sendall(f"{command}\n".encode())
        return b"".join(received(connection)).decode("utf-8", "replace")


def received(connection: socket.socket) -> Iterator[bytes]:
    """What arrives until the other side ends."""
    while True:
        piece = connection.recv(65536)
        if not piece:
            return
        yield piece


def tell(path: Path, commands: Sequence[str]) -> None:
    """Give commands that change something; RuntimeApiError with what HAProxy has against one."""
    for start in range(0, len(commands), COMMANDS_PER_LINE):
        answer = ask(path, "; ".join(commands[start : start + COMMANDS_PER_LINE]))
        # Commands that succeed say nothing, but for this one.
        complaints = [line for line in answer.splitlines() if line.strip() not in ("", "New server registered.")]
        if complaints:
            raise RuntimeApiError(" ".join(" ".join(complaints).split()))


def number(text: str | None) -> int:
    """A number of `show stat`, which leaves out what does not apply."""
    return int(text) if text else 0


def parse_stats(text: str) -> Stats:
    """The servers in the CSV of `show stat`."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return {
        (row["pxname"], row["svname"]): ServerStats(
            status=row["status"],
            check_status=row["check_status"],
            # The weight that was set; `weight` is what is left of it while a server warms up.
            weight=number(row.get("uweight") or row["weight"]),
            sessions=number(row["scur"]),
            total_requests=number(row["stot"]),
        )
        for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND")
    }


def stats(path: Path) -> Stats:
    """All servers; OSError when HAProxy does not answer."""
    return parse_stats(ask(path, "show stat"))


def kept_state(dump: str, addresses: Mapping[tuple[str, str], str]) -> str:
    """The lines of `show servers state` for servers that stay at their address, for the next process to read.

    A server that was down stays down over a reload. Weights are not taken from here: the caller sets them.
    """
    lines = dump.splitlines()
    if len(lines) < 2:
        return ""
    names = lines[1].lstrip("# ").split(" ")
    place = {name: index for index, name in enumerate(names)}
    kept = []
    for line in lines[2:]:
        fields = line.split(" ")
        if len(fields) < len(names):
            continue
        host, port = fields[place["srv_addr"]], fields[place["srv_port"]]
        server = (fields[place["be_name"]], fields[place["srv_name"]])
        if addresses.get(server, "").replace("[", "").replace("]", "") == f"{host}:{port}":
            kept.append(line)
    return "\n".join([*lines[:2], *kept, ""])
