# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane of vServer groups and forwarding rules: real HAProxy between real clients and real servers."""

from __future__ import annotations

import json
import os
import typing as t

import pytest
from backends import LineClient, LineServer, WebServer, answers, get, haproxy_of, wait_until, web_client
from sdk_client import SdkClient

from slb_emulator import Emulator, running

BALANCER = "lb-test"
NAMES = ("default", "app-8080", "app-8081", "api", "wild")


@pytest.fixture
def webs() -> t.Iterator[dict[str, WebServer]]:
    """A web server for each way."""
    servers = {name: WebServer(name) for name in NAMES}
    yield servers
    for server in servers.values():
        server.release.set()
        server.stop()


def document(webs: dict[str, WebServer], *listeners: t.Any, **changes: t.Any) -> dict[str, t.Any]:
    """A load balancer: a server in the default group, one with two ports in rsp-app, and one in two more groups."""
    addresses = {name: web.address for name, web in webs.items()}
    app = [{"server_id": "i-1", "port": port, "address": addresses[f"app-{port}"]} for port in (8080, 8081)]
    defaults = {"listener_protocol": "http", "backend_server_port": 80, "health_check_interval": 0.1}
    balancer = {
        "load_balancer_id": BALANCER,
        "region_id": "cn-hangzhou",
        "backend_servers": [{"server_id": "i-1", "address": addresses["default"]}],
        "vserver_groups": [
            {"vserver_group_id": "rsp-app", "backend_servers": app},
            {
                "vserver_group_id": "rsp-api",
                "backend_servers": [{"server_id": "i-2", "port": 80, "address": addresses["api"]}],
            },
            {
                "vserver_group_id": "rsp-wild",
                "backend_servers": [{"server_id": "i-3", "port": 80, "address": addresses["wild"]}],
            },
        ],
        "listeners": [{"listener_port": 80 + number, **defaults, **one} for number, one in enumerate(listeners)],
        **changes,
    }
    return {
        "access_keys": [{"access_key_id": "testid", "access_key_secret": "testsecret"}],
        "load_balancers": [balancer],
    }


def rule(number: int, group: str, **keys: t.Any) -> dict[str, t.Any]:
    return {"rule_id": f"rule-{number}", "vserver_group_id": group, **keys}


RULES = [
    rule(1, "rsp-app", domain="www.example.com"),
    rule(2, "rsp-wild", domain="*.example.com"),
    rule(3, "rsp-api", url="/api"),
    rule(4, "rsp-wild", url="/api/wild"),
    rule(5, "rsp-api", domain="www.example.com", url="/deep"),
]


def set_group_weight(emulator: Emulator, port: int, weight: int, group: str = "rsp-app", server: str = "i-1") -> None:
    """SetVServerGroupAttribute for one member."""
    elements = [{"ServerId": server, "Port": str(port), "Weight": str(weight)}]
    SdkClient(emulator.url).call("SetVServerGroupAttribute", VServerGroupId=group, BackendServers=json.dumps(elements))


def ask(url: str, host: str, path: str = "/") -> tuple[int, str]:
    """(status, body) of a GET with a Host header."""
    client = web_client(url)
    try:
        client.request("GET", path, headers={"Host": host})
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


def test_a_listener_with_a_group(webs: dict[str, WebServer]) -> None:
    """Both ports of the server by their weights, none in the default group; weight 0 takes one port out."""
    with running(document(webs, {}, {"vserver_group_id": "rsp-app"}), data_plane="haproxy") as emulator:
        (haproxy,) = haproxy_of(os.getpid())
        url = emulator.frontend_url(BALANCER, 81)
        assert answers(url, 40) == {"app-8080": 20, "app-8081": 20}
        set_group_weight(emulator, 8080, 25)
        counts = answers(url, 100)
        assert [counts[name] for name in ("app-8080", "app-8081")] == pytest.approx([20, 80], abs=3)
        set_group_weight(emulator, 8081, 0)
        assert answers(url, 20) == {"app-8080": 20}
        assert answers(emulator.frontend_url(BALANCER, 80), 20) == {"default": 20}
        # All of that over the runtime API of the same process.
        assert haproxy_of(os.getpid()) == [haproxy]


