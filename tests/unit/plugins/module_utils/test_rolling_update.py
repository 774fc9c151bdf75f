# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is drained, restored and left alone, decided on plain records."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _entries as entries
from ansible_collections.aliyun_community.slb.plugins.module_utils import _rolling_update as rules
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

RUN, EARLIER, NOW = "7-1@controller", "5-1@controller", 1000.0
SETTING = rules.Setting("lb-a", "cn-hangzhou", RUN, NOW, "rolling_update_")
WEB1 = rules.Target("web1", "i-1", None)
ENI = (BackendServer("eni-4", 40, "eni", "192.168.0.1"), BackendServer("eni-4", 40, "eni", "192.168.0.2"))

ENTRY = entries.Entry(
    host="old-name",
    region="cn-hangzhou",
    load_balancer_id="lb-a",
    group=None,
    server_id="i-1",
    type="ecs",
    server_ip=None,
    port=None,
    original=100,
    written=(0,),
    state=entries.DRAINED,
    run=EARLIER,
    out_since=900.0,
    changed=900.0,
)


def known(
    journal: str = "old", running: str | None = None, is_own: bool = False, **fields: t.Any
) -> entries.KnownEntry:
    run = RUN if is_own else EARLIER
    return entries.KnownEntry(journal, ENTRY._replace(**{"run": run, **fields}), is_own, running)


def plan_of(weight: int, *rows: entries.KnownEntry) -> rules.DrainPlan:
    return rules.plan_drain([WEB1], [BackendServer("i-1", weight), BackendServer("i-2", 60)], rows, SETTING)


def weights(plan: rules.DrainPlan | rules.RestorePlan) -> list[tuple[str, int]]:
    return [(requested.server_id, requested.weight) for requested in plan.requested]


def ends(plan: rules.DrainPlan) -> list[tuple[str, str]]:
    """How entries of journals end: (id of the journal, state)."""
    return [(row.rolling_update_id, row.entry.state) for row in plan.superseded]


# Drain


def test_drain_of_a_member_that_no_journal_knows() -> None:
    plan = plan_of(100)
    (entry,) = plan.entries
    assert entry == ENTRY._replace(host="web1", state=entries.DRAINING, run=RUN, out_since=NOW, changed=NOW)
    assert weights(plan) == [("i-1", 0)]
    assert (plan.superseded, plan.already_out, plan.refused, plan.warnings) == ((), {}, {}, ())


@pytest.mark.parametrize("weight", [1, 60, 100])
def test_the_original_weight_is_the_one_that_was_read(weight: int) -> None:
    assert [row.original for row in plan_of(weight).entries] == [weight]


def test_member_that_is_out_and_that_no_journal_knows() -> None:
    plan = plan_of(0)
    assert (plan.requested, plan.entries, plan.refused) == ((), (), {})
    assert plan.already_out == {"web1": ["i-1 of lb-a"]}


@pytest.mark.parametrize(
    ("weight", "row", "original", "ended", "warning"),
    [
        (0, known(), 100, entries.LEFT_ALONE, "left at weight 0 by rolling update old: .* goes back to 100"),
        (0, known(state=entries.DRAINING), 100, entries.LEFT_ALONE, "goes back to 100"),
        (
            50,
            known(written=(0, 50), state=entries.RESTORING),
            100,
            entries.LEFT_ALONE,
            "left at weight 50 .* back to 100",
        ),
        # The write of the other run never arrived, or someone has put the member back.
        (100, known(state=entries.DRAINING), 100, entries.RESTORED, None),
        (100, known(), 100, entries.RESTORED, None),
        # The other journal wrote the weight that is also the original one, as the last step of a ramp.
        (100, known(written=(0, 50, 100), state=entries.RESTORING), 100, entries.RESTORED, None),
        # Someone has given it another weight since: that is the one it goes back to.
        (70, known(), 70, entries.LEFT_ALONE, "weight 70, which rolling update old did not write"),
        (50, known(), 50, entries.LEFT_ALONE, "weight 50, which rolling update old did not write"),
    ],
)
def test_take_over_from_an_ended_run(
    weight: int, row: entries.KnownEntry, original: int, ended: str, warning: str | None
) -> None:
    plan = plan_of(weight, row)
    (entry,) = plan.entries
    assert (entry.host, entry.run, entry.original, entry.is_open) == ("web1", RUN, original, True)
    assert 0 in entry.written
    assert weights(plan) == ([("i-1", 0)] if weight else [])
    assert ends(plan) == [("old", ended)]
    assert plan.already_out == {}
    assert len(plan.warnings) == (1 if warning else 0)
    assert warning is None or re.search(warning, plan.warnings[0])


