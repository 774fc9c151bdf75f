# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of slb_drain: what the command line, surveys and inventories give, and what is refused before a drain."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.aliyun_community.slb.plugins.module_utils import _drain_options
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import DrainOptions
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.modules import slb_drain
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal

GIVEN = {"state": "checked", "load_balancer_ids": ["lb-a"], "server_id": "i-1", "region": "cn-hangzhou"}

pytestmark = pytest.mark.usefixtures("no_settings_in_the_environment")


def values(**given: t.Any) -> dict[str, t.Any]:
    """The values as Ansible hands them over."""
    checked = ArgumentSpecValidator(_drain_options.argument_spec()).validate({**GIVEN, **given})
    assert checked.error_messages == []
    return dict(checked.validated_parameters)


def parsed(**given: t.Any) -> DrainOptions:
    return _drain_options.parse_options(values(**given), "rolling_update_")


def test_defaults() -> None:
    options = parsed()
    assert options._replace(connection={}) == DrainOptions(
        state="checked",
        rolling_update_id=None,
        load_balancer_ids=("lb-a",),
        server_id="i-1",
        server_ip=None,
        server_groups="all",
        min_active=1,
        check_listeners="fail",
        already_out="warn",
        drain_delay=5,
        port=(),
        drain_timeout=300,
        on_drain_timeout="continue",
        verify=True,
        health_url=None,
        health_timeout=300,
        ramp=(100,),
        ramp_pause=30,
        on_failure="keep_drained",
        record_dir=None,
        keep_days=30,
        tasks_file=None,
        health_tasks_file=None,
        connection={},
    )
    assert options.connection["region"] == "cn-hangzhou"


@pytest.mark.parametrize(
    "name", ["min_active", "drain_delay", "drain_timeout", "health_timeout", "ramp_pause", "keep_days"]
)
@pytest.mark.parametrize(("value", "number"), [(7, 7), ("7", 7), (0, 0), ("0", 0)])
def test_numbers_may_be_text(name: str, value: t.Any, number: int) -> None:
    assert getattr(parsed(**{name: value}), name) == number


@pytest.mark.parametrize(
    "name", ["min_active", "drain_delay", "port", "drain_timeout", "health_timeout", "ramp", "ramp_pause", "keep_days"]
)
@pytest.mark.parametrize("value", [-1, "-1", "ten", "1.5", 1.5, True, [True], {}, "9" * 30, float("inf"), "7 s", "٣"])
def test_what_is_not_a_number(name: str, value: t.Any) -> None:
    with refusal(InvalidArgument, f"^InvalidArgument: rolling_update_{name} is ") as caught:
        parsed(**{name: value})
    assert caught.value.sentence().isprintable()


@pytest.mark.parametrize(
    ("port", "ports"),
    [
        (None, ()),
        ("", ()),
        (1, (1,)),
        ("65535", (65535,)),
        ([8080, "8081", 8080], (8080, 8081)),
        ("8080, 8081", (8080, 8081)),
    ],
)
def test_port(port: t.Any, ports: tuple[int, ...]) -> None:
    assert parsed(port=port).port == ports


@pytest.mark.parametrize("port", [0, 65536, True, 1.5, {"web": 80}, [8080, 0], "8080, web"])
def test_not_a_port(port: t.Any) -> None:
    with refusal(InvalidArgument, "rolling_update_port is") as caught:
        parsed(port=port)
    assert "whole number" in caught.value.advice


LISTS: list[tuple[t.Any, tuple[str, ...]]] = [
    (["lb-a"], ("lb-a",)),
    (("lb-a", "lb-b"), ("lb-a", "lb-b")),
    ("lb-a", ("lb-a",)),
    ("lb-a,lb-b", ("lb-a", "lb-b")),
    (" lb-a, lb-b\nlb-c ", ("lb-a", "lb-b", "lb-c")),
    ("[lb-a, lb-b]", ("lb-a", "lb-b")),
    ("['lb-a', \"lb-b\"]", ("lb-a", "lb-b")),
    (["lb-b", "lb-a", "lb-b"], ("lb-b", "lb-a")),
    ("'', X", ("X",)),
    ("X1X, lb-a", ("X1X", "lb-a")),
]


@pytest.mark.parametrize(("value", "ids"), LISTS, ids=map(str, range(len(LISTS))))
def test_load_balancers(value: t.Any, ids: tuple[str, ...]) -> None:
    assert parsed(load_balancer_ids=value).load_balancer_ids == ids


@pytest.mark.parametrize(
    "value", [None, "", "  ", [], "[]", ",", [""], [None], ["lb a"], {"lb-a": 1}, True, [["lb-a"]], ["lb/a"]]
)
def test_what_is_not_a_list_of_load_balancers(value: t.Any) -> None:
    with refusal(InvalidArgument, "rolling_update_load_balancer_ids is "):
        parsed(load_balancer_ids=value)


def test_what_is_not_a_list_is_not_shown_whole() -> None:
    with refusal(InvalidArgument) as caught:
        parsed(load_balancer_ids={"lb-a": "x" * 300})
    assert len(caught.value.message) == 200
    assert caught.value.advice == "Give a list."


