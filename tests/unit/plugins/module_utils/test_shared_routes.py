# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tasks share what was read of groups and routes: those of one run and one connection."""

from __future__ import annotations

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import ServerGroup
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import ServerGroups
from ansible_collections.aliyun_community.slb.plugins.module_utils._shared_routes import SharedRoutes
from ansible_collections.aliyun_community.slb.tests.unit.rolling import Session, Stage


def client_of(session: Session) -> Client:
    return session.bench.client_for("cn-hangzhou")


def test_groups_are_shared_in_one_run_and_connection(stage: Stage) -> None:
    session = stage.session()
    groups = ServerGroups(client_of(session), "lb-g")
    groups.listed = [ServerGroup("rsp-app", "app", (), (), ())]
    SharedRoutes(session.bench, "here").keep_listed(groups)
    assert SharedRoutes(session.bench, "here").listed("lb-g") == groups.listed
    assert SharedRoutes(session.bench, "here").listed("lb-a") is None
    assert SharedRoutes(session.bench, "elsewhere").listed("lb-g") is None
    assert SharedRoutes(stage.session().bench, "here").listed("lb-g") is None
