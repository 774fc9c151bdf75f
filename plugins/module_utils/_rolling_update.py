# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Decide what a rolling update drains, restores and leaves alone. Pure: no I/O, no Ansible.

An entry is one member that a rolling update has taken out of traffic, or is about to. Its original weight is the one
that the member goes back to. It is never overwritten while the entry is open.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight

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

    ``written``: every weight that was written or is about to be. ``run``: the process that wrote them. ``out_since`` and
    ``changed``: seconds since the epoch.
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

    @property
    def key(self) -> EntryKey:
        address = "" if self.type == "ecs" else self.server_ip or ""
        return (self.load_balancer_id, self.group, self.server_id, self.type, address, self.port)

    @property
    def name(self) -> str:
        return f"{self.server_id} ({self.server_ip})" if self.type != "ecs" and self.server_ip else self.server_id

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


class Target(t.NamedTuple):
    """A host, and the member that it is of each of its load balancers."""

    host: str
    server_id: str
    server_ip: str | None

    @property
    def requested(self) -> RequestedWeight:
        return RequestedWeight(self.server_id, 0, None, self.server_ip)

    @property
    def name(self) -> str:
        return self.requested.name


class Setting(t.NamedTuple):
    """Where and when a decision is made. ``prefix``: of the names of options, ``rolling_update_`` in the role."""

    load_balancer_id: str
    region: str
    run: str
    now: float
    prefix: str = ""


class DrainPlan(t.NamedTuple):
    """What to do about the targets of one load balancer.

    ``requested``: the members to set to 0. ``entries``: what the journal says before that write, also of members that
    are at 0 already. ``superseded``: entries of other journals, as they are to end. ``already_out``: members at weight 0
    that no journal knows, by host. ``refused``: the reason for each host that cannot be drained.
    """

    requested: tuple[RequestedWeight, ...]
    entries: tuple[Entry, ...]
    superseded: tuple[KnownEntry, ...]
    already_out: t.Mapping[str, str]
    refused: t.Mapping[str, SlbError]
    warnings: tuple[str, ...]


def plan_drain(
    targets: t.Sequence[Target], group: t.Sequence[BackendServer], known: t.Sequence[KnownEntry], setting: Setting
) -> DrainPlan:
    """Decide for each target by the group as it was just read. ``known``: the open entries of this load balancer."""
    planner = _DrainPlanner(group, known, setting)
    for target in targets:
        planner.add(target)
    return planner.plan()


class _DrainPlanner:
    def __init__(self, group: t.Sequence[BackendServer], known: t.Sequence[KnownEntry], setting: Setting) -> None:
        self._group = group
        self._known = known
        self._setting = setting
        self._taken: dict[EntryKey, str] = {}
        self._requested: list[RequestedWeight] = []
        self._entries: list[Entry] = []
        self._superseded: list[KnownEntry] = []
        self._already_out: dict[str, str] = {}
        self._refused: dict[str, SlbError] = {}
        self._warnings: list[str] = []

    def add(self, target: Target) -> None:
        try:
            server = find_member(target, self._group, self._setting)
            self._add_member(target, server)
        except SlbError as exc:
            self._refused[target.host] = exc

    def plan(self) -> DrainPlan:
        return DrainPlan(
            tuple(self._requested),
            tuple(self._entries),
            tuple(self._superseded),
            self._already_out,
            self._refused,
            tuple(self._warnings),
        )

    def _add_member(self, target: Target, server: BackendServer) -> None:
        fresh = self._fresh_entry(target, server)
        other = self._taken.setdefault(fresh.key, target.host)
        if other != target.host:
            raise same_member(target, other, self._setting)
        known = [row for row in self._known if row.entry.key == fresh.key]
        running = next((row for row in known if row.running), None)
        if running:
            raise out_by_another_run(running)
        entry = self._take_over(target, server, known) or fresh
        if not entry.original:
            self._already_out[target.host] = f"{server.name} of {self._setting.load_balancer_id}"
            return
        self._entries.append(entry)
        if server.weight:
            self._requested.append(RequestedWeight.of(server, 0))

    def _fresh_entry(self, target: Target, server: BackendServer) -> Entry:
        setting = self._setting
        return Entry(
            host=target.host,
            region=setting.region,
            load_balancer_id=setting.load_balancer_id,
            group=None,
            server_id=server.server_id,
            type=server.type,
            server_ip=server.server_ip,
            port=None,
            original=server.weight,
            written=(0,),
            state=DRAINING,
            run=setting.run,
            out_since=setting.now,
            changed=setting.now,
        )

    def _take_over(self, target: Target, server: BackendServer, known: t.Sequence[KnownEntry]) -> Entry | None:
        """The entry of a journal, original weight included, where the member is as that journal left it."""
        found = None
        for row in known:
            if server.weight == row.entry.original:
                self._supersede(row, RESTORED)
            elif server.weight not in row.entry.written:
                if row.is_own:
                    raise _changed_by_someone_else(row.entry, server.weight)
                self._supersede(row, LEFT_ALONE)
                self._warnings.append(
                    f"{server.name} of {self._setting.load_balancer_id} has weight {server.weight}, which rolling update "
                    f"{row.rolling_update_id} did not write: someone else changed it, so it goes back to {server.weight}"
                )
            elif found is None:
                found = row
            else:
                self._supersede(row, LEFT_ALONE)
        if found is None:
            return None
        self._supersede(found, LEFT_ALONE)
        if not found.is_own:
            self._warnings.append(
                f"{server.name} of {self._setting.load_balancer_id} was left at weight {server.weight} by rolling update "
                f"{found.rolling_update_id}: it is taken over and goes back to {found.entry.original}"
            )
        entry = found.entry._replace(host=target.host, run=self._setting.run)
        # An update that has begun may have left the server unusable: a failure must not put it back.
        return entry.moved_to(UPDATING if entry.state == UPDATING else DRAINING, self._setting.now, 0)

    def _supersede(self, row: KnownEntry, state: str) -> None:
        self._superseded.append(row._replace(entry=row.entry.moved_to(state, self._setting.now)))


