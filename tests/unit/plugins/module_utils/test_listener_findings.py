# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which listeners weights have no effect."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _listener_findings
from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import (
    ADD_LISTENER,
    ALL_GROUPS_TOO,
    REMOVE_IT,
    START_IT,
    USE_KUBERNETES,
    USE_WEIGHTS,
    Traffic,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    ListedRule,
    Listener,
    Rule,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route, listener_routes

WEB1 = BackendServer("i-web1", 100, description="web 1")
LISTENER = Listener(80, "http", 8080, "wrr", "running", None, None, True, False, None)


APP_1 = BackendServer("i-web1", 100, "ecs", None, None, 8080, "rsp-app", "app")
APP_2 = APP_1._replace(port=8081, weight=50)
APP_OTHER = APP_1._replace(server_id="i-web2")
DEFAULT = ServerGroup(None, None, (WEB1,))
APP = ServerGroup("rsp-app", "app", (APP_1, APP_2, APP_OTHER))
RULE = Rule("rule-1", "api", None, "/api", "rsp-app", True, None, None)
OWN = LISTENER._replace(port=90, protocol="tcp", vserver_group_id="rsp-app")
DRAIN = Change(WEB1, 0)
DRAIN_APP = [Change(APP_1, 0), Change(APP_2, 0)]
TO_DEFAULT = Route(LISTENER, None, None)
TO_APP = Route(OWN, None, "rsp-app")
BY_RULE = Route(LISTENER, RULE, "rsp-app")
LEFT = "uses vServer group app (rsp-app), in which i-web1 port 8080 keeps weight 100, i-web1 port 8081 keeps weight 50"


def traffic(*routes: Route, **fields: t.Any) -> Traffic:
    listeners = list(dict.fromkeys(route.listener for route in routes))
    return Traffic("active", listeners, routes, [DEFAULT, APP], {})._replace(**fields)


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"scheduler": "wlc"}, []),
        ({"scheduler": None}, []),
        ({"scheduler": "sch"}, ["listener http:80 schedules by sch"]),
        ({"status": "stopped", "scheduler": "rr"}, ["listener http:80 is stopped"]),
        # It redirects, so it has no servers.
        ({"forward": True, "scheduler": "rr"}, ["no listener or rule uses the default server group"]),
    ],
)
def test_listener_of_the_default_group(fields: dict[str, t.Any], texts: list[str]) -> None:
    listener = LISTENER._replace(**fields)
    given = traffic(*listener_routes(listener), listeners=[listener])
    assert [found.text for found in _listener_findings.find(given, [DRAIN], all_groups=False)] == texts


@pytest.mark.parametrize(("members", "more"), [(5, ""), (6, " and 1 more")])
def test_many_members_are_not_listed_whole(members: int, more: str) -> None:
    servers = tuple(APP_1._replace(port=port) for port in range(1, members + 1))
    groups = [DEFAULT, APP._replace(backend_servers=servers)]
    (found,) = _listener_findings.find(traffic(TO_DEFAULT, TO_APP, groups=groups), [DRAIN], all_groups=False)
    assert found.text.endswith(f", i-web1 port 5 keeps weight 100{more}")


