# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the state document may hold, and which objects of the model its parts become."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any, Callable, TypeVar

from voluptuous import All, Invalid, Required, Schema

from .documents import BOOLEAN, TEXT, integer, matching, number, one_of, switch
from .listeners import Listener, Rule
from .model import (
    HEALTH_STATES,
    SERVER_TYPES,
    AccessKey,
    BackendServer,
    LoadBalancer,
    MasterSlaveGroup,
    MasterSlaveServer,
    SlbState,
    VServerGroup,
)

Entry = dict[str, Any]
Group = TypeVar("Group", VServerGroup, MasterSlaveGroup)

PROTOCOLS = ("http", "https", "tcp", "udp")
SCHEDULERS = ("wrr", "wlc", "rr", "sch", "tch", "qch")
# Those of listeners of http and https (vendor's reference of DescribeRules).
RULE_SCHEDULERS = ("wrr", "wlc", "rr")
PORT = integer(1, 65535)
# The Chinese page of the reference allows Chinese letters.
DESCRIPTION = re.compile(r"^[\w\-/.]{1,80}$")
# YAML reads a time without quotes as a date.
UTC_TIME = matching(
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$",
    'must be a quoted time in UTC such as "2026-01-01T00:00:00Z"',
)
CHECK_URI = matching(
    r"^/[A-Za-z0-9\-._~/%?&=+,:;@!]{0,79}\Z", "must be '/' and up to 79 of letters, digits and -._~/%?&=+,:;@!"
)
# The API has whole seconds from 1 to 50; the emulator allows shorter intervals.
CHECK_INTERVAL = number(0.05, 50, "must be a number of seconds from 0.05 to 50")
# An asterisk stands for the first part of a domain.
DOMAIN = matching(
    r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+\Z", "must be a domain in lower case such as www.example.com or *.example.com"
)
# The API also takes ? and #, which never are in the path of a request.
RULE_URL = matching(r"^/[A-Za-z0-9\-/.%&=_~]{1,79}\Z", "must be '/' and 1 to 79 of letters, digits and -/.%&=_~")
TAGS = All(
    All(dict, msg="must be a mapping from tag keys to tag values"),
    {TEXT: All(str, msg="must be text (quote it if it looks like a number)")},
)


def loopback_address(value: Any) -> str:
    """host or host:port, on loopback; an IPv6 host with a port stands in brackets."""
    match = re.match(r"^(?:\[([0-9a-fA-F:]+)\]|([^\[\]:]+))(?::(\d{1,5}))?$", value if isinstance(value, str) else "")
    host, port = (match.group(1) or match.group(2), match.group(3)) if match else ("", None)
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_valid = ipaddress.ip_address(host).is_loopback and 1 <= int(port or 1) <= 65535
    except ValueError:
        is_valid = False
    if not is_valid:
        raise Invalid("must be host or host:port on loopback, such as 127.0.0.1:8081 or [::1]:8081")
    return (f"[{host}]" if ":" in host else host) + (f":{int(port)}" if port else "")


def made(record: Callable[..., Any]) -> Callable[[Entry], Any]:
    """Makes a record of a checked mapping."""
    return lambda entry: record(**entry)


