# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the emulated service behaves where the real one varies or is not known."""

from __future__ import annotations

from dataclasses import dataclass

from voluptuous import Schema

from .documents import BOOLEAN, SECONDS, one_of

NUMBER_TYPES = ("str", "int")


@dataclass(frozen=True)
class Settings:
    """How the service behaves; README.md says which of these points are not confirmed."""

    # Seconds for which a changed load balancer refuses other changes, and that every answer waits.
    busy_seconds: float = 0.0
    latency: float = 0.0
    # Type of a weight in answers to SetBackendServers and AddBackendServers.
    set_weight_as: str = "str"
    # How many seconds later a change reaches the traffic.
    data_plane_delay: float = 0.0
    # Type of Port and Weight in answers about the members of a vServer group.
    group_numbers_as: str = "int"
    # Whether DescribeHealthStatus has rows for listeners with a group of their own and for forwarding rules.
    health_of_groups: bool = True
    # What a call that sets weights does about a server that is no member: refuse the call, or ignore the server.
    set_non_members: str = "refuse"


SETTINGS = Schema(
    {
        "busy_seconds": SECONDS,
        "latency": SECONDS,
        "set_weight_as": one_of(NUMBER_TYPES),
        "data_plane_delay": SECONDS,
        "group_numbers_as": one_of(NUMBER_TYPES),
        "health_of_groups": BOOLEAN,
        "set_non_members": one_of(("refuse", "ignore")),
    }
)
