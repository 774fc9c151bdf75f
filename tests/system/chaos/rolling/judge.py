# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The three promises of a rolling update, checked against what the load balancers went through.

Nothing here is taken from the code of the role or of its plugins. The emulator's record says what happened, the marks of
the update say when, and the output is what people were told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from slb_emulator import BackendServer, MemberChange, RecordedRequest

from .runs import PRINTED_COMMAND, Edit, Mark, Members, Place, Run, weights_of
from .runs import identity_of as identity_of_member
from .schedule import DESCRIBE, DESCRIBE_GROUP, SET, SET_GROUP, Document, Schedule
from .schedule import identity_of as identity_of_host

Identity = tuple[str, str, str, str]
Line = tuple[str, str, str, int, int]  # group, server, port, weight before and after

# Answers that did not arrive, or not as what they were.
UNUSABLE = ("cut_before", "cut_after", "truncate", "raw", "error", "error_after", "stall")
TAKEN = ("cut_after", "error_after")  # and of these, the request took effect
TRACEBACK = "Traceback (most recent call last)"
OWN_CODE = "aliyun_community/slb/plugins/"  # in a traceback
RAW_ERRORS = re.compile(
    r"Traceback \(most recent call last\)|AnsibleUndefined|has no attribute|NoneType|Unexpected templating"
    r"|'dict object'|is undefined|[Uu]nexpected failure|Error rendering template|Error while resolving|[Tt]emplate error"
    r"|Unhandled exception|object of type '|unsupported operand|list index out of range|\bKeyError\b|\bTypeError\b"
    r"|\bAttributeError\b|\bValueError\b|\bAssertionError\b|\bJSONDecodeError\b|could not be converted"
)
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
# One line for each server group: lb-a: i-1 100 -> 0, i-2 60 -> 0; 3 of 5 members stay in traffic
# lb-a, vServer group app (rsp-a0): i-1 port 8080 100 -> 0; 3 of 5 members stay in traffic. Without a name: vServer group rsp-a0
CHANGE_LINE = re.compile(
    r"\b(lb-[a-z])(?:, vServer group (?:[^:;()]+ \()?(rsp-\w+)\)?)?: ((?:\S+(?: \(\S+\))?(?: port \d+)? \d+ -> \d+(?:, )?)+)"
)
CHANGE = re.compile(r"(\S+)(?: \((\S+)\))?(?: port (\d+))? (\d+) -> (\d+)")


class Finding(NamedTuple):
    """A rule that a run has broken, and how."""

    rule: str
    detail: str


class Moment(NamedTuple):
    """A request, a mark or an edit, with the members right after it."""

    event: RecordedRequest | Mark | Edit
    members: Members


