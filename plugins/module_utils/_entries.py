# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The entries of journals: members that a rolling update has taken out of traffic, or is about to. Pure.

The original weight of an entry is the one that the member goes back to. It is never overwritten while the entry is open.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer

DRAINING = "draining"  # weight 0 is about to be written, or was sent
DRAINED = "drained"  # weight 0 is in effect, and the update has not begun
UPDATING = "updating"  # the proof was given and the update may have begun
UPDATED = "updated"  # the update has ended and the host has passed its own check
RESTORING = "restoring"  # a weight above 0 is about to be written, or was sent
RESTORED = "restored"  # the original weight is back
LEFT_ALONE = "left alone"  # someone else changed the weight, so it is theirs now

STATES = (DRAINING, DRAINED, UPDATING, UPDATED, RESTORING, RESTORED, LEFT_ALONE)
_CLOSED = (RESTORED, LEFT_ALONE)
_UNTOUCHED = (DRAINING, DRAINED)

# What tells two members apart: load balancer, server group (None: the default one), server id, type, address, port.
EntryKey = tuple[str, t.Optional[str], str, str, str, t.Optional[int]]


class Entry(t.NamedTuple):
    """A member that a rolling update is responsible for.

    ``group``: the id of a vServer group, None for the default group; ``port``: None there. ``written``: every weight that
    was written or is about to be. ``run``: the process that wrote them. ``out_since`` and ``changed``: seconds since the
    epoch.
    """

    host: str
    region: str
    load_balancer_id: str
    group: str | None
    server_id: str
    type: str
    server_ip: str | None
    port: int | None
    original: int
    written: tuple[int, ...]
    state: str
    run: str
    out_since: float
    changed: float
    group_name: str | None = None

    @property
    def key(self) -> EntryKey:
        return (self.load_balancer_id, *self._member.key)

    @property
    def name(self) -> str:
        return self._member.name

    @property
    def _member(self) -> BackendServer:
        """The member with its original weight."""
        return BackendServer(
            self.server_id, self.original, self.type, self.server_ip, None, self.port, self.group, self.group_name
        )

    @property
    def is_open(self) -> bool:
        return self.state not in _CLOSED

    @property
    def is_out(self) -> bool:
        """Whether weight 0 was in effect when this was noted."""
        return self.state in (DRAINED, UPDATING, UPDATED)

    @property
    def is_untouched(self) -> bool:
        """Whether the server can go back as it is: its update has not begun."""
        return self.state in _UNTOUCHED

    def describe(self) -> str:
        """For lists of what is out, such as ``web1 (i-1 of lb-a, goes back to 100)``."""
        return f"{self.host} ({self.name} of {self.load_balancer_id}, goes back to {self.original})"

    def is_of(self, server: BackendServer) -> bool:
        return self.key[1:] == server.key

    def drained(self, now: float) -> Entry:
        """The entry once weight 0 is in effect."""
        return self.moved_to(DRAINED, now) if self.state == DRAINING else self

    def moved_to(self, state: str, now: float, *weights: int) -> Entry:
        """The entry in another state, with the weights that are about to be written."""
        written = (*self.written, *(weight for weight in weights if weight not in self.written))
        return self._replace(state=state, changed=now, written=written)


class KnownEntry(t.NamedTuple):
    """An open entry of a journal. ``is_own``: written by this run. ``running``: names the other run if it still runs."""

    rolling_update_id: str
    entry: Entry
    is_own: bool
    running: str | None


def left_alone_reason(entry: Entry, weight: int | None) -> str:
    """Why an entry is not restored; ``weight``: what the member has now, None if it is not a member."""
    now = "is no longer a member" if weight is None else f"has weight {weight}: someone else changed it"
    return f"{entry.host}: {entry.name} of {entry.load_balancer_id} {now}"


def described(entries: t.Iterable[Entry]) -> str:
    """For lists of what is out, see Entry.describe."""
    return ", ".join(entry.describe() for entry in entries)


def shown(entry: Entry) -> dict[str, t.Any]:
    """An entry as results show it."""
    return {
        "host": entry.host,
        "load_balancer_id": entry.load_balancer_id,
        "vserver_group_id": entry.group,
        "server_id": entry.server_id,
        "type": entry.type,
        "server_ip": entry.server_ip,
        "port": entry.port,
        "original_weight": entry.original,
        "state": entry.state,
    }
