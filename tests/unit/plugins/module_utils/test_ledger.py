# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known about the changes that were sent."""

from __future__ import annotations

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._ledger import Ledger
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer

A, B = (Change(BackendServer(server_id, 100), 0) for server_id in ("i-a", "i-b"))
SHOWN = [A.target, B.target]
NOT_SHOWN = [A.server, B.server]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def state(ledger: Ledger) -> tuple[list[Change], list[Change]]:
    return ledger.applied, ledger.unknown


def test_nothing_was_sent(ledger: Ledger) -> None:
    assert state(ledger) == ([], [])
    assert ledger.outstanding([A, B]) == [A, B]


def test_prediction(ledger: Ledger) -> None:
    ledger.predict((A, B))
    assert state(ledger) == ([A, B], [])


def test_confirmed_batch(ledger: Ledger) -> None:
    ledger.sending([A])
    ledger.confirmed([A])
    assert state(ledger) == ([A], [])
    assert ledger.outstanding([A, B]) == [B]
    ledger.review(NOT_SHOWN)  # a stale read takes nothing from a response
    assert state(ledger) == ([A], [])


def test_confirmed_retry_settles_the_lost_attempt(ledger: Ledger) -> None:
    ledger.lost([A])
    ledger.confirmed([A])
    assert state(ledger) == ([A], [])
    assert ledger.unconfirmed == ()


@pytest.mark.parametrize(
    ("group", "applied", "unknown"),
    [(SHOWN, [A, B], []), ([A.target, B.server], [A], [B]), (NOT_SHOWN, [], [A, B]), ([], [], [A, B])],
)
def test_read_after_a_lost_batch(
    ledger: Ledger, group: list[BackendServer], applied: list[Change], unknown: list[Change]
) -> None:
    ledger.lost([A, B])
    assert state(ledger) == ([], [A, B])
    ledger.observe(group)
    assert state(ledger) == (applied, unknown)
    assert ledger.unconfirmed == tuple(unknown)


def test_change_that_only_an_earlier_read_has_shown(ledger: Ledger) -> None:
    ledger.lost([A])
    ledger.observe(SHOWN)
    ledger.review(SHOWN)
    assert state(ledger) == ([A], [])
    ledger.review(NOT_SHOWN)
    assert state(ledger) == ([], [A])


def test_final_read_settles_a_lost_change(ledger: Ledger) -> None:
    ledger.lost([A, B])
    ledger.review([A.target, B.server])
    assert state(ledger) == ([A], [B])


def test_undone_change_leaves_nothing(ledger: Ledger) -> None:
    ledger.confirmed([A])
    ledger.sending([A.undoing])
    ledger.confirmed([A.undoing])
    assert state(ledger) == ([], [])


def test_undoing_of_a_change_that_only_a_read_has_shown(ledger: Ledger) -> None:
    ledger.lost([A])
    ledger.observe(SHOWN)
    ledger.sending([A.undoing])
    ledger.confirmed([A.undoing])
    ledger.review(NOT_SHOWN)
    assert state(ledger) == ([], [])


def test_lost_undoing_leaves_the_planned_change_unknown(ledger: Ledger) -> None:
    ledger.confirmed([A, B])
    ledger.sending([A.undoing])
    ledger.lost([A.undoing])
    assert state(ledger) == ([B], [A])
