# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The seam between the emulated API and the traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .listeners import Listener, Rule

if TYPE_CHECKING:
    from .model import BackendServer, LoadBalancer, SlbState


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


class DataPlane:
    """Where weights go and health comes from. This one moves no traffic: health is what the state file says."""

    # Seconds until a change of the members takes effect on the traffic.
    delay: float = 0.0

    def start(self, state: SlbState) -> None:
        """Serve the first state. DocumentError, fit to print, when that cannot be."""

    def stop(self) -> None:
        """End what was started. May be called more than once."""

    def on_state_replaced(self, state: SlbState) -> None:
        """Called before a state takes the place of another, while both are locked. DocumentError refuses it."""

    def on_members_changed(self, load_balancer: LoadBalancer) -> None:
        """Called after every change of the members of a group, while the state is locked."""

    def health_of(self, load_balancer: LoadBalancer, route: Route, member: BackendServer) -> str:
        """ServerHealthStatus of a member at the end of a route: normal, abnormal or unavailable."""
        return member.health

    def frontend_url(self, load_balancer_id: str, listener_port: int) -> str | None:
        """Where the traffic of a listener goes in; None when it takes none."""
        return None

    def describe(self) -> dict[str, Any]:
        """What moves where, for the control API."""
        return {"kind": "none", "problem": None, "frontends": [], "skipped": []}
