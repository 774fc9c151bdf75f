# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules: a server group, a request and the faults that it meets; made from one number, kept as YAML."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

LOAD_BALANCER = "lb-chaos"
DESCRIBE, SET = "DescribeLoadBalancerAttribute", "SetBackendServers"
LIST, DESCRIBE_GROUP, SET_GROUP = (
    "DescribeVServerGroups",
    "DescribeVServerGroupAttribute",
    "SetVServerGroupAttribute",
)
READS, WRITES = (DESCRIBE, DESCRIBE_GROUP), (SET, SET_GROUP)
LISTENERS, RULES, PAIR = (
    "DescribeLoadBalancerListeners",
    "DescribeRules",
    "DescribeMasterSlaveServerGroupAttribute",
)
LISTENER: dict[str, Any] = {"listener_port": 80, "listener_protocol": "tcp", "backend_server_port": 80}
PAIR_ID = "rsp-pair"
PORTS = (80, 8080, 8081)
DESCRIPTIONS = ("", "", "web", "web/1.a-b_c", "Frontend-7")
WEIGHTS = (0, 0, 0, 1, 50, 60, 100, 100, 100)
SILENCE = 60.0  # seconds that a stalled answer keeps quiet: longer than any schedule

PLAIN_OPTIONS: Document = {
    "server_groups": "default",
    "on_missing": "fail",
    "on_unexpected": "fail",
    "min_active": 0,
    "check_listeners": "off",
    "verify": True,
    "wait_timeout": 3,
    "read_timeout": 1,
}


@dataclass(frozen=True)
class Schedule:
    """All that a run is told. Everything in it is plain, so that it can be kept, read and edited as YAML.

    ``members`` (of the default group), ``groups`` (vServer groups), ``listeners``, ``pairs`` (master/slave groups), ``status`` (of
    the load balancer) and ``faults`` are documents of the emulator, ``backend_servers`` and ``options`` the module's.
    ``as_process``: the module's file in a process of its own, with its real pauses; else its task in this process.
    ``kill_after``: kill that process once so many requests have been handled.
    """

    seed: int
    members: list[Document]
    backend_servers: list[Document]
    options: Document
    faults: list[Document]
    busy_seconds: float = 0.0
    check_mode: bool = False
    as_process: bool = False
    kill_after: int | None = None
    groups: list[Document] = field(default_factory=list)

    listeners: list[Document] = field(default_factory=lambda: [LISTENER])
    pairs: list[Document] = field(default_factory=list)
    status: str = "active"

    @property
    def names(self) -> dict[str, str]:
        """The names of all vServer groups that ever exist, by their ids."""
        edits = [edit for fault in self.faults for edit in fault.get("edits", ())]
        groups = [*self.groups, *(edit["add_group"] for edit in edits if "add_group" in edit)]
        return {group["vserver_group_id"]: group["vserver_group_name"] for group in groups}

    def state(self, access_keys: Sequence[str] = ("rehearsal",)) -> Document:
        """The state document of the emulator."""
        balancer = {
            "region_id": "cn-hangzhou",
            "load_balancer_status": self.status,
            "backend_servers": self.members,
            "vserver_groups": self.groups,
            "master_slave_groups": self.pairs,
            "listeners": self.listeners,
        }
        return {
            "access_keys": [{"access_key_id": key, "access_key_secret": "rehearsal-secret"} for key in access_keys],
            "load_balancers": [{"load_balancer_id": LOAD_BALANCER, **balancer}],
        }

    def text(self) -> str:
        """The schedule as YAML, one line for each member, server and fault."""
        text: str = yaml.dump(asdict(self), Dumper=_Compact, sort_keys=False, width=1000)
        return text


def routes_of(listeners: Sequence[Document]) -> list[Document]:
    """Listeners and rules: all that can lead to a vServer group."""
    return [route for listener in listeners for route in (listener, *listener.get("rules", ()))]


def spare_groups(groups: Sequence[Document], listeners: Sequence[Document]) -> list[str]:
    """The ids of the vServer groups that nothing leads to: the API deletes no others."""
    used = {route.get("vserver_group_id") for route in routes_of(listeners)}
    return [group["vserver_group_id"] for group in groups if group["vserver_group_id"] not in used]


