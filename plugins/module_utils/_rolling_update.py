# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Decide what a rolling update drains, restores and leaves alone. Pure: no I/O, no Ansible."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _plan
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    UPDATING,
    Entry,
    EntryKey,
    KnownEntry,
    left_alone_reason,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, group_name
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight


class Target(t.NamedTuple):
    """A host, and the server that it is. ``everywhere``: in all server groups of its load balancers, on all ports.

    Otherwise it is a member of their default groups.
    """

    host: str
    server_id: str
    server_ip: str | None
    everywhere: bool = True

    @property
    def requested(self) -> RequestedWeight:
        return RequestedWeight(self.server_id, 0, None, self.server_ip, everywhere=self.everywhere)

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
    already_out: t.Mapping[str, t.Sequence[str]]
    refused: t.Mapping[str, SlbError]
    warnings: tuple[str, ...]


def plan_drain(
    targets: t.Sequence[Target], members: t.Sequence[BackendServer], known: t.Sequence[KnownEntry], setting: Setting
) -> DrainPlan:
    """Decide for each target by the members as they were just read. ``known``: the open entries of this load balancer."""
    taken: dict[EntryKey, str] = {}
    plans: dict[str, _HostPlan] = {}
    refused: dict[str, SlbError] = {}
    for target in targets:
        plan = _HostPlan(target, known, setting)
        try:
            for server in find_members(target, members, setting):
                plan.add(server, taken)
        except SlbError as exc:
            refused[target.host] = exc
        else:
            plans[target.host] = plan
    chosen = list(plans.values())
    return DrainPlan(
        tuple(row for plan in chosen for row in plan.requested),
        tuple(row for plan in chosen for row in plan.entries),
        tuple(row for plan in chosen for row in plan.superseded),
        {host: plan.already_out for host, plan in plans.items() if plan.already_out},
        refused,
        tuple(row for plan in chosen for row in plan.warnings),
    )


