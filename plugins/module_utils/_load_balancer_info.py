# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What ``slb_backend_info`` reads of one load balancer, and what it reports."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _health
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import active_count
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Health,
    Listener,
    Rule,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import counts
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, add_rules, listener_routes
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import (
    ALL_GROUPS,
    DEFAULT_GROUP,
    ServerGroups,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import (
    describe_health_status,
    describe_listeners,
)

PARTS = ("members", "health", "listeners")
Unhealthy = list[tuple[BackendServer, list[str]]]


class LoadBalancerInfo:
    """Reads parts of one load balancer. ``all_groups``: those of its vServer groups and forwarding rules, too."""

    def __init__(self, client: Client, load_balancer_id: str, *, all_groups: bool) -> None:
        self.warnings: list[str] = []
        self._client = client
        self._id = load_balancer_id
        self._all_groups = all_groups
        self._groups = ServerGroups(client, load_balancer_id)
        self._rows: list[Health] | None = None
        self._listeners: list[Listener] | None = None
        self._routes: list[Route] = []

    def read(self, gather: t.Sequence[str]) -> None:
        """Read these of PARTS. Raises SlbError."""
        if "members" in gather:
            self._groups.read(ALL_GROUPS if self._all_groups else DEFAULT_GROUP)
        if "health" in gather:
            self._read_health()
        if "listeners" in gather:
            self._listeners = describe_listeners(self._client, self._id)
            self._routes = self._read_routes(self._listeners)

    def _read_health(self) -> None:
        self._rows = describe_health_status(self._client, self._id)

    def _read_routes(self, listeners: t.Sequence[Listener]) -> list[Route]:
        if self._all_groups:
            return add_rules(self._client, self._id, listeners, self._groups.list_vserver_groups())
        return [route for listener in listeners for route in listener_routes(listener)]

    def wait_for_healthy(self, server_ids: t.Sequence[str]) -> None:
        """Read the health until every member of these servers is healthy, on each listener or rule that checks it.

        All parts must have been read. Raises SlbError when the time of the client is up.
        """
        servers = self._members_of(server_ids)
        attempts = 0
        while True:
            attempts += 1
            unhealthy = [row for row in self._unhealthy() if row[0] in servers]
            if not unhealthy:
                return
            if not self._client.deadline.pause(attempts):
                raise _not_healthy(unhealthy)
            self._read_health()

    def _members_of(self, server_ids: t.Sequence[str]) -> list[BackendServer]:
        servers = [member for member in self._groups.members if member.server_id in server_ids]
        known = {server.server_id for server in servers}
        missing = [server_id for server_id in server_ids if server_id not in known]
        if missing:
            place = "in none of the server groups" if self._all_groups else "not in the default server group"
            advice = "Check the ids." if self._all_groups else "Check the ids, or set server_groups to all."
            raise SlbError("UnknownMember", f"{place} of {self._id}: {', '.join(missing)}", advice=advice)
        unchecked = [server.name for server in servers if not _health.checks_of(server, self._routes)]
        if unchecked:
            self.warnings.append(f"Nothing checks the health of {', '.join(unchecked)}, members of {self._id}")
        return servers

    def _unhealthy(self) -> Unhealthy:
        rows = self._rows or ()
        found = [(server, _health.findings(server, self._routes, rows)) for server in self._groups.members]
        return [(server, reasons) for server, reasons in found if reasons]

    def result(self) -> dict[str, t.Any]:
        """The result keys for the parts that were read."""
        result = self._members() if self._groups.is_read else {}
        if self._rows is not None:
            result["health"] = [row.as_dict() for row in self._rows]
        if self._listeners is not None:
            result["listeners"] = [listener.as_dict() for listener in self._listeners]
            if self._all_groups:
                result["rules"] = [_rule(route, route.rule) for route in self._routes if route.rule]
        if self._groups.is_read and self._rows is not None and self._listeners is not None:
            result["unhealthy"] = [{**server.as_dict(), "reasons": reasons} for server, reasons in self._unhealthy()]
        return result

    def summary(self) -> list[str]:
        """Lines for people: each server group, and after it each member with its weight and health.

        All parts must have been read.
        """
        load_balancer = self._groups.load_balancer
        name = f"{self._id} ({load_balancer.name})" if load_balancer and load_balancer.name else self._id
        lines = []
        for group in self._groups.groups:
            members = group.backend_servers
            lines.append(f"{name}, {group.name}: {active_count(members)} of {len(members)} members in traffic")
            lines += [f"{member.short_name}: weight {member.weight}, {self._condition(member)}" for member in members]
        return [printable(line) for line in lines]

    def _condition(self, member: BackendServer) -> str:
        states = _health.states(member, self._routes, self._rows or ())
        return ", ".join(f"{state} on {route}" for route, state in states) or "nothing checks its health"

    def _members(self) -> dict[str, t.Any]:
        members, groups, load_balancer = self._groups.members, self._groups.groups, self._groups.load_balancer
        active = [active_count(group.backend_servers) for group in groups if group.backend_servers]
        return {
            "load_balancer_name": load_balancer and load_balancer.name,
            "load_balancer_status": load_balancer and load_balancer.status,
            "address": load_balancer and load_balancer.address,
            "backend_servers": [server.as_dict() for server in members],
            "server_groups": [_group(group) for group in groups],
            "drained": [server.as_dict() for server in members if not server.weight],
            "active_count": min(active, default=0),
        }


def _group(group: ServerGroup) -> dict[str, t.Any]:
    rules = [rule.as_dict() for rule in group.rules]
    return {**counts(group), "listeners": list(group.listeners), "rules": rules}


def _rule(route: Route, rule: Rule) -> dict[str, t.Any]:
    return {
        **rule._asdict(),
        "scheduler": route.scheduler,
        "health_check": route.health_check,
        "listener_port": route.listener.port,
        "listener_protocol": route.listener.protocol,
    }


def _not_healthy(unhealthy: Unhealthy) -> SlbError:
    words = [f"{server.name} is {', '.join(reasons)}" for server, reasons in unhealthy]
    return SlbError(
        "NotHealthy",
        f"not healthy within wait_timeout: {'; '.join(words)}",
        advice="Check the servers and their health checks, or raise wait_timeout. Unknown means that the API lists no health "
        "of the member there.",
    )
