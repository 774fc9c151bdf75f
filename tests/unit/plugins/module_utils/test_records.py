# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How records are told apart, called and shown."""

from __future__ import annotations

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    BackendServerKey,
    Health,
    Listener,
    ServerGroup,
)


@pytest.mark.parametrize(
    ("member", "key", "name"),
    [
        (BackendServer("i-1", 5), (None, "i-1", "ecs", "", None), "i-1"),
        (BackendServer("i-1", 5, "ecs", "192.168.0.1"), (None, "i-1", "ecs", "", None), "i-1"),
        (
            BackendServer("eni-1", 5, "eni", "192.168.0.1"),
            (None, "eni-1", "eni", "192.168.0.1", None),
            "eni-1 (192.168.0.1)",
        ),
        (BackendServer("eci-1", 5, "eci"), (None, "eci-1", "eci", "", None), "eci-1"),
    ],
)
def test_member(member: BackendServer, key: BackendServerKey, name: str) -> None:
    assert (member.key, member.name) == (key, name)


@pytest.mark.parametrize(
    ("member", "name", "short_name"),
    [
        (
            BackendServer("i-1", 5, port=80, vserver_group_id="rsp-1", vserver_group_name="app"),
            "i-1 port 80 in vServer group app (rsp-1)",
            "i-1 port 80",
        ),
        (
            BackendServer("eni-1", 5, "eni", "192.168.0.1", port=80, vserver_group_id="rsp-1"),
            "eni-1 (192.168.0.1) port 80 in vServer group rsp-1",
            "eni-1 (192.168.0.1) port 80",
        ),
        # Groups that were made without a name.
        (
            BackendServer("i-1", 5, port=80, vserver_group_id="rsp-1", vserver_group_name="rsp-1"),
            "i-1 port 80 in vServer group rsp-1",
            "i-1 port 80",
        ),
    ],
)
def test_member_of_a_vserver_group(member: BackendServer, name: str, short_name: str) -> None:
    assert (member.name, member.short_name) == (name, short_name)
    address = "192.168.0.1" if member.type == "eni" else ""
    assert member.key == ("rsp-1", member.server_id, member.type, address, 80)
    assert BackendServer(**member.as_dict()) == member


def test_name_of_the_default_group() -> None:
    assert ServerGroup(None, None, ()).name == "the default server group"


def test_records_are_shown_by_the_names_of_their_fields() -> None:
    assert BackendServer("i-1", 5, description="web").as_dict() == {
        "server_id": "i-1",
        "weight": 5,
        "type": "ecs",
        "server_ip": None,
        "description": "web",
        "port": None,
        "vserver_group_id": None,
        "vserver_group_name": None,
    }
    listener = Listener(80, "http", 8080, "wrr", "running", None, None, True, False, None)
    assert listener.name == "http:80"
    assert listener.as_dict()["backend_server_port"] == 8080
    assert Health("i-1", None, "ecs", 80, "http", 8080, "normal").as_dict()["status"] == "normal"
