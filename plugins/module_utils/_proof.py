# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Prove that a host gets no traffic, immediately before its update."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Context
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import UPDATING
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import active_count
from ansible_collections.aliyun_community.slb.plugins.module_utils._reads import Reads
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, group_name
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import unproven

Json = dict[str, t.Any]


class Proof:
    """The proof for one host, in every server group that the rolling update is responsible for."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._batch = context.batch
        self._request = context.request
        self._reads = Reads(context)

    def prove(self) -> Json:
        """Prove it, and note that the update begins. Raises SlbError if it is not proven."""
        context, request = self._context, self._request
        if context.bench.check_mode:
            return context.result(changed=False, msg="Check mode: nothing was drained, so nothing is proven.")
        with self._batch.leading("proven"):
            for load_balancer_id in request.load_balancer_ids:
                self._prove_members(load_balancer_id)
        return self.begin_update(context.result(changed=False, msg=f"{request.host} gets no new requests."))

    def begin_update(self, result: Json) -> Json:
        """Note that the update begins, for which a task returns ``result``: from now on a failure leaves the server out."""
        context, request = self._context, self._request
        entries = context.of_server(request, context.open_entries())
        if entries:
            context.bench.record(
                request.rolling_update_id, [entry.moved_to(UPDATING, time.time()) for entry in entries]
            )
        return context.with_stats(result, begins=True)

    def _prove_members(self, load_balancer_id: str) -> None:
        """By the read of another host, which takes a few seconds to get old, or by a read of this one's own."""
        kept = self._reads.kept_for_proof(load_balancer_id)
        if kept is not None:
            with contextlib.suppress(SlbError):
                return self._judge(load_balancer_id, kept)
        return self._judge(load_balancer_id, self._reads.read_for_proof(load_balancer_id))

    def _judge(self, load_balancer_id: str, members: t.Sequence[BackendServer]) -> None:
        target, setting = self._context.target(self._request), self._context.setting(load_balancer_id)
        reason = unproven(target, members, setting)
        if reason:
            raise SlbError(
                "NotDrained",
                f"its update does not begin: {reason}",
                advice="The drain was skipped, or someone changed the weight since.",
            )
        for group_id in self._batch.recall(f"drained {load_balancer_id} {self._request.host}") or ():
            self._prove_min_active(
                load_balancer_id, [server for server in members if server.vserver_group_id == group_id]
            )

    def _prove_min_active(self, load_balancer_id: str, group: t.Sequence[BackendServer]) -> None:
        """Two rolling updates at the same time may each have left enough members in traffic, and too few together."""
        active = active_count(group)
        if active >= self._request.min_active or not group:
            return
        place, group_id = load_balancer_id, group[0].vserver_group_id
        if group_id is not None:
            place = f"{group_name(group_id, group[0].vserver_group_name)} of {load_balancer_id}"
        raise SlbError(
            "MinActive",
            f"another job drained members of {place} at the same time: {active} are left in traffic, and "
            f"{self._context.place.prefix}min_active is {self._request.min_active}",
            advice="Run this again when the other job has ended.",
        )