class _Compact(yaml.SafeDumper):
    """Writes the documents inside the lists on a line of their own."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, "seed" not in mapping)


def load(path: Path) -> Schedule:
    """A schedule that was kept. Raises TypeError when it has other keys than a schedule."""
    return Schedule(**yaml.safe_load(path.read_text(encoding="utf-8")))


def make(seed: int) -> Schedule:
    """The schedule of a number; the same one for ever, as long as this file stays as it is."""
    chance = random.Random(seed)
    as_process = chance.random() < 0.1
    members = make_members(chance)
    groups = make_groups(chance, members)
    listeners, pairs = make_listeners(chance, members, groups)
    servers = make_request(chance, members)
    all_groups = bool(groups) and chance.random() < 0.5
    if groups and (not all_groups or chance.random() < 0.1):
        servers = make_group_request(chance, servers, groups)
    elif groups and chance.random() < 0.3:
        servers[0]["port"] = chance.choice(PORTS)
    options = make_options(chance, members, servers, as_process)
    options["server_groups"] = "all" if all_groups else "default"
    faults = make_faults(chance, members, servers, groups)
    spare = spare_groups(groups, listeners)
    if groups and chance.random() < (0.5 if spare else 0.15):
        faults.insert(0, make_group_fault(chance, members, groups, spare))
    return Schedule(
        seed=seed,
        members=members,
        backend_servers=servers,
        options=options,
        faults=faults,
        busy_seconds=pick(chance, (0.0, 0.8), (0.1, 0.1), (0.4, 0.1)),
        check_mode=chance.random() < 0.03,
        as_process=as_process,
        kill_after=chance.randint(1, 6) if as_process and chance.random() < 0.4 else None,
        groups=groups,
        listeners=listeners,
        pairs=pairs,
        status=pick(chance, ("active", 97), ("inactive", 3)),
    )


def pick(chance: random.Random, *choices: tuple[Any, float]) -> Any:
    """One of the choices, each with its weight."""
    return chance.choices([value for value, _weight in choices], [weight for _value, weight in choices])[0]


def make_members(chance: random.Random) -> list[Document]:
    """0 to 200 members, of which network interfaces have up to four addresses each."""
    low, high = pick(chance, ((0, 0), 2), ((1, 6), 60), ((7, 25), 18), ((26, 60), 12), ((61, 200), 8))
    size = chance.randint(low, high)
    members: list[Document] = []
    number = 0
    while len(members) < size:
        number += 1
        kind = pick(chance, ("ecs", 60), ("eni", 25), ("eci", 15))
        addresses = chance.randint(1, 4) if kind == "eni" else 1
        for address in range(min(addresses, size - len(members))):
            member = {"server_id": f"{'i' if kind == 'ecs' else kind}-{number}", "type": kind}
            member["weight"] = chance.choice(WEIGHTS)
            if kind != "ecs" or chance.random() < 0.3:
                member["server_ip"] = f"10.0.{number}.{address + 1}"
            member["description"] = chance.choice(DESCRIPTIONS)
            members.append({key: value for key, value in member.items() if value != ""})
    return members


def make_groups(chance: random.Random, members: list[Document]) -> list[Document]:
    """No vServer group, or up to four: with servers of the default group and others, some of them with several ports."""
    count = pick(chance, (0, 45), (1, 20), (2, 20), (4, 15))
    return [make_group(chance, members, number) for number in range(1, count + 1)]


def make_group(chance: random.Random, members: list[Document], number: int) -> Document:
    size = pick(chance, (0, 5), (2, 30), (6, 45), (30, 20))
    shared = chance.sample(members, min(len(members), size))
    servers = [{key: value for key, value in member.items() if key != "description"} for member in shared]
    servers += [{"server_id": f"i-only{number}-{other}", "type": "ecs"} for other in range(chance.randint(0, 2))]
    rows = [
        {
            **server,
            "port": port,
            "weight": chance.choice(WEIGHTS),
            **({"description": "app-1"} if chance.random() < 0.3 else {}),
        }
        for server in servers
        for port in chance.sample(PORTS, pick(chance, (1, 60), (2, 25), (3, 15)))
    ]
    group_id = f"rsp-{number}"
    # Names may repeat, and one may be the id of another group.
    name = pick(chance, (f"app-{number}", 80), ("app-1", 12), ("k8s/80/shop/web/c1", 6), ("rsp-1", 2))
    return {"vserver_group_id": group_id, "vserver_group_name": name, "backend_servers": rows}


def make_listeners(
    chance: random.Random, members: list[Document], groups: list[Document]
) -> tuple[list[Document], list[Document]]:
    """The listeners with their rules, and the master/slave groups that they use.

    One is for the default group, mostly. A vServer group has a listener of its own, a rule, both, or neither.
    """
    listeners, rules = [dict(LISTENER)] if chance.random() < (0.85 if groups else 0.97) else [], []
    for number, group in enumerate(groups):
        place = {"vserver_group_id": group["vserver_group_id"]}
        uses = pick(chance, ("listener", 35), ("rule", 30), ("listener and rule", 10), ("", 25))
        if "listener" in uses:
            listeners.append({"listener_port": 100 + number, "listener_protocol": "tcp", **place})
        if "rule" in uses:
            rules.append({"rule_id": f"rule-{number}", "url": f"/{number}", **place, **make_own_settings(chance)})
    if rules or chance.random() < 0.1:
        own = pick(chance, ({"backend_server_port": 80}, 70), (as_own_group(chance, groups), 30))
        listeners.append({"listener_port": 443, "listener_protocol": chance.choice(["http", "https"]), **own})
        listeners[-1]["rules"] = rules
    if chance.random() < 0.05:
        forward = {"listener_forward": "on", "forward_port": 443}
        listeners.append({"listener_port": 8080, "listener_protocol": "http", **forward})
    for listener in listeners:
        listener.update(
            pick(chance, ({}, 88), ({"scheduler": "wlc"}, 4), ({"scheduler": "rr"}, 4), ({"status": "stopped"}, 4))
        )
    pairs = [make_pair(chance, members)] if chance.random() < 0.08 else []
    if pairs:
        listeners.append({"listener_port": 53, "listener_protocol": "tcp", "master_slave_server_group_id": PAIR_ID})
    return chance.sample(listeners, len(listeners)), pairs


def as_own_group(chance: random.Random, groups: list[Document]) -> Document:
    if not groups:
        return {"backend_server_port": 80}
    return {"vserver_group_id": chance.choice(groups)["vserver_group_id"]}


def make_own_settings(chance: random.Random) -> Document:
    """Those of a rule: a scheduler of its own or the listener's."""
    if chance.random() < 0.8:
        return {}
    return {"listener_sync": "off", "scheduler": chance.choice(["wrr", "wlc", "rr"])}


