# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the data plane did meanwhile: looked at a few times a second, from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from slb_emulator import DEFAULT_GROUP, Emulator, MemberKey

LOOK_SECONDS = 0.1

# A member of the load balancer: the id of its vServer group, or DEFAULT_GROUP, and what it is known by there.
Key = tuple[str, MemberKey]


@dataclass(frozen=True)
class Look:
    """The weights that counted for the traffic at some moment between ``began`` and ``ended``.

    Where several listeners or rules lead to a group, the highest that a member had in one of them.
    """

    began: float
    ended: float
    weights: dict[Key, int]


@dataclass(frozen=True)
class Drain:
    """A time in which a server got nothing: it still had a weight at ``before``, and none from ``since`` to ``until``."""

    before: float
    since: float
    until: float


def look(emulator: Emulator) -> Look:
    began = time.time()
    servers: list[dict[str, Any]] = [
        server for frontend in emulator.data_plane()["frontends"] for server in frontend["servers"]
    ]
    weights: dict[Key, int] = {}
    for server in servers:
        identity = (server["server_id"], server["type"], server["server_ip"])
        key = (server["vserver_group_id"] or DEFAULT_GROUP, (identity, server["port"]))
        weights[key] = max(server["weight"], weights.get(key, 0))
    return Look(began, time.time(), weights)


@contextmanager
def watching(emulator: Emulator) -> Iterator[list[Look]]:
    """Look until the block ends; the list grows meanwhile."""
    looks: list[Look] = []
    ended = threading.Event()

    def keep_looking() -> None:
        while not ended.wait(LOOK_SECONDS):
            looks.append(look(emulator))

    thread = threading.Thread(target=keep_looking, name="data plane watch", daemon=True)
    thread.start()
    try:
        yield looks
    finally:
        ended.set()
        thread.join()


def drains(looks: Sequence[Look], key: Key) -> list[Drain]:
    """The times in which a server that had a weight was seen without one."""
    found: list[Drain] = []
    for earlier, later in zip(looks, looks[1:]):
        if later.weights[key]:
            continue
        if earlier.weights[key]:
            found.append(Drain(earlier.began, later.ended, later.began))
        elif found:
            found[-1] = Drain(found[-1].before, found[-1].since, later.began)
    return found