class _HostPlan:
    """What to do about the members of one host. It counts as a whole: a host that is refused is drained nowhere."""

    def __init__(self, target: Target, known: t.Sequence[KnownEntry], setting: Setting) -> None:
        self._target = target
        self._known = known
        self._setting = setting
        self.requested: list[RequestedWeight] = []
        self.entries: list[Entry] = []
        self.superseded: list[KnownEntry] = []
        self.already_out: list[str] = []
        self.warnings: list[str] = []

    def add(self, server: BackendServer, taken: dict[EntryKey, str]) -> None:
        """Add a member. ``taken``: the hosts of the members so far. Raises SlbError if it cannot be drained."""
        fresh = self._fresh_entry(server)
        other = taken.setdefault(fresh.key, self._target.host)
        if other != self._target.host:
            raise same_member(self._target, other, self._setting)
        known = [row for row in self._known if row.entry.key == fresh.key]
        running = next((row for row in known if row.running), None)
        if running:
            raise out_by_another_run(running)
        entry = self._take_over(server, known) or fresh
        if not entry.original:
            self.already_out.append(f"{server.name} of {self._setting.load_balancer_id}")
            return
        self.entries.append(entry)
        if server.weight:
            self.requested.append(RequestedWeight.of(server, 0))

    def _fresh_entry(self, server: BackendServer) -> Entry:
        setting = self._setting
        return Entry(
            host=self._target.host,
            region=setting.region,
            load_balancer_id=setting.load_balancer_id,
            group=server.vserver_group_id,
            server_id=server.server_id,
            type=server.type,
            server_ip=server.server_ip,
            port=server.port,
            original=server.weight,
            written=(0,),
            state=DRAINING,
            run=setting.run,
            out_since=setting.now,
            changed=setting.now,
            group_name=server.vserver_group_name,
        )

    def _take_over(self, server: BackendServer, known: t.Sequence[KnownEntry]) -> Entry | None:
        """The entry of a journal, original weight included, where the member is as that journal left it."""
        found = None
        for row in known:
            if server.weight == row.entry.original:
                self._supersede(row, RESTORED)
            elif server.weight not in row.entry.written:
                if row.is_own:
                    raise _changed_by_someone_else(row.entry, server.weight)
                self._supersede(row, LEFT_ALONE)
                self.warnings.append(
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
            self.warnings.append(
                f"{server.name} of {self._setting.load_balancer_id} was left at weight {server.weight} by rolling update "
                f"{found.rolling_update_id}: it is taken over and goes back to {found.entry.original}"
            )
        entry = found.entry._replace(host=self._target.host, run=self._setting.run)
        # An update that has begun may have left the server unusable: a failure must not put it back.
        return entry.moved_to(UPDATING if entry.state == UPDATING else DRAINING, self._setting.now)

    def _supersede(self, row: KnownEntry, state: str) -> None:
        self.superseded.append(row._replace(entry=row.entry.moved_to(state, self._setting.now)))


def find_members(target: Target, members: t.Sequence[BackendServer], setting: Setting) -> list[BackendServer]:
    """The members that a host says it is. Raises SlbError with a sentence that names the variable to change."""
    found = [server for server in members if target.requested.matches(server)]
    if any(server.type == "ecs" for server in found):
        # An instance is one machine. The API gives its address only sometimes, so that says nothing of other members.
        found = [server for server in members if target._replace(server_ip=None).requested.matches(server)]
    identities = {server.key[1:4]: server for server in found}
    if len(identities) > 1:
        addresses = ", ".join(server.server_ip or "without address" for server in identities.values())
        raise InvalidArgument(
            f"{target.server_id} is {len(identities)} members of {setting.load_balancer_id}: {addresses}",
            f"Set {setting.prefix}server_ip for {target.host}.",
        )
    if found:
        return found
    raise SlbError(
        "UnknownMember",
        f"{target.name} is not a member of {_where(target, setting)} in {setting.region}",
        advice=f"Check {setting.prefix}server_id, {setting.prefix}server_ip and {setting.prefix}load_balancer_ids of "
        f"{target.host}.",
    )


def _where(target: Target, setting: Setting) -> str:
    """Where the members of a target are looked for."""
    load_balancer_id = setting.load_balancer_id
    return load_balancer_id if target.everywhere else f"the default server group of {load_balancer_id}"


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


def unproven(target: Target, members: t.Sequence[BackendServer], setting: Setting) -> str | None:
    """A sentence for a host that has a member of this load balancer with a weight above 0, or none at all."""
    try:
        servers = find_members(target, members, setting)
    except SlbError as exc:
        return exc.sentence()
    weights = [
        f"{server.name} of {setting.load_balancer_id} has weight {server.weight}" for server in servers if server.weight
    ]
    return f"{', '.join(weights)}, not 0." if weights else None


def too_few_active(
    requested: t.Sequence[RequestedWeight], members: t.Sequence[BackendServer], min_active: int
) -> list[tuple[str, int, int]]:
    """The groups that would have fewer than ``min_active`` members in traffic, see _plan.too_few_active."""
    plan = _plan.plan_weights(members, requested)
    return _plan.too_few_active(plan, plan.group, min_active)


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
    entries: t.Sequence[Entry],
    group: t.Sequence[BackendServer],
    percent: int = 100,
    previous: int | None = None,
    has_begun: bool = False,
) -> RestorePlan:
    """Decide by the group as it was just read: only a weight that the rolling update itself wrote is changed.

    ``previous``: the percentage of the step before, if this is a later step of a ramp. Then the members must have the
    weights of that step: someone may have taken a server out by hand meanwhile, and 0 was written once, too.
    ``has_begun``: some members may have got to the weights of this step.
    """
    requested, changing, done, left_alone = [], [], [], []
    for entry in entries:
        server = next((server for server in group if entry.is_of(server)), None)
        weight = None if server is None else server.weight
        goal = step_weight(entry.original, percent)
        own = entry.written if previous is None else (step_weight(entry.original, previous),)
        if weight == entry.original:
            done.append(entry)
        elif server is None or weight not in (*own, *((goal,) if has_begun else ())):
            left_alone.append((entry, weight))
        else:
            requested.append(RequestedWeight.of(server, goal))
            changing.append(entry)
    return RestorePlan(tuple(requested), tuple(changing), tuple(done), tuple(left_alone))


def step_weight(original: int, percent: int) -> int:
    """A step of a ramp: rounded up, so that it is never 0 for a server that had traffic."""
    return max(math.ceil(original * percent / 100), min(original, 1))


def ramp_steps(ramp: t.Sequence[int]) -> tuple[int, ...]:
    """The percentages in order, without duplicates. The last one is always 100."""
    return (*sorted({percent for percent in ramp if 0 < percent < 100}), 100)


def weight_lines(load_balancer_id: str, changes: t.Sequence[Change], members: t.Sequence[BackendServer]) -> list[str]:
    """A line for each group that was changed. ``members``: of all groups, after the changes."""
    lines = []
    for group_id in _plan.group_ids(changes):
        mine = [change for change in changes if change.group_id == group_id]
        group = [server for server in members if server.vserver_group_id == group_id]
        place = load_balancer_id
        if group_id is not None:
            place += f", {group_name(group_id, mine[0].server.vserver_group_name)}"
        weights = [f"{change.server.short_name} {change.server.weight} -> {change.after}" for change in mine]
        lines.append(weight_line(place, weights, _plan.active_count(group), len(group)))
    return lines


def weight_line(place: str, changes: t.Sequence[str], active: int, total: int) -> str:
    """The line that people watch for, such as ``lb-a: i-1 100 -> 0; 3 of 5 members in traffic``."""
    what = ", ".join(changes) or "nothing to change"
    return f"{place}: {what}; {active} of {total} members in traffic"


def duration(seconds: float) -> str:
    """Seconds as people write them: ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
