# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judge, on records that were made up: it finds what is wrong, and nothing where all is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from slb_emulator import BackendServer, MemberChange, RecordedRequest

from . import judge, stage
from .runs import Edit, Mark, Members, Run, printed_command
from .schedule import DESCRIBE, HEALTH, SET, SET_GROUP, Document, Schedule, make

LB = "lb-a"
COMMAND = "ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1"
TOLD_DRAIN = f"{COMMAND}\n{LB}: i-1 100 -> 0; 2 of 3 members in traffic"
HOST = {
    "type": "ecs",
    "server_ip": "",
    "zone": "zone_a",
    "load_balancers": [[LB]],
    "applies": True,
    "lost": False,
}
HOSTS = [
    {**HOST, "name": "web1", "server_id": "i-1", "weights": {LB: 100}},
    {**HOST, "name": "web2", "server_id": "i-2", "weights": {LB: 60}},
]
PLAIN = Schedule(1, HOSTS, {LB: [{"server_id": "i-9", "weight": 100}]})
STAYED = Members({LB: tuple(BackendServer(name, weight) for name, weight in (("i-1", 100), ("i-2", 60), ("i-9", 100)))})


def with_weights(members: Members, **weights: int) -> Members:
    """The members with other weights; i_1 stands for i-1."""
    wanted = {name.replace("_", "-"): weight for name, weight in weights.items()}
    return {
        name: tuple(replace(member, weight=wanted.get(member.server_id, member.weight)) for member in found)
        for name, found in members.items()
    }


class Record:
    """Makes up the record of a run."""

    def __init__(self, before: Members | None = None) -> None:
        self.before = self.now = STAYED if before is None else before
        self.requests: list[RecordedRequest] = []
        self.events: list[Mark | Edit] = []

    def request(
        self, action: str, changes: Sequence[MemberChange] = (), fault: str | None = None, **parameters: str
    ) -> Record:
        is_cut = fault in ("cut_before", "cut_after")
        self.requests.append(
            RecordedRequest(
                action,
                "POST",
                {"LoadBalancerId": LB, **parameters},
                {},
                "http",
                "",
                None if is_cut else 200,
                None,
                "",
                fault,
                tuple(changes),
            )
        )
        return self

    def read(self, fault: str | None = None) -> Record:
        return self.request(DESCRIBE, fault=fault)

    def change(self, **weights: int) -> tuple[MemberChange, ...]:
        before, self.now = self.now, {**self.now, **with_weights({LB: self.now[LB]}, **weights)}
        return tuple(MemberChange(old, new) for old, new in zip(before[LB], self.now[LB]) if old != new)

    def write(self, fault: str | None = None, /, **weights: int) -> Record:
        sent = [{"ServerId": name.replace("_", "-"), "Weight": str(weight)} for name, weight in weights.items()]
        return self.request(SET, self.change(**weights), fault, BackendServers=json.dumps(sent))

    def mark(self, host: str, step: str = "begin", play: int = 0) -> Record:
        self.events.append(Mark(len(self.requests), play, host, step, self.now))
        return self

    def edit(self, **weights: int) -> Record:
        self.events.append(Edit(len(self.requests), LB, self.change(**weights)))
        return self

    def run(self, exit_code: int | None = 0, output: str = "", name: str = "roll", **known: Any) -> Run:
        known = {"hosts": ("web1", "web2"), **known}
        return Run(name, [], exit_code, output, self.before, self.now, self.requests, self.events, **known)


def drained(**weights: int) -> Record:
    """A batch that is read, drained, and proven to be out."""
    return Record().read().write(**weights).read()


def rolled() -> Record:
    """Two batches, as they should be."""
    record = Record()
    for name, host, weight in (("i_1", "web1", 100), ("i_2", "web2", 60)):
        record.read().write(**{name: 0}).read().mark(host).mark(host, "end").request(HEALTH).write(
            **{name: weight}
        ).read()
    return record


def recovered(before: Members, **weights: int) -> Run:
    output = f"{LB}: i-1 0 -> 100; 3 of 3 members in traffic"
    return Record(before).read().write(**weights).read().run(output=output, name="recover")


def idle(before: Members) -> Run:
    return Record(before).run(name="recover")


def rules(*runs: Run, schedule: Schedule = PLAIN) -> set[str]:
    return {finding.rule for finding in judge.findings(schedule, list(runs))}


