# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading state files: what is refused, with the place."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from slb_emulator import EXAMPLE_STATE as EXAMPLE
from slb_emulator import DocumentError, Emulator, running
from slb_emulator.core.state_document import load_state, parse_state, plain_state


def test_example() -> None:
    state = load_state(EXAMPLE)
    members = state.load_balancers["lb-example"].backend_servers
    assert [(member.server_id, member.weight) for member in members] == [
        ("i-web1", 100),
        ("i-web2", 100),
        ("i-web3", 100),
        ("i-web4", 60),
    ]
    listeners = state.load_balancers["lb-example"].listeners
    assert [(item.listener_port, item.listener_protocol, item.scheduler) for item in listeners] == [
        (80, "http", "wrr"),
        (443, "https", "wrr"),
    ]
    assert state.access_keys["rehearsal"].access_key_secret == "rehearsal-secret"


def test_example_with_groups() -> None:
    """Two servers with two ports each, three listeners, and a way to each group."""
    shop = load_state(EXAMPLE).load_balancers["lb-shop"]
    ports = {name: {(m.server_id, m.port) for m in members} for name, members in shop.members_by_group().items()}
    servers = ("i-shop1", "i-shop2")
    assert ports == {
        "": {(server, None) for server in servers},
        "rsp-web": {(server, port) for server in servers for port in (8080, 8081)},
        "rsp-api": {(server, port) for server in servers for port in (9000, 9001)},
    }
    assert [(route.listener.listener_port, route.vserver_group_id) for route in shop.routes()] == [
        (80, ""),
        (8080, "rsp-web"),
        (443, ""),
        (443, "rsp-api"),
    ]


def test_plain_state_is_a_state(state: dict[str, t.Any]) -> None:
    parsed = parse_state(state)
    again = parse_state(plain_state(parsed))
    assert again.load_balancers == parsed.load_balancers


