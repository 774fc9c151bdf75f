# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a run has ended, however it ended: what recover puts back, and what it leaves alone."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    RESTORING,
    UPDATED,
    UPDATING,
    Entry,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalUnusable, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._recovery import Keeper
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import ID, READ, WRITE, Json, Session, Stage, full_disk


@pytest.fixture
def ended(stage: Stage) -> Session:
    """A run that ended with web1 (100) and web2 (60) out of traffic, updated."""
    session = stage.session()
    session.update("web1", "web2")
    stage.slb.clear()
    return session


@pytest.fixture
def session(stage: Stage) -> Session:
    return stage.session()


def hosts(result: Json) -> list[str]:
    return [server["host"] for server in result["restored"]]


# Recover


@pytest.mark.parametrize("rolling_update_id", [ID, None])
def test_recover(stage: Stage, ended: Session, session: Session, rolling_update_id: str | None) -> None:
    result = session.recover(rolling_update_id)
    stage.assert_as_they_were()
    assert (result["changed"], result["failed"], hosts(result)) == (True, False, ["web1", "web2"])
    assert result["msg"] == "Put back: web1 (i-1 of lb-a: 100), web2 (i-2 of lb-a: 60)."
    assert stage.states() == {"web1": RESTORED, "web2": RESTORED}


def test_recover_twice(stage: Stage, ended: Session, session: Session) -> None:
    session.recover(ID)
    stage.slb.set_weight("lb-a", "i-1", 0)
    stage.slb.clear()
    for rolling_update_id in (ID, None):
        result = stage.session().recover(rolling_update_id)
        assert (result["changed"], result["failed"], hosts(result)) == (False, False, [])
        assert result["msg"] == "Put back: nothing."
    assert stage.actions() == []
    assert stage.weights()[0] == 0


def test_recover_of_one_of_several(stage: Stage, ended: Session) -> None:
    other = stage.session()
    other.id = "web-1.6"
    other.update("web4")
    assert hosts(stage.session().recover("web-1.6")) == ["web4"]
    assert stage.weights() == [0, 0, 3, 40, 40]
    assert hosts(stage.session().recover(None)) == ["web1", "web2"]
    stage.assert_as_they_were()


@pytest.mark.parametrize("rolling_update_id", ["1.10", "7", "release/2026/06", "../x", "a b", "发布", ".hidden"])
def test_recover_of_an_odd_id(stage: Stage, session: Session, rolling_update_id: str) -> None:
    first = stage.session()
    first.id = rolling_update_id
    first.update("web1")
    assert hosts(session.recover(rolling_update_id)) == ["web1"]
    stage.assert_as_they_were()


def test_recover_of_an_unknown_id_names_those_that_are_open(stage: Stage, ended: Session, session: Session) -> None:
    with refusal(JournalUnusable, "there is no journal of rolling update web-1.4") as caught:
        session.recover("web-1.4")
    assert caught.value.advice.endswith("Open journals there: web-1.5.")
    session.recover(None)
    with refusal(JournalUnusable) as caught:
        session.recover("web-1.4")
    assert caught.value.advice.endswith("Open journals there: none.")


def test_recover_with_nothing_to_do(stage: Stage, session: Session) -> None:
    assert session.recover(None) == {
        "changed": False,
        "failed": False,
        "restored": [],
        "left_alone": [],
        "msg": "Put back: nothing.",
    }
    assert stage.actions() == []


def test_recover_of_several_load_balancers(stage: Stage, session: Session) -> None:
    stage.session().update("web1", load_balancer_ids=("lb-a", "lb-b"))
    assert hosts(session.recover(ID)) == ["web1", "web1"]
    stage.assert_as_they_were()


def test_someone_else_before_the_recovery(stage: Stage, ended: Session, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 20)
    result = session.recover(ID)
    assert stage.weights() == [20, 60, 3, 40, 40]
    assert (result["failed"], hosts(result)) == (False, ["web2"])
    assert result["left_alone"] == ["web1: i-1 of lb-a has weight 20: someone else changed it"]
    assert "Left alone: web1: i-1 of lb-a has weight 20" in result["msg"]
    assert stage.states()["web1"] == LEFT_ALONE
    assert stage.open_entries() == []


def test_someone_else_has_put_the_server_back(stage: Stage, ended: Session, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 100)
    result = session.recover(ID)
    assert (result["changed"], result["failed"]) == (True, False)
    assert result["msg"].startswith("Put back: web2 (i-2 of lb-a: 60). In traffic already: web1 (i-1 of lb-a: 100).")
    stage.assert_as_they_were()