def find_member(target: Target, group: t.Sequence[BackendServer], setting: Setting) -> BackendServer:
    """The member that a host says it is. Raises SlbError with a sentence that names the variable to change."""
    found = [server for server in group if target.requested.matches(server)]
    if len(found) == 1:
        return found[0]
    if found:
        addresses = ", ".join(server.server_ip or "without address" for server in found)
        raise InvalidArgument(
            f"{target.server_id} is {len(found)} members of {setting.load_balancer_id}: {addresses}",
            f"Set {setting.prefix}server_ip for {target.host}.",
        )
    raise SlbError(
        "UnknownMember",
        f"{target.name} is not a member of {setting.load_balancer_id} in {setting.region}",
        advice=f"Check {setting.prefix}server_id, {setting.prefix}server_ip and {setting.prefix}load_balancer_ids of "
        f"{target.host}.",
    )


def same_member(target: Target, other: str, setting: Setting) -> SlbError:
    return InvalidArgument(
        f"{other} and {target.host} are the same member {target.name} of {setting.load_balancer_id}",
        f"Give each host its own {setting.prefix}server_id, or {setting.prefix}server_ip.",
    )


def out_by_another_run(row: KnownEntry) -> SlbError:
    return SlbError(
        "InUse",
        f"{row.entry.name} of {row.entry.load_balancer_id} is being updated by rolling update {row.rolling_update_id} "
        f"({row.running})",
        advice="Wait until that one has ended.",
    )


def _changed_by_someone_else(entry: Entry, weight: int | None) -> SlbError:
    return SlbError("ChangedMeanwhile", left_alone_reason(entry, weight), advice="Find out who changed it.")


def left_alone_reason(entry: Entry, weight: int | None) -> str:
    """Why an entry is not restored; ``weight``: what the member has now, None if it is not a member."""
    now = "is no longer a member" if weight is None else f"has weight {weight}: someone else changed it"
    return f"{entry.host}: {entry.name} of {entry.load_balancer_id} {now}"


def unproven(targets: t.Sequence[Target], group: t.Sequence[BackendServer], setting: Setting) -> dict[str, str]:
    """A sentence for each host whose member of this load balancer is not at weight 0."""
    found = {}
    for target in targets:
        try:
            server = find_member(target, group, setting)
        except SlbError as exc:
            found[target.host] = exc.sentence()
            continue
        if server.weight:
            found[target.host] = f"{server.name} of {setting.load_balancer_id} has weight {server.weight}, not 0."
    return found


class RestorePlan(t.NamedTuple):
    """What to do about entries of one load balancer.

    ``requested``: the members to change, with ``entries`` beside them. ``done``: entries whose original weight is in
    effect already. ``left_alone``: entries that someone else changed, with the weight that they have now.
    """

    requested: tuple[RequestedWeight, ...]
    entries: tuple[Entry, ...]
    done: tuple[Entry, ...]
    left_alone: tuple[tuple[Entry, int | None], ...]


def plan_restore(
    entries: t.Sequence[Entry], group: t.Sequence[BackendServer], percent: int = 100, previous: int | None = None
) -> RestorePlan:
    """Decide by the group as it was just read: only a weight that the rolling update itself wrote is changed.

    ``previous``: the percentage of the step before, if this is a later step of a ramp. Then the members must have the
    weights of that step: someone may have taken a server out by hand meanwhile, and 0 was written once, too.
    """
    requested, changing, done, left_alone = [], [], [], []
    for entry in entries:
        server = next((server for server in group if entry.is_of(server)), None)
        weight = None if server is None else server.weight
        if weight == entry.original:
            done.append(entry)
        elif server is None or weight not in (
            entry.written if previous is None else (step_weight(entry.original, previous),)
        ):
            left_alone.append((entry, weight))
        else:
            requested.append(RequestedWeight.of(server, step_weight(entry.original, percent)))
            changing.append(entry)
    return RestorePlan(tuple(requested), tuple(changing), tuple(done), tuple(left_alone))


def step_weight(original: int, percent: int) -> int:
    """A step of a ramp: rounded up, so that it is never 0 for a server that had traffic."""
    return original if percent >= 100 else max(math.ceil(original * percent / 100), min(original, 1))


def ramp_steps(ramp: t.Sequence[int]) -> tuple[int, ...]:
    """The percentages in order, without duplicates. The last one is always 100."""
    return (*sorted({percent for percent in ramp if 0 < percent < 100}), 100)


def weight_line(load_balancer_id: str, changes: t.Sequence[str], active: int, total: int) -> str:
    """The line that people watch for, such as ``lb-a: i-1 100 -> 0; 3 of 5 members in traffic``."""
    what = ", ".join(changes) or "nothing to change"
    return f"{load_balancer_id}: {what}; {active} of {total} members in traffic"


def duration(seconds: float) -> str:
    """Seconds as people write them: ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