class Story:
    """What happened in a run, in the order in which it took effect."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.moments: list[Moment] = []
        self.shown: dict[
            int, tuple[BackendServer, ...]
        ] = {}  # what a read had in its response, by number of its moment
        histories = {name: [members] for name, members in run.before.items()}
        events = list(run.events)
        for position, request in enumerate(run.requests):
            while events and events[0].position <= position:
                self._tell(events.pop(0), histories)
            self._tell(request, histories)
        for event in events:
            self._tell(event, histories)

    def _tell(
        self,
        event: RecordedRequest | Mark | Edit,
        histories: dict[str, list[tuple[BackendServer, ...]]],
    ) -> None:
        if isinstance(event, RecordedRequest):
            name = group_of(event)
            changes = [*event.edits, *event.changes]
        else:
            name = event.group if isinstance(event, Edit) else ""
            changes = list(event.changes) if isinstance(event, Edit) else []
        if changes and name in histories:
            histories[name].append(after_changes(histories[name][-1], changes))
        if isinstance(event, RecordedRequest) and is_answered_read(event) and name in histories:
            history = histories[name]
            self.shown[len(self.moments)] = history[-2:][0] if event.fault == "stale_read" else history[-1]
        self.moments.append(Moment(event, {lb: history[-1] for lb, history in histories.items()}))

    def end(self) -> Members:
        return self.moments[-1].members if self.moments else self.run.before

    def writes(self) -> list[RecordedRequest]:
        return [request for request in self.run.requests if request.action in (SET, SET_GROUP)]

    def own_changes(self) -> list[tuple[Place, MemberChange]]:
        """What the run itself has changed."""
        return [
            ((group_of(request), identity_of(change)), change)
            for request in self.run.requests
            for change in request.changes
        ]

    def foreign_changes(self) -> list[tuple[int, Place, MemberChange]]:
        """What another job has changed, with the numbers of the moments."""
        found = []
        for number, (event, _members) in enumerate(self.moments):
            if isinstance(event, Edit):
                found += [(number, (event.group, identity_of(c)), c) for c in event.changes]
        return found

    def last_read_before(self, number: int, group: str) -> int | None:
        """The number of the last answered read of a server group before a moment."""
        for earlier in range(number - 1, -1, -1):
            event = self.moments[earlier].event
            if earlier in self.shown and isinstance(event, RecordedRequest) and group_of(event) == group:
                return earlier
        return None


def group_of(request: RecordedRequest) -> str:
    """The server group that a request is about, by the id of the vServer group or else of the load balancer."""
    return request.parameters.get("VServerGroupId") or request.parameters.get("LoadBalancerId", "")


def is_answered_read(request: RecordedRequest) -> bool:
    return request.action in (DESCRIBE, DESCRIBE_GROUP) and request.http_status == 200 and request.fault not in UNUSABLE


def identity_of(change: MemberChange) -> Identity:
    member = change.after or change.before
    assert member is not None
    return identity_of_member(member)


def after_changes(members: Sequence[BackendServer], changes: Sequence[MemberChange]) -> tuple[BackendServer, ...]:
    result = {identity_of_member(member): member for member in members}
    for change in changes:
        if change.after is not None:
            result[identity_of_member(change.after)] = change.after
    return tuple(result.values())


def weight_in(members: Sequence[BackendServer], identity: Identity) -> int | None:
    return next((member.weight for member in members if identity_of_member(member) == identity), None)


def places_of(schedule: Schedule, host: Document, play: int | None = None) -> list[Place]:
    """The members that a host is, of all its load balancers or of those of one play."""
    balancers = host["load_balancers"] if play is None else [host["load_balancers"][play]]
    names = {name for mine in balancers for name in mine}
    found: list[Place] = [
        (name, (host["server_id"], host["type"], host["server_ip"], "")) for name in host["weights"] if name in names
    ]
    for group in schedule.groups:
        if group["load_balancer_id"] in names:
            found += [
                (group["vserver_group_id"], (host["server_id"], host["type"], host["server_ip"], str(member["port"])))
                for member in group["members"]
                if identity_of_host(member) == identity_of_host(host)
            ]
    return found


def text_of(place: Place) -> str:
    name, (server_id, _type, server_ip, port) = place
    return f"{server_id}{f' ({server_ip})' if server_ip else ''}{f' port {port}' if port else ''} on {name}"


def targets(schedule: Schedule, run: Run) -> list[Document]:
    """The hosts that a run is about."""
    return [host for host in schedule.hosts if host["name"] in run.hosts and host["applies"]]


# --- the rules ----------------------------------------------------------------------------


def findings(schedule: Schedule, runs: list[Run]) -> list[Finding]:
    """What is wrong with the runs of a schedule."""
    stories = [Story(run) for run in runs]
    for number, (run, story) in enumerate(zip(runs, stories), 1):
        if weights_of(story.end()) != weights_of(run.after):
            return [Finding("emulator", f"run {number}: its record does not add up to its state")]
    found = []
    for number, story in enumerate(stories, 1):
        for rule, detail in check_run(schedule, story):
            found.append(Finding(rule, f"run {number} ({story.run.name}): {detail}"))
    return [*found, *check_ends(schedule, stories), *check_recovery(schedule, stories)]


def check_run(schedule: Schedule, story: Story) -> Iterator[Finding]:
    """What holds for a run by itself."""
    run = story.run
    if run.exit_code is None:
        yield Finding("hung", "it did not end")
    if run.left_over:
        yield Finding("left over", "processes went on after it and had to be killed")
    yield from check_output(run)
    yield from check_writes(schedule, story)
    yield from check_change_lines(schedule, story)
    if run.name != "recover":
        yield from check_marks(schedule, story)
        yield from check_recap(schedule, story)


def check_output(run: Run) -> Iterator[Finding]:
    output = run.output
    if run.signalled and OWN_CODE not in output[output.find(TRACEBACK) :]:
        # Python's and Ansible's own handlers of signals have some that the collection has no part in.
        output = output.partition(TRACEBACK)[0]
    found = RAW_ERRORS.search(output)
    if found:
        # Of a traceback what follows says more, and it may not come again with the same schedule.
        yield Finding("raw error", output[max(0, found.start() - 150) : found.end() + 2000])


def check_marks(schedule: Schedule, story: Story) -> Iterator[Finding]:
    """Promise 1: no update of a host that gets traffic."""
    if schedule.check:
        return
    hosts = {host["name"]: host for host in targets(schedule, story.run)}
    first: dict[tuple[int, str], int] = {}
    for number, (event, _members) in enumerate(story.moments):
        if not isinstance(event, Mark):
            continue
        if event.host not in hosts:
            yield Finding("not this host", f"{event.host} was updated")
            continue
        host = hosts[event.host]
        begun = first.setdefault((event.play, event.host), number)
        for place in places_of(schedule, host, event.play):
            weight = weight_in(event.members[place[0]], place[1])
            if weight and not is_excused(story, begun, number, place):
                what = f"{text_of(place)} has weight {weight}"
                yield Finding("update under traffic", f"{event.host} at step {event.step}: {what}")


def is_excused(story: Story, begun: int, number: int, place: Place) -> bool:
    """Whether another job gave the member its weight after the last read that the update could go by."""
    name, member = place
    read = story.last_read_before(begun, name)
    if read is None or weight_in(story.shown[read], member) != 0:
        return False
    # A stale read shows the members as before the last change.
    event = story.moments[read].event
    since = read - 1 if isinstance(event, RecordedRequest) and event.fault == "stale_read" else read
    return any(
        since <= when < number and where == place and change.after is not None and change.after.weight > 0
        for when, where, change in story.foreign_changes()
    )


def check_writes(schedule: Schedule, story: Story) -> Iterator[Finding]:
    """What a run may change, and how far."""
    run = story.run
    changes = story.own_changes()
    mine = {
        place
        for host in targets(schedule, run)
        if not (host["lost"] and run.name == "roll")
        for place in places_of(schedule, host)
    }
    for place, change in changes:
        if place not in mine:
            yield Finding("not this member", f"{text_of(place)}: {change}")
    if schedule.check and run.name != "recover" and story.writes():
        yield Finding("check mode", f"{len(story.writes())} writes")
    if schedule.update["kind"] == "end_static" and run.name != "recover" and story.writes():
        yield Finding("not refused", "the update ends the host early, and something was drained")
    yield from check_min_active(schedule, story)


def check_min_active(schedule: Schedule, story: Story) -> Iterator[Finding]:
    least = int(schedule.options.get("min_active", 1))
    foreign = {name for _number, (name, _identity), _change in story.foreign_changes()}
    for event, members in story.moments:
        if not isinstance(event, RecordedRequest):
            continue
        name = group_of(event)
        drained = any(change.after is not None and change.after.weight == 0 for change in event.changes)
        if drained and name not in foreign:
            active = sum(member.weight > 0 for member in members[name])
            if active < least:
                yield Finding("min_active", f"{name} was left with {active} of {least} members")
                return


def check_change_lines(schedule: Schedule, story: Story) -> Iterator[Finding]:
    """What is printed about weights has happened, and what has happened is printed."""
    run = story.run
    happened = set(lines_of(story))
    as_read = set(lines_as_read(story))
    printed = set()
    for line in run.output.splitlines():
        if "would" in line and schedule.check:
            continue
        for name, group, rest in CHANGE_LINE.findall(line):
            for server_id, _ip, port, before, after in CHANGE.findall(rest):
                printed.add((group or name, server_id, port, int(before), int(after)))
    for name, server_id, port, old, new in sorted(printed - happened - as_read):
        yield Finding("untrue line", f"{name}: {server_id} {port} {old} -> {new} did not happen")
    if not (run.signalled or run.has_faults or run.edits()):
        for name, server_id, port, old, new in sorted(happened - printed):
            yield Finding("untold", f"{name}: {server_id} {port} {old} -> {new} is not printed")


def lines_of(story: Story) -> Iterator[Line]:
    """The run's own changes, as they are printed."""
    for place, change in story.own_changes():
        if change.before and change.after:
            yield line_of(place, change.before.weight, change.after.weight)


