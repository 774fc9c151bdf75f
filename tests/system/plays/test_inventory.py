# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inventories that are load balancers: what ansible-inventory shows, and rolling updates that have no other."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from field import UPDATED, Document, Field, state

ROLLING_UPDATE = "aliyun_community.slb.rolling_update"
# A name that would make a file if it were taken for a template.
EVIL = "{{ lookup('ansible.builtin.pipe', 'touch pwned') }}"
# The servers of the tests are this machine.
LOCAL = json.dumps(
    {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "rolling_update_drain_delay": 0,
        "rolling_update_tasks_file": "update.yml",
    }
)


def grouped() -> Document:
    """lb-a has a vServer group, in which i-4 is alone, and lb-b some of its servers. lb-c is in another region."""
    document = state(lb_a={"i-1": 100, "i-2": 60, "i-3": 10}, lb_b={"i-1": 30, "i-2": 100}, lb_c={"i-9": 100})
    first, _second, third = document["load_balancers"]
    first["load_balancer_name"] = EVIL
    first["vserver_groups"] = [
        {
            "vserver_group_id": "rsp-app",
            "vserver_group_name": "app",
            "backend_servers": [
                {"server_id": "i-1", "port": 8080, "weight": 50},
                {"server_id": "i-1", "port": 8081, "weight": 40},
                {"server_id": "i-4", "port": 8080, "weight": 30, "server_ip": "127.0.0.4"},
            ],
        }
    ]
    first["listeners"].append({"listener_port": 81, "listener_protocol": "http", "vserver_group_id": "rsp-app"})
    third["region_id"] = "cn-beijing"
    return document


@pytest.fixture
def field(fields: Any) -> Field:
    made: Field = fields(grouped())
    made.write(**{"lb.slb": {"plugin": "aliyun_community.slb.slb"}})
    return made


def all_weights(document: Document | list[Document]) -> dict[str, list[int]]:
    """The weights of all members of each server, in any order of load balancers and groups."""
    balancers = document["load_balancers"] if isinstance(document, dict) else document
    found: dict[str, list[int]] = {}
    for balancer in balancers:
        for group in (balancer, *balancer.get("vserver_groups", ())):
            for member in group["backend_servers"]:
                found.setdefault(member["server_id"], []).append(member.get("weight", 100))
    return found


def test_graph(field: Field) -> None:
    ended = field.ansible("inventory", "-i", "lb.slb.yml", "--graph")
    assert ended.exit_code == 0
    shown = [line.strip(" |-") for line in ended.output.splitlines() if "|--" in line]
    at = shown.index("@slb_lb_a:")
    assert shown[at : at + 7] == ["@slb_lb_a:", "@slb_lb_a_default:", "i-1", "i-2", "i-3", "@slb_rsp_app:", "i-1"]
    assert "@slb_lb_c:" not in shown


@pytest.mark.parametrize("options", [(), ("--export",)])
def test_list(field: Field, options: tuple[str, ...]) -> None:
    """With --export, as AWX reads an inventory source of a project."""
    field.write(**{"lb.slb": {"plugin": "aliyun_community.slb.slb", "regions": ["cn-hangzhou", "cn-beijing"]}})
    ended = field.ansible("inventory", "-i", "lb.slb.yml", "--list", *options)
    assert ended.exit_code == 0
    listed = json.loads(ended.output[ended.output.index("{") : ended.output.rindex("}") + 1])
    assert set(listed["slb_servers"]["hosts"]) == {"i-1", "i-2", "i-3", "i-4", "i-9"}
    assert listed["_meta"]["hostvars"]["i-4"]["slb_memberships"][0]["port"] == 8080


def test_rolling_update(field: Field) -> None:
    ended = field.run("-i", "lb.slb.yml", ROLLING_UPDATE, "-e", LOCAL)
    assert ended.exit_code == 0
    before = all_weights(grouped())
    updated = {}
    for host, encoded in UPDATED.findall(ended.output):
        updated[host] = all_weights(json.loads(base64.b64decode(encoded)))
        assert not any(updated[host][host]), f"{host} was updated under traffic"
    # i-4 is alone in its group but for i-1, and i-9 is in another region.
    assert set(updated) == {"i-1", "i-2", "i-3", "i-4"}
    assert field.weights() == field.original
    assert [m.weight for m in field.emulator.members("lb-a", "rsp-app")] == [50, 40, 30]
    assert before["i-1"] == [100, 50, 40, 30]


def test_rolling_update_with_an_inventory_that_is_older_than_the_weights(field: Field) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(field.folder / "cache")}
    field.write(**{"lb.slb": {"plugin": "aliyun_community.slb.slb", **cache}})
    assert field.ansible("inventory", "-i", "lb.slb.yml", "--list").exit_code == 0
    field.emulator.set_weight("lb-a", "i-1", 70)
    field.emulator.set_weight("lb-a", "i-2", 0)
    field.emulator.clear()
    ended = field.run("-i", "lb.slb.yml", ROLLING_UPDATE, "-e", LOCAL)
    assert ended.exit_code == 0
    assert "DescribeLoadBalancers" not in [request.action for request in field.emulator.requests]
    assert field.weights()["lb-a"] == {"i-1": 70, "i-2": 0, "i-3": 10}
    assert field.weights()["lb-b"] == field.original["lb-b"]
    assert field.ansible("inventory", "-i", "lb.slb.yml", "--list", "--flush-cache").exit_code == 0
    assert "DescribeLoadBalancers" in [request.action for request in field.emulator.requests]


def test_rolling_update_with_a_load_balancer_that_cannot_be_read(field: Field) -> None:
    """i-1 is in traffic there, too."""
    fault = {"action": "DescribeVServerGroups", "kind": "error", "code": "Forbidden.RAM", "times": 0, "skip": 1}
    field.emulator.add_fault(fault)
    ended = field.run("-i", "lb.slb.yml", ROLLING_UPDATE, "-e", LOCAL)
    assert ended.exit_code != 0
    assert "Reading lb-b of cn-hangzhou: Forbidden.RAM:" in " ".join(ended.output.split())
    field.assert_untouched()


def test_rolling_update_with_a_load_balancer_that_is_left_out(field: Field) -> None:
    field.write(**{"lb.slb": {"plugin": "aliyun_community.slb.slb", "strict": False}})
    fault = {"action": "DescribeVServerGroups", "kind": "error", "code": "Forbidden.RAM", "skip": 1}
    field.emulator.add_fault(fault)
    ended = field.run("-i", "lb.slb.yml", ROLLING_UPDATE, "-e", LOCAL)
    assert ended.exit_code != 0
    assert "rolling_update_load_balancer_ids" in ended.output
    field.assert_untouched()


def test_a_name_is_no_template(field: Field) -> None:
    show = {"ansible.builtin.debug": {"msg": "{{ hostvars | to_json }} {{ slb_memberships }} {{ group_names }}"}}
    field.write(show=[{"hosts": "slb_servers", "gather_facts": False, "tasks": [show]}])
    ended = field.run("-i", "lb.slb.yml", "show.yml", "-e", LOCAL)
    assert ended.exit_code == 0
    assert "touch pwned" in ended.output
    assert not (field.folder / "pwned").exists()
