# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane: real HAProxy between real clients and real servers.

Without HAProxy on the machine these fail with the sentence that says how to install it.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import tempfile
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from backends import (
    LineClient,
    LineServer,
    WebServer,
    answers,
    get,
    haproxy_of,
    is_running,
    wait_until,
    web_client,
)
from sdk_client import SdkClient
from test_control import control

from slb_emulator import BackendServer, DocumentError, Emulator, MemberEdit, running

BALANCER = "lb-test"


@pytest.fixture
def webs() -> t.Iterator[t.Any]:
    """Three web servers."""
    servers = [WebServer(f"web{number}") for number in (1, 2, 3)]
    yield servers
    for server in servers:
        server.release.set()
        server.stop()


@pytest.fixture
def liners() -> t.Iterator[t.Any]:
    """Three servers of the mode tcp."""
    servers = [LineServer(f"line{number}") for number in (1, 2, 3)]
    yield servers
    for server in servers:
        server.stop()


def document(servers: t.Any, weights: t.Any, *listeners: t.Any) -> t.Any:
    """A state with one load balancer whose members i-1, i-2 and so on are these servers."""
    members = [
        {"server_id": f"i-{number}", "weight": weight, "address": server.address}
        for number, (server, weight) in enumerate(zip(servers, weights), 1)
    ]
    defaults = {"listener_protocol": "http", "backend_server_port": 8080, "health_check_interval": 0.1}
    balancer = {
        "load_balancer_id": BALANCER,
        "region_id": "cn-hangzhou",
        "backend_servers": members,
        "listeners": [{"listener_port": 80 + number, **defaults, **one} for number, one in enumerate(listeners)],
    }
    keys = [{"access_key_id": "testid", "access_key_secret": "testsecret"}]
    return {"access_keys": keys, "load_balancers": [balancer]}


def healths(emulator: Emulator, port: int = 80) -> t.Any:
    """ServerHealthStatus of each member behind a listener, by the API."""
    answer = SdkClient(emulator.url).call("DescribeHealthStatus", LoadBalancerId=BALANCER, ListenerPort=port)
    return [row["ServerHealthStatus"] for row in answer["BackendServers"]["BackendServer"]]


def wait_for_healths(emulator: Emulator, *expected: t.Any, port: int = 80) -> None:
    """Wait until members have this health."""
    wait_until(lambda: healths(emulator, port) == list(expected))
    assert healths(emulator, port) == list(expected)


def rows(emulator: Emulator, port: int = 80) -> t.Any:
    """The servers of a frontend in the description of the data plane, by server id."""
    description = emulator.data_plane()
    (frontend,) = [one for one in description["frontends"] if one["listener_port"] == port]
    return {row["server_id"]: row for row in frontend["servers"]}


def set_weight(emulator: Emulator, number: t.Any, weight: t.Any) -> None:
    """SetBackendServers for one member."""
    SdkClient(emulator.url).set({"ServerId": f"i-{number}", "Weight": str(weight)})


# Traffic


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_traffic_follows_weights(webs: t.Any, protocol: str) -> None:
    state = document(webs, (60, 100, 10), {"listener_protocol": protocol})
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        counts = answers(url, 1700)
        assert [counts[web.name] for web in webs] == pytest.approx([600, 1000, 100], abs=20)
        set_weight(emulator, 2, 30)
        counts = answers(url, 1000)
        assert [counts[web.name] for web in webs] == pytest.approx([600, 300, 100], abs=20)


