# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules: hosts, a play with an update, and what goes wrong meanwhile; made from one number, kept as YAML."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

GROUP = "web"
LOAD_BALANCERS = ("lb-a", "lb-b", "lb-c")
WEIGHTS = (100, 100, 100, 60, 60, 10, 1)
DESCRIBE, SET, HEALTH = "DescribeLoadBalancerAttribute", "SetBackendServers", "DescribeHealthStatus"
LIST_GROUPS, DESCRIBE_GROUP, SET_GROUP = (
    "DescribeVServerGroups",
    "DescribeVServerGroupAttribute",
    "SetVServerGroupAttribute",
)
# How traffic comes to a vServer group; to "spare" none does.
LISTENER, RULE, SPARE = "listener", "rule", "spare"

# Updates with which a play must succeed. "own_include" has a file of the user's with the name of one of the role's.
GOOD_UPDATES = ("ok", "module", "own_include", "rescued", "condition")
# Updates that may be refused before the drain: all that is wrong with them can be seen in the files.
REFUSABLE_UPDATES = ("end_static", "end_dynamic", "missing_include")
# Variables of the user's own, which must not mean anything to the role.
OWN_NAMES = (
    "servers", "server", "members", "weights", "path", "record", "roll", "state", "step", "failure", "others", "waits",
    "unhealthy", "timeout", "already_out", "batch", "result", "load_balancer_id", "min_active", "journal", "entry",
)  # fmt: skip
# What servers may need, and what must not reach the API calls.
FOREIGN_ENVIRONMENT = {
    "ALICLOUD_ACCESS_KEY": "of-the-server",
    "ALICLOUD_REGION": "cn-nowhere",
    "ALICLOUD_SLB_ENDPOINT": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
}
OWN_VALUES: tuple[Any, ...] = ([], 7, "x", {"weight": 100}, "{{ nothing_has_this_name }}", None)