TOLD = f"""
{LB}: i-1 100 -> 0; 2 of 3 members in traffic
{LB}: i-1 0 -> 100; 3 of 3 members in traffic
{LB}: i-2 60 -> 0; 2 of 3 members in traffic
{LB}: i-2 0 -> 60; 3 of 3 members in traffic
"""


def test_all_is_right() -> None:
    recap = "web1 : ok=9 changed=2 unreachable=0 failed=0\nweb2 : ok=9 changed=2 unreachable=0 failed=0"
    assert rules(rolled().run(output=TOLD + recap)) == set()


def test_a_failure_that_is_recovered_is_right() -> None:
    failed = drained(i_1=0).mark("web1").run(2, TOLD_DRAIN)
    schedule = replace(PLAIN, update={"kind": "fail", "hosts": ["web1"]})
    assert rules(failed, recovered(failed.after, i_1=100), idle(STAYED), schedule=schedule) == set()


# --- promise 1 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        Record().read().mark("web1"),
        drained(i_1=0).mark("web2"),
        drained(i_1=0).mark("web1").write(i_1=100).mark("web1", "end"),
        Record().read().write(i_1=1).read().mark("web1"),
        drained(i_1=0).edit(i_1=30).read().mark("web1"),
        Record().read().write(i_1=0).edit(i_1=30).mark("web1"),
        drained(i_1=0).edit(i_1=30).read().read("stale_read").write(i_1=40).mark("web1"),
    ],
    ids=["never drained", "another host", "back too early", "in part", "proof shows it", "no proof", "own write"],
)
def test_an_update_under_traffic_is_found(record: Record) -> None:
    assert "update under traffic" in rules(record.run(2, COMMAND))


@pytest.mark.parametrize(
    "record",
    [
        drained(i_1=0).edit(i_1=30).mark("web1"),
        drained(i_1=0).edit(i_1=30).read("cut_after").mark("web1"),
        drained(i_1=0).mark("web1").edit(i_1=30).read().mark("web1", "end"),
        drained(i_1=0).edit(i_1=30).read("stale_read").mark("web1"),
    ],
    ids=["after the proof", "unread", "in mid-update", "stale read"],
)
def test_what_the_role_cannot_know_is_excused(record: Record) -> None:
    assert "update under traffic" not in rules(record.run(2, COMMAND))


def test_another_load_balancer_of_the_host_counts() -> None:
    host = {**HOSTS[0], "load_balancers": [[LB, "lb-b"]], "weights": {LB: 100, "lb-b": 100}}
    schedule = replace(PLAIN, hosts=[host], others={LB: [], "lb-b": []})
    record = Record({LB: (BackendServer("i-1", 0),), "lb-b": (BackendServer("i-1", 100),)}).read().mark("web1")
    assert "update under traffic" in rules(record.run(), schedule=schedule)


APP: Document = {
    "load_balancer_id": LB,
    "vserver_group_id": "rsp-a0",
    "name": "app",
    "use": "listener",
    "members": [{"server_id": name, "type": "ecs", "port": 8080, "weight": 50} for name in ("i-1", "i-2")],
}
IN_GROUPS = replace(PLAIN, groups=[APP])
STAYED_IN_GROUPS = {**STAYED, "rsp-a0": tuple(BackendServer(name, 50, port=8080) for name in ("i-1", "i-2"))}


def in_group(record: Record, **weights: int) -> Record:
    """A write to the vServer group, by the run."""
    before = record.now["rsp-a0"]
    record.now = {**record.now, **with_weights({"rsp-a0": before}, **weights)}
    changes = [MemberChange(old, new, "rsp-a0") for old, new in zip(before, record.now["rsp-a0"]) if old != new]
    group = {"VServerGroupId": "rsp-a0"}
    record.requests.append(
        RecordedRequest(SET_GROUP, "POST", group, {}, "http", "", 200, None, "", None, tuple(changes))
    )
    return record


GROUP_LINES = f"""
{LB}: i-1 100 -> 0; 2 of 3 members in traffic
{LB}: i-1 0 -> 100; 3 of 3 members in traffic
{LB}, vServer group app (rsp-a0): i-1 port 8080 50 -> 0; 1 of 2 members in traffic
{LB}, vServer group app (rsp-a0): i-1 port 8080 0 -> 50; 2 of 2 members in traffic
"""


@pytest.mark.parametrize("group", ["app (rsp-a0)", "my app (rsp-a0)", "rsp-a0"])
def test_a_roll_over_groups_that_is_right(group: str) -> None:
    record = in_group(Record(STAYED_IN_GROUPS).read().write(i_1=0), i_1=0).mark("web1")
    output = GROUP_LINES.replace("app (rsp-a0)", group)
    assert rules(in_group(record.write(i_1=100), i_1=50).run(output=output), schedule=IN_GROUPS) == set()


