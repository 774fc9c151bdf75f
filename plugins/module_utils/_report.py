# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What a run of ``slb_backend_weights`` reports: the only place that knows the names of its result keys. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import (
    Change,
    Plan,
    active_count,
    diff_text,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener


class Report(t.NamedTuple):
    """Everything known at the end of a run. The defaults are those of a run that asked the API nothing.

    ``applied`` and ``unknown``: as in Ledger. ``plan``, ``group`` and ``listeners`` are None until they were read.
    """

    load_balancer_id: str
    region: str | None
    api_calls: int = 0
    request_ids: t.Sequence[str] = ()
    applied: t.Sequence[Change] = ()
    unknown: t.Sequence[Change] = ()
    plan: Plan | None = None
    group: tuple[BackendServer, ...] | None = None
    listeners: t.Sequence[Listener] | None = None

    def result(self) -> dict[str, t.Any]:
        """The result keys of a task, whether it succeeded or failed."""
        result: dict[str, t.Any] = {
            "changed": bool(self.applied or self.unknown),
            "load_balancer_id": self.load_balancer_id,
            "region": self.region,
            "changed_servers": _as_dicts(self.applied),
            "api_calls": self.api_calls,
            "request_ids": list(self.request_ids),
        }
        if self.group is not None:
            result["backend_servers"] = _as_dicts(self.group)
            result["active_count"] = active_count(self.group)
        if self.listeners is not None:
            result["listeners"] = _as_dicts(self.listeners)
        if self.plan is not None:
            result["previous"] = [as_option(change.server) for change in self.plan.requested]
        return result

    def account(self) -> dict[str, t.Any]:
        """The further result keys of a failed task: what became of each planned change."""
        settled = [*self.applied, *self.unknown]
        planned = self.plan.changes if self.plan else ()
        return {
            "applied": _as_dicts(self.applied),
            "not_applied": _as_dicts(change for change in planned if change not in settled),
            "unconfirmed": _as_dicts(self.unknown),
        }

    def diff(self) -> dict[str, str]:
        """The members that this run changed (check mode: would change), before and after."""
        header = f"{self.load_balancer_id} weights"
        return {
            "before": diff_text(change.server for change in self.applied),
            "after": diff_text(change.target for change in self.applied),
            "before_header": header,
            "after_header": header,
        }


def _as_dicts(records: t.Iterable[Change | BackendServer | Listener]) -> list[dict[str, t.Any]]:
    return [record.as_dict() for record in records]


def as_option(server: BackendServer) -> dict[str, t.Any]:
    """A member in the shape of an element of the option ``backend_servers``, distinct from every other member."""
    option: dict[str, t.Any] = {"server_id": server.server_id, "weight": server.weight, "type": server.type}
    if server.server_ip:
        option["server_ip"] = server.server_ip
    return option
