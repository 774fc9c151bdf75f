# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The truth about a run, from the emulator's log and state, and where the module's word differs from it.

Nothing here is taken from the module's code. Its ``request_ids`` say which answers it got: they are compared with the
log first. Facts that the module cannot observe are exempt, see ``Story.mistakable``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from harness import Members, Run
from schedule import DESCRIBE, LISTENERS, SET, Document

from slb_emulator.model import BackendServer, Identity, MemberChange
from slb_emulator.service import RecordedRequest

PER_CALL = 20
LATE = 2.0  # seconds that a run may take beyond wait_timeout
LONGEST_PAUSE = 0.2  # see harness.make_time_cheap

# The API says with these: not now, or I do not know. A task goes on as long as there is time.
PASSING = (
    "BackendServer.configuring",
    "Throttling.User",
    "SystemBusy",
    "OperationConflict",
    "ServiceUnavailable",
    "InternalError",
    "NoAnswer",
    "UnusableAnswer",
)
OPEN = ("InternalError", "ServiceUnavailable")  # on a write: it may have taken effect
FINAL = ("Forbidden.RAM", "LbStatusNotSupport")
WITHOUT_EFFECT = ("cut_before", "error", "raw")


class Finding(NamedTuple):
    """A rule that a run has broken, and how."""

    rule: str
    detail: str


class Expected(NamedTuple):
    """What the request comes to on a group. ``wishes``: in the order of the request, identity to weight."""

    wishes: dict[Identity, int]
    changes: dict[Identity, int]
    refusals: frozenset[str]


def weights_of(members: Members) -> dict[Identity, int]:
    return {member.identity: member.weight for member in members}


def expected_of(run: Run, members: Members) -> Expected:
    """What is to be done on a group that was read, and the codes with which a task may refuse to."""
    options = run.schedule.options
    wishes: dict[Identity, int] = {}
    refusals = set()
    names = [tuple(map(server.get, ("server_id", "type", "server_ip"))) for server in run.schedule.backend_servers]
    if len(set(names)) < len(names):
        refusals.add("InvalidArgument")
    for server in run.schedule.backend_servers:
        found = [member for member in members if fits(server, member)]
        if not found and options["on_missing"] == "fail":
            refusals.add("UnknownMember")
        if len(found) > 1 or any(member.identity in wishes for member in found):
            refusals.add("InvalidArgument")
        for member in found[:1]:
            weight = int(server["weight"])
            wishes[member.identity] = weight
            if server.get("expected_weight", member.weight) not in (member.weight,) and member.weight != weight:
                refusals.add("UnexpectedWeight")
    current = weights_of(members)
    changes = {identity: weight for identity, weight in wishes.items() if current[identity] != weight}
    active = sum(weight > 0 for weight in {**current, **wishes}.values())
    if 0 in changes.values() and active < options["min_active"]:
        refusals.add("MinActive")
    return Expected(wishes, changes, frozenset(refusals))


def fits(server: Document, member: BackendServer) -> bool:
    return all(
        server.get(key, getattr(member, key)) == getattr(member, key) for key in ("server_id", "type", "server_ip")
    )