def lines_as_read(story: Story) -> Iterator[Line]:
    """What was sent where another job came between the last read and the write, whose weight the run cannot know."""
    foreign = story.foreign_changes()
    for number, (event, _members) in enumerate(story.moments):
        if not isinstance(event, RecordedRequest) or event.action not in (SET, SET_GROUP):
            continue
        if event.http_status != 200 and event.fault not in TAKEN:
            continue
        group = group_of(event)
        read = story.last_read_before(number, group)
        if read is None:
            continue
        for member, sent in sent_weights(event, story.shown[read]):
            place = (group, identity_of_member(member))
            if any(where == place and read < when < number for when, where, _change in foreign):
                yield line_of(place, member.weight, sent)


def sent_weights(write: RecordedRequest, members: Sequence[BackendServer]) -> Iterator[tuple[BackendServer, int]]:
    """The members that a write names, and the weight that it gives them."""
    for sent in json.loads(write.parameters["BackendServers"]):
        for member in members:
            same_port = "Port" not in sent or str(member.port) == str(sent["Port"])
            if member.server_id == sent["ServerId"] and member.server_ip == sent.get("ServerIp", "") and same_port:
                yield member, int(sent["Weight"])


def line_of(place: Place, before: int, after: int) -> Line:
    return place[0], place[1][0], place[1][3], before, after


