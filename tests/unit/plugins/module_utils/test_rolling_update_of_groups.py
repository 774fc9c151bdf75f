# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling updates of servers in vServer groups: the three promises hold in every group, and for every port."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINED,
    LEFT_ALONE,
    RESTORED,
    UPDATING,
    Entry,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import (
    GROUPS_AS_THEY_WERE,
    HEALTH,
    ID,
    LIST,
    LISTENERS,
    READ,
    WRITE,
    Json,
    Session,
    Stage,
    state,
)

READ_GROUP, WRITE_GROUP, RULES = "DescribeVServerGroupAttribute", "SetVServerGroupAttribute", "DescribeRules"
WRITES = (WRITE, WRITE_GROUP)
G: Json = {"load_balancer_ids": ("lb-g",)}
APP, API = "vServer group app (rsp-app)", "vServer group api (rsp-api)"


@pytest.fixture
def session(stage: Stage) -> Session:
    return stage.session()


def failed(results: t.Iterable[Json]) -> list[bool]:
    return [bool(result.get("failed")) for result in results]


def entries(stage: Stage) -> dict[tuple[str, str | None, int | None], Entry]:
    """The entries of the journal, by host, group and port."""
    journal = stage.folder.read(ID)
    assert journal
    return {(entry.host, entry.group, entry.port): entry for entry in journal.entries}


def states(stage: Stage) -> set[str]:
    return {entry.state for entry in entries(stage).values()}


def edit(stage: Stage, action: str, *edits: Json, skip: int = 0) -> None:
    """What another job does to lb-g just before a request."""
    fault = {"action": action, "kind": "edit", "load_balancer_id": "lb-g", "edits": list(edits), "skip": skip}
    stage.slb.add_fault(fault)


# A batch


def test_batch(stage: Stage, session: Session) -> None:
    drained = session.drain("web1", "web2", **G)
    assert stage.weights("lb-g") == [0, 0]
    assert stage.groups() == {"rsp-app": [0, 0, 0], "rsp-api": [0, 40]}
    assert failed(drained) == [False, False]
    assert [(row["vserver_group_id"], row["port"], row["original_weight"]) for row in drained[0]["servers"]] == [
        (None, None, 100),
        ("rsp-app", 8080, 100),
        ("rsp-app", 8081, 50),
    ]
    assert session.lines[1:] == [
        "lb-g: i-1 100 -> 0, i-2 60 -> 0; 0 of 2 members in traffic",
        f"lb-g, {APP}: i-1 port 8080 100 -> 0, i-1 port 8081 50 -> 0, i-2 port 8080 30 -> 0; 0 of 3 members in traffic",
        f"lb-g, {API}: i-2 port 9000 20 -> 0; 1 of 2 members in traffic",
    ]
    assert {key: entry.original for key, entry in entries(stage).items()} == {
        ("web1", None, None): 100,
        ("web1", "rsp-app", 8080): 100,
        ("web1", "rsp-app", 8081): 50,
        ("web2", None, None): 60,
        ("web2", "rsp-app", 8080): 30,
        ("web2", "rsp-api", 9000): 20,
    }
    assert states(stage) == {DRAINED}
    for host in ("web1", "web2"):
        session.host(host, **G).prove()
    assert states(stage) == {UPDATING}
    for host in ("web1", "web2"):
        session.host(host, **G).note_updated()
    assert failed(session.restore("web1", "web2", **G)) == [False, False]
    stage.assert_as_they_were()
    assert states(stage) == {RESTORED}


def test_cost_of_a_batch(stage: Stage, session: Session) -> None:
    """One read and one write for each group, one list for the check and one for each proof, whatever the number of hosts."""
    hosts = ("web1", "web2", "web3")
    for name in hosts:
        session.host(name, **G).check("fail")
    assert stage.actions() == [READ, LIST, READ_GROUP, READ_GROUP, LISTENERS, RULES]
    stage.slb.clear()
    for name in hosts:
        session.host(name, **G).drain(verify=False, check_listeners="off")
    assert stage.actions() == [READ, READ_GROUP, READ_GROUP, WRITE, WRITE_GROUP, WRITE_GROUP]
    stage.slb.clear()
    for name in hosts:
        session.host(name, **G).prove()
        session.host(name, **G).note_updated()
    assert stage.actions() == [READ, LIST, READ_GROUP, READ_GROUP]
    stage.slb.clear()
    session.restore(*hosts, **G)
    reads = [READ, READ_GROUP, READ_GROUP]
    assert stage.actions() == [HEALTH, *reads, WRITE, WRITE_GROUP, WRITE_GROUP, *reads]


