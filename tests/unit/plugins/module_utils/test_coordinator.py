# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rolling update: no update under traffic, no server forgotten, a true result."""

from __future__ import annotations

import re
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._context import ALREADY_OUT, recover_command
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINED,
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    UPDATED,
    UPDATING,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalUnusable, Run
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import (
    AS_THEY_WERE,
    ID,
    LIST,
    LISTENERS,
    READ,
    WRITE,
    Json,
    Session,
    Stage,
    full_disk,
)


@pytest.fixture
def session(stage: Stage) -> Session:
    return stage.session()


def failed(results: t.Iterable[Json]) -> list[bool]:
    return [bool(result.get("failed")) for result in results]


# A batch


def test_batch(stage: Stage, session: Session) -> None:
    hosts = ("web1", "web2", "web4")
    drained = session.drain(*hosts)
    assert stage.weights() == [0, 0, 3, 0, 40]
    assert failed(drained) == [False] * 3
    assert [result["changed"] for result in drained] == [True] * 3
    assert [[server["original_weight"] for server in result["servers"]] for result in drained] == [[100], [60], [40]]
    assert set(stage.states().values()) == {DRAINED}
    for host in hosts:
        assert session.host(host).prove()["changed"] is False
    assert set(stage.states().values()) == {UPDATING}
    for host in hosts:
        session.host(host).note_updated()
    assert set(stage.states().values()) == {UPDATED}
    restored = session.restore(*hosts)
    stage.assert_as_they_were()
    assert failed(restored) == [False] * 3
    assert [result["changed"] for result in restored] == [True] * 3
    assert set(stage.states().values()) == {RESTORED}
    journal = stage.folder.read(ID)
    assert journal
    assert journal.closed


def test_cost_of_a_batch(stage: Stage, session: Session) -> None:
    """Whatever the number of hosts."""
    hosts = ("web1", "web2", "web3", "web4", "web5")
    session.update(*hosts)
    assert stage.actions() == [READ, LIST, READ, WRITE, READ, LIST]
    stage.slb.clear()
    session.restore(*hosts)
    assert stage.actions() == [LISTENERS, "DescribeHealthStatus", READ, WRITE, READ]


def test_drain_without_a_check_or_a_batch(stage: Stage, session: Session) -> None:
    result = session.host("web1").drain(verify=True, check_listeners="off")
    assert (result["changed"], stage.weights()) == (True, [0, 60, 3, 40, 40])
    assert stage.actions() == [READ, LIST, WRITE, READ]
    assert session.host("web1").restore()["changed"] is True
    stage.assert_as_they_were()


def test_drain_twice_keeps_the_original_weight(stage: Stage, session: Session) -> None:
    session.drain("web1")
    (again,) = session.drain("web1")
    assert (again["changed"], again["servers"][0]["original_weight"]) == (False, 100)
    session.restore("web1")
    stage.assert_as_they_were()


def test_a_second_rolling_update_of_the_same_run(stage: Stage, session: Session) -> None:
    session.update("web1")
    session.restore("web1")
    session.play, session.id = "play 2", "second"
    session.update("web1")
    assert stage.weights()[0] == 0
    session.restore("web1")
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_a_second_rolling_update_takes_over_what_the_first_of_the_same_run_left(stage: Stage, session: Session) -> None:
    session.update("web1")
    session.play, session.id = "play 2", "second"
    session.update("web1")
    session.restore("web1")
    stage.assert_as_they_were()
    assert stage.open_entries() == []
    assert failed([session.keeper().check_closed(None)]) == [False]


def test_journal_is_written_before_the_members(stage: Stage, session: Session) -> None:
    """With the weights to go back to, and so that recover knows what a killed run may have sent."""
    stage.slb.add_fault({"action": WRITE, "times": 0, "kind": "error", "code": "Forbidden.RAM"})
    seen: list[dict[str, str]] = []
    record = session.bench.folder.write

    def write(journal: t.Any) -> None:
        record(journal)
        seen.append({entry.host: entry.state for entry in journal.entries})
        assert WRITE not in stage.actions() or len(seen) > 2

    session.bench.folder.write = write  # type: ignore[method-assign]
    session.drain("web1", "web2")
    assert seen[:2] == [{}, {"web1": DRAINING, "web2": DRAINING}]


# Check


def test_check_writes_nothing(stage: Stage, session: Session) -> None:
    host = session.host("web1", "lb-a", "lb-b")
    host.begin(30)
    assert host.check("fail")["changed"] is False
    stage.assert_as_they_were()
    assert stage.actions() == [READ, LIST, LISTENERS, READ, LIST, LISTENERS]
    assert stage.open_entries() == []
    (line,) = session.lines
    assert line.endswith(
        "this puts them back: ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5"
    )


