# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What health checks say about members."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _health
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Health, Listener, Rule
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, listener_routes

WEB1 = BackendServer("i-web1", 100, description="web 1")
WEB2 = BackendServer("i-web2", 60)
ENI_A = BackendServer("eni-1", 100, "eni", "192.168.0.11")
ENI_B = BackendServer("eni-1", 50, "eni", "192.168.0.12")
LISTENER = Listener(80, "http", 8080, "wrr", "running", None, None, True, False, None)


@pytest.mark.parametrize(
    ("listener", "checks"),
    [
        ({}, True),
        ({"status": None}, True),
        ({"status": "starting"}, True),
        ({"status": "stopped"}, False),
        ({"health_check": False}, False),
        ({"health_check": None}, False),
        ({"forward": True}, False),
        ({"vserver_group_id": "rsp-1"}, False),
        ({"master_slave_server_group_id": "rsp-2"}, False),
    ],
)
def test_listeners_that_check_the_default_group(listener: dict[str, t.Any], checks: bool) -> None:
    routes = listener_routes(LISTENER._replace(**listener))
    assert bool(_health.checks_of(WEB1, routes)) is checks


HEALTHY = Health("i-web1", None, "ecs", 80, "http", 8080, "normal")
OF_A, OF_B = (HEALTHY._replace(server_id="eni-1", server_ip=server.server_ip) for server in (ENI_A, ENI_B))


@pytest.mark.parametrize(
    ("server", "rows", "statuses"),
    [
        (WEB1, [], set()),
        (WEB1, [HEALTHY], {"normal"}),
        (WEB1, [HEALTHY._replace(status="abnormal")], {"abnormal"}),
        (WEB1, [HEALTHY, HEALTHY._replace(port=8081, status="unavailable")], {"normal", "unavailable"}),
        (WEB1, [HEALTHY._replace(server_id="i-web2")], set()),
        (WEB1, [HEALTHY._replace(listener_port=443)], set()),
        (WEB1, [HEALTHY._replace(listener_port=None)], set()),
        (WEB1, [HEALTHY._replace(protocol="tcp")], set()),
        (WEB1, [HEALTHY._replace(protocol=None)], {"normal"}),
        # An ECS instance is a member once, whatever address a row has.
        (WEB1, [HEALTHY._replace(server_ip="192.168.0.9")], {"normal"}),
        (WEB1._replace(server_ip="192.168.0.1"), [HEALTHY._replace(server_ip="192.168.0.9")], {"normal"}),
        # Members of one network interface are told apart by their addresses.
        (ENI_A, [OF_A, OF_B._replace(status="abnormal")], {"normal"}),
        (ENI_B, [OF_A, OF_B._replace(status="abnormal")], {"abnormal"}),
        (ENI_B, [OF_A], set()),
        (ENI_B, [OF_A, OF_B._replace(server_ip=None, status="abnormal")], {"abnormal"}),
        (ENI_B, [OF_A._replace(server_ip=None, status="abnormal"), OF_B], {"normal"}),
        (ENI_B._replace(server_ip=None), [OF_A, OF_B._replace(status="abnormal")], {"normal", "abnormal"}),
        (
            ENI_A._replace(server_ip="2001:db8::1"),
            [OF_A._replace(server_ip="2001:0db8:0:0::0001")],
            {"normal"},
        ),
    ],
)
def test_health_of_a_member(server: BackendServer, rows: list[Health], statuses: set[str]) -> None:
    assert _health.health_of(server, LISTENER, rows) == statuses


@pytest.mark.parametrize(
    ("rows", "servers"),
    [
        ([], [WEB1, WEB2]),
        ([HEALTHY], [WEB1, WEB2]),
        ([HEALTHY, HEALTHY._replace(listener_port=443)], [WEB2]),
        ([HEALTHY, HEALTHY._replace(listener_port=443, status="unavailable")], [WEB1, WEB2]),
        ([HEALTHY, HEALTHY._replace(status="abnormal"), HEALTHY._replace(listener_port=443)], [WEB1, WEB2]),
        (
            [
                HEALTHY._replace(server_id=name, listener_port=port)
                for name in ("i-web1", "i-web2")
                for port in (80, 443)
            ],
            [],
        ),
    ],
)
def test_members_that_some_listener_does_not_call_healthy(rows: list[Health], servers: list[BackendServer]) -> None:
    listeners = [LISTENER, LISTENER._replace(port=443), LISTENER._replace(port=81, health_check=False)]
    routes = [Route(listener, None, None) for listener in listeners]
    assert _health.unhealthy([WEB1, WEB2], routes, iter(rows)) == servers


def test_members_that_no_listener_checks_are_not_called_unhealthy() -> None:
    assert _health.unhealthy([WEB1], [Route(LISTENER._replace(health_check=False), None, None)], []) == []
    assert _health.unhealthy([WEB1], [Route(LISTENER._replace(status="stopped"), None, None)], []) == []


def test_states_of_a_member_in_the_default_group() -> None:
    """A listener without rules checks only its own group, so every row counts, whatever its port."""
    rows = [HEALTHY._replace(port=8081, status="abnormal"), HEALTHY]
    assert _health.states(WEB1, [Route(LISTENER, None, None)], rows) == [("listener http:80", "abnormal/normal")]


APP = BackendServer("i-web1", 100, port=8080, vserver_group_id="rsp-app", vserver_group_name="app")
RULE = Rule("rule-1", "api", None, "/api", "rsp-app", True, None, None)


@pytest.mark.parametrize(
    ("route", "rows", "findings"),
    [
        (Route(LISTENER, None, "rsp-app"), [HEALTHY], []),
        (Route(LISTENER, None, "rsp-app"), [], ["unknown on listener http:80"]),
        # The health of another port is not that of this member; a row without a port is about all.
        (Route(LISTENER, None, "rsp-app"), [HEALTHY._replace(port=8081)], ["unknown on listener http:80"]),
        (Route(LISTENER, None, "rsp-app"), [HEALTHY._replace(port=None)], []),
        (Route(LISTENER, None, None), [], []),
        (Route(LISTENER, None, "rsp-other"), [], []),
        (Route(LISTENER, RULE, "rsp-app"), [], ["unknown on rule api (rule-1) of listener http:80"]),
        (
            Route(LISTENER, RULE, "rsp-app"),
            [HEALTHY._replace(status="abnormal")],
            ["abnormal on rule api (rule-1) of listener http:80"],
        ),
        (Route(LISTENER._replace(health_check=False), RULE, "rsp-app"), [], []),
        (Route(LISTENER, RULE._replace(listener_sync=False, health_check=False), "rsp-app"), [], []),
        (
            Route(
                LISTENER._replace(health_check=False),
                RULE._replace(listener_sync=False, health_check=True, name=None),
                "rsp-app",
            ),
            [],
            ["unknown on rule rule-1 of listener http:80"],
        ),
    ],
)
def test_health_of_a_member_of_a_vserver_group(route: Route, rows: list[Health], findings: list[str]) -> None:
    assert _health.findings(APP, [route], rows) == findings