def test_restore_reads_the_groups_of_its_entries_alone(stage: Stage, session: Session) -> None:
    session.update("web3", **G)
    stage.slb.clear()
    session.restore("web3", **G)
    assert [action for action in stage.actions() if action not in (LISTENERS, RULES, HEALTH)] == [
        READ_GROUP,
        WRITE_GROUP,
        READ_GROUP,
    ]
    stage.assert_as_they_were()


def test_listeners_and_rules_are_listed_once_for_all_restores(stage: Stage, session: Session) -> None:
    for host in ("web1", "web2"):
        session.update(host, **G)
        session.restore(host, **G)
    assert [action for action in stage.actions() if action in (LISTENERS, RULES)] == [LISTENERS, RULES]
    stage.assert_as_they_were()


def test_default_group_alone_if_asked_to(stage: Stage, session: Session) -> None:
    options: Json = {**G, "server_groups": "default"}
    session.update("web1", **options)
    assert (stage.weights("lb-g"), stage.groups()) == ([0, 60], GROUPS_AS_THEY_WERE)
    assert stage.actions() == [READ, READ, WRITE, READ]
    session.restore("web1", **options)
    stage.assert_as_they_were()


def test_hosts_with_other_groups_are_not_drained_together(stage: Stage, session: Session) -> None:
    session.host("web1", **G).check("off")
    session.host("web2", server_groups="default", **G).check("off")
    session.host("web1", **G).drain(verify=False, check_listeners="off")
    assert (stage.weights("lb-g"), stage.groups()["rsp-app"]) == ([0, 60], [0, 0, 30])


# Check


def test_host_in_no_group_is_refused(stage: Stage, session: Session) -> None:
    with refusal(SlbError, "i-9 is not a member of lb-g in cn-hangzhou"):
        session.host("web1", server_id="i-9", **G).check("off")
    with refusal(SlbError, "i-3 is not a member of the default server group of lb-g"):
        session.host("web3", server_groups="default", **G).check("off")
    session.host("web3", **G).check("off")


def test_address_that_differs_from_group_to_group_is_refused(stage: Stage, session: Session) -> None:
    document = state()
    groups = document["load_balancers"][2]["vserver_groups"]
    for group, end in zip(groups, (4, 5)):
        group["backend_servers"].append(
            {"server_id": "eni-4", "port": 80, "weight": 10, "type": "eni", "server_ip": f"192.168.0.{end}"}
        )
    stage.reset(document)
    with refusal(InvalidArgument, "eni-4 is 2 members of lb-g: 192.168.0.4, 192.168.0.5"):
        session.host("web4", server_ip=None, **G).check("off")
    session.host("web4", **G).check("off")


@pytest.mark.parametrize(("min_active", "is_refused"), [(1, False), (2, True)])
def test_min_active_counts_in_each_group(stage: Stage, session: Session, min_active: int, is_refused: bool) -> None:
    """web3 is one of two in api, and two of two stay in the default group."""
    host = session.host("web3", min_active=min_active, **G)
    if not is_refused:
        host.check("off")
        return
    with refusal(SlbError, re.escape(f"1 of 2 members of {API} of lb-g would have a weight above 0")) as caught:
        host.check("off")
    assert caught.value.code == "MinActive"
    (result,) = [session.host("web3", min_active=min_active, **G).drain(verify=False, check_listeners="off")]
    assert result["failed"]
    assert "MinActive" in result["msg"]
    stage.assert_as_they_were()