def check_recap(schedule: Schedule, story: Story) -> Iterator[Finding]:
    """A host is changed if, and only if, a weight of its members was. A task that fails may have undone what it did."""
    run = story.run
    if schedule.check:  # "changed" is a prediction then
        return
    if run.signalled or run.has_faults or run.edits() or schedule.update["kind"] in ("handler_fail", "module"):
        return
    if schedule.update.get("notifies") or schedule.check:
        return
    before, after = weights_of(run.before), weights_of(run.after)
    changed = {place for place, _change in story.own_changes()}
    recap = {name: int(count) for name, count, _unreachable, _failed in RECAP.findall(run.output)}
    for host in targets(schedule, run):
        truth = any(place in changed for place in places_of(schedule, host))
        if (
            not recap.get(host["name"])
            and run.exit_code
            and all(before[place] == after[place] for place in places_of(schedule, host))
        ):
            continue
        if host["name"] in recap and bool(recap[host["name"]]) != truth:
            yield Finding("changed", f"{host['name']} has changed={recap[host['name']]}, and changes are {truth}")


def check_ends(schedule: Schedule, stories: list[Story]) -> Iterator[Finding]:
    """Promise 2, and that what is right succeeds: how a run ended, and what is out after it."""
    if not stories:
        return
    original = weights_of(stories[0].run.before)
    accepted = {place: {weight} for place, weight in original.items()}
    touched: set[Place] = set()
    for number, story in enumerate(stories, 1):
        run = story.run
        label = f"run {number} ({run.name})"
        for _number, place, change in story.foreign_changes():
            touched.add(place)
            accepted[place] |= {member.weight for member in (change.before, change.after) if member}
        now = weights_of(run.after)
        out = {place for place, weight in now.items() if weight != original[place] and place not in touched}
        lost = {place for place in touched if now[place] not in accepted[place]}
        mine = {place for host in targets(schedule, run) for place in places_of(schedule, host)}
        bad = (out | lost) if run.name == "recover" else (out | lost) & mine
        if run.exit_code == 0 and bad:
            what = ", ".join(f"{text_of(place)} has {now[place]}, not {original[place]}" for place in sorted(bad))
            yield Finding("green with servers out", f"{label}: {what}")
        if run.exit_code != 0 and run.name != "recover" and out & mine:
            yield from check_words(schedule, run, label)
        if run.exit_code == 0:
            yield from check_reported(story, label)
        left_out = {place for place, weight in weights_of(run.before).items() if weight == 0 < original[place]}
        # What an earlier run has left out does not count as traffic: the rest may be too few to drain a host, while
        # others go on and come back.
        is_too_few = bool(left_out) and "MinActive" in run.output and out <= left_out
        # With a limit, others of the rolling update stay out, and it says so.
        is_not_all = bool(out - mine) and "still out of traffic" in run.output
        yield from check_success(schedule, story, label, bool(touched) or is_too_few or is_not_all)


