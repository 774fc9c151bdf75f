# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the result of a task says; the tests of the weight setter have the rest."""

from __future__ import annotations

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, Plan
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report

WEB1, WEB2 = BackendServer("i-web1", 100), BackendServer("i-web2", 60)
APP = BackendServer("i-web1", 100, port=8080, vserver_group_id="rsp-app", vserver_group_name="app")
GROUPS = (
    ServerGroup(None, None, (WEB1, WEB2)),
    ServerGroup("rsp-app", "app", (APP, APP._replace(port=8081, weight=0))),
    ServerGroup("rsp-empty", "empty", ()),
)


@pytest.mark.parametrize(
    ("requested", "groups", "count"),
    [
        ([WEB1], GROUPS, 2),
        ([APP], GROUPS, 1),
        ([WEB1, APP], GROUPS, 1),
        # No group has a requested member, so all groups count.
        ([], GROUPS[:2], 1),
        (None, GROUPS[:2], 1),
        (None, (), 0),
    ],
)
def test_active_count_is_that_of_the_groups_that_the_task_is_about(
    requested: list[BackendServer] | None, groups: tuple[ServerGroup, ...], count: int
) -> None:
    plan = None
    if requested is not None:
        plan = Plan(tuple(Change(server, 0) for server in requested), changes=(), missing=(), group=(), skipped=())
    assert Report("lb-1", "cn-hangzhou", plan=plan, groups=groups).result()["active_count"] == count