def test_default_group_and_vserver_groups_are_apart(webs: dict[str, WebServer]) -> None:
    """The server of the default group is drained there, and in its vServer group it is not."""
    with running(document(webs, {}, {"vserver_group_id": "rsp-app"}), data_plane="haproxy") as emulator:
        SdkClient(emulator.url).set({"ServerId": "i-1", "Weight": "0"})
        assert answers(emulator.frontend_url(BALANCER, 80), 5) == {503: 5}
        assert answers(emulator.frontend_url(BALANCER, 81), 10) == {"app-8080": 5, "app-8081": 5}


def test_weight_0_lets_a_request_end(webs: dict[str, WebServer]) -> None:
    with running(document(webs, {"vserver_group_id": "rsp-app"}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        set_group_weight(emulator, 8081, 0)
        slow = web_client(url)
        slow.request("GET", "/slow")
        assert webs["app-8080"].slow_requests.acquire(timeout=10)
        set_group_weight(emulator, 8081, 100)
        set_group_weight(emulator, 8080, 0)
        assert answers(url, 20) == {"app-8081": 20}
        webs["app-8080"].release.set()
        response = slow.getresponse()
        assert (response.status, response.read()) == (200, b"app-8080")


@pytest.mark.parametrize("protocol", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("other.org", "/", "default"),
        ("other.org", "/ap", "default"),
        ("other.org", "/api", "api"),
        ("other.org", "/api/x?y=z", "api"),
        ("other.org", "/apis", "api"),
        ("other.org", "/api/wild/1", "wild"),
        ("www.example.com", "/deeper", "api"),
        ("WWW.example.com:8000", "/deep", "api"),
        ("shop.example.com", "/deep", "wild"),
        ("a.b.example.com", "/", "wild"),
        ("example.com", "/", "default"),
        ("wwwexample.com", "/", "default"),
        # The rule for the domain goes before the one for a path.
        ("shop.example.com", "/api", "wild"),
    ],
)
def test_rules(webs: dict[str, WebServer], protocol: str, host: str, path: str, expected: str) -> None:
    state = document(webs, {"listener_protocol": protocol, "rules": RULES})
    with running(state, data_plane="haproxy") as emulator:
        assert ask(emulator.frontend_url(BALANCER, 80), host, path) == (200, expected)


def test_weights_behind_rules(webs: dict[str, WebServer]) -> None:
    """Two rules to one group follow the same weights; with all at 0 the request fails, and the others go on."""
    rules = [rule(1, "rsp-app", domain="www.example.com"), rule(2, "rsp-app", url="/app")]
    with running(document(webs, {"rules": rules}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        set_group_weight(emulator, 8080, 0)
        assert {ask(url, "www.example.com") for _time in range(6)} == {(200, "app-8081")}
        assert {ask(url, "other.org", "/app") for _time in range(6)} == {(200, "app-8081")}
        set_group_weight(emulator, 8081, 0)
        assert ask(url, "www.example.com")[0] == 503
        assert ask(url, "other.org") == (200, "default")


def test_a_rule_with_a_scheduler_of_its_own(webs: dict[str, WebServer]) -> None:
    """Under rr weight 0 drains nothing, while the listener's own scheduler goes by weights."""
    own = {"listener_sync": "off", "scheduler": "rr"}
    rules = [rule(1, "rsp-app", url="/own", **own), rule(2, "rsp-app", url="/listener")]
    with running(document(webs, {"rules": rules}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        set_group_weight(emulator, 8080, 0)
        client = web_client(url)
        assert {get(client, "/own") for _time in range(6)} == {(200, "app-8080"), (200, "app-8081")}
        assert {get(client, "/listener") for _time in range(6)} == {(200, "app-8081")}


def test_tcp(webs: dict[str, WebServer]) -> None:
    lines = [LineServer(f"line{number}") for number in (1, 2)]
    members = [{"server_id": "i-9", "port": n, "address": line.address} for n, line in enumerate(lines, 1)]
    group = [{"vserver_group_id": "rsp-tcp", "backend_servers": members}]
    state = document(webs, {"listener_protocol": "tcp", "vserver_group_id": "rsp-tcp"}, vserver_groups=group)
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        clients = [LineClient(url) for _time in range(2)]
        assert {client.who() for client in clients} == {"line1", "line2"}
        set_group_weight(emulator, 1, 0, "rsp-tcp", "i-9")
        later = [LineClient(url) for _time in range(4)]
        assert {client.who() for client in later} == {"line2"}
        assert {client.who() for client in clients} == {"line1", "line2"}
        for client in (*clients, *later):
            client.close()
    for line in lines:
        line.stop()


def test_members_come_and_go(webs: dict[str, WebServer]) -> None:
    """An added port has the address that the state gives it in another group."""
    with running(document(webs, {"rules": [rule(1, "rsp-api", url="/api")]}), data_plane="haproxy") as emulator:
        (haproxy,) = haproxy_of(os.getpid())
        sdk, client = SdkClient(emulator.url), web_client(emulator.frontend_url(BALANCER, 80))
        added = json.dumps([{"ServerId": "i-1", "Port": "8081"}])
        sdk.call("AddVServerGroupBackendServers", VServerGroupId="rsp-api", BackendServers=added)
        assert {get(client, "/api") for _time in range(10)} == {(200, "api"), (200, "app-8081")}
        old = json.dumps([{"ServerId": "i-2", "Port": "80"}])
        sdk.call("RemoveVServerGroupBackendServers", VServerGroupId="rsp-api", BackendServers=old)
        assert {get(client, "/api") for _time in range(10)} == {(200, "app-8081")}
        assert haproxy_of(os.getpid()) == [haproxy]


def test_health_comes_from_checks(webs: dict[str, WebServer]) -> None:
    """Each port of a server has its own; a rule with a check of its own asks for its own path."""
    sick = {"listener_sync": "off", "health_check_uri": "/sick"}
    listener = {"vserver_group_id": "rsp-app", "rules": [rule(1, "rsp-api", url="/api", **sick)]}
    webs["app-8081"].stop()
    with running(document(webs, listener), data_plane="haproxy") as emulator:
        sdk = SdkClient(emulator.url)

        def healths() -> dict[tuple[str, int], str]:
            rows = sdk.call("DescribeHealthStatus", LoadBalancerId=BALANCER)["BackendServers"]["BackendServer"]
            return {(row["ServerId"], row["Port"]): row["ServerHealthStatus"] for row in rows}

        expected = {("i-1", 8080): "normal", ("i-1", 8081): "abnormal", ("i-2", 80): "abnormal"}
        wait_until(lambda: healths() == expected)
        assert healths() == expected
    webs["app-8081"].start()


def test_description(webs: dict[str, WebServer]) -> None:
    pair = [{"master_slave_server_group_id": "rsp-pair"}]
    listeners = [
        {"rules": [rule(1, "rsp-api", url="/api")]},
        {"listener_protocol": "tcp", "master_slave_server_group_id": "rsp-pair"},
        {"listener_forward": "on"},
    ]
    with running(document(webs, *listeners, master_slave_groups=pair), data_plane="haproxy") as emulator:
        assert get(web_client(emulator.frontend_url(BALANCER, 80)), "/api") == (200, "api")
        description = emulator.data_plane()
        (frontend,) = description["frontends"]
        keys = ("server_id", "port", "vserver_group_id", "rule_id", "weight", "total_requests")
        assert [tuple(server[key] for key in keys) for server in frontend["servers"]] == [
            ("i-1", None, None, None, 100, 0),
            ("i-2", 80, "rsp-api", "rule-1", 100, 1),
        ]
        assert description["skipped"] == [
            "lb-test tcp 81 is not served: the listener uses a master/slave server group.",
            "lb-test http 82 is not served: the listener forwards to another.",
        ]


def test_later_changes_take_effect_together(webs: dict[str, WebServer]) -> None:
    """With a delay: changes of two groups of a load balancer, one right after the other, both arrive."""
    state = document(webs, {"vserver_group_id": "rsp-app", "rules": [rule(1, "rsp-api", url="/api")]})
    with running(state, data_plane="haproxy", data_plane_delay=0.2) as emulator:
        set_group_weight(emulator, 8080, 0)
        set_group_weight(emulator, 80, 7, "rsp-api", "i-2")

        def weights() -> list[int]:
            (frontend,) = emulator.data_plane()["frontends"]
            return [server["weight"] for server in frontend["servers"]]

        wait_until(lambda: weights() == [0, 100, 7])
        assert weights() == [0, 100, 7]
