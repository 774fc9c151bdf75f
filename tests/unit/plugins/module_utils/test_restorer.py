# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting members back: ramps, health, and what the journal and the outcome say when something goes wrong."""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINED,
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    RESTORING,
    UPDATED,
    Entry,
    KnownEntry,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._health_wait import HealthWait
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalUnusable, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._restorer import Outcome, Restorer
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import read_routes
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import (
    HEALTH,
    ID,
    READ,
    WRITE,
    Session,
    Stage,
    full_disk,
)


@pytest.fixture
def session(stage: Stage) -> Session:
    """A run that has drained web1 (100), web2 (60) and web3 (3)."""
    session = stage.session()
    session.update("web1", "web2", "web3")
    stage.slb.clear()
    session.lines.clear()
    return session


def restore(session: Session, *steps: int, before_step: t.Any = None) -> tuple[Outcome, Restorer]:
    journal = session.bench.folder.read(ID)
    assert journal
    restorer = Restorer(session.bench, ID)
    return restorer.restore(journal.open_entries, (*steps, 100), 30.0, before_step), restorer


def hosts(rows: t.Mapping[t.Any, t.Any], session: Session) -> list[str]:
    journal = session.bench.folder.read(ID)
    assert journal
    return [entry.host for entry in journal.entries if entry.key in rows]


def assert_outcome(
    session: Session,
    outcome: Outcome,
    back: t.Sequence[str],
    left_alone: t.Sequence[str] = (),
    failed: t.Sequence[str] = (),
) -> None:
    found = [hosts(rows, session) for rows in (outcome.back, outcome.left_alone, outcome.failed)]
    assert found == [list(back), list(left_alone), list(failed)]


def test_restore(stage: Stage, session: Session) -> None:
    outcome, restorer = restore(session)
    stage.assert_as_they_were()
    assert stage.actions() == [READ, WRITE, READ]
    assert_outcome(session, outcome, ["web1", "web2", "web3"])
    assert restorer.changed
    assert set(stage.states().values()) == {RESTORED}
    assert session.lines == ["lb-a: i-1 0 -> 100, i-2 0 -> 60, i-3 0 -> 3; 5 of 5 members in traffic"]


def test_ramp(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    outcome, _restorer = restore(session, 10, 50)
    assert stage.written() == [
        {"i-1": 10, "i-2": 6, "i-3": 1},
        {"i-1": 50, "i-2": 30, "i-3": 2},
        {"i-1": 100, "i-2": 60, "i-3": 3},
    ]
    assert_outcome(session, outcome, ["web1", "web2", "web3"])
    assert stage.entries()["web1"].written == (0, 10, 50, 100)
    assert session.lines.count("Waiting 30 s before the next step of the ramp") == 2
    assert session.lines.count("20 s left") == session.lines.count("10 s left") == 2
    assert sum(no_waiting.pauses) > 59


@pytest.mark.parametrize("weight", [0, 70])
def test_someone_else_during_a_ramp(stage: Stage, session: Session, weight: int) -> None:
    """Someone who sees a server fail during its ramp takes it out by hand: it stays out."""
    edit = {"server_id": "i-1", "weight": weight}
    stage.slb.add_fault({"action": READ, "skip": 1, "kind": "edit", "edits": [edit]})
    outcome, _restorer = restore(session, 50)
    assert stage.weights() == [weight, 60, 3, 40, 40]
    assert_outcome(session, outcome, ["web2", "web3"], left_alone=["web1"])
    assert f"i-1 of lb-a has weight {weight}: someone else changed it" in " ".join(outcome.left_alone.values())
    assert stage.states()["web1"] == LEFT_ALONE


def test_someone_else_puts_a_server_back_during_a_ramp(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "skip": 1, "kind": "edit", "edits": [{"server_id": "i-1", "weight": 100}]})
    outcome, _restorer = restore(session, 50)
    stage.assert_as_they_were()
    assert_outcome(session, outcome, ["web1", "web2", "web3"])


@pytest.mark.parametrize("weight", [1, 99])
def test_someone_else_before_the_restore(stage: Stage, session: Session, weight: int) -> None:
    stage.slb.set_weight("lb-a", "i-2", weight)
    outcome, _restorer = restore(session)
    assert stage.weights() == [100, weight, 3, 40, 40]
    assert_outcome(session, outcome, ["web1", "web3"], left_alone=["web2"])


