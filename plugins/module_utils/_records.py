# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Plain records of what the API describes."""

from __future__ import annotations

import typing as t

# What identifies a member: vServer group (None: the default group), ServerId, Type, ServerIp, Port (None likewise).
BackendServerKey = tuple[t.Optional[str], str, str, str, t.Optional[int]]


class BackendServer(t.NamedTuple):
    """One member of a server group: a backend server and, in a vServer group, one of its ports.

    ``port``, ``vserver_group_id`` and ``vserver_group_name``: None in the default group.
    """

    server_id: str
    weight: int
    type: str = "ecs"
    server_ip: str | None = None
    description: str | None = None
    port: int | None = None
    vserver_group_id: str | None = None
    vserver_group_name: str | None = None

    @property
    def key(self) -> BackendServerKey:
        """An ENI or ECI can be a member several times, once per address; in a vServer group any server, once per port."""
        address = "" if self.type == "ecs" else self.server_ip or ""
        return (self.vserver_group_id, self.server_id, self.type, address, self.port)

    @property
    def short_name(self) -> str:
        """The member's name within its group: the server id, with address and port if they are part of its identity."""
        name = f"{self.server_id} ({self.server_ip})" if self.type != "ecs" and self.server_ip else self.server_id
        return name if self.port is None else f"{name} port {self.port}"

    @property
    def name(self) -> str:
        """The member's name in messages and diffs. Only a vServer group is named: most load balancers have none."""
        if self.vserver_group_id is None:
            return self.short_name
        return f"{self.short_name} in {group_name(self.vserver_group_id, self.vserver_group_name)}"

    def as_dict(self) -> dict[str, t.Any]:
        return self._asdict()


def group_name(vserver_group_id: str | None, vserver_group_name: str | None) -> str:
    """What messages call a server group."""
    if vserver_group_id is None:
        return "the default server group"
    if vserver_group_name in (None, vserver_group_id):
        return f"vServer group {vserver_group_id}"
    return f"vServer group {vserver_group_name} ({vserver_group_id})"


class ListedRule(t.NamedTuple):
    """A forwarding rule, as DescribeVServerGroups lists it beside its group: without its listener."""

    rule_id: str
    name: str | None = None
    domain: str | None = None
    url: str | None = None

    def as_dict(self) -> dict[str, t.Any]:
        return self._asdict()


class Rule(t.NamedTuple):
    """A forwarding rule of a listener, as DescribeRules lists it.

    ``listener_sync``: whether scheduler and health check are the listener's. Otherwise ``scheduler`` and
    ``health_check`` are the rule's own; None for what the response leaves out.
    """

    rule_id: str
    name: str | None
    domain: str | None
    url: str | None
    vserver_group_id: str | None
    listener_sync: bool
    scheduler: str | None
    health_check: bool | None


class ServerGroup(t.NamedTuple):
    """A server group of a load balancer. ``vserver_group_id``: None for the default group, which has no name either.

    ``listeners`` (such as ``http:80``) and ``rules``: what uses a vServer group; empty for the default group, of which
    only the listeners themselves say that they use it.
    """

    vserver_group_id: str | None
    vserver_group_name: str | None
    backend_servers: tuple[BackendServer, ...]
    listeners: tuple[str, ...] = ()
    rules: tuple[ListedRule, ...] = ()

    @property
    def name(self) -> str:
        return group_name(self.vserver_group_id, self.vserver_group_name)


class LoadBalancer(t.NamedTuple):
    """A load balancer with its default server group. ``status``: active, inactive or locked."""

    load_balancer_id: str
    name: str | None
    status: str | None
    address: str | None
    backend_servers: tuple[BackendServer, ...]


class ListedLoadBalancer(t.NamedTuple):
    """A load balancer, as DescribeLoadBalancers lists it: without its members."""

    load_balancer_id: str
    name: str | None
    status: str | None
    address: str | None
    resource_group_id: str | None


class Listener(t.NamedTuple):
    """A listener, as DescribeLoadBalancerListeners lists it; None for what the response leaves out.

    ``scheduler``: wrr, wlc, rr, sch, tch or qch. ``status``: running, stopped or a state in between.
    ``health_check`` and ``forward``: the API's on/off as a bool. ``connection_drain_timeout``: seconds.
    """

    port: int
    protocol: str
    backend_server_port: int | None
    scheduler: str | None
    status: str | None
    vserver_group_id: str | None
    master_slave_server_group_id: str | None
    health_check: bool | None
    forward: bool
    connection_drain_timeout: int | None

    @property
    def name(self) -> str:
        return f"{self.protocol}:{self.port}"

    def as_dict(self) -> dict[str, t.Any]:
        return self._asdict()


class Health(t.NamedTuple):
    """One row of DescribeHealthStatus: a member as seen by one listener.

    ``status``: normal, abnormal or unavailable. The last means that the check has not finished or is switched off.
    """

    server_id: str
    server_ip: str | None
    type: str | None
    listener_port: int | None
    protocol: str | None
    port: int | None
    status: str

    def as_dict(self) -> dict[str, t.Any]:
        return self._asdict()
