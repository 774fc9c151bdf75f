# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof: under real traffic a roll with the role loses no request, and one without it does."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Callable

import pytest

from slb_emulator import DEFAULT_GROUP
from slb_rolling import results
from slb_rolling.data_plane_watch import Drain, Key, drains
from slb_rolling.results import Request
from slb_rolling.stage import (
    GROUPS,
    NEW_VERSION,
    OLD_VERSION,
    SIX,
    Member,
    Stage,
    WebHost,
    wait_until,
)
from slb_rolling.web_server import BROKEN

SetStage = Callable[..., Stage]

# What a proof needs: so many requests while a server was drained. The traffic asks for about 60 a second.
LEAST_REQUESTS = 100
THREE = (Member(),) * 3


def names(stage: Stage) -> set[str]:
    """The servers that get traffic before the roll."""
    return {host.name for host in stage.hosts if host.member.weight}


def original_weights(stage: Stage) -> dict[str, int]:
    return {host.name: host.member.weight for host in stage.hosts}


def end_traffic(stage: Stage, still_serving: set[str]) -> list[Request]:
    """End the traffic, once these servers have had some more; what has become of each request."""
    stage.traffic.wait_for_answers(still_serving)
    stage.traffic.stop()
    return stage.traffic.results.requests()


def assert_no_loss(stage: Stage) -> None:
    """No request failed, none is unaccounted for, and there were enough while a server was drained."""
    requests = stage.traffic.results.requests()
    failed = results.failed(requests)
    assert not failed, f"{len(failed)} of {len(requests)} requests failed"
    frontends = stage.emulator.data_plane()["frontends"]
    assert sum(server["total_requests"] for frontend in frontends for server in frontend["servers"]) == len(requests)
    for drain in itertools.chain(*drains_by_name(stage).values()):
        assert len([request for request in requests if was_within(request, drain)]) >= LEAST_REQUESTS


def drains_by_name(stage: Stage) -> dict[str, list[Drain]]:
    """The drains of each server in the default group."""
    return {host.name: drains(stage.looks, (DEFAULT_GROUP, host.backend_server.key)) for host in stage.hosts}


def drains_of(stage: Stage, host: WebHost) -> dict[Key, list[Drain]]:
    """The drains of each member that a host is, in any group."""
    return {key: drains(stage.looks, key) for key in stage.keys(host)}


def was_under_way(request: Request, drain: Drain) -> bool:
    """Whether a request began before its server was drained, and ended after that."""
    return request.time < drain.before and drain.since < request.end


def was_within(request: Request, drain: Drain) -> bool:
    """Whether a request began and ended while its server was drained."""
    return drain.since < request.time and request.end < drain.until


def test_a_roll_loses_no_request(set_stage: SetStage) -> None:
    # The load balancer follows as late as the real one was seen to, and the role waits as long as it does by itself.
    stage = set_stage(SIX, data_plane_delay=2.0)
    play = stage.play("roll.yml", roll_serial=3, rolling_update_drain_delay=5)
    requests = end_traffic(stage, names(stage))

    assert play.exit_code == 0
    assert_no_loss(stage)
    assert stage.weights() == original_weights(stage)
    assert set(stage.versions().values()) == {NEW_VERSION}
    # Each server has answered in both versions, and was drained once in between.
    assert {(request.server, request.version) for request in requests} == {
        (name, version) for name in names(stage) for version in (OLD_VERSION, NEW_VERSION)
    }
    assert {name: len(found) for name, found in drains_by_name(stage).items()} == dict.fromkeys(names(stage), 1)
    for name, (drain,) in drains_by_name(stage).items():
        assert not [request for request in requests if request.server == name and was_within(request, drain)]
    # The roll had long requests to wait for: the update kills what it meets.
    assert [
        request
        for name, (drain,) in drains_by_name(stage).items()
        for request in requests
        if request.is_slow and request.server == name and was_under_way(request, drain)
    ]
    assert play.output.count(" has no connections left on port ") == len(stage.hosts)


def test_the_same_roll_without_the_role_loses_requests(set_stage: SetStage) -> None:
    stage = set_stage(SIX)
    play = stage.play("bare_roll.yml", roll_serial=3)
    requests = end_traffic(stage, names(stage))

    assert play.exit_code == 0
    assert set(stage.versions().values()) == {NEW_VERSION}
    failed = results.failed(requests)
    assert {request.is_slow for request in failed} == {True, False}
    assert not any(drains_by_name(stage).values())


# In the groups their weights are others, see WebHost.backend_servers.
OF_ALL_GROUPS = (Member(), Member(60), Member())


def test_one_roll_drains_every_group_and_port_without_loss(set_stage: SetStage) -> None:
    stage = set_stage(OF_ALL_GROUPS, targets=GROUPS)
    weights = stage.group_weights()
    play = stage.play("roll.yml")
    requests = end_traffic(stage, names(stage))

    assert play.exit_code == 0
    assert_no_loss(stage)
    assert stage.group_weights() == weights
    assert set(stage.versions().values()) == {NEW_VERSION}
    for host in stage.hosts:
        found = drains_of(stage, host)
        assert {key: len(times) for key, times in found.items()} == dict.fromkeys(found, 1)
        times = [drain for (drain,) in found.values()]
        out = Drain(min(t.before for t in times), max(t.since for t in times), min(t.until for t in times))
        # In the middle of a time in which no group had it in traffic.
        assert out.since < host.updated_at() < out.until
        assert not [request for request in requests if request.server == host.name and was_within(request, out)]
        # Meanwhile the others have answered on each listener, and by the rule.
        answers = Counter(request.target for request in requests if was_within(request, out))
        assert min(answers[url] for url in stage.traffic.urls) >= LEAST_REQUESTS / len(GROUPS)


