# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call of an action, and how it reads its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ...core.changes import MemberChange, change_members
from ...core.data_plane import DataPlane
from ...core.listeners import Listener
from ...core.model import BackendServer, LoadBalancer, ServerGroup, SlbState, VServerGroup
from ...core.settings import Settings
from ..errors import ApiError, group_not_found, invalid_parameter

Answer = dict[str, Any]
# Tags in one list call, as Tag.1.Key and so on (vendor's reference of DescribeLoadBalancers).
MAX_TAGS_PER_CALL = 20
TAG_PARAMETER = re.compile(r"^Tag\.(\d+)\.(Key|Value)$")


class GroupInPlace(NamedTuple):
    """A vServer group and the load balancer it belongs to."""

    balancer: LoadBalancer
    group: VServerGroup


@dataclass
class Call:
    """One call of an action, under the state's lock."""

    state: SlbState
    parameters: Mapping[str, str]
    data_plane: DataPlane
    settings: Settings = field(default_factory=Settings)
    # Seconds on the monotonic clock.
    now: float = 0.0
    # Answer as before the newest write.
    stale: bool = False
    changes: list[MemberChange] = field(default_factory=list)

    def members_of(self, group: ServerGroup) -> tuple[BackendServer, ...]:
        """The members this call sees."""
        if self.stale and group.previous_backend_servers is not None:
            return group.previous_backend_servers
        return group.backend_servers

    def load_balancer(self) -> LoadBalancer:
        """The load balancer the call names; one in another region does not exist here."""
        return self.find_load_balancer(self.parameters["LoadBalancerId"])

    def find_load_balancer(self, load_balancer_id: str) -> LoadBalancer:
        """A load balancer by its id, in the region of the call when it names one."""
        balancer = self.state.load_balancers.get(load_balancer_id)
        if balancer is None or not self.is_in_region(balancer):
            raise ApiError("InvalidLoadBalancerId.NotFound")
        return balancer

    def is_in_region(self, balancer: LoadBalancer) -> bool:
        """Whether a load balancer is in the region of the call, when it names one."""
        return self.parameters.get("RegionId", "") in ("", balancer.region_id)

    def vserver_group(self) -> GroupInPlace:
        """The vServer group the call names, with its load balancer."""
        group_id = self.parameters["VServerGroupId"]
        balancer = self.state.load_balancer_of_group(group_id)
        group = None if balancer is None else balancer.group(group_id)
        if balancer is None or not isinstance(group, VServerGroup) or not self.is_in_region(balancer):
            raise group_not_found("VServerGroupId")
        return GroupInPlace(balancer, group)

    def writable_load_balancer(self) -> LoadBalancer:
        """The load balancer the call names, if it may be changed now."""
        balancer = self.load_balancer()
        self.refuse_changes(balancer)
        return balancer

    def writable_vserver_group(self) -> GroupInPlace:
        """The vServer group the call names, if it may be changed now."""
        found = self.vserver_group()
        if self.now < found.group.busy_until:
            raise ApiError("VServerGroupProcessing")
        self.refuse_changes(found.balancer)
        return found

    def refuse_changes(self, balancer: LoadBalancer) -> None:
        """Raise ApiError while a load balancer may not be changed."""
        if balancer.load_balancer_status == "locked":
            raise ApiError("LbStatusNotSupport")
        if self.now < balancer.busy_until:
            raise ApiError("BackendServer.configuring")

    def change(self, balancer: LoadBalancer, group: ServerGroup, members: Sequence[BackendServer]) -> None:
        """Put new members of a group in place and keep it and its load balancer busy for a while."""
        self.changes = change_members(balancer, group, members, self.data_plane)
        balancer.busy_until = group.busy_until = self.now + self.settings.busy_seconds

    def named_listeners(self, balancer: LoadBalancer) -> list[Listener]:
        """The listeners that ListenerPort and ListenerProtocol allow; InvalidParameter for a port that has none."""
        port = self.integer("ListenerPort", 0, 1, 65535)
        protocol = self.parameters.get("ListenerProtocol", "")
        found = [
            listener
            for listener in balancer.listeners
            if port in (0, listener.listener_port) and protocol in ("", listener.listener_protocol)
        ]
        if port and not found:
            raise ApiError("InvalidParameter", "The specified resource does not exist.")
        return found

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """A whole number from the parameters; InvalidParameter outside its bounds."""
        sent = self.parameters.get(name, "")
        if not sent:
            return default
        value = int(sent[:10]) if sent.isascii() and sent.isdigit() else lowest - 1
        if not lowest <= value <= highest:
            raise invalid_parameter(name)
        return value

    def flag(self, name: str) -> bool:
        """true or false, in any case of letters; false when absent. The vendor's first SDK sends True."""
        sent = self.parameters.get(name, "").lower()
        if sent not in ("", "true", "false"):
            raise invalid_parameter(name)
        return sent == "true"

    def tags(self) -> dict[str, str | None]:
        """The tags of Tag.1.Key, Tag.1.Value and so on, or of Tags, a JSON list; None stands for any value."""
        pairs: dict[int, dict[str, str]] = {}
        for name, value in self.parameters.items():
            match = TAG_PARAMETER.match(name)
            if match:
                pairs.setdefault(int(match.group(1)), {})[match.group(2)] = value
        if len(pairs) > MAX_TAGS_PER_CALL or not all(pair.get("Key") for pair in pairs.values()):
            raise invalid_parameter("Tag")
        wanted = {pair["Key"]: pair.get("Value") or None for pair in pairs.values()}
        return {**wanted, **json_tags(self.parameters.get("Tags", ""))}


def json_tags(parameter: str) -> dict[str, str | None]:
    """The tags of [{"TagKey": "team", "TagValue": "shop"}]; InvalidParameter for anything else."""
    try:
        rows = json.loads(parameter or "[]")
    except ValueError:
        raise invalid_parameter("Tags") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("TagKey") for row in rows):
        raise invalid_parameter("Tags")
    return {str(row["TagKey"]): row.get("TagValue") or None for row in rows}


def has_tags(tags: Mapping[str, str], wanted: Mapping[str, str | None]) -> bool:
    """Whether tags include all that are wanted."""
    return all(key in tags and value in (None, tags[key]) for key, value in wanted.items())


def tag_rows(tags: Mapping[str, str]) -> Answer:
    """Tags as answers show them."""
    return {"Tag": [{"TagKey": key, "TagValue": value} for key, value in tags.items()]}


def milliseconds(time_text: str) -> int:
    """A time of the state document in milliseconds since the epoch."""
    return int(datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1000)
