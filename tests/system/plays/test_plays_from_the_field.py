# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays after public reports of people who do rolling updates, with other load balancers, roles and tools as well.

Each is run by ansible-playbook against an emulator of its own. What holds for every rolling update is checked after each
of them: no update under traffic, no server forgotten, no raw error.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest
from connections import connection_to, connection_to_ipv4
from field import (
    HOSTS,
    RECOVER,
    REFUSED_BECOME,
    ROLE,
    UPDATE,
    WEIGHTS,
    Document,
    Field,
    inventory,
    play,
    state,
)


def test_an_ordinary_play(plain: Field) -> None:
    ended = plain.roll()
    assert ended.exit_code == 0
    assert set(ended.updated()) == set(HOSTS)


# --- plays that must work -------------------------------------------------------------------


DRAIN_ACTION = "aliyun_community.slb.slb_drain"


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
    *(
        good(
            f"a role of the user's that includes it, with {path}",
            roll=[play({"rolling_update_tasks_file": None}, roles=["deploy"])],
            roles__deploy__tasks__main=[
                {"ansible.builtin.include_role": {"name": ROLE}, "vars": {"rolling_update_tasks_file": path}}
            ],
            roles__deploy__tasks__install=[{"ansible.builtin.include_tasks": "more.yml"}],
            roles__deploy__tasks__more=[UPDATE],
        )
        for path in ("install.yml", "{{ role_path }}/tasks/install.yml")
    ),
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
        ended = plain.roll("--limit", "web1")
        assert ended.exit_code == 0
        assert "Nothing listens" not in ended.output


def test_a_port_on_which_nothing_listens(plain: Field) -> None:
    """It may be the wrong one, and its connections elsewhere."""
    plain.write(roll=[play({"rolling_update_port": [1, 2]})])
    ended = plain.roll("--limit", "web1,web2")
    assert ended.exit_code == 0
    assert " ".join(ended.output.split()).count("[WARNING]: Nothing listens on ports 1, 2 of web") == 1


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


# --- plays that do not do what they seem to ---------------------------------------------------------------


def in_tasks(apply: Document | None = None, **keywords: Any) -> Document:
    """A play that includes the role as a task, with these keywords of the task. ``apply``: those of the role's tasks."""
    return play(
        {"rolling_update_load_balancer_ids": None},
        roles=[],
        tasks=[{"ansible.builtin.include_role": {"name": ROLE, "apply": apply or {}}, **keywords}],
    )


@pytest.mark.parametrize("name", ["item", "balancer"])
def test_a_loop_over_load_balancers(plain: Field, name: str) -> None:
    """Each turn is a rolling update of its own, and the play is told what it does not do."""
    ids = {"rolling_update_load_balancer_ids": [f"{{{{ {name} }}}}"]}
    plain.write(roll=[in_tasks(vars=ids, loop=["lb-a", "lb-b"], loop_control={"loop_var": name})])
    ended = plain.run("-i", "inventory.yml", "roll.yml")
    assert ended.exit_code == 0
    said = " ".join(ended.output.split())
    assert said.count(f"The role is in a loop, and rolling_update_load_balancer_ids depends on {name}.") == 1
    assert [[look[lb][HOSTS["web1"]] for look, lb in zip(ended.updated()["web1"], ("lb-a", "lb-b"))]] == [[0, 0]]
    assert plain.weights() == plain.original


def test_a_loop_over_something_else(plain: Field) -> None:
    ids = {"rolling_update_load_balancer_ids": ["lb-a"]}
    plain.write(roll=[in_tasks(vars=ids, loop=["once", "again"])])
    ended = plain.roll()
    assert ended.exit_code == 0
    assert "The role is in a loop" not in ended.output
    assert {host: len(times) for host, times in ended.updated().items()} == dict.fromkeys(HOSTS, 2)


@pytest.mark.parametrize("variable", ["drain_delay", "region", "load_balancer_ids"])
def test_an_update_that_breaks_the_variables_of_the_role(plain: Field, variable: str) -> None:
    """As with include_vars of a file with another meaning of the name."""
    breaks = {"ansible.builtin.set_fact": {f"rolling_update_{variable}": {"some": "junk"}}}
    plain.write(update=[UPDATE, breaks], roll=[play(serial=1)])
    ended = plain.roll()
    assert ended.exit_code == 2
    assert len(ended.updated()) == 1
    (host,) = ended.updated()
    assert f"Still out of traffic: {host} ({HOSTS[host]} of lb-a, goes back to {WEIGHTS[HOSTS[host]]})" in ended.output
    plain.assert_recoverable(ended)


def of_actions(*tasks: Document, **variables: Any) -> Document:
    variables = {"rolling_update_load_balancer_ids": ["lb-a"], **variables}
    return {"hosts": "web1,web2", "gather_facts": False, "serial": 1, "vars": variables, "tasks": list(tasks)}


