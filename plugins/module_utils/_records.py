# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Plain records of what the API describes."""

from __future__ import annotations

import typing as t

# What identifies a member of a default server group: ServerId, Type, ServerIp.
BackendServerKey = tuple[str, str, str]


class BackendServer(t.NamedTuple):
    """One backend server of a default server group, as DescribeLoadBalancerAttribute lists it."""

    server_id: str
    weight: int
    type: str = "ecs"
    server_ip: str | None = None
    description: str | None = None

    @property
    def key(self) -> BackendServerKey:
        """An ENI or ECI can be a member several times, once per address; an ECS instance only once."""
        return (self.server_id, self.type, "" if self.type == "ecs" else self.server_ip or "")

    @property
    def name(self) -> str:
        """The member's name in messages and diffs: the server id, with the address if that is part of its identity."""
        return f"{self.server_id} ({self.server_ip})" if self.type != "ecs" and self.server_ip else self.server_id

    def as_dict(self) -> dict[str, t.Any]:
        return self._asdict()


class LoadBalancer(t.NamedTuple):
    """A load balancer with its default server group. ``status``: active, inactive or locked."""

    load_balancer_id: str
    name: str | None
    status: str | None
    address: str | None
    backend_servers: tuple[BackendServer, ...]


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

    @property
    def uses_default_group(self) -> bool:
        """Whether its requests go to the default server group: a listener that redirects has no servers at all."""
        return not (self.forward or self.vserver_group_id or self.master_slave_server_group_id)

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
