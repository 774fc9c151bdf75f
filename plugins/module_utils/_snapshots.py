# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What a run has read, as JSON for its other hosts, and back. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import Traffic
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    ListedRule,
    Listener,
    LoadBalancer,
    Rule,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route

Json = dict[str, t.Any]


class Snapshot(t.NamedTuple):
    """A load balancer with its server groups, as one look has found them. ``groups``: the default one first."""

    load_balancer: LoadBalancer
    groups: tuple[ServerGroup, ...]

    @property
    def members(self) -> tuple[BackendServer, ...]:
        return tuple(server for group in self.groups for server in group.backend_servers)

    def as_json(self) -> Json:
        plain = self.load_balancer._replace(backend_servers=())
        return {"load_balancer": list(plain), "groups": [group_as_json(group) for group in self.groups]}

    @classmethod
    def from_json(cls, row: Json) -> Snapshot:
        groups = tuple(group_from_json(each) for each in row["groups"])
        plain = LoadBalancer(*row["load_balancer"])
        return cls(plain._replace(backend_servers=groups[0].backend_servers), groups)


def group_as_json(group: ServerGroup) -> Json:
    return {
        **group._asdict(),
        "backend_servers": [list(server) for server in group.backend_servers],
        "rules": [list(rule) for rule in group.rules],
    }


def group_from_json(row: Json) -> ServerGroup:
    return ServerGroup(
        row["vserver_group_id"],
        row["vserver_group_name"],
        tuple(BackendServer(*server) for server in row["backend_servers"]),
        tuple(row["listeners"]),
        tuple(ListedRule(*rule) for rule in row["rules"]),
    )


def traffic_as_json(traffic: Traffic) -> Json:
    return {
        "status": traffic.status,
        "listeners": [list(listener) for listener in traffic.listeners],
        "routes": [route_as_json(route) for route in traffic.routes],
        "groups": [group_as_json(group) for group in traffic.groups],
        "pairs": {name: pair and [list(server) for server in pair] for name, pair in traffic.pairs.items()},
    }


def traffic_from_json(row: Json) -> Traffic:
    return Traffic(
        row["status"],
        [Listener(*listener) for listener in row["listeners"]],
        [route_from_json(route) for route in row["routes"]],
        [group_from_json(group) for group in row["groups"]],
        {name: pair and [BackendServer(*server) for server in pair] for name, pair in row["pairs"].items()},
    )


def route_as_json(route: Route) -> Json:
    rule = None if route.rule is None else list(route.rule)
    return {"listener": list(route.listener), "rule": rule, "group": route.vserver_group_id}


def route_from_json(row: Json) -> Route:
    return Route(Listener(*row["listener"]), row["rule"] and Rule(*row["rule"]), row["group"])