def test_stale_read_forgets_no_server(stage: Stage, ended: Session, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "kind": "stale_read"})
    session.recover(ID)
    stage.assert_as_they_were()


def test_unhealthy_server_stays_out_and_fails(stage: Stage, ended: Session, session: Session) -> None:
    stage.set_health("i-1", "abnormal")
    result = session.recover(ID)
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert (result["failed"], hosts(result)) == (True, ["web2"])
    assert "Still out of traffic: web1 (i-1 of lb-a, goes back to 100): i-1 of lb-a is abnormal" in result["msg"]
    stage.set_health("i-1", "normal")
    assert hosts(stage.session().recover(ID)) == ["web1"]
    stage.assert_as_they_were()


def test_one_journal_that_fails_does_not_keep_the_others(stage: Stage, ended: Session, session: Session) -> None:
    other = stage.session()
    other.id = "another"
    other.update("web1", server_id="i-1", load_balancer_ids=("lb-b",))
    stage.slb.add_fault({"action": WRITE, "kind": "error", "code": "Forbidden.RAM"})
    result = session.recover(None)
    assert result["failed"]
    assert (stage.weights("lb-a"), stage.weights("lb-b")) == ([100, 60, 3, 40, 40], [0, 100])
    assert "Still out of traffic: web1 (i-1 of lb-b, goes back to 30): Forbidden.RAM" in result["msg"]


def test_recover_in_check_mode(stage: Stage, ended: Session) -> None:
    before = stage.folder.read_all()
    session = stage.session(check_mode=True)
    result = session.recover(ID)
    assert (result["changed"], hosts(result)) == (True, ["web1", "web2"])
    assert result["msg"].startswith("Check mode: would put back: web1 (i-1 of lb-a: 100)")
    assert stage.weights() == [0, 0, 3, 40, 40]
    assert stage.folder.read_all() == before


# Runs that were killed


@pytest.mark.parametrize("has_landed", [False, True])
def test_run_that_was_killed_while_it_drained(
    stage: Stage, session: Session, no_waiting: t.Any, has_landed: bool
) -> None:
    """Its write lands once recover is at work, or never."""
    killed = stage.session()
    killed.drain("web1")
    (entry,) = stage.open_entries()
    killed.bench.record(ID, [entry._replace(state=DRAINING, changed=no_waiting.time())])
    stage.slb.set_weight("lb-a", "i-1", 100)
    sleep = no_waiting.sleep

    def land_late(seconds: float) -> None:
        sleep(seconds)
        if has_landed and len(no_waiting.pauses) == 3:
            stage.slb.set_weight("lb-a", "i-1", 0)

    no_waiting.sleep = land_late
    result = session.recover(ID)
    assert sum(no_waiting.pauses) > 9
    assert (result["changed"], result["failed"]) == (has_landed, False)
    stage.assert_as_they_were()
    assert stage.open_entries() == []


@pytest.mark.parametrize("weight", [0, 50, 100])
def test_run_that_was_killed_in_a_ramp(stage: Stage, ended: Session, session: Session, weight: int) -> None:
    entry = stage.entries()["web1"]
    ended.bench.record(ID, [entry.moved_to(RESTORING, 0.0, 50, 100)])
    stage.slb.set_weight("lb-a", "i-1", weight)
    assert session.recover(ID)["failed"] is False
    stage.assert_as_they_were()


def test_what_a_killed_run_has_left_behind_is_read_after_it_ended(
    stage: Stage, ended: Session, session: Session
) -> None:
    """The process that recover waits for takes one more step of its ramp."""
    settle = session.bench.settle

    def one_more_step(entries: t.Iterable[Entry]) -> None:
        settle(entries)
        ended.bench.record(ID, [entry.moved_to(RESTORING, 0.0, 30) for entry in stage.open_entries()])
        stage.slb.set_weight("lb-a", "i-1", 30)

    session.bench = Bench(session, settle=one_more_step)  # type: ignore[assignment]
    result = session.recover(ID)
    assert (result["failed"], result["left_alone"]) == (False, [])
    stage.assert_as_they_were()


class Bench:
    """A workbench with something that happens meanwhile."""

    def __init__(self, session: Session, **methods: t.Any) -> None:
        self.__dict__.update({"_bench": session.bench, **methods})

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._bench, name)


