# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The routes of load balancers, through listeners and rules, read once in a run."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import Listener, Rule, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, read_routes
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

Json = dict[str, t.Any]


class SharedRoutes:
    """What the hosts of a run know about routes. ``connection``: tells APIs and accounts apart."""

    def __init__(self, bench: Workbench, connection: str) -> None:
        self._bench = bench
        self._batch = Batch(bench.scratch, bench.run)
        self._connection = connection

    def of_entries(self, entries: t.Sequence[Entry]) -> list[Route]:
        """The routes of a load balancer, as far as they concern these entries of it. Raises SlbError."""
        load_balancer_id, region = entries[0].load_balancer_id, entries[0].region
        kept = self.kept(load_balancer_id)
        if kept is not None:
            return kept
        client = self._bench.client_for(region)
        groups: t.Sequence[ServerGroup] = ()
        if any(entry.group for entry in entries):
            groups = _slb.describe_vserver_groups(client, load_balancer_id)
        routes = read_routes(client, load_balancer_id, groups)
        if groups or not any(route.vserver_group_id for route in routes):
            self.keep(load_balancer_id, routes)
        return routes

    def kept(self, load_balancer_id: str) -> list[Route] | None:
        rows = self._batch.recall(self._key(load_balancer_id))
        return None if rows is None else [route_from_json(row) for row in rows]

    def keep(self, load_balancer_id: str, routes: t.Sequence[Route]) -> None:
        self._batch.remember(self._key(load_balancer_id), [route_as_json(route) for route in routes])

    def _key(self, load_balancer_id: str) -> str:
        return f"routes {self._connection} {load_balancer_id}"


def route_as_json(route: Route) -> Json:
    rule = None if route.rule is None else list(route.rule)
    return {"listener": list(route.listener), "rule": rule, "group": route.vserver_group_id}


def route_from_json(row: Json) -> Route:
    return Route(Listener(*row["listener"]), row["rule"] and Rule(*row["rule"]), row["group"])
