# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of the members of a group: by an action, or behind the API's back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .data_plane import DataPlane
from .model import DEFAULT_GROUP, BackendServer, LoadBalancer, ServerGroup, VServerGroup, by_key


@dataclass(frozen=True)
class MemberChange:
    """A member before and after a write; None where it was not, or is no longer, a member.

    vserver_group_id is empty in the default group.
    """

    before: BackendServer | None
    after: BackendServer | None
    vserver_group_id: str = DEFAULT_GROUP

    @property
    def server_id(self) -> str:
        """The id of the member that changed."""
        member = self.after or self.before
        return member.server_id if member else ""

    @property
    def port(self) -> int | None:
        """The port of the member that changed; None in the default group."""
        member = self.after or self.before
        return member.port if member else None

    def __str__(self) -> str:
        before = "absent" if self.before is None else str(self.before.weight)
        after = "absent" if self.after is None else str(self.after.weight)
        member = self.server_id if self.port is None else f"{self.server_id}:{self.port}"
        return f"{member}: {before} -> {after}"


def differences(
    before: Sequence[BackendServer], after: Sequence[BackendServer], vserver_group_id: str = DEFAULT_GROUP
) -> list[MemberChange]:
    """What a write changed in a group; unchanged members are left out."""
    old, new = by_key(before), by_key(after)
    changes = []
    for key, member in new.items():
        previous = old.get(key)
        # Most members of a large group are the same object: no need to compare them field by field.
        if previous is not member and previous != member:
            changes.append(MemberChange(previous, member, vserver_group_id))
    changes.extend(MemberChange(member, None, vserver_group_id) for key, member in old.items() if key not in new)
    return changes


def change_members(
    load_balancer: LoadBalancer, group: ServerGroup, members: Sequence[BackendServer], data_plane: DataPlane
) -> list[MemberChange]:
    """Put members in place of those of a group; the only way members change. Returns what changed."""
    group_id = group.vserver_group_id if isinstance(group, VServerGroup) else DEFAULT_GROUP
    changes = differences(group.backend_servers, members, group_id)
    group.previous_backend_servers = group.backend_servers
    group.backend_servers = tuple(members)
    data_plane.on_members_changed(load_balancer)
    return changes


def remove_vserver_group(
    load_balancer: LoadBalancer, vserver_group_id: str, data_plane: DataPlane
) -> list[MemberChange]:
    """Take a vServer group away, unless a listener or a rule uses it: then the API would refuse that too."""
    if any(route.vserver_group_id == vserver_group_id for route in load_balancer.routes()):
        return []
    groups = load_balancer.vserver_groups
    load_balancer.vserver_groups = tuple(group for group in groups if group.vserver_group_id != vserver_group_id)
    data_plane.on_members_changed(load_balancer)
    gone = (group for group in groups if group.vserver_group_id == vserver_group_id)
    return [change for group in gone for change in differences(group.backend_servers, (), vserver_group_id)]


def add_vserver_group(load_balancer: LoadBalancer, group: VServerGroup, data_plane: DataPlane) -> list[MemberChange]:
    """Put a vServer group at the end, unless there is one of its id."""
    if load_balancer.group(group.vserver_group_id) is not None:
        return []
    load_balancer.vserver_groups = (*load_balancer.vserver_groups, replace(group))
    data_plane.on_members_changed(load_balancer)
    return differences((), group.backend_servers, group.vserver_group_id)


@dataclass(frozen=True)
class MemberEdit:
    """A change from outside the API, by server id: a weight, a removal or an addition.

    In a vServer group port narrows it to one member; without a port it is about all ports of the server.
    remove_group takes the whole group away, add_group brings one that is not there yet.
    """

    server_id: str
    weight: int | None = None
    remove: bool = False
    add: BackendServer | None = None
    vserver_group_id: str = DEFAULT_GROUP
    port: int | None = None
    remove_group: bool = False
    add_group: VServerGroup | None = None

    def is_about(self, member: BackendServer) -> bool:
        """Whether the edit is about this member of its group."""
        return member.server_id == self.server_id and self.port in (None, member.port)


def edited(members: Sequence[BackendServer], edit: MemberEdit) -> tuple[BackendServer, ...]:
    """The members of a group after an edit. An edit of a server that is no member changes nothing."""
    if edit.add is not None:
        return (*members, edit.add)
    if edit.remove:
        return tuple(member for member in members if not edit.is_about(member))
    weight = edit.weight
    if weight is None:
        return tuple(members)
    return tuple(replace(m, weight=weight) if edit.is_about(m) else m for m in members)
