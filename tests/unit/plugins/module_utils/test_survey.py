# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people type into a survey."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._survey import servers_of
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal


def test_lines_commas_spaces_and_addresses() -> None:
    text = "i-web1=0\n\n i-web2 = 30 ,eni_pod@10.0.0.2=5\r\neni-6@fd00::1=100\n"
    assert servers_of(text) == [
        {"server_id": "i-web1", "weight": "0"},
        {"server_id": "i-web2", "weight": "30"},
        {"server_id": "eni_pod", "weight": "5", "server_ip": "10.0.0.2"},
        {"server_id": "eni-6", "weight": "100", "server_ip": "fd00::1"},
    ]


def test_a_list_is_left_alone() -> None:
    servers = [{"server_id": "i-web1", "weight": 0, "type": "ecs"}]
    assert servers_of(servers) is servers


@pytest.mark.parametrize("answer", [None, "", " \n,", []])
def test_no_server(answer: t.Any) -> None:
    with refusal(InvalidArgument) as caught:
        servers_of(answer)
    assert caught.value.message == "slb_backend_servers names no server"


@pytest.mark.parametrize(
    ("answer", "malformed"),
    [
        ("i-web1=0\ni-web2 50", "i-web2 50"),
        ("i-web1=01, i-web2=-1,i-web3=1", "i-web1=01 and i-web2=-1"),
        ("i-web1@=1", "i-web1@=1"),
        ("i-web1=1=1", "i-web1=1=1"),
        ("=1", "=1"),
        # Ansible reads these as numbers.
        (0, "0"),
        (1.5, "1.5"),
        (True, "True"),
    ],
)
def test_malformed_lines_are_named(answer: t.Any, malformed: str) -> None:
    with refusal(InvalidArgument) as caught:
        servers_of(answer)
    assert caught.value.message == f"slb_backend_servers has text that is not a server with its weight: {malformed}"
