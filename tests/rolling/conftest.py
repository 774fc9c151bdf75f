# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage as a fixture, and what it has to say after a test that failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

import pytest

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "emulator")]

from slb_rolling.stage import Stage, staged  # noqa: E402


@pytest.fixture
def set_stage() -> Iterator[Callable[..., Stage]]:
    """Sets a stage that stays until the end of the test; takes what `staged` takes."""
    with ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> Stage:
            stage = stack.enter_context(staged(*arguments, **options))
            # Pytest shows this when the test has failed.
            stack.callback(lambda: print(stage.report()))
            return stage

        yield start