@pytest.mark.parametrize(
    ("name", "example"),
    [("server_id", "i-bp1c3zrr37ablp8ujo7v"), ("load_balancer_ids", "lb-bp1qjwo61pqz3ahltv0mw")],
)
@pytest.mark.parametrize(
    ("value", "advice"), [([""], "Set it for this host, to an id such as"), (["lb a"], "Give an id such as")]
)
def test_an_example_of_an_id(name: str, example: str, value: list[str], advice: str) -> None:
    with refusal(InvalidArgument) as caught:
        parsed(**{name: value if name == "load_balancer_ids" else value[0]})
    assert caught.value.advice == f"{advice} {example}."


@pytest.mark.parametrize("value", [None, "", " i-1", "i-1\n", "i 1", "-1", "i-1;x", "и-1"])
def test_what_is_not_a_server(value: t.Any) -> None:
    with refusal(InvalidArgument, "rolling_update_server_id is "):
        parsed(server_id=value)


@pytest.mark.parametrize(
    ("value", "ramp"),
    [
        ([10, 50, 100], (10, 50, 100)),
        ("10, 50", (10, 50)),
        ("[10, 50]", (10, 50)),
        (50, (50,)),
        ("50", (50,)),
        ([], ()),
        ("", ()),
        (["10", 100], (10, 100)),
        ([0], (0,)),
    ],
)
def test_ramp(value: t.Any, ramp: tuple[int, ...]) -> None:
    assert parsed(ramp=value).ramp == ramp


@pytest.mark.parametrize("value", [[101], "10;50", [[10]], "50%", {"10": 1}, [None]])
def test_what_is_not_a_ramp(value: t.Any) -> None:
    with refusal(InvalidArgument, "rolling_update_ramp is "):
        parsed(ramp=value)


@pytest.mark.parametrize("name", ["rolling_update_id", "server_ip", "record_dir", "health_tasks_file", "health_url"])
def test_empty_text_is_not_set(name: str) -> None:
    assert getattr(parsed(**{name: " "}), name) is None
    assert getattr(parsed(**{name: " x "}), name) == "x"


def test_id_that_looks_like_a_number() -> None:
    assert parsed(rolling_update_id=7).rolling_update_id == "7"
    assert parsed(rolling_update_id="1.10").rolling_update_id == "1.10"


def test_tasks_file_that_is_empty_is_missing() -> None:
    with refusal(InvalidArgument, "rolling_update_tasks_file is missing"):
        parsed(tasks_file="")


@pytest.mark.parametrize("value", [None, "", "cn hangzhou"])
def test_region_that_is_missing_or_none(value: t.Any) -> None:
    with refusal(InvalidArgument, "rolling_update_region .*is (missing|not a valid)"):
        parsed(region=value)


def test_names_in_messages_are_those_of_the_options_outside_of_the_role() -> None:
    with refusal(InvalidArgument, "^InvalidArgument: server_id is missing"):
        _drain_options.parse_options(values(server_id=""), "")


def test_connections_to_other_apis_and_accounts_are_told_apart() -> None:
    """By nothing that is secret."""
    one: dict[str, t.Any] = {"region": "cn-hangzhou", "access_key": "A", "secret_key": "S", "endpoint": "https://e"}
    same = parsed(**one, min_active=3).fingerprint
    assert parsed(**{**one, "secret_key": "other"}).fingerprint == same
    others: list[dict[str, t.Any]] = [
        {"region": "cn-beijing"},
        {"access_key": "B"},
        {"endpoint": "https://f"},
        {"assume_role": {"role_arn": "acs:ram::1:role/x"}},
    ]
    found = {parsed(**{**one, **other}).fingerprint for other in others}
    assert len(found) == len(others)
    assert same not in found


def test_variables_that_have_no_effect() -> None:
    names = [
        "rolling_update_min_activ",
        "rolling_update_loadbalancer_ids",
        "rolling_update_record",
        "rolling_update_id",
        "rolling_update_min_active",
        "rolling_update_of_mine",
        "rolling_update_pause",
        "rolling_update_stat",
        "min_activ",
    ]
    assert _drain_options.unknown_variables(names) == [
        "The variable rolling_update_loadbalancer_ids has no effect: did you mean rolling_update_load_balancer_ids?",
        "The variable rolling_update_min_activ has no effect: did you mean rolling_update_min_active?",
    ]


def test_options_are_those_of_the_documentation() -> None:
    documented = yaml.safe_load(slb_drain.DOCUMENTATION)["options"]
    spec = {name: rules for name, rules in _drain_options.argument_spec().items() if name in documented}
    keys = ("type", "choices", "required", "default")
    assert spec == {name: {key: text[key] for key in keys if key in text} for name, text in documented.items()}


def test_variables_of_all_options() -> None:
    for option in _drain_options.argument_spec():
        variable = _drain_options.variable_of(option)
        assert variable.count("rolling_update_") == 1
        assert variable.startswith("rolling_update_")