@dataclass(frozen=True)
class Schedule:
    """All that a run is told. Everything in it is plain, so that it can be kept, read and edited as YAML.

    ``form``: how the play comes to the role; "twice" and "loop" are two rolling updates in one play. ``balancers_in``,
    ``region_in``: where load balancers and region are set. ``options``: the role's other variables, without their prefix;
    ``places``: where each is set.

    ``hosts``: name, server_id, type, server_ip, zone, load_balancers (a list of ids for each play), weights (by load
    balancer), applies (``when`` on the role), lost (unreachable from the start). ``others``: members that are not hosts,
    by load balancer. ``groups``: vServer groups, each with load_balancer_id, vserver_group_id, name, use (listener, rule or spare)
    and its members, hosts among them; a host that has no weight on a load balancer is in such groups alone.
    ``local_hosts``: names such as 127.0.0.1 in another group, with their connection or null.

    ``update``: kind, and the hosts that it concerns. ``faults``: as the emulator takes them. ``edits``: ``at`` a count of
    ``requests`` or ``marks`` another job changes members. ``signal``: number, target (process or group), ``at``, and how
    many seconds later. ``second``: the same command over the hosts of ``limit``, started ``at`` a moment of the first one.
    ``after``: what is run next, each with an optional signal, faults and limit of its own.
    """

    seed: int
    hosts: list[Document]
    others: dict[str, list[Document]]
    groups: list[Document] = field(default_factory=list)
    form: str = "roles"
    plays: int = 1
    balancers_in: str = "play"
    local_hosts: Document = field(default_factory=dict)
    keywords: Document = field(default_factory=dict)
    forks: int = 5
    region_in: str = "environment"
    second: Document = field(default_factory=dict)
    limit: list[str] = field(default_factory=list)
    options: Document = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    own_variables: Document = field(default_factory=dict)
    become: str = ""
    rescue: bool = False
    check: str = ""
    update: Document = field(default_factory=lambda: {"kind": "ok", "hosts": []})
    faults: list[Document] = field(default_factory=list)
    edits: list[Document] = field(default_factory=list)
    signal: Document = field(default_factory=dict)
    after: list[Document] = field(default_factory=list)
    as_process: bool = False

    def state(self) -> Document:
        """The state document of the emulator."""
        return {
            "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
            "load_balancers": [
                {
                    "load_balancer_id": name,
                    "region_id": "cn-hangzhou",
                    "backend_servers": [*self.members_of(name), *others],
                    "vserver_groups": [
                        {**at(group), "vserver_group_name": group["name"], "backend_servers": group["members"]}
                        for group in self.groups_of(name)
                    ],
                    "listeners": self.listeners_of(name),
                }
                for name, others in self.others.items()
            ],
        }

    def groups_of(self, load_balancer_id: str) -> list[Document]:
        """The vServer groups of a load balancer."""
        return [group for group in self.groups if group["load_balancer_id"] == load_balancer_id]

    def listeners_of(self, load_balancer_id: str) -> list[Document]:
        """One for the default group, with the rules, and one for each group that has its own."""
        groups = self.groups_of(load_balancer_id)
        rules = [
            {"rule_id": f"rule-{group['vserver_group_id']}", "url": f"/{number}", **at(group)}
            for number, group in enumerate(groups)
            if group["use"] == RULE
        ]
        listener: Document = {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 8080}
        if rules:
            listener["rules"] = rules
        own = [
            {"listener_port": 9000 + number, "listener_protocol": "tcp", **at(group)}
            for number, group in enumerate(groups)
            if group["use"] == LISTENER
        ]
        return [listener, *own]

    def containers(self) -> dict[str, list[Document]]:
        """The members of each server group, by the id of the load balancer (the default group) or of the vServer group."""
        found = {name: [*self.members_of(name), *others] for name, others in self.others.items()}
        return {**found, **{group["vserver_group_id"]: group["members"] for group in self.groups}}

    def members_of(self, load_balancer_id: str) -> list[Document]:
        """The hosts that are members of a load balancer, as the emulator takes them."""
        return [
            {
                "server_id": host["server_id"],
                "type": host["type"],
                "weight": host["weights"][load_balancer_id],
                **({"server_ip": host["server_ip"]} if host["server_ip"] else {}),
            }
            for host in self.hosts
            if load_balancer_id in host["weights"]
        ]

    def selected(self) -> list[Document]:
        """The hosts of the play, as --limit leaves them."""
        return [host for host in self.hosts if not self.limit or host["name"] in self.limit]

    def targets(self) -> list[str]:
        """The names of the hosts that the rolling update is about, with those of a second one."""
        return [
            host["name"]
            for host in self.hosts
            if host in self.selected() or host["name"] in self.second.get("limit", [])
        ]

    def batches(self) -> list[list[Document]]:
        """The hosts of the play as ``serial`` divides them."""
        hosts, serial = self.selected(), self.keywords.get("serial")
        sizes = serial if isinstance(serial, list) else [serial or len(hosts)]
        batches: list[list[Document]] = []
        while hosts:
            size = sizes[min(len(batches), len(sizes) - 1)]
            count = max(1, len(self.selected()) * int(size[:-1]) // 100) if isinstance(size, str) else size
            batches, hosts = [*batches, hosts[:count]], hosts[count:]
        return batches

    def spare(self) -> int:
        """How many members stay in traffic in the server group that has the fewest of them left, at any time."""
        left: list[int] = []
        for members in self.containers().values():
            active = [identity_of(member) for member in members if member["weight"] > 0]
            batches = [{identity_of(host) for host in batch} for batch in self.batches()]
            left.append(len(active) - max(sum(one in batch for one in active) for batch in batches))
        return min(left)

    def weights_of_hosts(self) -> list[int]:
        """The weights of all members that are hosts."""
        hosts = {identity_of(host) for host in self.hosts}
        return [
            member["weight"]
            for members in self.containers().values()
            for member in members
            if identity_of(member) in hosts
        ]

    def is_possible(self) -> bool:
        """Whether the play asks for nothing that the role has to refuse."""
        already_out = 0 in self.weights_of_hosts()
        return (
            self.spare() >= int(self.options.get("min_active", 1))
            and self.update["kind"] not in REFUSABLE_UPDATES
            # Other forms hand a condition down to each step, and this update makes it false.
            and not (self.update["kind"] == "condition" and self.form not in ("include_role", "loop"))
            and not (already_out and self.options.get("already_out") == "fail")
        )

    def must_succeed(self) -> bool:
        """Whether nothing is wrong: the run must end with exit code 0."""
        trouble = (
            self.faults or self.edits or self.signal or self.second or any(host["lost"] for host in self.selected())
        )
        return (
            not trouble
            and "now()" not in str(self.options.get("id"))
            and self.is_possible()
            and self.update["kind"] in GOOD_UPDATES
        )

    def text(self) -> str:
        """The schedule as YAML."""
        return str(yaml.safe_dump(asdict(self), sort_keys=False, default_flow_style=None, width=120))


def at(group: Document) -> Document:
    return {"vserver_group_id": group["vserver_group_id"]}


def identity_of(member: Document) -> tuple[str, str]:
    """What a host and a member have in common."""
    return (member["server_id"], member.get("server_ip", ""))


def load(path: Path) -> Schedule:
    """The schedule in a file that ``Schedule.text`` has written."""
    return Schedule(**yaml.safe_load(path.read_text(encoding="utf-8")))


def pick(chance: random.Random, *choices: tuple[Any, float]) -> Any:
    """One of the values, each as often as its number says."""
    return chance.choices([value for value, _weight in choices], [weight for _value, weight in choices])[0]


def make(seed: int) -> Schedule:
    """The schedule of a number."""
    chance = random.Random(seed)
    form = pick(
        chance,
        ("roles", 33),
        ("include_role", 14),
        ("import_role", 11),
        ("entry_points", 14),
        ("playbook", 19),
        ("twice", 4),
        ("loop", 5),
    )
    plays = 2 if form in ("twice", "loop") or (form == "roles" and chance.random() < 0.1) else 1
    balancers_in = pick(chance, ("play", 30), ("group", 20), ("extra", 15), ("zone", 20), ("host", 15))
    if plays == 2 or (form == "playbook" and balancers_in == "play"):
        balancers_in = "play" if plays == 2 else "group"
    hosts, others = make_hosts(chance, form, balancers_in, plays)
    groups = [group for name in others if chance.random() < 0.5 for group in make_groups(chance, name, hosts)]
    base = Schedule(
        seed,
        hosts,
        others,
        groups,
        form=form,
        plays=plays,
        balancers_in=balancers_in,
        local_hosts=make_local_hosts(chance),
        keywords=make_keywords(chance, form),
        forks=chance.randint(1, 10),
        limit=[host["name"] for host in hosts[: chance.randint(1, len(hosts))]] if chance.random() < 0.12 else [],
        region_in=pick(
            chance, ("environment", 75), ("group", 12), ("environment" if form == "playbook" else "defaults", 13)
        ),
    )
    names = [host["name"] for host in base.selected()]
    become = pick(chance, ("", 75), ("group_vars", 9), ("play_vars", 8), ("keyword", 8))
    update = make_update(chance, form, names, can_run_modules=not become)
    options = make_options(chance, base)
    return Schedule(
        **{
            **vars(base),
            "options": options,
            "places": make_places(chance, options, form),
            "own_variables": make_own_variables(chance, form),
            "become": "group_vars" if become and form == "playbook" else become,
            "rescue": form == "include_role" and chance.random() < 0.2,
            "check": make_check(chance, form),
            "update": update,
            **make_trouble(chance, base),
            "as_process": chance.random() < 0.1,
        }
    )


def make_hosts(
    chance: random.Random, form: str, balancers_in: str, plays: int
) -> tuple[list[Document], dict[str, list[Document]]]:
    """The hosts with their members, and the other members of each load balancer."""
    size = pick(chance, (2, 45), (3, 30), (4, 17), (5, 4), (6, 4))
    name_of = pick(chance, ("web{}", 80), ("web{}.example.com", 10), ("10.1.0.{}", 5), ("wéb-{}", 5))
    # A second rolling update is about load balancers of its own.
    names = LOAD_BALANCERS[: 2 if plays == 2 else pick(chance, (1, 50), (2, 35), (3, 15))]
    shares_id = chance.random() < 0.15
    already_out = chance.random() < 0.3
    hosts = []
    for number in range(1, size + 1):
        zone = "zone_a" if number <= (size + 1) // 2 else "zone_b"
        by_play = [[name] for name in names] if plays == 2 else [balancers_of(chance, names, balancers_in, zone)]
        mine = [name for play in by_play for name in play]
        weights = {name: 0 if already_out and chance.random() < 0.4 else chance.choice(WEIGHTS) for name in mine}
        member = {"server_id": f"i-{number}", "type": "ecs", "server_ip": ""}
        if shares_id:
            member = {"server_id": "eni-1", "type": "eni", "server_ip": f"10.0.0.{number}"}
        hosts.append(
            {
                "name": name_of.format(number),
                **member,
                "zone": zone,
                "load_balancers": by_play,
                "weights": weights,
                "applies": True,
                "lost": False,
            }
        )
    if form != "playbook" and chance.random() < 0.15:
        for host in hosts:
            host["applies"] = chance.random() < 0.6
    if chance.random() < 0.06:
        chance.choice(hosts)["lost"] = True
    others = {
        name: [
            {"server_id": f"i-9{n}", "weight": pick(chance, (100, 85), (0, 15))} for n in range(chance.randint(1, 3))
        ]
        for name in names
    }
    return hosts, others


def make_groups(chance: random.Random, load_balancer_id: str, hosts: list[Document]) -> list[Document]:
    """vServer groups of a load balancer. Some hosts that are in one of them leave the default group."""
    groups = []
    mine = [host for host in hosts if load_balancer_id in host["weights"]]
    for number in range(pick(chance, (1, 60), (2, 40))):
        ports = pick(chance, ([8080], 60), ([8080, 8081], 40))
        members = [
            {
                "server_id": host["server_id"],
                "type": host["type"],
                **({"server_ip": host["server_ip"]} if host["server_ip"] else {}),
                "port": port,
                "weight": pick(chance, (0, 6), *((weight, 13) for weight in WEIGHTS)),
            }
            for host in mine
            if chance.random() < 0.8
            for port in ports
        ]
        others = [{"server_id": "i-90", "port": 80 + n, "weight": 100} for n in range(chance.randint(1, 2))]
        groups.append(
            {
                "load_balancer_id": load_balancer_id,
                "vserver_group_id": f"rsp-{load_balancer_id[-1]}{number}",
                "name": pick(chance, (f"app {number}", 70), (f"rsp-{load_balancer_id[-1]}{number}", 30)),
                "use": pick(chance, (LISTENER, 50), (RULE, 40), (SPARE, 10)),
                "members": [*members, *others],
            }
        )
    used = {identity_of(member) for group in groups if group["use"] != SPARE for member in group["members"]}
    for host in mine:
        if identity_of(host) in used and chance.random() < 0.2:
            del host["weights"][load_balancer_id]
    return groups


def balancers_of(chance: random.Random, names: tuple[str, ...], balancers_in: str, zone: str) -> list[str]:
    """The load balancers that a host is behind."""
    if balancers_in == "zone":
        return [names[0] if zone == "zone_a" else names[-1], *names[1:-1]]
    if balancers_in == "host":
        return chance.sample(names, chance.randint(1, len(names)))
    return list(names)


def make_local_hosts(chance: random.Random) -> Document:
    names = pick(chance, ((), 60), (("127.0.0.1",), 15), (("localhost",), 15), (("localhost", "127.0.0.1"), 10))
    return {name: pick(chance, ("local", 60), (None, 40)) for name in names}


def make_keywords(chance: random.Random, form: str) -> Document:
    by_steps = 0 if form == "playbook" else 16  # a list in slb_serial is not a list of steps
    keywords = {"serial": pick(chance, (None, 18), (1, 15), (2, 35), ("50%", 16), ([1, 2], by_steps))}
    if form != "playbook":
        keywords["strategy"] = pick(chance, (None, 70), ("linear", 6), ("free", 14), ("host_pinned", 10))
        keywords["ignore_errors"] = pick(chance, (None, 94), (True, 6))
        keywords["ignore_unreachable"] = pick(chance, (None, 94), (True, 6))
        keywords["any_errors_fatal"] = pick(chance, (None, 93), (True, 7))
        keywords["max_fail_percentage"] = pick(chance, (None, 93), (0, 3), (60, 4))
        keywords["environment"] = pick(chance, (None, 92), (FOREIGN_ENVIRONMENT, 8))
        keywords["force_handlers"] = pick(chance, (None, 88), (True, 12))
    return {name: value for name, value in keywords.items() if value is not None}


def make_update(chance: random.Random, form: str, names: list[str], can_run_modules: bool) -> Document:
    # The handlers of a play do not know which of its two rolling updates has notified them.
    has_handlers = form not in ("playbook", "twice", "loop")
    kind = pick(
        chance,
        ("ok", 44),
        ("own_include", 9),
        ("rescued", 4),
        ("module", 6 if can_run_modules else 0),
        ("fail", 11),
        ("handler_fail", 6 if has_handlers else 0),
        ("unreachable", 7),
        # Where the update is the user's own play, the role cannot know that it ends a host.
        ("end_static", 0 if form == "entry_points" else 4),
        ("end_dynamic", 0 if form == "entry_points" else 3),
        ("condition", 0 if form == "playbook" else 4),
        ("missing_include", 2),
        ("missing_hidden", 3),
    )
    update: Document = {"kind": kind, "hosts": chance.sample(names, pick(chance, (1, 80), (len(names), 20)))}
    if kind == "own_include":
        # Ansible looks beside the collection's playbooks before it looks beside the user's files, so this name is refused there.
        playbook = "restore.yml" if form == "playbook" else "recover.yml"
        update["file"] = chance.choice(("restore.yml", "main.yml", "drain.yml", playbook, "failed.yml", "check.yml"))
        update["how"] = chance.choice(("include_tasks", "import_tasks"))
    if has_handlers:
        nothing = 0 if kind == "handler_fail" else 65
        update["notifies"] = pick(chance, (None, nothing), ("a handler", 20), ("a handler further down", 15))
    if form == "entry_points":
        update["flushes"] = chance.random() < 0.5
    return update


def make_options(chance: random.Random, base: Schedule) -> Document:
    """Variables of the role, as numbers and lists; None is left out."""
    spare = base.spare()
    options: Document = {
        "drain_delay": pick(chance, (0, 93), (1, 7)),
        "health_timeout": 3,
        "ramp_pause": 0,
        "ramp": pick(chance, (None, 72), ([50], 12), ([10, 50], 8), ([50, 100], 8)),
        "min_active": pick(chance, (0 if spare < 1 else None, 50), (0, 20), (max(0, spare), 26), (spare + 1, 4)),
        "on_failure": pick(chance, (None, 50), ("keep_drained", 15), ("restore", 35)),
        "on_drain_timeout": pick(chance, (None, 85), ("fail", 15)),
        "check_listeners": pick(chance, (None, 80), ("warn", 10), ("off", 10)),
        "already_out": pick(chance, (None, 80), ("warn", 15), ("fail", 5)),
        "health_tasks_file": pick(chance, (None, 92), ("health.yml", 8)),
        "id": pick(
            chance,
            (None, 50),
            ("web-1.3", 28),
            ("1.5", 5),
            (7, 5),
            ("web/1", 4),
            ("{{ inventory_hostname }}-2", 4),
            ("web-{{ now().strftime('%S.%f') }}", 4),
        ),
        "record_dir": pick(chance, (None, 88), ("records", 8), ("my records", 4)),
    }
    return {name: value for name, value in options.items() if value is not None}


def make_places(chance: random.Random, options: Document, form: str) -> dict[str, str]:
    """Where each variable is set."""
    places = {}
    for name, value in options.items():
        is_one_for_all = name in ("id", "record_dir") and "{{" not in str(value)
        choices = ["extra", "text"] + ([] if is_one_for_all else ["host", "group", "group_vars"])
        if form != "playbook":
            choices += ["play"] * 3
        if "{{" in str(value) or (isinstance(value, list) and len(value) > 1):
            choices.remove("text")
        places[name] = chance.choice(choices)
    return places


def make_own_variables(chance: random.Random, form: str) -> Document:
    if form == "playbook" or chance.random() < 0.6:
        return {}
    return {name: chance.choice(OWN_VALUES) for name in chance.sample(OWN_NAMES, chance.randint(1, 6))}


def make_check(chance: random.Random, form: str) -> str:
    how = pick(chance, ("", 92), ("option", 5), ("keyword", 3))
    return "option" if how and form == "playbook" else str(how)


def make_trouble(chance: random.Random, base: Schedule) -> Document:
    """Faults, edits by another job, a signal, and what is run after it."""
    trouble: Document = {"faults": [], "edits": [], "signal": {}, "second": {}}
    if chance.random() < 0.3:
        trouble["faults"] += [make_fault(chance, base) for _number in range(pick(chance, (1, 60), (2, 25), (3, 15)))]
    if chance.random() < 0.18:
        trouble["edits"].append({"at": make_moment(chance, base), **make_edit(chance, base)})
    if chance.random() < 0.25:
        trouble["signal"] = make_signal(chance, base)
    if chance.random() < 0.07:
        names = [host["name"] for host in base.hosts]
        limit = chance.sample(names, chance.randint(1, len(names)))
        trouble["second"] = {"limit": limit, "at": make_moment(chance, base)}
    do = pick(chance, (["recover"], 55), (["again"], 30), (["recover", "again"], 8), (["again", "again"], 7))
    trouble["after"] = [make_step(chance, base, name) for name in do]
    return trouble


def make_step(chance: random.Random, base: Schedule, name: str) -> Document:
    """A run after the first one, which may meet trouble as well."""
    step: Document = {"do": name}
    if chance.random() < 0.12:
        step["signal"] = make_signal(chance, base)
    if chance.random() < 0.12:
        step["faults"] = [make_fault(chance, base)]
    if name == "again" and chance.random() < 0.12:
        names = [host["name"] for host in base.selected()]
        step["limit"] = chance.sample(names, chance.randint(1, len(names)))
    return step


def make_signal(chance: random.Random, base: Schedule) -> Document:
    return {
        "number": pick(chance, ("INT", 35), ("TERM", 30), ("KILL", 35)),
        "to": pick(chance, ("process", 60), ("group", 40)),
        "at": make_moment(chance, base),
        "seconds": pick(chance, (0.0, 50), (0.02, 15), (0.05, 15), (0.2, 20)),
    }


def make_moment(chance: random.Random, base: Schedule) -> dict[str, int]:
    """A point of a run: right after so many API requests, or at so many marks of the update."""
    counted = pick(chance, ("requests", 65), ("marks", 35))
    calls = 9 * len(base.others) + 6 * len(base.groups)
    highest = calls if counted == "requests" else 2 * len(base.hosts)
    return {counted: chance.randint(1, highest)}


def make_edit(chance: random.Random, base: Schedule) -> Document:
    """What another job does to one server in one group."""
    host = chance.choice(base.hosts)
    weight = chance.choice((0, 30, 77, 100))
    edit: Document = {"server_id": host["server_id"], "weight": weight}
    places = [(name, "") for name in host["weights"]]
    for group in base.groups:
        if identity_of(host) in map(identity_of, group["members"]):
            places.append((group["load_balancer_id"], group["vserver_group_id"]))
    load_balancer_id, group_id = chance.choice(places)
    return {
        "load_balancer_id": load_balancer_id,
        "edits": [{**edit, "vserver_group_id": group_id} if group_id else edit],
    }


def make_fault(chance: random.Random, base: Schedule) -> Document:
    """A fault that passes, mostly on one request, or one that stays."""
    in_groups = ((LIST_GROUPS, 15), (DESCRIBE_GROUP, 25), (SET_GROUP, 30)) if base.groups else ((LIST_GROUPS, 6),)
    fault: Document = {
        "action": pick(chance, (None, 15), (DESCRIBE, 32), (SET, 40), (HEALTH, 13), *in_groups),
        "skip": pick(chance, (0, 30), (1, 25), (2, 20), (3, 15), (6, 10)),
        "times": pick(chance, (1, 85), (2, 15)),
    }
    if chance.random() < 0.15:
        return {**fault, "kind": "error", "code": chance.choice(("Forbidden.RAM", "LbStatusNotSupport")), "times": 0}
    codes = ("BackendServer.configuring", "Throttling.User", "Throttling", "SystemBusy", "OperationConflict")
    kind: Document = pick(
        chance,
        ({"kind": "error", "code": chance.choice(codes)}, 25),
        ({"kind": "error", "code": chance.choice(("ServiceUnavailable", "InternalError"))}, 12),
        ({"kind": "raw", "http_status": chance.choice((502, 503, 504)), "body": "<html>Bad gateway</html>"}, 10),
        ({"kind": "cut_before"}, 12),
        ({"kind": "cut_after"}, 15),
        ({"kind": "error_after", "code": "InternalError", "http_status": 500}, 8),
        ({"kind": "truncate"}, 6),
        ({"kind": "latency", "seconds": chance.choice((0.2, 1.0))}, 6),
        ({"kind": "stale_read"}, 6),
    )
    return {**fault, **kind}