def test_take_over_keeps_when_the_member_went_out_and_what_was_written() -> None:
    (entry,) = plan_of(50, known(written=(0, 50), state=entries.RESTORING)).entries
    assert (entry.out_since, entry.changed, entry.written) == (900.0, NOW, (0, 50))


@pytest.mark.parametrize(
    ("state", "is_untouched"),
    [(entries.DRAINING, True), (entries.DRAINED, True), (entries.UPDATING, False), (entries.UPDATED, True)],
)
def test_a_failure_after_a_take_over_puts_back_only_servers_whose_update_is_not_half_done(
    state: str, is_untouched: bool
) -> None:
    (entry,) = plan_of(0, known(state=state)).entries
    assert entry.is_untouched is is_untouched
    assert entry.drained(NOW).is_untouched is is_untouched


@pytest.mark.parametrize("is_own", [True, False])
def test_take_over_into_another_journal_closes_the_entry_of_the_first(is_own: bool) -> None:
    """Also within one run: else the first journal would say for ever that the member is out."""
    plan = plan_of(0, known(is_own=is_own))
    assert ends(plan) == [("old", entries.LEFT_ALONE)]
    assert len(plan.warnings) == (0 if is_own else 1)


def test_own_member_that_someone_else_has_changed_is_refused() -> None:
    plan = plan_of(70, known(is_own=True))
    assert (plan.requested, plan.entries, plan.superseded) == ((), (), ())
    refused = plan.refused["web1"]
    assert (refused.code, refused.advice) == ("ChangedMeanwhile", "Find out who changed it.")
    assert "i-1 of lb-a has weight 70: someone else changed it" in refused.message


def test_two_journals_with_one_member_end_both() -> None:
    """A run was killed between its own entry and the end of the one that it had taken over."""
    plan = plan_of(0, known("first"), known("second"))
    assert [row.original for row in plan.entries] == [100]
    assert sorted(ends(plan)) == [("first", entries.LEFT_ALONE), ("second", entries.LEFT_ALONE)]


@pytest.mark.parametrize("weight", [0, 70, 100])
def test_member_of_a_run_that_is_not_over_is_refused(weight: int) -> None:
    plan = plan_of(weight, known(running="process 5 on controller"))
    assert (plan.requested, plan.entries, plan.superseded) == ((), (), ())
    assert (
        "i-1 of lb-a is being updated by rolling update old (process 5 on controller)"
        in plan.refused["web1"].sentence()
    )


def test_entries_of_other_members_do_not_matter() -> None:
    rows = [
        known(server_id="i-2", running="process 5 on controller"),
        known(type="eni", server_ip="192.168.0.1"),
        known(load_balancer_id="lb-b"),
        known(group="rsp-1"),
        known(port=80),
    ]
    assert plan_of(100, *rows) == plan_of(100)


def test_each_host_is_refused_by_itself() -> None:
    targets = [rules.Target("gone", "i-9", None), WEB1, rules.Target("web2", "i-2", None)]
    group = [BackendServer("i-1", 100), BackendServer("i-2", 60)]
    plan = rules.plan_drain(targets, group, [], SETTING)
    assert weights(plan) == [("i-1", 0), ("i-2", 0)]
    assert list(plan.refused) == ["gone"]
    assert plan.refused["gone"].sentence().startswith("UnknownMember: i-9 is not a member of lb-a in cn-hangzhou.")
    assert "rolling_update_server_id" in plan.refused["gone"].sentence()


@pytest.mark.parametrize(
    ("group", "first", "second"),
    [
        ([BackendServer("i-1", 100)], ("i-1", None), ("i-1", None)),
        ([BackendServer("i-1", 100, "ecs", "192.168.0.1")], ("i-1", None), ("i-1", "192.168.0.1")),
        (ENI, ("eni-4", "192.168.0.1"), ("eni-4", "192.168.0.1")),
    ],
)
def test_two_hosts_with_one_member(
    group: t.Sequence[BackendServer], first: tuple[str, str | None], second: tuple[str, str | None]
) -> None:
    plan = rules.plan_drain([rules.Target("web1", *first), rules.Target("web2", *second)], group, [], SETTING)
    assert [entry.host for entry in plan.entries] == ["web1"]
    assert "web1 and web2 are the same member" in plan.refused["web2"].sentence()
    assert "rolling_update_server_id" in plan.refused["web2"].sentence()