def test_min_active_of_two_runs_in_one_group(stage: Stage) -> None:
    """They are about other hosts, and take the last members of app: no update begins."""
    document = state()
    document["load_balancers"][2]["backend_servers"] += [{"server_id": "i-9", "weight": 100}]
    stage.reset(document)
    first, second = stage.session(is_running=True), stage.session()
    second.id = "web-1.6"
    options: Json = {**G, "min_active": 1}
    for session, name in ((first, "web1"), (second, "web2")):
        session.host(name, **options).check("off")
    stage.slb.add_fault({"action": READ_GROUP, "kind": "stale_read", "times": 2, "skip": 2})
    assert failed([first.host("web1", **options).drain(verify=False, check_listeners="off")]) == [False]
    assert failed([second.host("web2", **options).drain(verify=False, check_listeners="off")]) == [False]
    assert stage.groups()["rsp-app"] == [0, 0, 0]
    for session, name in ((first, "web1"), (second, "web2")):
        with refusal(SlbError, re.escape(f"another job drained members of {APP} of lb-g at the same time: 0 are left")):
            session.host(name, **options).prove()
    for session, name in ((first, "web1"), (second, "web2")):
        assert session.host(name, **options).account("min_active", "keep_drained", False)["failed"]
    assert (stage.weights("lb-g"), stage.groups()) == ([100, 60, 100], GROUPS_AS_THEY_WERE)


def test_member_that_is_out_of_one_group_stays_out_of_it(stage: Stage, session: Session) -> None:
    stage.slb.set_weight("lb-g", "i-1", 0, "rsp-app", 8081)
    (result,) = session.drain("web1", **G)
    assert result["already_out"] == [f"i-1 port 8081 in {APP} of lb-g"]
    session.host("web1", **G).prove()
    session.host("web1", **G).note_updated()
    assert failed(session.restore("web1", **G)) == [False]
    assert (stage.weights("lb-g"), stage.groups()["rsp-app"]) == ([100, 60], [100, 0, 30])


def test_listeners_of_every_group_are_judged(stage: Stage, session: Session) -> None:
    document = state()
    document["load_balancers"][2]["listeners"][1]["scheduler"] = "rr"
    stage.reset(document)
    with refusal(SlbError, re.escape(f"listener tcp:8080 to {APP} schedules by rr")):
        session.host("web1", **G).check("fail")
    session.host("web3", **G).check("fail")  # it is not in that group
    with refusal(SlbError, re.escape(f"listener tcp:8080 uses {APP}, in which i-1 port 8080 keeps weight 100")):
        session.host("web1", server_groups="default", **G).check("fail")


def test_member_at_weight_0_gets_no_traffic_either(stage: Stage, session: Session) -> None:
    document = state()
    document["load_balancers"][2]["listeners"][1]["scheduler"] = "rr"
    document["load_balancers"][2]["vserver_groups"][0]["backend_servers"][2]["weight"] = 0
    stage.reset(document)
    with refusal(SlbError, "schedules by rr"):
        session.host("web2", **G).check("fail")


# Proof


def add_group(stage: Stage) -> None:
    document = json.loads(_get(f"{stage.slb.url}/_rehearsal/state"))
    groups = next(row for row in document["load_balancers"] if row["load_balancer_id"] == "lb-g")["vserver_groups"]
    added = {"server_id": "i-1", "port": 7000, "weight": 5}
    groups.append({"vserver_group_id": "rsp-new", "vserver_group_name": "new", "backend_servers": [added]})
    stage.reset(document)


def test_drain_that_verifies_itself_lists_the_groups_again(stage: Stage, session: Session) -> None:
    """There may be no proof after it."""
    session.host("web1", **G).check("off")
    add_group(stage)
    assert failed([session.host("web1", **G).drain(verify=True, check_listeners="off")]) == [False]
    assert [member.weight for member in stage.slb.members("lb-g", "rsp-new")] == [0]


def test_group_that_was_added_meanwhile(stage: Stage, session: Session) -> None:
    """Promise 1: the drain could not know of it."""
    session.drain("web1", **G)
    add_group(stage)
    with refusal(SlbError, "i-1 port 7000 in vServer group new \\(rsp-new\\) of lb-g has weight 5, not 0."):
        session.host("web1", **G).prove()
    assert session.host("web1", **G).account("not proven", "keep_drained", False)["failed"]
    stage.assert_as_they_were()
    # The next drain knows of it.
    (result,) = stage.session().drain("web1", **G)
    assert len(result["servers"]) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"server_id": "i-1", "weight": 7, "vserver_group_id": "rsp-app", "port": 8081},
        {"add": {"server_id": "i-1", "port": 9000, "weight": 7}, "vserver_group_id": "rsp-api"},
        {"add": {"server_id": "i-1", "port": 8082, "weight": 7}, "vserver_group_id": "rsp-app"},
    ],
    ids=["weight", "another group", "another port"],
)
def test_traffic_in_any_group_is_found(stage: Stage, session: Session, change: Json) -> None:
    session.drain("web1", **G)
    edit(stage, LIST, change)
    with refusal(SlbError, "has weight 7, not 0"):
        session.host("web1", **G).prove()


