# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of the module at once on one load balancer, which is busy for a second after each write."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from harness import Members, Run, arguments, members_of, module_process, outcome_of
from oracle import after_changes, check
from schedule import PLAIN_OPTIONS, Document, Schedule

from slb_emulator import MemberChange, RecordedRequest, running

PROCESSES = 16
# No time is asserted: a job may have to wait for all others, on a slow machine.
OPTIONS = {**PLAIN_OPTIONS, "wait_timeout": 500, "read_timeout": 60}


def test_disjoint_members() -> None:
    requests = [[server(3 * job + number, job + 1) for number in range(3)] for job in range(PROCESSES)]
    before, after, log, results = run_together(3 * PROCESSES + 5, requests, OPTIONS)
    assert all(result["changed"] and not result.get("failed") for result in results)
    asked = {entry["server_id"]: entry["weight"] for request in requests for entry in request}
    assert {member.server.server_id: member.weight for member in after} == {
        member.server.server_id: asked.get(member.server.server_id, member.weight) for member in before
    }
    assert_truth(before, log, requests, results, OPTIONS)


def test_overlapping_members() -> None:
    requests = [[server(number, job + 1) for number in range(3)] for job in range(PROCESSES)]
    before, after, log, results = run_together(5, requests, OPTIONS)
    # By then another job may have written: the only failure there can be.
    codes = {result["error"]["code"] for result in results if result.get("failed")}
    assert codes <= {"ChangedMeanwhile"}
    last = [record for record in log if record.changes][-1]
    assert {
        member.server.server_id: member.weight for member in after if member.server.server_id in last.changed_members
    } == {change.after.server_id: change.after.weight for change in last.changes if change.after}
    assert len({member.weight for member in after[:3]}) == 1
    assert_truth(before, log, requests, results, OPTIONS)


def test_drains_that_are_too_many_together() -> None:
    """Each leaves enough by itself, and most have read the group before the first one writes."""
    guarded = {**OPTIONS, "min_active": 5}
    requests = [[server(job, 0)] for job in range(8)]
    before, after, log, results = run_together(8, requests, guarded)
    codes = {result["error"]["code"] for result in results if result.get("failed")}
    assert codes == {"MinActive"}
    assert sum(member.weight > 0 for member in after) >= 5
    assert [member.weight for member in after] == [100 if result.get("failed") else 0 for result in results]
    assert_truth(before, log, requests, results, guarded)


def server(number: int, weight: int) -> Document:
    return {"server_id": f"i-{number}", "weight": weight}


def schedule_of(size: int, request: Sequence[Document], options: Document) -> Schedule:
    members = [{"server_id": f"i-{number}", "weight": 100, "description": f"web-{number}"} for number in range(size)]
    return Schedule(0, members, list(request), options, [], busy_seconds=1.0, as_process=True)


def run_together(
    size: int, requests: Sequence[Sequence[Document]], options: Document
) -> tuple[Members, Members, list[RecordedRequest], list[Document]]:
    """The group before and after, the log, and the results of one process for each request."""
    schedules = [schedule_of(size, request, options) for request in requests]
    with running(schedules[0].state(), busy_seconds=schedules[0].busy_seconds) as emulator, ExitStack() as stack:
        before = members_of(emulator, [""])
        processes = [stack.enter_context(module_process(arguments(told), emulator.url)) for told in schedules]
        results = []
        for process in processes:
            result, complaint = outcome_of(process, seconds=OPTIONS["wait_timeout"])
            assert not complaint
            assert result is not None
            results.append(result)
        return before, members_of(emulator, [""]), emulator.requests, results


def assert_truth(
    before: Members,
    log: list[RecordedRequest],
    requests: Sequence[Sequence[Document]],
    results: list[Document],
    options: Document,
) -> None:
    """Every job's word holds; to each of them, the others are another job that edits the group."""
    assert sum(result["api_calls"] for result in results) == len(log)
    for request, result in zip(requests, results):
        seen, own = seen_by(before, log, set(result["request_ids"]))
        told = schedule_of(len(before), request, options)
        assert list(check(Run(told, before, seen, own, result, "", 0.0, 0.0))) == []


def seen_by(
    before: Members, log: list[RecordedRequest], request_ids: set[str]
) -> tuple[Members, list[RecordedRequest]]:
    """The group at the last request of a job, and its requests, with what others wrote as edits."""
    members, others = before, list[MemberChange]()
    own: list[RecordedRequest] = []
    for record in log:
        if record.request_id not in request_ids:
            others.extend(record.changes)
            continue
        members = after_changes(members, [*others, *record.changes])
        own.append(replace(record, fault="edit", edits=tuple(others), edited_groups=("",)))
        others = []
    return members, own
