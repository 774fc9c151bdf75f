# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Planning: current members + requested weights -> what differs, in which batches, and whether it is allowed.

Pure: no I/O, no Ansible. Takes the members of any number of server groups in one list, since each member names its group.
Raises InvalidArgument or SlbError if the plan is not allowed.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    InvalidArgument,
    SlbError,
    printable,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    BackendServerKey,
    group_name,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight

_MEMBERS_LISTED = 20  # in one message


class Change(t.NamedTuple):
    """A member as it was read, and its new weight."""

    server: BackendServer
    after: int

    @property
    def target(self) -> BackendServer:
        return self.server._replace(weight=self.after)

    @property
    def undoing(self) -> Change:
        """The change that undoes this one."""
        return Change(self.target, self.server.weight)

    @property
    def group_id(self) -> str | None:
        """The id of the member's vServer group; None: the default group."""
        return self.server.vserver_group_id

    def as_dict(self) -> dict[str, t.Any]:
        server = self.server
        return {
            "server_id": server.server_id,
            "type": server.type,
            "server_ip": server.server_ip,
            "port": server.port,
            "vserver_group_id": server.vserver_group_id,
            "vserver_group_name": server.vserver_group_name,
            "before": server.weight,
            "after": self.after,
        }


class Skipped(t.NamedTuple):
    """A member that is left alone because it has an unexpected weight."""

    server: BackendServer
    requested: RequestedWeight

    def as_dict(self) -> dict[str, t.Any]:
        return {
            **self.server.as_dict(),
            "requested_weight": self.requested.weight,
            "expected_weight": list(self.requested.expected_weight or ()),
        }