class Story:
    """What happened, request by request."""

    def __init__(self, run: Run) -> None:
        self.run = run
        # As the module made them; the log has them in the order in which they took effect.
        self.requests = sorted(run.requests, key=lambda record: record.received)
        self.answered_ids = set(run.result["request_ids"]) if run.result else set()
        self.history: list[Members] = [run.before]
        self.shown: dict[str, Members] = {}  # by request id of a read: what its answer has
        for record in run.requests:
            self._tell(record)

    def _tell(self, record: RecordedRequest) -> None:
        if record.fault == "edit":
            self.history.append(after_changes(self.history[-1], record.edits))
        if took_effect(record):
            self.history.append(after_changes(self.history[-1], record.changes))
        elif record.action == DESCRIBE:
            # A stale read shows the group as before the newest write or edit.
            self.shown[record.request_id] = self.history[-2:][0] if record.fault == "stale_read" else self.history[-1]

    def answered(self, record: RecordedRequest) -> bool:
        """Whether the module got a usable answer that says yes."""
        return record.request_id in self.answered_ids and record.code is None and record.fault != "raw"

    def is_open(self, record: RecordedRequest) -> bool:
        """Whether the answer to a write, if one came, leaves open what became of it."""
        return record.action == SET and (record.request_id not in self.answered_ids or record.code in OPEN)

    def reads(self) -> list[Members]:
        """What the answered reads showed, in their order."""
        return [self.shown[r.request_id] for r in self.requests if r.action == DESCRIBE and self.answered(r)]

    def writes(self) -> list[RecordedRequest]:
        return [record for record in self.requests if record.action == SET]

    def changed(self) -> set[Identity]:
        """The members that writes of this run changed, and did not change back to what the first read showed."""
        changes = [change for record in self.writes() for change in record.changes]
        last = {change.after.identity: change.after.weight for change in changes if change.after}
        at_first = weights_of(self.reads()[0])
        return {identity for identity, weight in last.items() if at_first.get(identity) != weight}

    def edited(self) -> set[Identity]:
        """The members that another job changed, added or removed."""
        changes = [change for record in self.run.requests for change in record.edits]
        return {member.identity for change in changes for member in (change.before, change.after) if member}

    def mistakable(self, wishes: dict[Identity, int]) -> set[Identity]:
        """The members that a task may take for changed by its own write, which got no answer or changed nothing.

        Another job gave them the very weight that was requested, during the run. Or they had it earlier, and a read that
        came late shows it.
        """
        changes = [change for record in self.run.requests for change in record.edits]
        members = [change.after for change in changes if change.after]
        for record in self.run.requests:
            if record.fault == "stale_read":
                members += self.shown.get(record.request_id, [])
        return {member.identity for member in members if member.weight == wishes.get(member.identity)}

    def newest_knowledge(self) -> list[BackendServer]:
        """The group of the last answered read, with the writes that were answered after it."""
        known: dict[Identity, BackendServer] = {}
        for record in self.requests:
            if not self.answered(record):
                continue
            if record.action == DESCRIBE:
                known = {member.identity: member for member in self.shown[record.request_id]}
            elif record.action == SET:
                for identity, weight in entries(record, known).items():
                    known[identity] = with_weight(known[identity], weight)
        return list(known.values())

    def open_at_the_end(self) -> set[Identity]:
        """The members that were sent, without an answer to that, and that the last read does not show as they were sent."""
        left: dict[Identity, int] = {}
        known: dict[Identity, BackendServer] = {}
        for record in self.requests:
            if record.action == DESCRIBE and self.answered(record):
                known = {member.identity: member for member in self.shown[record.request_id]}
            elif record.action == SET and self.answered(record):
                for identity in entries(record, known):
                    left.pop(identity, None)
            elif self.is_open(record):
                left.update(entries(record, known))
        return {i for i, weight in left.items() if i not in known or known[i].weight != weight}


def after_changes(members: Members, changes: Sequence[MemberChange]) -> Members:
    """The members after changes of the log."""
    result = {member.identity: member for member in members}
    for change in changes:
        if change.after is not None:
            result[change.after.identity] = change.after
        elif change.before is not None:
            del result[change.before.identity]
    return tuple(result.values())


def with_weight(member: BackendServer, weight: int) -> BackendServer:
    return BackendServer(member.server_id, weight, member.type, member.server_ip, member.description)


def took_effect(record: RecordedRequest) -> bool:
    """Whether a write reached the group, whatever became of its answer."""
    accepted = record.code is None or (record.fault == "error_after" and record.code in OPEN)
    return record.action == SET and record.fault not in WITHOUT_EFFECT and accepted


def entries(record: RecordedRequest, known: dict[Identity, BackendServer]) -> dict[Identity, int]:
    """What a write asked for. An ECS instance may be named without its address."""
    found = {}
    for entry in json.loads(record.parameters["BackendServers"]):
        identity = (entry["ServerId"], entry.get("Type", "ecs"), entry.get("ServerIp", ""))
        if identity not in known:
            identity = next((i for i in known if i[:2] == identity[:2] and not identity[2]), identity)
        found[identity] = int(entry["Weight"])
    return found


def findings(runs: list[Run]) -> list[Finding]:
    """What is wrong with a run and the two that follow it."""
    first, mended, settled = runs
    found = [*check(first)]
    found += [Finding(f"again: {rule}", detail) for rule, detail in [*check(mended), *check_mended(mended)]]
    found += [Finding(f"third: {rule}", detail) for rule, detail in [*check(settled), *check_settled(settled)]]
    return found


