# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage as a fixture, and what it has to say after a test that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Callable

import pytest

from slb_rolling.stage import Stage, staged

SetStage = Callable[..., Stage]


@contextmanager
def stages() -> Iterator[SetStage]:
    """Gives what sets a stage for the length of the block; it takes what `staged` takes."""
    with ExitStack() as stack:

        def set_stage(*arguments: Any, **options: Any) -> Stage:
            stage = stack.enter_context(staged(*arguments, **options))
            # Pytest shows this when the test has failed.
            stack.callback(lambda: print(stage.report()))
            return stage

        yield set_stage


@pytest.fixture
def set_stage() -> Iterator[SetStage]:
    """For one test."""
    with stages() as set_stage:
        yield set_stage


@pytest.fixture(scope="class")
def shared_stage() -> Iterator[SetStage]:
    """For the tests of a class."""
    with stages() as set_stage:
        yield set_stage
