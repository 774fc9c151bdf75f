# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, addresses and weights for HAProxy, and what is read from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slb_emulator.core.listeners import Listener, Rule
from slb_emulator.core.model import BackendServer, LoadBalancer
from slb_emulator.data_plane.haproxy_config import (
    by_precedence,
    configuration,
    frontends,
    haproxy_weight,
    safe_name,
    server_address,
    server_name,
)
from slb_emulator.data_plane.haproxy_runtime import ServerStats, kept_state, parse_stats


@pytest.mark.parametrize("scheduler", ["wrr", "wlc"])
@pytest.mark.parametrize("weight", [0, 1, 60, 100])
def test_weights_that_count(scheduler: str, weight: int) -> None:
    assert haproxy_weight(scheduler, weight) == weight


@pytest.mark.parametrize("scheduler", ["rr", "sch", "tch", "qch"])
@pytest.mark.parametrize("weight", [0, 1, 60, 100])
def test_weights_that_do_not(scheduler: str, weight: int) -> None:
    assert haproxy_weight(scheduler, weight) == 100


def test_names() -> None:
    assert safe_name("lb-bp1b6c_7.9") == "lb-bp1b6c_7.9"
    names = {safe_name(text) for text in ("a b", "a/b", "a;b", "a:b", "a:20:b", "a\nb", "ä", "ab")}
    assert len(names) == 8
    assert all(
        character.isascii() and (character.isalnum() or character in ":_.-") for name in names for character in name
    )


def test_names_of_servers() -> None:
    members = [("i-1", "ecs", ""), ("i-1", "ecs", "10.0.0.1"), ("i-1", "eni", ""), ("i-1", "eni", "10.0.0.1")]
    names = {server_name(member, address) for member in members for address in ("127.0.0.1:80", "[::1]:80")}
    assert len(names) == 8


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("", "127.0.0.1:8080"),
        ("127.0.0.2", "127.0.0.2:8080"),
        ("127.0.0.2:81", "127.0.0.2:81"),
        ("[::1]", "[::1]:8080"),
        ("[::1]:81", "[::1]:81"),
    ],
)
def test_addresses(address: str, whole: str) -> None:
    assert server_address(Listener(80, "http", 8080), BackendServer("i-1", address=address)) == whole


def test_names_of_servers_with_ports() -> None:
    """The two may share an address that the state file gives."""
    assert len({server_name(("i-1", "ecs", ""), "127.0.0.1:80", port) for port in (None, 80, 81)}) == 3


@pytest.mark.parametrize(("address", "whole"), [("", "127.0.0.1:9000"), ("127.0.0.2:81", "127.0.0.2:81")])
def test_addresses_in_groups(address: str, whole: str) -> None:
    """The port of the member counts, not the one of the listener."""
    assert server_address(Listener(80, "http", 8080), BackendServer("i-1", address=address, port=9000)) == whole


@pytest.mark.parametrize(("sync", "balance"), [("on", "roundrobin"), ("off", "leastconn")])
def test_schedulers_of_rules(sync: str, balance: str) -> None:
    """The one of the rule counts only when it does not follow its listener."""
    rule = Rule("rule-1", "rsp-1", url="/a", listener_sync=sync, scheduler="wlc")
    balancer = LoadBalancer("lb-1", "cn-hangzhou", listeners=(Listener(80, "http", 8080, rules=(rule,)),))
    lines = configuration(frontends([balancer], {("lb-1", 80): 8000}), Path("socket"), Path("state")).splitlines()
    own, of_rule = (line.strip() for line in lines if line.strip().startswith("balance"))
    assert (own, of_rule) == ("balance roundrobin", f"balance {balance}")


def test_precedence_of_rules() -> None:
    in_order = [
        ("www.example.com", "/a/b"),
        ("www.example.com", "/a"),
        ("www.example.com", ""),
        ("*.www.example.com", "/a"),
        ("*.example.com", "/a/b/c"),
        ("*.example.com", ""),
        ("", "/a/b/c/d"),
        ("", "/a"),
    ]
    rules = [Rule(str(number), "rsp-1", domain=domain, url=url) for number, (domain, url) in enumerate(in_order)]
    assert by_precedence(reversed(rules)) == rules


@pytest.mark.parametrize(
    ("status", "check", "health"),
    [
        ("UP", "L7OK", "normal"),
        ("UP 1/2", "* L7STS", "normal"),
        ("UP", "* L4OK", "normal"),
        ("DRAIN", "L7OK", "normal"),
        ("DOWN", "L4CON", "abnormal"),
        ("DOWN 1/2", "L7OK", "abnormal"),
        ("MAINT", "L7OK", "abnormal"),
        ("UP", "INI", "unavailable"),
        ("UP", "* INI", "unavailable"),
        ("no check", "", "unavailable"),
    ],
)
def test_health(status: str, check: str, health: str) -> None:
    assert ServerStats(status, check, 100, 0, 0).health == health


def test_stats() -> None:
    text = (
        "# pxname,svname,status,check_status,weight,uweight,scur,stot,last,\n"
        "lb.80,FRONTEND,OPEN,,,,1,9,,\n"
        'lb.80,i-1,UP,L7OK,3,60,2,7,"a, b",\n'
        "lb.80,BACKEND,UP,,,,1,9,,\n"
        "\n"
    )
    assert parse_stats(text) == {("lb.80", "i-1"): ServerStats("UP", "L7OK", 60, 2, 7)}


def test_kept_state() -> None:
    head = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_port\n"
    stays, moved, gone = "2 lb.80 1 a 127.0.0.1 0 81", "2 lb.80 2 b 127.0.0.1 0 82", "2 lb.80 3 c 127.0.0.1 0 83"
    six = "2 lb.80 4 d ::1 0 84"
    dump = head + "\n".join([stays, moved, gone, six, "", ""])
    addresses = {
        ("lb.80", "a"): "127.0.0.1:81",
        ("lb.80", "b"): "127.0.0.1:92",
        ("lb.80", "d"): "[::1]:84",
    }
    assert kept_state(dump, addresses) == head + f"{stays}\n{six}\n"
    assert kept_state("", addresses) == ""
