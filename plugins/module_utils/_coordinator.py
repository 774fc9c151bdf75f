# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The steps of a rolling update for one host: check, drain, prove, note the update, restore, account for a failure.

The host that comes first does the API calls for all hosts of its batch that have announced themselves (see _batch).
"""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._check import Check
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Context, Place
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain import Drain
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._proof import Proof
from ansible_collections.aliyun_community.slb.plugins.module_utils._put_back import PutBack
from ansible_collections.aliyun_community.slb.plugins.module_utils._reads import Reads
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

Json = dict[str, t.Any]


class Coordinator:
    """Takes one step of a rolling update for one host. Its methods raise SlbError, and return the result of the task."""

    def __init__(self, bench: Workbench, request: Request, place: Place) -> None:
        self._context = Context(bench, request, place)

    def begin(self, keep_days: int) -> None:
        """Once in a run, before anything is drained: find out whether a journal can be written, and say how to recover."""
        Check(self._context).begin(keep_days)

    def check(self, check_listeners: str) -> Json:
        """Check this host without a write, and announce it for the drain."""
        return Check(self._context).check(check_listeners)

    def drain(self, verify: bool, check_listeners: str) -> Json:
        """Take this host out of traffic, and with it all of its batch that have announced themselves.

        ``check_listeners``: for a host that was not checked before.
        """
        context, request = self._context, self._context.request
        with context.batch.leading("drained"):
            was_checked = context.batch.is_announced("drained", request)
            outcome = context.batch.take_outcome("drained", request)
            if outcome is not None:
                return outcome
            if not was_checked:
                Check(context).check_unannounced(check_listeners)
            requests = context.announced("drained")
            for each in requests:
                Reads(context).forget_proofs(each.load_balancer_ids)
            outcomes = Drain(context, requests, verify).run()
            mine = outcomes.pop(request.host)
            context.batch.leave_outcomes("drained", outcomes)
            return context.with_stats(mine)

    def begin_update(self, outcome: Json) -> Json:
        """After a drain that verified itself: note that the update begins. ``outcome``: of the drain, which is returned."""
        if outcome.get("failed") or self._context.bench.check_mode:
            return outcome
        return Proof(self._context).begin_update(outcome)

    def undo_drain(self, reason: SlbError) -> Json:
        """Put this host back because its update will not begin. The result is a failure with the reason."""
        return PutBack(self._context).undo_drain(reason)

    def prove(self) -> Json:
        """Prove that this host gets no traffic, and note that its update begins. Raises SlbError if that is not proven."""
        return Proof(self._context).prove()

    def note_updated(self) -> Json:
        """Note that the update has ended and that the host has passed its own check; announce it for the restore."""
        return PutBack(self._context).note_updated()

    def restore(self) -> Json:
        """Put this host back, and with it all of its batch that have announced that they are ready."""
        return PutBack(self._context).restore()

    def update_has_begun(self) -> bool:
        """Whether this host has been proven to be out of traffic, and is not back."""
        return any(not entry.is_untouched for entry in self._context.open_entries())

    def account(self, reason: str, on_failure: str, is_hidden: bool) -> Json:
        """After a failure: put the server back if its update has not begun, or if asked to. The host fails either way.

        ``is_hidden``: a rescue further out would turn the failure into a success. With a server out of traffic the host
        counts as unreachable then, which Ansible rescues nowhere.
        """
        return PutBack(self._context).account(reason, on_failure, is_hidden)