def test_server_that_is_no_longer_a_member(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "kind": "edit", "edits": [{"server_id": "i-2", "remove": True}]})
    outcome, _restorer = restore(session)
    assert_outcome(session, outcome, ["web1", "web3"], left_alone=["web2"])
    assert "i-2 of lb-a is no longer a member" in " ".join(outcome.left_alone.values())


def test_what_is_back_already_counts_as_back_and_not_as_changed(stage: Stage, session: Session) -> None:
    for server_id, weight in (("i-1", 100), ("i-2", 60), ("i-3", 3)):
        stage.slb.set_weight("lb-a", server_id, weight)
    outcome, restorer = restore(session)
    assert_outcome(session, outcome, ["web1", "web2", "web3"])
    assert (outcome.changed, restorer.changed) == (set(), False)
    assert WRITE not in stage.actions()
    assert set(stage.states().values()) == {RESTORED}


@pytest.mark.parametrize("steps", [(), (50,)])
def test_stale_read_forgets_no_server(stage: Stage, session: Session, steps: tuple[int, ...]) -> None:
    """It shows the weights from before the drain, as if all were back."""
    stage.slb.add_fault({"action": READ, "kind": "stale_read"})
    outcome, _restorer = restore(session, *steps)
    stage.assert_as_they_were()
    assert_outcome(session, outcome, ["web1", "web2", "web3"])
    assert len(outcome.changed) == 3


def test_stale_read_in_a_ramp_is_not_someone_else(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "skip": 1, "kind": "stale_read"})
    outcome, _restorer = restore(session, 50)
    stage.assert_as_they_were()
    assert_outcome(session, outcome, ["web1", "web2", "web3"])


# Failures


@pytest.mark.parametrize("action", [READ, WRITE])
def test_refused_call_leaves_the_journal_open(stage: Stage, session: Session, action: str) -> None:
    stage.slb.add_fault({"action": action, "kind": "error", "code": "Forbidden.RAM"})
    outcome, restorer = restore(session)
    assert stage.weights() == [0, 0, 0, 40, 40]
    assert_outcome(session, outcome, [], failed=["web1", "web2", "web3"])
    assert all(reason.startswith("Forbidden.RAM: ") for reason in outcome.failed.values())
    assert not restorer.changed
    assert len(stage.open_entries()) == 3
    assert_outcome(session, restore(session)[0], ["web1", "web2", "web3"])


def test_client_that_cannot_be_made_fails_the_entries(stage: Stage, session: Session) -> None:
    def client_for(_region: str) -> t.Any:
        raise SlbError("CredentialsUnobtainable", "no keys")

    session.bench = session.bench._replace(client_for=client_for)
    outcome, _restorer = restore(session)
    assert_outcome(session, outcome, [], failed=["web1", "web2", "web3"])
    assert set(outcome.failed.values()) == {"CredentialsUnobtainable: no keys."}


