# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state document: from YAML or JSON to the model, and back."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from .documents import (
    Check,
    DocumentError,
    Key,
    boolean,
    integer,
    list_of,
    mapping,
    one_of,
    seconds,
    switch,
    text,
)
from .model import (
    HEALTH_STATES,
    SERVER_TYPES,
    AccessKey,
    BackendServer,
    Listener,
    LoadBalancer,
    SlbState,
)

# 1 to 80 characters: letters (the Chinese page allows Chinese), digits, - / . _
DESCRIPTION = re.compile(r"^[\w\-/.]{1,80}$")
UTC_TIME = re.compile(r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$")
PROTOCOLS = ("http", "https", "tcp", "udp")
SCHEDULERS = ("wrr", "wlc", "rr", "sch", "tch", "qch")
CHECK_URI = re.compile(r"^/[A-Za-z0-9\-._~/%?&=+,:;@!]{0,79}\Z")
PORT = integer(1, 65535)


def description(value: Any, place: str) -> str:
    """A description of a member, as the API would take it."""
    if DESCRIPTION.match(text(value, place)) is None:
        raise DocumentError(place, "must be 1 to 80 letters, digits, '-', '/', '.' or '_'")
    return str(value)


def utc_time(value: Any, place: str) -> str:
    """A time in UTC, as text; YAML reads an unquoted one as a date."""
    if not isinstance(value, str) or UTC_TIME.match(value) is None:
        raise DocumentError(place, 'must be a quoted time in UTC such as "2026-01-01T00:00:00Z"')
    return value


def loopback_address(value: Any, place: str) -> str:
    """host or host:port, on loopback; an IPv6 host with a port stands in brackets."""
    match = re.match(r"^(?:\[([0-9a-fA-F:]+)\]|([^\[\]:]+))(?::(\d{1,5}))?$", text(value, place))
    host, port = (match.group(1) or match.group(2), match.group(3)) if match else ("", None)
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_valid = ipaddress.ip_address(host).is_loopback and 1 <= int(port or 1) <= 65535
    except ValueError:
        is_valid = False
    if not is_valid:
        raise DocumentError(place, "must be host or host:port on loopback, such as 127.0.0.1:8081 or [::1]:8081")
    return (f"[{host}]" if ":" in host else host) + (f":{int(port)}" if port else "")


def check_uri(value: Any, place: str) -> str:
    """The path of a health check, as the API would take it, without a fragment."""
    if CHECK_URI.match(text(value, place)) is None:
        raise DocumentError(place, "must be '/' and up to 79 of letters, digits and -._~/%?&=+,:;@!")
    return str(value)


def check_interval(value: Any, place: str) -> float:
    """Seconds between two health checks. The API has whole ones from 1 to 50; the emulator allows shorter ones."""
    if not 0.05 <= seconds(value, place) <= 50:
        raise DocumentError(place, "must be a number of seconds from 0.05 to 50")
    return float(value)


ACCESS_KEY: Check = mapping(
    {
        "access_key_id": Key(text, required=True),
        "access_key_secret": Key(text, required=True),
        "security_token": Key(text),
        "status": Key(one_of(("active", "inactive"))),
        "token_expired": Key(boolean),
    }
)
BACKEND_SERVER: Check = mapping(
    {
        "server_id": Key(text, required=True),
        "weight": Key(integer(0, 100)),
        "type": Key(one_of(SERVER_TYPES)),
        "server_ip": Key(text),
        "description": Key(description),
        "health": Key(one_of(HEALTH_STATES)),
        "address": Key(loopback_address),
    }
)
LISTENER: Check = mapping(
    {
        "listener_port": Key(PORT, required=True),
        "listener_protocol": Key(one_of(PROTOCOLS), required=True),
        "backend_server_port": Key(PORT),
        "scheduler": Key(one_of(SCHEDULERS)),
        "status": Key(one_of(("running", "stopped", "starting", "configuring", "stopping"))),
        "vserver_group_id": Key(text),
        "master_slave_server_group_id": Key(text),
        "listener_forward": Key(switch),
        "forward_port": Key(PORT),
        "health_check": Key(switch),
        "connection_drain": Key(switch),
        "connection_drain_timeout": Key(integer(10, 900)),
        "description": Key(text),
        "data_port": Key(integer(0, 65535)),
        "health_check_uri": Key(check_uri),
        "health_check_interval": Key(check_interval),
        "healthy_threshold": Key(integer(1, 10)),
        "unhealthy_threshold": Key(integer(1, 10)),
    }
)
LOAD_BALANCER: Check = mapping(
    {
        "load_balancer_id": Key(text, required=True),
        "region_id": Key(text, required=True),
        "load_balancer_name": Key(text),
        "load_balancer_status": Key(one_of(("active", "inactive", "locked"))),
        "address": Key(text),
        "address_type": Key(one_of(("internet", "intranet"))),
        "address_ip_version": Key(one_of(("ipv4", "ipv6"))),
        "network_type": Key(one_of(("vpc", "classic"))),
        "vpc_id": Key(text),
        "vswitch_id": Key(text),
        "master_zone_id": Key(text),
        "slave_zone_id": Key(text),
        "load_balancer_spec": Key(text),
        "internet_charge_type": Key(one_of(("paybytraffic", "paybybandwidth"))),
        "pay_type": Key(one_of(("PayOnDemand", "PrePay"))),
        "resource_group_id": Key(text),
        "bandwidth": Key(integer(-1, 1_000_000)),
        "create_time": Key(utc_time),
        "backend_servers": Key(list_of(BACKEND_SERVER)),
        "listeners": Key(list_of(LISTENER)),
    }
)
STATE: Check = mapping(
    {
        "access_keys": Key(list_of(ACCESS_KEY)),
        "load_balancers": Key(list_of(LOAD_BALANCER), required=True),
        "known_servers": Key(list_of(text)),
    }
)


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


def load_balancer(entry: dict[str, Any], place: str) -> LoadBalancer:
    """A load balancer from its checked mapping; members and listeners may not repeat."""
    servers = tuple(BackendServer(**server) for server in entry.pop("backend_servers", []))
    listeners = tuple(Listener(**listener) for listener in entry.pop("listeners", []))
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
    for index, listener in enumerate(listeners):
        if listener.uses_default_group and listener.backend_server_port is None:
            reason = "lacks the key 'backend_server_port' and has no server group of its own"
            raise DocumentError(f"{place}.listeners[{index}]", reason)
    balancer = LoadBalancer(**entry, backend_servers=servers, listeners=listeners)
    balancer.load_balancer_name = balancer.load_balancer_name or balancer.load_balancer_id
    balancer.master_zone_id = balancer.master_zone_id or f"{balancer.region_id}-b"
    balancer.slave_zone_id = balancer.slave_zone_id or f"{balancer.region_id}-d"
    return balancer


def refuse_data_ports_used_twice(balancers: Sequence[LoadBalancer]) -> None:
    """Raise DocumentError when two listeners want the same data_port."""
    places: dict[int, str] = {}
    for index, balancer in enumerate(balancers):
        for position, listener in enumerate(balancer.listeners):
            place = f"state.load_balancers[{index}].listeners[{position}].data_port"
            if listener.data_port and places.setdefault(listener.data_port, place) != place:
                raise DocumentError(place, f"repeats {places[listener.data_port]}")


def known_addresses(balancers: Sequence[LoadBalancer]) -> dict[tuple[str, str], str]:
    """The addresses of members, by server_id and server_ip, and without server_ip too."""
    addresses: dict[tuple[str, str], str] = {}
    for server in (server for balancer in balancers for server in balancer.backend_servers if server.address):
        addresses[server.server_id, server.server_ip] = server.address
        addresses.setdefault((server.server_id, ""), server.address)
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
    return {name: value for name, value in values.items() if value is not None and value != ""}


def names_of(record_type: Any) -> list[str]:
    """The attribute names of a record type."""
    return [entry.name for entry in fields(record_type)]


def plain_load_balancer(balancer: LoadBalancer) -> dict[str, Any]:
    """A load balancer as the state document has it."""
    nested = ("backend_servers", "listeners", "previous_backend_servers", "busy_until")
    return {
        **plain(balancer, [name for name in names_of(LoadBalancer) if name not in nested]),
        "backend_servers": [plain(server, names_of(BackendServer)) for server in balancer.backend_servers],
        "listeners": [plain(listener, names_of(Listener)) for listener in balancer.listeners],
    }


def plain_state(state: SlbState) -> Mapping[str, Any]:
    """The state as a document, without the access keys: parse_state takes it back."""
    document: dict[str, Any] = {
        "load_balancers": [plain_load_balancer(balancer) for balancer in state.load_balancers.values()]
    }
    if state.known_servers is not None:
        document["known_servers"] = sorted(state.known_servers)
    return document
