# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules: a server group, a request and the faults that it meets; made from one number, kept as YAML."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

LOAD_BALANCER = "lb-chaos"
DESCRIBE, SET, LISTENERS = "DescribeLoadBalancerAttribute", "SetBackendServers", "DescribeLoadBalancerListeners"
DESCRIPTIONS = ("", "", "web", "web/1.a-b_c", "Frontend-7")
WEIGHTS = (0, 0, 0, 1, 50, 60, 100, 100, 100)
SILENCE = 60.0  # seconds that a stalled answer keeps quiet: longer than any schedule

PLAIN_OPTIONS: Document = {
    "on_missing": "fail",
    "min_active": 0,
    "check_listeners": "off",
    "verify": True,
    "wait_timeout": 3,
    "read_timeout": 1,
}


@dataclass(frozen=True)
class Schedule:
    """All that a run is told. Everything in it is plain, so that it can be kept, read and edited as YAML.

    ``members`` and ``faults`` are documents of the emulator, ``backend_servers`` and ``options`` the module's.
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

    def state(self) -> Document:
        """The state document of the emulator."""
        listener = {"listener_port": 80, "listener_protocol": "tcp", "backend_server_port": 80, "scheduler": "wrr"}
        balancer = {"region_id": "cn-hangzhou", "backend_servers": self.members, "listeners": [listener]}
        return {
            "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
            "load_balancers": [{"load_balancer_id": LOAD_BALANCER, **balancer}],
        }

    def text(self) -> str:
        """The schedule as YAML, one line for each member, server and fault."""
        text: str = yaml.dump(asdict(self), Dumper=_Compact, sort_keys=False, width=1000)
        return text


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
    servers = make_request(chance, members)
    options = make_options(chance, members, servers, as_process)
    return Schedule(
        seed=seed,
        members=members,
        backend_servers=servers,
        options=options,
        faults=make_faults(chance, members, servers),
        busy_seconds=pick(chance, (0.0, 0.8), (0.1, 0.1), (0.4, 0.1)),
        check_mode=chance.random() < 0.03,
        as_process=as_process,
        kill_after=chance.randint(1, 6) if as_process and chance.random() < 0.4 else None,
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
        server["expected_weight"] = member["weight"] if expects == "current" else chance.choice(WEIGHTS)
    return server


def make_options(chance: random.Random, members: list[Document], servers: list[Document], as_process: bool) -> Document:
    # What the request leaves in traffic, if all that it drains is in traffic: one drain more by another job is too many.
    just_enough = sum(m["weight"] > 0 for m in members) - sum(int(server["weight"]) == 0 for server in servers)
    anything = chance.randint(0, len(members) + 1)
    return {
        "on_missing": pick(chance, ("fail", 50), ("ignore", 50)),
        "min_active": pick(chance, (0, 70), (1, 10), (anything, 5), (max(0, just_enough), 15)),
        "check_listeners": pick(chance, ("off", 80), ("warn", 10), ("fail", 10)),
        "verify": chance.random() < 0.8,
        "wait_timeout": 4 if as_process else pick(chance, (2, 50), (3, 50)),
        "read_timeout": 1,
    }


def make_faults(chance: random.Random, members: list[Document], servers: list[Document]) -> list[Document]:
    """Up to six faults, most of them on one request each."""
    count = pick(chance, (0, 8), (1, 27), (2, 30), (3, 20), (4, 10), (6, 5))
    return [make_fault(chance, members, servers) for _number in range(count)]


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
    codes = ["BackendServer.configuring"] * 4 + ["Throttling.User"] * 3 + ["SystemBusy", "OperationConflict"]
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
