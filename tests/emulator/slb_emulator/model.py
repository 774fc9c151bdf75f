# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the emulator knows: access keys, load balancers, members, listeners. No HTTP, no files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SERVER_TYPES = ("ecs", "eni", "eci")
HEALTH_STATES = ("normal", "abnormal", "unavailable")
# "Add any" rule of a state without known_servers.
ADDABLE_SERVER_ID = re.compile(r"^(i|eni|eci)-")
TYPE_OF_PREFIX = {"i": "ecs", "eni": "eni", "eci": "eci"}

# A member is known by (ServerId, Type, ServerIp): one ENI id may be present several times with different addresses.
Identity = tuple[str, str, str]


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
    """A member of the default server group. Weight 0..100; empty text stands for "not set"."""

    server_id: str
    weight: int = 100
    type: str = "ecs"
    server_ip: str = ""
    description: str = ""
    health: str = "normal"
    # Of the real process behind the member, for a data plane: host or host:port on loopback.
    address: str = ""

    @property
    def identity(self) -> Identity:
        """ServerId, Type, ServerIp."""
        return (self.server_id, self.type, self.server_ip)


@dataclass(frozen=True)
class Listener:
    """A listener. One with a server group of its own does not use the default group."""

    listener_port: int
    listener_protocol: str
    # Always there on a listener that uses the default group.
    backend_server_port: int | None = None
    scheduler: str = "wrr"
    status: str = "running"
    vserver_group_id: str = ""
    master_slave_server_group_id: str = ""
    listener_forward: str = "off"
    forward_port: int | None = None
    health_check: str = "on"
    connection_drain: str = "off"
    connection_drain_timeout: int | None = None
    description: str = ""
    # For a data plane: where it takes traffic (None or 0: a free port) and how it checks health.
    data_port: int | None = None
    health_check_uri: str = "/"
    health_check_interval: float = 0.5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2

    @property
    def uses_default_group(self) -> bool:
        """Whether traffic of this listener goes to the members of the default group."""
        has_own_group = bool(self.vserver_group_id or self.master_slave_server_group_id)
        return not has_own_group and self.listener_forward != "on"


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
    backend_servers: tuple[BackendServer, ...] = ()
    listeners: tuple[Listener, ...] = ()
    # As it was before the newest write: what a stale read sees.
    previous_backend_servers: tuple[BackendServer, ...] | None = None
    # Point on the monotonic clock, in seconds, until which other writes are refused.
    busy_until: float = 0.0


@dataclass(frozen=True)
class MemberChange:
    """A member before and after a write; None where it was not, or is no longer, a member."""

    before: BackendServer | None
    after: BackendServer | None

    @property
    def server_id(self) -> str:
        """The id of the member that changed."""
        member = self.after or self.before
        return member.server_id if member else ""

    def __str__(self) -> str:
        before = "absent" if self.before is None else str(self.before.weight)
        after = "absent" if self.after is None else str(self.after.weight)
        return f"{self.server_id}: {before} -> {after}"


class DataPlane:
    """Where weights go and health comes from. This one moves no traffic: health is what the state file says."""

    # Seconds until a change of the members takes effect on the traffic.
    delay: float = 0.0

    def start(self, state: SlbState) -> None:
        """Serve the first state. DocumentError, fit to print, when that cannot be."""

    def stop(self) -> None:
        """End what was started. May be called more than once."""

    def on_state_replaced(self, state: SlbState) -> None:
        """Called before a state takes the place of another, while both are locked. DocumentError refuses it."""

    def on_weights_changed(self, load_balancer: LoadBalancer, changes: Sequence[MemberChange]) -> None:
        """Called after every change of the members, while the state is locked."""

    def health_of(self, load_balancer: LoadBalancer, listener: Listener, member: BackendServer) -> str:
        """ServerHealthStatus of a member behind a listener: normal, abnormal or unavailable."""
        return member.health

    def frontend_url(self, load_balancer_id: str, listener_port: int) -> str | None:
        """Where the traffic of a listener goes in; None when it takes none."""
        return None

    def describe(self) -> dict[str, Any]:
        """What moves where, for the control API."""
        return {"kind": "none", "problem": None, "frontends": [], "skipped": []}


@dataclass
class SlbState:
    """All the emulator serves. Ids are the keys; known_servers None means "any id that looks like one"."""

    access_keys: dict[str, AccessKey]
    load_balancers: dict[str, LoadBalancer]
    known_servers: frozenset[str] | None = None
    # Of the processes behind servers, by ServerId and ServerIp: what a server has when the API adds it.
    addresses: dict[tuple[str, str], str] = field(default_factory=dict)

    def may_be_added(self, server_id: str, server_type: str) -> bool:
        """Whether a server of this id and type exists, so that it can become a member."""
        if self.known_servers is not None:
            return server_id in self.known_servers
        prefix = ADDABLE_SERVER_ID.match(server_id)
        return prefix is not None and TYPE_OF_PREFIX[prefix.group(1)] == server_type


def find_member(
    members: dict[Identity, BackendServer], server_id: str, server_type: str, server_ip: str
) -> BackendServer | None:
    """The member an element of BackendServers means, or None.

    An ECS member is found without its ServerIp, an ENI or ECI only with it.
    """
    member = members.get((server_id, server_type, server_ip))
    if member is not None or server_type != "ecs" or server_ip:
        return member
    return next((m for m in members.values() if m.server_id == server_id and m.type == "ecs"), None)


def by_identity(members: Sequence[BackendServer]) -> dict[Identity, BackendServer]:
    """Members by their identity, in their order."""
    return {member.identity: member for member in members}


def differences(before: Sequence[BackendServer], after: Sequence[BackendServer]) -> list[MemberChange]:
    """What a write changed; unchanged members are left out."""
    old, new = by_identity(before), by_identity(after)
    changes = []
    for key, member in new.items():
        previous = old.get(key)
        # Most members of a large group are the same object: no need to compare them field by field.
        if previous is not member and previous != member:
            changes.append(MemberChange(previous, member))
    changes.extend(MemberChange(member, None) for key, member in old.items() if key not in new)
    return changes


def change_members(
    load_balancer: LoadBalancer, members: Sequence[BackendServer], data_plane: DataPlane
) -> list[MemberChange]:
    """Put members in place of the current ones; the only way members change. Returns what changed."""
    changes = differences(load_balancer.backend_servers, members)
    load_balancer.previous_backend_servers = load_balancer.backend_servers
    load_balancer.backend_servers = tuple(members)
    data_plane.on_weights_changed(load_balancer, changes)
    return changes


@dataclass(frozen=True)
class MemberEdit:
    """A change from outside the API, by server id: a weight, a removal or an addition."""

    server_id: str
    weight: int | None = None
    remove: bool = False
    add: BackendServer | None = None


def edited(members: Sequence[BackendServer], edit: MemberEdit) -> tuple[BackendServer, ...]:
    """The members after an edit. An edit of a server that is no member changes nothing."""
    if edit.add is not None:
        return (*members, edit.add)
    if edit.remove:
        return tuple(member for member in members if member.server_id != edit.server_id)
    weight = edit.weight
    if weight is None:
        return tuple(members)
    return tuple(replace(m, weight=weight) if m.server_id == edit.server_id else m for m in members)
