# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Planning: current members + requested weights -> what differs, in which batches, and whether it is allowed.

Pure: no I/O, no Ansible. Takes lists, returns records, raises InvalidArgument or SlbError if the plan is not allowed.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    InvalidArgument,
    SlbError,
    printable,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import WEIGHT, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    BackendServerKey,
    Health,
    Listener,
    LoadBalancer,
)

# The vendor's ids are letters, digits and hyphens; anything else is a mistake in the task.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_MEMBERS_LISTED = 20  # in one message
_WEIGHTED_SCHEDULERS = ("wrr", "wlc")


class RequestedWeight(t.NamedTuple):
    """One element of ``backend_servers``, validated. ``type`` and ``server_ip`` are None if the task does not set them.

    ``expected_weight``: change the member only if it has this weight; None: whatever it has.
    """

    server_id: str
    weight: int
    type: str | None
    server_ip: str | None
    expected_weight: int | None = None

    @property
    def name(self) -> str:
        return f"{self.server_id} ({self.server_ip})" if self.server_ip else self.server_id

    def matches(self, member: BackendServer) -> bool:
        return (
            self.server_id == member.server_id
            and self.type in (None, member.type)
            and (self.server_ip is None or _same_address(self.server_ip, member.server_ip))
        )

    def expects(self, member: BackendServer) -> bool:
        """Whether the member has the expected weight, or already the requested one."""
        return self.expected_weight is None or member.weight in (self.expected_weight, self.weight)


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

    def as_dict(self) -> dict[str, t.Any]:
        server = self.server
        return {
            "server_id": server.server_id,
            "type": server.type,
            "server_ip": server.server_ip,
            "before": server.weight,
            "after": self.after,
        }


class Plan(t.NamedTuple):
    """What a task does.

    ``requested``: the members named by the task, as they were read, with their target weights. ``changes``: those that
    differ, increases first, so capacity never drops below the lower of its initial and final level. ``missing``: what
    the task names that is not a member. ``group``: the whole default group after the changes.
    """

    requested: tuple[Change, ...]
    changes: tuple[Change, ...]
    missing: tuple[RequestedWeight, ...]
    group: tuple[BackendServer, ...]

    @property
    def drains(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.after)


def batches(changes: tuple[Change, ...], size: int) -> list[tuple[Change, ...]]:
    """The changes in their order, ``size`` at a time."""
    return [changes[start : start + size] for start in range(0, len(changes), size)]


def check_load_balancer_id(load_balancer_id: str) -> str:
    """The id itself. Raises InvalidArgument if it is not valid."""
    if not _ID.fullmatch(load_balancer_id):
        raise InvalidArgument(
            f"load_balancer_id {load_balancer_id!r} is not a valid load balancer id",
            "Use the id that the console shows, such as lb-bp1qjwo61pqz3ahltv0mw.",
        )
    return load_balancer_id


def parse_requested(servers: t.Sequence[t.Mapping[str, t.Any]]) -> list[RequestedWeight]:
    """Validate the elements of ``backend_servers``, without the load balancer. Raises InvalidArgument."""
    if not servers:
        raise InvalidArgument("backend_servers is empty", "List at least one server.")
    weights = [_parse_server(index, server) for index, server in enumerate(servers)]
    seen: set[tuple[str, str | None, str | None]] = set()
    for server in weights:
        identity = (server.server_id, server.type, server.server_ip)
        if identity in seen:
            raise InvalidArgument(f"backend_servers lists {server.name} more than once", "List each member once.")
        seen.add(identity)
    return weights


def _parse_server(index: int, server: t.Mapping[str, t.Any]) -> RequestedWeight:
    server_id = server.get("server_id") or ""
    place = f"backend_servers[{index}]"
    if not _ID.fullmatch(server_id):
        raise InvalidArgument(
            f"server_id of {place} is {server_id!r}, which is not a valid server id",
            "Use the id of the instance or network interface, such as i-bp1c3zrr37ablp8ujo7v.",
        )
    weight = whole_number(server.get("weight"), f"weight of {place} ({server_id})", WEIGHT)
    expected = server.get("expected_weight")
    if expected is not None:
        expected = whole_number(expected, f"expected_weight of {place} ({server_id})", WEIGHT)
    server_ip = server.get("server_ip") or None
    if server_ip is not None and _address(server_ip) is None:
        raise InvalidArgument(
            f"server_ip of {place} ({server_id}) is {server_ip!r}, which is not a valid IP address",
            "Use an IPv4 or IPv6 address.",
        )
    return RequestedWeight(server_id, weight, server.get("type"), server_ip, expected)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _same_address(requested: str, known: str | None) -> bool:
    return known is not None and (requested == known or _address(requested) == _address(known))


def plan_weights(members: t.Sequence[BackendServer], weights: t.Sequence[RequestedWeight]) -> Plan:
    """Compare the current weights with the requested ones.

    Raises InvalidArgument if an id matches several members or a member is listed twice, SlbError if a member has
    neither the requested nor the expected weight.
    """
    by_id: dict[str, list[BackendServer]] = {}
    for member in members:
        by_id.setdefault(member.server_id, []).append(member)
    requested: dict[BackendServerKey, Change] = {}
    missing: list[RequestedWeight] = []
    unexpected: list[str] = []
    for server in weights:
        found = [member for member in by_id.get(server.server_id, ()) if server.matches(member)]
        if not found:
            missing.append(server)
            continue
        if len(found) > 1:
            raise _ambiguous(server, found)
        member = found[0]
        if member.key in requested:
            raise InvalidArgument(f"backend_servers lists {member.name} more than once", "List each member once.")
        requested[member.key] = Change(member, server.weight)
        if not server.expects(member):
            unexpected.append(f"{member.name} has {member.weight}, not {server.expected_weight}")
    if unexpected:
        raise _unexpected_weight(unexpected)
    changes = [change for change in requested.values() if change.after != change.server.weight]
    changes.sort(key=lambda change: change.after < change.server.weight)  # stable: the order of the task otherwise
    return Plan(
        requested=tuple(requested.values()),
        changes=tuple(changes),
        missing=tuple(missing),
        group=with_changes(members, requested.values()),
    )