def test_member_that_moves_to_another_port_meanwhile(stage: Stage, session: Session) -> None:
    """No server is forgotten: with the weight 0 that it kept nobody would put it back, so the run does not end green."""
    session.update("web1", **G)
    edit(
        stage,
        HEALTH,
        {"server_id": "i-1", "remove": True, "vserver_group_id": "rsp-app", "port": 8081},
        {"add": {"server_id": "i-1", "port": 8082, "weight": 0}, "vserver_group_id": "rsp-app"},
    )
    (result,) = session.restore("web1", **G)
    assert result["failed"]
    assert f"i-1 port 8081 in {APP} of lb-g is no longer a member" in result["msg"]
    assert entries(stage)["web1", "rsp-app", 8081].state == LEFT_ALONE
    assert entries(stage)["web1", "rsp-app", 8080].state == RESTORED
    assert stage.weights("lb-g") == [100, 60]


# Groups that vanish


def remove_api(stage: Stage) -> list[Json]:
    """Nothing uses api any longer, so that it can be removed. Returns the edits that do that."""
    document = json.loads(_get(f"{stage.slb.url}/_rehearsal/state"))
    balancer = next(row for row in document["load_balancers"] if row["load_balancer_id"] == "lb-g")
    for listener in balancer["listeners"]:
        listener["rules"] = []
    stage.reset(document)
    return [{"vserver_group_id": "rsp-api", "remove_group": True}]


@pytest.mark.parametrize("action", [READ, READ_GROUP])
def test_group_that_vanishes_before_the_drain(stage: Stage, session: Session, action: str) -> None:
    edits = remove_api(stage)
    session.host("web2", **G).check("off")
    edit(stage, action, *edits)
    assert failed([session.host("web2", **G).drain(verify=False, check_listeners="off")]) == [False]
    session.host("web2", **G).prove()
    session.host("web2", **G).note_updated()
    assert failed(session.restore("web2", **G)) == [False]
    assert stage.weights("lb-g") == [100, 60]


def test_group_that_vanishes_between_read_and_write(stage: Stage, session: Session) -> None:
    edits = remove_api(stage)
    session.host("web2", **G).check("off")
    edit(stage, WRITE_GROUP, *edits, skip=1)
    result = session.host("web2", **G).drain(verify=False, check_listeners="off")
    assert result["failed"]
    assert f"Someone deleted {API} during this task" in result["msg"]
    assert (stage.weights("lb-g"), [m.weight for m in stage.slb.members("lb-g", "rsp-app")]) == (
        [100, 60],
        [100, 50, 30],
    )
    assert stage.open_entries() == []


@pytest.mark.parametrize("action", [LIST, READ_GROUP])
def test_group_that_vanishes_before_the_proof(stage: Stage, session: Session, action: str) -> None:
    edits = remove_api(stage)
    session.drain("web2", **G)
    edit(stage, action, *edits)
    session.host("web2", **G).prove()


@pytest.mark.parametrize("action", [READ, READ_GROUP, WRITE, WRITE_GROUP])
def test_group_that_vanishes_before_the_restore(stage: Stage, session: Session, action: str) -> None:
    """The other members go back, and the run says what is gone."""
    edits = remove_api(stage)
    session.update("web2", **G)
    edit(stage, action, *edits)
    (result,) = session.restore("web2", **G)
    assert result["failed"]
    assert f"i-2 port 9000 in {API} of lb-g is no longer a member" in result["msg"]
    assert (stage.weights("lb-g"), [m.weight for m in stage.slb.members("lb-g", "rsp-app")]) == (
        [100, 60],
        [100, 50, 30],
    )
    assert stage.open_entries() == []


