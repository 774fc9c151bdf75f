# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The order of work when weights are set: read, plan, guard, write, verify; and the report of it."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _plan
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._deadline import Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._ledger import Ledger
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import MIN_ACTIVE, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, Plan
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import RequestedWeight, resolve_groups
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import (
    ALL_GROUPS,
    DEFAULT_GROUP,
    Scope,
    ServerGroups,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import MAX_SERVERS_PER_CALL

# How long a weight that is neither the old nor the new one may be a stale read before it counts as someone's change.
# The weight reaches the data path about 2 s after a call returns (measured by the author of a public drain tool).
SETTLE_SECONDS = 5.0

# The members of all groups that were read.
Group = tuple[BackendServer, ...]
# What is requested, or a function that decides it on the members as they were read.
Request = t.Union[t.Sequence[RequestedWeight], t.Callable[[Group], t.Sequence[RequestedWeight]]]


class Options(t.NamedTuple):
    """The options of the module that say how to work.

    ``server_groups``: ``default`` or ``all``, the groups of which members are read for a function that decides.
    ``count_again``: count the members in traffic after the write, too; False for a caller that does so itself.
    """

    server_groups: str = "default"
    on_missing: str = "fail"
    on_unexpected: str = "fail"
    min_active: int = 0
    check_listeners: str = "off"
    verify: bool = True
    count_again: bool = True

    @classmethod
    def parse(cls, params: t.Mapping[str, t.Any]) -> Options:
        """Those among the parameters of a module. Raises InvalidArgument."""
        options = cls(**{name: params[name] for name in cls._fields if name in params})
        return options._replace(min_active=whole_number(options.min_active, "min_active", MIN_ACTIVE))


class WeightSetter:
    """One run on one load balancer. It always holds everything known so far, so a failure can be reported in full."""

    def __init__(self, client: Client, load_balancer_id: str, options: Options) -> None:
        self.warnings: list[str] = []
        self.ledger = Ledger()
        self._client = client
        self._id = load_balancer_id
        self._options = options
        self.groups = ServerGroups(client, load_balancer_id)
        self._planned: Plan | None = None
        self._sent_to: dict[str | None, None] = {}  # the groups that writes were sent to, in order
        self._listeners: list[Listener] | None = None

    @property
    def plan(self) -> Plan | None:
        """None until the groups were read and a plan was made."""
        return self._planned

    @property
    def group(self) -> Group | None:
        """The newest knowledge of the members of all groups: as read, or as written since. None until all were read."""
        return self.groups.members if self.groups.is_read else None

    def run(
        self,
        requested: Request,
        *,
        check_mode: bool,
        before_write: t.Callable[[Plan], None] | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Set the requested weights. Raises SlbError; ``result()`` and ``account()`` then say what had been done.

        ``requested``: the weights, or a function that is called once with the members as read and returns them; if it
        returns none, nothing is written. The write is based on the very read that the function saw.
        ``before_write``: called once with the plan after all guards, right before the first write. Not called in check
        mode or if nothing differs. If it raises, nothing is written.
        ``scope``: the groups to read; by default those of the weights or, for a function, those of the options.
        """
        self.groups.read(scope or self._scope_of(requested))
        weights = requested(self.groups.members) if callable(requested) else requested
        weights = resolve_groups(weights, self.groups.groups, self._id)
        self._planned = plan = _plan.plan_weights(self.groups.members, weights, self._options.on_unexpected)
        self._check_missing(plan)
        if not plan.changes:
            return
        _plan.check_min_active(plan, self._options.min_active)
        self._check_listeners(plan)
        if check_mode:
            self.ledger.predict(plan.changes)
            self.groups.note(plan.changes)
            return
        if before_write:
            before_write(plan)
        self._write_and_verify(plan)

    def _scope_of(self, requested: Request) -> Scope:
        if callable(requested):
            return ALL_GROUPS if self._options.server_groups == "all" else DEFAULT_GROUP
        return Scope.of(requested)

    def _check_missing(self, plan: Plan) -> None:
        if self._options.on_missing == "fail":
            _plan.check_missing(plan)
            return
        for place, missing in _plan.missing_places(plan):
            names = ", ".join(server.name for server in missing)
            self.warnings.append(f"Skipped, {place} of {self._id}: {names}")

    def _check_listeners(self, plan: Plan) -> None:
        if self._options.check_listeners == "off":
            return
        # Not above: it would cost each task that checks none a twentieth of its time.
        from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_check import ListenerCheck
        from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import remedies

        check = ListenerCheck(self._client, self.groups)
        try:
            findings = check.findings(plan.requested, all_groups=self._options.server_groups == "all")
        finally:
            self._listeners = check.listeners
        if not findings:
            return
        text = f"weights may have no effect on {self._id}: {'; '.join(finding.text for finding in findings)}"
        if self._options.check_listeners == "fail":
            advice = f"{remedies(findings)} Or continue with check_listeners: warn."
            raise SlbError("WeightsWithoutEffect", text, advice=advice)
        self.warnings.append(f"{text[0].upper()}{text[1:]}. {remedies(findings)}")

    def _write_and_verify(self, plan: Plan) -> None:
        try:
            self._write_all(plan.changes)
            if self._options.verify:
                self._verify(plan)
            self._check_min_active_again(plan)
        except SlbError:
            self._read_what_was_sent()
            self.ledger.review(self.groups.members)
            raise

    def _read_what_was_sent(self) -> None:
        """One more read of each group, so that the report reflects the actual state, not the intended one.

        Groups of unconfirmed changes come first: after the deadline there may be time for one read only.
        """
        unconfirmed = _plan.group_ids(self.ledger.unconfirmed)
        for group_id in [*unconfirmed, *(group for group in self._sent_to if group not in unconfirmed)]:
            with contextlib.suppress(SlbError):
                self.groups.read_group(group_id)

    def _write_all(self, changes: tuple[Change, ...]) -> None:
        for batch in _plan.batches(changes, MAX_SERVERS_PER_CALL):
            self._write(batch, changes)

    def _write(self, batch: tuple[Change, ...], changes: tuple[Change, ...]) -> None:
        """Write a batch of the changes. If no response comes, read what became of it before sending it again."""
        attempts = 0
        self._sent_to[batch[0].group_id] = None
        while batch:
            attempts += 1
            self.ledger.sending(batch)
            try:
                self.groups.write(batch)
            except OutcomeUnknown:
                self.ledger.lost(batch)
                if not self._client.deadline.pause(attempts):
                    raise
                batch = self._not_yet_shown(batch[0].group_id, changes)
            else:
                self.ledger.confirmed(batch)
                return

    def _not_yet_shown(self, group_id: str | None, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Read the group and return what was sent and is not shown.

        Raises for a third weight of any member that is still to be written: it is not overwritten.
        """
        self.groups.read_group(group_id)
        members = self.groups.members
        self.ledger.observe(members)
        foreign = _foreign(_plan.differing(self.ledger.outstanding(changes), members))
        if foreign:
            raise _changed_by_others(foreign)
        return self.ledger.unconfirmed

    def _verify(self, plan: Plan) -> None:
        """Read each changed group until it shows all requested weights."""
        for group_id in _plan.group_ids(plan.changes):
            self._verify_group(group_id, [change for change in plan.requested if change.group_id == group_id])

    def _verify_group(self, group_id: str | None, requested: t.Sequence[Change]) -> None:
        """A third weight that stays is someone else's."""
        settling = Deadline(SETTLE_SECONDS)
        attempts = 0
        while True:
            attempts += 1
            differing = _plan.differing(requested, self.groups.read_group(group_id).backend_servers)
            if not differing:
                return
            foreign = _foreign(differing)
            if foreign and not settling.remaining():
                raise _changed_by_others(foreign)
            if not self._client.deadline.pause(attempts):
                raise _changed_by_others(foreign) if foreign else _not_shown(differing)

    def _check_min_active_again(self, plan: Plan) -> None:
        """Concurrent tasks may each have left enough members in traffic, and together too few.

        The task that wrote last reads what all of them did, so at least its drains are undone; perhaps others' too.
        """
        min_active = self._options.min_active
        if not plan.drains or not min_active or not self._options.count_again:
            return
        if not self._options.verify:
            for group_id in _plan.group_ids(plan.drains):
                self.groups.read_group(group_id)
        too_few = _plan.too_few_active(plan, self.groups.members, min_active)
        if not too_few:
            return
        group, active, _total = too_few[0]
        outcome = "this task undid its drain"
        try:
            self._write_all(tuple(change.undoing for change in plan.drains))
        except SlbError as exc:
            outcome = f"this task could not undo its drain ({exc.message})"
        raise SlbError(
            "MinActive",
            f"another task drained members{group} at the same time: {active} were left in traffic, but min_active is "
            f"{min_active}; {outcome}",
            advice="Rerun the task after the other one has ended.",
        )

    def report(self) -> Report:
        """Everything known now."""
        return Report(
            load_balancer_id=self._id,
            region=self._client.region,
            api_calls=self._client.api_calls,
            request_ids=self._client.request_ids,
            applied=self.ledger.applied,
            unknown=self.ledger.unknown,
            plan=self._planned,
            groups=self.groups.groups if self.groups.is_read else None,
            listeners=self._listeners,
        )

    def result(self) -> dict[str, t.Any]:
        """The result keys of a task, whether it succeeded or failed."""
        return self.report().result()

    def account(self) -> dict[str, t.Any]:
        """The result keys of a failed task: what it wrote and what it did not."""
        return self.report().account()


Differing = t.Sequence[tuple[Change, t.Optional[int]]]


def _foreign(differing: Differing) -> Differing:
    """Those that have neither the old nor the new weight: someone else set it."""
    return [(change, weight) for change, weight in differing if weight != change.server.weight]


def _describe(differing: Differing) -> str:
    return ", ".join(
        f"{change.server.name} should have weight {change.after} "
        + ("but is no longer a member" if weight is None else f"but has {weight}")
        for change, weight in differing
    )


def _changed_by_others(differing: Differing) -> SlbError:
    return SlbError(
        "ChangedMeanwhile",
        f"someone else changed the group during this task: {_describe(differing)}",
        advice="Find out who, then rerun the task.",
    )


def _not_shown(differing: Differing) -> SlbError:
    return SlbError(
        "NotVerified",
        f"the API accepted the new weights but did not show them within wait_timeout: {_describe(differing)}",
        advice="Rerun the task with a longer wait_timeout.",
    )