DRAIN, RESTORE = ({DRAIN_ACTION: {"state": state}} for state in ("drained", "restored"))
JUNK_REGION = {"ansible.builtin.set_fact": {"rolling_update_region": {"some": "junk"}}}


def test_broken_variables_without_the_role(plain: Field) -> None:
    plain.write(roll=[of_actions(DRAIN, JUNK_REGION, RESTORE)])
    ended = plain.run("-i", "inventory.yml", "roll.yml")
    assert "Still out of traffic: web1" in ended.output
    plain.assert_recoverable(ended)


def test_a_server_that_was_never_drained_is_not_called_out(plain: Field) -> None:
    plain.write(roll=[of_actions({"block": [DRAIN], "rescue": [JUNK_REGION, RESTORE]}, rolling_update_min_active=50)])
    ended = plain.run("-i", "inventory.yml", "roll.yml")
    assert ended.exit_code == 2
    assert "out of traffic:" not in ended.output
    plain.assert_untouched()


ONCE: Document = {"run_once": True}
DELEGATED: Document = {**ONCE, "delegate_to": "localhost"}
RUN_ONCE = "run_once lets one host act for all hosts of the batch"


@pytest.mark.parametrize(
    "roll",
    [
        play(**ONCE),
        play(roles=[{"role": ROLE, **DELEGATED}]),
        in_tasks(apply=ONCE, vars={"rolling_update_load_balancer_ids": ["lb-a"]}),
        {**of_actions({**DRAIN, **ONCE}, UPDATE, RESTORE), "serial": 2},
        {**of_actions({"block": [DRAIN], **DELEGATED}, UPDATE, RESTORE), "serial": 2},
    ],
    ids=["play", "role", "include_role", "task", "block"],
)
def test_one_host_that_stands_for_its_batch(plain: Field, roll: Document) -> None:
    """The servers of the others would be updated under traffic."""
    plain.write(roll=[roll])
    ended = plain.roll()
    assert ended.exit_code == 2
    assert RUN_ONCE in " ".join(ended.output.split())
    assert not ended.updated()
    plain.assert_untouched()


def test_one_host_that_is_put_back_for_its_batch(plain: Field) -> None:
    plain.write(roll=[{**of_actions(DRAIN, UPDATE, {**RESTORE, **ONCE}), "serial": 2}])
    ended = plain.roll()
    assert RUN_ONCE in " ".join(ended.output.split())
    plain.assert_recoverable(ended)


def test_one_host_in_each_batch_may_act_once(plain: Field) -> None:
    plain.write(roll=[of_actions({**DRAIN, **DELEGATED}, UPDATE, {**RESTORE, **DELEGATED})])
    ended = plain.roll()
    assert ended.exit_code == 0
    assert sorted(ended.updated()) == ["web1", "web2"]


TWINS = {
    "role": lambda: play(serial=1),
    "action": lambda: of_actions(DRAIN, UPDATE, RESTORE),
    "action in one batch": lambda: {**of_actions(DRAIN, UPDATE, RESTORE), "serial": 2},
    "halves": lambda: of_actions(
        *(
            {"ansible.builtin.include_role": {"name": ROLE, "tasks_from": half}} if half else UPDATE
            for half in ("drain", "", "restore")
        )
    ),
}


@pytest.mark.parametrize("roll", TWINS.values(), ids=list(TWINS))
def test_two_hosts_that_name_the_same_server(plain: Field, roll: Any) -> None:
    """The second would be updated under traffic, or the first: one of them names the wrong server."""
    plain.write(inventory=inventory({"web2": {"rolling_update_server_id": "i-1"}}), roll=[roll()])
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1,web2")
    assert ended.exit_code == 2
    assert "are the same member i-1 of lb-a" in ended.output
    assert not ended.updated()
    plain.assert_untouched()


def test_two_hosts_that_turn_out_to_be_the_same_server(plain: Field) -> None:
    """The inventory does not say it before the run."""
    plain.write(
        roll=[{**play(serial=1), "pre_tasks": [{"ansible.builtin.set_fact": {"rolling_update_server_id": "i-1"}}]}]
    )
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1,web2")
    assert ended.exit_code == 2
    assert "web1 and web2 are the same member i-1 of lb-a" in ended.output
    assert list(ended.updated()) == ["web1"]
    assert plain.weights() == plain.original


def test_two_hosts_that_are_parts_of_one_server(plain: Field) -> None:
    parts = {"ansible_host": "10.0.0.1", "rolling_update_server_id": "i-1"}
    plain.write(inventory=inventory({"web1": parts, "web2": parts}), roll=[play(serial=1)])
    ended = plain.run("-i", "inventory.yml", "roll.yml", "--limit", "web1,web2")
    assert ended.exit_code == 0
    assert [look["lb-a"]["i-1"] for looks in ended.updated().values() for look in looks] == [0, 0]
    assert plain.weights() == plain.original