def check(run: Run) -> Iterator[Finding]:
    """Every rule that holds for a single run."""
    story = Story(run)
    if story.history[-1] != run.after:
        yield Finding("emulator", "its log does not add up to its state")
        return
    if run.crash:
        yield Finding("crash", run.crash)
    yield from check_requested_only(run, story)
    if run.result is None:
        return
    yield from check_calls(run, story)
    yield from check_time(run)
    reads = story.reads()
    if not reads:
        if not run.result.get("failed") or run.result["changed"] or "backend_servers" in run.result or story.writes():
            yield Finding("blind", f"the group was never read: {run.result}")
        yield from check_error(run, story, Expected({}, {}, frozenset(("InvalidArgument",))))
        return
    expected = expected_of(run, reads[0])
    yield from check_group(run, story, expected)
    yield from check_writes(run, story, expected)
    if run.result.get("failed"):
        yield from check_error(run, story, expected)
        yield from check_account(run, story, expected)
    else:
        yield from check_success(run, story, expected)


def check_requested_only(run: Run, story: Story) -> Iterator[Finding]:
    """A write changes nothing but weights, of what was requested, to what was requested."""
    for record in story.writes():
        for change in record.changes:
            if change.before is None or change.after is None:
                yield Finding("membership", f"{change}")
                continue
            before, after = change.before, change.after
            if with_weight(before, 0) != with_weight(after, 0):
                yield Finding("more than the weight", f"{before} -> {after}")
            wishes = {int(s["weight"]) for s in run.schedule.backend_servers if fits(s, before)}
            # The task knew the member as it was before what another job did right before the write.
            edited = (edit.before for edit in record.edits if edit.before and edit.before.identity == before.identity)
            if after.weight not in wishes and not may_go_back(run, story, next(edited, before), after.weight):
                yield Finding("not requested", f"{change} and not {wishes}")


def may_go_back(run: Run, story: Story, member: BackendServer, weight: int) -> bool:
    """Whether this takes back a drain, since some read showed fewer members in traffic than min_active."""
    reads = story.reads()
    too_few = any(active_count(group) < run.schedule.options["min_active"] for group in reads[1:])
    return too_few and member.weight == 0 and weights_of(reads[0]).get(member.identity) == weight


def active_count(members: Sequence[BackendServer]) -> int:
    return sum(member.weight > 0 for member in members)


def check_calls(run: Run, story: Story) -> Iterator[Finding]:
    assert run.result is not None
    ids = run.result["request_ids"]
    if run.result["api_calls"] != len(run.requests):
        yield Finding("api_calls", f"{run.result['api_calls']}, and {len(run.requests)} were made")
    if ids != [record.request_id for record in story.requests if record.request_id in story.answered_ids]:
        yield Finding("request_ids", "are not those of the log in their order")
    if not run.schedule.faults and not run.schedule.busy_seconds and run.seconds < run.schedule.options["read_timeout"]:
        yield from check_cost(run, story)


def check_cost(run: Run, story: Story) -> Iterator[Finding]:
    """Without faults: one read; for n changes ceil(n/20) writes, and a read at the end."""
    assert run.result is not None
    changes = len(run.result["changed_servers"])
    count = 1 if run.requests else 0  # some requests are refused as they stand
    if changes and not run.schedule.check_mode:
        drains = any(row["after"] == 0 for row in run.result["changed_servers"])
        reads_again = run.schedule.options["verify"] or (drains and run.schedule.options["min_active"] > 0)
        count += ceil(changes / PER_CALL) + reads_again
    listeners = sum(record.action == LISTENERS for record in run.requests)
    made = len(run.requests) - listeners - sum(record.code == "BackendServer.configuring" for record in run.requests)
    if made != count or listeners > 1:
        yield Finding("cost", f"{made} calls and {listeners} for listeners, for {changes} changes")


def check_time(run: Run) -> Iterator[Finding]:
    """Only in this process: how long another one takes until its clock starts depends on the machine."""
    over = run.seconds - run.schedule.options["wait_timeout"] - run.held_up
    if over > LATE and not run.schedule.as_process:
        yield Finding("deadline", f"{run.seconds:.1f} s, held up by the machine for {run.held_up:.1f} s")


