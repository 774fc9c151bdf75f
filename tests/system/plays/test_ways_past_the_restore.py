# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that could pass by their restore without an error: the servers come back, or nothing is drained."""

from __future__ import annotations

import re

import pytest
from field import ROLE, UPDATE, Document, Field, play

OLD = 'installed != "1.3"'
VARIABLES = {"installed": "1.2", "needs_update": f"{{{{ {OLD} }}}}"}
INSTALL = {"ansible.builtin.set_fact": {"installed": "1.3"}}
CONDITION = {"when": OLD}
ACTION = "aliyun_community.slb.slb_drain"
DRAINED, RESTORED = ({ACTION: {"state": state}} for state in ("drained", "restored"))


def part(how: str, entry_point: str = "main") -> Document:
    return {f"ansible.builtin.{how}_role": {"name": ROLE, "tasks_from": entry_point}}


def of_tasks(*tasks: Document) -> Document:
    return {"roles": [], "tasks": list(tasks)}


REFUSED = {
    "role": {"roles": [{"role": ROLE, **CONDITION}]},
    "variable": {"roles": [{"role": ROLE, "when": "needs_update"}]},
    "import_role": of_tasks({**part("import"), **CONDITION}),
    "block": of_tasks({"block": [part("include")], **CONDITION}),
    "halves in a block": of_tasks(
        {"block": [part("include", "drain"), UPDATE, INSTALL, part("include", "restore")], **CONDITION}
    ),
    "halves": of_tasks(
        {**part("include", "drain"), **CONDITION}, UPDATE, INSTALL, {**part("include", "restore"), **CONDITION}
    ),
    "imported halves": of_tasks(
        {**part("import", "drain"), **CONDITION}, UPDATE, INSTALL, {**part("import", "restore"), **CONDITION}
    ),
    "action": of_tasks({**DRAINED, **CONDITION}, UPDATE, INSTALL, {**RESTORED, **CONDITION}),
    "registered": of_tasks(
        {"ansible.builtin.command": "true", "register": "found", "changed_when": False},
        {
            "block": [
                DRAINED,
                {"ansible.builtin.command": "false", "register": "found", "failed_when": False},
                RESTORED,
            ],
            "when": "found.rc == 0",
        },
    ),
    "action and a role": {
        "pre_tasks": [{**DRAINED, **CONDITION}],
        "roles": ["installer"],
        "post_tasks": [{**RESTORED, **CONDITION}],
    },
}


@pytest.mark.parametrize("keywords", REFUSED.values(), ids=list(REFUSED))
def test_a_condition_that_the_update_makes_false(plain: Field, keywords: Document) -> None:
    is_main = keywords in [REFUSED[name] for name in ("role", "variable", "import_role", "block")]
    plain.write(
        # The rest have their update in the play.
        roll=[play(VARIABLES if is_main else {**VARIABLES, "rolling_update_tasks_file": None}, **keywords)],
        update=[UPDATE, INSTALL],
        roles__installer__tasks__main=[UPDATE, INSTALL],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2
    assert re.search("depends on (installed|found), which the update changes", " ".join(ended.output.split()))
    assert not ended.updated()
    plain.assert_untouched()


GOOD = {
    "include_role": of_tasks({**part("include"), **CONDITION}),
    "computed before": of_tasks(
        {"ansible.builtin.set_fact": {"is_old": f"{{{{ {OLD} }}}}"}}, {**part("import"), "when": "is_old"}
    ),
    "drain alone": of_tasks({**DRAINED, **CONDITION}, UPDATE, INSTALL, RESTORED),
    "changed before": of_tasks(
        {"ansible.builtin.set_fact": {"installed": "1.1"}}, {"block": [DRAINED, UPDATE, RESTORED], **CONDITION}
    ),
    "changed afterwards": of_tasks({"block": [DRAINED, UPDATE, RESTORED], **CONDITION}, INSTALL),
    "about the update": of_tasks(DRAINED, {**UPDATE, "register": "done"}, {**RESTORED, "when": "done is success"}),
}


@pytest.mark.parametrize("keywords", GOOD.values(), ids=list(GOOD))
def test_a_condition_that_stays_as_it_is(plain: Field, keywords: Document) -> None:
    plain.write(roll=[play(VARIABLES, **keywords)], update=[UPDATE, INSTALL])
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 0
    assert list(ended.updated()) == ["web1"]


@pytest.mark.parametrize("end", ["end_host", "end_batch", "end_play"])
def test_an_end_between_drain_and_restore(plain: Field, end: str) -> None:
    ending = {"ansible.builtin.meta": end, "when": "true"}
    plain.write(roll=[play(**of_tasks(part("include", "drain"), {"block": [ending]}, part("import", "restore")))])
    ended = plain.roll("--limit", "web1")
    assert f"meta: {end} (" in ended.output
    plain.assert_untouched()


def test_an_end_after_the_restore(plain: Field) -> None:
    """It stands between two rolling updates."""
    ending = {"ansible.builtin.meta": "end_host", "when": "inventory_hostname == 'web1'"}
    halves = [part("import", "drain"), UPDATE, part("import", "restore")]
    plain.write(roll=[play(**of_tasks(*halves, ending, DRAINED, UPDATE, RESTORED))])
    ended = plain.roll("--limit", "web1,web2")
    assert ended.exit_code == 0
    assert {host: len(looks) for host, looks in ended.updated().items()} == {"web1": 1, "web2": 2}


def test_a_maintenance_window(plain: Field) -> None:
    plain.write(roll=[play(roles=[{"role": ROLE, "when": "now().year > 2000"}])])
    ended = plain.roll("--limit", "web1")
    assert "depends on the time" in " ".join(ended.output.split())
    plain.assert_untouched()
