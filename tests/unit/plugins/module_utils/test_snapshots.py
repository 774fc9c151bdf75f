# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run hands to its other hosts is what it has read."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import Traffic
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    ListedRule,
    Listener,
    LoadBalancer,
    Rule,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._routes import Route
from ansible_collections.aliyun_community.slb.plugins.module_utils._snapshots import (
    Snapshot,
    traffic_as_json,
    traffic_from_json,
)

MEMBER = BackendServer("eni-1", 100, "eni", "192.168.0.11", "web/1", 8080, "rsp-app", "app")
DEFAULT = ServerGroup(None, None, (BackendServer("i-1", 0),), (), ())
APP = ServerGroup("rsp-app", "app", (MEMBER,), ("tcp:80",), (ListedRule("rule-1", "api"),))
LISTENER = Listener(80, "http", 8080, "wrr", "running", "rsp-app", None, True, False, None)
RULE = Rule("rule-1", "api", None, "/api", "rsp-app", True, None, None)
TRAFFIC = Traffic(
    "active",
    [LISTENER],
    [Route(LISTENER, None, "rsp-app"), Route(LISTENER, RULE, None)],
    [DEFAULT, APP],
    {"rsp-ms": [MEMBER], "rsp-unreadable": None, "rsp-empty": []},
)


def through_json(content: t.Any) -> t.Any:
    return json.loads(json.dumps(content))


@pytest.mark.parametrize("groups", [(DEFAULT,), (DEFAULT, APP)])
def test_snapshot(groups: tuple[ServerGroup, ...]) -> None:
    snapshot = Snapshot(LoadBalancer("lb-1", "web", "active", "192.0.2.1", DEFAULT.backend_servers), groups)
    again = Snapshot.from_json(through_json(snapshot.as_json()))
    assert again == snapshot
    assert again.members == tuple(member for group in groups for member in group.backend_servers)


def test_traffic() -> None:
    assert traffic_from_json(through_json(traffic_as_json(TRAFFIC))) == TRAFFIC