@pytest.mark.parametrize(
    ("given", "requested", "all_groups", "texts", "remedies"),
    [
        (traffic(TO_DEFAULT), [DRAIN], False, [], []),
        (traffic(TO_DEFAULT, TO_APP), [DRAIN, *DRAIN_APP], True, [], []),
        # The default group is drained, and a listener or a rule still leads to the server.
        (traffic(TO_DEFAULT, TO_APP), [DRAIN], False, [f"listener tcp:90 {LEFT}"], [ALL_GROUPS_TOO]),
        (
            traffic(TO_DEFAULT, BY_RULE),
            [DRAIN],
            False,
            [f"rule api (rule-1) of listener http:80 {LEFT}"],
            [ALL_GROUPS_TOO],
        ),
        # The other way round.
        (
            traffic(TO_DEFAULT, TO_APP),
            DRAIN_APP,
            False,
            ["listener http:80 uses the default server group, in which i-web1 keeps weight 100"],
            [ALL_GROUPS_TOO],
        ),
        # A port that the task leaves alone in a group that it names is meant to stay.
        (traffic(TO_APP), DRAIN_APP[:1], False, [], []),
        # Nothing is drained, or nothing of the server is in traffic there, or nothing leads there.
        (traffic(TO_DEFAULT, TO_APP), [Change(WEB1, 50)], False, [], []),
        (
            traffic(TO_DEFAULT, TO_APP, groups=[DEFAULT, APP._replace(backend_servers=(APP_OTHER,))]),
            [DRAIN],
            False,
            [],
            [],
        ),
        (
            traffic(TO_DEFAULT, TO_APP, groups=[DEFAULT, APP._replace(backend_servers=(APP_1._replace(weight=0),))]),
            [DRAIN],
            False,
            [],
            [],
        ),
        # A member that was at 0 already is drained, too.
        (
            traffic(TO_DEFAULT, TO_APP, groups=[DEFAULT, APP]),
            [Change(WEB1._replace(weight=0), 0), Change(BackendServer("i-web5", 5), 0)],
            False,
            [f"listener tcp:90 {LEFT}"],
            [ALL_GROUPS_TOO],
        ),
        # Schedulers: the listener's, and a rule's own.
        (
            traffic(Route(OWN._replace(scheduler="rr"), None, "rsp-app")),
            DRAIN_APP,
            False,
            ["listener tcp:90 to vServer group app (rsp-app) schedules by rr"],
            [USE_WEIGHTS],
        ),
        (
            traffic(TO_DEFAULT, Route(LISTENER, RULE._replace(listener_sync=False, scheduler="rr"), "rsp-app")),
            [DRAIN, *DRAIN_APP],
            True,
            ["rule api (rule-1) of listener http:80 to vServer group app (rsp-app) schedules by rr"],
            [USE_WEIGHTS],
        ),
        (
            traffic(
                Route(LISTENER._replace(scheduler="rr"), RULE._replace(listener_sync=False, scheduler="wrr"), "rsp-app")
            ),
            DRAIN_APP,
            False,
            [],
            [],
        ),
        (
            traffic(Route(LISTENER._replace(scheduler="rr"), RULE, "rsp-app")),
            DRAIN_APP,
            False,
            ["rule api (rule-1) of listener http:80 to vServer group app (rsp-app) schedules by rr"],
            [USE_WEIGHTS],
        ),
        (
            traffic(Route(OWN._replace(status="stopped"), None, "rsp-app")),
            DRAIN_APP,
            False,
            ["listener tcp:90 to vServer group app (rsp-app) is stopped"],
            [START_IT],
        ),
        # Groups that nothing uses.
        (
            traffic(TO_APP),
            [DRAIN],
            False,
            ["no listener or rule uses the default server group", f"listener tcp:90 {LEFT}"],
            [ADD_LISTENER, ALL_GROUPS_TOO],
        ),
        (
            traffic(TO_APP),
            [DRAIN, *DRAIN_APP],
            False,
            ["no listener or rule uses the default server group"],
            [ADD_LISTENER],
        ),
        (traffic(TO_APP), [DRAIN, *DRAIN_APP], True, [], []),
        (
            traffic(listeners=[LISTENER]),
            [DRAIN],
            True,
            ["no listener or rule uses the default server group"],
            [ADD_LISTENER],
        ),
        # A rule that the list of groups names and no listener shows.
        (
            traffic(
                TO_DEFAULT, groups=[DEFAULT, APP._replace(rules=(ListedRule("rule-9", "new"), ListedRule("rule-8")))]
            ),
            [DRAIN],
            False,
            [f"rule new (rule-9) {LEFT}", f"rule rule-8 {LEFT}"],
            [ALL_GROUPS_TOO],
        ),
        # A group that is not in the list.
        (
            traffic(TO_DEFAULT, Route(OWN._replace(vserver_group_id="rsp-x"), None, "rsp-x")),
            [DRAIN],
            False,
            ["listener tcp:90 uses vServer group rsp-x, whose members are not known"],
            [ALL_GROUPS_TOO],
        ),
        # What the list of groups says of one that no listener showed.
        (
            traffic(TO_DEFAULT, groups=[DEFAULT._replace(backend_servers=()), APP._replace(listeners=("tcp:91",))]),
            DRAIN_APP,
            False,
            [],
            [],
        ),
        (
            traffic(status="inactive", listeners=[LISTENER]),
            [DRAIN],
            False,
            ["the load balancer is inactive", "no listener or rule uses the default server group"],
            [START_IT, ADD_LISTENER],
        ),
        # Groups of Kubernetes.
        (
            traffic(TO_APP, groups=[DEFAULT, APP._replace(vserver_group_name="k8s/80/web")]),
            [Change(APP_1, 50)],
            False,
            ["Kubernetes manages vServer group k8s/80/web (rsp-app)"],
            [USE_KUBERNETES],
        ),
        (
            traffic(TO_DEFAULT, TO_APP, groups=[DEFAULT, APP._replace(vserver_group_name="k8s/80/web")]),
            [DRAIN],
            False,
            [f"listener tcp:90 {LEFT.replace('app (', 'k8s/80/web (')}"],
            [USE_KUBERNETES],
        ),
        (
            traffic(
                TO_DEFAULT,
                groups=[DEFAULT, APP._replace(vserver_group_name="k8s/80/web", rules=(ListedRule("rule-9", None),))],
            ),
            [DRAIN],
            False,
            [f"rule rule-9 {LEFT.replace('app (', 'k8s/80/web (')}"],
            [USE_KUBERNETES],
        ),
    ],
)
def test_findings(
    given: Traffic, requested: list[Change], all_groups: bool, texts: list[str], remedies: list[str]
) -> None:
    found = _listener_findings.find(given, requested, all_groups=all_groups)
    assert [finding.text for finding in found] == texts
    assert list(dict.fromkeys(finding.remedy for finding in found)) == remedies