def test_a_listener_that_ignores_weights(fields: Any) -> None:
    """Also without the check of the role."""
    document = state()
    for balancer in document["load_balancers"]:
        balancer["listeners"][0]["scheduler"] = "rr"
    plain = fields(document)
    plain.write(roll=[of_actions(DRAIN, UPDATE, RESTORE)])
    ended = plain.roll("--limit", "web1")
    assert "WeightsWithoutEffect: weights may have no effect on lb-a" in ended.output
    plain.assert_untouched()
    plain.write(roll=[of_actions(DRAIN, UPDATE, RESTORE, rolling_update_check_listeners="warn")])
    ended = plain.roll("--limit", "web1")
    assert (ended.exit_code, list(ended.updated())) == (0, ["web1"])
    assert "[WARNING]: Weights may have no effect on lb-a" in ended.output


@pytest.mark.parametrize("option", ["port", "health_url"])
def test_a_task_that_would_look_at_another_host(plain: Field, option: str) -> None:
    value = {"port": 80, "health_url": "http://127.0.0.1/"}[option]
    checked: Document = {DRAIN_ACTION: {"state": "checked", option: value}, "delegate_to": "localhost"}
    plain.write(roll=[of_actions(checked, DRAIN, UPDATE, RESTORE)])
    ended = plain.roll("--limit", "web1")
    assert f"the task is delegated to localhost, and {option} is about web1 itself" in " ".join(ended.output.split())
    plain.assert_untouched()
    plain.write(roll=[of_actions({**checked, "delegate_to": "{{ inventory_hostname }}"})])
    assert plain.roll("--limit", "web1").exit_code == 0


def test_a_play_that_forgets_its_failures(plain: Field) -> None:
    """It would end green with a server out of traffic."""
    role = {"ansible.builtin.import_role": {"name": ROLE}}
    forgets = {"ansible.builtin.meta": "clear_host_errors"}
    plain.write(
        roll=[play(roles=[], tasks=[{"block": [role], "always": [forgets]}])],
        update=[UPDATE, {"ansible.builtin.fail": None}],
    )
    ended = plain.roll()
    assert not ended.updated()
    assert "the play has meta: clear_host_errors after the rolling update has begun" in ended.output
    plain.assert_untouched()


def test_a_role_behind_it_that_forgets_failures(plain: Field) -> None:
    plain.write(
        roles__forgets__tasks__main=[{"ansible.builtin.meta": "clear_host_errors"}],
        roll=[play(roles=[ROLE, "forgets"])],
    )
    ended = plain.roll()
    assert not ended.updated()
    assert "the play has meta: clear_host_errors after the rolling update has begun" in ended.output
    plain.assert_untouched()


def test_a_role_before_it_that_forgets_failures(plain: Field) -> None:
    plain.write(
        roles__forgets__tasks__main=[{"ansible.builtin.meta": "clear_host_errors"}],
        roll=[play(roles=["forgets", ROLE])],
    )
    ended = plain.roll()
    assert ended.exit_code == 0
    assert set(ended.updated()) == set(HOSTS)


def test_a_host_that_acts_for_several_servers(plain: Field) -> None:
    """Each goes back in its turn: the others may still be updated."""

    def of_server(state: str, server_id: str) -> Document:
        return {DRAIN_ACTION: {"state": state, "server_id": server_id}}

    drained = [of_server("drained", server_id) for server_id in ("i-1", "i-2", "i-3")]
    tasks = [*drained, UPDATE, of_server("restored", "i-2"), UPDATE, of_server("restored", "i-1"), UPDATE]
    plain.write(roll=[{**of_actions(*tasks, of_server("restored", "i-3")), "hosts": "localhost"}])
    ended = plain.run("roll.yml")
    weights = [[look["lb-a"][name] for name in ("i-1", "i-2", "i-3")] for look in ended.updated()["localhost"]]
    assert weights == [[0, 0, 0], [0, 60, 0], [100, 60, 0]]
    assert plain.weights() == plain.original
    plain.write(roll=[{**of_actions(*drained, of_server("restored", "i-2")), "hosts": "localhost"}])
    plain.run("roll.yml")
    assert plain.run(RECOVER).exit_code == 0
    assert plain.weights() == plain.original


def test_a_loop_over_servers(plain: Field) -> None:
    roll: Document = {
        "ansible.builtin.include_role": {"name": ROLE},
        "loop": ["i-1", "i-2"],
        "vars": {"rolling_update_server_id": "{{ item }}"},
    }
    plain.write(roll=[play(roles=[], tasks=[roll], hosts="localhost")])
    ended = plain.run("roll.yml")
    assert ended.exit_code == 0
    weights = [[look["lb-a"][name] for name in ("i-1", "i-2")] for look in ended.updated()["localhost"]]
    assert weights == [[0, 60], [100, 0]]
    assert plain.weights() == plain.original
