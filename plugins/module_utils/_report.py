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
    Skipped,
    active_count,
    diff_text,
    group_ids,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener, ServerGroup


class Report(t.NamedTuple):
    """Everything known at the end of a run. The defaults are those of a run that asked the API nothing.

    ``applied`` and ``unknown``: as in Ledger. ``plan``, ``groups`` and ``listeners`` are None until they were read.
    """

    load_balancer_id: str
    region: str | None
    api_calls: int = 0
    request_ids: t.Sequence[str] = ()
    applied: t.Sequence[Change] = ()
    unknown: t.Sequence[Change] = ()
    plan: Plan | None = None
    groups: tuple[ServerGroup, ...] | None = None
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
        if self.groups is not None:
            result["backend_servers"] = [row for group in self.groups for row in _as_dicts(group.backend_servers)]
            result["server_groups"] = [counts(group) for group in self.groups]
            result["active_count"] = self._smallest_active_count(self.groups)
        if self.listeners is not None:
            result["listeners"] = _as_dicts(self.listeners)
        if self.plan is not None:
            result["previous"] = [as_option(change.server) for change in self.plan.requested]
            # Not "skipped", which Ansible itself uses.
            result["skipped_servers"] = _as_dicts(self.plan.skipped)
        return result

    def _smallest_active_count(self, groups: t.Sequence[ServerGroup]) -> int:
        """Of the groups that have a requested member; of all if none has one. An empty group says nothing about others."""
        concerned = group_ids(self.plan.requested) if self.plan else []
        chosen = [group for group in groups if group.vserver_group_id in concerned] or groups
        return min((active_count(group.backend_servers) for group in chosen), default=0)

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


def counts(group: ServerGroup) -> dict[str, t.Any]:
    """A server group, with the number of its members and of those that get new requests."""
    return {
        "vserver_group_id": group.vserver_group_id,
        "vserver_group_name": group.vserver_group_name,
        "member_count": len(group.backend_servers),
        "active_count": active_count(group.backend_servers),
    }


def _as_dicts(records: t.Iterable[Change | BackendServer | Listener | Skipped]) -> list[dict[str, t.Any]]:
    return [record.as_dict() for record in records]


def as_option(server: BackendServer) -> dict[str, t.Any]:
    """A member in the shape of an element of the option ``backend_servers``, distinct from every other member."""
    option: dict[str, t.Any] = {"server_id": server.server_id, "weight": server.weight, "type": server.type}
    if server.server_ip:
        option["server_ip"] = server.server_ip
    if server.vserver_group_id is not None:
        option["vserver_group"] = server.vserver_group_id
        option["port"] = server.port
    return option
