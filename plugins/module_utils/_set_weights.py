# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The order of work of ``slb_backend_weights``: read, plan, guard, write, read again; and the account of it."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _weights
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, Unanswered
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import Listener, LoadBalancer, Member
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import (
    MAX_SERVERS_PER_CALL,
    describe_listeners,
    describe_load_balancer,
    set_backend_servers,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weights import Change, Plan, Wanted

# How long a weight that is neither the old nor the new one may be a stale read before it counts as somebody's change.
# The weight reaches the data path about 2 s after a call returns (measured by the author of a public drain tool).
SETTLE_SECONDS = 5.0


# The result keys of a task that failed before it asked the API anything.
NOTHING_DONE: dict[str, t.Any] = {
    "changed_servers": [],
    "api_calls": 0,
    "request_ids": [],
    "applied": [],
    "not_applied": [],
    "unconfirmed": [],
}


class Options(t.NamedTuple):
    """The options of the module that say how to work."""

    on_missing: str = "fail"
    min_active: int = 0
    check_listeners: str = "off"
    verify: bool = True


# Told of the changes before the first of them is written. What it raises prevents the write.
BeforeWrite = t.Callable[[tuple[Change, ...]], None]


class Task:
    """One run. All that is known is in its attributes at any moment, so that a failure can be accounted for."""

    def __init__(
        self, client: Client, load_balancer_id: str, options: Options, before_write: BeforeWrite | None = None
    ) -> None:
        self.warnings: list[str] = []
        self._client = client
        self._id = load_balancer_id
        self._options = options
        self._before_write = before_write
        self._plan: Plan | None = None
        self._group: tuple[Member, ...] | None = None  # the newest knowledge of the whole default group
        self._listeners: list[Listener] | None = None
        self._applied: list[Change] = []
        self._shown: list[Change] = []  # of the applied ones those that no answer, but a read has told
        self._unconfirmed: list[Change] = []

    def run(self, wanted: t.Sequence[Wanted], *, check_mode: bool) -> None:
        """Raises SlbError; what had been done by then is in ``result()`` and ``account()``."""
        load_balancer = self._read()
        self._group = load_balancer.members
        self._plan = plan = _weights.plan_weights(load_balancer.members, wanted)
        self._check_missing(plan, load_balancer)
        if not plan.changes:
            return
        _weights.check_min_active(plan, self._options.min_active)
        self._check_listeners(load_balancer)
        if check_mode:
            self._applied = list(plan.changes)
            self._group = plan.group
            return
        if self._before_write:
            self._before_write(plan.changes)
        try:
            self._write_all(plan.changes)
            if self._options.verify:
                self._group = self._verified(plan)
            self._check_min_active_again(plan)
        except SlbError:
            self._settle_account()
            raise

    def _read(self) -> LoadBalancer:
        return describe_load_balancer(self._client, self._id)

    def _check_missing(self, plan: Plan, load_balancer: LoadBalancer) -> None:
        if self._options.on_missing == "fail":
            _weights.check_missing(plan, load_balancer.members)
        elif plan.missing:
            names = ", ".join(server.name for server in plan.missing)
            self.warnings.append(f"Skipped, not in the default server group of {self._id}: {names}")

    def _check_listeners(self, load_balancer: LoadBalancer) -> None:
        if self._options.check_listeners == "off":
            return
        self._listeners = describe_listeners(self._client, self._id)
        reasons = _weights.weightless_reasons(load_balancer, self._listeners)
        if not reasons:
            return
        finding = f"weights may have no effect on {self._id}: {'; '.join(reasons)}"
        if self._options.check_listeners == "fail":
            raise SlbError(
                "WeightsWithoutEffect",
                finding,
                advice="Mend the listeners, or go on with check_listeners: warn.",
            )
        self.warnings.append(finding[0].upper() + finding[1:])

    def _write_all(self, changes: tuple[Change, ...]) -> None:
        for batch in _weights.batches(changes, MAX_SERVERS_PER_CALL):
            self._write(batch, changes)

    def _write(self, batch: tuple[Change, ...], changes: tuple[Change, ...]) -> None:
        """Write a batch of the changes. Where no answer comes, read what became of it before sending it again."""
        tries = 0
        while True:
            tries += 1
            self._shown = [change for change in self._shown if change.undoing not in batch]
            try:
                set_backend_servers(self._client, self._id, [change.target for change in batch])
                self._note_written(batch)
                return
            except Unanswered:
                self._unconfirmed = list(batch)
                if not self._client.deadline.pause(tries):
                    raise
            batch = self._not_yet_shown(changes)
            if not batch:
                return

    def _check_min_active_again(self, plan: Plan) -> None:
        """Tasks at the same time may each have left enough members in traffic, and too few together.

        The one that wrote last reads what all of them did, so at least its drain goes back; perhaps those of others too.
        """
        if not plan.drains or not self._options.min_active:
            return
        if not self._options.verify:
            self._group = self._read().members
        left = _weights.active_count(self._group or ())
        if left >= self._options.min_active:
            return
        outcome = "so this one's drain was taken back"
        try:
            self._write_all(tuple(change.undoing for change in plan.drains))
        except SlbError as exc:
            outcome = f"and this one's drain could not be taken back ({exc.message})"
        raise SlbError(
            "MinActive",
            f"another task drained members at the same time: {left} were left in traffic, and min_active is "
            f"{self._options.min_active}, {outcome}",
            advice="Run the task again when the other one has ended.",
        )

    def _note_written(self, batch: tuple[Change, ...]) -> None:
        self._note_applied(batch)
        self._unconfirmed = []
        weights = {change.member.key: change.after for change in batch}
        self._group = tuple(
            member._replace(weight=weights.get(member.key, member.weight)) for member in self._group or ()
        )

    def _not_yet_shown(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Read the group: returned is what was sent and is not shown.

        Raises for a third weight of any member that is still to be written: it is not overwritten.
        """
        self._group = self._read().members
        self._confirm(self._group)
        outstanding = [change for change in changes if change not in self._applied]
        differing = _weights.differing(outstanding, self._group)
        foreign = [(change, weight) for change, weight in differing if weight != change.member.weight]
        if foreign:
            raise _changed_by_others(foreign)
        return tuple(self._unconfirmed)

    def _confirm(self, members: tuple[Member, ...]) -> None:
        """What a read shows of the unconfirmed changes is applied.

        The others stay unconfirmed: the read may be stale, the write may land later, or somebody may have undone it.
        """
        still_open = [change for change, _weight in _weights.differing(self._unconfirmed, members)]
        shown = [change for change in self._unconfirmed if change not in still_open]
        self._note_applied(shown)
        self._shown += shown
        self._unconfirmed = still_open

    def _doubt(self, members: tuple[Member, ...]) -> None:
        """What one read has shown and a later one does not, without an answer ever, is unconfirmed again.

        The first may have been a stale one, of a time when another job had given the member this very weight.
        """
        doubted = [change for change, _weight in _weights.differing(self._shown, members)]
        self._note_applied(change.undoing for change in doubted)
        self._unconfirmed += doubted

    def _note_applied(self, changes: t.Iterable[Change]) -> None:
        """A change that takes back an earlier one leaves none of the two."""
        for change in changes:
            if change.undoing in self._applied:
                self._applied.remove(change.undoing)
            else:
                self._applied.append(change)

    def _verified(self, plan: Plan) -> tuple[Member, ...]:
        """Read until the group shows all that was requested. A third weight that stays is somebody else's."""
        settling = Deadline(SETTLE_SECONDS)
        tries = 0
        while True:
            tries += 1
            self._group = self._read().members
            differing = _weights.differing(plan.requested, self._group)
            if not differing:
                return self._group
            foreign = [(change, weight) for change, weight in differing if weight != change.member.weight]
            if foreign and not settling.remaining():
                raise _changed_by_others(foreign)
            if not self._client.deadline.pause(tries):
                raise _changed_by_others(foreign) if foreign else _not_shown(differing)

    def _settle_account(self) -> None:
        """After a failure: one more read, so that the account says what is and not what was meant."""
        with contextlib.suppress(SlbError):
            self._group = self._read().members
        self._confirm(self._group or ())
        self._doubt(self._group or ())

    def _told(self) -> tuple[list[Change], list[Change]]:
        """The planned changes that are in effect, and those of which nobody knows, be it whether they were taken back."""
        applied = [change for change in self._applied if change.undoing not in self._unconfirmed]
        unknown = [change.undoing if change.undoing in self._applied else change for change in self._unconfirmed]
        return applied, unknown

    @property
    def members(self) -> tuple[Member, ...]:
        """The newest knowledge of the whole default group."""
        return self._group or ()

    @property
    def requested(self) -> tuple[Change, ...]:
        """What the task names, whether it had the weight before or not."""
        return self._plan.requested if self._plan else ()

    def result(self) -> dict[str, t.Any]:
        """The result keys that hold whether the task succeeded or failed; members are known only once read."""
        applied, unconfirmed = self._told()
        result: dict[str, t.Any] = {
            "changed": bool(applied or unconfirmed),
            "load_balancer_id": self._id,
            "region": self._client.region,
            "changed_servers": [change.as_dict() for change in applied],
            "api_calls": self._client.api_calls,
            "request_ids": self._client.request_ids,
        }
        if self._group is not None:
            result["backend_servers"] = [member.as_dict() for member in self._group]
            result["active_count"] = _weights.active_count(self._group)
        if self._listeners is not None:
            result["listeners"] = [listener.as_dict() for listener in self._listeners]
        if self._plan is not None:
            result["previous"] = [as_option(change.member) for change in self._plan.requested]
        return result

    def account(self) -> dict[str, t.Any]:
        """What a failed task wrote and what it did not; ``unconfirmed`` is what nobody could find out."""
        planned = self._plan.changes if self._plan else ()
        applied, unconfirmed = self._told()
        return {
            "applied": [change.as_dict() for change in applied],
            "not_applied": [change.as_dict() for change in planned if change not in [*applied, *unconfirmed]],
            "unconfirmed": [change.as_dict() for change in unconfirmed],
        }

    def diff(self) -> dict[str, str]:
        """The members that this run changed (check mode: would change), before and after."""
        header = f"{self._id} weights"
        return {
            "before": _weights.diff_text(change.member for change in self._applied),
            "after": _weights.diff_text(change.target for change in self._applied),
            "before_header": header,
            "after_header": header,
        }


def as_option(member: Member) -> dict[str, t.Any]:
    """A member in the shape of an element of the option ``backend_servers``, told apart from every other one."""
    option: dict[str, t.Any] = {"server_id": member.server_id, "weight": member.weight, "type": member.type}
    if member.server_ip:
        option["server_ip"] = member.server_ip
    return option


def _seen(differing: t.Iterable[tuple[Change, int | None]]) -> str:
    return ", ".join(
        f"{change.member.name} should have {change.after} and "
        + ("is no member any more" if weight is None else f"has {weight}")
        for change, weight in differing
    )


def _changed_by_others(differing: t.Sequence[tuple[Change, int | None]]) -> SlbError:
    return SlbError(
        "ChangedMeanwhile",
        f"somebody else changed the group during this task: {_seen(differing)}",
        advice="Find out who did, then run the task again.",
    )


def _not_shown(differing: t.Sequence[tuple[Change, int | None]]) -> SlbError:
    return SlbError(
        "NotVerified",
        f"the API took the new weights and did not show them within wait_timeout: {_seen(differing)}",
        advice="Run the task again, with a longer wait_timeout.",
    )