def test_running_rolling_update_is_not_recovered(stage: Stage, session: Session) -> None:
    running = stage.session(is_running=True)
    running.update("web1")
    other = stage.session()
    other.id = "web-1.6"
    other.update("web2")
    result = session.recover(ID)
    assert result["failed"]
    assert (
        f"Rolling update web-1.5 is still running (process {running.run.pid} on {running.run.controller})."
        in result["msg"]
    )
    result = stage.session().recover(None)
    assert (result["failed"], hosts(result)) == (True, ["web2"])
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert [entry.run for entry in stage.open_entries()] == [str(running.run)]


def test_rolling_update_that_takes_a_server_over_while_recover_waits(
    stage: Stage, ended: Session, session: Session
) -> None:
    """Else recover would put the server into traffic in mid-update."""
    late = stage.session(is_running=True)
    late.id = "web-1.6"
    settle = session.bench.settle

    def meanwhile(entries: t.Iterable[Entry]) -> None:
        settle(entries)
        late.update("web1")

    session.bench = Bench(session, settle=meanwhile)  # type: ignore[assignment]
    result = session.recover(ID)
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert hosts(result) == ["web2"]
    assert [(entry.host, entry.run) for entry in stage.open_entries()] == [("web1", str(late.run))]


@pytest.mark.parametrize("rolling_update_id", [ID, "web-1.6"])
def test_rolling_update_that_comes_while_recover_is_at_work(
    stage: Stage, ended: Session, rolling_update_id: str
) -> None:
    recovering, late = stage.session(is_running=True), stage.session()
    late.id = rolling_update_id
    results: list[Json] = []

    def client_for(region: str) -> t.Any:
        if not results:
            results.append({})
            results.append(late.host("web1").drain(verify=False, check_listeners="off"))
        return recovering._client_for(region)

    recovering.bench = recovering.bench._replace(client_for=client_for)
    assert hosts(recovering.recover(ID)) == ["web1", "web2"]
    assert results[1]["failed"]
    assert "InUse: i-1 of lb-a is being updated by rolling update web-1.5" in results[1]["msg"]
    stage.assert_as_they_were()


def test_recover_by_the_run_itself(stage: Stage) -> None:
    session = stage.session(is_running=True)
    session.update("web1")
    assert hosts(session.recover(ID)) == ["web1"]


# Only what was never updated

NOT_BEGUN = "not_begun"
KEPT = "Still out of traffic: web1 (i-1 of lb-a, goes back to 100): its update has begun or may have."


@pytest.fixture
def half_way(stage: Stage) -> Session:
    """A run that was killed when the update of web1 (100) had begun, and that of web2 (60) had not."""
    session = stage.session()
    session.drain("web1", "web2")
    session.host("web1").prove()
    stage.slb.clear()
    return session


def test_recover_of_what_was_never_updated(stage: Stage, half_way: Session, session: Session) -> None:
    result = session.recover(ID, which=NOT_BEGUN)
    assert stage.weights() == [0, 60, 3, 40, 40]
    assert (result["changed"], result["failed"], hosts(result)) == (True, True, ["web2"])
    assert result["msg"] == f"Put back: web2 (i-2 of lb-a: 60). {KEPT}"
    assert stage.states() == {"web1": UPDATING, "web2": RESTORED}
    assert hosts(stage.session().recover(ID)) == ["web1"]
    stage.assert_as_they_were()


@pytest.mark.parametrize("state", [UPDATING, UPDATED, RESTORING])
def test_a_server_whose_update_has_begun_keeps_its_weight(stage: Stage, half_way: Session, state: str) -> None:
    entry = stage.entries()["web1"]
    half_way.bench.record(ID, [entry.moved_to(state, 0.0, 30)])
    stage.slb.set_weight("lb-a", "i-1", 30)
    result = stage.session().recover(ID, which=NOT_BEGUN)
    assert stage.weights()[0] == 30
    assert (result["failed"], hosts(result)) == (True, ["web2"])
    assert stage.entries()["web1"].state == state


def test_a_server_whose_update_has_begun_and_that_is_back_or_someone_elses(stage: Stage, ended: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 100)
    stage.slb.set_weight("lb-a", "i-2", 20)
    stage.slb.clear()
    result = stage.session().recover(ID, which=NOT_BEGUN)
    assert (result["changed"], result["failed"], hosts(result)) == (False, False, ["web1"])
    assert result["left_alone"] == ["web2: i-2 of lb-a has weight 20: someone else changed it"]
    assert WRITE not in stage.actions()
    assert stage.states() == {"web1": RESTORED, "web2": LEFT_ALONE}