def make_pair(chance: random.Random, members: list[Document]) -> Document:
    """A master/slave group with members of the default group, if there are any."""
    strangers = [{"server_id": "i-master", "type": "ecs"}, {"server_id": "i-slave", "type": "ecs"}]
    chosen = [*chance.sample(members, min(len(members), chance.randint(0, 2))), *strangers][:2]
    servers = [
        {**{key: one[key] for key in ("server_id", "type", "server_ip") if key in one}, "port": 53, "server_type": kind}
        for one, kind in zip(chosen, ("Master", "Slave"))
    ]
    return {"master_slave_server_group_id": PAIR_ID, "backend_servers": servers}


def make_group_request(chance: random.Random, servers: list[Document], groups: list[Document]) -> list[Document]:
    """A request that names groups, by id or by name, and members of the default group beside them."""
    requested = [server for server in servers if chance.random() < 0.4]
    same = pick(chance, (None, 60), (0, 30), (100, 10))
    for group in groups:
        rows = group["backend_servers"]
        chosen = chance.sample(rows, min(len(rows), pick(chance, (1, 40), (4, 40), (60, 20))))
        name = group[chance.choice(["vserver_group_id", "vserver_group_name"])]
        whole = {row["server_id"] for row in chosen if chance.random() < 0.2}
        for row in chosen:
            server = make_server(chance, rows, row, pick(chance, (None, 85), ("several", 15)), same)
            if "server_ip" in row:
                server["server_ip"] = row["server_ip"]
            entry = {**server, "vserver_group": name, "port": row["port"]}
            if row["server_id"] not in whole:
                requested.append(entry)
    unknown = {"server_id": "i-1", "weight": 0, "vserver_group": chance.choice(["rsp-9", "rsp-n1", "new", PAIR_ID])}
    if not requested or chance.random() < 0.02:
        requested.append(unknown if chance.random() < 0.5 else {**unknown, "vserver_group": "rsp-1", "port": 1})
    return requested + [
        {"server_id": server_id, "weight": 0, "vserver_group": "rsp-1"}
        for server_id in dict.fromkeys(row["server_id"] for row in groups[0]["backend_servers"])
        if chance.random() < 0.1
    ]


def make_request(chance: random.Random, members: list[Document]) -> list[Document]:
    """The option ``backend_servers``; now and then with strangers, doubles and ids that fit several members."""
    count = pick(chance, (1, 30), (3, 30), (25, 20), (200, 20))
    chosen = chance.sample(members, min(len(members), chance.randint(1, count)))
    expects = pick(chance, (None, 85), ("current", 10), ("any", 5))
    same = pick(chance, (None, 70), (0, 20), (100, 10))
    servers = [make_server(chance, members, member, expects, same) for member in chosen]
    if not servers or chance.random() < 0.12:
        servers.insert(chance.randint(0, len(servers)), {"server_id": "i-stranger", "weight": 0})
    if chance.random() < 0.01:
        servers.append(dict(chance.choice(servers)))
    return servers


