# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What HAProxy is told: from load balancers and listeners to its configuration. Pure functions.

Keywords after the HAProxy configuration manual, version 2.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .model import BackendServer, Identity, Listener, LoadBalancer

LOOPBACK = "127.0.0.1"
# Of each scheduler of the API, and whether weights count under it. sch, tch and qch: see README.md.
BALANCE = {
    "wrr": (("balance roundrobin",), True),
    "wlc": (("balance leastconn",), True),
    "rr": (("balance roundrobin",), False),
    # HAProxy lets servers come and go only where the hash is consistent.
    **dict.fromkeys(("sch", "tch", "qch"), (("balance source", "hash-type consistent"), False)),
}
# What each server has where weights do not count.
EQUAL_WEIGHT = 100
# Real load balancers of this product have 15 and 60 seconds for http, 900 for tcp, as defaults.
HTTP_TIMEOUT, TCP_TIMEOUT = "60s", "900s"
# Under the smallest limit of open files that is usual (4096): a connection takes two.
MAX_CONNECTIONS = 1500

# A load balancer and a port. Listeners of both tcp and udp may share one, but udp ones have no frontend.
FrontendKey = tuple[str, int]


@dataclass(frozen=True)
class Server:
    """A member behind one listener. weight is HAProxy's: 0..256."""

    name: str
    identity: Identity
    address: str
    weight: int


@dataclass(frozen=True)
class Frontend:
    """A listener as HAProxy serves it: one `listen` section."""

    load_balancer_id: str
    listener: Listener
    data_port: int
    servers: tuple[Server, ...]

    @property
    def key(self) -> FrontendKey:
        """Which listener it is."""
        return (self.load_balancer_id, self.listener.listener_port)

    @property
    def name(self) -> str:
        """The name of its section."""
        return f"{safe_name(self.load_balancer_id)}.{self.listener.listener_port}"

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{LOOPBACK}:{self.data_port}"

    @property
    def url(self) -> str:
        """The same as a URL. A listener of https speaks plain http here."""
        return f"{'tcp' if self.listener.listener_protocol == 'tcp' else 'http'}://{self.address}"

    def without_servers(self) -> Frontend:
        """All that HAProxy cannot change while it runs."""
        return replace(self, servers=())

    def with_members(self, members: Sequence[BackendServer]) -> Frontend:
        """The same listener before other members."""
        return replace(self, servers=tuple(server_of(self.listener, member) for member in members))


def safe_name(text: str) -> str:
    """Text as a HAProxy name; different texts stay different."""
    return re.sub(r"[^A-Za-z0-9_.-]", lambda match: f":{ord(match.group()):x}:", text)


def server_name(identity: Identity, address: str) -> str:
    """The name of a member's server. At another address it is another server."""
    server_id, server_type, server_ip = map(safe_name, identity)
    return f"{server_id}:{server_type}:{server_ip}:{safe_name(address)}"


def haproxy_weight(scheduler: str, weight: int) -> int:
    """The API's 0..100 fits into HAProxy's 0..256 as it is. Where weights do not count, all are equal, 0 too."""
    return weight if BALANCE[scheduler][1] else EQUAL_WEIGHT


def server_address(listener: Listener, member: BackendServer) -> str:
    """Where the process behind a member listens: its `address`, completed with the listener's backend port."""
    address = member.address or LOOPBACK
    has_port = re.search(r"\]:\d+$|^[^\[\]:]+:\d+$", address) is not None
    return address if has_port else f"{address}:{listener.backend_server_port}"


def server_of(listener: Listener, member: BackendServer) -> Server:
    """A member behind a listener."""
    address = server_address(listener, member)
    weight = haproxy_weight(listener.scheduler, member.weight)
    return Server(server_name(member.identity, address), member.identity, address, weight)


