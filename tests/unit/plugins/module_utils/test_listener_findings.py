# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which listeners weights have no effect."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _listener_findings
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener, LoadBalancer

WEB1 = BackendServer("i-web1", 100, description="web 1")
LISTENER = Listener(80, "http", 8080, "wrr", "running", None, None, True, False, None)
BALANCER = LoadBalancer("lb-1", "web", "active", "192.0.2.1", (WEB1,))


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        ({}, None),
        ({"scheduler": "wlc"}, None),
        ({"scheduler": None}, None),
        ({"forward": True, "scheduler": "rr"}, None),
        ({"scheduler": "rr"}, "listener http:80 schedules by rr"),
        ({"scheduler": "sch"}, "listener http:80 schedules by sch"),
        ({"vserver_group_id": "rsp-1"}, "listener http:80 uses vServer group rsp-1"),
        ({"master_slave_server_group_id": "rsp-2"}, "listener http:80 uses master/slave server group rsp-2"),
        ({"status": "stopped"}, "listener http:80 is stopped"),
    ],
)
def test_listeners_on_which_weights_do_nothing(listener: dict[str, t.Any], reason: str | None) -> None:
    found = _listener_findings.ineffective_weight_reasons(BALANCER, [LISTENER._replace(**listener)])
    assert found == ([reason] if reason else [])


def test_load_balancer_that_serves_nothing() -> None:
    assert _listener_findings.ineffective_weight_reasons(BALANCER, []) == ["it has no listener"]
    locked = BALANCER._replace(status="locked")
    assert _listener_findings.ineffective_weight_reasons(locked, [LISTENER]) == ["the load balancer is locked"]