def test_traffic_through_a_group_is_found() -> None:
    record = Record(STAYED_IN_GROUPS).read().write(i_1=0).read().mark("web1").write(i_1=100)
    assert rules(record.run(output="\n".join(GROUP_LINES.splitlines()[:3])), schedule=IN_GROUPS) == {
        "update under traffic"
    }


def test_a_server_that_stays_out_of_a_group_is_found() -> None:
    record = in_group(Record(STAYED_IN_GROUPS).read().write(i_1=0), i_1=0).mark("web1").write(i_1=100)
    assert "green with servers out" in rules(record.run(output=GROUP_LINES), schedule=IN_GROUPS)


def test_too_few_members_of_a_group_are_found() -> None:
    record = in_group(in_group(Record(STAYED_IN_GROUPS), i_1=0, i_2=0), i_1=50, i_2=50)
    assert "min_active" in rules(record.run(), schedule=IN_GROUPS)


def test_what_is_said_about_a_group_counts_for_that_group() -> None:
    record = in_group(in_group(Record(STAYED_IN_GROUPS), i_1=0), i_1=50)
    output = GROUP_LINES.replace("8080", "8081")
    assert {"untrue line", "untold"} <= rules(record.run(output=output), schedule=IN_GROUPS)


def test_an_update_in_check_mode_may_be_under_traffic() -> None:
    schedule = replace(PLAIN, check="option")
    assert rules(Record().read().mark("web1").run(), schedule=schedule) == set()


def test_a_host_that_the_play_leaves_out_is_not_updated() -> None:
    run = drained(i_1=0).mark("web1").write(i_1=100).run(hosts=("web2",))
    assert {"not this host", "not this member"} <= rules(run)


# --- promise 2 ------------------------------------------------------------------------------


def test_a_green_run_with_a_server_out_is_found() -> None:
    assert "green with servers out" in rules(drained(i_1=0).mark("web1").run())


def test_a_weight_that_is_not_the_original_one_is_found() -> None:
    assert "green with servers out" in rules(drained(i_1=0).mark("web1").write(i_1=50).run())


def test_what_another_job_gave_is_no_finding_if_it_is_reported() -> None:
    record = drained(i_1=0).mark("web1").edit(i_1=30).read()
    assert rules(record.run(0, "i-1 of lb-a: another job gave it 30")) == set()
    assert rules(record.run(0, "all is well")) == {"not reported"}


def test_a_change_without_a_line_is_found() -> None:
    assert rules(rolled().run(output=TOLD.replace("i-2 0 -> 60", "i-2"))) == {"untold"}
    assert rules(rolled().run(output="", has_faults=True)) == set()


def test_a_weight_that_neither_the_run_nor_another_job_meant_is_found() -> None:
    record = drained(i_1=0).mark("web1").edit(i_1=30).read().write(i_1=44)
    assert "green with servers out" in rules(record.run(0, "i-1"))


@pytest.mark.parametrize("output", ["", "ansible-playbook aliyun_community.slb.recover", "rolling_update_id=web-1"])
def test_servers_that_are_out_without_a_word_are_found(output: str) -> None:
    failed = drained(i_1=0).run(2, output)
    assert "no word" in rules(failed, recovered(failed.after, i_1=100))


def test_the_word_has_the_id_that_was_given() -> None:
    schedule = replace(PLAIN, options={"id": "web-2"})
    assert "no word" in rules(drained(i_1=0).run(-9, COMMAND, signalled=True), schedule=schedule)
    assert "no word" not in rules(
        drained(i_1=0).run(-9, COMMAND.replace("web-1", "web-2"), signalled=True), schedule=schedule
    )


def test_nothing_need_be_said_when_nothing_is_out() -> None:
    assert rules(Record().read().run(-15, signalled=True)) == set()


def test_a_recovery_that_forgets_a_server_is_found() -> None:
    failed = drained(i_1=0, i_2=0).run(-9, COMMAND, signalled=True)
    assert "green with servers out" in rules(failed, recovered(failed.after, i_1=100))


def test_a_recovery_that_fails_is_found() -> None:
    failed = drained(i_1=0).run(-9, COMMAND, signalled=True)
    again = Record(failed.after).read().run(2, name="recover")
    assert {"recover failed", "forgotten"} <= rules(failed, again)