PAIR = LISTENER._replace(port=22, protocol="tcp", master_slave_server_group_id="rsp-ms")


@pytest.mark.parametrize(
    ("pairs", "requested", "is_found"),
    [
        ({"rsp-ms": [BackendServer("i-web1", 100, port=22)]}, [DRAIN], True),
        ({"rsp-ms": [BackendServer("i-web2", 100, port=22)]}, [DRAIN], False),
        ({"rsp-ms": None}, [DRAIN], True),
        ({}, [Change(WEB1, 50)], False),
        # The API does not show addresses in such a group.
        (
            {"rsp-ms": [BackendServer("eni-1", 100, "eni", port=22)]},
            [Change(BackendServer("eni-1", 100, "eni", "10.0.0.1"), 0)],
            True,
        ),
    ],
)
def test_master_slave_groups(
    pairs: dict[str, list[BackendServer] | None], requested: list[Change], is_found: bool
) -> None:
    given = traffic(TO_DEFAULT, listeners=[LISTENER, PAIR], pairs=pairs)
    found = _listener_findings.find(given, requested, all_groups=False)
    finding = ("listener tcp:22 uses master/slave server group rsp-ms", REMOVE_IT)
    assert found == ([finding] if is_found else [])


def test_remedies_are_told_once() -> None:
    found = _listener_findings.find(traffic(TO_DEFAULT, TO_APP, BY_RULE), [DRAIN], all_groups=False)
    assert len(found) == 2
    assert _listener_findings.remedies(found) == ALL_GROUPS_TOO
