# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What a run has sent, and what is known about it. Pure: it is told what happened, and does no I/O."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, differing
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer


class Ledger:
    """Every change that was sent is either applied or unconfirmed. Undoing an applied change removes it again."""

    def __init__(self) -> None:
        self.unconfirmed: tuple[Change, ...] = ()
        self._applied: list[Change] = []
        self._seen_only: list[Change] = []  # applied because a read showed them; no response ever confirmed them

    def predict(self, changes: t.Iterable[Change]) -> None:
        """Check mode: take the changes as applied."""
        self._applied = list(changes)

    def sending(self, batch: t.Iterable[Change]) -> None:
        """A batch is about to be sent. A change that it undoes needs no further confirmation."""
        undone = {change.undoing for change in batch}
        self._seen_only = [change for change in self._seen_only if change not in undone]

    def confirmed(self, batch: t.Iterable[Change]) -> None:
        """The API confirmed the batch."""
        self._apply(batch)
        self.unconfirmed = ()

    def lost(self, batch: t.Iterable[Change]) -> None:
        """The batch was sent and no usable response came back."""
        self.unconfirmed = tuple(batch)

    def observe(self, group: t.Iterable[BackendServer]) -> None:
        """A read shows the group: unconfirmed changes that it shows are applied.

        The others stay unconfirmed. The read may be stale, the write may still land, or someone may have undone it.
        """
        missing = {change for change, _weight in differing(self.unconfirmed, group)}
        seen = [change for change in self.unconfirmed if change not in missing]
        self._apply(seen)
        self._seen_only += seen
        self.unconfirmed = tuple(change for change in self.unconfirmed if change in missing)

    def review(self, group: t.Iterable[BackendServer]) -> None:
        """The final read. If it no longer shows a change that only an earlier read had shown, that is unconfirmed again.

        The earlier read may have been stale, from a time when another job had set the same weight.
        """
        group = tuple(group)
        self.observe(group)
        doubtful = [change for change, _weight in differing(self._seen_only, group)]
        self._apply(change.undoing for change in doubtful)
        self.unconfirmed += tuple(doubtful)

    def outstanding(self, changes: t.Iterable[Change]) -> list[Change]:
        """The changes that are not applied."""
        return [change for change in changes if change not in self._applied]

    @property
    def applied(self) -> list[Change]:
        """The changes in effect, without those whose undoing is unconfirmed."""
        return [change for change in self._applied if change.undoing not in self.unconfirmed]

    @property
    def unknown(self) -> list[Change]:
        """The planned changes whose outcome, or whose undoing's outcome, is unconfirmed."""
        return [change.undoing if change.undoing in self._applied else change for change in self.unconfirmed]

    def _apply(self, changes: t.Iterable[Change]) -> None:
        """A change and its undoing cancel out."""
        for change in changes:
            if change.undoing in self._applied:
                self._applied.remove(change.undoing)
            else:
                self._applied.append(change)