def unique(key: Callable[[Any], Any], what: str) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Refuses a list in which a key is there twice."""

    def check(items: Sequence[Any]) -> tuple[Any, ...]:
        seen = set()
        for index, item in enumerate(items):
            if key(item) in seen:
                raise Invalid(f"repeats {what}", [index])
            seen.add(key(item))
        return tuple(items)

    return check


def vserver_group(entry: Entry) -> VServerGroup:
    return VServerGroup(**{"vserver_group_name": entry["vserver_group_id"], **entry})


def master_slave_pair(servers: Sequence[MasterSlaveServer]) -> tuple[MasterSlaveServer, ...]:
    """No servers, or one of each kind."""
    if sorted(server.server_type for server in servers) not in ([], ["Master", "Slave"]):
        raise Invalid("must be one Master and one Slave")
    return tuple(servers)


def master_slave_group(entry: Entry) -> MasterSlaveGroup:
    return MasterSlaveGroup(**{"master_slave_server_group_name": entry["master_slave_server_group_id"], **entry})


def rule(entry: Entry) -> Rule:
    if "domain" not in entry and "url" not in entry:
        raise Invalid("lacks both of the keys 'domain' and 'url'")
    return Rule(**{"rule_name": entry["rule_id"], **entry})


def listener(entry: Entry) -> Listener:
    made = Listener(**entry)
    if made.uses_default_group and made.backend_server_port is None:
        raise Invalid("lacks the key 'backend_server_port' and has no server group of its own")
    if made.vserver_group_id and made.master_slave_server_group_id:
        raise Invalid("has both a vserver_group_id and a master_slave_server_group_id")
    if made.rules and (made.listener_protocol not in ("http", "https") or made.listener_forward == "on"):
        raise Invalid("must be on a listener of http or https that does not forward", ["rules"])
    return made


def load_balancer(entry: Entry) -> LoadBalancer:
    """A load balancer. Groups that are not described exist if listeners or rules name them."""
    listeners = entry.get("listeners", ())
    used = [item.vserver_group_id for item in listeners]
    used += [each.vserver_group_id for item in listeners for each in item.rules]
    used_pairs = [item.master_slave_server_group_id for item in listeners]
    balancer_id, region = entry["load_balancer_id"], entry["region_id"]
    names = {"load_balancer_name": balancer_id, "master_zone_id": f"{region}-b", "slave_zone_id": f"{region}-d"}
    groups = {
        "vserver_groups": described(entry, "vserver_groups", used, VServerGroup),
        "master_slave_groups": described(entry, "master_slave_groups", used_pairs, MasterSlaveGroup),
    }
    return LoadBalancer(**{**names, **entry, **groups})


def described(entry: Entry, key: str, used: Iterable[str], make: Callable[[str, str], Group]) -> tuple[Group, ...]:
    """The groups below a key, or those that are used. Refuses a description that lacks one of these."""
    ids = [group_id for group_id in dict.fromkeys(used) if group_id]
    if key not in entry:
        return tuple(make(group_id, group_id) for group_id in ids)
    known = {id_of(group) for group in entry[key]}
    for group_id in ids:
        if group_id not in known:
            raise Invalid(f"lacks the group {group_id!r} that a listener or rule uses", [key])
    return tuple(entry[key])


def id_of(group: VServerGroup | MasterSlaveGroup) -> str:
    return group.vserver_group_id if isinstance(group, VServerGroup) else group.master_slave_server_group_id


def slb_state(document: Entry) -> SlbState:
    balancers, known = document["load_balancers"], document.get("known_servers")
    refuse_ids_used_twice(balancers)
    refuse_data_ports_used_twice(balancers)
    return SlbState(
        access_keys={key.access_key_id: key for key in document.get("access_keys", ())},
        load_balancers={balancer.load_balancer_id: balancer for balancer in balancers},
        known_servers=None if known is None else frozenset(known),
        addresses=known_addresses(balancers),
    )


def refuse_ids_used_twice(balancers: Sequence[LoadBalancer]) -> None:
    """Refuse two groups or two rules with the same id: the API finds them by it alone."""
    groups = [id_of(group) for balancer in balancers for group in balancer.vserver_groups]
    pairs = [id_of(pair) for balancer in balancers for pair in balancer.master_slave_groups]
    rules = [each.rule_id for balancer in balancers for item in balancer.listeners for each in item.rules]
    for what, ids in (("vserver_group_id", groups), ("master_slave_server_group_id", pairs), ("rule_id", rules)):
        for repeated in sorted({one for one in ids if ids.count(one) > 1}):
            raise Invalid(f"has the {what} {repeated!r} twice", ["load_balancers"])


def refuse_data_ports_used_twice(balancers: Sequence[LoadBalancer]) -> None:
    """Refuse two listeners that want the same data_port."""
    places: dict[int, str] = {}
    for index, balancer in enumerate(balancers):
        for position, item in enumerate(balancer.listeners):
            place = f"state.load_balancers[{index}].listeners[{position}].data_port"
            if item.data_port and places.setdefault(item.data_port, place) != place:
                path = ["load_balancers", index, "listeners", position, "data_port"]
                raise Invalid(f"repeats {places[item.data_port]}", path)


def known_addresses(balancers: Sequence[LoadBalancer]) -> dict[tuple[str, str, int | None], str]:
    """The addresses of members, by server_id, server_ip and port, and without server_ip too."""
    addresses: dict[tuple[str, str, int | None], str] = {}
    groups = [group for balancer in balancers for group in balancer.members_by_group().values()]
    for server in (server for group in groups for server in group if server.address):
        addresses[server.server_id, server.server_ip, server.port] = server.address
        addresses.setdefault((server.server_id, "", server.port), server.address)
    return addresses


ACCESS_KEY = {
    Required("access_key_id"): TEXT,
    Required("access_key_secret"): TEXT,
    "security_token": TEXT,
    "status": one_of(("active", "inactive")),
    "token_expired": BOOLEAN,
}
SERVER = {
    Required("server_id"): TEXT,
    "weight": integer(0, 100),
    "type": one_of(SERVER_TYPES),
    "server_ip": TEXT,
    "description": matching(DESCRIPTION, "must be 1 to 80 letters, digits, '-', '/', '.' or '_'"),
}
MEMBER = {**SERVER, "health": one_of(HEALTH_STATES), "address": loopback_address}
BACKEND_SERVER = All(MEMBER, made(BackendServer))
GROUP_MEMBER = All({**MEMBER, Required("port"): PORT}, made(BackendServer))
ANY_MEMBER = All({**MEMBER, "port": PORT}, made(BackendServer))
MASTER_SLAVE_SERVER = {**SERVER, Required("port"): PORT, Required("server_type"): one_of(("Master", "Slave"))}
VSERVER_GROUP = {
    Required("vserver_group_id"): TEXT,
    "vserver_group_name": TEXT,
    "create_time": UTC_TIME,
    "tags": TAGS,
    "backend_servers": All(
        [GROUP_MEMBER], unique(lambda server: server.key, "a member of the same server_id, type, server_ip and port")
    ),
}
MASTER_SLAVE_GROUP = {
    Required("master_slave_server_group_id"): TEXT,
    "master_slave_server_group_name": TEXT,
    "create_time": UTC_TIME,
    "tags": TAGS,
    "backend_servers": All([All(MASTER_SLAVE_SERVER, made(MasterSlaveServer))], master_slave_pair),
}
RULE = {
    Required("rule_id"): TEXT,
    Required("vserver_group_id"): TEXT,
    "rule_name": TEXT,
    "domain": DOMAIN,
    "url": RULE_URL,
    "listener_sync": switch,
    "scheduler": one_of(RULE_SCHEDULERS),
    "health_check": switch,
    "health_check_uri": CHECK_URI,
}
LISTENER = {
    Required("listener_port"): PORT,
    Required("listener_protocol"): one_of(PROTOCOLS),
    "backend_server_port": PORT,
    "scheduler": one_of(SCHEDULERS),
    "status": one_of(("running", "stopped", "starting", "configuring", "stopping")),
    "vserver_group_id": TEXT,
    "master_slave_server_group_id": TEXT,
    "listener_forward": switch,
    "forward_port": PORT,
    "health_check": switch,
    "connection_drain": switch,
    "connection_drain_timeout": integer(10, 900),
    "description": TEXT,
    "rules": All([All(RULE, rule)], unique(lambda rule: (rule.domain, rule.url), "a domain and url")),
    "data_port": integer(0, 65535),
    "health_check_uri": CHECK_URI,
    "health_check_interval": CHECK_INTERVAL,
    "healthy_threshold": integer(1, 10),
    "unhealthy_threshold": integer(1, 10),
}
LOAD_BALANCER = {
    Required("load_balancer_id"): TEXT,
    Required("region_id"): TEXT,
    "load_balancer_name": TEXT,
    "load_balancer_status": one_of(("active", "inactive", "locked")),
    "address": TEXT,
    "address_type": one_of(("internet", "intranet")),
    "address_ip_version": one_of(("ipv4", "ipv6")),
    "network_type": one_of(("vpc", "classic")),
    "vpc_id": TEXT,
    "vswitch_id": TEXT,
    "master_zone_id": TEXT,
    "slave_zone_id": TEXT,
    "load_balancer_spec": TEXT,
    "internet_charge_type": one_of(("paybytraffic", "paybybandwidth")),
    "pay_type": one_of(("PayOnDemand", "PrePay")),
    "resource_group_id": TEXT,
    "bandwidth": integer(-1, 1_000_000),
    "create_time": UTC_TIME,
    "tags": TAGS,
    "backend_servers": All(
        [BACKEND_SERVER], unique(lambda server: server.identity, "a member of the same server_id, type and server_ip")
    ),
    "vserver_groups": [All(VSERVER_GROUP, vserver_group)],
    "master_slave_groups": [All(MASTER_SLAVE_GROUP, master_slave_group)],
    "listeners": All(
        [All(LISTENER, listener)],
        unique(lambda item: (item.listener_port, item.listener_protocol == "udp"), "a listener_port"),
    ),
}
STATE = Schema(
    All(
        {
            "access_keys": All(
                [All(ACCESS_KEY, made(AccessKey))], unique(lambda key: key.access_key_id, "an access_key_id")
            ),
            Required("load_balancers"): All(
                [All(LOAD_BALANCER, load_balancer)],
                unique(lambda balancer: balancer.load_balancer_id, "a load_balancer_id"),
            ),
            "known_servers": [TEXT],
        },
        slb_state,
    )
)