def test_failure_of_one_step_ends_the_ramp(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": WRITE, "skip": 1, "kind": "error", "code": "Forbidden.RAM"})
    outcome, restorer = restore(session, 10, 50)
    assert stage.weights() == [10, 6, 1, 40, 40]
    assert_outcome(session, outcome, [], failed=["web1", "web2", "web3"])
    assert restorer.changed
    assert {entry.state for entry in stage.open_entries()} == {RESTORING}
    assert_outcome(session, restore(session)[0], ["web1", "web2", "web3"])
    stage.assert_as_they_were()


def test_failure_after_the_write_is_told_by_what_is_in_effect(stage: Stage, session: Session) -> None:
    """Someone else changes one member while the others are verified."""
    stage.slb.add_fault({"action": READ, "skip": 1, "kind": "edit", "edits": [{"server_id": "i-1", "weight": 70}]})
    outcome, restorer = restore(session)
    assert stage.weights() == [70, 60, 3, 40, 40]
    assert_outcome(session, outcome, ["web2", "web3"], left_alone=["web1"])
    assert restorer.changed
    assert stage.states() == {"web1": LEFT_ALONE, "web2": RESTORED, "web3": RESTORED}


@pytest.mark.parametrize("kind", ["cut_after", "cut_before"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_lost_response(stage: Stage, session: Session, kind: str, skip: int) -> None:
    stage.slb.add_fault({"action": WRITE, "kind": kind, "skip": skip})
    outcome, _restorer = restore(session, 10, 50)
    stage.assert_as_they_were()
    assert_outcome(session, outcome, ["web1", "web2", "web3"])


def test_write_whose_outcome_stays_unknown_keeps_the_journal_open(stage: Stage, session: Session) -> None:
    stage.slb.add_fault({"action": WRITE, "times": 0, "kind": "cut_before"})
    outcome, _restorer = restore(session)
    assert_outcome(session, outcome, [], failed=["web1", "web2", "web3"])
    assert {entry.state for entry in stage.open_entries()} == {RESTORING}
    assert all({0, entry.original} <= set(entry.written) for entry in stage.open_entries())


def test_entries_that_must_stay(stage: Stage, session: Session) -> None:
    """Looked at before each step, and those that are settled no more."""
    looks = []

    def before_step(entries: t.Sequence[Entry]) -> dict[t.Any, str]:
        looks.append([entry.host for entry in entries])
        return {entry.key: "it is ill" for entry in entries if entry.host == f"web{len(looks)}"}

    outcome, _restorer = restore(session, 50, before_step=before_step)
    assert looks == [["web1", "web2", "web3"], ["web2", "web3"]]
    assert stage.weights() == [0, 30, 3, 40, 40]
    assert_outcome(session, outcome, ["web3"], failed=["web1", "web2"])
    assert stage.states() == {"web1": UPDATED, "web2": RESTORING, "web3": RESTORED}


def test_load_balancers_in_reverse_order_and_each_by_itself(stage: Stage) -> None:
    session = stage.session()
    session.update("web1", "web2", load_balancer_ids=("lb-a", "lb-b"))
    stage.slb.clear()
    stage.slb.add_fault({"action": WRITE, "skip": 1, "kind": "error", "code": "Forbidden.RAM"})
    outcome, _restorer = restore(session)
    assert [request.parameters["LoadBalancerId"] for request in stage.slb.requests] == 3 * ["lb-b"] + 3 * ["lb-a"]
    assert (stage.weights("lb-a"), stage.weights("lb-b")) == ([0, 0, 3, 40, 40], [30, 100])
    assert [entry.load_balancer_id for entry in stage.open_entries()] == ["lb-a", "lb-a"]
    assert {key[0] for key in outcome.failed} == {"lb-a"}


@pytest.mark.parametrize("steps", [(), (50,)])
def test_full_disk_keeps_no_server_out(stage: Stage, session: Session, steps: tuple[int, ...]) -> None:
    with full_disk():
        outcome, _restorer = restore(session, *steps)
    stage.assert_as_they_were()
    assert len(outcome.back) == 3
    assert all(
        "no journal can be written" in warning
        and "this is the state now: web1 (i-1 of lb-a, goes back to 100)" in warning
        for warning in session.warnings
    )
    assert session.warnings[-1].count(": restored") == 3
    # The journal still says that they are out; recover finds them back.
    assert len(stage.open_entries()) == 3
    assert stage.session().recover(ID)["changed"] is False
    assert stage.open_entries() == []


def test_check_mode_writes_nothing(stage: Stage, session: Session) -> None:
    check = stage.session(check_mode=True)
    outcome, restorer = restore(check)
    assert stage.weights() == [0, 0, 0, 40, 40]
    assert stage.actions() == [READ]
    assert_outcome(session, outcome, ["web1", "web2", "web3"])
    assert restorer.changed
    assert len(stage.open_entries()) == 3
    assert check.lines[0].startswith("Check mode: would set lb-a: i-1 0 -> 100")


def test_a_process_that_outlived_its_run_writes_nothing(stage: Stage, session: Session) -> None:
    session.is_alive = False
    before = stage.open_entries()
    outcome, _restorer = restore(session)
    assert_outcome(session, outcome, [], failed=["web1", "web2", "web3"])
    assert stage.weights() == [0, 0, 0, 40, 40]
    assert stage.open_entries() == before


# The journal


def test_claim_of_a_member_that_another_run_has_just_claimed(stage: Stage) -> None:
    first, second = stage.session(is_running=True), stage.session()
    first.update("web1")
    (entry,) = stage.open_entries()
    mine = entry._replace(run=str(second.run), original=50)
    with refusal(SlbError, "i-1 of lb-a is being updated by rolling update web-1.5"):
        second.bench.claim("other", [mine])
    assert stage.folder.read("other") is None
    second.bench.claim("other", [mine._replace(server_id="i-2")])
    assert [row.server_id for row in stage.entries("other").values()] == ["i-2"]
    second.bench.claim("none", [])
    assert stage.folder.read("none") is None


def test_end_of_an_entry_of_another_journal(stage: Stage) -> None:
    session = stage.session()
    session.update("web1", "web2")
    entry = stage.entries()["web1"]
    session.bench.record_of_other(KnownEntry(ID, entry.moved_to(LEFT_ALONE, 5.0), False, None))
    assert stage.states() == {"web1": LEFT_ALONE, "web2": UPDATED}
    session.bench.record_of_other(KnownEntry("gone", entry, False, None))
    assert stage.folder.read("gone") is None


def test_record_on_a_full_disk(stage: Stage) -> None:
    session = stage.session()
    session.update("web1")
    (entry,) = stage.open_entries()
    with full_disk(), refusal(JournalUnusable, "no journal can be written"):
        session.bench.record(ID, [entry.moved_to(RESTORED, 5.0)])
    assert stage.open_entries() == [entry]


@pytest.mark.parametrize(
    ("state", "age", "waits"),
    [
        (DRAINING, 1, True),
        (RESTORING, 1, True),
        (DRAINED, 1, False),
        (UPDATED, 1, False),
        (DRAINING, 11, False),
        (DRAINING, -3600, False),  # by the clock of another machine
    ],
)
def test_what_an_ended_run_has_sent_is_waited_for(
    stage: Stage, no_waiting: t.Any, state: str, age: float, waits: bool
) -> None:
    session = stage.session()
    entry = Entry(
        "web1", "", "lb-a", None, "i-1", "ecs", None, None, 100, (0,), state, str(session.run), 0.0, time.time() - age
    )
    session.bench.settle([entry])
    assert no_waiting.pauses == []  # one's own
    session.bench.settle([entry._replace(run=str(Run.of_process(1)._replace(started="1")))])
    assert (sum(no_waiting.pauses) > 8) is waits
    assert bool(session.lines) is waits


def test_long_waits_are_seen(stage: Stage, no_waiting: t.Any) -> None:
    session = stage.session()
    session.bench.wait(25.0, "for rain")
    assert session.lines == ["Waiting 25 s for rain", "15 s left", "5 s left"]
    assert 24.9 < sum(no_waiting.pauses) < 25.1
    session.lines.clear()
    session.bench.wait(0, "for nothing")
    assert session.lines == []
    session.is_alive = False
    for seconds in (0, 25.0):
        with pytest.raises(SlbError, match="RunEnded"):
            session.bench.wait(seconds, "for rain")


# Health


def health_wait(session: Session, timeout: float) -> HealthWait:
    routes = read_routes(session.bench.client_for("cn-hangzhou"), "lb-a", ())
    return HealthWait(session.bench, lambda _entries: routes, timeout)


def reasons(wait: HealthWait, stage: Stage) -> list[str]:
    return list(wait(stage.open_entries()).values())


def test_healthy_members_are_not_waited_for(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    wait = health_wait(session, 300)
    stage.slb.clear()
    assert reasons(wait, stage) == []
    assert stage.actions() == [HEALTH]
    assert no_waiting.pauses == []


def test_members_that_stay_unhealthy(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    stage.set_health("i-2", "abnormal")
    assert reasons(health_wait(session, 25), stage) == [
        "i-2 of lb-a is abnormal on listener http:80, after 25 s (health_timeout)",
    ]
    assert session.lines == [
        f"Waiting for i-2 of lb-a is abnormal on listener http:80: {seconds} s of at most 25 s" for seconds in (10, 20)
    ]
    assert 24 < sum(no_waiting.pauses) < 26


def test_member_that_becomes_healthy(stage: Stage, session: Session, no_waiting: t.Any) -> None:
    stage.set_health("i-2", "unavailable")
    sleep = no_waiting.sleep

    def pause(seconds: float) -> None:
        sleep(seconds)
        if sum(no_waiting.pauses) > 5:
            stage.set_health("i-2", "normal")

    no_waiting.sleep = pause
    assert reasons(health_wait(session, 300), stage) == []
    assert 5 < sum(no_waiting.pauses) < 10


def test_health_that_cannot_be_read_is_not_good_health(stage: Stage, session: Session) -> None:
    wait = health_wait(session, 0)
    stage.slb.add_fault({"action": HEALTH, "times": 0, "kind": "error", "code": "Forbidden.RAM"})
    assert [reason.partition(":")[0] for reason in reasons(wait, stage)] == ["Forbidden.RAM"] * 3


def test_health_in_check_mode_is_not_waited_for(stage: Stage, session: Session) -> None:
    wait = health_wait(stage.session(check_mode=True), 300)
    stage.slb.clear()
    assert reasons(wait, stage) == []
    assert stage.actions() == []
