# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listeners, their forwarding rules, and the ways of traffic through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Rule:
    """A forwarding rule: requests of a domain, below a path, or both, go to a vServer group.

    With listener_sync "off" the scheduler and the health check are its own, with "on" they are those of the listener.
    """

    rule_id: str
    vserver_group_id: str
    rule_name: str = ""
    domain: str = ""
    url: str = ""
    listener_sync: str = "on"
    scheduler: str = "wrr"
    health_check: str = "on"
    health_check_uri: str = "/"


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
    rules: tuple[Rule, ...] = ()
    # For a data plane: where it takes traffic (None or 0: a free port) and how it checks health.
    data_port: int | None = None
    health_check_uri: str = "/"
    health_check_interval: float = 0.5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 2

    @property
    def uses_default_group(self) -> bool:
        """Whether traffic of this listener that no rule takes goes to the members of the default group."""
        has_own_group = bool(self.vserver_group_id or self.master_slave_server_group_id)
        return not has_own_group and self.listener_forward != "on"


class Route(NamedTuple):
    """A way of traffic to the members of one group: through a listener, or through one of its rules.

    vserver_group_id is empty where it leads to the default group.
    """

    listener: Listener
    rule: Rule | None
    vserver_group_id: str

    @property
    def scheduler(self) -> str:
        """The scheduler that chooses among the members."""
        return self.rule.scheduler if self.rule and self.rule.listener_sync == "off" else self.listener.scheduler

    @property
    def health_check(self) -> str:
        """Whether the members are checked: on or off."""
        return self.rule.health_check if self.rule and self.rule.listener_sync == "off" else self.listener.health_check

    @property
    def health_check_uri(self) -> str:
        """What a check of http and https asks for."""
        rule = self.rule if self.rule and self.rule.listener_sync == "off" else None
        return rule.health_check_uri if rule else self.listener.health_check_uri
