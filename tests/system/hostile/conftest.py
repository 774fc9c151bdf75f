# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules in this process, with all that they may reach: an emulator, a home folder, nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from modules import STATE

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client, _deadline, _weight_setter
from slb_emulator import Emulator, running

# N=20 asks for 20 times as many examples, and for new ones; without it they are always the same.
FACTOR = int(os.environ.get("N") or 0)
settings.register_profile(
    "hostile",
    derandomize=not FACTOR,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    max_examples=100 * max(FACTOR, 1),
)
settings.load_profile("hostile")


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of the caller, short pauses, a clock that runs fast, and names that lead nowhere but to loopback."""
    real_lookup, real_deadline = socket.getaddrinfo, _deadline.Deadline

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "not on this machine")
        return real_lookup(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(("ALICLOUD_", "ALIBABA_CLOUD_", "ALIYUN_")) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(socket, "getaddrinfo", look_up)
        patch.setattr(_deadline, "FIRST_PAUSE", 0.001)
        patch.setattr(_deadline, "LONGEST_PAUSE", 0.05)
        patch.setattr(_client, "READ", _client.READ._replace(grace=0.1))
        patch.setattr(_weight_setter, "SETTLE_SECONDS", 0.05)
        patch.setattr(_client, "Deadline", lambda seconds: real_deadline(min(seconds, 10) * 0.25))
        yield


@pytest.fixture(scope="session")
def shared_slb() -> Iterator[Emulator]:
    with running(STATE) as emulator:
        yield emulator


@pytest.fixture
def home() -> Path:
    return Path(os.environ["HOME"])
