# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pauses before a deadline."""

from __future__ import annotations

import random
import time

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _deadline


def test_no_pause_is_longer_than_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deadline, "FIRST_PAUSE", 60.0)
    assert not _deadline.Deadline(1).pause(1)  # it would be 4 seconds at least


def test_pauses_grow_and_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(_deadline, "FIRST_PAUSE", 0.5)
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    deadline = _deadline.Deadline(1000)
    assert all(deadline.pause(tries) for tries in range(1, 8))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
