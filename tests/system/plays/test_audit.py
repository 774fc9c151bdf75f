# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that lists what is out of traffic."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from field import Ended, Field

AUDIT = "aliyun_community.slb.audit"
FAIL = ("-e", "slb_audit_fail=true")
KILLED = [
    {
        "name": "End the run as a machine that goes down does",
        "ansible.builtin.command": "kill -9 {{ lookup('ansible.builtin.pipe', 'ps -o ppid= -p $PPID') | trim }}",
    }
]


def said(ended: Ended) -> str:
    return " ".join(ended.output.split())


def test_a_killed_run_and_a_person(plain: Field) -> None:
    plain.write(update=KILLED)
    plain.emulator.set_weight("lb-b", "i-4", 0)
    assert plain.run("-i", "inventory.yml", "roll.yml", "-e", "rolling_update_id=web-1.5", "-l", "web1").exit_code != 0
    audited = plain.run(AUDIT, *FAIL)
    assert audited.exit_code != 0
    text = said(audited)
    assert re.search(
        r"lb-a \(lb-a\) in cn-hangzhou, the default server group: i-1 \(web1\) has been out of traffic for [^,]+, since "
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Rolling update web-1\.5 left it \w+\. This puts it back to 100:",
        text,
    )
    assert "lb-b (lb-b) in cn-hangzhou, the default server group: i-4 is out of traffic. No journal knows why" in text
    assert "Out of traffic on 2 load balancers: 2 members, 1 by 1 rolling update, 1 that no journal knows." in text

    for command in commands_in(audited):
        assert plain.run(*command[1:]).exit_code == 0
    assert plain.weights() == plain.original
    again = plain.run(AUDIT, *FAIL)
    assert again.exit_code == 0
    assert "Nothing is out of traffic on 2 load balancers." in said(again)


def commands_in(ended: Ended) -> list[list[str]]:
    """The commands that the lines of an audit end with."""
    lines = [line for line in ended.output.splitlines() if ": ansible-playbook " in line and line.startswith("lb-")]
    return [shlex.split(line[line.index("ansible-playbook ") :]) for line in lines]


def test_only_some_load_balancers(plain: Field) -> None:
    """It only lists unless it is told to fail. What a survey leaves empty is as not set, and lists are text."""
    plain.emulator.set_weight("lb-b", "i-4", 0)
    variables: dict[str, Any] = {"slb_load_balancer_ids": "lb-b\n", "slb_tags": "", "slb_regions": "", "slb_region": ""}
    ended = plain.run(AUDIT, "-e", json.dumps({**variables, "slb_audit_fail": ""}))
    assert ended.exit_code == 0
    assert "Out of traffic on 1 load balancer: 1 member, 0 by 0 rolling updates, 1 that no journal knows." in said(
        ended
    )


def test_a_load_balancer_that_cannot_be_read(plain: Field) -> None:
    """What can be read is listed, and the audit is never green."""
    plain.emulator.set_weight("lb-b", "i-4", 0)
    plain.emulator.add_fault({"action": "DescribeVServerGroups", "kind": "error", "code": "Forbidden.RAM"})
    ended = plain.run(AUDIT)
    assert ended.exit_code != 0
    assert "i-4 is out of traffic" in said(ended)
    assert "Reading lb-a of cn-hangzhou: Forbidden.RAM:" in said(ended)