def test_all_groups_of_a_host_vanish(stage: Stage, session: Session) -> None:
    edits = remove_api(stage)
    session.update("web3", **G)
    edit(stage, READ_GROUP, *edits)
    (result,) = session.restore("web3", **G)
    assert (result["failed"], stage.open_entries()) == (True, [])


def test_group_whose_list_cannot_be_read_is_not_taken_for_gone(stage: Stage, session: Session) -> None:
    edits = remove_api(stage)
    session.update("web3", **G)
    stage.slb.add_fault({"action": LIST, "kind": "error", "code": "Forbidden.RAM", "times": 0})
    edit(stage, READ_GROUP, *edits)
    (result,) = session.restore("web3", **G)
    assert result["failed"]
    assert "Forbidden.RAM" in result["msg"]
    assert [entry.host for entry in stage.open_entries()] == ["web3"]


# Failures


def test_group_that_cannot_be_written(stage: Stage, session: Session) -> None:
    """A host that cannot be drained everywhere is drained nowhere."""
    stage.slb.add_fault({"action": WRITE_GROUP, "skip": 1, "kind": "error", "code": "Forbidden.RAM"})
    results = session.drain("web1", "web2", **G)
    assert failed(results) == [True, True]
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_failed_update_names_every_member_that_stays_out(stage: Stage, session: Session) -> None:
    session.drain("web1", **G)
    session.host("web1", **G).prove()
    result = session.host("web1", **G).account("it failed", "keep_drained", False)
    assert f"web1 (i-1 port 8081 in {APP} of lb-g, goes back to 50)" in result["msg"]
    assert len(result["servers"]) == 3
    recovered = stage.session().recover(ID)
    assert (recovered["failed"], len(recovered["restored"])) == (False, 3)
    stage.assert_as_they_were()


def test_unhealthy_member_of_a_rules_group_stays_out(stage: Stage, session: Session) -> None:
    document = state()
    document["load_balancers"][2]["vserver_groups"][1]["backend_servers"][0]["health"] = "abnormal"
    stage.reset(document)
    session.update("web2", **G)
    (result,) = session.restore("web2", **G)
    assert result["failed"]
    assert f"i-2 port 9000 in {API} of lb-g is abnormal on rule api (rule-1) of listener http:80" in result["msg"]
    assert (stage.weights("lb-g"), stage.groups()) == ([100, 60], {"rsp-app": [100, 50, 30], "rsp-api": [0, 40]})
    assert [entry.group for entry in stage.open_entries()] == ["rsp-api"]
    recovered = stage.session().recover(ID)
    assert "is abnormal on rule api (rule-1) of listener http:80" in recovered["msg"]


def test_ramp_in_every_group(stage: Stage, session: Session) -> None:
    session.update("web1", ramp=(10,), **G)
    session.lines.clear()
    session.restore("web1", ramp=(10,), **G)
    assert [line.split(";")[0] for line in session.lines if "->" in line] == [
        "lb-g: i-1 0 -> 10",
        f"lb-g, {APP}: i-1 port 8080 0 -> 10, i-1 port 8081 0 -> 5",
        "lb-g: i-1 10 -> 100",
        f"lb-g, {APP}: i-1 port 8080 10 -> 100, i-1 port 8081 5 -> 50",
    ]
    stage.assert_as_they_were()


@pytest.mark.parametrize("step", [0, 1, 2])
def test_step_of_a_ramp_that_fails_in_one_group(stage: Stage, session: Session, step: int) -> None:
    """The other group goes on with the ramp."""
    session.update("web1", ramp=(10, 50), **G)
    stage.slb.add_fault({"action": WRITE_GROUP, "skip": step, "kind": "error", "code": "Forbidden.RAM"})
    (result,) = session.restore("web1", ramp=(10, 50), **G)
    assert result["failed"]
    assert "someone else" not in result["msg"]
    assert stage.weights("lb-g")[0] == 100
    assert stage.groups()["rsp-app"][:2] == [[0, 0], [10, 5], [50, 25]][step]
    assert {entry.group for entry in stage.open_entries()} == {"rsp-app"}
    assert not stage.session().recover(ID)["failed"]
    stage.assert_as_they_were()