def test_two_addresses_of_one_interface_are_two_members() -> None:
    targets = [rules.Target("web1", "eni-4", "192.168.0.1"), rules.Target("web2", "eni-4", "192.168.0.2")]
    plan = rules.plan_drain(targets, ENI, [], SETTING)
    assert [entry.name for entry in plan.entries] == ["eni-4 (192.168.0.1)", "eni-4 (192.168.0.2)"]
    assert [(row.server_ip, row.type) for row in plan.requested] == [("192.168.0.1", "eni"), ("192.168.0.2", "eni")]


def test_interface_with_several_addresses_needs_one_of_them() -> None:
    plan = rules.plan_drain([rules.Target("web1", "eni-4", None)], ENI, [], SETTING)
    assert "eni-4 is 2 members of lb-a: 192.168.0.1, 192.168.0.2" in plan.refused["web1"].sentence()
    assert "Set rolling_update_server_ip for web1." in plan.refused["web1"].sentence()


@pytest.mark.parametrize("address", ["2001:db8::1", "2001:DB8:0:0::1"])
def test_address_is_compared_as_an_address(address: str) -> None:
    server = BackendServer("eni-6", 5, "eni", "2001:db8::1")
    assert rules.find_members(rules.Target("web1", "eni-6", address), [server], SETTING) == [server]


# Server groups

APP: dict[str, t.Any] = {"vserver_group_id": "rsp-1", "vserver_group_name": "app"}
IN_GROUPS = (
    BackendServer("i-1", 100),
    BackendServer("i-1", 50, port=80, **APP),
    BackendServer("i-1", 0, port=81, **APP),
    BackendServer("i-2", 60, port=80, **APP),
)


def test_each_group_and_port_has_an_entry_and_a_weight_of_its_own() -> None:
    plan = rules.plan_drain([WEB1], IN_GROUPS, [], SETTING)
    assert [(row.group, row.group_name, row.port, row.original) for row in plan.entries] == [
        (None, None, None, 100),
        ("rsp-1", "app", 80, 50),
    ]
    assert [(row.vserver_group, row.port) for row in plan.requested] == [(None, None), ("rsp-1", 80)]
    assert plan.already_out == {"web1": ["i-1 port 81 in vServer group app (rsp-1) of lb-a"]}


def test_default_group_alone() -> None:
    plan = rules.plan_drain([WEB1._replace(everywhere=False)], IN_GROUPS, [], SETTING)
    assert [row.group for row in plan.entries] == [None]


def test_host_that_is_refused_in_one_group_is_drained_nowhere() -> None:
    running = known(group="rsp-1", port=80, running="process 5 on controller")
    plan = rules.plan_drain([WEB1], IN_GROUPS, [running, known()], SETTING)
    assert (plan.requested, plan.entries, plan.superseded, plan.already_out, plan.warnings) == ((), (), (), {}, ())
    assert list(plan.refused) == ["web1"]


def test_take_over_in_each_group_by_itself() -> None:
    rows = [known(group="rsp-1", port=81, original=70), known(original=90, written=(0, 100))]
    plan = rules.plan_drain([WEB1], IN_GROUPS, rows, SETTING)
    assert [row.original for row in plan.entries] == [90, 50, 70]
    assert plan.already_out == {}


@pytest.mark.parametrize("addresses", [("10.0.0.1", None), ("10.0.0.1", "10.0.0.2")])
def test_instance_is_one_machine_whatever_the_api_says_of_its_addresses(addresses: tuple[str, str | None]) -> None:
    """The API gives the address of an instance only sometimes, and no member of it may keep its traffic."""
    members = [
        BackendServer("i-1", 100, server_ip=addresses[0]),
        BackendServer("i-1", 50, server_ip=addresses[1], port=80, **APP),
    ]
    assert rules.find_members(rules.Target("web1", "i-1", "10.0.0.1"), members, SETTING) == members
    with refusal(SlbError, "i-1 .10.0.0.9. is not a member of lb-a"):
        rules.find_members(rules.Target("web1", "i-1", "10.0.0.9"), members, SETTING)


