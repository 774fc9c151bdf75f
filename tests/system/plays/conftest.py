# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A field as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from field import UPDATE, Document, Field, environment_for_ansible, inventory, play, state
from warm_ansible import WarmAnsible

from slb_emulator import running


@pytest.fixture(scope="session")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmAnsible]:
    with WarmAnsible(environment_for_ansible(tmp_path_factory.mktemp("ansible"))) as warm:
        yield warm


@pytest.fixture
def fields(tmp_path: Path, ansible: WarmAnsible) -> Iterator[Any]:
    """Gives what makes a field with a state, by default with an ordinary inventory, play and update."""
    with ExitStack() as stack:

        def make(document: Document | None = None) -> Field:
            document = document or state()
            names = [balancer["load_balancer_id"] for balancer in document["load_balancers"]]
            made = Field(tmp_path, stack.enter_context(running(document)), names, ansible)
            made.write(inventory=inventory(), roll=[play()], update=[UPDATE])
            return made

        yield make


@pytest.fixture
def plain(fields: Any) -> Field:
    """An ordinary one."""
    made: Field = fields()
    return made