def test_a_recovery_that_writes_a_second_time_is_found() -> None:
    failed = drained(i_1=0).run(-9, COMMAND, signalled=True)
    second = Record(STAYED).read().write(i_1=100).run(name="recover")
    assert "recover twice" in rules(failed, recovered(failed.after, i_1=100), second)


def test_the_original_weight_is_that_before_the_first_run() -> None:
    failed = drained(i_1=0).run(-9, COMMAND, signalled=True)
    second = Record(failed.after).read().mark("web1").run(name="again")
    assert "green with servers out" in rules(failed, second)


# --- promise 3 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "object of type 'HostVarsVars' has no attribute '__rolling_update_roll'",
        "'rolling_update_server_id' is undefined",
        "Unexpected templating type error occurred",
        "KeyError: 'servers'",
    ],
)
def test_a_raw_error_is_found(line: str) -> None:
    assert "raw error" in rules(Record().run(2, f"fatal: [web1]: FAILED! => {line}"))


def test_after_a_signal_a_traceback_of_ansible_is_none_of_ours() -> None:
    said = """Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/ansible/executor/task_queue_manager.py", line 227, in _signal_handler
ValueError: process object is closed
"""
    ours = said.replace("dist-packages/ansible/executor", "ansible_collections/aliyun_community/slb/plugins/action")
    assert rules(Record().run(99, said, signalled=True)) == set()
    assert "raw error" in rules(Record().run(99, said))
    assert "raw error" in rules(Record().run(99, ours, signalled=True))


@pytest.mark.parametrize("line", [f"{LB}: i-1 100 -> 0", f"{LB}: i-2 60 -> 0, i-1 100 -> 0; 1 of 3 members"])
def test_a_line_about_a_change_that_did_not_happen_is_found(line: str) -> None:
    record = Record().read().write(i_2=0).write(i_2=60)
    assert "untrue line" in rules(record.run(output=line))


def test_a_line_with_the_weight_that_was_read_is_right() -> None:
    """Another job changed it between the read and the write."""
    line = f"{LB}: i-1 100 -> 0; 2 of 3 members in traffic"
    assert "untrue line" not in rules(Record().read().edit(i_1=30).write(i_1=0).read().run(output=line))
    assert "untrue line" not in rules(Record().read().edit(i_1=0).write(i_1=0).read().run(output=line))
    cut = Record().read().edit(i_1=30).write("cut_after", i_1=0).read()
    assert "untrue line" not in rules(cut.run(output=line))
    assert "untrue line" in rules(Record().read().edit(i_1=30).write("cut_before").read().run(output=line))
    assert "untrue line" in rules(Record().edit(i_1=30).read().write(i_1=0).read().run(output=line))
    assert "untrue line" in rules(Record().read().edit(i_1=30).read().run(output=line))


@pytest.mark.parametrize("changed", [(0, 2), (2, 0)])
def test_an_untrue_changed_is_found(changed: tuple[int, int]) -> None:
    recap = "\n".join(f"web{n} : ok=9 changed={c} unreachable=0 failed=0" for n, c in enumerate(changed, 1))
    assert rules(rolled().run(output=TOLD + recap)) == {"changed"}


def test_a_write_in_check_mode_is_found() -> None:
    assert "check mode" in rules(rolled().run(), schedule=replace(PLAIN, check="keyword"))


def test_a_write_to_a_member_of_no_host_is_found() -> None:
    assert "not this member" in rules(Record().read().write(i_9=0).write(i_9=100).run())


def test_a_write_to_a_host_that_cannot_be_reached_is_found() -> None:
    lost = replace(PLAIN, hosts=[{**HOSTS[0], "lost": True}, HOSTS[1]])
    assert "not this member" in rules(rolled().run(), schedule=lost)


def test_too_few_members_in_traffic_are_found() -> None:
    schedule = replace(PLAIN, options={"min_active": 2})
    assert "min_active" not in rules(rolled().run(), schedule=schedule)
    assert "min_active" in rules(drained(i_1=0, i_2=0).write(i_1=100, i_2=60).run(), schedule=schedule)


def test_an_update_that_ends_the_host_must_be_refused() -> None:
    schedule = replace(PLAIN, update={"kind": "end_static", "hosts": ["web1"]})
    assert "not refused" in rules(rolled().run(), schedule=schedule)
    assert rules(Record().read().run(2), schedule=schedule) == set()


