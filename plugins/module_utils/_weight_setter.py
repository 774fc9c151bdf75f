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
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, Plan, RequestedWeight
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    Listener,
    LoadBalancer,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import (
    MAX_SERVERS_PER_CALL,
    describe_listeners,
    describe_load_balancer,
    set_backend_servers,
)

# How long a weight that is neither the old nor the new one may be a stale read before it counts as someone's change.
# The weight reaches the data path about 2 s after a call returns (measured by the author of a public drain tool).
SETTLE_SECONDS = 5.0

Group = tuple[BackendServer, ...]
# What is requested, or a function that decides it on the group as it was read.
Request = t.Union[t.Sequence[RequestedWeight], t.Callable[[Group], t.Sequence[RequestedWeight]]]


class Options(t.NamedTuple):
    """The options of the module that say how to work.

    ``count_again``: count the members in traffic after the write, too; False for a caller that does so itself.
    """

    on_missing: str = "fail"
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
        self._planned: Plan | None = None
        self._group: Group | None = None
        self._listeners: list[Listener] | None = None

    @property
    def plan(self) -> Plan | None:
        """None until the group was read and a plan was made."""
        return self._planned

    @property
    def group(self) -> Group | None:
        """The newest knowledge of the whole default server group: as read, or as written since. None until it was read."""
        return self._group

    def run(
        self, requested: Request, *, check_mode: bool, before_write: t.Callable[[Plan], None] | None = None
    ) -> None:
        """Set the requested weights. Raises SlbError; ``result()`` and ``account()`` then say what had been done.

        ``requested``: the weights, or a function that is called once with the group as read and returns them; if it
        returns none, nothing is written. The write is based on the very read that the function saw.
        ``before_write``: called once with the plan after all guards, right before the first write. Not called in check
        mode or if nothing differs. If it raises, nothing is written.
        """
        load_balancer = self._read()
        self._group = load_balancer.backend_servers
        weights = requested(self._group) if callable(requested) else requested
        self._planned = plan = _plan.plan_weights(self._group, weights)
        self._check_missing(plan)
        if not plan.changes:
            return
        _plan.check_min_active(plan, self._options.min_active)
        self._check_listeners(load_balancer)
        if check_mode:
            self.ledger.predict(plan.changes)
            self._group = plan.group
            return
        if before_write:
            before_write(plan)
        self._write_and_verify(plan)

    def _read(self) -> LoadBalancer:
        return describe_load_balancer(self._client, self._id)

    def _check_missing(self, plan: Plan) -> None:
        if self._options.on_missing == "fail":
            _plan.check_missing(plan)
        elif plan.missing:
            names = ", ".join(server.name for server in plan.missing)
            self.warnings.append(f"Skipped, not in the default server group of {self._id}: {names}")

    def _check_listeners(self, load_balancer: LoadBalancer) -> None:
        if self._options.check_listeners == "off":
            return
        self._listeners = describe_listeners(self._client, self._id)
        reasons = _plan.ineffective_weight_reasons(load_balancer, self._listeners)
        if not reasons:
            return
        finding = f"weights may have no effect on {self._id}: {'; '.join(reasons)}"
        if self._options.check_listeners == "fail":
            raise SlbError(
                "WeightsWithoutEffect",
                finding,
                advice="Fix the listeners, or continue with check_listeners: warn.",
            )
        self.warnings.append(finding[0].upper() + finding[1:])

    def _write_and_verify(self, plan: Plan) -> None:
        try:
            self._write_all(plan.changes)
            if self._options.verify:
                self._verify(plan)
            self._check_min_active_again(plan)
        except SlbError:
            # One more read, so that the report reflects the actual state, not the intended one.
            with contextlib.suppress(SlbError):
                self._group = self._read().backend_servers
            self.ledger.review(self._group or ())
            raise

    def _write_all(self, changes: tuple[Change, ...]) -> None:
        for batch in _plan.batches(changes, MAX_SERVERS_PER_CALL):
            self._write(batch, changes)

    def _write(self, batch: tuple[Change, ...], changes: tuple[Change, ...]) -> None:
        """Write a batch of the changes. If no response comes, read what became of it before sending it again."""
        attempts = 0
        while batch:
            attempts += 1
            self.ledger.sending(batch)
            try:
                set_backend_servers(self._client, self._id, [change.target for change in batch])
            except OutcomeUnknown:
                self.ledger.lost(batch)
                if not self._client.deadline.pause(attempts):
                    raise
                batch = self._not_yet_shown(changes)
            else:
                self.ledger.confirmed(batch)
                self._group = _plan.with_changes(self._group or (), batch)
                return

    def _not_yet_shown(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Read the group and return what was sent and is not shown.

        Raises for a third weight of any member that is still to be written: it is not overwritten.
        """
        self._group = self._read().backend_servers
        self.ledger.observe(self._group)
        foreign = _foreign(_plan.differing(self.ledger.outstanding(changes), self._group))
        if foreign:
            raise _changed_by_others(foreign)
        return self.ledger.unconfirmed

    def _verify(self, plan: Plan) -> None:
        """Read until the group shows all requested weights. A third weight that stays is someone else's."""
        settling = Deadline(SETTLE_SECONDS)
        attempts = 0
        while True:
            attempts += 1
            self._group = self._read().backend_servers
            differing = _plan.differing(plan.requested, self._group)
            if not differing:
                return
            foreign = _foreign(differing)
            if foreign and not settling.remaining():
                raise _changed_by_others(foreign)
            if not self._client.deadline.pause(attempts):
                raise _changed_by_others(foreign) if foreign else _not_shown(differing)

    def _check_min_active_again(self, plan: Plan) -> None:
        """Concurrent tasks may each have left enough members in traffic, and together too few.

        The task that wrote last reads what all of them did, so at least its drain is undone; perhaps others' too.
        """
        if not plan.drains or not self._options.min_active or not self._options.count_again:
            return
        if not self._options.verify:
            self._group = self._read().backend_servers
        left = _plan.active_count(self._group or ())
        if left >= self._options.min_active:
            return
        outcome = "this task undid its drain"
        try:
            self._write_all(tuple(change.undoing for change in plan.drains))
        except SlbError as exc:
            outcome = f"this task could not undo its drain ({exc.message})"
        raise SlbError(
            "MinActive",
            f"another task drained members at the same time: {left} were left in traffic, but min_active is "
            f"{self._options.min_active}; {outcome}",
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
            group=self._group,
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
