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

from ..core.listeners import Listener, Route, Rule
from ..core.model import BackendServer, Identity, LoadBalancer, MemberKey

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
    """A member at the end of a route. weight is HAProxy's: 0..256."""

    name: str
    key: MemberKey
    address: str
    weight: int


@dataclass(frozen=True)
class Pool:
    """The servers at the end of one route: one section, with weights and checks of its own."""

    name: str
    route: Route
    servers: tuple[Server, ...] = ()

    def with_members(self, members: Sequence[BackendServer]) -> Pool:
        """The same pool with other members."""
        return replace(self, servers=tuple(server_of(self.route, member) for member in members))


@dataclass(frozen=True)
class Frontend:
    """A listener as HAProxy serves it: a `listen` section, and a `backend` section for each rule."""

    load_balancer_id: str
    listener: Listener
    data_port: int
    # The first is that of requests no rule takes.
    pools: tuple[Pool, ...]

    @property
    def key(self) -> FrontendKey:
        """Which listener it is."""
        return (self.load_balancer_id, self.listener.listener_port)

    @property
    def name(self) -> str:
        """The name of its `listen` section."""
        return self.pools[0].name

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
        return self.with_members({})

    def with_members(self, groups: Mapping[str, Sequence[BackendServer]]) -> Frontend:
        """The same listener before other members: groups has them by the id of their group."""
        pools = tuple(pool.with_members(groups.get(pool.route.vserver_group_id, ())) for pool in self.pools)
        return replace(self, pools=pools)


def safe_name(text: str) -> str:
    """Text as a HAProxy name; different texts stay different."""
    return re.sub(r"[^A-Za-z0-9_.-]", lambda match: f":{ord(match.group()):x}:", text)


def server_name(identity: Identity, address: str, port: int | None = None) -> str:
    """The name of a member's server. At another address it is another server."""
    server_id, server_type, server_ip = map(safe_name, identity)
    name = f"{server_id}:{server_type}:{server_ip}:{safe_name(address)}"
    return name if port is None else f"{name}:{port}"


def haproxy_weight(scheduler: str, weight: int) -> int:
    """The API's 0..100 fits into HAProxy's 0..256 as it is. Where weights do not count, all are equal, 0 too."""
    return weight if BALANCE[scheduler][1] else EQUAL_WEIGHT


def server_address(listener: Listener, member: BackendServer) -> str:
    """Where the process behind a member listens: its `address`, completed with its port or the listener's."""
    address = member.address or LOOPBACK
    has_port = re.search(r"\]:\d+$|^[^\[\]:]+:\d+$", address) is not None
    return address if has_port else f"{address}:{member.port or listener.backend_server_port}"


def server_of(route: Route, member: BackendServer) -> Server:
    """A member at the end of a route."""
    address = server_address(route.listener, member)
    name = server_name(member.identity, address, member.port)
    return Server(name, member.key, address, haproxy_weight(route.scheduler, member.weight))


def why_not_served(balancer: LoadBalancer, listener: Listener) -> str:
    """The reason why a listener has no frontend; empty when it has one."""
    if balancer.load_balancer_status == "inactive":
        return "the load balancer is inactive"
    if listener.status != "running":
        return f"the listener is {listener.status}"
    if listener.listener_forward == "on":
        return "the listener forwards to another"
    if listener.master_slave_server_group_id:
        return "the listener uses a master/slave server group"
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
        Frontend(
            balancer.load_balancer_id, one, ports[balancer.load_balancer_id, one.listener_port], pools(balancer, one)
        ).with_members(balancer.members_by_group())
        for balancer, one in served_listeners(balancers)
    )


def pools(balancer: LoadBalancer, listener: Listener) -> tuple[Pool, ...]:
    """The pools of a listener, without servers: its own, and one for each of its rules."""
    name = f"{safe_name(balancer.load_balancer_id)}.{listener.listener_port}"
    routes = [route for route in balancer.routes() if route.listener is listener]
    return tuple(Pool(name + (f".{safe_name(r.rule.rule_id)}" if r.rule else ""), r) for r in routes)


def by_precedence(rules: Iterable[Rule]) -> list[Rule]:
    """Rules in the order in which they are asked: the first that fits takes the request.

    An exact domain comes before one with an asterisk, a longer one of these before a shorter one, and a rule for any
    domain comes last; among rules of one domain the longest path comes first (the vendor's page on forwarding rules).
    """
    return sorted(rules, key=lambda rule: (not rule.domain, "*" in rule.domain, -len(rule.domain), -len(rule.url)))


def condition(rule: Rule) -> str:
    """What a request must have for a rule to take it."""
    host = "req.hdr(host),field(1,:),lower"
    parts = []
    if rule.domain.startswith("*"):
        parts.append(f"{{ {host} -m end {rule.domain[1:]} }}")
    elif rule.domain:
        parts.append(f"{{ {host} -m str {rule.domain} }}")
    if rule.url:
        parts.append(f"{{ path -m beg {rule.url} }}")
    return " ".join(parts)


def server_options(route: Route, weight: int) -> str:
    """The options of a server, in the configuration and for `add server` alike."""
    options = f"weight {weight}"
    if route.health_check == "on":
        listener = route.listener
        interval = max(1, round(listener.health_check_interval * 1000))
        options += f" check inter {interval}ms rise {listener.healthy_threshold} fall {listener.unhealthy_threshold}"
    return options


def client_lines(frontend: Frontend) -> list[str]:
    """Where a listener takes requests, and which of its rules takes them."""
    bind = f"bind {frontend.address}"
    if frontend.listener.listener_protocol == "tcp":
        return [bind, f"timeout client {TCP_TIMEOUT}"]
    sections = {pool.route.rule: pool.name for pool in frontend.pools}
    return [
        bind,
        # A reload lets the clients' idle connections live until their next request.
        "option idle-close-on-response",
        f"timeout client {HTTP_TIMEOUT}",
        f"timeout http-keep-alive {HTTP_TIMEOUT}",
        *(f"use_backend {sections[rule]} if {condition(rule)}" for rule in by_precedence(frontend.listener.rules)),
    ]


def server_lines(pool: Pool) -> list[str]:
    """How requests reach the servers of a pool. Connections of http are not kept, as in the real product."""
    is_tcp = pool.route.listener.listener_protocol == "tcp"
    lines = (
        ["mode tcp", f"timeout server {TCP_TIMEOUT}"]
        if is_tcp
        else ["mode http", "option http-server-close", "option forwardfor", f"timeout server {HTTP_TIMEOUT}"]
    )
    if pool.route.health_check == "on" and not is_tcp:
        lines += [
            "option httpchk",
            # A reset after the headers would make many servers complain.
            "http-check connect linger",
            f"http-check send meth GET uri {pool.route.health_check_uri} ver HTTP/1.1 hdr Host {LOOPBACK}",
            "http-check expect status 200-299",
        ]
    servers = (f"server {one.name} {one.address} {server_options(pool.route, one.weight)}" for one in pool.servers)
    return [*lines, *BALANCE[pool.route.scheduler][0], *servers]


def sections(frontend: Frontend) -> list[str]:
    """The `listen` section of a frontend and the `backend` sections of its rules."""
    own, *of_rules = frontend.pools
    lines = [f"listen {own.name}", *indented([*server_lines(own), *client_lines(frontend)]), ""]
    for pool in of_rules:
        lines += [f"backend {pool.name}", *indented(server_lines(pool)), ""]
    return lines


def indented(lines: Iterable[str]) -> list[str]:
    """Lines of a section."""
    return [f"    {line}" for line in lines]


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
        lines += sections(frontend)
    return "\n".join(lines)
