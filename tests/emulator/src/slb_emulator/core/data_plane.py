# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The seam between the emulated API and the traffic."""

from __future__ import annotations

from typing import Any

from .listeners import Route
from .model import BackendServer, LoadBalancer, SlbState


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