def test_weight_0_and_a_web_server(webs: t.Any) -> None:
    with running(document(webs, (100, 100, 0), {}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        kept, slow = web_client(url), web_client(url)
        get(kept)
        slow.request("GET", "/slow")
        busy, other = (webs[0], webs[1]) if webs[0].slow_requests.acquire(timeout=2) else (webs[1], webs[0])
        set_weight(emulator, webs.index(busy) + 1, 0)
        # Neither a new connection nor one that was there before takes a request to it.
        assert answers(url, 200) == {other.name: 200}
        assert {get(kept) for _time in range(200)} == {(200, other.name)}
        # Its request under way ends well.
        busy.release.set()
        response = slow.getresponse()
        assert (response.status, response.read().decode()) == (200, busy.name)
        set_weight(emulator, webs.index(busy) + 1, 100)
        assert answers(url, 200) == {busy.name: 100, other.name: 100}


def test_weight_0_and_a_tcp_connection(liners: t.Any) -> None:
    state = document(liners, (100, 100, 0), {"listener_protocol": "tcp"})
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        assert url.startswith("tcp://127.0.0.1:")
        established = LineClient(url)
        name = established.who()
        set_weight(emulator, name[-1], 0)
        others = [LineClient(url) for _time in range(20)]
        assert name not in {other.who() for other in others}
        assert len({other.who() for other in others}) == 1
        assert [established.who() for _time in range(20)] == [name] * 20
        for client in (established, *others):
            client.close()


def test_connections_to_web_servers_are_not_kept(webs: t.Any) -> None:
    with running(document(webs, (100, 0, 0), {"health_check": "off"}), data_plane="haproxy") as emulator:
        assert answers(emulator.frontend_url(BALANCER, 80), 5) == {"web1": 5}
        assert webs[0].connections == 5


def test_nobody_left(webs: t.Any) -> None:
    with running(document(webs, (100, 0, 0), {}), data_plane="haproxy") as emulator:
        set_weight(emulator, 1, 0)
        assert answers(emulator.frontend_url(BALANCER, 80), 10) == {503: 10}


def test_rr_ignores_weights(webs: t.Any) -> None:
    with running(document(webs, (60, 100, 0), {"scheduler": "rr"}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        assert answers(url, 300) == {"web1": 100, "web2": 100, "web3": 100}
        set_weight(emulator, 1, 0)
        assert answers(url, 300) == {"web1": 100, "web2": 100, "web3": 100}


def test_wlc(liners: t.Any) -> None:
    state = document(liners, (100, 50, 0), {"listener_protocol": "tcp", "scheduler": "wlc"})
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        clients = [LineClient(url) for _time in range(30)]
        names = [client.who() for client in clients]
        assert (names.count("line1"), names.count("line2"), names.count("line3")) == (20, 10, 0)
        # Those with fewer connections come first: round robin would go on two to one.
        for client, name in zip(clients, names):
            if name == "line1":
                client.close()
        wait_until(lambda: rows(emulator)["i-1"]["sessions"] == 0)
        late = [LineClient(url) for _time in range(20)]
        assert {client.who() for client in late} == {"line1"}
        for client in (*clients, *late):
            client.close()


@pytest.mark.parametrize("scheduler", ["sch", "tch", "qch"])
def test_hashes_ignore_weights(webs: t.Any, scheduler: str) -> None:
    with running(document(webs, (100, 100, 100), {"scheduler": scheduler}), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        (name,) = answers(url, 30)
        set_weight(emulator, name[-1], 0)
        assert answers(url, 30) == {name: 30}


def test_one_weight_for_all_listeners(webs: t.Any) -> None:
    state = document(webs, (100, 100, 100), {}, {"scheduler": "rr"}, {"scheduler": "wlc"})
    with running(state, data_plane="haproxy") as emulator:
        set_weight(emulator, 1, 0)
        assert [rows(emulator, port)["i-1"]["weight"] for port in (80, 81, 82)] == [0, 100, 0]


# Health


def test_health(webs: t.Any) -> None:
    state = document(webs, (100, 100, 0), {}, {"health_check": "off"}, {"health_check_uri": "/sick"})
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        # The member of weight 0 is checked like the others.
        wait_for_healths(emulator, "normal", "normal", "normal")
        wait_for_healths(emulator, "abnormal", "abnormal", "abnormal", port=82)
        assert healths(emulator, 81) == ["unavailable"] * 3
        assert rows(emulator, 81)["i-1"]["status"] == "no check"
        webs[1].stop()
        webs[2].stop()
        wait_for_healths(emulator, "normal", "abnormal", "abnormal")
        assert answers(url, 50) == {"web1": 50}
        webs[1].start()
        webs[2].start()
        wait_for_healths(emulator, "normal", "normal", "normal")
        assert answers(url, 50) == {"web1": 25, "web2": 25}


def test_health_of_tcp_and_of_an_empty_page(webs: t.Any) -> None:
    state = document(webs, (100, 100, 100), {"listener_protocol": "tcp"}, {"health_check_uri": "/empty"})
    with running(state, data_plane="haproxy") as emulator:
        wait_for_healths(emulator, "normal", "normal", "normal", port=81)
        webs[0].stop()
        wait_for_healths(emulator, "abnormal", "normal", "normal")
        wait_for_healths(emulator, "abnormal", "normal", "normal", port=81)
        webs[0].start()


def test_health_before_the_first_check(webs: t.Any) -> None:
    # HAProxy spreads the first checks over the interval.
    state = document(webs, (100, 100, 100), {"health_check_interval": 50})
    with running(state, data_plane="haproxy") as emulator:
        assert healths(emulator)[1:] == ["unavailable", "unavailable"]
        assert sum(answers(emulator.frontend_url(BALANCER, 80), 30).values()) == 30


def test_a_dead_server_fails_requests(webs: t.Any) -> None:
    """Nothing hides it until the checks have found out."""
    state = document(webs, (100, 100, 0), {"health_check": "off"})
    with running(state, data_plane="haproxy") as emulator:
        webs[1].stop()
        assert answers(emulator.frontend_url(BALANCER, 80), 40) == {"web1": 20, 503: 20}
        webs[1].start()


# Delay


def test_delay(webs: t.Any) -> None:
    with running(document(webs, (100, 100, 0), {}), data_plane="haproxy", data_plane_delay=1.0) as emulator:
        begin = time.monotonic()
        set_weight(emulator, 1, 0)
        assert emulator.members(BALANCER)[0].weight == 0
        assert answers(emulator.frontend_url(BALANCER, 80), 20) == {"web1": 10, "web2": 10}
        assert time.monotonic() - begin < 1.0
        wait_until(lambda: rows(emulator)["i-1"]["weight"] == 0)
        assert 1.0 <= time.monotonic() - begin < 4.0
        assert answers(emulator.frontend_url(BALANCER, 80), 20) == {"web2": 20}


def test_delay_can_be_changed(webs: t.Any) -> None:
    with running(document(webs, (100, 100, 0), {}), data_plane="haproxy") as emulator:
        assert control(emulator, "PATCH", "settings", {"data_plane_delay": 2})[1]["data_plane_delay"] == 2.0
        set_weight(emulator, 1, 10)
        assert [row["weight"] for row in rows(emulator).values()] == [100, 100, 0]
        control(emulator, "PATCH", "settings", {"data_plane_delay": 0})
        set_weight(emulator, 2, 20)
        # What is asked for later holds all that came before, which does not come back.
        assert [row["weight"] for row in rows(emulator).values()] == [10, 20, 0]
        time.sleep(2.2)
        assert [row["weight"] for row in rows(emulator).values()] == [10, 20, 0]


# Members that come and go


def test_added_and_removed_members(webs: t.Any) -> None:
    with running(document(webs[:2], (100, 100), {}, {"scheduler": "rr"}), data_plane="haproxy") as emulator:
        url, process = emulator.frontend_url(BALANCER, 80), haproxy_of(os.getpid())
        emulator.edit(BALANCER, [MemberEdit("i-3", add=BackendServer("i-3", 50, address=webs[2].address))])
        counts = answers(url, 500)
        assert [counts[web.name] for web in webs] == pytest.approx([200, 200, 100], abs=5)
        counts = answers(emulator.frontend_url(BALANCER, 81), 300)
        assert [counts[web.name] for web in webs] == pytest.approx([100, 100, 100], abs=5)
        wait_for_healths(emulator, "normal", "normal", "normal")
        webs[2].stop()
        wait_for_healths(emulator, "normal", "normal", "abnormal")
        webs[2].start()
        wait_for_healths(emulator, "normal", "normal", "normal")
        SdkClient(emulator.url).call(
            "RemoveBackendServers", LoadBalancerId=BALANCER, BackendServers='[{"ServerId":"i-1"}]'
        )
        counts = answers(url, 300)
        assert [counts[web.name] for web in webs] == pytest.approx([0, 200, 100], abs=5)
        assert list(rows(emulator)) == ["i-2", "i-3"]
        # By a running process: nobody's connection notices.
        assert haproxy_of(os.getpid()) == process


def test_a_removed_member_keeps_its_connections_and_may_return(liners: t.Any) -> None:
    state = document(liners, (100, 0, 0), {"listener_protocol": "tcp"})
    with running(state, data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        established, process = LineClient(url), haproxy_of(os.getpid())
        assert established.who() == "line1"
        (removed,) = [member for member in emulator.members(BALANCER) if member.server_id == "i-1"]
        emulator.edit(BALANCER, [MemberEdit("i-1", remove=True), MemberEdit("i-2", weight=50)])
        assert (LineClient(url).who(), established.who()) == ("line2", "line1")
        time.sleep(0.3)
        assert established.who() == "line1"
        emulator.edit(BALANCER, [MemberEdit("i-1", add=removed), MemberEdit("i-2", weight=0)])
        assert (LineClient(url).who(), established.who()) == ("line1", "line1")
        established.close()
        # Nor does it matter whether HAProxy has forgotten it by then.
        emulator.edit(BALANCER, [MemberEdit("i-1", remove=True), MemberEdit("i-2", weight=50)])
        wait_until(lambda: rows(emulator)["i-2"]["weight"] == 50)
        time.sleep(0.5)
        emulator.edit(BALANCER, [MemberEdit("i-1", add=removed), MemberEdit("i-2", weight=0)])
        assert LineClient(url).who() == "line1"
        assert rows(emulator)["i-1"]["total_requests"] == 3
        assert haproxy_of(os.getpid()) == process


def test_another_state_of_the_same_listeners(webs: t.Any) -> None:
    state = document(webs, (100, 100, 0), {})
    with running(state, data_plane="haproxy", data_plane_delay=0.3) as emulator:
        process, url = haproxy_of(os.getpid()), emulator.frontend_url(BALANCER, 80)
        set_weight(emulator, 1, 0)
        # At once, and what was still due is dropped.
        assert control(emulator, "PUT", "state", document(webs, (10, 20, 30), {}))[0] == 200
        assert [row["weight"] for row in rows(emulator).values()] == [10, 20, 30]
        time.sleep(0.5)
        assert answers(url, 60) == {"web1": 10, "web2": 20, "web3": 30}
        assert haproxy_of(os.getpid()) == process


def test_a_state_of_other_listeners(liners: t.Any) -> None:
    tcp = {"listener_protocol": "tcp"}
    with running(document(liners, (100, 50, 50), tcp), data_plane="haproxy") as emulator:
        url = emulator.frontend_url(BALANCER, 80)
        established = LineClient(url)
        name = established.who()
        set_weight(emulator, 1, 0)
        liners[2].stop()
        wait_for_healths(emulator, "normal", "normal", "abnormal")
        before = sum(row["total_requests"] for row in rows(emulator).values())
        assert control(emulator, "PUT", "state", document(liners, (0, 50, 50), tcp, tcp))[0] == 200
        # The port stays, the connection goes on, and what was down is not tried again before its check.
        assert emulator.frontend_url(BALANCER, 80) == url
        assert established.who() == name
        assert {LineClient(url).who() for _time in range(10)} == {"line2"}
        assert {LineClient(emulator.frontend_url(BALANCER, 81)).who()} <= {"line2", ""}
        assert sum(row["total_requests"] for row in rows(emulator).values()) == before + 10
        set_weight(emulator, 1, 100)
        set_weight(emulator, 2, 0)
        assert {LineClient(url).who() for _time in range(10)} == {"line1"}
        established.close()
        # The former process ends with its last connection.
        assert len(wait_until(lambda: (found := haproxy_of(os.getpid())) and len(found) == 1 and found)) == 1


def test_a_state_without_listeners(webs: t.Any) -> None:
    state = document(webs, (100, 0, 0))
    with running(state, data_plane="haproxy") as emulator:
        assert emulator.data_plane()["frontends"] == []
        assert control(emulator, "PUT", "state", document(webs, (0, 100, 0), {}))[0] == 200
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web2": 3}
        assert control(emulator, "PUT", "state", {"load_balancers": []})[0] == 200
        assert emulator.data_plane()["problem"] is None


def test_a_listener_without_members(webs: t.Any) -> None:
    with running(document([], [], {}), data_plane="haproxy") as emulator:
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {503: 3}
        emulator.edit(BALANCER, [MemberEdit("i-1", add=BackendServer("i-1", address=webs[0].address))])
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web1": 3}


def failures(url: str, keep: t.Any, ended: t.Any) -> t.Any:
    """What went wrong with requests, until an event; each on a connection of its own, or all on one."""
    found: list[t.Any] = []
    client = web_client(url)
    while not ended.is_set():
        try:
            answer = get(client)
            if answer[0] != 200:
                found.append(answer)
        except (OSError, http.client.HTTPException) as error:
            found.append(error)
            client.close()
        if not keep:
            client.close()
    client.close()
    return found


def test_changes_lose_no_request(webs: t.Any) -> None:
    """Neither weights nor members nor new listeners do."""
    one, two = document(webs, (100, 60, 10), {}), document(webs, (10, 60, 100), {}, {})
    third = BackendServer("i-3", address=webs[2].address)
    ended = threading.Event()
    with running(one, data_plane="haproxy") as emulator, ThreadPoolExecutor() as pool:
        url, idle = emulator.frontend_url(BALANCER, 80), web_client(emulator.frontend_url(BALANCER, 80))
        get(idle)
        clients = [pool.submit(failures, url, keep, ended) for keep in (True, True, False, False)]
        try:
            for _time in range(5):
                emulator.set_weight(BALANCER, "i-1", 0)
                emulator.edit(BALANCER, [MemberEdit("i-3", remove=True)])
                time.sleep(0.1)
                emulator.set_weight(BALANCER, "i-1", 100)
                emulator.edit(BALANCER, [MemberEdit("i-3", add=third)])
                time.sleep(0.1)
                status, answer = control(emulator, "PUT", "state", two)
                assert status == 200, answer
                time.sleep(0.1)
                assert control(emulator, "PUT", "state", one)[0] == 200
        finally:
            ended.set()
        assert [client.result() for client in clients] == [[], [], [], []]
        assert get(idle)[0] == 200


def test_a_state_that_cannot_be_served(webs: t.Any) -> None:
    state = document(webs, (100, 0, 0), {})
    with running(state, data_plane="haproxy") as emulator, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        before = control(emulator, "GET", "state")
        status, answer = control(emulator, "PUT", "state", document(webs, (0, 100, 0), {"data_port": port}))
        assert status == 400
        assert f"cannot have 127.0.0.1 port {port}" in answer["error"]
        assert control(emulator, "GET", "state") == before
        assert answers(emulator.frontend_url(BALANCER, 80), 10) == {"web1": 10}


# What is shown


def test_description(webs: t.Any) -> None:
    state = document(webs, (60, 100, 0), {}, {"listener_protocol": "udp"}, {"status": "stopped"})
    with running(state, data_plane="haproxy") as emulator:
        answers(emulator.frontend_url(BALANCER, 80), 16)
        wait_for_healths(emulator, "normal", "normal", "normal")
        status, description = control(emulator, "GET", "data_plane")
        assert status == 200
        (frontend,) = description.pop("frontends")
        assert description == {
            "kind": "haproxy",
            "problem": None,
            "skipped": [
                "lb-test udp 81 is not served: HAProxy does not balance udp.",
                "lb-test http 82 is not served: the listener is stopped.",
            ],
        }
        servers = frontend.pop("servers")
        assert frontend == {
            "load_balancer_id": BALANCER,
            "listener_port": 80,
            "listener_protocol": "http",
            "scheduler": "wrr",
            "address": emulator.frontend_url(BALANCER, 80)[len("http://") :],
            "url": emulator.frontend_url(BALANCER, 80),
        }
        assert [(row["weight"], row["health"], row["total_requests"]) for row in servers] == [
            (60, "normal", 6),
            (100, "normal", 10),
            (0, "normal", 0),
        ]
        assert servers[0]["address"] == webs[0].address
        assert servers[0]["status"].startswith("UP")
        assert healths(emulator, 81) == ["unavailable"] * 3
        with pytest.raises(KeyError):
            emulator.frontend_url(BALANCER, 81)


def test_sessions(liners: t.Any) -> None:
    with running(document(liners, (100, 0, 0), {"listener_protocol": "tcp"}), data_plane="haproxy") as emulator:
        clients = [LineClient(emulator.frontend_url(BALANCER, 80)) for _time in range(3)]
        assert [client.who() for client in clients] == ["line1"] * 3
        assert rows(emulator)["i-1"]["sessions"] == 3
        for client in clients:
            client.close()


def test_without_a_data_plane(emulator: Emulator) -> None:
    assert control(emulator, "GET", "data_plane") == (
        200,
        {"kind": "none", "problem": None, "frontends": [], "skipped": []},
    )
    with pytest.raises(KeyError):
        emulator.frontend_url("lb-test", 80)


def test_data_port(webs: t.Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(document(webs, (100, 0, 0), {"data_port": port}), data_plane="haproxy") as emulator:
        assert emulator.frontend_url(BALANCER, 80) == f"http://127.0.0.1:{port}"
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web1": 3}
        # A second one may not share the port, though HAProxy itself would.
        second = running(document(webs, (0, 100, 0), {"data_port": port}), data_plane="haproxy")
        with pytest.raises(DocumentError, match="cannot have 127.0.0.1 port"), second:
            pass
    assert haproxy_of(os.getpid()) == []


def test_default_address(webs: t.Any) -> None:
    state = document(webs, (100,), {"backend_server_port": webs[2].port})
    del state["load_balancers"][0]["backend_servers"][0]["address"]
    with running(state, data_plane="haproxy") as emulator:
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web3": 3}
        emulator.edit(BALANCER, [MemberEdit("i-2", add=BackendServer("i-2", address="127.0.0.1"))])
        assert rows(emulator)["i-2"]["address"] == webs[2].address


def test_the_address_of_a_server_that_is_added_again(webs: t.Any) -> None:
    with running(document(webs, (100, 0, 0), {}), data_plane="haproxy") as emulator:
        sdk = SdkClient(emulator.url)
        servers = '[{"ServerId":"i-1"}]'
        sdk.call("RemoveBackendServers", LoadBalancerId=BALANCER, BackendServers=servers)
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {503: 3}
        sdk.call("AddBackendServers", LoadBalancerId=BALANCER, BackendServers=servers)
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web1": 3}


# Processes


def test_the_end(webs: t.Any, temporary_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary_files))
    with running(document(webs, (100, 0, 0), {}), data_plane="haproxy") as emulator:
        (process,) = haproxy_of(os.getpid())
        assert is_running(process)
        assert len(list(temporary_files.iterdir())) == 1
        url = emulator.frontend_url(BALANCER, 80)
    assert not is_running(process)
    assert list(temporary_files.iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        answers(url, 1)


def test_haproxy_dies(webs: t.Any) -> None:
    state = document(webs, (100, 0, 0), {})
    with running(state, data_plane="haproxy") as emulator:
        wait_for_healths(emulator, "normal", "normal", "normal")
        (process,) = haproxy_of(os.getpid())
        os.kill(process, signal.SIGKILL)
        problem = wait_until(lambda: emulator.data_plane()["problem"])
        assert problem == "HAProxy ended by SIGKILL: no traffic moves."
        wait_for_healths(emulator, "unavailable", "unavailable", "unavailable")
        # The API goes on, and a state brings the traffic back.
        set_weight(emulator, 2, 50)
        assert control(emulator, "PUT", "state", state)[0] == 200
        assert emulator.data_plane()["problem"] is None
        assert answers(emulator.frontend_url(BALANCER, 80), 3) == {"web1": 3}


def test_no_such_data_plane(state: dict[str, t.Any]) -> None:
    with pytest.raises(DocumentError, match="must be one of none, haproxy"), running(state, data_plane="nginx"):
        pass