def _ambiguous(server: RequestedWeight, found: t.Sequence[BackendServer]) -> InvalidArgument:
    choices = ", ".join(f"{member.type} {member.server_ip or 'without address'}" for member in found)
    return InvalidArgument(
        f"server_id {server.server_id} matches {len(found)} members of the load balancer: {choices}",
        "Add server_ip, and type if the addresses are the same.",
    )


def _unexpected_weight(unexpected: t.Sequence[str]) -> SlbError:
    return SlbError(
        "UnexpectedWeight",
        f"unexpected weight: {', '.join(unexpected)}",
        advice="Someone else changed it: decide which weight is right.",
    )


def check_missing(plan: Plan) -> None:
    """Refuse a plan with servers that are not members: none is ever added."""
    if plan.missing:
        unknown = ", ".join(server.name for server in plan.missing)
        raise SlbError(
            "UnknownMember",
            f"not in the default server group: {unknown}. Its members are: {_named(plan.group)}",
            advice="Check the ids, or skip such servers with on_missing: ignore.",
        )


def _named(members: t.Sequence[BackendServer]) -> str:
    names = [member.name for member in members[:_MEMBERS_LISTED]]
    if len(members) > len(names):
        names.append(f"and {len(members) - len(names)} more")
    return ", ".join(names) or "none"


def active_count(members: t.Iterable[BackendServer]) -> int:
    """The number of members that get new requests: those with a weight above 0."""
    return sum(member.weight > 0 for member in members)


def check_min_active(plan: Plan, min_active: int) -> None:
    """Refuse to drain members if fewer than ``min_active`` would be left in traffic.

    A plan without drains always passes; otherwise a group that is already too small could not be refilled.
    """
    left = active_count(plan.group)
    if plan.drains and left < min_active:
        raise SlbError(
            "MinActive",
            f"{left} of {len(plan.group)} members would have a weight above 0, but min_active is {min_active}",
            advice="Restore other members first, or drain fewer at a time.",
        )


def ineffective_weight_reasons(load_balancer: LoadBalancer, listeners: t.Sequence[Listener]) -> list[str]:
    """Why weights of the default server group have no effect: one phrase for each listener concerned.

    Sources: vendor guide "CLB server groups" (weights act with weighted scheduling only); DescribeLoadBalancerListeners
    (a listener with a vServer group does not use the default group). Whether weight 0 drains a server under
    schedulers other than wrr and wlc is undocumented.
    """
    reasons = []
    if load_balancer.status not in (None, "active"):
        reasons.append(f"the load balancer is {load_balancer.status}")
    if not listeners:
        reasons.append("it has no listener")
    for listener in listeners:
        reason = _ineffective_weight_reason(listener)
        if reason:
            reasons.append(f"listener {listener.name} {reason}")
    return reasons


def checked_listeners(listeners: t.Iterable[Listener]) -> list[Listener]:
    """The listeners that check the health of the members of the default server group."""
    return [
        listener
        for listener in listeners
        if listener.health_check and listener.uses_default_group and listener.status != "stopped"
    ]


def health_of(server: BackendServer, listener: Listener, rows: t.Iterable[Health]) -> set[str]:
    """What the listener's health check says about a member: ``normal``, ``abnormal``, ``unavailable``, or several.

    Empty if no row is about this member: its health is unknown. Members that share a server id are told apart by their
    addresses, if the rows have them. A row without a protocol is about every protocol of its port.
    """
    found = [
        row
        for row in rows
        if row.server_id == server.server_id
        and row.listener_port == listener.port
        and row.protocol in (None, listener.protocol)
    ]
    if server.type != "ecs" and server.server_ip:
        own = [row for row in found if row.server_ip and _same_address(row.server_ip, server.server_ip)]
        found = own or [row for row in found if row.server_ip is None]
    return {row.status for row in found}


def unhealthy(
    servers: t.Iterable[BackendServer], listeners: t.Iterable[Listener], rows: t.Iterable[Health]
) -> list[BackendServer]:
    """The members that some listener which checks them does not call healthy, unknown health included.

    ``listeners``: all of the load balancer. ``rows``: all of DescribeHealthStatus.
    """
    checks, rows = checked_listeners(listeners), list(rows)
    return [server for server in servers if any(health_of(server, listener, rows) != {"normal"} for listener in checks)]


def _ineffective_weight_reason(listener: Listener) -> str | None:
    if listener.forward:
        return None  # it redirects, so it has no servers
    if listener.vserver_group_id:
        return f"uses vServer group {listener.vserver_group_id}"
    if listener.master_slave_server_group_id:
        return f"uses master/slave server group {listener.master_slave_server_group_id}"
    if listener.status == "stopped":
        return "is stopped"
    if listener.scheduler is not None and listener.scheduler not in _WEIGHTED_SCHEDULERS:
        return f"schedules by {listener.scheduler}"
    return None


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
