# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""From members of load balancers to the hosts and groups of an inventory. Pure: no I/O, no Ansible.

Whoever may name a load balancer, a server group or a member writes text that ends up here. It is never used as an
address or a host name as it is.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import LoadBalancerMembers, ip_address

Json = dict[str, t.Any]

SERVERS, DRAINED = "slb_servers", "slb_drained"
_NOT_IN_NAMES = re.compile(r"[^\w.-]")


class Membership(t.NamedTuple):
    """One member of one server group that a server is. The last three are None in the default group."""

    load_balancer_id: str
    load_balancer_name: str | None
    weight: int
    type: str
    server_ip: str | None
    description: str | None
    port: int | None
    vserver_group_id: str | None
    vserver_group_name: str | None


class Server(t.NamedTuple):
    """A server behind load balancers of a region.

    ``server_ip``: the address that is part of its identity; None for an ECS instance. ``address``: where Ansible reaches
    it; None if no response of the API has it.
    """

    region: str
    server_id: str
    type: str
    server_ip: str | None
    address: str | None
    memberships: tuple[Membership, ...]

    @property
    def default_name(self) -> str:
        """A network interface has an address for each of its members, which are servers of their own."""
        return f"{self.server_id}_{self.server_ip}" if self.type == "eni" and self.server_ip else self.server_id

    @property
    def label(self) -> str:
        """Tells it apart in messages."""
        return f"{self.server_id} ({self.server_ip})" if self.server_ip else self.server_id

    @property
    def load_balancer_ids(self) -> list[str]:
        return list(dict.fromkeys(each.load_balancer_id for each in self.memberships))

    def as_dict(self) -> Json:
        return {**self._asdict(), "memberships": [each._asdict() for each in self.memberships]}

    @classmethod
    def from_dict(cls, row: Json) -> Server:
        """What as_dict() has made. Raises KeyError or TypeError if the row is something else."""
        return cls(**{**row, "memberships": tuple(Membership(**each) for each in row["memberships"])})


class Group(t.NamedTuple):
    """A group of hosts, with characters that Ansible may not allow, and the group above it."""

    name: str
    parent: str | None = None


def servers_of(load_balancers: t.Iterable[LoadBalancerMembers]) -> list[Server]:
    """Each server once, in the order of the members."""
    found: dict[tuple[str, str, str], Server] = {}
    for load_balancer in load_balancers:
        for member in load_balancer.members:
            server_ip = None if member.type == "ecs" else ip_address(member.server_ip) or member.server_ip
            address = ip_address(member.server_ip) or ip_address(load_balancer.addresses.get(member.server_id))
            key = (load_balancer.region, member.server_id, server_ip or "")
            known = found.get(key) or Server(key[0], key[1], member.type, server_ip, None, ())
            memberships = (*known.memberships, _membership(load_balancer, member))
            found[key] = known._replace(address=known.address or address, memberships=memberships)
    return list(found.values())


def _membership(load_balancer: LoadBalancerMembers, member: BackendServer) -> Membership:
    own = {name: getattr(member, name) for name in Membership._fields if hasattr(member, name)}
    return Membership(load_balancer.load_balancer_id, load_balancer.load_balancer_name, **own)


def variables_of(server: Server, all_load_balancers_known: bool) -> Json:
    """The variables of its host, as data of JSON.

    ``all_load_balancers_known``: otherwise the host does not get the variable with its load balancers. A server must not
    be updated while another one, which could not be read, sends it requests.
    """
    variables: Json = {
        "rolling_update_region": server.region,
        "rolling_update_server_id": server.server_id,
        "slb_memberships": [each._asdict() for each in server.memberships],
    }
    if server.address:
        variables["ansible_host"] = server.address
    if server.server_ip:
        variables["rolling_update_server_ip"] = server.server_ip
    if all_load_balancers_known:
        variables["rolling_update_load_balancer_ids"] = server.load_balancer_ids
    return variables


def groups_of(server: Server) -> list[Group]:
    """The groups of its host."""
    groups = [Group(SERVERS)]
    if any(each.weight == 0 for each in server.memberships):
        groups.append(Group(DRAINED))
    for each in server.memberships:
        load_balancer = f"slb_{each.load_balancer_id}"
        own = f"slb_{each.vserver_group_id}" if each.vserver_group_id else f"{load_balancer}_default"
        groups.append(Group(own, load_balancer))
        # With a prefix of their own: anyone who may name a load balancer could add servers to slb_drained.
        if each.load_balancer_name:
            groups.append(Group(f"slb_name_{each.load_balancer_name}"))
        if each.vserver_group_name:
            groups.append(Group(f"slb_group_{each.vserver_group_name}"))
    return list(dict.fromkeys(groups))


def host_name(text: t.Any) -> str:
    """A text as the name of a host, which patterns can name and Ansible never takes for a template or an option."""
    if not isinstance(text, (str, int)) or isinstance(text, bool):
        return ""
    return _NOT_IN_NAMES.sub("_", str(text).strip()).lstrip("-.")


def check_names(names: t.Sequence[tuple[str, Server]]) -> None:
    """Each host needs a name of its own. Raises InvalidArgument."""
    known: dict[str, Server] = {}
    for name, server in names:
        if not name:
            raise InvalidArgument(
                f"hostname gives no name for {server.label}", "Use an expression that has a text for every server."
            )
        if name in known:
            raise InvalidArgument(
                f"{known[name].label} and {server.label} have the same host name {name}",
                "Set hostname to an expression that differs for them.",
            )
        known[name] = server