def make_server(
    chance: random.Random, members: list[Document], member: Document, expects: str | None, same: int | None
) -> Document:
    weight = chance.choice([*WEIGHTS, member["weight"]]) if same is None else same
    server = {"server_id": member["server_id"], "weight": str(weight) if chance.random() < 0.05 else weight}
    namesakes = sum(other["server_id"] == member["server_id"] for other in members)
    if "server_ip" in member and chance.random() < (0.3 if namesakes == 1 else 0.998):
        server["server_ip"] = member["server_ip"]
    if chance.random() < 0.3:
        server["type"] = member["type"]
    if expects:
        several = [chance.choice(WEIGHTS), chance.choice([member["weight"], 1])]
        known = {"current": member["weight"], "any": chance.choice(WEIGHTS), "several": several}
        server["expected_weight"] = known[expects]
    return server


def make_options(chance: random.Random, members: list[Document], servers: list[Document], as_process: bool) -> Document:
    # What the request leaves in traffic, if all that it drains is in traffic: one drain more by another job is too many.
    just_enough = sum(m["weight"] > 0 for m in members) - sum(int(server["weight"]) == 0 for server in servers)
    anything = chance.randint(0, len(members) + 1)
    return {
        "on_missing": pick(chance, ("fail", 50), ("ignore", 50)),
        "on_unexpected": pick(chance, ("fail", 50), ("skip", 50)),
        "min_active": pick(chance, (0, 70), (1, 10), (anything, 5), (max(0, just_enough), 15)),
        "check_listeners": pick(chance, ("off", 60), ("warn", 20), ("fail", 20)),
        "verify": chance.random() < 0.8,
        "wait_timeout": 4 if as_process else pick(chance, (2, 50), (3, 50)),
        "read_timeout": 1,
    }


def make_faults(
    chance: random.Random, members: list[Document], servers: list[Document], groups: list[Document]
) -> list[Document]:
    """Up to six faults, most of them on one request each."""
    count = pick(chance, (0, 8), (1, 27), (2, 30), (3, 20), (4, 10), (6, 5))
    faults = [make_fault(chance, members, servers) for _number in range(count)]
    return [in_a_group(chance, fault, groups) if groups and chance.random() < 0.7 else fault for fault in faults]


def in_a_group(chance: random.Random, fault: Document, groups: list[Document]) -> Document:
    """The same fault, met by a vServer group."""
    reads = pick(chance, (DESCRIBE_GROUP, 80), (LIST, 10), (LISTENERS, 3), (RULES, 5), (PAIR, 2))
    others = {DESCRIBE: reads, SET: SET_GROUP}
    fault = {**fault, "action": others.get(fault["action"], fault["action"])}
    if fault["kind"] == "edit":
        group = chance.choice(groups)
        fault["load_balancer_id"] = LOAD_BALANCER
        fault["edits"] = [edit_of_group(chance, edit, group) for edit in fault["edits"]]
    return fault


def make_group_fault(
    chance: random.Random, members: list[Document], groups: list[Document], spare: list[str]
) -> Document:
    """Another job deletes a group that nothing uses, or makes one: before the list, before a read or before a write."""
    actions = ((LIST, 25), (DESCRIBE_GROUP, 35), (SET_GROUP, 25), (SET, 8), (DESCRIBE, 7))
    action = pick(chance, *actions)
    edit: Document = {"add_group": {**make_group(chance, members, 9), "vserver_group_id": "rsp-n1"}}
    if chance.random() < 0.3:
        edit["add_group"]["vserver_group_name"] = chance.choice([*(g["vserver_group_name"] for g in groups), "new"])
    if spare and chance.random() < 0.75:
        edit = {"vserver_group_id": chance.choice(spare), "remove_group": True}
    skip = 0 if action == LIST else pick(chance, (0, 35), (1, 25), (2, 20), (3, 10), (5, 10))
    fault = {"action": action, "skip": skip, "times": 1, "kind": "edit", "load_balancer_id": LOAD_BALANCER}
    return {**fault, "edits": [edit]}


def edit_of_group(chance: random.Random, edit: Document, group: Document) -> Document:
    """An edit of any member of the group. Others than those requested may be hit, too."""
    place = {"vserver_group_id": group["vserver_group_id"]}
    if "add" in edit:
        return {"add": {**edit["add"], "port": chance.choice(PORTS)}, **place}
    rows = group["backend_servers"]
    row = chance.choice(rows) if rows else {"server_id": "i-1", "port": 80}
    changed = {key: value for key, value in edit.items() if key != "server_id"}
    port = {"port": row["port"]} if chance.random() < 0.7 else {}
    return {"server_id": row["server_id"], **changed, **port, **place}