def test_what_an_earlier_run_has_left_out_may_leave_too_few_to_begin() -> None:
    failed = drained(i_1=0).run(-9, COMMAND, signalled=True)
    said = f"MinActive: 1 of 3 members. {COMMAND}"
    assert "refused" not in rules(failed, Record(failed.after).read().run(2, said, name="again"))
    assert "refused" in rules(failed, Record(failed.after).read().run(2, COMMAND, name="again"))
    others = Record(failed.after).read().write(i_2=0).write(i_2=60)
    assert "refused" not in rules(failed, others.run(2, said, name="again"))
    assert "refused" in rules(failed, Record(failed.after).read().write(i_2=0).run(2, said, name="again"))
    assert "refused" in rules(Record().read().run(2, said))


def test_with_a_limit_servers_of_other_hosts_stay_out() -> None:
    failed = drained(i_1=0, i_2=0).run(-9, COMMAND, signalled=True)
    said = f"still out of traffic: web1. {COMMAND}"
    assert "refused" not in rules(
        failed, Record(failed.after).read().write(i_2=60).run(2, said, "again", hosts=("web2",))
    )
    assert "refused" in rules(failed, Record(failed.after).read().write(i_1=100, i_2=60).run(2, said, name="again"))


def test_a_valid_play_that_fails_is_found() -> None:
    assert rules(Record().read().run(2)) == {"refused"}
    assert (
        rules(Record().read().run(2, has_faults=True), schedule=replace(PLAIN, faults=[{"kind": "cut_before"}]))
        == set()
    )


def test_a_run_that_hangs_or_leaves_processes_is_found() -> None:
    assert {"hung", "left over"} <= rules(Record().run(None, left_over=True))


def test_a_record_that_does_not_add_up_is_found() -> None:
    assert rules(replace(Record().run(), after=with_weights(STAYED, i_1=1))) == {"emulator"}


# --- what is printed for people to copy -------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "arguments"),
    [
        (COMMAND, ["-e", "rolling_update_id=web-1"]),
        (f'"msg": "Fix it: {COMMAND}", "servers": ["i-1"]', ["-e", "rolling_update_id=web-1"]),
        (
            f"{COMMAND} -e 'rolling_update_record_dir=/a b'.",
            ["-e", "rolling_update_id=web-1", "-e", "rolling_update_record_dir=/a b"],
        ),
        (
            f"{COMMAND} -e rolling_update_record_dir='/a b'",
            ["-e", "rolling_update_id=web-1", "-e", "rolling_update_record_dir=/a b"],
        ),
    ],
)
def test_the_printed_command(printed: str, arguments: list[str]) -> None:
    run = Record().run(2, printed)
    assert printed_command([run]) == [stage.RECOVER_PLAYBOOK, *arguments]


def test_two_printed_commands_are_none() -> None:
    runs = [Record().run(2, COMMAND), Record().run(2, COMMAND.replace("web-1", "web-2"))]
    assert printed_command(runs) is None


# --- schedules ----------------------------------------------------------------------------------


def test_a_schedule_is_that_of_its_number() -> None:
    assert [make(seed) for seed in range(200)] == [make(seed) for seed in range(200)]


def test_schedules_cover_what_there_is() -> None:
    schedules = [make(seed) for seed in range(600)]
    forms = {"roles", "include_role", "import_role", "entry_points", "playbook", "twice", "loop"}
    assert {schedule.form for schedule in schedules} == forms
    assert {schedule.keywords.get("strategy") for schedule in schedules} == {None, "linear", "free", "host_pinned"}
    assert {schedule.signal.get("number") for schedule in schedules} == {None, "INT", "TERM", "KILL"}
    assert {schedule.become for schedule in schedules} == {"", "group_vars", "play_vars", "keyword"}
    assert {schedule.must_succeed() for schedule in schedules} == {True, False}
    assert any(schedule.edits for schedule in schedules)
    assert any(schedule.faults for schedule in schedules)
    assert {group["use"] for schedule in schedules for group in schedule.groups} == {"listener", "rule", "spare"}
    assert any(len(host["weights"]) < len(host["load_balancers"][0]) for each in schedules for host in each.hosts)


def test_batches() -> None:
    hosts = [{**HOSTS[0], "name": f"web{number}"} for number in range(5)]

    def sizes(serial: Any) -> list[int]:
        return [len(batch) for batch in replace(PLAIN, hosts=hosts, keywords={"serial": serial}).batches()]

    assert [sizes(serial) for serial in (None, 2, "50%", [1, 2])] == [[5], [2, 2, 1], [2, 2, 1], [1, 2, 2]]
