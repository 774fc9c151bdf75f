# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What a task requests: the elements of ``backend_servers``, validated and matched with members. Pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import PORT, WEIGHT, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, ServerGroup

# The vendor's ids are letters, digits and hyphens; anything else is a mistake in the task.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_GROUPS_LISTED = 20  # in one message


class RequestedWeight(t.NamedTuple):
    """One element of ``backend_servers``, validated. ``type`` and ``server_ip`` are None if the task does not set them.

    ``expected_weight``: change a member only if it has one of these weights; None: whatever it has.
    ``vserver_group``: the id or the unique name of a vServer group; None: the default group, or with ``everywhere`` each
    group that has the server. ``port``: None stands for all ports of the server in a vServer group.
    """

    server_id: str
    weight: int
    type: str | None
    server_ip: str | None
    expected_weight: tuple[int, ...] | None = None
    vserver_group: str | None = None
    port: int | None = None
    everywhere: bool = False

    @classmethod
    def of(cls, member: BackendServer, weight: int) -> RequestedWeight:
        """A weight for exactly this member."""
        address = None if member.type == "ecs" else member.server_ip
        return cls(
            member.server_id, weight, member.type, address, vserver_group=member.vserver_group_id, port=member.port
        )

    @property
    def name(self) -> str:
        name = f"{self.server_id} ({self.server_ip})" if self.server_ip else self.server_id
        return name if self.port is None else f"{name} port {self.port}"

    def matches(self, member: BackendServer) -> bool:
        """Whether the member is meant. ``vserver_group`` must be an id by now, see resolve_groups."""
        return (
            self.server_id == member.server_id
            and (self.everywhere or self.vserver_group == member.vserver_group_id)
            and self.port in (None, member.port)
            and self.type in (None, member.type)
            and (self.server_ip is None or same_address(self.server_ip, member.server_ip))
        )

    def expects(self, member: BackendServer) -> bool:
        """Whether the member has an expected weight, or already the requested one."""
        return self.expected_weight is None or member.weight in (*self.expected_weight, self.weight)


def check_load_balancer_id(load_balancer_id: str) -> str:
    """The id itself. Raises InvalidArgument if it is not valid."""
    if not _ID.fullmatch(load_balancer_id):
        raise InvalidArgument(
            f"load_balancer_id {load_balancer_id!r} is not a valid load balancer id",
            "Use the id that the console shows, such as lb-bp1qjwo61pqz3ahltv0mw.",
        )
    return load_balancer_id


def parse_requested(
    servers: t.Sequence[t.Mapping[str, t.Any]], server_groups: str = "default"
) -> list[RequestedWeight]:
    """Validate the elements of ``backend_servers``, without the load balancer. Raises InvalidArgument.

    ``server_groups``: ``default`` or ``all``, the groups of an element that names none.
    """
    if not servers:
        raise InvalidArgument("backend_servers is empty", "List at least one server.")
    weights = [_parse_server(index, server, server_groups == "all") for index, server in enumerate(servers)]
    seen: set[RequestedWeight] = set()
    for server in weights:
        identity = server._replace(weight=0, expected_weight=None)
        if identity in seen:
            raise InvalidArgument(f"backend_servers lists {server.name} more than once", "List each member once.")
        seen.add(identity)
    _check_places(weights)
    return weights


def _check_places(weights: t.Sequence[RequestedWeight]) -> None:
    """Refuse a server that the task names both in one group and in all of them."""
    everywhere = {server.server_id for server in weights if server.everywhere}
    for server in weights:
        if server.vserver_group is not None and server.server_id in everywhere:
            raise InvalidArgument(
                f"backend_servers lists {server.server_id} with vserver_group {server.vserver_group} and without it, "
                "and server_groups is all",
                "Name the group in each of its entries, or set server_groups to default: then an entry without "
                "vserver_group is about the default group.",
            )


def _parse_server(index: int, server: t.Mapping[str, t.Any], all_groups: bool) -> RequestedWeight:
    server_id = server.get("server_id") or ""
    place = f"backend_servers[{index}]"
    if not _ID.fullmatch(server_id):
        raise InvalidArgument(
            f"server_id of {place} is {server_id!r}, which is not a valid server id",
            "Use the id of the instance or network interface, such as i-bp1c3zrr37ablp8ujo7v.",
        )
    place = f"{place} ({server_id})"
    server_ip = server.get("server_ip") or None
    if server_ip is not None and _address(server_ip) is None:
        raise InvalidArgument(
            f"server_ip of {place} is {server_ip!r}, which is not a valid IP address", "Use an IPv4 or IPv6 address."
        )
    vserver_group = server.get("vserver_group") or None
    return RequestedWeight(
        server_id,
        whole_number(server.get("weight"), f"weight of {place}", WEIGHT),
        server.get("type"),
        server_ip,
        _expected(server.get("expected_weight"), f"expected_weight of {place}"),
        vserver_group,
        _port(server.get("port"), place, in_vserver_group=all_groups or vserver_group is not None),
        everywhere=all_groups and vserver_group is None,
    )


def _expected(value: t.Any, name: str) -> tuple[int, ...] | None:
    """A weight or a list of weights."""
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        return (whole_number(value, name, WEIGHT),)
    if not value:
        raise InvalidArgument(f"{name} is an empty list", "List the weights that the member may have, or leave it out.")
    return tuple(whole_number(each, name, WEIGHT) for each in value)


def _port(value: t.Any, place: str, *, in_vserver_group: bool) -> int | None:
    if value is None:
        return None
    port = whole_number(value, f"port of {place}", PORT)
    if not in_vserver_group:
        raise InvalidArgument(
            f"port of {place} is {port}, but members of the default server group have no port",
            "Set vserver_group, or server_groups to all, or leave out port.",
        )
    return port


def resolve_groups(
    weights: t.Iterable[RequestedWeight], groups: t.Sequence[ServerGroup], load_balancer_id: str
) -> list[RequestedWeight]:
    """The requested weights with the id of each vServer group. Raises InvalidArgument for an unknown group."""
    return [
        server
        if server.vserver_group is None
        else server._replace(vserver_group=find_group(server.vserver_group, groups, load_balancer_id).vserver_group_id)
        for server in weights
    ]


def find_group(wanted: str, groups: t.Sequence[ServerGroup], load_balancer_id: str) -> ServerGroup:
    """The vServer group with this id or, if there is none, with this name. ``groups``: all of the load balancer."""
    groups = [group for group in groups if group.vserver_group_id is not None]
    found = [group for group in groups if group.vserver_group_id == wanted]
    found = found or [group for group in groups if group.vserver_group_name == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(group.vserver_group_id) for group in found)
        raise InvalidArgument(
            f"vserver_group {wanted!r} is the name of {len(found)} vServer groups of {load_balancer_id}: {ids}",
            "Use the id of one of them.",
        )
    raise UnknownGroup(wanted, groups, load_balancer_id)


class UnknownGroup(InvalidArgument):
    """A vServer group that the load balancer does not have; perhaps it is another load balancer's."""

    def __init__(self, wanted: str, groups: t.Sequence[ServerGroup], load_balancer_id: str) -> None:
        names = [group.name.partition("vServer group ")[2] for group in groups[:_GROUPS_LISTED]]
        if len(groups) > len(names):
            names.append(f"and {len(groups) - len(names)} more")
        super().__init__(
            f"vserver_group {wanted!r} is neither the id nor the name of a vServer group of {load_balancer_id}",
            f"Its vServer groups are: {', '.join(names) or 'none'}.",
        )


def same_address(requested: str, known: str | None) -> bool:
    return known is not None and (requested == known or _address(requested) == _address(known))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