def check_group(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """``backend_servers``, ``active_count`` and ``previous``."""
    assert run.result is not None
    members = story.newest_knowledge()
    if run.schedule.check_mode and not run.result.get("failed"):
        members = [with_weight(member, expected.wishes.get(member.identity, member.weight)) for member in members]
    group = [
        {
            "server_id": member.server_id,
            "weight": member.weight,
            "type": member.type,
            "server_ip": member.server_ip or None,
            "description": member.description or None,
        }
        for member in members
    ]
    told = run.result["backend_servers"]
    if told != group:
        different = [f"{said} and not {true}" for said, true in zip(told, group) if said != true]
        yield Finding(
            "backend_servers", f"{len(told)} and not {len(group)}" if len(told) != len(group) else different[0]
        )
    if run.result["active_count"] != sum(member["weight"] > 0 for member in told):
        yield Finding("active_count", f"{run.result['active_count']}")
    if "previous" in run.result or not {"InvalidArgument", "UnexpectedWeight"} & expected.refusals:
        at_first = weights_of(story.reads()[0])
        previous = [option(identity, at_first[identity]) for identity in expected.wishes]
        if run.result.get("previous") != previous:
            yield Finding("previous", f"{run.result.get('previous')} and not {previous}")


def option(identity: Identity, weight: int) -> Document:
    """A member in the shape of the option ``backend_servers``."""
    server_id, server_type, server_ip = identity
    address = {"server_ip": server_ip} if server_ip else {}
    return {"server_id": server_id, "weight": weight, "type": server_type, **address}


def check_writes(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """Writes ask for what differs and no more, and never undo what the task has seen another job do.

    A write whose outcome is open is sent again only after a look at the group.
    """
    known: dict[Identity, BackendServer] = {member.identity: member for member in story.reads()[0]}
    at_first = weights_of(story.reads()[0])
    if story.writes() and (run.schedule.check_mode or expected.refusals):
        yield Finding("written", f"in check mode, or in spite of {set(expected.refusals)}")
    unread: set[Identity] = set()
    for record in story.requests:
        if record.action == DESCRIBE and story.answered(record):
            known = {member.identity: member for member in story.shown[record.request_id]}
            unread.clear()
        if record.action != SET:
            continue
        asked = entries(record, known)
        if unread & set(asked):
            yield Finding("sent again", f"{unread & set(asked)} without a look at the group")
        if story.is_open(record):
            unread.update(asked)
        if len(asked) > PER_CALL:
            yield Finding("batch", f"{len(asked)} in a call")
        for identity, weight in asked.items():
            if expected.changes.get(identity) != weight:
                if identity not in known or not may_go_back(run, story, known[identity], weight):
                    yield Finding("needless", f"{identity} to {weight}, wanted are {expected.changes}")
            elif identity in known and known[identity].weight not in (at_first[identity], weight):
                yield Finding("undone", f"{identity} was seen to have {known[identity].weight}, and {weight} was sent")


def claims(listed: list[Document]) -> dict[Identity, tuple[int, int]]:
    """Rows of the shape of ``changed_servers``: identity to (before, after)."""
    return {(row["server_id"], row["type"], row["server_ip"] or ""): (row["before"], row["after"]) for row in listed}


def check_success(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """Success: the group is as requested, by the last read, and by the state if no other job has interfered."""
    assert run.result is not None
    if expected.refusals:
        yield Finding("not refused", f"expected was one of {set(expected.refusals)}")
        return
    at_first = weights_of(story.reads()[0])
    told = claims(run.result["changed_servers"])
    wanted = {identity: (at_first[identity], weight) for identity, weight in expected.changes.items()}
    if told != wanted:
        yield Finding("changed_servers", f"{told} and not {wanted}")
    if run.result["changed"] is not bool(told):
        yield Finding("changed", f"{run.result['changed']}, with {told}")
    if run.schedule.check_mode:
        return
    strangers = set(told) - story.changed() - story.mistakable(expected.wishes)
    if strangers or not story.changed() <= set(told):
        yield Finding("changed_servers", f"told {set(told)}, and {story.changed()} were changed")
    now = weights_of(run.after)
    wrong = {i: now.get(i) for i, w in expected.wishes.items() if now.get(i) != w and i not in story.edited()}
    if wrong:
        yield Finding("success", f"{wrong} are not as requested: {expected.wishes}")
    min_active = run.schedule.options["min_active"]
    if 0 in expected.changes.values() and active_count(story.reads()[-1]) < min_active:
        yield Finding("min_active", f"the last read showed {active_count(story.reads()[-1])}, and not {min_active}")
    if not run.schedule.options["verify"]:
        return
    last = weights_of(story.reads()[-1])
    wrong = {
        identity: last.get(identity) for identity, weight in expected.wishes.items() if last.get(identity) != weight
    }
    if wrong:
        yield Finding("success", f"the last read showed {wrong}, requested were {expected.wishes}")
    # A write that was no longer waited for, and was sent again, may take effect at any time.
    if [record.action for record in story.requests if story.answered(record)][-1] == SET:
        yield Finding("success", "nothing was read after the last write")


def check_account(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """After a failure: every planned change is in one of the lists, and in the right one."""
    assert run.result is not None
    at_first = weights_of(story.reads()[0])
    applied, not_applied, unconfirmed = (claims(run.result[name]) for name in ("applied", "not_applied", "unconfirmed"))
    if run.result["changed_servers"] != run.result["applied"]:
        yield Finding("changed_servers", "differ from applied")
    if run.result["changed"] is not bool(applied or unconfirmed):
        yield Finding("changed", f"{run.result['changed']}: applied {applied}, unconfirmed {unconfirmed}")
    if "previous" in run.result:
        planned = sorted((i, (at_first[i], weight)) for i, weight in expected.changes.items())
        if sorted([*applied.items(), *not_applied.items(), *unconfirmed.items()]) != planned:
            yield Finding("account", f"{applied}, {not_applied}, {unconfirmed} are not {planned}")
    if story.changed() & set(not_applied):
        yield Finding("not_applied", f"{story.changed() & set(not_applied)} were changed")
    not_changed = set(applied) - story.changed() - story.mistakable(expected.wishes)
    if not_changed:
        yield Finding("applied", f"{not_changed} were not changed")
    if story.writes() and story.requests[-1].action == SET and not run.was_held_up():
        yield Finding("account", "no look at the group after the last write")
    if set(unconfirmed) != story.open_at_the_end():
        yield Finding("unconfirmed", f"{set(unconfirmed)} and not {story.open_at_the_end()}")


def check_error(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """A failure has a reason, and a passing one is waited for as long as there is time."""
    assert run.result is not None
    if not run.result.get("failed"):
        return
    code = run.result["error"]["code"]
    faults = {record.fault for record in run.requests}
    if expected.refusals and code in expected.refusals:
        return
    out_of_time = run.seconds > run.schedule.options["wait_timeout"] - LONGEST_PAUSE or run.schedule.as_process
    strange_form = any(fault.get("body") == "{}" for fault in run.schedule.faults) and "raw" in faults
    something_happened = len(faults | {None}) > 1 or run.schedule.busy_seconds > 0 or run.was_held_up()
    has_reason = (
        (code in PASSING and out_of_time and something_happened)
        or (code in FINAL and any(record.code == code for record in run.requests))
        or (code == "ObtainIpFail" and "edit" in faults)
        or (code in ("ChangedMeanwhile", "MinActive") and "edit" in faults)
        or (code in ("NotVerified", "DeadlineReached") and out_of_time and something_happened)
        or (code == "UnusableAnswer" and strange_form)
    )
    if not has_reason:
        yield Finding("failure", f"after {run.seconds:.1f} s, {faults}: {run.result['error']}")


def check_mended(run: Run) -> Iterator[Finding]:
    """Without faults, a request that can be fulfilled is."""
    if run.result is None:
        return
    expected = expected_of(run, run.before)
    if bool(run.result.get("failed")) is not bool(expected.refusals):
        yield Finding("convergence", f"{run.result}")
    if not expected.refusals:
        now = weights_of(run.after)
        if any(now[identity] != weight for identity, weight in expected.wishes.items()):
            yield Finding("convergence", f"{now} is not {expected.wishes}")


def check_settled(run: Run) -> Iterator[Finding]:
    """What is done is not done again."""
    if run.result is not None and (run.result["changed"] or run.before != run.after):
        yield Finding("idempotence", f"{run.result}")
