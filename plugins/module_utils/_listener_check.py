# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The option ``check_listeners``: reads what it takes to know where weights have no effect."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import Finding, Traffic, find
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import (
    Route,
    add_rules,
    listener_routes,
    may_have_rules,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import ServerGroups


class ListenerCheck:
    """A check of one load balancer. ``listeners``: None until findings() has read them.

    Takes one call for the listeners. If vServer groups may be involved, it takes one for the list of them, unless that
    is known; one for each HTTP or HTTPS listener, if there are rules; and for a drain one for each group that a listener
    or rule uses and the task has not read, master/slave groups included.
    """

    def __init__(self, client: Client, groups: ServerGroups) -> None:
        self.listeners: list[Listener] | None = None
        self._client = client
        self._id = groups.load_balancer_id
        self._groups = groups

    def findings(self, requested: t.Sequence[Change], *, all_groups: bool) -> list[Finding]:
        """See _listener_findings.find. Raises SlbError."""
        self.listeners = listeners = _slb.describe_listeners(self._client, self._id)
        drains = any(not change.after for change in requested)
        routes, listed = self._routes(listeners, drains or any(change.group_id for change in requested))
        load_balancer = self._groups.load_balancer or _slb.describe_load_balancer(self._client, self._id)
        default_group = ServerGroup(None, None, load_balancer.backend_servers)
        traffic = Traffic(
            status=load_balancer.status,
            listeners=listeners,
            routes=routes,
            groups=[default_group, *(self._with_members(group, routes) if drains else group for group in listed)],
            pairs=self._pairs(listeners) if drains else {},
        )
        return find(traffic, requested, all_groups=all_groups)

    def _with_members(self, group: ServerGroup, routes: t.Sequence[Route]) -> ServerGroup:
        """The group as the task has read it or, if something uses it, read now. Others get no traffic."""
        for known in self._groups.groups:
            if known.vserver_group_id == group.vserver_group_id:
                return known
        if group.rules or any(route.vserver_group_id == group.vserver_group_id for route in routes):
            return _slb.describe_vserver_group(self._client, self._id, group)
        return group

    def _routes(
        self, listeners: t.Sequence[Listener], needs_groups: bool
    ) -> tuple[list[Route], t.Sequence[ServerGroup]]:
        """The routes, and all vServer groups as listed; those are not listed if no listener can lead to one."""
        uses_groups = any(may_have_rules(listener) or listener.vserver_group_id for listener in listeners)
        if not needs_groups or not uses_groups:
            return [route for listener in listeners for route in listener_routes(listener)], self._groups.listed or ()
        groups = self._groups.list_vserver_groups()
        return add_rules(self._client, self._id, listeners, groups), groups

    def _pairs(self, listeners: t.Sequence[Listener]) -> dict[str, list[BackendServer] | None]:
        """The servers of each master/slave group in use; None where they cannot be read, for lack of a permission perhaps."""
        pairs: dict[str, list[BackendServer] | None] = {}
        for listener in listeners:
            pair_id = listener.master_slave_server_group_id
            if pair_id and pair_id not in pairs:
                pairs[pair_id] = None
                with contextlib.suppress(SlbError):
                    pairs[pair_id] = _slb.describe_master_slave_server_group(self._client, pair_id)
        return pairs
