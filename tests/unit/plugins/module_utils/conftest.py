# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stage on which rolling updates take no time to wait."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import (
    _check,
    _context,
    _drain,
    _health_wait,
    _proof,
    _put_back,
    _reads,
    _recovery,
    _restorer,
    _workbench,
)
from ansible_collections.aliyun_community.slb.tests.unit import rolling


@pytest.fixture(scope="session")
def emulator_of_the_stage() -> t.Iterator[t.Any]:
    """One for all tests: to start and stop one takes longer than most of them."""
    from slb_emulator import running

    with running(rolling.state()) as slb:
        yield slb


@pytest.fixture
def stage(
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
    no_waiting: t.Any,
    open_client: t.Any,
    emulator_of_the_stage: t.Any,
) -> rolling.Stage:
    timed = (
        _check,
        _context,
        _drain,
        _health_wait,
        _proof,
        _put_back,
        _reads,
        _recovery,
        _restorer,
        _workbench,
    )
    for module in timed:
        clean_environment.setattr(module, "time", no_waiting)
    stage = rolling.Stage(tmp_path, emulator_of_the_stage, open_client)
    stage.reset()
    return stage
