# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays after public reports of people who do rolling updates, with other load balancers, roles and tools as well.

Each is run by ansible-playbook against an emulator of its own. What holds for every rolling update is checked after each
of them: no update under traffic, no server forgotten, no raw error.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from slb_emulator import Emulator, running

Document = dict[str, Any]

ROLE = "aliyun_community.slb.rolling_update"
RECOVER = "aliyun_community.slb.recover"
SET_WEIGHTS = "aliyun_community.slb.set_weights"
WEIGHTS = {"i-1": 100, "i-2": 60, "i-3": 10, "i-4": 100, "i-5": 100}
HOSTS = {f"web{number}": f"i-{number}" for number in range(1, 5)}
REFUSED_BECOME = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/bin/false"}
RAW_ERROR = re.compile(
    r"Traceback|AnsibleUndefined|has no attribute|NoneType|Unexpected templating|is undefined|Error while resolving"
    r"|template error|'dict object'|object of type '"
)
LOOK = (
    "lookup('ansible.builtin.url', lookup('ansible.builtin.env', 'EMULATOR') ~ '/_rehearsal/state', split_lines=false)"
)
UPDATE = {
    "name": "Update, and say which weights the load balancers have meanwhile",
    "ansible.builtin.debug": {
        "msg": "UPDATED {{ inventory_hostname }} {{ seen.load_balancers | to_json | b64encode }}"
    },
    "vars": {"seen": f"{{{{ {LOOK} | from_json }}}}"},
}
UPDATED = re.compile(r"UPDATED (\S+) ([\w+/=]+)")


def state(**balancers: dict[str, int]) -> Document:
    """A state document; by default lb-a and lb-b, with five members each."""
    listener = {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 8080}
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
        "load_balancers": [
            {
                "load_balancer_id": name.replace("_", "-"),
                "region_id": "cn-hangzhou",
                "backend_servers": [{"server_id": key, "weight": weight} for key, weight in weights.items()],
                "listeners": [listener],
            }
            for name, weights in (balancers or {"lb_a": WEIGHTS, "lb_b": WEIGHTS}).items()
        ],
    }


def play(variables: Document | None = None, **keywords: Any) -> Document:
    """A play with the role over all web servers, two at a time."""
    own = {
        "rolling_update_load_balancer_ids": ["lb-a"],
        "rolling_update_tasks_file": "update.yml",
        "rolling_update_drain_delay": 0,
        "rolling_update_health_timeout": 3,
        **(variables or {}),
    }
    own = {name: value for name, value in own.items() if value is not None}
    return {"hosts": "web", "gather_facts": False, "serial": 2, "vars": own, "roles": [ROLE], **keywords}


