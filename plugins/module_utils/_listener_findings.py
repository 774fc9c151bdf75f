# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Where weights have no effect, and where traffic still reaches a server that a task drains. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, group_ids
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Listener,
    ServerGroup,
    group_name,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, rule_name

_KUBERNETES = "k8s/"  # how the vendor's cloud controller names its groups (vgroups.go, NamedKey)
_MEMBERS_LISTED = 5  # in one finding

USE_WEIGHTS = "Set the scheduler to wrr or wlc."
START_IT = "Start the listener or the load balancer."
ADD_LISTENER = "Check which server groups the listeners and rules use."
ALL_GROUPS_TOO = "Drain the server there too, with server_groups: all or vserver_group."
REMOVE_IT = "Weights do not drain a master/slave server group: remove the server from it."
USE_KUBERNETES = "Drain the node in Kubernetes: its cloud controller resets weights, unless ignore-weight-update is set on the service."


class Finding(t.NamedTuple):
    """Why weights may have no effect, as a phrase, and a sentence about what to do."""

    text: str
    remedy: str


class Traffic(t.NamedTuple):
    """How traffic gets to the servers of a load balancer.

    ``status``: of the load balancer; None if it is not known. ``routes``: through ``listeners`` and their rules.
    ``groups``: the default group and the vServer groups, with their members if something uses them and a server is
    drained. ``pairs``: the servers of each master/slave group; None for one whose servers are not known.
    """

    status: str | None
    listeners: t.Sequence[Listener]
    routes: t.Sequence[Route]
    groups: t.Sequence[ServerGroup]
    pairs: t.Mapping[str, t.Sequence[BackendServer] | None]


def find(traffic: Traffic, requested: t.Sequence[Change], *, all_groups: bool) -> list[Finding]:
    """Where weights have no effect, or traffic still reaches a server that is drained.

    ``requested``: the members that a task names, with their new weights. ``all_groups``: whether the task is about
    every group that has its servers. Sources: vendor guide "CLB server groups" (weights act with weighted scheduling
    only); DescribeLoadBalancerListeners (a listener with a vServer group does not use the default group). Whether
    weight 0 drains a server under schedulers other than wrr and wlc is undocumented.
    """
    return _Finder(traffic, requested, all_groups).find()


class _Finder:
    def __init__(self, traffic: Traffic, requested: t.Sequence[Change], all_groups: bool) -> None:
        self._traffic = traffic
        self._all_groups = all_groups
        self._changed = group_ids(change for change in requested if change.after != change.server.weight)
        self._drained = {_server(change.server) for change in requested if not change.after}
        self._named = {(change.group_id, _server(change.server)) for change in requested}
        self._groups = {group.vserver_group_id: group for group in traffic.groups}

    def find(self) -> list[Finding]:
        found = []
        if self._traffic.status not in (None, "active"):
            found.append(Finding(f"the load balancer is {self._traffic.status}", START_IT))
        if not self._traffic.listeners:
            found.append(Finding("it has no listener", ADD_LISTENER))
        else:
            found += self._unused()
        for listener in self._traffic.listeners:
            found += self._through(listener)
        return [*found, *self._hidden_rules(), *self._kubernetes()]

    def _unused(self) -> list[Finding]:
        """Groups that the task changes and nothing uses. Of all groups some may be spare, but not each of them."""
        used = {route.vserver_group_id for route in self._traffic.routes}
        used |= {group.vserver_group_id for group in self._traffic.groups if group.listeners or group.rules}
        unused = [group for group in self._changed if group not in used]
        if self._all_groups and len(unused) < len(self._changed):
            return []
        return [Finding(f"no listener or rule uses {self._name(group)}", ADD_LISTENER) for group in unused]

    def _through(self, listener: Listener) -> list[Finding]:
        found = []
        for route in self._traffic.routes:
            if route.listener == listener:
                found += self._on_route(route)
        pair_id = listener.master_slave_server_group_id
        if pair_id and not listener.forward and self._has_drained(pair_id):
            text = f"listener {listener.name} uses master/slave server group {pair_id}"
            found.append(Finding(text, REMOVE_IT))
        return found

    def _on_route(self, route: Route) -> list[Finding]:
        group_id = route.vserver_group_id
        found = []
        if group_id in self._changed:
            place = "" if group_id is None else f" to {self._name(group_id)}"
            if route.is_stopped:
                found.append(Finding(f"{route.name}{place} is stopped", START_IT))
            elif not route.obeys_weights:
                found.append(Finding(f"{route.name}{place} schedules by {route.scheduler}", USE_WEIGHTS))
        left = self._left_in(group_id)
        if left is not None:
            found.append(Finding(f"{route.name} uses {self._name(group_id)}{left}", self._remedy(group_id)))
        return found

    def _hidden_rules(self) -> list[Finding]:
        """Rules that lead to a group, by the list of groups, and that no listener showed."""
        shown = {route.rule.rule_id for route in self._traffic.routes if route.rule}
        return [
            Finding(f"{rule_name(rule.rule_id, rule.name)} uses {group.name}{left}", self._remedy(group_id))
            for group_id, group in self._groups.items()
            for rule in group.rules
            if rule.rule_id not in shown and (left := self._left_in(group_id)) is not None
        ]

    def _left_in(self, group_id: str | None) -> str | None:
        """What of the drained servers stays in traffic in a group, as the end of a phrase; None if nothing does."""
        if not self._drained:
            return None
        group = self._groups.get(group_id)
        if group is None:
            return ", whose members are not known"
        left = [
            f"{server.short_name} keeps weight {server.weight}"
            for server in group.backend_servers
            if server.weight and _server(server) in self._drained and (group_id, _server(server)) not in self._named
        ]
        if not left:
            return None
        more = f" and {len(left) - _MEMBERS_LISTED} more" if len(left) > _MEMBERS_LISTED else ""
        return f", in which {', '.join(left[:_MEMBERS_LISTED])}{more}"

    def _has_drained(self, pair_id: str) -> bool:
        """Whether a drained server may be one of a pair. The API shows no addresses there, so id and type must do."""
        pair = self._traffic.pairs.get(pair_id)
        drained = {server[:2] for server in self._drained}
        return bool(drained) and (pair is None or any(_server(server)[:2] in drained for server in pair))

    def _kubernetes(self) -> list[Finding]:
        managed = [group for group in self._changed if self._is_kubernetes(group)]
        return [Finding(f"Kubernetes manages {self._name(group)}", USE_KUBERNETES) for group in managed]

    def _is_kubernetes(self, group_id: str | None) -> bool:
        group = self._groups.get(group_id)
        return group is not None and (group.vserver_group_name or "").startswith(_KUBERNETES)

    def _remedy(self, group_id: str | None) -> str:
        return USE_KUBERNETES if self._is_kubernetes(group_id) else ALL_GROUPS_TOO

    def _name(self, group_id: str | None) -> str:
        group = self._groups.get(group_id)
        return group.name if group else group_name(group_id, None)


def _server(member: BackendServer) -> tuple[str, ...]:
    """What identifies the server of a member in every group."""
    return member.key[1:4]


def remedies(findings: t.Iterable[Finding]) -> str:
    """What to do about the findings, each sentence once."""
    return " ".join(dict.fromkeys(finding.remedy for finding in findings))
