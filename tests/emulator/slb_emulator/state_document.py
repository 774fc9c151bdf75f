# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state document: from YAML or JSON to the model, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Callable, TypeVar

import yaml

from .documents import DocumentError
from .listeners import Listener, Rule
from .model import (
    AccessKey,
    BackendServer,
    LoadBalancer,
    MasterSlaveGroup,
    MasterSlaveServer,
    SlbState,
    VServerGroup,
)
from .state_schema import BACKEND_SERVER, GROUP_MEMBER, STATE, VSERVER_GROUP

Made = TypeVar("Made")


def refuse_duplicates(keys: Sequence[Any], place: str, what: str) -> None:
    """Raise DocumentError when a key is there twice."""
    seen = set()
    for index, key in enumerate(keys):
        if key in seen:
            raise DocumentError(f"{place}[{index}]", f"repeats {what}")
        seen.add(key)


def backend_server(value: Any, place: str) -> BackendServer:
    """A member of the default server group, from its mapping."""
    return BackendServer(**BACKEND_SERVER(value, place))


def group_member(value: Any, place: str) -> BackendServer:
    """A member of a vServer group, from its mapping."""
    return BackendServer(**GROUP_MEMBER(value, place))


def checked_vserver_group(value: Any, place: str) -> VServerGroup:
    """A vServer group, from its mapping."""
    return vserver_group(VSERVER_GROUP(value, place), place)


def vserver_group(entry: dict[str, Any], place: str) -> VServerGroup:
    """A vServer group from its checked mapping."""
    servers = tuple(BackendServer(**server) for server in entry.pop("backend_servers", []))
    what = "a member of the same server_id, type, server_ip and port"
    refuse_duplicates([server.key for server in servers], f"{place}.backend_servers", what)
    name = entry.pop("vserver_group_name", entry["vserver_group_id"])
    return VServerGroup(**entry, vserver_group_name=name, backend_servers=servers)


def master_slave_group(entry: dict[str, Any], place: str) -> MasterSlaveGroup:
    """A master/slave group from its checked mapping: no servers, or one of each kind."""
    servers = tuple(MasterSlaveServer(**server) for server in entry.pop("backend_servers", []))
    if sorted(server.server_type for server in servers) not in ([], ["Master", "Slave"]):
        raise DocumentError(f"{place}.backend_servers", "must be one Master and one Slave")
    name = entry.pop("master_slave_server_group_name", entry["master_slave_server_group_id"])
    return MasterSlaveGroup(**entry, master_slave_server_group_name=name, backend_servers=servers)


def listener(entry: dict[str, Any], place: str) -> Listener:
    """A listener from its checked mapping."""
    rules = tuple(rule(each, f"{place}.rules[{index}]") for index, each in enumerate(entry.pop("rules", [])))
    made = Listener(**entry, rules=rules)
    if made.uses_default_group and made.backend_server_port is None:
        raise DocumentError(place, "lacks the key 'backend_server_port' and has no server group of its own")
    if made.vserver_group_id and made.master_slave_server_group_id:
        raise DocumentError(place, "has both a vserver_group_id and a master_slave_server_group_id")
    if rules and (made.listener_protocol not in ("http", "https") or made.listener_forward == "on"):
        raise DocumentError(f"{place}.rules", "must be on a listener of http or https that does not forward")
    refuse_duplicates([(each.domain, each.url) for each in rules], f"{place}.rules", "a domain and url")
    return made


def rule(entry: dict[str, Any], place: str) -> Rule:
    """A forwarding rule from its checked mapping."""
    made = Rule(**{"rule_name": entry["rule_id"], **entry})
    if not made.domain and not made.url:
        raise DocumentError(place, "lacks both of the keys 'domain' and 'url'")
    return made


def placed(
    make: Callable[[dict[str, Any], str], Made], entry: dict[str, Any], key: str, place: str
) -> tuple[Made, ...]:
    """What a list of checked mappings describes. The list is taken out of the entry."""
    return tuple(make(each, f"{place}.{key}[{index}]") for index, each in enumerate(entry.pop(key, [])))