def test_id_and_command_are_said_once_and_again_after_a_failure(stage: Stage, session: Session) -> None:
    path = Path(stage.folder.path, "notes.json")
    path.write_text("{")
    with refusal(JournalUnusable, "notes.json is damaged"):
        session.host("web1").begin(30)
    path.unlink()
    session.host("web2").begin(30)
    session.host("web1").begin(30)
    assert len(session.lines) == 1


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("web1", {"server_id": "i-9"}, "i-9 is not a member of lb-a"),
        ("web1", {"load_balancer_ids": ("lb-a", "lb-none")}, "lb-none"),
        ("web3", {"load_balancer_ids": ("lb-a", "lb-b")}, "i-3 is not a member of lb-b"),
        ("web4", {"server_ip": None}, "eni-4 is 2 members of lb-a: .* rolling_update_server_ip for web4"),
        ("web1", {"min_active": 5}, "4 of 5 members of lb-a would have a weight above 0"),
    ],
)
def test_check_refuses(stage: Stage, session: Session, name: str, options: Json, words: str) -> None:
    with refusal(SlbError) as caught:
        session.host(name, **options).check("off")
    assert re.search(words, caught.value.sentence())
    stage.assert_as_they_were()


def test_check_that_cannot_read_names_the_load_balancer(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "kind": "error", "code": "Forbidden.RAM", "skip": 1})
    with refusal(SlbError, "Forbidden.RAM") as caught:
        session.host("web1", "lb-a", "lb-b").check("off")
    assert caught.value.sentence().startswith("Forbidden.RAM: lb-b: ")


def test_check_reads_again_before_it_refuses(stage: Stage, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 0)
    session.host("web3", min_active=2).check("off")
    stage.slb.set_weight("lb-a", "i-1", 100)
    session.host("web2", min_active=4).check("off")
    assert stage.actions() == [READ, LIST, READ, LIST]


def test_two_hosts_with_one_member_are_found_before_the_drain(stage: Stage, session: Session) -> None:
    session.host("web1").check("off")
    with refusal(InvalidArgument, "web1 and web2 are the same member i-1 of lb-a"):
        session.host("web2", server_id="i-1").check("off")
    session.host("web4").check("off")
    session.host("web5").check("off")


def test_listeners_that_ignore_weights(stage: Stage, session: Session) -> None:
    stage.slb.add_fault(
        {
            "action": LISTENERS,
            "times": 2,
            "kind": "raw",
            "content_type": "application/json",
            "body": '{"RequestId": "1", "Listeners": [{"ListenerPort": 80, "ListenerProtocol": "http", "Scheduler": "rr"}]}',
        }
    )
    with refusal(SlbError, "listener http:80 schedules by rr"):
        session.host("web1").check("fail")
    session.host("web1").check("warn")
    session.host("web2").check("warn")
    assert len(session.warnings) == 1


# Members that are out already


def test_member_that_is_out_stays_out_and_is_named(stage: Stage, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 0)
    results = session.drain("web1", "web2")
    assert [result["already_out"] for result in results] == [["i-1 of lb-a"], []]
    assert any("web1: i-1 of lb-a was at weight 0 and no journal knows why" in line for line in session.warnings)
    for host in ("web1", "web2"):
        session.host(host).prove()
        session.host(host).note_updated()
    restored = session.restore("web1", "web2")
    assert failed(restored) == [False, False]
    assert [result["changed"] for result in restored] == [False, True]
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert session.shared.recall(ALREADY_OUT) == ["web1: i-1 of lb-a"]


def test_member_that_is_out_is_refused_if_asked_to(stage: Stage, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 0)
    with refusal(SlbError, "i-1 of lb-a is at weight 0 and no journal knows why"):
        session.host("web1", already_out="fail").check("off")


def test_member_that_goes_out_after_the_check_is_refused_if_asked_to(stage: Stage, session: Session) -> None:
    options: Json = {"already_out": "fail", "load_balancer_ids": ("lb-b", "lb-a")}
    for name in ("web1", "web2"):
        session.host(name, **options).check("off")
    stage.slb.set_weight("lb-a", "i-1", 0)
    results = [session.host(name, **options).drain(verify=False, check_listeners="off") for name in ("web1", "web2")]
    assert failed(results) == [True, False]
    assert "AlreadyOut: i-1 of lb-a is at weight 0" in results[0]["msg"]
    assert (stage.weights("lb-a"), stage.weights("lb-b")) == ([0, 0, 3, 40, 40], [30, 0])


# Take-over


