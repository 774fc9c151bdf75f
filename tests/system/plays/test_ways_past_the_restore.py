# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays that could pass by their restore without an error: the servers come back, or nothing is drained."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from field import ROLE, UPDATE, Document, Field, inventory, play

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


def of_role(*tasks: Document, around: Document | None = None) -> Document:
    """A play that includes a role with these tasks."""
    include = {"ansible.builtin.include_role": {"name": "halves"}}
    return {**of_tasks({"block": [include], **(around or {})}), "files": {"roles__halves__tasks__main": list(tasks)}}


def of_file(*tasks: Document) -> Document:
    """A play that includes a file with these tasks."""
    return {**of_tasks({"ansible.builtin.include_tasks": "halves.yml"}), "files": {"halves": list(tasks)}}


def in_block(*tasks: Document) -> Document:
    return {"block": list(tasks), **CONDITION}


HALVES = (part("include", "drain"), UPDATE, INSTALL, part("include", "restore"))
REFUSED = {
    "role": {"roles": [{"role": ROLE, **CONDITION}]},
    "variable": {"roles": [{"role": ROLE, "when": "needs_update"}]},
    "import_role": of_tasks({**part("import"), **CONDITION}),
    "block": of_tasks({"block": [part("include")], **CONDITION}),
    "halves in a block": of_tasks(in_block(*HALVES)),
    "halves in a role": of_role(in_block(*HALVES)),
    "halves in a role in a block": of_role(*HALVES, around=CONDITION),
    "halves in a file": of_file(in_block(*HALVES)),
    "halves in a file, one by one": of_file(
        {**part("include", "drain"), **CONDITION},
        {"block": [UPDATE, INSTALL]},
        {**part("include", "restore"), **CONDITION},
    ),
    "action in a role": of_role(in_block(DRAINED, UPDATE, INSTALL, RESTORED)),
    "update in a file": of_tasks(in_block(DRAINED, {"ansible.builtin.include_tasks": "update.yml"}, RESTORED)),
    "each half in a file": {
        **of_tasks(
            in_block(
                {"ansible.builtin.include_tasks": "drain.yml"}, INSTALL, {"ansible.builtin.include_tasks": "back.yml"}
            )
        ),
        "files": {"drain": [DRAINED], "back": [RESTORED]},
    },
    "update in a role": of_role(in_block(DRAINED, {"ansible.builtin.include_role": {"name": "installer"}}, RESTORED)),
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


# Name: conditions of the role, tasks of the update, variables.
CHANGED_BY: dict[str, tuple[str, list[Document], Document]] = {
    "facts": ("ansible_facts.uptime_seconds > 1", [{"ansible.builtin.setup": {"gather_subset": "hardware"}}], {}),
    "dictionary": ("app.outdated", [INSTALL], {"app": {"outdated": f"{{{{ {OLD} }}}}"}}),
    "file": (OLD, [{"ansible.builtin.include_vars": "new.yml"}], {}),
    "file with a name": (
        "found.version != 1",
        [{"ansible.builtin.include_vars": {"file": "new.yml", "name": "found"}}],
        {"found": {"version": 0}},
    ),
    "folder": (OLD, [{"ansible.builtin.include_vars": {"dir": "news"}}], {}),
    "inventory": ("zone != 'b'", [{"ansible.builtin.meta": "refresh_inventory"}], {}),
    "marker": ("(playbook_dir ~ '/done-' ~ inventory_hostname) is not exists", [], {}),
    "handler": (OLD, [{"ansible.builtin.command": "true", "notify": "Install"}], {}),
}


@pytest.mark.parametrize(("condition", "update", "variables"), CHANGED_BY.values(), ids=list(CHANGED_BY))
@pytest.mark.parametrize("how", ["role", "halves"])
def test_what_changes_a_condition(
    plain: Field, condition: str, update: list[Document], variables: Document, how: str
) -> None:
    role = {"roles": [{"role": ROLE, "when": condition}]}
    halves = of_tasks({"block": [DRAINED, *update, RESTORED], "when": condition})
    gathered = {"gather_facts": True} if "ansible_facts" in condition else {}
    plain.write(
        inventory=inventory({"web1": {"zone": "a"}}),
        roll=[
            play(
                {**VARIABLES, **variables},
                handlers=[{"name": "Install", **INSTALL}],
                **(role if how == "role" else halves),
                **gathered,
            )
        ],
        update=[UPDATE, *update],
        new={"installed": "1.3"},
        news__installed={"installed": "1.3"},
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2
    assert "applies to the step that puts the server back, too" in " ".join(ended.output.split())
    plain.assert_untouched()


FAILS = {"ansible.builtin.command": "false"}
NOTHING = {"ansible.builtin.debug": None}
HEALTH = {"ansible.builtin.command": "false", "register": "health", "failed_when": False, "changed_when": False}
# Name: tasks of a play that has its own condition for the restore, or another way past it.
PAST_THE_RESTORE: dict[str, list[Document]] = {
    "result": [DRAINED, HEALTH, {**RESTORED, "when": "health.rc == 0"}],
    "ignored": [DRAINED, {**FAILS, "register": "done", "ignore_errors": True}, {**RESTORED, "when": "done is success"}],
    "other condition": [{**DRAINED, "when": OLD}, INSTALL, {**RESTORED, "when": "installed == '1.2'"}],
    "block": [DRAINED, HEALTH, {"block": [UPDATE, RESTORED], "when": "health.rc == 0"}],
    "rescue": [{"block": [part("include", "drain"), FAILS, part("include", "restore")], "rescue": [NOTHING]}],
    "rescue of the action": [{"block": [DRAINED, FAILS, RESTORED], "rescue": [NOTHING]}],
    "rescue behind the drain": [DRAINED, {"block": [FAILS, RESTORED], "rescue": [NOTHING]}],
    "rescue in a rescue": [
        {"block": [DRAINED, {"block": [FAILS], "rescue": [FAILS]}, RESTORED], "rescue": [NOTHING]},
    ],
    "two drains": [
        DRAINED,
        {**DRAINED, "when": "false"},
        {"ansible.builtin.meta": "end_host", "when": "true"},
        RESTORED,
    ],
    "handler": [
        DRAINED,
        {"ansible.builtin.command": "true", "notify": "End"},
        {"ansible.builtin.meta": "flush_handlers"},
        RESTORED,
    ],
    "state in a variable": [
        {"ansible.builtin.include_tasks": "step.yml", "vars": {"wanted": "drained"}},
        {"ansible.builtin.meta": "end_host", "when": "true"},
        {"ansible.builtin.include_tasks": "step.yml", "vars": {"wanted": "restored"}},
    ],
    "condition of an include": [
        DRAINED,
        {**UPDATE, "register": "done"},
        {"ansible.builtin.include_tasks": "restore.yml", "when": "done is changed"},
    ],
    "loop of an include": [
        DRAINED,
        {**UPDATE, "register": "done"},
        {"ansible.builtin.include_tasks": "restore.yml", "loop": "{{ [1] if done is changed else [] }}"},
    ],
    "rescue around imports": [
        {"block": [part("import", "drain"), FAILS, part("import", "restore")], "rescue": [NOTHING]}
    ],
    "condition in a rescue": [
        {
            "block": [DRAINED, FAILS, RESTORED],
            "rescue": [{**NOTHING, "register": "back"}, {"ansible.builtin.fail": None, "when": "back is failed"}],
        }
    ],
    "one file for all steps": [
        *({"ansible.builtin.include_tasks": "step.yml", "vars": {"wanted": state}} for state in ("drained", "proven")),
        {"ansible.builtin.meta": "end_host", "when": "true"},
        {"ansible.builtin.include_tasks": "step.yml", "vars": {"wanted": "restored"}},
    ],
    "half in a variable": [
        {"ansible.builtin.include_tasks": "half.yml", "vars": {"wanted": "drain"}},
        {"ansible.builtin.meta": "end_host", "when": "true"},
        {"ansible.builtin.include_tasks": "half.yml", "vars": {"wanted": "restore"}},
    ],
    "end that is only known later": [
        DRAINED,
        {"ansible.builtin.set_fact": {"is_new": True}},
        {"ansible.builtin.include_tasks": "end.yml", "when": "is_new | default(false)"},
        RESTORED,
    ],
    "own role of the name": [DRAINED, {"ansible.builtin.include_role": {"name": "rolling_update"}}, RESTORED],
    "file of a role": [DRAINED, {"ansible.builtin.include_role": {"name": "installer"}}, RESTORED],
    "background": [
        part("include", "drain"),
        {"ansible.builtin.command": "true", "async": 60, "poll": 0},
        part("include", "restore"),
    ],
}


@pytest.mark.parametrize("tasks", PAST_THE_RESTORE.values(), ids=list(PAST_THE_RESTORE))
def test_a_way_past_the_restore(plain: Field, tasks: list[Document]) -> None:
    plain.write(
        roll=[
            play(
                {**VARIABLES, "rolling_update_tasks_file": None},
                handlers=[{"name": "End", "ansible.builtin.meta": "end_host"}],
                **of_tasks(*tasks),
            )
        ],
        step=[{ACTION: {"state": "{{ wanted }}"}}],
        half=[part("include", "{{ wanted }}")],
        restore=[RESTORED],
        end=[{"ansible.builtin.meta": "end_host"}],
        roles__rolling_update__tasks__main=[{"ansible.builtin.meta": "end_host"}],
        roles__installer__tasks__main=[{"ansible.builtin.include_tasks": "{{ role_path }}/tasks/end.yml"}],
        roles__installer__tasks__end=[{"ansible.builtin.meta": "end_host"}],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2 or "rescued=1" in ended.output
    assert "InvalidArgument" in ended.output
    plain.assert_untouched()


def test_end_of_the_role_that_has_both_halves(plain: Field) -> None:
    plain.write(
        roles__halves__tasks__main=[DRAINED, {"ansible.builtin.meta": "end_role", "when": "true"}, RESTORED],
        roll=[play({"rolling_update_tasks_file": None}, roles=["halves"])],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code in (2, 4)  # ansible-core 2.16 does not know it
    plain.assert_untouched()


def test_end_host_in_a_handler_of_the_update(plain: Field) -> None:
    plain.write(
        update=[{"ansible.builtin.command": "true", "notify": "End"}],
        roll=[play(handlers=[{"name": "End", "ansible.builtin.meta": "end_host"}])],
    )
    ended = plain.roll("--limit", "web1")
    assert "meta: end_host would end this host's rolling update" in " ".join(ended.output.split())
    plain.assert_untouched()


# Name: how the play may end, tasks.
SAFE: dict[str, tuple[tuple[int, ...], list[Document]]] = {
    "always": ((2,), [{"block": [DRAINED, UPDATE, FAILS], "always": [RESTORED]}]),
    "rescue that restores": ((0,), [{"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [RESTORED]}]),
    "rescue that restores and ends": (
        (0, 2),  # ansible-core 2.16 takes a host that ends in a rescue for failed
        [
            DRAINED,
            {"block": [UPDATE, FAILS], "rescue": [RESTORED, {"ansible.builtin.meta": "end_host"}]},
            RESTORED,
        ],
    ),
    "rescue that fails": (
        (2,),
        [{"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [{"ansible.builtin.fail": None}]}],
    ),
    "rescue before the restore": ((0,), [DRAINED, {"block": [UPDATE, FAILS], "rescue": [NOTHING]}, RESTORED]),
    "rescue that accounts": (
        (2,),
        [{"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [{ACTION: {"state": "failed"}}]}],
    ),
    "another way for the restore": ((0,), [DRAINED, UPDATE, HEALTH, {**RESTORED, "when": "health.rc == 0"}, RESTORED]),
    "rescue with the file of the block": (
        (0,),
        [
            {
                "block": [DRAINED, UPDATE, FAILS, {"ansible.builtin.include_tasks": "restore.yml"}],
                "rescue": [NOTHING, {"ansible.builtin.include_tasks": "restore.yml"}],
            }
        ],
    ),
    "always inside of a rescue": (
        (0,),
        [{"block": [{"block": [DRAINED, UPDATE, FAILS], "always": [RESTORED]}], "rescue": [NOTHING]}],
    ),
    "fails after the rescue": (
        (2,),
        [
            {"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [{"ansible.builtin.set_fact": {"broken": True}}]},
            {"ansible.builtin.fail": None, "when": "broken | default(false)"},
        ],
    ),
    "rescue with failed_when": (
        (2,),
        [{"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [{**NOTHING, "failed_when": True}]}],
    ),
    "rescue with an import": (
        (2,),
        [{"block": [DRAINED, UPDATE, FAILS, RESTORED], "rescue": [{"ansible.builtin.import_tasks": "fail.yml"}]}],
    ),
    "checked before": (
        (0,),
        [
            {ACTION: {"state": "checked"}},
            {"ansible.builtin.command": "echo 1.2", "register": "found", "changed_when": False},
            {"ansible.builtin.meta": "end_host", "when": "found.stdout == '1.3'"},
            {"block": [DRAINED, UPDATE, RESTORED], "when": "found.stdout != '1.3'"},
        ],
    ),
    "deep in files": ((0,), [{"ansible.builtin.include_tasks": "outer.yml"}]),
    "word of a filter": (
        (0,),
        [
            DRAINED,
            {**UPDATE, "register": "count"},
            {**RESTORED, "when": ["groups['web'] | count > 1", "ansible_version.full is version('2.9', '>=')"]},
        ],
    ),
    "keys": (
        (0,),
        [DRAINED, {**UPDATE, "register": "seen"}, {**RESTORED, "when": "app.behind_slb and app['name'] == 'shop'"}],
    ),
    "all succeeded": (
        (0,),
        [
            DRAINED,
            {**UPDATE, "register": "done"},
            {"ansible.builtin.command": "true", "register": "smoke"},
            {**RESTORED, "when": "done is succeeded and smoke.rc == 0 and not ansible_check_mode"},
        ],
    ),
    "end that never comes": (
        (0,),
        [DRAINED, UPDATE, {"ansible.builtin.meta": "end_host", "when": "installed is not defined"}, RESTORED],
    ),
    "success": ((0,), [DRAINED, {**UPDATE, "register": "done"}, {**RESTORED, "when": "done is succeeded"}]),
    "waits": (
        (0,),
        [
            DRAINED,
            {"ansible.builtin.command": "true", "async": 60, "poll": 0},
            UPDATE,
            {"ansible.builtin.wait_for": {"timeout": 1}},
            RESTORED,
        ],
    ),
}


def test_the_whole_role_before_its_halves(plain: Field) -> None:
    """Each is judged by itself."""
    ending: Document = {"ansible.builtin.meta": "end_host", "when": "inventory_hostname == 'web1'"}
    halves = [part("include", "drain"), UPDATE, part("include", "restore")]
    plain.write(roll=[play(**of_tasks(part("include"), ending, *halves))], update=[UPDATE])
    ended = plain.roll("--limit", "web1,web2")
    assert ended.exit_code == 0
    assert {host: len(looks) for host, looks in ended.updated().items()} == {"web1": 1, "web2": 2}


def test_a_handler_of_a_role_that_was_included_before(plain: Field) -> None:
    include = {"ansible.builtin.include_role": {"name": "installer"}}
    notifies = {"ansible.builtin.command": "true", "notify": "Restart"}
    plain.write(
        roles__installer__tasks__main=[NOTHING],
        roles__installer__handlers__main=[{**UPDATE, "name": "Restart"}],
        roll=[play(**of_tasks(include, DRAINED, notifies, {"ansible.builtin.meta": "flush_handlers"}, RESTORED))],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 0
    assert list(ended.updated()) == ["web1"]


@pytest.mark.parametrize(
    "tasks",
    [
        {"block": [part("include")], "rescue": [NOTHING]},
        {
            "block": [{"block": [DRAINED, FAILS, RESTORED], "rescue": [{ACTION: {"state": "failed"}}]}],
            "rescue": [NOTHING],
        },
    ],
)
def test_a_rescue_in_a_play_that_ignores_unreachable_hosts(plain: Field, tasks: Document) -> None:
    plain.write(roll=[play(ignore_unreachable=True, **of_tasks(tasks))], update=[UPDATE, FAILS])
    ended = plain.roll("--limit", "web1")
    if ended.updated():
        assert ended.exit_code == 4
        plain.assert_recoverable(ended)


@pytest.mark.parametrize(("exit_codes", "tasks"), SAFE.values(), ids=list(SAFE))
def test_a_play_that_always_restores_or_fails(plain: Field, exit_codes: tuple[int, ...], tasks: list[Document]) -> None:
    app = {"behind_slb": True, "name": "shop", "version": "{{ seen.stdout | default('') }}"}
    plain.write(
        roll=[play({**VARIABLES, "rolling_update_tasks_file": None, "app": app}, **of_tasks(*tasks))],
        restore=[RESTORED],
        fail=[{"ansible.builtin.fail": None}],
        outer=[
            {"ansible.builtin.include_tasks": "inner.yml"},
            UPDATE,
            {"ansible.builtin.import_tasks": "restore.yml"},
        ],
        inner=[part("include", "drain")],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code in exit_codes
    assert list(ended.updated()) == ["web1"]


@pytest.mark.parametrize("keywords", REFUSED.values(), ids=list(REFUSED))
def test_a_condition_that_the_update_makes_false(plain: Field, keywords: Document) -> None:
    is_main = keywords in [REFUSED[name] for name in ("role", "variable", "import_role", "block")]
    keywords = dict(keywords)
    plain.write(
        **keywords.pop("files", {}),
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
@pytest.mark.parametrize("place", ["play", "file", "role"])
def test_an_end_between_drain_and_restore(plain: Field, end: str, place: str) -> None:
    ending = {"block": [{"ansible.builtin.meta": end, "when": "true"}]}
    places: dict[str, Document] = {
        "play": ending,
        "file": {"ansible.builtin.include_tasks": "ending.yml"},
        "role": {"ansible.builtin.include_role": {"name": "ending"}},
    }
    plain.write(
        roll=[play(**of_tasks(part("include", "drain"), places[place], part("import", "restore")))],
        ending=[ending],
        roles__ending__tasks__main=[ending],
    )
    ended = plain.roll("--limit", "web1")
    assert ended.exit_code == 2
    assert f"meta: {end} " in ended.output
    plain.assert_untouched()


def test_a_file_that_cannot_be_loaded_between_drain_and_restore(plain: Field) -> None:
    """Ansible would notice when it includes it, and end the run past every rescue."""
    between = {"ansible.builtin.include_tasks": "misspelt.yml"}
    plain.write(
        roll=[play(**of_tasks({"block": [DRAINED, between], "always": [RESTORED]}))],
        misspelt=[{**UPDATE, "whn": "true"}],
    )
    ended = plain.roll("--limit", "web1")
    assert re.search(r"misspelt.yml:\d+: 'whn' is neither a keyword", " ".join(ended.output.split()))
    plain.assert_untouched()


@pytest.mark.parametrize("of", [of_role, of_file])
def test_a_role_or_file_that_forgets_who_failed(plain: Field, of: Callable[..., Document]) -> None:
    keywords = of(part("include"), {"ansible.builtin.meta": "clear_host_errors"})
    plain.write(**keywords.pop("files"), roll=[play(**keywords)], update=[UPDATE])
    ended = plain.roll("--limit", "web1")
    assert "meta: clear_host_errors after the rolling update has begun" in " ".join(ended.output.split())
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
