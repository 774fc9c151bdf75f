# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The vServer groups of load balancers, and the routes to them, listed once in a run."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, read_routes
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import ServerGroups
from ansible_collections.aliyun_community.slb.plugins.module_utils._snapshots import (
    group_as_json,
    group_from_json,
    route_as_json,
    route_from_json,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench


class SharedRoutes:
    """What the hosts of a run know about groups and routes. ``connection``: tells APIs and accounts apart."""

    def __init__(self, bench: Workbench, connection: str) -> None:
        self._bench = bench
        self._batch = Batch(bench.scratch, bench.run)
        self._connection = connection

    def of_entries(self, entries: t.Sequence[Entry]) -> list[Route]:
        """The routes of a load balancer, as far as they concern these entries of it. Raises SlbError."""
        load_balancer_id, region = entries[0].load_balancer_id, entries[0].region
        rows = self._batch.recall(self._key("routes", load_balancer_id))
        if rows is not None:
            return [route_from_json(row) for row in rows]
        client = self._bench.client_for(region)
        listed = self.listed(load_balancer_id)
        if listed is None and any(entry.group for entry in entries):
            listed = _slb.describe_vserver_groups(client, load_balancer_id)
        routes = read_routes(client, load_balancer_id, listed or ())
        if listed is not None:
            self.keep_routes(load_balancer_id, routes)
        return routes

    def keep_routes(self, load_balancer_id: str, routes: t.Sequence[Route]) -> None:
        self._batch.remember(self._key("routes", load_balancer_id), [route_as_json(route) for route in routes])

    def listed(self, load_balancer_id: str) -> list[ServerGroup] | None:
        """The vServer groups as this run listed them last, without members; None if it has not."""
        kept = self._batch.recall(self._key("groups", load_balancer_id))
        return None if kept is None else [group_from_json(row) for row in kept]

    def keep_listed(self, groups: ServerGroups) -> None:
        """Keep a list of vServer groups for the next drain."""
        if groups.listed is not None:
            rows = [group_as_json(group) for group in groups.listed]
            self._batch.remember(self._key("groups", groups.load_balancer_id), rows)

    def _key(self, what: str, load_balancer_id: str) -> str:
        return f"{what} {self._connection} {load_balancer_id}"