def why_not_served(balancer: LoadBalancer, listener: Listener) -> str:
    """The reason why a listener has no frontend; empty when it has one."""
    if balancer.load_balancer_status == "inactive":
        return "the load balancer is inactive"
    if listener.status != "running":
        return f"the listener is {listener.status}"
    if not listener.uses_default_group:
        return "the listener does not use the default server group"
    if listener.listener_protocol == "udp":
        return "HAProxy does not balance udp"
    return ""


def served_listeners(balancers: Iterable[LoadBalancer]) -> list[tuple[LoadBalancer, Listener]]:
    """The listeners that get a frontend."""
    return [
        (balancer, one) for balancer in balancers for one in balancer.listeners if not why_not_served(balancer, one)
    ]


def skipped_listeners(balancers: Iterable[LoadBalancer]) -> list[str]:
    """A sentence for each listener without a frontend."""
    return [
        f"{balancer.load_balancer_id} {one.listener_protocol} {one.listener_port} is not served: {reason}."
        for balancer in balancers
        for one in balancer.listeners
        for reason in [why_not_served(balancer, one)]
        if reason
    ]


def frontends(balancers: Iterable[LoadBalancer], ports: Mapping[FrontendKey, int]) -> tuple[Frontend, ...]:
    """The frontends of all listeners that get one."""
    return tuple(
        Frontend(balancer.load_balancer_id, one, ports[balancer.load_balancer_id, one.listener_port], ()).with_members(
            balancer.backend_servers
        )
        for balancer, one in served_listeners(balancers)
    )


def server_options(listener: Listener, weight: int) -> str:
    """The options of a server, in the configuration and for `add server` alike."""
    options = f"weight {weight}"
    if listener.health_check == "on":
        interval = max(1, round(listener.health_check_interval * 1000))
        options += f" check inter {interval}ms rise {listener.healthy_threshold} fall {listener.unhealthy_threshold}"
    return options


def http_lines(listener: Listener) -> list[str]:
    """What a listener of http or https has. Connections to servers are not kept, as in the real product."""
    lines = [
        "mode http",
        "option http-server-close",
        "option forwardfor",
        # A reload lets the clients' idle connections live until their next request.
        "option idle-close-on-response",
        f"timeout client {HTTP_TIMEOUT}",
        f"timeout server {HTTP_TIMEOUT}",
        f"timeout http-keep-alive {HTTP_TIMEOUT}",
    ]
    if listener.health_check == "on":
        lines += [
            "option httpchk",
            # A reset after the headers would make many servers complain.
            "http-check connect linger",
            f"http-check send meth GET uri {listener.health_check_uri} ver HTTP/1.1 hdr Host {LOOPBACK}",
            "http-check expect status 200-299",
        ]
    return lines


def section(frontend: Frontend) -> list[str]:
    """The `listen` section of a frontend."""
    listener = frontend.listener
    tcp_lines = ["mode tcp", f"timeout client {TCP_TIMEOUT}", f"timeout server {TCP_TIMEOUT}"]
    lines = [
        f"bind {frontend.address}",
        *(tcp_lines if listener.listener_protocol == "tcp" else http_lines(listener)),
        *BALANCE[listener.scheduler][0],
        *(f"server {one.name} {one.address} {server_options(listener, one.weight)}" for one in frontend.servers),
    ]
    return [f"listen {frontend.name}", *(f"    {line}" for line in lines), ""]


def configuration(plan: Sequence[Frontend], socket_path: Path, state_file: Path) -> str:
    """The whole file. Each frontend has one thread, so that round robin keeps its exact order."""
    lines = [
        "global",
        f"    stats socket {socket_path} mode 600 level admin expose-fd listeners",
        f"    server-state-file {state_file}",
        f"    maxconn {MAX_CONNECTIONS}",
        "    nbthread 1",
        "",
        "defaults",
        "    load-server-state-from-file global",
        "    timeout connect 2s",
        "    timeout check 2s",
        # A request that meets a dead server fails: nothing here hides it from a careless client.
        "    retries 0",
        "",
    ]
    for frontend in plan:
        lines += section(frontend)
    return "\n".join(lines)
