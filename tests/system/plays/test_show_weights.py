# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that shows weights and health."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from field import REFUSED_BECOME, Ended, Field, state

SHOW = "aliyun_community.slb.show"
STATE = yaml.safe_load((Path(__file__).parent / "state.yml").read_text(encoding="utf-8"))
EMPTY = {"slb_load_balancer_id": "", "slb_load_balancer_names": "", "slb_tags": "", "slb_resource_group_id": ""}


def show(field: Field, *arguments: str, **variables: Any) -> Ended:
    return field.run(SHOW, "-e", json.dumps({"slb_region": "", **EMPTY, **variables}), *arguments)


def lines(ended: Ended) -> list[str]:
    """The lines of the list that the playbook prints."""
    assert ended.exit_code == 0
    found = re.search(r'"msg": (\[.*?^ *\])', ended.output, re.MULTILINE | re.DOTALL)
    assert found
    shown: list[str] = json.loads(found.group(1))
    return shown


def test_each_member_of_each_group(fields: Any) -> None:
    """An inventory may say that localhost is another machine. Nothing is written."""
    field = fields(STATE)
    field.write(inventory={"all": {"hosts": {"localhost": {"ansible_host": "host.invalid", **REFUSED_BECOME}}}})
    assert lines(show(field, "-i", "inventory.yml", slb_load_balancer_id=" lb-roll-d\n")) == [
        "lb-roll-d (lb-roll-d), the default server group: 3 of 3 members in traffic",
        "i-roll1: weight 100, normal on listener http:80",
        "i-roll2: weight 60, normal on listener http:80",
        "i-other: weight 100, normal on listener http:80",
        "lb-roll-d (lb-roll-d), vServer group shop (rsp-shop): 5 of 5 members in traffic",
        "i-roll1 port 8080: weight 100, normal on listener tcp:8080",
        "i-roll1 port 8081: weight 50, normal on listener tcp:8080",
        "i-roll2 port 8080: weight 60, normal on listener tcp:8080",
        "i-roll2 port 8081: weight 30, normal on listener tcp:8080",
        "i-other port 8080: weight 100, normal on listener tcp:8080",
        "lb-roll-d (lb-roll-d), vServer group api (rsp-api): 2 of 2 members in traffic",
        "i-roll1 port 9000: weight 20, normal on rule api (rule-api) of listener http:80",
        "i-roll3 port 9000: weight 40, normal on rule api (rule-api) of listener http:80",
        "lb-roll-d (lb-roll-d), vServer group spare (rsp-spare): 0 of 0 members in traffic",
    ]
    assert all(request.action.startswith("Describe") for request in field.emulator.requests)


def test_health_that_the_api_does_not_list_is_unknown(fields: Any) -> None:
    field = fields(STATE)
    field.emulator.change_settings({"health_of_groups": False})
    shown = lines(show(field, slb_load_balancer_id="lb-roll-d"))
    assert "i-roll1 port 8080: weight 100, unknown on listener tcp:8080" in shown
    assert "i-roll3 port 9000: weight 40, unknown on rule api (rule-api) of listener http:80" in shown


def test_load_balancers_that_are_found(fields: Any) -> None:
    """By names, in a text as a survey gives it. A listener that checks nothing is not named."""
    field = fields(STATE)
    assert lines(show(field, slb_load_balancer_names="lb-roll-b, lb-roll-a")) == [
        "lb-roll-a (lb-roll-a), the default server group: 4 of 5 members in traffic",
        "i-roll1: weight 100, normal on listener http:80",
        "i-roll2: weight 60, normal on listener http:80",
        "i-roll3: weight 10, normal on listener http:80",
        "i-roll4: weight 0, normal on listener http:80",
        "i-other: weight 100, normal on listener http:80",
        "lb-roll-b (lb-roll-b), the default server group: 5 of 5 members in traffic",
        "i-roll1: weight 100, normal on listener http:80",
        "i-roll2: weight 100, normal on listener http:80",
        "i-roll3: weight 100, normal on listener http:80",
        "i-roll4: weight 100, normal on listener http:80",
        "i-sick: weight 100, abnormal on listener http:80",
    ]
    assert lines(show(field, slb_load_balancer_names="nothing")) == ["No load balancer was found."]


def test_a_member_that_nothing_checks(fields: Any) -> None:
    document = state()
    document["load_balancers"][0]["listeners"][0]["health_check"] = "off"
    shown = lines(show(fields(document), slb_load_balancer_id="lb-a"))
    assert "i-1: weight 100, nothing checks its health" in shown


def test_nothing_says_which_load_balancer(plain: Field) -> None:
    ended = show(plain)
    assert ended.exit_code != 0
    assert "no option says which load balancers to read" in " ".join(ended.output.split())