@pytest.mark.parametrize("rolling_update_id", [ID, "web-1.6"])
@pytest.mark.parametrize("stop_at", ["drained", "proven", "updated", "ramp"])
def test_take_over_after_a_failure(stage: Stage, rolling_update_id: str, stop_at: str) -> None:
    """The same id or another one, wherever the first run ended: the original weight is not lost."""
    first, second = stage.session(), stage.session()
    if stop_at == "drained":
        first.drain("web1")
    elif stop_at == "proven":
        first.drain("web1")
        first.host("web1").prove()
    else:
        first.update("web1")
    if stop_at == "ramp":
        stage.slb.add_fault({"action": WRITE, "skip": 1, "kind": "error", "code": "Forbidden.RAM"})
        assert failed(first.restore("web1", ramp=(10,))) == [True]
        assert stage.weights()[0] == 10
    second.id = rolling_update_id
    (drained,) = second.drain("web1")
    assert drained["servers"][0]["original_weight"] == 100
    assert any("is taken over and goes back to 100" in warning for warning in second.warnings)
    assert stage.weights()[0] == 0
    second.host("web1").prove()
    second.host("web1").note_updated()
    assert failed(second.restore("web1")) == [False]
    stage.assert_as_they_were()
    assert stage.open_entries() == []
    assert stage.session().recover(None)["changed"] is False


def test_take_over_by_a_third_run(stage: Stage) -> None:
    for number in range(3):
        session = stage.session()
        session.id = f"web-{number}"
        session.drain("web1")
        assert [(entry.original, entry.run) for entry in stage.open_entries()] == [(100, str(session.run))]
    session.restore("web1")
    stage.assert_as_they_were()


def test_a_failure_after_a_take_over_does_not_put_a_half_updated_server_back(stage: Stage) -> None:
    first, second = stage.session(), stage.session()
    first.drain("web1", load_balancer_ids=("lb-a",))
    first.host("web1").prove()
    # web3 is not a member of lb-b: its drain fails, after the one from lb-a.
    (result,) = [second.host("web1", "lb-a", "lb-b", server_id="i-1").drain(verify=False, check_listeners="off")][:1]
    assert not result.get("failed")
    assert second.host("web1", "lb-a", "lb-b").account("it failed", "keep_drained", False)["failed"]
    assert (stage.weights("lb-a")[0], stage.weights("lb-b")[0]) == (0, 30)
    assert [(entry.load_balancer_id, entry.state) for entry in stage.open_entries()] == [("lb-a", UPDATING)]


def test_drain_that_fails_elsewhere_keeps_a_half_updated_server_out_and_says_so(stage: Stage) -> None:
    first, second = stage.session(), stage.session()
    first.drain("web1")
    first.host("web1").prove()
    stage.slb.add_fault({"action": WRITE, "kind": "error", "code": "Forbidden.RAM"})  # of lb-b
    (result,) = second.drain("web1", load_balancer_ids=("lb-a", "lb-b"))
    assert result["failed"]
    assert stage.weights()[0] == 0
    assert "Still out of traffic: web1 (i-1 of lb-a, goes back to 100)" in result["msg"]
    assert [server["load_balancer_id"] for server in result["servers"]] == ["lb-a"]
    assert stage.weights("lb-b") == [30, 100]


def test_weight_that_someone_has_set_since_the_failure_is_the_one_to_go_back_to(stage: Stage) -> None:
    first, second = stage.session(), stage.session()
    first.drain("web1")
    stage.slb.set_weight("lb-a", "i-1", 20)
    second.id = "web-1.6"
    (result,) = second.drain("web1")
    assert result["servers"][0]["original_weight"] == 20
    assert "someone else changed it, so it goes back to 20" in " ".join(second.warnings)
    assert stage.states(ID) == {"web1": LEFT_ALONE}
    second.restore("web1")
    assert stage.weights()[0] == 20


# Two runs at once


@pytest.mark.parametrize("rolling_update_id", [ID, "web-1.6"])
def test_members_of_a_run_that_goes_on_are_respected(stage: Stage, rolling_update_id: str) -> None:
    first, second = stage.session(is_running=True), stage.session()
    first.drain("web1")
    second.id = rolling_update_id
    with refusal(SlbError) as caught:
        second.host("web1").check("off")
    assert "i-1 of lb-a is being updated by rolling update web-1.5" in caught.value.sentence()
    result = second.host("web1").drain(verify=False, check_listeners="off")
    assert result["failed"]
    assert failed(second.drain("web2")) == [False]
    (entry,) = [entry for entry in stage.open_entries() if entry.host == "web1"]
    assert entry.run == str(first.run)
    first.host("web1").prove()


def test_min_active_of_two_runs(stage: Stage) -> None:
    """Each has left enough members in traffic, and together too few: no update begins, and both are put back."""
    first, second = stage.session(is_running=True), stage.session()
    second.id = "web-1.6"
    group = stage.slb.members("lb-a")
    for session, name in ((first, "web1"), (second, "web2")):
        session.host(name, min_active=4).check("off")
    stage.slb.add_fault({"action": READ, "kind": "stale_read", "skip": 1})
    assert failed([first.host("web1", min_active=4).drain(verify=False, check_listeners="off")]) == [False]
    assert failed([second.host("web2", min_active=4).drain(verify=False, check_listeners="off")]) == [False]
    assert len([weight for weight in stage.weights() if weight]) == len(group) - 2
    for session, name in ((first, "web1"), (second, "web2")):
        with refusal(SlbError, "another job drained members of lb-a at the same time: 3 are left in traffic"):
            session.host(name, min_active=4).prove()
    for session, name in ((first, "web1"), (second, "web2")):
        assert session.host(name, min_active=4).account("min_active", "keep_drained", False)["failed"]
    stage.assert_as_they_were()
    assert stage.open_entries() == []