def make_fault(chance: random.Random, members: list[Document], servers: list[Document]) -> Document:
    action = pick(chance, (DESCRIBE, 48), (SET, 46), (LISTENERS, 3), (None, 3))
    kinds = KINDS if action == SET else READ_KINDS
    make_kind = pick(chance, *kinds.items())
    fault: Document = {"action": action, "skip": pick(chance, (0, 45), (1, 35), (2, 15), (3, 5))}
    fault["times"] = pick(chance, (1, 80), (2, 10), (4, 6), (0, 4))
    fault.update(make_kind(chance, members, servers))
    if any("add" in change for change in fault.get("edits", [])):
        fault["times"] = 1  # a server cannot become a member twice
    return fault


MakeKind = Callable[[random.Random, list[Document], list[Document]], Document]


def error(chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """Busy, throttled, broken and forbidden; in all of them nothing was done."""
    codes = (
        ["BackendServer.configuring"] * 3
        + ["VServerGroupProcessing"]
        + ["Throttling.User"] * 3
        + ["SystemBusy", "OperationConflict"]
    )
    codes += ["ServiceUnavailable"] * 2 + ["InternalError"] * 2 + ["Forbidden.RAM", "LbStatusNotSupport"]
    return {"kind": "error", "code": chance.choice(codes)}


def raw(chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """What gateways and proxies answer in place of the API; nothing was done."""
    status = chance.choice([200, 403, 502, 503, 504])
    return {"kind": "raw", "http_status": status, "body": chance.choice(["<html>Bad gateway</html>", "", "[]", "{"])}


def strange_form(_chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """A JSON object that did not come from the API. Nothing was done."""
    return {"kind": "raw", "http_status": 200, "body": "{}"}


def error_after(chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """A failure of the API after it has done its work; only with codes that leave that open."""
    code, status = chance.choice([("InternalError", 500), ("InternalError", 400), ("ServiceUnavailable", 503)])
    return {"kind": "error_after", "code": code, "http_status": status}


def late(chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """An answer within the read timeout, or beyond it: then the request takes effect when it is no longer waited for."""
    return {"kind": "latency", "seconds": chance.choice([0.05, 0.2, 1.5, 2.2])}


def stall(_chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    return {"kind": "stall", "seconds": SILENCE}


def drip(chance: random.Random, _members: list[Document], _servers: list[Document]) -> Document:
    """A whole answer in a while, or one that no deadline can wait for though no read times out."""
    return {"kind": "drip", "seconds": chance.choice([0.0001, 0.02])}


def edit(chance: random.Random, members: list[Document], servers: list[Document]) -> Document:
    """Another job, mostly at the very members that are requested, at times with the very same wish."""
    edits = [make_edit(chance, members, servers) for _number in range(pick(chance, (1, 70), (2, 20), (5, 10)))]
    return {"kind": "edit", "edits": edits}


def make_edit(chance: random.Random, members: list[Document], servers: list[Document]) -> Document:
    wished = chance.choice(servers)
    server_id = chance.choice(members)["server_id"] if members and chance.random() < 0.3 else wished["server_id"]
    what = pick(chance, ("weight", 65), ("drain", 10), ("wish", 5), ("remove", 12), ("add", 8))
    if what == "remove":
        return {"server_id": server_id, "remove": True}
    if what == "add":
        return {"add": {"server_id": f"i-added{chance.randrange(10**6)}", "weight": chance.choice(WEIGHTS)}}
    if what == "drain" and members:
        return {"server_id": chance.choice(members)["server_id"], "weight": 0}
    weight = int(wished["weight"]) if what == "wish" else chance.choice([*WEIGHTS, 33, 77])
    return {"server_id": server_id, "weight": weight}


def plain(kind: str) -> MakeKind:
    """A fault without keys of its own."""
    return lambda _chance, _members, _servers: {"kind": kind}


KINDS: dict[MakeKind, float] = {
    error: 22,
    raw: 8,
    plain("cut_before"): 14,
    plain("cut_after"): 16,
    error_after: 10,
    plain("truncate"): 8,
    stall: 3,
    drip: 2,
    late: 5,
    edit: 12,
    strange_form: 1,
}
READ_KINDS: dict[MakeKind, float] = {**KINDS, plain("stale_read"): 25, edit: 25}