def test_proof_names_every_member_with_traffic() -> None:
    assert rules.unproven(WEB1, IN_GROUPS, SETTING) == (
        "i-1 of lb-a has weight 100, i-1 port 80 in vServer group app (rsp-1) of lb-a has weight 50, not 0."
    )
    assert rules.unproven(WEB1, [IN_GROUPS[2]], SETTING) is None


@pytest.mark.parametrize(
    ("min_active", "found"), [(0, []), (1, [("", 0, 1)]), (2, [("", 0, 1), (" of vServer group app (rsp-1)", 1, 3)])]
)
def test_members_that_stay_in_traffic_are_counted_in_each_group(min_active: int, found: list[t.Any]) -> None:
    requested = rules.plan_drain([WEB1], IN_GROUPS, [], SETTING).requested
    assert rules.too_few_active(requested, IN_GROUPS, min_active) == found


def test_restore_tells_groups_and_ports_apart() -> None:
    members = [server._replace(weight=0) for server in IN_GROUPS]
    rows = [ENTRY, ENTRY._replace(group="rsp-1", port=80, original=50), ENTRY._replace(group="rsp-2", port=80)]
    plan = rules.plan_restore(rows, members)
    assert [(row.vserver_group, row.port, row.weight) for row in plan.requested] == [
        (None, None, 100),
        ("rsp-1", 80, 50),
    ]
    assert plan.left_alone == ((rows[2], None),)


def test_a_line_for_each_group() -> None:
    changes = [Change(server, 0) for server in IN_GROUPS[:2]]
    members = [change.target for change in changes] + list(IN_GROUPS[2:])
    assert rules.weight_lines("lb-a", changes, members) == [
        "lb-a: i-1 100 -> 0; 0 of 1 members in traffic",
        "lb-a, vServer group app (rsp-1): i-1 port 80 50 -> 0; 1 of 3 members in traffic",
    ]


def test_member_of_an_entry_has_its_original_weight() -> None:
    assert ENTRY.member == BackendServer("i-1", ENTRY.original)


# Proof


@pytest.mark.parametrize(
    ("weight", "reason"),
    [(0, None), (1, "i-1 of lb-a has weight 1, not 0."), (100, "has weight 100, not 0."), (None, "not a member")],
)
def test_proof(weight: int | None, reason: str | None) -> None:
    group = [] if weight is None else [BackendServer("i-1", weight)]
    found = rules.unproven(WEB1, group, SETTING)
    assert found is None if reason is None else reason in str(found)


# Restore


@pytest.mark.parametrize(
    ("written", "weight", "percent", "outcome"),
    [
        ((0,), 0, 100, 100),
        ((0,), 0, 50, 50),
        ((0, 50), 50, 100, 100),
        ((0, 10, 50), 10, 100, 100),
        # The weight is back: nothing to write, at any step.
        ((0,), 100, 100, "done"),
        ((0,), 100, 50, "done"),
        ((0, 50, 100), 100, 100, "done"),
        # Someone else has changed it.
        ((0,), 50, 100, "left alone"),
        ((0,), 99, 50, "left alone"),
        ((0, 50), 70, 100, "left alone"),
        ((0,), None, 100, "left alone"),
    ],
)
def test_restore(written: tuple[int, ...], weight: int | None, percent: int, outcome: int | str) -> None:
    entry = ENTRY._replace(written=written)
    group = [BackendServer("i-2", 60)] + ([] if weight is None else [BackendServer("i-1", weight)])
    plan = rules.plan_restore([entry], group, percent)
    assert weights(plan) == ([("i-1", outcome)] if isinstance(outcome, int) else [])
    assert plan.entries == ((entry,) if isinstance(outcome, int) else ())
    assert plan.done == ((entry,) if outcome == "done" else ())
    assert plan.left_alone == (((entry, weight),) if outcome == "left alone" else ())


@pytest.mark.parametrize(
    ("weight", "outcome"), [(10, 50), (0, "left alone"), (50, "left alone"), (100, "done"), (None, "left alone")]
)
def test_later_step_of_a_ramp(weight: int | None, outcome: int | str) -> None:
    """Someone who sees a server fail during its ramp takes it out by hand: it must stay out."""
    entry = ENTRY._replace(written=(0, 10))
    group = [] if weight is None else [BackendServer("i-1", weight)]
    plan = rules.plan_restore([entry], group, 50, 10)
    assert weights(plan) == ([("i-1", outcome)] if isinstance(outcome, int) else [])
    assert plan.done == ((entry,) if outcome == "done" else ())
    assert plan.left_alone == (((entry, weight),) if outcome == "left alone" else ())