def test_stale_read_takes_no_server_for_one_that_is_back(stage: Stage, ended: Session, session: Session) -> None:
    stage.slb.add_fault({"action": READ, "kind": "stale_read"})
    result = session.recover(ID, which=NOT_BEGUN)
    assert (result["failed"], hosts(result)) == (True, [])
    assert stage.weights()[:2] == [0, 0]
    assert stage.states() == {"web1": UPDATED, "web2": UPDATED}


def test_an_unhealthy_server_whose_update_has_begun_is_not_waited_for(
    stage: Stage, half_way: Session, session: Session, no_waiting: t.Any
) -> None:
    stage.set_health("i-1", "abnormal")
    result = session.keeper().recover(ID, None, 300, NOT_BEGUN)
    assert result["msg"].endswith(KEPT)
    assert sum(no_waiting.pauses) < 300


def test_record_for_the_next_job(stage: Stage, half_way: Session, session: Session) -> None:
    given = record(stage)
    Path(stage.folder.path_of(ID)).unlink()
    result = session.recover(None, given, NOT_BEGUN)
    assert [(row["host"], row["state"]) for row in result["record"]["entries"]] == [("web1", UPDATING)]
    # Someone drains web2 before the next job, which must leave it alone.
    stage.slb.set_weight("lb-a", "i-2", 0)
    Path(stage.folder.path_of(ID)).unlink()
    last = stage.session().recover(None, result["record"])
    assert (last["failed"], hosts(last), last["record"]) == (False, ["web1"], {})
    assert stage.weights() == [100, 0, 3, 40, 40]


# Journals that cannot be used


def test_damaged_journal_is_one_sentence_and_nothing_is_written(stage: Stage, ended: Session, session: Session) -> None:
    Path(stage.folder.path_of(ID)).write_text("{")
    for rolling_update_id in (ID, None):
        with refusal(JournalUnusable, "is damaged or not a journal"):
            session.recover(rolling_update_id)
    assert stage.actions() == []


def test_damaged_journal_of_another_rolling_update(stage: Stage, ended: Session, session: Session) -> None:
    """The printed command works; without an id, what cannot be read may be what is out."""
    Path(stage.folder.path, "notes.json").write_text("{")
    with refusal(JournalUnusable, "notes.json is damaged"):
        session.recover(None)
    assert stage.actions() == []
    result = session.recover(ID)
    assert (result["failed"], hosts(result)) == (False, ["web1", "web2"])
    assert any("notes.json is damaged" in warning for warning in session.warnings)
    stage.assert_as_they_were()


def test_recover_on_a_full_disk(stage: Stage, ended: Session, session: Session) -> None:
    with full_disk():
        result = session.recover(ID)
    assert (result["failed"], hosts(result)) == (False, ["web1", "web2"])
    stage.assert_as_they_were()
    assert "this is the state now: web1 (i-1 of lb-a, goes back to 100): restored" in session.warnings[-1]


# What a job hands on


def record(stage: Stage) -> Json:
    journal = stage.folder.read(ID)
    assert journal
    return journal.as_document()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda record: record,
        json.dumps,
        lambda record: {"rolling_update_record": record},
        lambda record: json.dumps({"changed": False, "ansible_stats": {"data": {"rolling_update_record": record}}}),
    ],
    ids=["journal", "text", "artifact", "result"],
)
def test_record_on_another_machine(stage: Stage, ended: Session, session: Session, wrap: t.Any) -> None:
    given = wrap(record(stage))
    Path(stage.folder.path_of(ID)).unlink()
    assert hosts(session.recover(None, given)) == ["web1", "web2"]
    stage.assert_as_they_were()
    assert stage.states() == {"web1": RESTORED, "web2": RESTORED}
    result = stage.session().recover(None, given)
    assert (result["changed"], result["failed"]) == (False, False)


def test_the_file_is_newer_than_the_record(stage: Stage, ended: Session, session: Session) -> None:
    given = record(stage)
    session.recover(ID)
    stage.slb.set_weight("lb-a", "i-1", 0)
    assert stage.session().recover(None, given)["changed"] is False
    with full_disk():
        assert stage.session().recover(None, given)["changed"] is False
    assert stage.session(check_mode=True).recover(None, given)["changed"] is False
    assert stage.weights()[0] == 0


def test_record_of_a_run_that_goes_on(stage: Stage, session: Session) -> None:
    running = stage.session(is_running=True)
    running.update("web1")
    given = record(stage)
    Path(stage.folder.path_of(ID)).unlink()
    assert session.recover(None, given)["failed"]
    assert stage.weights()[0] == 0