def check_words(schedule: Schedule, run: Run, label: str) -> Iterator[Finding]:
    """Where servers are out, the output says how to get them back."""
    commands: list[str] = PRINTED_COMMAND.findall(run.output)
    if not commands:
        yield Finding("no word", f"{label}: servers are out, and no command to recover was printed")
        return
    wanted = schedule.options.get("id")
    if not any("rolling_update_id" in command for command in commands):
        yield Finding("no word", f"{label}: the command to recover does not name the rolling update: {commands[-1]}")
    elif wanted is not None and "{{" not in str(wanted) and not any(str(wanted) in command for command in commands):
        yield Finding("no word", f"{label}: the command to recover has another id than {wanted}: {commands[-1]}")


def check_reported(story: Story, label: str) -> Iterator[Finding]:
    """Where a green run has seen that another job changed a member that it had drained, it says so."""
    for number, place, change in story.foreign_changes():
        drained = any(
            identity_of(own) == place[1] and own.after is not None and own.after.weight == 0
            for event, _members in story.moments[:number]
            if isinstance(event, RecordedRequest) and group_of(event) == place[0]
            for own in event.changes
        )
        seen = story.last_read_before(len(story.moments), place[0])
        was_out = change.before is not None and change.before.weight == 0
        if drained and was_out and seen is not None and seen > number and place[1][0] not in story.run.output:
            yield Finding(
                "not reported", f"{label}: another job changed {text_of(place)}, and the output does not name it"
            )


def check_success(schedule: Schedule, story: Story, label: str, is_excused: bool) -> Iterator[Finding]:
    """A valid play without trouble ends with exit code 0, and so does a recovery."""
    run = story.run
    if run.exit_code == 0 or run.signalled or run.has_faults or is_excused:
        return
    if run.name == "recover":
        yield Finding("recover failed", f"{label}: exit code {run.exit_code}")
    elif run.name == "again" and schedule.is_possible() and not schedule.check and "now()" not in str(schedule.options):
        yield Finding("refused", f"{label}: exit code {run.exit_code}, though nothing is wrong any more")
    elif run.name == "roll" and schedule.must_succeed():
        yield Finding("refused", f"{label}: exit code {run.exit_code}, though nothing is wrong")


def check_recovery(schedule: Schedule, stories: list[Story]) -> Iterator[Finding]:
    """The last recovery changes nothing, and everything is where it was."""
    recoveries = [story for story in stories if story.run.name == "recover"]
    if not recoveries:
        return
    original = weights_of(stories[0].run.before)
    touched = {place for story in stories for _number, place, _change in story.foreign_changes()}
    now = weights_of(stories[-1].run.after)
    forgotten = [place for place in now if now[place] != original[place] and place not in touched]
    if forgotten and stories[-1].run.exit_code != 0:
        yield Finding("forgotten", f"at the end still out: {', '.join(map(text_of, forgotten))}")
    if len(recoveries) > 1 and recoveries[-2].run.exit_code == 0 and recoveries[-1].writes():
        yield Finding("recover twice", f"the second one made {len(recoveries[-1].writes())} writes")
