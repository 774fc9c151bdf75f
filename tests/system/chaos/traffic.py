# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check_listeners has to find: where weights have no effect, and where traffic still reaches a drained server.

From the documentation of the option and the state alone; nothing here is taken from the module's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness import Identity, Member
from schedule import PAIR_ID, Document, Schedule

WEIGHTED = ("wrr", "wlc")
LONGEST_MESSAGE = 1000  # characters of the message of a failure
SHOWN = 5  # members that a finding names

# A server in any group: server_id, type, and the address of one that can have several.
Server = tuple[str, str, str]


class Fact(NamedTuple):
    """A finding that must be there. ``words``: what its phrase must have, apart from how it puts it."""

    words: tuple[str, ...]


class Route(NamedTuple):
    """A way to a server group. ``words``: listener and rule."""

    words: tuple[str, ...]
    group: str
    scheduler: str
    is_stopped: bool


class Task(NamedTuple):
    """What a task is about: what it requests of the members, and which of that differs. ``names``: of groups, by their ids."""

    wishes: dict[Identity, int]
    changes: dict[Identity, int]
    names: dict[str, str]

    @property
    def drained(self) -> set[Server]:
        return {server_of(identity) for identity, weight in self.wishes.items() if not weight}

    @property
    def changed_groups(self) -> set[str]:
        return {identity[0] for identity in self.changes}

    @property
    def named(self) -> set[tuple[str, Server]]:
        return {(identity[0], server_of(identity)) for identity in self.wishes}


def server_of(identity: Identity) -> Server:
    _group, server_id, server_type, server_ip, _port = identity
    return (server_id, server_type, "" if server_type == "ecs" else server_ip)


def routes_of(schedule: Schedule) -> Iterator[Route]:
    """Every way to the default group or to a vServer group. A listener that redirects leads to no server."""
    for listener in schedule.listeners:
        words = (name_of(listener),)
        scheduler = listener.get("scheduler", "wrr")
        is_stopped = listener.get("status") == "stopped"
        if listener.get("listener_forward") != "on" and "master_slave_server_group_id" not in listener:
            yield Route(words, listener.get("vserver_group_id", ""), scheduler, is_stopped)
        for rule in listener.get("rules", ()):
            own = rule["scheduler"] if rule.get("listener_sync") == "off" else scheduler
            yield Route((*words, rule["rule_id"]), rule["vserver_group_id"], own, is_stopped)


def name_of(listener: Document) -> str:
    return f"listener {listener['listener_protocol']}:{listener['listener_port']}"


def facts_of(schedule: Schedule, task: Task, members: Sequence[Member], knows_pair: bool) -> list[Fact]:
    """What a check finds. ``members``: of all groups in use, as they were read. ``knows_pair``: whether the pair was read, too."""
    if not task.changes:
        return []
    routes = list(routes_of(schedule))
    facts = [] if schedule.status == "active" else [Fact((schedule.status,))]
    if not schedule.listeners:
        facts.append(Fact(("no listener",)))
    else:
        facts += unused(schedule, task, routes)
    facts += [fact for route in routes for fact in on_route(task, route, members)]
    facts += through_pairs(schedule, task, knows_pair)
    managed = [group for group in task.changed_groups if task.names.get(group, "").startswith("k8s/")]
    return [*facts, *(Fact(("Kubernetes", group)) for group in managed)]


def unused(schedule: Schedule, task: Task, routes: Sequence[Route]) -> list[Fact]:
    """Changed groups that nothing leads to. A task about all groups may meet spare ones, as long as one is in use."""
    used = {route.group for route in routes}
    if schedule.options["server_groups"] == "all" and task.changed_groups & used:
        return []
    return [Fact(("no listener or rule", group or "default")) for group in task.changed_groups - used]


def on_route(task: Task, route: Route, members: Sequence[Member]) -> Iterator[Fact]:
    """Weights that the listener or rule does not obey, and members of a drained server that the task does not name."""
    if route.group in task.changed_groups:
        if route.is_stopped:
            yield Fact((*route.words, "stopped"))
        elif route.scheduler not in WEIGHTED:
            yield Fact((*route.words, f"schedules by {route.scheduler}"))
    left = [member for member in members if is_left(task, member) and member.group == route.group]
    if left:
        servers = dict.fromkeys(member.server.server_id for member in left) if len(left) <= SHOWN else ()
        yield Fact((*route.words, route.group or "default server group", *servers))


def is_left(task: Task, member: Member) -> bool:
    """Whether a member gets traffic although its server is drained, in a group in which the task does not name the server."""
    server = server_of(member.identity)
    return member.weight > 0 and server in task.drained and (member.group, server) not in task.named


def through_pairs(schedule: Schedule, task: Task, knows_pair: bool) -> Iterator[Fact]:
    """Master/slave groups with a drained server; if it cannot be read which servers there are, any drain.

    The API does not show their addresses, so a network interface counts as drained with any of its addresses.
    """
    for listener in schedule.listeners:
        if listener.get("master_slave_server_group_id") != PAIR_ID:
            continue
        servers = {(row["server_id"], row["type"]) for pair in schedule.pairs for row in pair["backend_servers"]}
        drained = {server[:2] for server in task.drained}
        if drained & servers or (drained and not knows_pair):
            yield Fact((name_of(listener), PAIR_ID))


def difference(text: str, facts: Sequence[Fact]) -> str:
    """How a message differs from what it must say; empty if it does not."""
    phrases = text.partition(": ")[2].split("; ")
    is_cut = len(text) >= LONGEST_MESSAGE and len(phrases) <= len(facts)
    if is_cut:
        phrases.pop()
    elif len(phrases) != len(facts):
        return f"{len(phrases)} findings and not {len(facts)}: {phrases} for {facts}"
    for fact in () if is_cut else facts:
        if not any(all(word in phrase for word in fact.words) for phrase in phrases):
            return f"{fact.words} is missing in {phrases}"
    for phrase in phrases:
        if not any(all(word in phrase for word in fact.words) for fact in facts):
            return f"{phrase!r} is not true: {facts}"
    return ""