def load_balancer(entry: dict[str, Any], place: str) -> LoadBalancer:
    """A load balancer from its checked mapping; members and listeners may not repeat."""
    describes_groups = "vserver_groups" in entry, "master_slave_groups" in entry
    servers = tuple(BackendServer(**server) for server in entry.pop("backend_servers", []))
    groups = placed(vserver_group, entry, "vserver_groups", place)
    pairs = placed(master_slave_group, entry, "master_slave_groups", place)
    listeners = placed(listener, entry, "listeners", place)
    refuse_duplicates(
        [server.identity for server in servers],
        f"{place}.backend_servers",
        "a member of the same server_id, type and server_ip",
    )
    refuse_duplicates(
        [(listener.listener_port, listener.listener_protocol == "udp") for listener in listeners],
        f"{place}.listeners",
        "a listener_port",
    )
    used, used_pairs = used_groups(listeners)
    if describes_groups[0]:
        refuse_unknown(used, [group.vserver_group_id for group in groups], f"{place}.vserver_groups")
    else:
        groups = tuple(VServerGroup(group_id, group_id) for group_id in used)
    if describes_groups[1]:
        described = [pair.master_slave_server_group_id for pair in pairs]
        refuse_unknown(used_pairs, described, f"{place}.master_slave_groups")
    else:
        pairs = tuple(MasterSlaveGroup(group_id, group_id) for group_id in used_pairs)
    balancer = LoadBalancer(
        **entry, backend_servers=servers, vserver_groups=groups, master_slave_groups=pairs, listeners=listeners
    )
    balancer.load_balancer_name = balancer.load_balancer_name or balancer.load_balancer_id
    balancer.master_zone_id = balancer.master_zone_id or f"{balancer.region_id}-b"
    balancer.slave_zone_id = balancer.slave_zone_id or f"{balancer.region_id}-d"
    return balancer


def used_groups(listeners: Sequence[Listener]) -> tuple[list[str], list[str]]:
    """The ids of vServer groups and of master/slave groups that listeners and rules name, each once."""
    groups = [item.vserver_group_id for item in listeners]
    groups += [each.vserver_group_id for item in listeners for each in item.rules]
    pairs = [item.master_slave_server_group_id for item in listeners]
    return [one for one in dict.fromkeys(groups) if one], [one for one in dict.fromkeys(pairs) if one]


def refuse_unknown(used: Sequence[str], described: Sequence[str], place: str) -> None:
    """Raise DocumentError when a listener or a rule names a group that is not described."""
    for group_id in used:
        if group_id not in described:
            raise DocumentError(place, f"lacks the group {group_id!r} that a listener or rule uses")


def refuse_groups_used_twice(balancers: Sequence[LoadBalancer]) -> None:
    """Raise DocumentError when two groups or two rules have the same id: the API finds them by it alone."""
    place = "state.load_balancers"
    groups = [group.vserver_group_id for balancer in balancers for group in balancer.vserver_groups]
    pairs = [pair.master_slave_server_group_id for balancer in balancers for pair in balancer.master_slave_groups]
    rules = [each.rule_id for balancer in balancers for item in balancer.listeners for each in item.rules]
    for ids, what in (
        (groups, "vserver_group_id"),
        (pairs, "master_slave_server_group_id"),
        (rules, "rule_id"),
    ):
        for repeated in sorted({one for one in ids if ids.count(one) > 1}):
            raise DocumentError(place, f"has the {what} {repeated!r} twice")


def refuse_data_ports_used_twice(balancers: Sequence[LoadBalancer]) -> None:
    """Raise DocumentError when two listeners want the same data_port."""
    places: dict[int, str] = {}
    for index, balancer in enumerate(balancers):
        for position, listener in enumerate(balancer.listeners):
            place = f"state.load_balancers[{index}].listeners[{position}].data_port"
            if listener.data_port and places.setdefault(listener.data_port, place) != place:
                raise DocumentError(place, f"repeats {places[listener.data_port]}")


