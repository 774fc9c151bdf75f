# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The truth about a run, from the emulator's log and state, and where the module's word differs from it.

Nothing here is taken from the module's code. Its ``request_ids`` say which answers it got: they are compared with the
log first. Facts that the module cannot observe are exempt, see ``Story.mistakable``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from harness import Identity, Member, Members, Run
from schedule import LIST, LISTENERS, PAIR, READS, RULES, SET_GROUP, WRITES, Document, routes_of
from traffic import Fact, Task, difference, facts_of

from slb_emulator import BackendServer, MemberChange, RecordedRequest

PER_CALL = 20
LATE = 2.0  # seconds that a run may take beyond wait_timeout
LONGEST_PAUSE = 0.2  # see harness.make_time_cheap

# The API says with these: not now, or I do not know. A task goes on as long as there is time.
PASSING = (
    "BackendServer.configuring",
    "VServerGroupProcessing",
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
BUSY = ("BackendServer.configuring", "VServerGroupProcessing")
GONE = "InvalidParameter"  # of a read or a write of a group that does not exist
UNKNOWN = "?"  # in place of the id of a group
INEFFECTIVE = "WeightsWithoutEffect"


class Finding(NamedTuple):
    """A rule that a run has broken, and how."""

    rule: str
    detail: str


class Expected(NamedTuple):
    """What the request comes to on groups. ``wishes``: in the order of the request, identity to weight."""

    wishes: dict[Identity, int]
    changes: dict[Identity, int]
    refusals: frozenset[str]
    skipped: frozenset[Identity] = frozenset()


def weights_of(members: Members) -> dict[Identity, int]:
    return {member.identity: member.weight for member in members}


def expected_of(run: Run, members: Members, groups: Sequence[str]) -> Expected:
    """What is to be done on members that were read, and the codes with which a task may refuse to.

    ``groups``: the ids of the vServer groups, as they were listed.
    """
    schedule, options = run.schedule, run.schedule.options
    wishes: dict[Identity, int] = {}
    skipped: set[Identity] = set()
    refusals = set(wrong_entries(run, groups))
    for server in schedule.backend_servers:
        found = [member for member in members if fits(run, server, member, groups)]
        if not found and options["on_missing"] == "fail":
            refusals.add("UnknownMember")
        if any(len({m.identity[1:4] for m in found if m.group == group}) > 1 for group in ("", *groups)):
            refusals.add("InvalidArgument")
        for member in found:
            if member.identity in wishes or member.identity in skipped:
                refusals.add("InvalidArgument")
            weight, expected = int(server["weight"]), server.get("expected_weight", member.weight)
            if member.weight in (weight, *(expected if isinstance(expected, list) else [expected])):
                wishes[member.identity] = weight
            else:
                skipped.add(member.identity)
    if skipped and options["on_unexpected"] == "fail":
        refusals.add("UnexpectedWeight")
    current = weights_of(members)
    changes = {identity: weight for identity, weight in wishes.items() if current[identity] != weight}
    after = {**current, **wishes}
    for group in {identity[0] for identity, weight in changes.items() if not weight}:
        if sum(weight > 0 for identity, weight in after.items() if identity[0] == group) < options["min_active"]:
            refusals.add("MinActive")
    return Expected(wishes, changes, frozenset(refusals), frozenset(skipped))


def wrong_entries(run: Run, groups: Sequence[str]) -> Iterator[str]:
    """Codes for requests that are wrong whatever members there are."""
    schedule = run.schedule
    entries = schedule.backend_servers
    all_groups = schedule.options["server_groups"] == "all"
    keys = ("server_id", "type", "server_ip", "vserver_group", "port")
    if len({tuple(map(entry.get, keys)) for entry in entries}) < len(entries):
        yield "InvalidArgument"
    for entry in entries:
        if "port" in entry and "vserver_group" not in entry and not all_groups:
            yield "InvalidArgument"
    if any(resolved(run, entry, groups) == UNKNOWN for entry in entries):
        yield "InvalidArgument"
    everywhere = {entry["server_id"] for entry in entries if all_groups and "vserver_group" not in entry}
    if any("vserver_group" in entry and entry["server_id"] in everywhere for entry in entries):
        yield "InvalidArgument"


def is_everywhere(run: Run, server: Document) -> bool:
    """Whether an element of the request is about all groups."""
    return run.schedule.options["server_groups"] == "all" and "vserver_group" not in server


def resolved(run: Run, server: Document, groups: Sequence[str]) -> str:
    """The group of an element: by id, or by a name that one group has; UNKNOWN if there is none or several have the name."""
    wanted = server.get("vserver_group", "")
    if wanted in ("", *groups):
        return str(wanted)
    found = [group for group in groups if run.names[group] == wanted]
    return found[0] if len(found) == 1 else UNKNOWN


def scope_of(run: Run, groups: Sequence[str] | None) -> list[str] | None:
    """The groups that the request is about, in the order in which they are read; None if that cannot be known.

    ``groups``: the vServer groups as they were listed, None if they were not.
    """
    servers = run.schedule.backend_servers
    if groups is None:
        return None if needs_list(run) else [""]
    if any(is_everywhere(run, server) for server in servers):
        return ["", *groups]
    named = {resolved(run, server, groups) for server in servers}
    return None if UNKNOWN in named else [group for group in ("", *groups) if group in named]


def needs_list(run: Run) -> bool:
    """Whether the request says anything about vServer groups."""
    return any(is_everywhere(run, server) or "vserver_group" in server for server in run.schedule.backend_servers)


def fits(run: Run, server: Document, member: Member, groups: Sequence[str]) -> bool:
    """Whether an element of the request is about a member."""
    is_here = is_everywhere(run, server) or resolved(run, server, groups) == member.group
    return is_here and is_like(server, member)


def may_fit(run: Run, server: Document, member: Member) -> bool:
    """Whether it is, by the id or by the name of the group, whatever other groups there are."""
    names = (member.group, run.names.get(member.group, ""))
    return (is_everywhere(run, server) or server.get("vserver_group", "") in names) and is_like(server, member)


def is_like(server: Document, member: Member) -> bool:
    known = member.server
    return all(
        server.get(key, getattr(known, key)) == getattr(known, key)
        for key in ("server_id", "type", "server_ip", "port")
    )


def group_of(record: RecordedRequest) -> str:
    """The group that a read or a write is about."""
    return record.parameters.get("VServerGroupId", "")


def of_group(members: Sequence[Member], group: str) -> Members:
    return tuple(member for member in members if member.group == group)


def identity_of(change: MemberChange) -> Identity:
    server = change.after or change.before
    assert server is not None
    return Member(change.vserver_group_id, server).identity


class Story:
    """What happened, request by request."""

    def __init__(self, run: Run) -> None:
        self.run = run
        # As the module made them; the log has them in the order in which they took effect.
        self.requests = sorted(run.requests, key=lambda record: record.received)
        self.answered_ids = set(run.result["request_ids"]) if run.result else set()
        self.now: Members = run.before
        self._earlier: dict[str, Members] = {}  # each group before its newest write or edit
        self.shown: dict[str, Members] = {}  # by request id of a read: what its answer has
        self.groups = run.groups_before
        self.listed: tuple[str, ...] | None = None  # the vServer groups, by the first list that was answered
        for record in run.requests:
            self._tell(record)

    def _tell(self, record: RecordedRequest) -> None:
        if record.fault == "edit":
            self._change(record.edited_groups, record.edits)
        if record.vserver_groups is not None:
            new = set(record.vserver_groups) - set(self.groups)
            self._earlier = {group: shown for group, shown in self._earlier.items() if group not in new}
            self.groups = record.vserver_groups
        if record.action == LIST and self.listed is None and self.answered(record):
            self.listed = self.groups
        group = group_of(record)
        if took_effect(record):
            self._change([group], record.changes)
        elif record.action in READS:
            # A stale read shows the group as before the newest write or edit.
            current = of_group(self.now, group)
            self.shown[record.request_id] = (
                self._earlier.get(group, current) if record.fault == "stale_read" else current
            )

    def _change(self, groups: Sequence[str], changes: Sequence[MemberChange]) -> None:
        self._earlier.update({group: of_group(self.now, group) for group in groups})
        self.now = after_changes(self.now, changes)

    def answered(self, record: RecordedRequest) -> bool:
        """Whether the module got a usable answer that says yes."""
        return record.request_id in self.answered_ids and record.code is None and record.fault != "raw"

    def says_gone(self, record: RecordedRequest) -> bool:
        """Whether the module was told that the group does not exist."""
        return record.request_id in self.answered_ids and record.code == GONE

    @property
    def known_groups(self) -> tuple[str, ...]:
        """The vServer groups, as far as the module knows of them."""
        return self.listed or ()

    @property
    def scope(self) -> list[str]:
        """The groups that the request is about; none if that cannot be known."""
        return scope_of(self.run, self.listed) or []

    def is_about_group(self, record: RecordedRequest, group: str) -> bool:
        return record.action in (*READS, *WRITES) and group_of(record) == group

    def is_open(self, record: RecordedRequest) -> bool:
        """Whether the answer to a write, if one came, leaves open what became of it."""
        return record.action in WRITES and (record.request_id not in self.answered_ids or record.code in OPEN)

    def reads(self, group: str) -> list[Members]:
        """What the answered reads of a group showed, in their order."""
        return [
            self.shown[r.request_id]
            for r in self.requests
            if r.action in READS and group_of(r) == group and self.answered(r)
        ]

    def first_view(self) -> Members | None:
        """All groups that the request is about, as they were read first; None if one of them never was."""
        reads = [self.reads(group) for group in self.scope]
        return tuple(member for shown in reads for member in shown[0]) if reads and all(reads) else None

    def last_view(self) -> Members:
        """The same, as they were read last. A group that is gone has no members."""
        last: dict[str, Members] = {}
        for record in self.requests:
            if record.action in READS and (self.answered(record) or self.says_gone(record)):
                last[group_of(record)] = self.shown[record.request_id] if self.answered(record) else ()
        return tuple(member for group in self.scope for member in last[group])

    def seen_by_check(self) -> Members:
        """All groups, as a check of the listeners has seen them: it reads those that the task does not."""
        groups = ["", *self.run.groups_before, *(group for group in self.groups if group not in self.run.groups_before)]
        found = {group: self.reads(group) for group in groups}
        unread = self.run.before
        return tuple(
            member for group, reads in found.items() for member in (reads[0] if reads else of_group(unread, group))
        )

    def writes(self) -> list[RecordedRequest]:
        return [record for record in self.requests if record.action in WRITES]

    def at_first(self) -> dict[Identity, int]:
        return weights_of(self.first_view() or ())

    def changed(self) -> set[Identity]:
        """The members that writes of this run changed, and did not change back to what the first read showed.

        A write that changes a member back has its effect, too, if another job was faster.
        """
        known = {member.identity: member for member in self.first_view() or ()}
        last: dict[Identity, int] = {}
        for record in self.writes():
            asked = entries(record, known) if took_effect(record) else {}
            last.update({identity: weight for identity, weight in asked.items() if identity in last})
            last.update({identity_of(change): change.after.weight for change in record.changes if change.after})
        at_first = self.at_first()
        return {identity for identity, weight in last.items() if at_first.get(identity) != weight}

    def edited(self) -> set[Identity]:
        """The members that another job changed, added or removed."""
        return {identity_of(change) for record in self.run.requests for change in record.edits}

    def mistakable(self, wishes: dict[Identity, int]) -> set[Identity]:
        """The members that a task may take for changed by its own write, which got no answer or changed nothing.

        Another job gave them the very weight that was requested, during the run. Or they had it earlier, and a read that
        came late shows it.
        """
        changes = [change for record in self.run.requests for change in record.edits]
        members = [Member(change.vserver_group_id, change.after) for change in changes if change.after]
        for record in self.run.requests:
            if record.fault == "stale_read":
                members += self.shown.get(record.request_id, ())
        return {member.identity for member in members if member.weight == wishes.get(member.identity)}

    def newest_knowledge(self) -> dict[str, Members]:
        """Each group as the last answered read showed it, with the writes that were answered after it.

        A group that a read did not find is left out. A check of the listeners reads other groups, too, which the task
        does not report.
        """
        known: dict[str, dict[Identity, Member]] = {}
        for record in self.requests:
            group = group_of(record)
            if record.action in READS and self.says_gone(record):
                known.pop(group, None)
            if not self.answered(record):
                continue
            if record.action in READS:
                known[group] = {member.identity: member for member in self.shown[record.request_id]}
            elif record.action in WRITES:
                for identity, weight in entries(record, known[group]).items():
                    known[group][identity] = with_weight(known[group][identity], weight)
        return {group: tuple(known[group].values()) for group in self.scope if group in known}

    def open_at_the_end(self) -> set[Identity]:
        """The members that were sent, without an answer to that, and that the last read does not show as they were sent."""
        left: dict[Identity, int] = {}
        known: dict[str, dict[Identity, Member]] = {}
        for record in self.requests:
            group = group_of(record)
            if record.action in READS and self.answered(record):
                known[group] = {member.identity: member for member in self.shown[record.request_id]}
            elif record.action in READS and self.says_gone(record):
                known[group] = {}
            elif record.action in WRITES and self.answered(record):
                for identity in entries(record, known[group]):
                    left.pop(identity, None)
            elif self.is_open(record):
                left.update(entries(record, known[group]))
        shown = {identity: member.weight for members in known.values() for identity, member in members.items()}
        return {identity for identity, weight in left.items() if shown.get(identity) != weight}


def after_changes(members: Members, changes: Sequence[MemberChange]) -> Members:
    """The members after changes of the log. Group ids sort as the groups do."""
    result = {member.identity: member for member in members}
    for change in changes:
        if change.after is not None:
            result[identity_of(change)] = Member(change.vserver_group_id, change.after)
        elif change.before is not None:
            del result[identity_of(change)]
    return tuple(sorted(result.values(), key=lambda member: member.group))


def with_weight(member: Member, weight: int) -> Member:
    """The member with this weight, and nothing of what only the emulator knows."""
    server = member.server
    return Member(
        member.group,
        BackendServer(server.server_id, weight, server.type, server.server_ip, server.description, port=server.port),
    )


def took_effect(record: RecordedRequest) -> bool:
    """Whether a write reached the group, whatever became of its answer."""
    accepted = record.code is None or (record.fault == "error_after" and record.code in OPEN)
    return record.action in WRITES and record.fault not in WITHOUT_EFFECT and accepted


def entries(record: RecordedRequest, known: dict[Identity, Member]) -> dict[Identity, int]:
    """What a write asked for. An ECS instance may be named without its address."""
    found = {}
    for entry in json.loads(record.parameters["BackendServers"]):
        port = int(entry["Port"]) if "Port" in entry else None
        identity: Identity = (
            group_of(record),
            entry["ServerId"],
            entry.get("Type", "ecs"),
            entry.get("ServerIp", ""),
            port,
        )
        if identity not in known and not identity[3]:
            same = (i for i in known if (*i[:3], i[4]) == (*identity[:3], port))
            identity = next(same, identity)
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
    if story.now != run.after or story.groups != run.groups_after:
        yield Finding("emulator", "its log does not add up to its state")
        return
    if run.crash:
        yield Finding("crash", run.crash)
    yield from check_requested_only(run, story)
    if run.result is None:
        return
    yield from check_calls(run, story)
    yield from check_time(run)
    first_view = story.first_view()
    if first_view is None:
        if not run.result.get("failed") or run.result["changed"] or "backend_servers" in run.result or story.writes():
            yield Finding("blind", f"the groups were never read: {run.result}")
        # Before the list was read, any name may turn out to be wrong.
        wrong = wrong_entries(run, tuple(run.names) if story.listed is None else story.listed)
        yield from check_error(run, story, Expected({}, {}, frozenset(wrong)))
        return
    expected = expected_of(run, first_view, story.known_groups)
    facts = facts_for(run, story, expected)
    if facts and run.schedule.options["check_listeners"] == "fail":
        expected = expected._replace(refusals=frozenset((INEFFECTIVE,)))
    yield from check_findings(run, story, expected, facts)
    yield from check_group(run, story, expected)
    yield from check_writes(run, story, expected)
    if run.result.get("failed"):
        yield from check_error(run, story, expected)
        yield from check_account(run, story, expected)
    else:
        yield from check_success(run, story, expected)


def facts_for(run: Run, story: Story, expected: Expected) -> list[Fact]:
    """What a check of the listeners must have found, if it came to that."""
    if run.schedule.options["check_listeners"] == "off" or expected.refusals:
        return []
    knows_pair = any(record.action == PAIR and story.answered(record) for record in story.requests)
    task = Task(expected.wishes, expected.changes, run.names)
    return facts_of(run.schedule, task, story.seen_by_check(), knows_pair)


def check_findings(run: Run, story: Story, expected: Expected, facts: list[Fact]) -> Iterator[Finding]:
    """The check says what is true, all of it and in each of its ways: as a failure or as a warning."""
    assert run.result is not None
    is_wanted = run.schedule.options["check_listeners"] != "off" and bool(expected.changes)
    is_refused_before = bool(expected.refusals - {INEFFECTIVE})
    if "listeners" in run.result:
        told = [(row["protocol"], row["port"]) for row in run.result["listeners"]]
        true = [(row["listener_protocol"], row["listener_port"]) for row in run.schedule.listeners]
        if told != true or not is_wanted or is_refused_before:
            yield Finding("listeners", f"{told} and not {true}, wanted: {is_wanted}")
    code = run.result["error"]["code"] if run.result.get("failed") else ""
    went_on = not code or bool(story.writes())
    warnings = [text for text in run.result.get("warnings", ()) if "may have no effect" in text]
    if code == INEFFECTIVE:
        told_as = [run.result["error"]["message"]]
    elif warnings or (went_on and is_wanted and not is_refused_before and not run.schedule.as_process):
        told_as = warnings
    else:
        return
    if len(told_as) != bool(facts):
        yield Finding("check_listeners", f"{told_as} and not {facts}")
    for text in told_as:
        different = difference(text, facts)
        if different:
            yield Finding("check_listeners", different)


def check_requested_only(run: Run, story: Story) -> Iterator[Finding]:
    """A write changes nothing but weights, of what was requested, to what was requested; and never the name of a group."""
    for record in story.writes():
        if record.action == SET_GROUP and "VServerGroupName" in record.parameters:
            yield Finding("name", f"{record.parameters}")
        for change in record.changes:
            if change.before is None or change.after is None:
                yield Finding("membership", f"{change}")
                continue
            before, after = (Member(change.vserver_group_id, server) for server in (change.before, change.after))
            if with_weight(before, 0) != with_weight(after, 0):
                yield Finding("more than the weight", f"{before} -> {after}")
            wishes = {int(s["weight"]) for s in run.schedule.backend_servers if may_fit(run, s, before)}
            # The task knew the member as it was before what another job did right before the write.
            edited = (
                Member(edit.vserver_group_id, edit.before)
                for edit in record.edits
                if edit.before and identity_of(edit) == before.identity
            )
            if after.weight not in wishes and not may_go_back(run, story, next(edited, before), after.weight):
                yield Finding("not requested", f"{change} and not {wishes}")


def may_go_back(run: Run, story: Story, member: Member, weight: int) -> bool:
    """Whether this takes back a drain, since some read showed fewer members of a group in traffic than min_active."""
    too_few = any(
        active_count(shown) < run.schedule.options["min_active"]
        for group in story.scope
        for shown in story.reads(group)[1:]
    )
    return too_few and member.weight == 0 and story.at_first().get(member.identity) == weight


def active_count(members: Sequence[Member]) -> int:
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
    """Without faults: one read of each group, and one of their list; for n changes ceil(n/20) writes, and a read at the end."""
    assert run.result is not None
    if story.first_view() is None:
        return
    changes = run.result["changed_servers"]
    count = len(story.scope) + needs_list(run)
    if changes and not run.schedule.check_mode:
        for group in {row["vserver_group_id"] for row in changes}:
            mine = [row for row in changes if row["vserver_group_id"] == group]
            drains = any(row["after"] == 0 for row in mine)
            reads_again = run.schedule.options["verify"] or (drains and run.schedule.options["min_active"] > 0)
            count += ceil(len(mine) / PER_CALL) + reads_again
    for_check = [record for record in story.requests if is_for_check(run, story, record)]
    # The run before this one may have left the load balancer busy.
    refused = sum(record.code in BUSY for record in run.requests)
    made = len(run.requests) - len(for_check) - refused
    if made != count:
        yield Finding("cost", f"{made} calls and not {count}, for {len(changes)} changes")
    yield from check_cost_of_check(run, for_check)


def is_for_check(run: Run, story: Story, record: RecordedRequest) -> bool:
    """Whether only a check of the listeners needs a request."""
    if record.action in READS:
        return group_of(record) not in story.scope
    return record.action in (LISTENERS, RULES, PAIR) or (record.action == LIST and not needs_list(run))


def check_cost_of_check(run: Run, requests: list[RecordedRequest]) -> Iterator[Finding]:
    """Nothing if it is off. Else everything is read once at most: what is in use, and rules of listeners that can have some."""
    used = {route.get("vserver_group_id") for route in routes_of(run.schedule.listeners)} | {""}
    web = {str(one["listener_port"]) for one in run.schedule.listeners if one["listener_protocol"] in ("http", "https")}
    read = Counter((record.action, group_of(record), record.parameters.get("ListenerPort", "")) for record in requests)
    needless = [
        (action, group, port)
        for (action, group, port), count in read.items()
        if count > 1 or group not in used or (action == RULES and port not in web)
    ]
    if needless or (read and run.schedule.options["check_listeners"] == "off"):
        yield Finding("cost", f"of the check of listeners: {needless or read}")


def check_time(run: Run) -> Iterator[Finding]:
    """Only in this process: how long another one takes until its clock starts depends on the machine."""
    over = run.seconds - run.schedule.options["wait_timeout"] - run.held_up
    if over > LATE and not run.schedule.as_process:
        yield Finding("deadline", f"{run.seconds:.1f} s, held up by the machine for {run.held_up:.1f} s")


def row_of(run: Run, member: Member) -> Document:
    """A member in the shape of ``backend_servers``."""
    server = member.server
    return {
        "server_id": server.server_id,
        "weight": server.weight,
        "type": server.type,
        "server_ip": server.server_ip or None,
        "description": server.description or None,
        "port": server.port,
        "vserver_group_id": member.group or None,
        "vserver_group_name": run.names.get(member.group),
    }


def check_group(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """``backend_servers``, ``server_groups``, ``active_count``, ``previous`` and ``skipped_servers``."""
    assert run.result is not None
    known = story.newest_knowledge()
    if run.schedule.check_mode and not run.result.get("failed"):
        known = {
            group: tuple(with_weight(m, expected.wishes.get(m.identity, m.weight)) for m in members)
            for group, members in known.items()
        }
    rows = [row_of(run, member) for members in known.values() for member in members]
    told = run.result["backend_servers"]
    if told != rows:
        different = [f"{said} and not {true}" for said, true in zip(told, rows) if said != true]
        yield Finding("backend_servers", f"{len(told)} and not {len(rows)}" if len(told) != len(rows) else different[0])
    counts = {group: active_count(members) for group, members in known.items()}
    said = {row["vserver_group_id"] or "": row["active_count"] for row in run.result["server_groups"]}
    if said != counts:
        yield Finding("server_groups", f"{said} and not {counts}")
    if "previous" in run.result or not {"InvalidArgument", "UnexpectedWeight"} & expected.refusals:
        at_first = story.at_first()
        previous = [option(identity, at_first[identity]) for identity in expected.wishes]
        if run.result.get("previous") != previous:
            yield Finding("previous", f"{run.result.get('previous')} and not {previous}")
        skipped = {as_claim(row) for row in run.result["skipped_servers"]}
        if skipped != expected.skipped:
            yield Finding("skipped_servers", f"{skipped} and not {set(expected.skipped)}")
    concerned = {identity[0] for identity in expected.wishes} if "previous" in run.result else set()
    smallest = min([counts[group] for group in concerned if group in counts] or counts.values(), default=0)
    if run.result["active_count"] != smallest:
        yield Finding("active_count", f"{run.result['active_count']} and not {smallest}")


def option(identity: Identity, weight: int) -> Document:
    """A member in the shape of the option ``backend_servers``."""
    group, server_id, server_type, server_ip, port = identity
    address = {"server_ip": server_ip} if server_ip else {}
    place = {"vserver_group": group, "port": port} if group else {}
    return {"server_id": server_id, "weight": weight, "type": server_type, **address, **place}


def check_writes(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """Writes ask for what differs and no more, and never undo what the task has seen another job do.

    A write whose outcome is open is sent again only after a look at the group.
    """
    known: dict[Identity, Member] = {member.identity: member for member in story.first_view() or ()}
    at_first = story.at_first()
    if story.writes() and (run.schedule.check_mode or expected.refusals):
        yield Finding("written", f"in check mode, or in spite of {set(expected.refusals)}")
    unread: set[Identity] = set()
    for record in story.requests:
        group = group_of(record)
        if record.action in READS and story.answered(record):
            known = {identity: member for identity, member in known.items() if identity[0] != group}
            known.update({member.identity: member for member in story.shown[record.request_id]})
            unread = {identity for identity in unread if identity[0] != group}
        if record.action not in WRITES:
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


def as_claim(row: Document) -> Identity:
    return (row["vserver_group_id"] or "", row["server_id"], row["type"], row["server_ip"] or "", row["port"])


def claims(listed: list[Document]) -> dict[Identity, tuple[int, int]]:
    """Rows of the shape of ``changed_servers``: identity to (before, after)."""
    return {as_claim(row): (row["before"], row["after"]) for row in listed}


def check_success(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """Success: the group is as requested, by the last read, and by the state if no other job has interfered."""
    assert run.result is not None
    if expected.refusals:
        yield Finding("not refused", f"expected was one of {set(expected.refusals)}")
        return
    at_first = story.at_first()
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
    for group in {identity[0] for identity, weight in expected.changes.items() if not weight}:
        if active_count(story.reads(group)[-1]) < min_active:
            yield Finding("min_active", f"the last read of {group!r} showed fewer than {min_active}")
    if not run.schedule.options["verify"]:
        return
    last = weights_of(story.last_view())
    wrong = {
        identity: last.get(identity) for identity, weight in expected.wishes.items() if last.get(identity) != weight
    }
    if wrong:
        yield Finding("success", f"the last read showed {wrong}, requested were {expected.wishes}")
    # A write that was no longer waited for, and was sent again, may take effect at any time.
    for group in story.scope:
        about_it = [r for r in story.requests if story.answered(r) and story.is_about_group(r, group)]
        if about_it[-1].action in WRITES:
            yield Finding("success", f"nothing was read after the last write in {group!r}")


def check_account(run: Run, story: Story, expected: Expected) -> Iterator[Finding]:
    """After a failure: every planned change is in one of the lists, and in the right one."""
    assert run.result is not None
    at_first = story.at_first()
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
    if story.writes() and story.requests[-1].action in WRITES and not run.was_held_up():
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
    # Of another process, the machine may take all of its time before the first request.
    never_began = run.schedule.as_process and not run.requests and run.seconds > run.schedule.options["wait_timeout"]
    something_happened = len(faults | {None}) > 1 or run.schedule.busy_seconds > 0 or run.was_held_up() or never_began
    has_reason = (
        (code in PASSING and out_of_time and something_happened)
        or (code in FINAL and any(record.code == code for record in run.requests))
        or (code == "ObtainIpFail" and "edit" in faults)
        or (code in ("ChangedMeanwhile", "MinActive") and "edit" in faults)
        or (code in ("NotVerified", "DeadlineReached") and out_of_time and something_happened)
        or (code == "UnusableAnswer" and strange_form)
        or (code == GONE and any(story.says_gone(record) for record in run.requests))
    )
    if not has_reason:
        yield Finding("failure", f"after {run.seconds:.1f} s, {faults}: {run.result['error']}")


def check_mended(run: Run) -> Iterator[Finding]:
    """Without faults, a request that can be fulfilled is."""
    if run.result is None:
        return
    scope = scope_of(run, run.groups_before) or []
    members = tuple(member for group in scope for member in of_group(run.before, group))
    expected = expected_of(run, members, run.groups_before)
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