def test_bare_on_and_off(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("scheduler: wrr", "health_check: off")
    path = tmp_path / "state.yml"
    path.write_text(text, encoding="utf-8")
    assert load_state(path).load_balancers["lb-example"].listeners[0].health_check == "off"


def test_running_from_a_file() -> None:
    with running(EXAMPLE) as emulator:
        assert len(emulator.members("lb-example")) == 4
    with running(str(EXAMPLE)) as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")


def test_set_weight_behind_the_back(emulator: Emulator) -> None:
    emulator.set_weight("lb-test", "i-web1", 30)
    assert emulator.members("lb-test")[0].weight == 30
    assert emulator.requests == []
    with pytest.raises(KeyError):
        emulator.set_weight("lb-test", "i-none", 30)
    with pytest.raises(KeyError):
        emulator.set_weight("lb-none", "i-web1", 30)


BALANCER = {"load_balancer_id": "lb-1", "region_id": "cn-hangzhou"}
LISTENER = {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 8080}
PLACE = "state.load_balancers[0]"


@pytest.mark.parametrize(
    ("balancer", "start"),
    [
        ({"load_balancer_id": "lb-1"}, f"{PLACE}: lacks the key 'region_id'"),
        ({**BALANCER, "regin": "x"}, f"{PLACE}: has the unknown key 'regin'"),
        ({**BALANCER, "load_balancer_status": "on"}, f"{PLACE}.load_balancer_status: "),
        ({**BALANCER, "create_time": "yesterday"}, f"{PLACE}.create_time: "),
        ({**BALANCER, "backend_servers": {}}, f"{PLACE}.backend_servers: must be a list"),
        ({**BALANCER, "backend_servers": [{"server_id": 1}]}, f"{PLACE}.backend_servers[0].server_id: "),
        (
            {**BALANCER, "backend_servers": [{"server_id": "i-1", "weight": 101}]},
            f"{PLACE}.backend_servers[0].weight: must be a whole number from 0 to 100",
        ),
        (
            {**BALANCER, "backend_servers": [{"server_id": "i-1", "weight": True}]},
            f"{PLACE}.backend_servers[0].weight: ",
        ),
        (
            {**BALANCER, "backend_servers": [{"server_id": "i-1"}, {"server_id": "i-1"}]},
            f"{PLACE}.backend_servers[1]: repeats a member",
        ),
        (
            {**BALANCER, "backend_servers": [{"server_id": "i-1", "description": "two words"}]},
            f"{PLACE}.backend_servers[0].description: ",
        ),
        (
            {**BALANCER, "listeners": [{"listener_port": 80, "listener_protocol": "http"}]},
            f"{PLACE}.listeners[0]: lacks the key 'backend_server_port'",
        ),
        (
            {**BALANCER, "listeners": [{"listener_port": 80, "listener_protocol": "ftp"}]},
            f"{PLACE}.listeners[0].listener_protocol: must be one of http, https, tcp, udp",
        ),
        *(
            (
                {**BALANCER, "backend_servers": [{"server_id": "i-1", "address": address}]},
                f"{PLACE}.backend_servers[0].address: must be ",
            )
            for address in (80, "", "10.0.0.1:80", "example.org:80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80 x")
        ),
        *(
            (
                {**BALANCER, "listeners": [{**LISTENER, key: value}]},
                f"{PLACE}.listeners[0].{key}: must be ",
            )
            for key, value in (
                ("data_port", 65536),
                ("data_port", "80"),
                ("health_check_uri", "health"),
                ("health_check_uri", "/a b"),
                ("health_check_uri", "/\n"),
                ("health_check_uri", "/" + 80 * "a"),
                ("health_check_interval", 0),
                ("health_check_interval", 51),
                ("healthy_threshold", 0),
                ("unhealthy_threshold", 11),
            )
        ),
        (
            {
                **BALANCER,
                "listeners": [{**LISTENER, "data_port": 8000}, {**LISTENER, "listener_port": 81, "data_port": 8000}],
            },
            f"{PLACE}.listeners[1].data_port: repeats {PLACE}.listeners[0].data_port.",
        ),
    ],
)
def test_bad_load_balancers(balancer: t.Any, start: t.Any) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_state({"load_balancers": [balancer]})
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(".")


GROUP = {"vserver_group_id": "rsp-1", "backend_servers": [{"server_id": "i-1", "port": 80}]}
PAIR = {
    "master_slave_server_group_id": "rsp-2",
    "backend_servers": [
        {"server_id": "i-1", "port": 80, "server_type": "Master"},
        {"server_id": "i-2", "port": 80, "server_type": "Slave"},
    ],
}
RULE = {"rule_id": "rule-1", "url": "/api", "vserver_group_id": "rsp-1"}
GROUPED = {**BALANCER, "vserver_groups": [GROUP], "master_slave_groups": [PAIR]}


def with_rules(*rules: t.Any, **listener: t.Any) -> dict[str, t.Any]:
    """A load balancer with rules on its only listener."""
    return {**GROUPED, "listeners": [{**LISTENER, **listener, "rules": list(rules)}]}


def with_group(**changes: t.Any) -> dict[str, t.Any]:
    """A load balancer with one vServer group."""
    return {**GROUPED, "vserver_groups": [{**GROUP, **changes}]}


@pytest.mark.parametrize(
    ("balancer", "start"),
    [
        ({**BALANCER, "tags": ["team"]}, f"{PLACE}.tags: must be a mapping"),
        ({**BALANCER, "tags": {"team": 1}}, f"{PLACE}.tags.team: must be text"),
        (with_group(backend_servers=[{"server_id": "i-1"}]), f"{PLACE}.vserver_groups[0].backend_servers[0]: lacks "),
        (
            with_group(backend_servers=2 * GROUP["backend_servers"]),  # type: ignore[operator]
            f"{PLACE}.vserver_groups[0].backend_servers[1]: repeats a member",
        ),
        ({**GROUPED, "vserver_groups": [GROUP, GROUP]}, "state.load_balancers: has the vserver_group_id 'rsp-1' twice"),
        (
            {**GROUPED, "listeners": [{**LISTENER, "vserver_group_id": "rsp-2"}]},
            f"{PLACE}.vserver_groups: lacks the group 'rsp-2'",
        ),
        (
            {**GROUPED, "listeners": [{**LISTENER, "listener_protocol": "tcp", "master_slave_server_group_id": "x"}]},
            f"{PLACE}.master_slave_groups: lacks the group 'x'",
        ),
        (
            {
                **GROUPED,
                "listeners": [{**LISTENER, "vserver_group_id": "rsp-1", "master_slave_server_group_id": "rsp-2"}],
            },
            f"{PLACE}.listeners[0]: has both ",
        ),
        (
            {**GROUPED, "master_slave_groups": [{**PAIR, "backend_servers": PAIR["backend_servers"][:1]}]},
            f"{PLACE}.master_slave_groups[0].backend_servers: must be one Master and one Slave",
        ),
        (with_rules({**RULE, "vserver_group_id": "rsp-3"}), f"{PLACE}.vserver_groups: lacks the group 'rsp-3'"),
        (with_rules({"rule_id": "r", "vserver_group_id": "rsp-1"}), f"{PLACE}.listeners[0].rules[0]: lacks both "),
        (with_rules(RULE, {**RULE, "rule_id": "r"}), f"{PLACE}.listeners[0].rules[1]: repeats a domain and url"),
        (with_rules(RULE, {**RULE, "url": "/b"}), "state.load_balancers: has the rule_id 'rule-1' twice"),
        (with_rules(RULE, listener_protocol="tcp"), f"{PLACE}.listeners[0].rules: must be on a listener of http"),
        (with_rules(RULE, listener_forward="on"), f"{PLACE}.listeners[0].rules: must be on a listener of http"),
        *(
            (with_rules({**RULE, key: value}), f"{PLACE}.listeners[0].rules[0].{key}: must be ")
            for key, value in (
                ("url", "api"),
                ("url", "/"),
                ("url", "/a b"),
                ("url", "/a\n"),
                ("url", "/a?b"),
                ("domain", "Example.com"),
                ("domain", "example"),
                ("domain", "www.*.com"),
                ("domain", "*"),
                ("domain", "a.com\n"),
                ("scheduler", "sch"),
                ("listener_sync", "maybe"),
            )
        ),
    ],
)
def test_bad_groups_and_rules(balancer: t.Any, start: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_state({"load_balancers": [balancer]})
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(".")


def test_plain_groups_are_a_state(groups_state: dict[str, t.Any]) -> None:
    parsed = parse_state(groups_state)
    assert parse_state(plain_state(parsed)).load_balancers == parsed.load_balancers


def test_groups_that_are_only_named() -> None:
    """Without a list of groups those that listeners name are there, and have no members."""
    listeners = [{**LISTENER, "vserver_group_id": "rsp-1", "rules": [{**RULE, "vserver_group_id": "rsp-2"}]}]
    balancer = parse_state({"load_balancers": [{**BALANCER, "listeners": listeners}]}).load_balancers["lb-1"]
    assert balancer.members_by_group() == {"": (), "rsp-1": (), "rsp-2": ()}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "state: must be a mapping."),
        ({"load_balancers": 1}, "state.load_balancers: must be a list."),
        ({"load_balancers": [1]}, "state.load_balancers[0]: must be a mapping."),
        ({"load_balancers": [{}]}, "state.load_balancers[0]: lacks the key 'load_balancer_id'."),
        (
            {"load_balancer": []},
            "state: has the unknown key 'load_balancer'; known are access_keys, known_servers, load_balancers.",
        ),
        (
            {"load_balancers": [], "access_keys": [{1: "a"}]},
            "state.access_keys[0]: has the unknown key 1; known are access_key_id, access_key_secret, security_token,"
            " status, token_expired.",
        ),
        (
            {"load_balancers": [{**BALANCER, "tags": 1}]},
            f"{PLACE}.tags: must be a mapping from tag keys to tag values.",
        ),
    ],
)
def test_sentences(document: t.Any, sentence: str) -> None:
    """What does not fit a schema is said in the words of the document, not in those of the schema library."""
    with pytest.raises(DocumentError) as caught:
        parse_state(document)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("document", [None, [], "text", {}, {"load_balancers": [BALANCER, BALANCER]}])
