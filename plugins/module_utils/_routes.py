# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Routes: every way in which traffic reaches a server group, through a listener or a forwarding rule of one."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import Listener, Rule, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import describe_listeners, describe_rules

_PROTOCOLS_WITH_RULES = ("http", "https")
_WEIGHTED_SCHEDULERS = ("wrr", "wlc")


class Route(t.NamedTuple):
    """A way to a server group. ``rule``: None for the listener's own group. ``vserver_group_id``: None for the default one."""

    listener: Listener
    rule: Rule | None
    vserver_group_id: str | None

    @property
    def name(self) -> str:
        listener = f"listener {self.listener.name}"
        return listener if self.rule is None else f"{rule_name(self.rule.rule_id, self.rule.name)} of {listener}"

    @property
    def scheduler(self) -> str | None:
        """That of the listener, unless the rule has one of its own."""
        return self.rule.scheduler if self.rule and not self.rule.listener_sync else self.listener.scheduler

    @property
    def health_check(self) -> bool:
        """Whether the members are checked: by the listener's health check, unless the rule has one of its own."""
        return bool(self.rule.health_check if self.rule and not self.rule.listener_sync else self.listener.health_check)

    @property
    def is_stopped(self) -> bool:
        return self.listener.status == "stopped"

    @property
    def obeys_weights(self) -> bool:
        """Whether the scheduler is one with weights, or not known (vendor guide "CLB server groups")."""
        return self.scheduler is None or self.scheduler in _WEIGHTED_SCHEDULERS


def rule_name(rule_id: str, name: str | None) -> str:
    return f"rule {rule_id}" if name is None else f"rule {name} ({rule_id})"


def may_have_rules(listener: Listener) -> bool:
    """Only HTTP and HTTPS listeners have forwarding rules, and one that redirects has none."""
    return listener.protocol in _PROTOCOLS_WITH_RULES and not listener.forward


def read_routes(client: Client, load_balancer_id: str, groups: t.Sequence[ServerGroup]) -> list[Route]:
    """The routes of a load balancer. ``groups``: all its vServer groups, as listed. Raises SlbError."""
    return add_rules(client, load_balancer_id, describe_listeners(client, load_balancer_id), groups)


def add_rules(
    client: Client, load_balancer_id: str, listeners: t.Sequence[Listener], groups: t.Sequence[ServerGroup]
) -> list[Route]:
    """The routes through these listeners: one more call for each that may have rules, until all listed rules are found.

    A list of groups says which rules lead there, but not which listeners the rules belong to.
    """
    wanted = {rule.rule_id for group in groups for rule in group.rules}
    routes: list[Route] = []
    for listener in listeners:
        routes += listener_routes(listener)
        if wanted and may_have_rules(listener):
            rules = describe_rules(client, load_balancer_id, listener)
            wanted -= {rule.rule_id for rule in rules}
            routes += [Route(listener, rule, rule.vserver_group_id) for rule in rules if rule.vserver_group_id]
    return routes


def listener_routes(listener: Listener) -> list[Route]:
    """The route to the listener's own group, if it has one whose weights can be set."""
    if listener.forward or listener.master_slave_server_group_id:
        return []
    return [Route(listener, None, listener.vserver_group_id)]
