# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of work under faults: what is reported is what the emulator holds."""

from __future__ import annotations

import contextlib
import time
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import (
    _client,
    _deadline,
    _plan,
    _requested,
    _weight_setter,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import describe_load_balancer
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

DESCRIBE, SET = "DescribeLoadBalancerAttribute", "SetBackendServers"
KEYS = [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret+/="}]


pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def large(clean_environment: pytest.MonkeyPatch) -> t.Iterator[t.Any]:
    from slb_emulator import running

    servers = [{"server_id": f"i-{number}", "weight": 50} for number in range(45)]
    group = {"load_balancer_id": "lb-web", "region_id": "cn-hangzhou", "backend_servers": servers}
    with running({"access_keys": KEYS, "load_balancers": [group]}) as emulator:
        yield emulator


def wanted(weights: dict[str, int]) -> list[_requested.RequestedWeight]:
    servers = [{"server_id": server_id, "weight": weight} for server_id, weight in weights.items()]
    return _requested.parse_requested(servers)


def new_task(client: _client.Client, **options: t.Any) -> _weight_setter.WeightSetter:
    return _weight_setter.WeightSetter(client, "lb-web", _weight_setter.Options(**options))


def failure_of(task: _weight_setter.WeightSetter, weights: dict[str, int]) -> SlbError:
    with refusal(SlbError) as caught:
        task.run(wanted(weights), check_mode=False)
    return caught.value


def actions(slb: t.Any) -> list[str]:
    return [request.action for request in slb.requests]


def weights_of(slb: t.Any) -> list[int]:
    return [member.weight for member in slb.members("lb-web")]


def reported(task: _weight_setter.WeightSetter) -> list[int]:
    return [member["weight"] for member in task.result()["backend_servers"]]


def ids(changes: list[dict[str, t.Any]]) -> list[str]:
    return [change["server_id"] for change in changes]


def assert_unconfirmed(task: _weight_setter.WeightSetter, server_ids: list[str]) -> None:
    """Nobody can know: the account says so, and the task counts as changed."""
    account = task.account()
    assert ids(account["unconfirmed"]) == server_ids
    assert account["applied"] == account["not_applied"] == []
    assert task.result()["changed"] is True


def test_account_of_a_change(slb: t.Any, open_client: t.Any) -> None:
    before = [member.as_dict() for member in describe_load_balancer(open_client(slb.url), "lb-web").backend_servers]
    slb.clear()
    task = new_task(open_client(slb.url))
    task.run(wanted({"i-web1": 100, "i-web2": 0}), check_mode=False)
    assert task.result() == {
        "changed": True,
        "load_balancer_id": "lb-web",
        "region": "cn-hangzhou",
        "backend_servers": [before[0], {**before[1], "weight": 0}, *before[2:]],
        "server_groups": [
            {"vserver_group_id": None, "vserver_group_name": None, "member_count": 4, "active_count": 3},
        ],
        "active_count": 3,
        "previous": [{"server_id": server_id, "weight": 100, "type": "ecs"} for server_id in ("i-web1", "i-web2")],
        "skipped_servers": [],
        "changed_servers": [
            {
                "server_id": "i-web2",
                "type": "ecs",
                "server_ip": None,
                "port": None,
                "vserver_group_id": None,
                "vserver_group_name": None,
                "before": 100,
                "after": 0,
            },
        ],
        "api_calls": 3,
        "request_ids": [request.request_id for request in slb.requests],
    }
    assert task.account() == {"applied": task.result()["changed_servers"], "not_applied": [], "unconfirmed": []}
    assert task.report().diff() == {
        "before": "i-web2: 100\n",
        "after": "i-web2: 0\n",
        "before_header": "lb-web weights",
        "after_header": "lb-web weights",
    }


def test_account_of_a_task_that_could_read_nothing(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": DESCRIBE, "kind": "error", "code": "Forbidden.RAM"})
    task = new_task(open_client(slb.url))
    assert failure_of(task, {"i-web1": 0}).code == "Forbidden.RAM"
    assert task.account() == {"applied": [], "not_applied": [], "unconfirmed": []}
    assert task.result() == {
        "changed": False,
        "load_balancer_id": "lb-web",
        "region": "cn-hangzhou",
        "changed_servers": [],
        "api_calls": 1,
        "request_ids": [request.request_id for request in slb.requests],
    }


def test_missing_server_fails_the_task(slb: t.Any, open_client: t.Any) -> None:
    task = new_task(open_client(slb.url))
    error = failure_of(task, {"i-gone": 0, "i-web1": 0})
    assert error.code == "UnknownMember"
    assert "i-gone. Its members are: i-web1, i-web2, eni-web3" in error.message
    assert actions(slb) == [DESCRIBE]


def test_missing_servers_may_be_skipped(slb: t.Any, open_client: t.Any) -> None:
    task = new_task(open_client(slb.url), on_missing="ignore")
    task.run(wanted({"i-gone": 0, "i-web1": 0, "i-lost": 5}), check_mode=False)
    assert weights_of(slb) == [0, 100, 60, 60]
    assert task.warnings == ["Skipped, not in the default server group of lb-web: i-gone, i-lost"]


@pytest.mark.parametrize("on_missing", ["fail", "ignore"])
def test_nothing_is_said_of_servers_that_are_members(slb: t.Any, open_client: t.Any, on_missing: str) -> None:
    task = new_task(open_client(slb.url), on_missing=on_missing)
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert task.warnings == []


@pytest.mark.parametrize("count", [1, 20, 21, 40, 41])
def test_cost_of_a_change(large: t.Any, open_client: t.Any, count: int) -> None:
    task = new_task(open_client(large.url))
    task.run(wanted({f"i-{number}": 0 for number in range(count)}), check_mode=False)
    assert task.result()["api_calls"] == 2 + -(-count // 20) == len(large.requests)
    assert reported(task) == weights_of(large) == [0] * count + [50] * (45 - count)


def test_cost_of_no_change(large: t.Any, open_client: t.Any) -> None:
    task = new_task(open_client(large.url), check_listeners="fail", min_active=45)
    task.run(wanted({f"i-{number}": 50 for number in range(45)}), check_mode=False)
    assert actions(large) == [DESCRIBE]
    assert task.result()["changed"] is False
    assert "listeners" not in task.result()


@pytest.mark.parametrize("kind", ["cut_after", "truncate", "error_after"])
def test_lost_answer_to_a_write_that_took_effect(slb: t.Any, open_client: t.Any, kind: str) -> None:
    extra = {"code": "InternalError"} if kind == "error_after" else {}
    slb.add_fault({"action": SET, "kind": kind, **extra})
    task = new_task(open_client(slb.url))
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert actions(slb) == [DESCRIBE, SET, DESCRIBE, DESCRIBE]  # not sent again
    assert ids(task.result()["changed_servers"]) == ["i-web1"]
    assert reported(task) == weights_of(slb) == [0, 100, 60, 60]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut_before"},
        {"kind": "raw", "http_status": 502, "body": "<html>"},
        {"kind": "error", "code": "InternalError"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_lost_answer_to_a_write_that_did_not(slb: t.Any, open_client: t.Any, fault: dict[str, t.Any]) -> None:
    slb.add_fault({"action": SET, **fault})
    task = new_task(open_client(slb.url))
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert actions(slb) == [DESCRIBE, SET, DESCRIBE, SET, DESCRIBE]
    assert reported(task) == weights_of(slb) == [0, 100, 60, 60]


def test_lost_answer_while_another_job_writes(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": SET, "kind": "cut_before"})
    edit = {"server_id": "i-web1", "weight": 70}
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": "edit", "edits": [edit]})
    task = new_task(open_client(slb.url))
    error = failure_of(task, {"i-web1": 0})
    assert error.code == "ChangedMeanwhile"
    assert "i-web1 should have weight 0 but has 70" in error.message
    assert weights_of(slb)[0] == 70  # not overwritten
    assert_unconfirmed(task, ["i-web1"])  # the lost write may have come first


def test_another_job_at_a_later_batch_seen_after_a_lost_answer(large: t.Any, open_client: t.Any) -> None:
    large.add_fault({"action": SET, "kind": "cut_after"})
    edit = {"server_id": "i-30", "weight": 70}
    large.add_fault({"action": DESCRIBE, "skip": 1, "kind": "edit", "edits": [edit]})
    task = new_task(open_client(large.url))
    error = failure_of(task, {f"i-{number}": 0 for number in range(45)})
    assert error.code == "ChangedMeanwhile"
    assert weights_of(large) == reported(task) == [0] * 20 + [50] * 10 + [70] + [50] * 14
    assert ids(task.account()["not_applied"]) == [f"i-{number}" for number in range(20, 45)]


def test_stale_read_after_a_write_is_waited_for(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": DESCRIBE, "skip": 1, "times": 3, "kind": "stale_read"})
    task = new_task(open_client(slb.url))
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert actions(slb) == [DESCRIBE, SET] + [DESCRIBE] * 4
    assert reported(task) == weights_of(slb)


@pytest.mark.parametrize(
    "fault",
    [{"action": DESCRIBE, "skip": 1, "kind": "stale_read"}, {"action": SET, "kind": "cut_before"}],
    ids=["stale reads", "lost writes"],
)
def test_pauses_double(slb: t.Any, open_client: t.Any, no_waiting: t.Any, fault: dict[str, t.Any]) -> None:
    slb.add_fault({**fault, "times": 4})
    new_task(open_client(slb.url)).run(wanted({"i-web1": 0}), check_mode=False)
    assert len(no_waiting.pauses) == 4
    assert no_waiting.doubled()


def test_read_that_stays_stale_fails_the_task(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": DESCRIBE, "skip": 1, "times": 0, "kind": "stale_read"})
    task = new_task(open_client(slb.url))
    error = failure_of(task, {"i-web1": 0})
    assert error.code == "NotVerified"
    assert task.result()["changed"] is True  # the API took it
    assert ids(task.account()["applied"]) == ["i-web1"]


@pytest.mark.parametrize(
    ("edit", "seen"),
    [
        ({"server_id": "i-web1", "weight": 70}, "i-web1 should have weight 0 but has 70"),
        ({"server_id": "i-web1", "remove": True}, "i-web1 should have weight 0 but is no longer a member"),
    ],
)
def test_another_job_after_the_write(slb: t.Any, open_client: t.Any, edit: dict[str, t.Any], seen: str) -> None:
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": "edit", "edits": [edit]})
    task = new_task(open_client(slb.url))
    error = failure_of(task, {"i-web1": 0, "i-web2": 0})
    assert error.code == "ChangedMeanwhile"
    assert seen in error.message
    assert reported(task) == weights_of(slb)
    assert task.result()["changed"] is True


def test_another_job_is_named_also_when_the_time_is_up_first(
    slb: t.Any, open_client: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_weight_setter, "SETTLE_SECONDS", 600)
    slb.add_fault({"action": SET, "kind": "edit", "edits": [{"server_id": "i-web2", "weight": 70}]})
    error = failure_of(new_task(open_client(slb.url)), {"i-web1": 0, "i-web2": 100})
    assert error.code == "ChangedMeanwhile"
    assert error.message.endswith("i-web2 should have weight 100 but has 70")


def test_another_job_at_a_member_that_had_its_weight(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": SET, "kind": "edit", "edits": [{"server_id": "i-web2", "weight": 0}]})
    task = new_task(open_client(slb.url))
    error = failure_of(task, {"i-web1": 0, "i-web2": 100})
    assert error.code == "ChangedMeanwhile"
    assert "i-web2 should have weight 100 but has 0" in error.message
    assert ids(task.account()["applied"]) == ["i-web1"]
    assert task.account()["not_applied"] == []
    assert reported(task) == weights_of(slb)


def test_third_weight_that_was_only_stale_passes(
    slb: t.Any, open_client: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_weight_setter, "SETTLE_SECONDS", 30)
    edit = {"server_id": "i-web1", "weight": 70}
    slb.add_fault({"action": SET, "kind": "edit", "edits": [edit]})
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": "stale_read"})
    task = new_task(open_client(slb.url))
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert reported(task) == weights_of(slb) == [0, 100, 60, 60]


def test_failure_between_batches_is_accounted_for(large: t.Any, open_client: t.Any) -> None:
    large.add_fault({"action": SET, "skip": 1, "kind": "error", "code": "Forbidden.RAM", "times": 0})
    task = new_task(open_client(large.url))
    assert failure_of(task, {f"i-{number}": 0 for number in range(45)}).code == "Forbidden.RAM"
    account = task.account()
    assert ids(account["applied"]) == [f"i-{number}" for number in range(20)]
    assert ids(account["not_applied"]) == [f"i-{number}" for number in range(20, 45)]
    assert account["unconfirmed"] == []
    assert task.result()["changed"] is True
    assert reported(task) == weights_of(large)


@pytest.fixture
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deadline, "FIRST_PAUSE", 60.0)
    monkeypatch.setattr(_deadline, "LONGEST_PAUSE", 60.0)


def test_lost_answer_at_the_deadline_is_settled_by_a_last_read(slb: t.Any, open_client: t.Any, one_try: None) -> None:
    slb.add_fault({"action": SET, "kind": "cut_after"})
    task = new_task(open_client(slb.url, seconds=5))
    assert failure_of(task, {"i-web1": 0}).code == "NoAnswer"
    account = task.account()
    assert ids(account["applied"]) == ["i-web1"]
    assert account["not_applied"] == account["unconfirmed"] == []
    assert task.result()["changed"] is True
    assert reported(task) == weights_of(slb)


@pytest.mark.parametrize(("kind", "read"), [("cut_before", "latency"), ("cut_after", "stale_read")])
def test_last_read_that_does_not_show_a_write_proves_nothing(
    slb: t.Any, open_client: t.Any, one_try: None, kind: str, read: str
) -> None:
    slb.add_fault({"action": SET, "kind": kind})
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": read, **({"seconds": 0.01} if read == "latency" else {})})
    task = new_task(open_client(slb.url, seconds=5))
    assert failure_of(task, {"i-web1": 0}).code == "NoAnswer"
    assert_unconfirmed(task, ["i-web1"])


def test_refusal_of_the_second_try_does_not_settle_the_first(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": SET, "kind": "cut_after"})
    slb.add_fault({"action": DESCRIBE, "skip": 1, "times": 0, "kind": "stale_read"})
    slb.add_fault({"action": SET, "kind": "error", "code": "Forbidden.RAM"})
    task = new_task(open_client(slb.url))
    assert failure_of(task, {"i-web1": 0}).code == "Forbidden.RAM"
    assert_unconfirmed(task, ["i-web1"])


def test_what_nobody_could_find_out_is_said_so(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": SET, "kind": "cut_after"})
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": "cut_before", "times": 0})
    task = new_task(open_client(slb.url))
    assert failure_of(task, {"i-web1": 0, "i-web2": 100}).code in ("NoAnswer", "DeadlineReached")
    account = task.account()
    assert ids(account["unconfirmed"]) == ["i-web1"]
    assert account["applied"] == account["not_applied"] == []
    assert task.result()["changed"] is True


def test_weight_that_only_a_late_read_has_shown_is_not_counted_as_set(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": DESCRIBE, "kind": "edit", "edits": [{"server_id": "i-web1", "weight": 60}]})
    slb.add_fault({"action": SET, "kind": "cut_before"})
    slb.add_fault({"action": DESCRIBE, "kind": "stale_read"})  # the next one, as it was before the edit
    task = new_task(open_client(slb.url))
    assert failure_of(task, {"i-web1": 100}).code == "NotVerified"
    assert weights_of(slb)[0] == 60
    assert_unconfirmed(task, ["i-web1"])


def test_drain_that_got_no_answer_and_was_taken_back_leaves_nothing(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": SET, "kind": "cut_after"})
    slb.add_fault({"action": DESCRIBE, "skip": 1, "kind": "edit", "edits": [{"server_id": "i-web2", "weight": 0}]})
    task = new_task(open_client(slb.url), min_active=3)
    assert failure_of(task, {"i-web1": 0}).code == "MinActive"
    assert weights_of(slb)[:2] == [100, 0]
    account = task.account()
    assert ids(account["not_applied"]) == ["i-web1"]
    assert account["applied"] == account["unconfirmed"] == []
    assert task.result()["changed"] is False


def test_group_that_cannot_be_read_again_has_what_was_written(large: t.Any, open_client: t.Any) -> None:
    large.add_fault({"action": DESCRIBE, "skip": 1, "kind": "cut_before", "times": 0})
    task = new_task(open_client(large.url))
    assert failure_of(task, {f"i-{number}": 0 for number in range(21)}).code == "NoAnswer"
    assert reported(task) == weights_of(large) == [0] * 21 + [50] * 24
    assert task.result()["active_count"] == 24


def test_guard_is_judged_on_the_whole_group(slb: t.Any, open_client: t.Any) -> None:
    slb.set_weight("lb-web", "i-web2", 0)
    task = new_task(open_client(slb.url), min_active=3)
    assert failure_of(task, {"i-web1": 0}).code == "MinActive"
    assert actions(slb) == [DESCRIBE]
    assert ids(task.account()["not_applied"]) == ["i-web1"]


@pytest.mark.parametrize("verify", [True, False])
def test_guard_does_not_look_at_a_task_that_drains_nobody(slb: t.Any, open_client: t.Any, verify: bool) -> None:
    task = new_task(open_client(slb.url), min_active=9, verify=verify)
    task.run(wanted({"i-web1": 50}), check_mode=False)
    assert actions(slb) == [DESCRIBE, SET] + [DESCRIBE] * verify


def test_nothing_is_read_again_without_a_guard_and_without_verification(slb: t.Any, open_client: t.Any) -> None:
    task = new_task(open_client(slb.url), verify=False)
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert actions(slb) == [DESCRIBE, SET]
    assert reported(task) == weights_of(slb) == [0, 100, 60, 60]


@pytest.fixture
def drained_meanwhile(slb: t.Any) -> int:
    """Another task drains i-web2 just before the first write of ours. Returns how many are active before that."""
    slb.add_fault({"action": SET, "kind": "edit", "edits": [{"server_id": "i-web2", "weight": 0}]})
    return sum(weight > 0 for weight in weights_of(slb))


@pytest.mark.parametrize("verify", [True, False])
def test_guard_that_does_not_hold_any_more_takes_the_drain_back(
    slb: t.Any, open_client: t.Any, drained_meanwhile: int, verify: bool
) -> None:
    before = weights_of(slb)
    task = new_task(open_client(slb.url), min_active=drained_meanwhile - 1, verify=verify)
    error = failure_of(task, {"i-web1": 0})
    assert error.code == "MinActive"
    assert f"{drained_meanwhile - 2} were left in traffic" in error.message
    assert error.message.endswith("this task undid its drain")
    assert weights_of(slb) == [before[0], 0, *before[2:]] == reported(task)
    assert task.result()["changed"] is False
    assert ids(task.account()["not_applied"]) == ["i-web1"]
    assert task.account()["applied"] == task.account()["unconfirmed"] == []


def test_guard_that_still_holds_lets_the_drain_be(slb: t.Any, open_client: t.Any, drained_meanwhile: int) -> None:
    task = new_task(open_client(slb.url), min_active=drained_meanwhile - 2)
    task.run(wanted({"i-web1": 0}), check_mode=False)
    assert weights_of(slb)[:2] == [0, 0]
    assert actions(slb) == [DESCRIBE, SET, DESCRIBE]


def test_drain_that_cannot_be_taken_back_is_accounted_for(
    slb: t.Any, open_client: t.Any, drained_meanwhile: int
) -> None:
    slb.add_fault({"action": SET, "kind": "error", "code": "Forbidden.RAM"})
    task = new_task(open_client(slb.url), min_active=drained_meanwhile - 1)
    error = failure_of(task, {"i-web1": 0})
    assert error.code == "MinActive"
    assert "could not undo its drain" in error.message
    assert weights_of(slb)[0] == 0
    assert task.result()["changed"] is True
    assert ids(task.account()["applied"]) == ["i-web1"]
    assert task.account()["not_applied"] == task.account()["unconfirmed"] == []


def test_drain_that_was_perhaps_taken_back_is_unconfirmed(
    slb: t.Any, open_client: t.Any, drained_meanwhile: int
) -> None:
    slb.add_fault({"action": SET, "kind": "cut_before"})
    slb.add_fault({"action": SET, "kind": "error", "code": "Forbidden.RAM"})
    task = new_task(open_client(slb.url), min_active=drained_meanwhile - 1)
    assert "could not undo its drain" in failure_of(task, {"i-web1": 0}).message
    assert_unconfirmed(task, ["i-web1"])
    assert (task.account()["unconfirmed"][0]["before"], task.account()["unconfirmed"][0]["after"]) == (100, 0)


# For callers that decide on the group as it was read


def test_function_decides_on_the_read_that_the_write_is_based_on(slb: t.Any, open_client: t.Any) -> None:
    seen: list[_weight_setter.Group] = []

    def drain_the_first(group: _weight_setter.Group) -> list[_requested.RequestedWeight]:
        seen.append(group)
        return wanted({group[0].server_id: 0})

    task = new_task(open_client(slb.url))
    task.run(drain_the_first, check_mode=False)
    assert [[server.weight for server in group] for group in seen] == [[100, 100, 60, 60]]
    assert actions(slb) == [DESCRIBE, SET, DESCRIBE]
    assert weights_of(slb) == [0, 100, 60, 60]
    assert task.group is not None
    assert [server.weight for server in task.group] == [0, 100, 60, 60]
    assert task.plan is not None
    assert task.ledger.applied == list(task.plan.changes)
    assert task.ledger.unknown == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_function_that_requests_nothing(slb: t.Any, open_client: t.Any, check_mode: bool) -> None:
    task = new_task(open_client(slb.url), check_listeners="fail", min_active=9)
    task.run(lambda _group: [], check_mode=check_mode, before_write=lambda _plan: pytest.fail("it was called"))
    assert actions(slb) == [DESCRIBE]
    assert task.plan is not None
    assert task.plan.requested == ()
    assert task.result()["changed"] is False


def test_function_that_refuses(slb: t.Any, open_client: t.Any) -> None:
    def refuse(_group: _weight_setter.Group) -> t.NoReturn:
        raise SlbError("Refused", "not today", advice="Wait.")

    task = new_task(open_client(slb.url))
    with refusal(SlbError, "Refused"):
        task.run(refuse, check_mode=False)
    assert actions(slb) == [DESCRIBE]
    assert task.plan is None


def test_listeners_that_cannot_be_read(slb: t.Any, open_client: t.Any) -> None:
    slb.add_fault({"action": "DescribeLoadBalancerListeners", "kind": "error", "code": "Forbidden.RAM"})
    task = new_task(open_client(slb.url), check_listeners="warn")
    with refusal(SlbError, "Forbidden.RAM"):
        task.run(wanted({"i-web1": 0}), check_mode=False)
    assert "listeners" not in task.result()
    assert SET not in actions(slb)


def test_min_active_that_is_no_number() -> None:
    with refusal(InvalidArgument, "^InvalidArgument: min_active is -1$"):
        _weight_setter.Options.parse({"min_active": -1})


def test_last_word_before_the_first_write(large: t.Any, open_client: t.Any) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def note(plan: _plan.Plan) -> None:
        asked.append(([change.server.server_id for change in plan.changes], actions(large)))

    task = new_task(open_client(large.url), check_listeners="warn")
    task.run(wanted({f"i-{number}": 0 for number in range(21)}), check_mode=False, before_write=note)
    read = [DESCRIBE, "DescribeLoadBalancerListeners"]
    assert asked == [([f"i-{number}" for number in range(21)], read)]
    assert actions(large) == [*read, SET, SET, DESCRIBE]


@pytest.mark.parametrize("kind", [SlbError("Refused", "not today", advice="Wait."), OSError("disk full")])
def test_nothing_is_written_if_the_last_word_is_no(slb: t.Any, open_client: t.Any, kind: Exception) -> None:
    def refuse(_plan: _plan.Plan) -> None:
        raise kind

    task = new_task(open_client(slb.url))
    with pytest.raises(type(kind)):
        task.run(wanted({"i-web1": 0}), check_mode=False, before_write=refuse)
    assert actions(slb) == [DESCRIBE]
    assert ids(task.account()["not_applied"]) == ["i-web1"]


@pytest.mark.parametrize(
    ("options", "weight", "check_mode"),
    [({}, 0, True), ({}, 100, False), ({"min_active": 45}, 0, False), ({"check_listeners": "fail"}, 0, False)],
    ids=["check mode", "nothing differs", "too few active", "weights without effect"],
)
def test_no_last_word_where_nothing_is_written(
    large: t.Any, open_client: t.Any, options: dict[str, t.Any], weight: int, check_mode: bool
) -> None:
    large.set_weight("lb-web", "i-1", 100)
    task = new_task(open_client(large.url), **options)
    called: list[_plan.Plan] = []
    with contextlib.suppress(SlbError):
        task.run(wanted({"i-1": weight}), check_mode=check_mode, before_write=called.append)
    assert called == []
    assert SET not in actions(large)


@pytest.mark.parametrize("check_listeners", ["off", "warn", "fail"])
def test_check_mode_reads_all_and_writes_nothing(large: t.Any, open_client: t.Any, check_listeners: str) -> None:
    task = new_task(open_client(large.url), check_listeners=check_listeners)
    finding = "eights may have no effect on lb-web: it has no listener"
    if check_listeners == "fail":
        with refusal(SlbError, f"^WeightsWithoutEffect: w{finding}$"):
            task.run(wanted({"i-1": 0}), check_mode=True)
    else:
        task.run(wanted({"i-1": 0}), check_mode=True)
        assert task.result()["changed"] is True
        assert reported(task)[:3] == [50, 0, 50]
    warning = f"W{finding}. Check which server groups the listeners and rules use."
    assert task.warnings == ([warning] if check_listeners == "warn" else [])
    assert task.result().get("listeners") == (None if check_listeners == "off" else [])
    assert SET not in actions(large)
    assert weights_of(large) == [50] * 45


def test_busy_load_balancer_is_waited_for(slb: t.Any, open_client: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deadline, "time", time)
    monkeypatch.setattr(_deadline, "LONGEST_PAUSE", 0.1)
    slb.change_settings({"busy_seconds": 1})
    client = open_client(slb.url)
    new_task(client).run(wanted({"i-web1": 0}), check_mode=False)
    new_task(client).run(wanted({"i-web1": 100}), check_mode=False)
    assert [request.code for request in slb.requests if request.code] != []
    assert weights_of(slb)[0] == 100


def test_previous_has_the_shape_of_the_option(slb: t.Any, open_client: t.Any) -> None:
    client = open_client(slb.url)
    task = new_task(client)
    servers = [
        {"server_id": "eni-web3", "server_ip": "192.168.0.12", "weight": 0},
        {"server_id": "i-web2", "weight": 0},
    ]
    task.run(_requested.parse_requested(servers), check_mode=False)
    previous = task.result()["previous"]
    assert previous == [
        {"server_id": "eni-web3", "weight": 60, "type": "eni", "server_ip": "192.168.0.12"},
        {"server_id": "i-web2", "weight": 100, "type": "ecs"},
    ]
    new_task(client).run(_requested.parse_requested(previous), check_mode=False)
    assert weights_of(slb) == [100, 100, 60, 60]