def known_addresses(balancers: Sequence[LoadBalancer]) -> dict[tuple[str, str, int | None], str]:
    """The addresses of members, by server_id, server_ip and port, and without server_ip too."""
    addresses: dict[tuple[str, str, int | None], str] = {}
    groups = [group for balancer in balancers for group in balancer.members_by_group().values()]
    for server in (server for group in groups for server in group if server.address):
        addresses[server.server_id, server.server_ip, server.port] = server.address
        addresses.setdefault((server.server_id, "", server.port), server.address)
    return addresses


def parse_state(document: Any) -> SlbState:
    """The state a document describes; DocumentError when it is not valid."""
    checked = STATE(document, "state")
    keys = [AccessKey(**entry) for entry in checked.get("access_keys", [])]
    refuse_duplicates([key.access_key_id for key in keys], "state.access_keys", "an access_key_id")
    balancers = [
        load_balancer(entry, f"state.load_balancers[{index}]") for index, entry in enumerate(checked["load_balancers"])
    ]
    refuse_duplicates(
        [balancer.load_balancer_id for balancer in balancers], "state.load_balancers", "a load_balancer_id"
    )
    refuse_groups_used_twice(balancers)
    refuse_data_ports_used_twice(balancers)
    known = checked.get("known_servers")
    return SlbState(
        access_keys={key.access_key_id: key for key in keys},
        load_balancers={balancer.load_balancer_id: balancer for balancer in balancers},
        known_servers=None if known is None else frozenset(known),
        addresses=known_addresses(balancers),
    )


def load_state(path: Path) -> SlbState:
    """Read a state file (YAML, so JSON too). OSError when unreadable, DocumentError when not valid."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DocumentError("state", f"is not UTF-8 text (byte {error.start})") from error
    except yaml.YAMLError as error:
        raise DocumentError("state", f"is not YAML ({' '.join(str(error).split())})") from error
    return parse_state(document)


def plain(record: Any, keys: Sequence[str]) -> dict[str, Any]:
    """The attributes of a record that are set, as a mapping."""
    values = {name: getattr(record, name) for name in keys}
    return {name: value for name, value in values.items() if value not in (None, "", {}, ())}


def names_of(record_type: Any) -> list[str]:
    """The attribute names of a record type."""
    return [entry.name for entry in fields(record_type)]


def plain_record(record: Any, *nested: str) -> dict[str, Any]:
    """A record as the state document has it, but for nested attributes and those that only the emulator knows."""
    left_out = (*nested, "previous_backend_servers", "busy_until")
    return plain(record, [name for name in names_of(type(record)) if name not in left_out])


def plain_listener(item: Listener) -> dict[str, Any]:
    """A listener as the state document has it."""
    rules = [plain_record(each) for each in item.rules]
    return {**plain_record(item, "rules"), **({"rules": rules} if rules else {})}


def plain_group(group: VServerGroup | MasterSlaveGroup) -> dict[str, Any]:
    """A server group as the state document has it."""
    servers = [plain_record(server) for server in group.backend_servers]
    return {**plain_record(group, "backend_servers"), "backend_servers": servers}


def plain_load_balancer(balancer: LoadBalancer) -> dict[str, Any]:
    """A load balancer as the state document has it."""
    nested = ("backend_servers", "vserver_groups", "master_slave_groups", "listeners")
    return {
        **plain_record(balancer, *nested),
        "backend_servers": [plain_record(server) for server in balancer.backend_servers],
        "vserver_groups": [plain_group(group) for group in balancer.vserver_groups],
        "master_slave_groups": [plain_group(group) for group in balancer.master_slave_groups],
        "listeners": [plain_listener(item) for item in balancer.listeners],
    }


def plain_state(state: SlbState) -> Mapping[str, Any]:
    """The state as a document, without the access keys: parse_state takes it back."""
    document: dict[str, Any] = {
        "load_balancers": [plain_load_balancer(balancer) for balancer in state.load_balancers.values()]
    }
    if state.known_servers is not None:
        document["known_servers"] = sorted(state.known_servers)
    return document