class Plan(t.NamedTuple):
    """What a task does.

    ``requested``: the members named by the task, as they were read, with their target weights. ``changes``: those that
    differ, one group after the other, and in each group increases first, so its capacity never drops below the lower of
    its initial and final level. ``missing``: what the task names that is not a member. ``group``: the members of all
    groups that were read, after the changes. ``skipped``: members that the task names and leaves alone.
    """

    requested: tuple[Change, ...]
    changes: tuple[Change, ...]
    missing: tuple[RequestedWeight, ...]
    group: tuple[BackendServer, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def drains(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.after)


def batches(changes: t.Sequence[Change], size: int) -> list[tuple[Change, ...]]:
    """The changes in their order, ``size`` at a time, those of each group apart."""
    return [
        tuple(of_group[start : start + size])
        for of_group in (list(rows) for _group, rows in itertools.groupby(changes, lambda change: change.group_id))
        for start in range(0, len(of_group), size)
    ]


def group_ids(changes: t.Iterable[Change]) -> list[str | None]:
    """The groups of these changes, in their order, each once."""
    return list(dict.fromkeys(change.group_id for change in changes))


def plan_weights(
    members: t.Sequence[BackendServer], weights: t.Sequence[RequestedWeight], on_unexpected: str = "fail"
) -> Plan:
    """Compare the current weights with the requested ones.

    ``on_unexpected``: ``fail``, or ``skip`` for leaving a member alone that has neither the requested nor an expected
    weight. Raises InvalidArgument if an id matches several members of a group or a member is listed twice, and SlbError
    for an unexpected weight.
    """
    planner = _Planner(members)
    for server in weights:
        planner.add(server)
    if planner.skipped and on_unexpected == "fail":
        raise _unexpected_weight(planner.skipped)
    return planner.plan()


class _Planner:
    def __init__(self, members: t.Sequence[BackendServer]) -> None:
        self.skipped: list[Skipped] = []
        self._members = members
        self._taken: set[BackendServerKey] = set()
        self._requested: list[Change] = []
        self._missing: list[RequestedWeight] = []
        self._by_id: dict[str, list[BackendServer]] = {}
        for member in members:
            self._by_id.setdefault(member.server_id, []).append(member)

    def add(self, server: RequestedWeight) -> None:
        found = [member for member in self._by_id.get(server.server_id, ()) if server.matches(member)]
        if not found:
            self._missing.append(server)
        _check_addresses(server, found)
        for member in found:
            if member.key in self._taken:
                raise InvalidArgument(f"backend_servers lists {member.name} more than once", "List each member once.")
            self._taken.add(member.key)
            if server.expects(member):
                self._requested.append(Change(member, server.weight))
            else:
                self.skipped.append(Skipped(member, server))

    def plan(self) -> Plan:
        changes = [change for change in self._requested if change.after != change.server.weight]
        order = {group: number for number, group in enumerate(dict.fromkeys(m.vserver_group_id for m in self._members))}
        # Stable: the order of the task otherwise.
        changes.sort(key=lambda change: (order[change.group_id], change.after < change.server.weight))
        return Plan(
            requested=tuple(self._requested),
            changes=tuple(changes),
            missing=tuple(self._missing),
            group=with_changes(self._members, self._requested),
            skipped=tuple(self.skipped),
        )


def _check_addresses(server: RequestedWeight, found: t.Sequence[BackendServer]) -> None:
    """Refuse an id that is several members of a group. Only ports may differ: an entry without one is about all."""
    for group in dict.fromkeys(member.vserver_group_id for member in found):
        mine = {member.key[2:4]: member for member in found if member.vserver_group_id == group}
        if len(mine) > 1:
            raise _ambiguous(server, list(mine.values()))


def _ambiguous(server: RequestedWeight, found: t.Sequence[BackendServer]) -> InvalidArgument:
    choices = ", ".join(f"{member.type} {member.server_ip or 'without address'}" for member in found)
    group_id = found[0].vserver_group_id
    place = "the load balancer" if group_id is None else group_name(group_id, found[0].vserver_group_name)
    return InvalidArgument(
        f"server_id {server.server_id} matches {len(found)} members of {place}: {choices}",
        "Add server_ip, and type if the addresses are the same.",
    )


def _unexpected_weight(skipped: t.Sequence[Skipped]) -> SlbError:
    unexpected = [
        f"{row.server.name} has {row.server.weight}, not {' or '.join(map(str, row.requested.expected_weight or ()))}"
        for row in skipped
    ]
    return SlbError(
        "UnexpectedWeight",
        f"unexpected weight: {', '.join(unexpected)}",
        advice="Someone else changed it: decide which weight is right.",
    )


def missing_places(plan: Plan) -> list[tuple[str, list[RequestedWeight]]]:
    """What is missing, by the phrase that says where, such as ``not in the default server group``."""
    places: dict[str, list[RequestedWeight]] = {}
    for server in plan.missing:
        places.setdefault(_place(server, plan.group), []).append(server)
    return list(places.items())


def _place(server: RequestedWeight, members: t.Sequence[BackendServer]) -> str:
    if server.everywhere:
        return "in none of the server groups"
    name = next((m.vserver_group_name for m in members if m.vserver_group_id == server.vserver_group), None)
    return f"not in {group_name(server.vserver_group, name)}"


def check_missing(plan: Plan) -> None:
    """Refuse a plan with servers that are not members: none is ever added."""
    if not plan.missing:
        return
    sentences = []
    for place, missing in missing_places(plan):
        unknown = ", ".join(server.name for server in missing)
        sentences.append(f"{place}: {unknown}. {_members_there(missing, plan.group)}")
    raise SlbError(
        "UnknownMember",
        "; ".join(sentences),
        advice="Check the ids, or skip such servers with on_missing: ignore.",
    )


def _members_there(missing: t.Sequence[RequestedWeight], members: t.Sequence[BackendServer]) -> str:
    """The members of the group in which something is missing; first those that only have another port or address."""
    if missing[0].everywhere:
        names = dict.fromkeys(member._replace(port=None).short_name for member in members)
        return f"Their members are: {_listed(list(names))}"
    ids = {server.server_id for server in missing}
    there = [member for member in members if member.vserver_group_id == missing[0].vserver_group]
    there.sort(key=lambda member: member.server_id not in ids)
    return f"Its members are: {_listed([member.short_name for member in there])}"


def _listed(names: t.Sequence[str]) -> str:
    listed = list(names[:_MEMBERS_LISTED])
    if len(names) > len(listed):
        listed.append(f"and {len(names) - len(listed)} more")
    return ", ".join(listed) or "none"


def active_count(members: t.Iterable[BackendServer]) -> int:
    """The number of members that get new requests: those with a weight above 0."""
    return sum(member.weight > 0 for member in members)


def check_min_active(plan: Plan, min_active: int) -> None:
    """Refuse to drain members of a group if fewer than ``min_active`` of it would be left in traffic.

    A group without drains always passes; otherwise a group that is already too small could not be refilled.
    """
    for group, active, total in too_few_active(plan, plan.group, min_active):
        raise SlbError(
            "MinActive",
            f"{active} of {total} members{group} would have a weight above 0, but min_active is {min_active}",
            advice="Restore other members first, or drain fewer at a time.",
        )


def too_few_active(plan: Plan, members: t.Sequence[BackendServer], min_active: int) -> list[tuple[str, int, int]]:
    """The groups that the plan drains members of and that have fewer than ``min_active`` in traffic.

    For each the words `` of GROUP`` (empty for the default group), how many are in traffic, and how many there are.
    ``members``: of all groups, at the time that the answer is about.
    """
    found = []
    for group in group_ids(plan.drains):
        mine = [member for member in members if member.vserver_group_id == group]
        if active_count(mine) < min_active:
            words = "" if group is None or not mine else f" of {group_name(group, mine[0].vserver_group_name)}"
            found.append((words, active_count(mine), len(mine)))
    return found


def differing(changes: t.Iterable[Change], members: t.Iterable[BackendServer]) -> list[tuple[Change, int | None]]:
    """The changes that a later read does not show, each with the weight it does show; None: no longer a member."""
    weights = {member.key: member.weight for member in members}
    shown = [(change, weights.get(change.server.key)) for change in changes]
    return [(change, weight) for change, weight in shown if weight != change.after]


def with_changes(group: t.Iterable[BackendServer], changes: t.Iterable[Change]) -> tuple[BackendServer, ...]:
    """The group with the new weights of the changes."""
    weights = {change.server.key: change.after for change in changes}
    return tuple(server._replace(weight=weights.get(server.key, server.weight)) for server in group)


def diff_text(members: t.Iterable[BackendServer]) -> str:
    """One line for each member and its weight: one side of a diff."""
    return "".join(f"{printable(member.name)}: {member.weight}\n" for member in members)