def test_record_of_a_run_that_took_nothing_out(session: Session) -> None:
    assert session.recover(None, {})["msg"] == "Put back: nothing."


@pytest.mark.parametrize("given", ["text", "[]", [1], {"a": 1}, '{"format": 2, "rolling_update_id": "x"}', 7, True])
def test_record_that_is_none(stage: Stage, session: Session, given: t.Any) -> None:
    with refusal(InvalidArgument, "the record "):
        session.recover(None, given)
    assert stage.actions() == []


# Listing and checking


def test_list(stage: Stage, ended: Session, session: Session) -> None:
    result = session.keeper().list_open(None)
    (journal,) = result["journals"]
    assert journal["rolling_update_id"] == ID
    assert journal["running"] is False
    assert [(row["host"], row["original_weight"]) for row in journal["servers"]] == [("web1", 100), ("web2", 60)]
    assert journal["recover_command"] == "ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5"
    (line,) = session.lines
    assert "still out of traffic: web1 (i-1 of lb-a, goes back to 100), out for 0 s, updated" in line
    assert result["changed"] is False
    session.recover(None)
    assert session.keeper().list_open(None)["journals"] == session.keeper().list_open(ID)["journals"] == []


def test_list_names_runs_that_go_on_and_the_folder(stage: Stage, session: Session) -> None:
    stage.session(is_running=True).update("web1")
    (journal,) = Keeper(session.bench, "/srv/my journals").list_open(ID)["journals"]
    assert journal["running"] is True
    assert "/srv/my journals" in journal["recover_command"]


def test_check_of_a_run_that_put_everything_back(stage: Stage, session: Session) -> None:
    session.update("web1", "web2")
    session.restore("web1", "web2")
    for rolling_update_id in (ID, None):
        result = session.keeper().check_closed(rolling_update_id)
        assert result == {
            "changed": False,
            "msg": "web-1.5: nothing is out of traffic, 2 members were put back.",
        }


def test_check_of_a_run_that_left_a_server_out(stage: Stage, session: Session) -> None:
    session.drain("web1", "web2")
    session.host("web1").note_updated()
    session.restore("web1")
    for rolling_update_id in (ID, None):
        result = session.keeper().check_closed(rolling_update_id)
        assert result["failed"]
        assert "web2 (i-2 of lb-a, goes back to 60)" in result["msg"]
        assert "web1" not in result["msg"]
        assert result["msg"].endswith("recover -e rolling_update_id=web-1.5")


def test_check_counts_what_was_left_alone_as_such(stage: Stage, session: Session) -> None:
    session.update("web1", "web2")
    stage.slb.set_weight("lb-a", "i-1", 70)
    session.restore("web1", "web2")
    assert session.keeper().check_closed(None)["msg"] == (
        "web-1.5: nothing is out of traffic, 1 members were put back, 1 were left alone because someone else changed them."
    )


def test_check_counts_a_member_once_that_two_rolling_updates_had(stage: Stage, session: Session) -> None:
    session.update("web1")
    session.play, session.id = "play 2", "second"
    session.update("web1")
    session.restore("web1")
    assert session.keeper().check_closed(None)["msg"].endswith("nothing is out of traffic, 1 members were put back.")


def test_check_is_about_this_run(stage: Stage, ended: Session, session: Session) -> None:
    assert session.keeper().check_closed(None)["msg"] == (
        "no rolling update: nothing is out of traffic, 0 members were put back."
    )
    assert session.keeper().check_closed("none")["msg"].startswith("no rolling update")
    assert session.keeper().check_closed(ID)["failed"]


def test_check_names_members_that_were_out_before(stage: Stage, session: Session) -> None:
    stage.slb.set_weight("lb-a", "i-1", 0)
    session.update("web1", "web2")
    session.restore("web1", "web2")
    session.warnings.clear()
    assert "failed" not in session.keeper().check_closed(None)
    assert session.warnings == [
        "web1: i-1 of lb-a was at weight 0 before this run and no journal knows why. It is still there."
    ]


def test_runs_that_cannot_be_asked_are_taken_for_ended(stage: Stage, session: Session) -> None:
    """A run of another machine, as the jobs of AWX are."""
    elsewhere = stage.session()
    elsewhere.run = Run("elsewhere", elsewhere.run.pid, "1")
    elsewhere.bench = elsewhere.bench._replace(run=elsewhere.run)
    elsewhere.update("web1")
    assert hosts(session.recover(ID)) == ["web1"]
