# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any arguments, through Ansible's own handling of them: what is wrong is refused before the API is asked anything."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inputs import JSON, NUMBER, TEXT
from modules import LOAD_BALANCER, arguments, info_arguments, read, reset, set_weights, weights, written

from slb_emulator import Emulator

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def is_number(value: Any, lowest: int, highest: int) -> bool:
    """The documented rule, by another way than the code's."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= 9 and lowest <= int(value) <= highest
    return type(value) in (int, float) and lowest <= value <= highest and value == int(value)


def bad_numbers(lowest: int, highest: int) -> st.SearchStrategy[Any]:
    anything = NUMBER | JSON | st.just("1e999999999")
    return anything.filter(lambda value: not is_number(value, lowest, highest))


BAD_WEIGHTS = bad_numbers(0, 100)
# Several weights may be expected.
BAD_EXPECTED = BAD_WEIGHTS.filter(lambda value: not isinstance(value, list)) | BAD_WEIGHTS.map(
    lambda value: [50, value]
)
BAD_PORTS = bad_numbers(1, 65535).filter(lambda value: value is not None)
BAD_SECONDS = bad_numbers(1, 86400)
BAD_IDS: st.SearchStrategy[Any] = TEXT.filter(lambda value: not ID.fullmatch(value)) | st.none() | st.just([])
BAD_SERVERS = st.one_of(
    BAD_WEIGHTS.map(lambda weight: [{"server_id": "i-web1", "weight": weight}]),
    BAD_EXPECTED.filter(lambda weight: weight is not None).map(
        lambda weight: [{"server_id": "i-web1", "weight": 50, "expected_weight": weight}]
    ),
    BAD_IDS.map(lambda server_id: [{"server_id": server_id, "weight": 50}]),
    TEXT.filter(lambda text: text not in ("ecs", "eni", "eci")).map(
        lambda kind: [{"server_id": "i-web1", "weight": 50, "type": kind}]
    ),
    TEXT.filter(bool).map(lambda text: [{"server_id": "i-web1", "weight": 50, "server_ip": text}]),
    BAD_PORTS.map(lambda port: [{"server_id": "i-web1", "weight": 50, "vserver_group": "app", "port": port}]),
    st.integers(1, 65535).map(lambda port: [{"server_id": "i-web1", "weight": 50, "port": port}]),
    st.just([]),
    st.none(),
    st.just([{"server_id": "i-web1", "weight": 50}] * 2),
    st.just([{"server_id": "i-web1"}]),
)
BAD: dict[str, st.SearchStrategy[Any]] = {
    "backend_servers": BAD_SERVERS,
    "load_balancer_id": BAD_IDS,
    "region": TEXT.filter(lambda text: not re.fullmatch(r"[a-z]{2,}(-[a-z0-9]+)+", text, re.ASCII)),
    "wait_timeout": BAD_SECONDS,
    "connect_timeout": BAD_SECONDS,
    "read_timeout": BAD_SECONDS,
    "min_active": bad_numbers(0, 999_999_999),
    "on_missing": TEXT.filter(lambda text: text not in ("fail", "ignore")),
    "on_unexpected": TEXT.filter(lambda text: text not in ("fail", "skip")),
    "server_groups": TEXT.filter(lambda text: text not in ("default", "all")),
    # YAML reads off as false, so Ansible takes the text False for it.
    "check_listeners": TEXT.filter(lambda text: text not in ("off", "False", "warn", "fail")),
    "verify": st.sampled_from(["perhaps", 2, {}, []]),
    "endpoint": st.sampled_from(
        ["http://", "ftp://127.0.0.1", "a b", "a..b", "x" * 64, "http://u:p@h", "h/p", "http://[::1", "h:0", "h:99999", "h?q", "\x1b"]
    ),
    "access_key": st.sampled_from(["", None]),
    "assume_role": st.sampled_from([{"role_arn": ""}, {}, "text", 5, [None], {"role_arn": "a", "sts_endpoint": "a/b"}])
    | bad_numbers(900, 999_999_999).filter(lambda value: value is not None).map(lambda value: {"role_arn": "a", "duration_seconds": value}),
}  # fmt: skip


@pytest.mark.parametrize("option", BAD)
@settings(max_examples=settings().max_examples // 4)
@given(data=st.data())
def test_wrong_argument_is_refused_before_any_call(shared_slb: Emulator, option: str, data: st.DataObject) -> None:
    value = data.draw(BAD[option])
    reset(shared_slb)
    result = set_weights(arguments(shared_slb.url, **{option: value}))
    assert result["failed"], value
    assert not shared_slb.requests


@settings(max_examples=settings().max_examples * 2)
@given(changes=st.dictionaries(
    st.sampled_from([*sorted(set(BAD) - {"endpoint"}), "profile", "ecs_role_name", "security_token",
                     "secret_key", "ca_path", "validate_certs", "shared_credentials_file", "gather", "colour"]),
    JSON, min_size=1, max_size=3))  # fmt: skip
def test_any_arguments_end_in_a_result(shared_slb: Emulator, changes: dict[str, Any]) -> None:
    reset(shared_slb)
    result = set_weights(arguments(shared_slb.url, **changes))
    if result.get("failed") and "error" not in result:  # refused by Ansible
        assert not shared_slb.requests
    assert {entry["ServerId"] for entry in written(shared_slb)} <= {"i-web1"}
    assert {weights(shared_slb)[server] for server in ("i-web2", "eni-web3")} == {100}


@given(servers=st.lists(
    st.fixed_dictionaries(
        {"server_id": st.sampled_from(["i-web1", "i-web2", "eni-web3", "i-none"]), "weight": NUMBER | JSON},
        optional={"type": st.sampled_from(["ecs", "eni", "eci"]), "server_ip": st.sampled_from(["10.0.0.3", "::1", ""]),
                  "expected_weight": NUMBER | JSON}),
    max_size=4))  # fmt: skip
def test_any_servers_and_weights(shared_slb: Emulator, servers: list[dict[str, Any]]) -> None:
    reset(shared_slb)
    set_weights(arguments(shared_slb.url, backend_servers=servers, on_missing="ignore"))
    wanted = {(server["server_id"], str(server["weight"]).removesuffix(".0").lstrip("0") or "0") for server in servers}
    assert {(entry["ServerId"], entry["Weight"]) for entry in written(shared_slb)} <= wanted
    if not all(is_number(server["weight"], 0, 100) for server in servers):
        assert not written(shared_slb)


@given(changes=st.dictionaries(st.sampled_from(["load_balancer_id", "gather", "region", "wait_timeout"]), JSON))
def test_any_arguments_of_the_module_that_reads(shared_slb: Emulator, changes: dict[str, Any]) -> None:
    reset(shared_slb)
    result = read(info_arguments(shared_slb.url, **changes))
    assert result.get("failed") or result["load_balancer_id"] == LOAD_BALANCER
    assert not written(shared_slb)