def test_restore_tells_members_with_one_id_apart() -> None:
    entry = ENTRY._replace(server_id="eni-4", type="eni", server_ip="192.168.0.2", original=40)
    group = [ENI[0], ENI[1]._replace(weight=0)]
    (requested,) = rules.plan_restore([entry], group).requested
    assert (requested.server_ip, requested.weight) == ("192.168.0.2", 40)


def test_why_a_member_is_left_alone() -> None:
    entry = ENTRY._replace(host="web1")
    assert entries.left_alone_reason(entry, 70) == "web1: i-1 of lb-a has weight 70: someone else changed it"
    assert entries.left_alone_reason(entry, None).startswith("web1: i-1 of lb-a is no longer a member")


def test_a_step_never_takes_a_server_out_and_never_exceeds_its_weight() -> None:
    for original in range(1, 101):
        steps = [rules.step_weight(original, percent) for percent in range(1, 101)]
        assert steps == sorted(steps)
        assert steps == [-(-original * percent // 100) for percent in range(1, 101)]
        assert (steps[0] >= 1, steps[-1]) == (True, original)


@pytest.mark.parametrize(
    ("ramp", "steps"),
    [
        ((), (100,)),
        ((100,), (100,)),
        ((0,), (100,)),
        ((1,), (1, 100)),
        ((50,), (50, 100)),
        ((10, 50, 100), (10, 50, 100)),
        ((50, 10, 50, 0), (10, 50, 100)),
    ],
)
def test_steps_of_a_ramp(ramp: tuple[int, ...], steps: tuple[int, ...]) -> None:
    assert rules.ramp_steps(ramp) == steps


# Entries


def test_states_that_close_an_entry() -> None:
    still_open = [state for state in entries.STATES if ENTRY._replace(state=state).is_open]
    assert still_open == [entries.DRAINING, entries.DRAINED, entries.UPDATING, entries.UPDATED, entries.RESTORING]


def test_states_in_which_weight_0_is_known_to_be_in_effect() -> None:
    assert [state for state in entries.STATES if ENTRY._replace(state=state).is_out] == [
        entries.DRAINED,
        entries.UPDATING,
        entries.UPDATED,
    ]


def test_written_weights_are_kept_once_each() -> None:
    entry = ENTRY.moved_to(entries.RESTORING, 5.0, 50).moved_to(entries.RESTORING, 6.0, 50, 0, 100)
    assert (entry.state, entry.changed, entry.written, entry.original) == (entries.RESTORING, 6.0, (0, 50, 100), 100)


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"server_ip": "192.168.0.9"}, True),  # of an ECS instance it says nothing
        ({"host": "other", "original": 1, "run": "x", "state": entries.RESTORED}, True),
        ({"type": "eni", "server_ip": "192.168.0.9"}, False),
        ({"server_id": "i-2"}, False),
        ({"load_balancer_id": "lb-b"}, False),
        ({"group": "rsp-1"}, False),
        ({"port": 80}, False),
    ],
)
def test_identity(fields: dict[str, t.Any], same: bool) -> None:
    assert (ENTRY._replace(**fields).key == ENTRY.key) is same


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (119.6, "2 min 0 s"),
        (200, "3 min 20 s"),
        (7199, "119 min 59 s"),
        (7200, "2 h 0 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert rules.duration(seconds) == text


def test_lines_for_people() -> None:
    assert ENTRY.describe() == "old-name (i-1 of lb-a, goes back to 100)"
    assert rules.weight_line("lb-a", ["i-1 100 -> 0"], 3, 5) == "lb-a: i-1 100 -> 0; 3 of 5 members in traffic"
    assert rules.weight_line("lb-a", [], 3, 5) == "lb-a: nothing to change; 3 of 5 members in traffic"


def test_refusals_say_what_to_do() -> None:
    with refusal(SlbError, "i-9 is not a member"):
        rules.find_members(rules.Target("web1", "i-9", None), [], SETTING)
    same = rules.same_member(rules.Target("web2", "i-1", None), "web1", SETTING)
    for exc in (same, rules.out_by_another_run(known(running="process 5 on controller"))):
        assert exc.advice.endswith(".")
