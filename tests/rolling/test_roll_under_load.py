# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof: under real traffic a roll with the role loses no request, and one without it does."""

from __future__ import annotations

import time
from typing import Callable

import pytest
from slb_rolling import results
from slb_rolling.data_plane_watch import drains
from slb_rolling.results import Request
from slb_rolling.stage import NEW_VERSION, OLD_VERSION, Member, Stage

SetStage = Callable[..., Stage]
LEAST_RATE = 200
ALL_NEW = {f"web{number}": NEW_VERSION for number in range(1, 7)}


def test_debug(set_stage: SetStage) -> None:
    t=time.time()
    stage = set_stage()
    print("set", time.time()-t)
    play = stage.play("roll.yml")
    print("play", play.ended-play.began)
    time.sleep(1)
    t=time.time()
    stage.traffic.stop()
    print("stop", time.time()-t)
    rs = stage.traffic.requests
    n = len(results.between(rs, play.began, play.ended))
    print("rate", n/(play.ended-play.began))
    for h in stage.hosts: print(h.name, drains(stage.looks, h.server_id))
    print(stage.versions(), stage.weights())
    print(play.output)
    for frontend in stage.emulator.data_plane()["frontends"]:
        print(sum(s["total_requests"] for s in frontend["servers"]), len(rs))
    assert 0