def test_the_same_roll_of_the_default_group_alone_loses_requests_of_the_other_groups(set_stage: SetStage) -> None:
    stage = set_stage(OF_ALL_GROUPS, targets=GROUPS)
    play = stage.play(
        "roll.yml",
        rolling_update_server_groups="default",
        rolling_update_check_listeners="off",
        # Longer than a request takes. The connections that the other groups bring do not end.
        rolling_update_drain_timeout=4,
    )
    requests = end_traffic(stage, names(stage))

    assert play.exit_code == 0
    assert set(stage.versions().values()) == {NEW_VERSION}
    lossy = {url for url, target in zip(stage.traffic.urls, GROUPS) if target.vserver_group_id}
    assert {request.target for request in results.failed(requests)} == lossy
    drained = {key for host in stage.hosts for key, times in drains_of(stage, host).items() if times}
    assert drained == {(DEFAULT_GROUP, host.backend_server.key) for host in stage.hosts}


def test_a_server_that_never_becomes_healthy_stops_the_roll(set_stage: SetStage) -> None:
    stage = set_stage([Member(), Member(new_version=BROKEN), Member()])
    play = stage.play("roll.yml", rolling_update_health_timeout=10)
    end_traffic(stage, {"web1", "web3"})

    assert play.exit_code == 2
    assert_no_loss(stage)
    assert stage.weights() == {"web1": 100, "web2": 0, "web3": 100}
    assert stage.versions() == {"web1": NEW_VERSION, "web2": BROKEN, "web3": OLD_VERSION}
    drained = {name for name, found in drains_by_name(stage).items() if found}
    assert drained == {"web1", "web2"}


WEIGHTS = (100, 60, 10, 0, 100, 30)


@pytest.fixture(scope="class")
def weighted_stage(shared_stage: SetStage) -> Stage:
    """Servers of many weights; the fourth is out of traffic already, and the last three share an id.

    One roll over them has ended.
    """
    stage = shared_stage([Member(weight, shares_id=number > 3) for number, weight in enumerate(WEIGHTS, start=1)])
    stage.play("roll.yml", roll_serial=3)
    end_traffic(stage, names(stage))
    return stage


class TestWeights:
    def test_they_come_back_as_they_were(self, weighted_stage: Stage) -> None:
        assert weighted_stage.plays[-1].exit_code == 0
        assert_no_loss(weighted_stage)
        assert tuple(weighted_stage.weights().values()) == WEIGHTS
        assert {name for name, found in drains_by_name(weighted_stage).items() if found} == names(weighted_stage)

    def test_a_server_that_was_drained_before_stays_so_and_is_updated(self, weighted_stage: Stage) -> None:
        assert_no_loss(weighted_stage)
        assert weighted_stage.weights()["web4"] == 0
        assert set(weighted_stage.versions().values()) == {NEW_VERSION}
        assert "web4" not in {request.server for request in weighted_stage.traffic.results.requests()}


def test_a_busy_load_balancer_costs_no_request(set_stage: SetStage) -> None:
    stage = set_stage(THREE, busy_seconds=1.5)
    for action, code, times, skip in (
        ("SetBackendServers", "BackendServer.configuring", 2, 0),
        ("SetBackendServers", "Throttling.User", 1, 1),
        ("DescribeLoadBalancerAttribute", "Throttling.User", 2, 1),
        ("DescribeHealthStatus", "Throttling.User", 1, 0),
    ):
        stage.emulator.add_fault({"action": action, "kind": "error", "code": code, "times": times, "skip": skip})
    play = stage.play("roll.yml")
    end_traffic(stage, names(stage))

    assert play.exit_code == 0
    assert_no_loss(stage)
    assert stage.weights() == original_weights(stage)
    assert set(stage.versions().values()) == {NEW_VERSION}
    codes = Counter(request.code for request in stage.emulator.requests)
    assert codes["Throttling.User"] == 4
    assert codes["BackendServer.configuring"] >= 2


def test_a_killed_roll_is_recovered_without_loss(set_stage: SetStage) -> None:
    stage = set_stage(THREE)
    # Holds the roll between update and restore.
    stage.emulator.add_fault({"action": "DescribeHealthStatus", "kind": "error", "code": "Throttling.User", "times": 0})

    def asks_for_health() -> bool:
        return any(request.action == "DescribeHealthStatus" for request in stage.emulator.requests)

    with stage.playing("roll.yml") as process:
        wait_until(lambda: asks_for_health() or process.poll() is not None, "The end of the update")
        process.kill()
    assert stage.plays[-1].exit_code == -9
    assert stage.weights() == {"web1": 0, "web2": 0, "web3": 100}
    stage.emulator.clear()
    recovered = stage.play("recover.yml")
    end_traffic(stage, names(stage))

    assert recovered.exit_code == 0
    assert_no_loss(stage)
    assert stage.weights() == original_weights(stage)
    assert stage.versions() == {"web1": NEW_VERSION, "web2": NEW_VERSION, "web3": OLD_VERSION}