def inventory(hosts: Document | None = None, variables: Document | None = None, **groups: Any) -> Document:
    """The web servers; ``hosts``: what else is known about each."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    known = {
        name: {"rolling_update_server_id": server_id, **(hosts or {}).get(name, {})}
        for name, server_id in HOSTS.items()
    }
    return {"web": {"hosts": known, "vars": {**common, **(variables or {})}}, **groups}


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    exit_code: int
    output: str

    def updated(self) -> dict[str, list[dict[str, dict[str, int]]]]:
        """For each host the weights that the load balancers had while it was updated."""
        found: dict[str, list[dict[str, dict[str, int]]]] = {}
        for host, encoded in UPDATED.findall(self.output):
            found.setdefault(host, []).append(weights_in(json.loads(base64.b64decode(encoded))))
        return found


def weights_in(load_balancers: list[Document]) -> dict[str, dict[str, int]]:
    return {
        balancer["load_balancer_id"]: {m["server_id"]: m.get("weight", 100) for m in balancer["backend_servers"]}
        for balancer in load_balancers
    }


@dataclass
class Field:
    """A folder with an inventory and a play, and a load balancer."""

    folder: Path
    emulator: Emulator
    names: list[str]
    original: dict[str, dict[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.original = self.weights()

    def weights(self) -> dict[str, dict[str, int]]:
        return {name: {m.server_id: m.weight for m in self.emulator.members(name)} for name in self.names}

    def write(self, **documents: Any) -> None:
        """Write YAML files."""
        for name, document in documents.items():
            path = self.folder / f"{name.replace('__', '/')}.yml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")

    def run(self, *arguments: str) -> Ended:
        """Run ansible-playbook."""
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        print(done.stdout)  # pytest shows it when the test has failed
        assert not RAW_ERROR.search(done.stdout)
        return Ended(done.returncode, done.stdout)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ALICLOUD_ACCESS_KEY": "rehearsal",
            "ALICLOUD_SECRET_KEY": "rehearsal-secret",
            "ALICLOUD_REGION": "cn-hangzhou",
            "ALICLOUD_SLB_ENDPOINT": self.emulator.url,
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "EMULATOR": self.emulator.url,
            "HOME": str(self.folder),
        }

    def roll(self, *arguments: str, balancers: dict[str, str] | None = None) -> Ended:
        """Run the play, and check what holds for every rolling update. ``balancers``: of hosts that are not behind lb-a."""
        ended = self.run("-i", "inventory.yml", "roll.yml", *arguments)
        for host, looks in ended.updated().items():
            for weights in looks:
                assert weights[(balancers or {}).get(host, "lb-a")][HOSTS[host]] == 0, (
                    f"{host} was updated under traffic"
                )
        if ended.exit_code == 0:
            assert self.weights() == self.original
        return ended

    def assert_recoverable(self, ended: Ended) -> None:
        """What the run has left out goes back with the command that it has printed."""
        assert ended.exit_code != 0
        (arguments,) = set(re.findall(rf"ansible-playbook {re.escape(RECOVER)}((?: -e [^\s\"\\,;]+)*)", ended.output))
        assert "rolling_update_id=" in arguments
        assert self.run(RECOVER, *shlex.split(arguments)).exit_code == 0
        assert self.weights() == self.original
        self.emulator.clear()
        assert self.run(RECOVER, *shlex.split(arguments)).exit_code == 0
        assert not self.writes()

    def assert_untouched(self) -> None:
        """Nothing was ever drained."""
        assert not self.writes()
        assert self.weights() == self.original

    def writes(self) -> list[str]:
        return [str(request) for request in self.emulator.requests if request.action == "SetBackendServers"]


@pytest.fixture
def fields(tmp_path: Path) -> Iterator[Any]:
    """Gives what makes a field with a state, by default with an ordinary inventory, play and update."""
    with ExitStack() as stack:

        def make(document: Document | None = None) -> Field:
            document = document or state()
            names = [balancer["load_balancer_id"] for balancer in document["load_balancers"]]
            made = Field(tmp_path, stack.enter_context(running(document)), names)
            made.write(inventory=inventory(), roll=[play()], update=[UPDATE])
            return made

        yield make


@pytest.fixture
def plain(fields: Any) -> Field:
    """An ordinary one."""
    made: Field = fields()
    return made


def test_an_ordinary_play(plain: Field) -> None:
    ended = plain.roll()
    assert ended.exit_code == 0
    assert set(ended.updated()) == set(HOSTS)


# --- plays that must work -------------------------------------------------------------------


@dataclass(frozen=True)
class Good:
    """A play that must end with exit code 0, every server back, and just these hosts updated."""

    name: str
    files: Document = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    updated: frozenset[str] = frozenset(HOSTS)
    balancers: dict[str, str] = field(default_factory=dict)


def good(name: str, *arguments: str, updated: str = "", balancers: dict[str, str] | None = None, **files: Any) -> Good:
    """``updated``: names of hosts, all if none is given."""
    return Good(name, files, arguments, frozenset(updated.split() or HOSTS), balancers or {})


OWN_FILE = {"name": "Part of the user's update", "ansible.builtin.debug": {"msg": "OWN {{ inventory_hostname }}"}}
ZONES = {"web1": "lb-a", "web2": "lb-a", "web3": "lb-b", "web4": "lb-b"}
GOOD = [
    good("become in group_vars", group_vars__all=REFUSED_BECOME),
    good("become in the play's variables", roll=[play(REFUSED_BECOME)]),
    good("become as a keyword", roll=[play({"ansible_become_exe": "/bin/false"}, become=True, become_user="nobody")]),
    good(
        "a host named 127.0.0.1", inventory=inventory(tools={"hosts": {"127.0.0.1": {"ansible_connection": "local"}}})
    ),
    good("a host named localhost over ssh", inventory=inventory(tools={"hosts": {"localhost": {}}})),
    good(
        "when on the role",
        inventory=inventory({name: {"installed": "1.3" if name in ("web1", "web4") else "1.2"} for name in HOSTS}),
        roll=[play(roles=[{"role": ROLE, "when": "installed != '1.3'"}])],
        updated="web2 web3",
    ),
    good(
        "load balancers that depend on the host",
        inventory=inventory({name: {"zone_lb": balancer} for name, balancer in ZONES.items()}),
        roll=[play({"rolling_update_load_balancer_ids": ["{{ zone_lb }}"]})],
        balancers=ZONES,
    ),
    good(
        "the same in one batch",
        inventory=inventory({name: {"zone_lb": balancer} for name, balancer in ZONES.items()}),
        roll=[play({"rolling_update_load_balancer_ids": ["{{ zone_lb }}"]}, serial=4)],
        balancers=ZONES,
    ),
    good("seconds on the command line", "-e", "rolling_update_health_timeout=60"),
    good("a ramp on the command line", "-e", "rolling_update_ramp=50", "-e", "rolling_update_ramp_pause=0"),
    good(
        "seconds for the host's own URL on the command line",
        "-e",
        "rolling_update_health_timeout=60",
        roll=[play({"rolling_update_health_url": "{{ lookup('env', 'EMULATOR') }}/_rehearsal/requests"})],
    ),
]


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_a_play_that_must_work(plain: Field, case: Good) -> None:
    plain.write(**case.files)
    ended = plain.roll(*case.arguments, balancers=case.balancers)
    assert ended.exit_code == 0
    assert set(ended.updated()) == case.updated
    drained = {change.server_id for request in plain.emulator.requests for change in request.changes}
    assert drained == {HOSTS[name] for name in case.updated}


def test_two_rolling_updates_in_one_run(plain: Field) -> None:
    second = {"rolling_update_load_balancer_ids": ["lb-b"]}
    plain.write(roll=[play(), play(second)])
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1,web2")
    assert ended.exit_code == 0
    assert plain.weights() == plain.original
    for host in ("web1", "web2"):
        first, last = ended.updated()[host]
        assert (first["lb-a"][HOSTS[host]], last["lb-b"][HOSTS[host]]) == (0, 0)


def test_a_file_of_the_users_with_the_name_of_one_of_the_roles(plain: Field) -> None:
    include = {"name": "Restore the database", "ansible.builtin.include_tasks": "restore.yml"}
    plain.write(update=[include, UPDATE], restore=[OWN_FILE])
    ended = plain.roll("--limit", "web1")
    if ended.exit_code:
        plain.assert_untouched()
    else:
        assert "OWN web1" in ended.output


VAULT_PASSWORD = "not a secret"


def test_vaulted_and_unsafe_values(plain: Field) -> None:
    from ansible.parsing.vault import VaultLib, VaultSecret

    (plain.folder / "password").write_text(VAULT_PASSWORD, encoding="utf-8")
    vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD.encode()))])

    def vaulted(text: str, indent: int) -> str:
        return "!vault |\n" + "\n".join(" " * indent + line for line in vault.encrypt(text).decode().splitlines())

    plain.write(
        group_vars__web=f"my_balancer: {vaulted('lb-a', 2)}\n",
        host_vars__web1=f"rolling_update_server_id: {vaulted('i-1', 2)}\n",
        roll=[play({"rolling_update_load_balancer_ids": ["{{ my_balancer }}"]})],
        update=(
            f"- ansible.builtin.set_fact:\n    token: {vaulted('a token', 6)}\n"
            "- ansible.builtin.debug: {msg: !unsafe 'as it is {{ braces }}'}\n"
            "- ansible.builtin.assert: {that: token == 'a token'}\n"
        ),
    )
    plan = inventory()
    del plan["web"]["hosts"]["web1"]["rolling_update_server_id"]
    plain.write(inventory=plan)
    assert plain.roll("--limit", "web1", "--vault-password-file", "password").exit_code == 0
    assert plain.writes()


# --- plays that must be refused, or end red ---------------------------------------------------


def test_a_host_that_is_ended_early(plain: Field) -> None:
    end = {"name": "Nothing to do", "ansible.builtin.meta": "end_host", "when": "inventory_hostname == 'web1'"}
    plain.write(update=[end, UPDATE])
    assert plain.roll("--limit", "web1,web2").exit_code != 0
    plain.assert_untouched()


MISTAKE = {"name": "A mistake in a keyword", "ansible.builtin.debug": {"msg": "hello"}, "whn": True}


def test_a_mistake_in_the_update_is_found_before_the_drain(plain: Field) -> None:
    plain.write(update=[MISTAKE], roll=[play({"rolling_update_on_failure": "restore"})])
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code != 0
    assert "whn" in ended.output
    plain.assert_untouched()


@pytest.mark.parametrize("name", ["typo.yml", "{{ lookup('env', 'HOME') | basename and 'typo' }}.yml"])
def test_a_mistake_in_an_included_file(plain: Field, name: str) -> None:
    include = {"name": "Include a file with a mistake", "ansible.builtin.include_tasks": name}
    plain.write(update=[include], typo=[MISTAKE], roll=[play({"rolling_update_on_failure": "restore"})])
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code != 0
    if plain.weights() != plain.original:
        plain.assert_recoverable(ended)


@pytest.mark.parametrize("name", ["servers", "machines", "members", "min_active"])
def test_a_variable_of_the_users_does_not_weaken_min_active(plain: Field, name: str) -> None:
    own = {name: list(WEIGHTS), "rolling_update_min_active": f"{{{{ {name} | length - 1 }}}}"}
    plain.write(roll=[play(own, serial=3)])
    ended = plain.roll("--limit", "web1,web2,web3")
    assert ended.exit_code != 0
    assert "MinActive" in ended.output
    plain.assert_untouched()


def test_check_mode_as_a_keyword(plain: Field) -> None:
    plain.write(roll=[play(check_mode=True)], update=[OWN_FILE])
    ended = plain.roll("--limit", "web1,web2")
    assert ended.exit_code == 0
    plain.assert_untouched()
    assert "check mode" in ended.output.lower()
    assert not re.search(r"No new requests go to|is back|are back", ended.output)


# --- connections --------------------------------------------------------------------------------


@contextmanager
def connection_to(address: str) -> Iterator[int]:
    """An established connection to a service on all addresses; gives its port."""
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as service,
        socket.create_connection((address, service.getsockname()[1])),
        service.accept()[0],
    ):
        yield service.getsockname()[1]


@contextmanager
def connection_to_ipv4(address: str) -> Iterator[int]:
    with (
        socket.create_server(("0.0.0.0", 0)) as service,
        socket.create_connection((address, service.getsockname()[1])),
        service.accept()[0],
    ):
        yield service.getsockname()[1]


@pytest.mark.parametrize(
    ("connected", "address"),
    [(connection_to_ipv4, "127.0.0.2"), (connection_to, "127.0.0.2"), (connection_to, "::1")],
    ids=["IPv4", "mapped", "IPv6"],
)
def test_a_connection_to_any_local_address_is_seen(plain: Field, connected: Any, address: str) -> None:
    wait = {"rolling_update_drain_timeout": 2, "rolling_update_on_drain_timeout": "fail"}
    plain.write(roll=[play(wait)])
    with connected(address) as port:
        ended = plain.roll("--limit", "web1", "-e", f"rolling_update_port={port}")
    assert ended.exit_code != 0
    assert not ended.updated()
    if plain.weights() != plain.original:
        plain.assert_recoverable(ended)


def test_a_port_without_connections(plain: Field) -> None:
    with socket.create_server(("0.0.0.0", 0)) as service:
        plain.write(
            roll=[play({"rolling_update_port": service.getsockname()[1], "rolling_update_on_drain_timeout": "fail"})]
        )
        assert plain.roll("--limit", "web1").exit_code == 0


# --- after a failure ------------------------------------------------------------------------------


def test_the_same_id_again_after_a_failure_keeps_the_original_weight(plain: Field) -> None:
    fails = {"name": "Update", "ansible.builtin.fail": {}, "when": "inventory_hostname == fails | default('')"}
    plain.write(update=[UPDATE, fails])
    same = ("--limit", "web1,web2", "-e", "rolling_update_id=web-1.3")
    failed = plain.roll(*same, "-e", "fails=web1")
    assert failed.exit_code != 0
    assert f"{RECOVER} -e rolling_update_id=web-1.3" in failed.output
    assert plain.weights()["lb-a"] == {**WEIGHTS, "i-1": 0}
    assert plain.roll(*same).exit_code == 0
    plain.emulator.clear()
    assert plain.run(RECOVER, "-e", "rolling_update_id=web-1.3").exit_code == 0
    plain.assert_untouched()


# --- the playbook set_weights ---------------------------------------------------------------------


MANY = {f"i-{number}": 50 + number for number in range(30)}


def drain_file(servers: list[str]) -> Document:
    return {
        "slb_load_balancer_id": "lb-a",
        "slb_previous_file": "previous.yml",
        "slb_backend_servers": [{"server_id": name, "weight": 0} for name in servers],
    }


def test_weights_set_in_part_can_be_put_back(fields: Any) -> None:
    made: Field = fields(state(lb_a=MANY))
    made.write(drain=drain_file(list(MANY)[:25]))
    made.emulator.add_fault({"action": "SetBackendServers", "kind": "error", "code": "Forbidden.RAM", "skip": 1})
    assert made.run(SET_WEIGHTS, "-e", "@drain.yml").exit_code != 0
    assert made.weights() != made.original
    assert made.run(SET_WEIGHTS, "-e", "@previous.yml").exit_code == 0
    assert made.weights() == made.original


def test_a_second_drain_into_the_same_file_loses_nothing(fields: Any) -> None:
    made: Field = fields(state(lb_a=MANY))
    made.write(first=drain_file(["i-1"]), second=drain_file(["i-1", "i-2"]))
    for name in ("first", "second"):
        assert made.run(SET_WEIGHTS, "-e", f"@{name}.yml").exit_code == 0
    assert made.weights()["lb-a"] == {**MANY, "i-1": 0, "i-2": 0}
    assert made.run(SET_WEIGHTS, "-e", "@previous.yml").exit_code == 0
    assert made.weights() == made.original
