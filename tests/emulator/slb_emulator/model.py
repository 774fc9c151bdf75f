# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the emulator knows: access keys, load balancers, server groups, members. No HTTP, no files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional, Union

from .data_plane import DataPlane, Route
from .listeners import Listener

SERVER_TYPES = ("ecs", "eni", "eci")
HEALTH_STATES = ("normal", "abnormal", "unavailable")
# "Add any" rule of a state without known_servers.
ADDABLE_SERVER_ID = re.compile(r"^(i|eni|eci)-")
TYPE_OF_PREFIX = {"i": "ecs", "eni": "eni", "eci": "eci"}

# A server is known by (ServerId, Type, ServerIp): one ENI id may be present several times with different addresses.
Identity = tuple[str, str, str]
# A member is known by its server and, in a vServer group, its port: the same server may be there with several.
MemberKey = tuple[Identity, Optional[int]]
# The default group among the groups of a load balancer.
DEFAULT_GROUP = ""


@dataclass(frozen=True)
class AccessKey:
    """A key that may call the API. With a security_token every call must carry it."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    status: str = "active"
    token_expired: bool = False


@dataclass(frozen=True)
class BackendServer:
    """A member of a server group. Weight 0..100; empty text stands for "not set"."""

    server_id: str
    weight: int = 100
    type: str = "ecs"
    server_ip: str = ""
    description: str = ""
    health: str = "normal"
    # Of the real process behind the member, for a data plane: host or host:port on loopback.
    address: str = ""
    # None in the default group, where the listener's backend_server_port counts.
    port: int | None = None

    @property
    def identity(self) -> Identity:
        """ServerId, Type, ServerIp."""
        return (self.server_id, self.type, self.server_ip)

    @property
    def key(self) -> MemberKey:
        """What the member is known by in its group."""
        return (self.identity, self.port)


@dataclass
class VServerGroup:
    """A vServer group. backend_servers is replaced as a whole, never edited, so a reader may keep it."""

    vserver_group_id: str
    vserver_group_name: str = ""
    create_time: str = "2026-01-01T00:00:00Z"
    tags: Mapping[str, str] = field(default_factory=dict)
    backend_servers: tuple[BackendServer, ...] = ()
    # As it was before the newest write: what a stale read sees.
    previous_backend_servers: tuple[BackendServer, ...] | None = None
    # Point on the monotonic clock, in seconds, until which other writes are refused.
    busy_until: float = 0.0


@dataclass(frozen=True)
class MasterSlaveServer:
    """One of the two servers of a master/slave group. server_type is Master or Slave."""

    server_id: str
    port: int
    server_type: str
    weight: int = 100
    type: str = "ecs"
    server_ip: str = ""
    description: str = ""


@dataclass(frozen=True)
class MasterSlaveGroup:
    """A master/slave server group: no action changes its weights."""

    master_slave_server_group_id: str
    master_slave_server_group_name: str = ""
    create_time: str = "2026-01-01T00:00:00Z"
    tags: Mapping[str, str] = field(default_factory=dict)
    backend_servers: tuple[MasterSlaveServer, ...] = ()


@dataclass
class LoadBalancer:
    """A load balancer. backend_servers is replaced as a whole, never edited, so a reader may keep it."""

    load_balancer_id: str
    region_id: str
    load_balancer_name: str = ""
    load_balancer_status: str = "active"
    address: str = "192.0.2.10"
    address_type: str = "intranet"
    address_ip_version: str = "ipv4"
    network_type: str = "vpc"
    vpc_id: str = "vpc-example"
    vswitch_id: str = "vsw-example"
    master_zone_id: str = ""
    slave_zone_id: str = ""
    load_balancer_spec: str = "slb.s2.small"
    internet_charge_type: str = "paybytraffic"
    pay_type: str = "PayOnDemand"
    resource_group_id: str = "rg-example"
    bandwidth: int = 5120
    create_time: str = "2026-01-01T00:00:00Z"
    tags: Mapping[str, str] = field(default_factory=dict)
    backend_servers: tuple[BackendServer, ...] = ()
    vserver_groups: tuple[VServerGroup, ...] = ()
    master_slave_groups: tuple[MasterSlaveGroup, ...] = ()
    listeners: tuple[Listener, ...] = ()
    # As it was before the newest write: what a stale read sees.
    previous_backend_servers: tuple[BackendServer, ...] | None = None
    # Point on the monotonic clock, in seconds, until which other writes are refused.
    busy_until: float = 0.0

    def group(self, vserver_group_id: str) -> ServerGroup | None:
        """A group by its id, the default group by DEFAULT_GROUP; None when the load balancer has none of this id."""
        if vserver_group_id == DEFAULT_GROUP:
            return self
        return next((group for group in self.vserver_groups if group.vserver_group_id == vserver_group_id), None)

    def members_by_group(self) -> dict[str, tuple[BackendServer, ...]]:
        """The members of each group, by its id; those of the default group by DEFAULT_GROUP."""
        groups = {group.vserver_group_id: group.backend_servers for group in self.vserver_groups}
        return {DEFAULT_GROUP: self.backend_servers, **groups}

    def routes(self) -> Iterator[Route]:
        """Every way of traffic to the members of the default group or of a vServer group."""
        for listener in self.listeners:
            if listener.uses_default_group or listener.vserver_group_id:
                yield Route(listener, None, listener.vserver_group_id or DEFAULT_GROUP)
            for rule in listener.rules:
                yield Route(listener, rule, rule.vserver_group_id)


# What holds members that actions change: a load balancer is its own default group.
ServerGroup = Union[LoadBalancer, VServerGroup]


@dataclass(frozen=True)
class MemberChange:
    """A member before and after a write; None where it was not, or is no longer, a member.

    vserver_group_id is empty in the default group.
    """

    before: BackendServer | None
    after: BackendServer | None
    vserver_group_id: str = DEFAULT_GROUP

    @property
    def server_id(self) -> str:
        """The id of the member that changed."""
        member = self.after or self.before
        return member.server_id if member else ""

    @property
    def port(self) -> int | None:
        """The port of the member that changed; None in the default group."""
        member = self.after or self.before
        return member.port if member else None

    def __str__(self) -> str:
        before = "absent" if self.before is None else str(self.before.weight)
        after = "absent" if self.after is None else str(self.after.weight)
        member = self.server_id if self.port is None else f"{self.server_id}:{self.port}"
        return f"{member}: {before} -> {after}"


@dataclass
class SlbState:
    """All the emulator serves. Ids are the keys; known_servers None means "any id that looks like one"."""

    access_keys: dict[str, AccessKey]
    load_balancers: dict[str, LoadBalancer]
    known_servers: frozenset[str] | None = None
    # Of the processes behind servers, by ServerId, ServerIp and port: what a server has when the API adds it.
    addresses: dict[tuple[str, str, int | None], str] = field(default_factory=dict)

    def load_balancer_of_group(self, vserver_group_id: str) -> LoadBalancer | None:
        """The load balancer that has a vServer group; None when none has it."""
        return next(
            (
                balancer
                for balancer in self.load_balancers.values()
                if any(group.vserver_group_id == vserver_group_id for group in balancer.vserver_groups)
            ),
            None,
        )

    def may_be_added(self, server_id: str, server_type: str) -> bool:
        """Whether a server of this id and type exists, so that it can become a member."""
        if self.known_servers is not None:
            return server_id in self.known_servers
        prefix = ADDABLE_SERVER_ID.match(server_id)
        return prefix is not None and TYPE_OF_PREFIX[prefix.group(1)] == server_type


def find_member(
    members: Mapping[MemberKey, BackendServer], identity: Identity, port: int | None = None
) -> BackendServer | None:
    """The member an element of BackendServers means, or None.

    An ECS member is found without its ServerIp, an ENI or ECI only with it.
    """
    member = members.get((identity, port))
    server_id, server_type, server_ip = identity
    if member is not None or server_type != "ecs" or server_ip:
        return member
    same = (m for m in members.values() if m.server_id == server_id and m.type == "ecs" and m.port == port)
    return next(same, None)


def by_key(members: Sequence[BackendServer]) -> dict[MemberKey, BackendServer]:
    """Members by their keys, in their order."""
    return {member.key: member for member in members}


def differences(
    before: Sequence[BackendServer], after: Sequence[BackendServer], vserver_group_id: str = DEFAULT_GROUP
) -> list[MemberChange]:
    """What a write changed in a group; unchanged members are left out."""
    old, new = by_key(before), by_key(after)
    changes = []
    for key, member in new.items():
        previous = old.get(key)
        # Most members of a large group are the same object: no need to compare them field by field.
        if previous is not member and previous != member:
            changes.append(MemberChange(previous, member, vserver_group_id))
    changes.extend(MemberChange(member, None, vserver_group_id) for key, member in old.items() if key not in new)
    return changes


def change_members(
    load_balancer: LoadBalancer, group: ServerGroup, members: Sequence[BackendServer], data_plane: DataPlane
) -> list[MemberChange]:
    """Put members in place of those of a group; the only way members change. Returns what changed."""
    group_id = group.vserver_group_id if isinstance(group, VServerGroup) else DEFAULT_GROUP
    changes = differences(group.backend_servers, members, group_id)
    group.previous_backend_servers = group.backend_servers
    group.backend_servers = tuple(members)
    data_plane.on_members_changed(load_balancer)
    return changes


def remove_vserver_group(
    load_balancer: LoadBalancer, vserver_group_id: str, data_plane: DataPlane
) -> list[MemberChange]:
    """Take a vServer group away, unless a listener or a rule uses it: then the API would refuse that too."""
    if any(route.vserver_group_id == vserver_group_id for route in load_balancer.routes()):
        return []
    groups = load_balancer.vserver_groups
    load_balancer.vserver_groups = tuple(group for group in groups if group.vserver_group_id != vserver_group_id)
    data_plane.on_members_changed(load_balancer)
    gone = (group for group in groups if group.vserver_group_id == vserver_group_id)
    return [change for group in gone for change in differences(group.backend_servers, (), vserver_group_id)]


def add_vserver_group(load_balancer: LoadBalancer, group: VServerGroup, data_plane: DataPlane) -> list[MemberChange]:
    """Put a vServer group at the end, unless there is one of its id."""
    if load_balancer.group(group.vserver_group_id) is not None:
        return []
    load_balancer.vserver_groups = (*load_balancer.vserver_groups, replace(group))
    data_plane.on_members_changed(load_balancer)
    return differences((), group.backend_servers, group.vserver_group_id)


@dataclass(frozen=True)
class MemberEdit:
    """A change from outside the API, by server id: a weight, a removal or an addition.

    In a vServer group port narrows it to one member; without a port it is about all ports of the server.
    remove_group takes the whole group away, add_group brings one that is not there yet.
    """

    server_id: str
    weight: int | None = None
    remove: bool = False
    add: BackendServer | None = None
    vserver_group_id: str = DEFAULT_GROUP
    port: int | None = None
    remove_group: bool = False
    add_group: VServerGroup | None = None

    def is_about(self, member: BackendServer) -> bool:
        """Whether the edit is about this member of its group."""
        return member.server_id == self.server_id and self.port in (None, member.port)


def edited(members: Sequence[BackendServer], edit: MemberEdit) -> tuple[BackendServer, ...]:
    """The members of a group after an edit. An edit of a server that is no member changes nothing."""
    if edit.add is not None:
        return (*members, edit.add)
    if edit.remove:
        return tuple(member for member in members if not edit.is_about(member))
    weight = edit.weight
    if weight is None:
        return tuple(members)
    return tuple(replace(m, weight=weight) if edit.is_about(m) else m for m in members)