# Hosts by themselves


def test_each_host_fails_by_itself(stage: Stage, session: Session) -> None:
    session.host("web1").check("off")
    session.host("web2").check("off")
    stage.slb.add_fault({"action": READ, "kind": "edit", "edits": [{"server_id": "i-1", "remove": True}]})
    results = [session.host(name).drain(verify=False, check_listeners="off") for name in ("web1", "web2")]
    assert failed(results) == [True, False]
    assert results[0]["msg"].startswith("web1: UnknownMember: i-1 is not a member of lb-a")
    assert stage.weights() == [0, 3, 40, 40]


def test_host_that_cannot_be_drained_everywhere_is_drained_nowhere(stage: Stage, session: Session) -> None:
    for name in ("web1", "web2"):
        session.host(name, "lb-a", "lb-b").check("off")
    stage.slb.add_fault({"action": WRITE, "skip": 1, "kind": "error", "code": "Forbidden.RAM"})
    results = [
        session.host(name, "lb-a", "lb-b").drain(verify=False, check_listeners="off") for name in ("web1", "web2")
    ]
    assert failed(results) == [True, True]
    assert [result["changed"] for result in results] == [False, False]
    assert all("lb-b: Forbidden.RAM" in result["msg"] for result in results)
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_host_that_cannot_be_put_back_after_a_failed_drain_is_named(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": WRITE, "skip": 1, "times": 0, "kind": "error", "code": "Forbidden.RAM"})
    (result,) = session.drain("web1", load_balancer_ids=("lb-a", "lb-b"))
    assert (result["failed"], result["changed"]) == (True, True)
    assert [server["load_balancer_id"] for server in result["servers"]] == ["lb-a"]
    assert "Still out of traffic: web1 (i-1 of lb-a, goes back to 100)" in result["msg"]
    assert "recover -e rolling_update_id=web-1.5" in result["msg"]
    assert [entry.load_balancer_id for entry in stage.open_entries()] == ["lb-a"]


def test_write_that_never_got_a_response_is_waited_for(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    """It lands while the run believes that nothing was changed."""
    stage.slb.add_fault({"action": WRITE, "times": 0, "kind": "cut_before"})
    sleep, landed = no_waiting.sleep, []

    def land() -> None:
        landed.append(True)
        stage.slb.clear()
        stage.slb.set_weight("lb-a", "i-1", 0)

    def land_late(seconds: float) -> None:
        sleep(seconds)
        if not landed and session.lines[-1].startswith("Waiting 10 s for a write that got no response"):
            land()

    no_waiting.sleep = land_late
    (result,) = session.drain("web1")
    if not landed:
        land()
    assert result["failed"]
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_refused_min_active_drains_no_one(stage: Stage, session: Session) -> None:
    results = session.drain("web1", "web2", min_active=4)
    assert failed(results) == [True, True]
    assert all("3 of 5 members would have a weight above 0, but min_active is 4" in result["msg"] for result in results)
    stage.assert_as_they_were()


# What hosts do for each other


def test_host_that_asks_for_something_else_meanwhile_does_its_own_work(stage: Stage, session: Session) -> None:
    session.host("web1").check("off")
    session.host("web2").check("off")
    session.host("web1").drain(verify=False, check_listeners="off")
    session.host("web2", server_id="i-3").drain(verify=False, check_listeners="off")
    assert stage.weights() == [0, 0, 0, 40, 40]
    session.host("web2", server_id="i-3").prove()
    assert failed(session.restore("web1", "web2")) == [False, False]
    stage.assert_as_they_were()


@pytest.mark.parametrize("step", ["check", "drain"])
def test_host_that_names_the_server_of_another(stage: Stage, session: Session, step: str) -> None:
    def begin(name: str, address: str, **options: t.Any) -> None:
        host = session.host(name, address=address, **options)
        host.check("off") if step == "check" else host.drain(verify=False, check_listeners="off")

    begin("web1", "10.0.0.1")
    begin("web1", "10.0.0.1")
    session.batch = ("web2", "web3")
    with refusal(InvalidArgument, "web1 and web2 are the same member i-1 of lb-a"):
        begin("web2", "10.0.0.2", server_id="i-1")
    begin("web2", "10.0.0.2")
    session.restore("web1", "web2")
    session.batch = ("web3",)
    begin("web3", "10.0.0.1", server_id="i-1")
    with refusal(InvalidArgument, "web9 and web3 are the same member i-3 of lb-a"):
        begin("web3", "10.0.0.3", twins=("web9",))
    session.restore("web3")
    session.play = "another"
    begin("web3", "10.0.0.3", server_id="i-2")


def test_server_that_another_host_has_taken_out(stage: Stage, session: Session) -> None:
    """Two hosts of one batch may be parts of one server. The first restore would put it back under the update of the other."""
    session.host("web1", address="10.0.0.1").drain(verify=True, check_listeners="off")
    part = session.host("web3", address="10.0.0.1", server_id="i-1")
    with refusal(InvalidArgument, "web1 and web3 are the same member i-1 of lb-a"):
        part.drain(verify=True, check_listeners="off")
    session.restore("web1")
    assert not part.drain(verify=True, check_listeners="off").get("failed")


def test_update_begins_with_a_drain_that_verifies_itself(stage: Stage, session: Session) -> None:
    host = session.host("web1")
    assert host.begin_update(host.drain(verify=True, check_listeners="off"))["changed"]
    assert set(stage.states().values()) == {UPDATING}
    assert "It stays out of traffic" in host.account("the update failed", "keep_drained", False)["msg"]
    assert stage.weights()[0] == 0


def test_drain_that_is_undone(stage: Stage, session: Session) -> None:
    host = session.host("web1")
    host.drain(verify=True, check_listeners="off")
    result = host.undo_drain(SlbError("ConnectionsLeft", "3 connections are left"))
    assert (result["failed"], result["changed"], result["servers"]) == (True, False, [])
    assert result["msg"] == "web1: ConnectionsLeft: 3 connections are left. Its weights are as they were."
    stage.assert_as_they_were()


def test_drain_whose_update_cannot_be_noted_is_undone(stage: Stage, session: Session) -> None:
    host = session.host("web1")
    outcome = host.drain(verify=True, check_listeners="off")
    with full_disk():
        with pytest.raises(JournalUnusable) as caught:
            host.begin_update(outcome)
        assert host.undo_drain(caught.value)["servers"] == []
    stage.assert_as_they_were()


def test_drain_that_cannot_be_undone(stage: Stage, session: Session) -> None:
    host = session.host("web1")
    host.begin_update(host.drain(verify=True, check_listeners="off"))
    result = host.undo_drain(SlbError("ConnectionsLeft", "3 connections are left"))
    assert (result["failed"], result["changed"]) == (True, True)
    assert [row["server_id"] for row in result["servers"]] == ["i-1"]
    assert "It stays out of traffic: web1 (i-1 of lb-a, goes back to 100)." in result["msg"]


def test_takeover_is_a_change(stage: Stage, session: Session) -> None:
    """A task that puts back what was drained here may depend on it."""
    session.drain("web1")
    (result,) = stage.session().drain("web1")
    assert result["changed"]


def test_restore_of_a_host_that_nothing_was_to_drain(stage: Stage, session: Session) -> None:
    session.restore("web1")
    assert "No task of this run was to take web1 out of traffic" in " ".join(session.warnings)


def test_whether_the_update_of_a_host_has_begun(session: Session) -> None:
    begun = []
    session.drain("web1")
    begun.append(session.host("web1").update_has_begun())
    session.host("web1").prove()
    begun.append(session.host("web1").update_has_begun())
    session.restore("web1")
    begun.append(session.host("web1").update_has_begun())
    assert begun == [False, True, False]


def test_host_that_acts_for_several_servers(stage: Stage, session: Session) -> None:
    first, second = ({"server_id": name, "names_server": True} for name in ("i-1", "i-2"))
    session.update("web1", **first)
    session.drain("web1", **second)
    assert stage.weights() == [0, 0, 3, 40, 40]
    assert {entry.server_id: entry.state for entry in stage.open_entries()} == {"i-1": "updated", "i-2": "drained"}
    assert failed(session.restore("web1", **second)) == [False]
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert failed(session.restore("web1", server_id="i-9", names_server=True)) == [False]
    stage.assert_as_they_were()


def test_host_that_has_failed_after_its_check_keeps_its_traffic(stage: Stage, session: Session) -> None:
    session.host("web1").check("off")
    session.host("web2").check("off")
    session.batch = ("web1", "web3")
    session.host("web1").drain(verify=False, check_listeners="off")
    assert stage.weights() == [0, 60, 3, 40, 40]


def test_host_that_announced_itself_and_never_came_is_put_back(stage: Stage, session: Session) -> None:
    session.host("web2").check("off")
    session.update("web1")
    assert stage.weights() == [0, 0, 3, 40, 40]
    assert failed(session.restore("web1")) == [False]
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_host_that_never_came_is_put_back_also_if_the_others_fail(stage: Stage, session: Session) -> None:
    session.host("web2").check("off")
    session.drain("web1")
    session.host("web1").prove()
    assert session.host("web1").account("the update failed", "keep_drained", False)["failed"]
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert [entry.host for entry in stage.open_entries()] == ["web1"]


def test_host_that_comes_late_is_drained_again(stage: Stage, session: Session) -> None:
    """With a strategy under which hosts do not wait for each other."""
    session.host("web2").check("off")
    session.update("web1")
    session.restore("web1")
    stage.assert_as_they_were()
    assert session.host("web2").drain(verify=False, check_listeners="off")["changed"] is True
    session.host("web2").prove()
    assert stage.weights() == [100, 0, 3, 40, 40]


def test_host_that_is_still_being_updated_is_not_put_back_by_another_one(stage: Stage, session: Session) -> None:
    session.drain("web1", "web2")
    for name in ("web1", "web2"):
        session.host(name).prove()
    session.host("web1").note_updated()
    session.restore("web1")
    assert stage.weights() == [100, 0, 3, 40, 40]
    session.host("web2").note_updated()
    assert session.restore("web2")[0]["changed"] is True
    stage.assert_as_they_were()


def test_announcement_of_an_earlier_play_drains_no_one(stage: Stage, session: Session) -> None:
    session.host("web2").check("off")
    session.play = "play 2"
    session.drain("web1")
    assert stage.weights() == [0, 60, 3, 40, 40]


# Proof


@pytest.mark.parametrize("weight", [1, 100])
def test_someone_else_after_the_drain(stage: Stage, session: Session, weight: int) -> None:
    session.drain("web1")
    stage.slb.set_weight("lb-a", "i-1", weight)
    with refusal(SlbError, f"its update does not begin: i-1 of lb-a has weight {weight}, not 0"):
        session.host("web1").prove()
    result = session.host("web1").account("not drained", "keep_drained", False)
    assert result["failed"]
    assert stage.weights()[0] == weight
    assert ("i-1 of lb-a has weight 1: someone else changed it" in result["msg"]) is (weight == 1)
    assert stage.open_entries() == []


def test_proof_without_a_drain(stage: Stage, session: Session) -> None:
    with refusal(SlbError, "its update does not begin: i-1 of lb-a has weight 100"):
        session.host("web1").prove()
    assert stage.folder.read(ID) is None


def test_proof_is_for_every_load_balancer(stage: Stage, session: Session) -> None:
    session.drain("web1", load_balancer_ids=("lb-a", "lb-b"))
    stage.slb.set_weight("lb-b", "i-1", 30)
    with refusal(SlbError, "i-1 of lb-b has weight 30"):
        session.host("web1", "lb-a", "lb-b").prove()


def test_proof_that_cannot_be_read(stage: Stage, session: Session) -> None:
    session.drain("web1")
    stage.slb.add_fault({"action": READ, "kind": "error", "code": "Forbidden.RAM"})
    with refusal(SlbError, "Forbidden.RAM"):
        session.host("web1").prove()
    assert stage.states() == {"web1": DRAINED}


def test_proof_of_another_host_gets_old(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    session.drain("web1", "web2")
    session.host("web1").prove()
    stage.slb.set_weight("lb-a", "i-2", 60)
    no_waiting.sleep(5.0)
    with refusal(SlbError, "i-2 of lb-a has weight 60"):
        session.host("web2").prove()


def test_proof_of_another_host_is_no_reason_to_fail(stage: Stage, session: Session) -> None:
    """It was read before this one was drained."""
    session.drain("web1")
    session.host("web1").prove()
    session.drain("web2")
    stale = session.shared.recall("proof connection lb-a")
    assert stale is None
    session.shared.remember("proof connection lb-a", {"at": time.time(), "members": [["i-2", 60]]})
    session.host("web2").prove()


def test_proof_from_the_future_proves_nothing(stage: Stage, session: Session) -> None:
    """The clock was set back."""
    session.drain("web1")
    session.host("web1").prove()
    kept = session.shared.recall("proof connection lb-a")
    session.shared.remember("proof connection lb-a", {**kept, "at": time.time() + 3600})
    stage.slb.set_weight("lb-a", "i-1", 100)
    with refusal(SlbError, "has weight 100"):
        session.host("web1").prove()


@pytest.mark.parametrize("step", ["restore", "account"])
def test_proof_ends_when_weights_change(stage: Stage, session: Session, step: str) -> None:
    session.drain("web1")
    session.host("web1").prove()
    if step == "restore":
        session.restore("web1")
    else:
        session.host("web1").account("it failed", "restore", False)
    stage.assert_as_they_were()
    with refusal(SlbError, "has weight 100"):
        session.host("web1").prove()


def test_proof_needs_a_journal_that_can_be_written(stage: Stage, session: Session) -> None:
    session.drain("web1")
    with full_disk(), refusal(JournalUnusable, "no journal can be written"):
        session.host("web1").prove()
    assert session.host("web1").account("no journal", "keep_drained", False)["failed"]
    stage.assert_as_they_were()


# Restore


def test_someone_else_before_the_restore(stage: Stage, session: Session) -> None:
    session.update("web1", "web2")
    stage.slb.set_weight("lb-a", "i-1", 70)
    results = session.restore("web1", "web2")
    assert failed(results) == [True, False]
    assert "web1: i-1 of lb-a has weight 70: someone else changed it" in results[0]["msg"]
    assert [result["changed"] for result in results] == [False, True]
    assert stage.weights() == [70, 60, 3, 40, 40]
    assert stage.states() == {"web1": LEFT_ALONE, "web2": RESTORED}


def test_someone_else_puts_a_server_back_during_its_update(stage: Stage, session: Session) -> None:
    """It has got traffic in mid-update, and whoever did that may do so again."""
    session.update("web1", "web2")
    stage.slb.set_weight("lb-a", "i-1", 100)
    results = session.restore("web1", "web2")
    assert failed(results) == [True, False]
    assert "someone else changed it while web1 was being updated" in results[0]["msg"]
    assert [result["changed"] for result in results] == [False, True]
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_stale_read_at_the_restore_forgets_no_server(stage: Stage, session: Session) -> None:
    session.update("web1")
    stage.slb.add_fault({"action": READ, "kind": "stale_read"})
    assert failed(session.restore("web1")) == [False]
    stage.assert_as_they_were()


def test_unhealthy_server_is_named_and_stays_out(stage: Stage, session: Session) -> None:
    session.update("web1", "web2")
    stage.set_health("i-2", "abnormal")
    results = session.restore("web1", "web2")
    assert failed(results) == [False, True]
    assert "i-2 of lb-a is abnormal on listener http:80" in results[1]["msg"]
    assert "Still out of traffic: web2 (i-2 of lb-a, goes back to 60)" in results[1]["msg"]
    assert stage.weights() == [100, 0, 3, 40, 40]
    assert [entry.host for entry in stage.open_entries()] == ["web2"]


def test_restore_that_fails_says_how_to_recover(stage: Stage, session: Session) -> None:
    session.update("web1")
    stage.slb.add_fault({"action": WRITE, "kind": "error", "code": "Forbidden.RAM"})
    (result,) = session.restore("web1")
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"].endswith("recover -e rolling_update_id=web-1.5")
    assert len(stage.open_entries()) == 1


def test_full_disk_after_the_drain(stage: Stage, session: Session) -> None:
    session.update("web1", "web2")
    session.warnings.clear()
    with full_disk():
        results = session.restore("web1", "web2")
    assert failed(results) == [False, False]
    stage.assert_as_they_were()
    assert "this is the state now: web1 (i-1 of lb-a, goes back to 100): restored" in " ".join(session.warnings)


def test_full_disk_before_the_drain(stage: Stage, session: Session) -> None:
    with full_disk(), refusal(JournalUnusable, "can be written"):
        session.host("web1").begin(30)
    with full_disk():
        result = session.host("web1").drain(verify=False, check_listeners="off")
    assert result["failed"]
    assert "no journal can be written" in result["msg"]
    stage.assert_as_they_were()


def test_hosts_that_can_leave_nothing_for_each_other_are_not_drained(stage: Stage, session: Session) -> None:
    """Without an id of the user's, each task would make up another one, and the restore would find nothing to do."""
    Path(stage.scratch.path, f".run-{session.run}.json").mkdir()
    with refusal(JournalUnusable, f"no file can be written in {stage.scratch.path}"):
        session.host("web1").begin(30)
    assert session.lines == []


def test_disk_that_gets_full_between_two_load_balancers(stage: Stage, session: Session) -> None:
    write, count = stage.folder.write, []

    def write_once(journal: t.Any) -> None:
        count.append(journal)
        if len(count) > 2:
            with full_disk():
                write(journal)
        write(journal)

    stage.folder.write = write_once  # type: ignore[method-assign]
    result = session.host("web1", "lb-a", "lb-b").drain(verify=False, check_listeners="off")
    assert result["failed"]
    stage.assert_as_they_were()


def test_folder_that_cannot_be_locked_any_more(stage: Stage, session: Session) -> None:
    """As on a file system that has become read-only."""
    session.update("web1")
    for name in (".lock",):
        path = Path(stage.folder.path, name)
        path.unlink(missing_ok=True)
        path.mkdir()
    (result,) = session.restore("web1")
    assert not result.get("failed")
    stage.assert_as_they_were()
    assert session.warnings[-1].endswith("this is the state now: web1 (i-1 of lb-a, goes back to 100): restored")


def test_journal_that_cannot_be_read_any_more_is_not_taken_for_none(stage: Stage, session: Session) -> None:
    session.update("web1")
    Path(stage.folder.path_of(ID)).write_text("{")
    with refusal(JournalUnusable, "is damaged"):
        session.host("web1").restore()


# Accounting for a failure


@pytest.mark.parametrize(
    ("step", "on_failure", "weight"),
    [
        ("drained", "keep_drained", 100),
        ("proven", "keep_drained", 0),
        ("updated", "keep_drained", 0),
        ("proven", "restore", 100),
        ("updated", "restore", 100),
    ],
)
def test_failure(stage: Stage, session: Session, step: str, on_failure: str, weight: int) -> None:
    session.drain("web1")
    if step != "drained":
        session.host("web1").prove()
    if step == "updated":
        session.host("web1").note_updated()
    result = session.host("web1").account("Copy files: no space", on_failure, False)
    assert result["failed"]
    assert result["changed"] is bool(weight)
    assert result["msg"].startswith("web1 failed (Copy files: no space).")
    assert stage.weights() == [weight, *AS_THEY_WERE["lb-a"][1:]]
    assert ("It stays out of traffic: web1 (i-1 of lb-a, goes back to 100)" in result["msg"]) is (not weight)
    assert ("Its weights are as they were." in result["msg"]) is bool(weight)
    assert len(stage.open_entries()) == (0 if weight else 1)


def test_failure_in_front_of_the_drain(stage: Stage, session: Session) -> None:
    result = session.host("web1").account("no such file", "restore", True)
    assert (result["failed"], result["changed"]) == (True, False)
    assert result["msg"] == "web1 failed (no such file). Its weights are as they were."
    assert stage.actions() == []


def test_next_batch_stops_after_a_failure(stage: Stage, session: Session) -> None:
    session.batch = ("web1",)
    session.update("web1")
    session.batch = ("web2", "web3")
    results = [session.host(name).check("off") for name in session.batch]
    assert [(result["stopped"], result["failed"]) for result in results] == [(True, True), (True, False)]
    assert "web1 (i-1 of lb-a, goes back to 100) did not come back" in results[0]["msg"]
    assert stage.weights() == [0, 60, 3, 40, 40]


# Check mode


def test_check_mode(stage: Stage) -> None:
    session = stage.session(check_mode=True)
    drained = session.drain("web1", "web2")
    assert [result["changed"] for result in drained] == [True, True]
    assert session.lines[-1].startswith("Check mode: would set lb-a: i-1 100 -> 0, i-2 60 -> 0; 3 of 5 members")
    host = session.host("web1")
    host.prove()
    host.note_updated()
    assert (host.restore()["changed"], host.restore()["changed"]) == (False, False)
    assert host.account("it failed", "restore", False)["failed"]
    stage.assert_as_they_were()
    assert WRITE not in stage.actions()
    assert stage.folder.read_all() == []


# What a job hands on


def handed_on(result: Json) -> list[tuple[str, str]]:
    """The host and the state of each entry in the record for the next job."""
    record = result["ansible_stats"]["data"]["rolling_update_record"]
    return [(row["host"], row["state"]) for row in record["entries"]]


def test_record_while_the_updates_of_a_batch_begin(stage: Stage, session: Session) -> None:
    """Ansible keeps that of the result that comes last, which may be the first that was made."""
    results = session.drain("web1", "web2")
    assert handed_on(results[0]) == [("web1", DRAINED), ("web2", DRAINED)]
    assert handed_on(session.host("web1").prove()) == [("web1", UPDATING), ("web2", UPDATING)]
    assert stage.states() == {"web1": UPDATING, "web2": DRAINED}


def test_record_of_check_mode_does_not_say_that_an_update_has_not_begun(stage: Stage) -> None:
    results = stage.session(check_mode=True).drain("web1", "web2")
    assert handed_on(results[0]) == [("web1", UPDATING), ("web2", UPDATING)]


# Runs that end


def test_run_that_ends_during_the_drain_sends_nothing_more(stage: Stage, session: Session) -> None:
    session.host("web1").check("off")
    session.is_alive = False
    result = session.host("web1").drain(verify=False, check_listeners="off")
    assert result["failed"]
    assert "RunEnded" in result["msg"]
    stage.assert_as_they_were()


def test_own_run_is_not_another_one(stage: Stage) -> None:
    session = stage.session(is_running=True)
    assert session.run == Run.of_process(session.run.pid)
    session.update("web1")
    assert failed(session.restore("web1")) == [False]


# The command that recovers


def test_command_of_a_plain_id_is_plain() -> None:
    command = "ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5"
    assert recover_command("web-1.5", None) == command
    assert recover_command("web-1.5", "/srv/j") == f"{command} -e rolling_update_record_dir=/srv/j"


@pytest.mark.parametrize(("checked", "listeners", "looks"), [(True, "fail", 1), (False, "fail", 1), (False, "off", 0)])
def test_drain_looks_at_the_listeners_of_a_host_that_was_not_checked(
    stage: Stage, session: Session, checked: bool, listeners: str, looks: int
) -> None:
    if checked:
        session.host("web1").check("fail")
    assert not failed([session.host("web1").drain(verify=False, check_listeners=listeners)])[0]
    assert stage.actions().count(LISTENERS) == looks