def test_bad_documents(document: t.Any) -> None:
    with pytest.raises(DocumentError, match=r"^state"):
        parse_state(document)


def test_two_equal_keys() -> None:
    key = {"access_key_id": "a", "access_key_secret": "b"}
    with pytest.raises(DocumentError, match=r"^state\.access_keys\[1\]: repeats"):
        parse_state({"access_keys": [key, key], "load_balancers": []})


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("127.0.0.1:8081", "127.0.0.1:8081"),
        ("localhost:8081", "127.0.0.1:8081"),
        ("127.0.0.2", "127.0.0.2"),
        ("[::1]:8081", "[::1]:8081"),
        ("[::1]", "[::1]"),
    ],
)
def test_addresses(address: str, kept: str) -> None:
    state = parse_state(
        {"load_balancers": [{**BALANCER, "backend_servers": [{"server_id": "i-1", "address": address}]}]}
    )
    assert state.load_balancers["lb-1"].backend_servers[0].address == kept
    assert parse_state(plain_state(state)).load_balancers == state.load_balancers


def test_free_data_ports_do_not_repeat() -> None:
    free = [{**LISTENER, "data_port": 0}, {**LISTENER, "listener_port": 81, "data_port": 0}]
    state = parse_state({"load_balancers": [{**BALANCER, "listeners": free}]})
    assert parse_state(plain_state(state)).load_balancers == state.load_balancers
