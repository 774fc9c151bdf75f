# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook that sets weights, and its file of previous weights."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest
import yaml
from field import REFUSED_BECOME, SET_WEIGHTS, Ended, Field, state

FILE = "previous.yml"
ELSEWHERE = {"ansible_connection": "ssh", "ansible_python_interpreter": "/nonexistent/python"}


def set_weights(field: Field, *arguments: str, balancer: str = "lb-a", **variables: Any) -> Ended:
    given = {"slb_load_balancer_id": balancer, **variables}
    return field.run(SET_WEIGHTS, "-e", json.dumps(given), *arguments)


def restore(field: Field, *arguments: str) -> Ended:
    return field.run(SET_WEIGHTS, "-e", f"@{FILE}", *arguments)


def changed(ended: Ended) -> bool:
    """Whether a run that went well says that it has changed something."""
    assert ended.exit_code == 0
    assert "failed=0" in ended.output
    return "changed=0" not in ended.output


def assert_refused(field: Field, says: str, **variables: Any) -> None:
    ended = set_weights(field, **variables)
    assert ended.exit_code != 0
    assert says in " ".join(ended.output.split())
    assert field.weights() == field.original


def test_a_drain_that_is_restored(plain: Field) -> None:
    """A server that has its weight already is not in the file."""
    file = plain.folder / FILE
    request: dict[str, Any] = {
        "slb_region": "cn-hangzhou",
        "slb_backend_servers": [{"server_id": "i-2", "weight": 0}, {"server_id": "i-1", "weight": 100}],
        "slb_min_active": 1,
        "slb_check_listeners": "fail",
        "slb_previous_file": str(file),
    }
    checked = set_weights(plain, "--check", "--diff", **request)
    assert changed(checked)
    assert "-i-2: 60" in checked.output
    assert "+i-2: 0" in checked.output
    assert not file.exists()
    plain.assert_untouched()

    drained = set_weights(plain, **request)
    assert changed(drained)
    assert "i-2: 0" in drained.output
    assert "4 of 5 servers get traffic" in drained.output
    assert plain.weights()["lb-a"] == {**plain.original["lb-a"], "i-2": 0}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert kept["slb_load_balancer_id"] == "lb-a"
    assert kept["slb_region"] == "cn-hangzhou"
    assert kept["slb_backend_servers"] == [{"server_id": "i-2", "weight": 60, "type": "ecs"}]

    assert changed(restore(plain))
    assert plain.weights() == plain.original
    assert not changed(restore(plain))


def test_a_file_that_is_used_again(plain: Field) -> None:
    """It keeps the first weight of each server until all have been restored."""
    set_weights(plain, slb_backend_servers=[{"server_id": "i-1", "weight": 50}], slb_previous_file=FILE)
    both = [{"server_id": "i-1", "weight": 0}, {"server_id": "i-2", "weight": 0}]
    second = set_weights(plain, slb_backend_servers=both, slb_previous_file=FILE)
    assert "It keeps the weight that it already had for i-1: 100" in second.output
    assert changed(restore(plain))
    assert plain.weights() == plain.original

    set_weights(plain, slb_backend_servers="i-2=77")
    set_weights(plain, slb_backend_servers="i-2=0", slb_previous_file=FILE)
    assert changed(restore(plain))
    assert plain.weights()["lb-a"] == {**plain.original["lb-a"], "i-2": 77}


def test_a_write_that_fails_after_another(fields: Any) -> None:
    """A call sets 20 weights. The message says how to restore those."""
    field = fields(state(lb_a={f"i-{number}": 50 + number for number in range(1, 42)}))
    field.emulator.add_fault({"action": "SetBackendServers", "kind": "error", "code": "Forbidden.RAM", "skip": 1})
    lines = "\n".join(f"i-{number}=0" for number in range(1, 26))
    failed = set_weights(field, slb_backend_servers=lines, slb_previous_file=FILE)
    assert failed.exit_code != 0
    assert list(field.weights()["lb-a"].values()).count(0) == 20
    assert f"ansible-playbook {SET_WEIGHTS} -e @{(field.folder / FILE).resolve()}" in failed.output
    assert changed(restore(field))
    assert field.weights() == field.original


def test_a_file_that_may_not_be_overwritten(plain: Field) -> None:
    """That is found before a call is sent."""
    set_weights(plain, balancer="lb-b", slb_backend_servers="i-1=0", slb_previous_file=FILE)
    plain.original = plain.weights()
    plain.emulator.clear()
    plain.write(notes="web2 is slow\n")
    request = {"slb_backend_servers": "i-1=0"}
    assert_refused(plain, "has the weights of lb-b in cn-hangzhou", slb_previous_file=FILE, **request)
    assert_refused(plain, "did not write it", slb_previous_file="notes.yml", **request)
    assert_refused(plain, "cannot be read (Is a directory)", slb_previous_file=".", **request)
    assert not plain.emulator.requests


def test_a_file_that_cannot_be_written(plain: Field) -> None:
    says = "cannot be written (No such file or directory)"
    assert_refused(plain, says, slb_backend_servers="i-1=0", slb_previous_file="nowhere/previous.yml")


@pytest.mark.parametrize(
    ("says", "given"),
    [
        (
            "slb_backend_servers has text that is not a server with its weight: i-2 50. Write ID=WEIGHT on each line",
            {"slb_backend_servers": "i-1=0\ni-2 50"},
        ),
        ("slb_backend_servers names no server.", {}),
        ("load_balancer_id", {"balancer": "", "slb_backend_servers": "i-1=0"}),
        ("wieght", {"slb_backend_servers": [{"server_id": "i-1", "weight": 0, "wieght": 1}]}),
    ],
)
def test_bad_answers_of_a_survey(plain: Field, says: str, given: dict[str, Any]) -> None:
    assert_refused(plain, says, **given)


@pytest.mark.parametrize(
    ("hosts", "arguments"),
    [
        # What an inventory may say about the controller; none of it may reach the calls of the playbook.
        ({"localhost": {**ELSEWHERE, "ansible_host": "host.invalid"}}, ["-e", "ansible_become=true"]),
        ({"127.0.0.1": ELSEWHERE}, ["--become"]),
    ],
)
def test_surroundings(plain: Field, hosts: dict[str, Any], arguments: list[str]) -> None:
    plain.write(inventory={"all": {"hosts": hosts, "vars": REFUSED_BECOME}})
    where = ["-i", "inventory.yml", *arguments]
    assert changed(set_weights(plain, *where, slb_backend_servers="i-2=0", slb_previous_file=FILE))
    assert plain.weights()["lb-a"]["i-2"] == 0
    assert changed(restore(plain, *where))
    assert plain.weights() == plain.original
