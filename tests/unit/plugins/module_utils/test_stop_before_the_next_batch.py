# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a host has failed, the hosts of the next batch are not drained, also if its weights are back."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Place
from ansible_collections.aliyun_community.slb.plugins.module_utils._coordinator import Coordinator
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, LockedFolder, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench


class CheckGoesOnError(Exception):
    """The check of a host has come to its first call of the API."""


def no_client(_region: str) -> Client:
    raise CheckGoesOnError


class Stage:
    """Hosts of one play that share a folder. ``lines``: what was said to people."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[str] = []
        self._bench = Workbench(
            folder=JournalFolder(str(folder)),
            scratch=LockedFolder(str(folder)),
            run=Run.of_process(os.getpid()),
            client_for=no_client,
            say=self.lines.append,
            warn=self.lines.append,
            check_mode=False,
            is_alive=lambda: True,
        )

    def coordinator(
        self, host: str, *, batch: tuple[str, ...], play: tuple[str, ...], play_id: str = "1"
    ) -> Coordinator:
        request = Request(
            host=host,
            play=play_id,
            connection="c",
            rolling_update_id="web-1",
            load_balancer_ids=("lb-a",),
            region="r",
            server_id=f"i-{host}",
            server_ip=None,
            min_active=1,
            drain_delay=0,
            already_out="warn",
            ramp=(100,),
            ramp_pause=0,
            health_timeout=0,
            server_groups="all",
            names_server=False,
            conditions=(),
        )
        return Coordinator(self._bench, request, Place(batch, play, "", True))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """web1 has failed in the first batch, and its weights are as they were."""
    found = Stage(tmp_path)
    result = found.coordinator("web1", batch=("web1", "web2"), play=("web1", "web2", "web3")).account(
        "the update failed", "restore", False
    )
    assert result["failed"]
    found.lines.clear()
    return found


def test_next_batch_is_stopped(stage: Stage) -> None:
    results: list[dict[str, t.Any]] = [
        stage.coordinator(host, batch=("web3", "web4"), play=("web2", "web3", "web4")).check("off")
        for host in ("web3", "web4")
    ]
    assert [result["stopped"] for result in results] == [True, True]
    assert not any(result.get("failed") for result in results), "web1 makes the run red"
    assert stage.lines == ["Rolling update web-1 stops here: web1 failed. Fix that first."]


def test_failure_that_the_play_has_rescued_stops_it_too(stage: Stage) -> None:
    """One host fails for all then, so that the run is not green with servers that were not updated."""
    results = [
        stage.coordinator(host, batch=("web3", "web4"), play=("web1", "web2", "web3", "web4")).check("off")
        for host in ("web3", "web4")
    ]
    assert [(result["stopped"], result["failed"]) for result in results] == [(True, True), (True, False)]


def test_another_play_of_the_run_goes_on(stage: Stage) -> None:
    with pytest.raises(CheckGoesOnError):
        stage.coordinator("web3", batch=("web3",), play=("web3",), play_id="2").check("off")