def test_someone_else_changes_one_port(stage: Stage, session: Session) -> None:
    session.update("web1", **G)
    stage.slb.set_weight("lb-g", "i-1", 77, "rsp-app", 8081)
    (result,) = session.restore("web1", **G)
    assert result["failed"]
    assert f"i-1 port 8081 in {APP} of lb-g has weight 77: someone else changed it" in result["msg"]
    assert (stage.weights("lb-g"), stage.groups()["rsp-app"]) == ([100, 60], [100, 77, 30])


# Take-over


def test_take_over_from_a_journal_that_knows_the_default_group_only(stage: Stage) -> None:
    """It was written before rolling updates knew of groups: its entries have no name of a group."""
    stage.session().drain("web1", server_groups="default", **G)
    path = Path(stage.folder.path_of(ID))
    document = json.loads(path.read_text())
    for row in document["entries"]:
        del row["group_name"]
    path.write_text(json.dumps(document))
    second = stage.session()
    (result,) = second.drain("web1", **G)
    assert [row["original_weight"] for row in result["servers"]] == [100, 100, 50]
    assert any("i-1 of lb-g was left at weight 0 by rolling update web-1.5" in line for line in second.warnings)
    second.host("web1", **G).prove()
    second.host("web1", **G).note_updated()
    second.restore("web1", **G)
    stage.assert_as_they_were()
    assert stage.open_entries() == []


@pytest.mark.parametrize("rolling_update_id", [ID, "web-1.6"])
def test_take_over_of_every_group(stage: Stage, rolling_update_id: str) -> None:
    stage.session().update("web1", **G)
    second = stage.session()
    second.id = rolling_update_id
    (result,) = second.drain("web1", **G)
    assert [row["original_weight"] for row in result["servers"]] == [100, 100, 50]
    assert len(second.warnings) == 3
    second.host("web1", **G).prove()
    second.host("web1", **G).note_updated()
    second.restore("web1", **G)
    stage.assert_as_they_were()
    assert stage.open_entries() == []


def test_member_that_another_run_has_in_one_group_keeps_the_host_in_traffic(stage: Stage) -> None:
    first, second = stage.session(is_running=True), stage.session()
    first.drain("web1", server_groups="default", **G)
    second.id = "web-1.6"
    with refusal(SlbError, "i-1 of lb-g is being updated by rolling update web-1.5"):
        second.host("web1", **G).check("off")
    assert second.host("web1", **G).drain(verify=False, check_listeners="off")["failed"]
    assert stage.groups() == GROUPS_AS_THEY_WERE


def test_recover_of_what_was_never_updated(stage: Stage, session: Session) -> None:
    session.drain("web1", "web3", **G)
    session.host("web1", **G).prove()
    result = stage.session().recover(ID, which="not_begun")
    assert [row["host"] for row in result["restored"]] == ["web3"]
    assert result["msg"].count("its update has begun or may have") == 1
    assert stage.groups() == {"rsp-app": [0, 0, 30], "rsp-api": [20, 40]}
    assert states(stage) == {UPDATING, RESTORED}


def test_check_mode(stage: Stage) -> None:
    session = stage.session(check_mode=True)
    (result,) = session.drain("web1", **G)
    assert result["changed"]
    assert not set(stage.actions()) & set(WRITES)
    assert f"Check mode: would set lb-g, {APP}: i-1 port 8080 100 -> 0, i-1 port 8081 50 -> 0" in " ".join(
        session.lines
    )
    record = result["ansible_stats"]["data"]["rolling_update_record"]
    assert [(row["group"], row["port"]) for row in record["entries"]] == [
        (None, None),
        ("rsp-app", 8080),
        ("rsp-app", 8081),
    ]
    stage.assert_as_they_were()


def test_record_is_enough_to_recover(stage: Stage, session: Session) -> None:
    session.drain("web1", **G)
    record = session.host("web1", **G).prove()["ansible_stats"]["data"]["rolling_update_record"]
    Path(stage.folder.path_of(ID)).unlink()
    assert len(stage.session().recover(None, record)["restored"]) == 3
    stage.assert_as_they_were()


def _get(url: str) -> str:
    from urllib.request import urlopen

    with urlopen(url, timeout=10) as response:
        return str(response.read().decode())
