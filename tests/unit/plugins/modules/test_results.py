# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules print, from their arguments to the emulator and back."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from ansible_collections.aliyun_community.slb.plugins.modules import slb_backend_info, slb_backend_weights
from ansible_collections.aliyun_community.slb.tests.unit.module_arguments import patch_module_args

pytestmark = pytest.mark.usefixtures("clean_environment", "no_settings_in_the_environment", "process_of_a_module")

Run = t.Callable[..., dict[str, t.Any]]
DRAIN = {"backend_servers": [{"server_id": "i-web1", "weight": 0}]}


@pytest.fixture
def run(slb: t.Any, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(module, **options)``: the result of a module for lb-web of the emulator."""

    def run_it(module: t.Any, **options: t.Any) -> dict[str, t.Any]:
        connection = {"endpoint": slb.url, "access_key": "rehearsal", "secret_key": "rehearsal-secret+/="}
        given = {"load_balancer_id": "lb-web", "region": "cn-hangzhou", **connection, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        result.pop("invocation", None)  # depends on the version of ansible-core
        return result

    return run_it


def documented(module: t.Any, *when: str) -> set[str]:
    """The keys that the documentation promises for these occasions."""
    keys: dict[str, dict[str, t.Any]] = yaml.safe_load(module.RETURN)
    return {key for key, entry in keys.items() if entry["returned"] in when}


FAILURES: list[tuple[dict[str, t.Any], str]] = [
    ({"region": "nowhere"}, "InvalidArgument"),
    ({"load_balancer_id": "lb 1"}, "InvalidArgument"),
    ({"region": None}, "InvalidArgument"),
    ({"secret_key": "wrong"}, "SignatureDoesNotMatch"),
    ({"load_balancer_id": "lb-gone"}, "InvalidLoadBalancerId.NotFound"),
]


@pytest.mark.parametrize(("options", "code"), FAILURES)
def test_failed_read_has_the_keys_that_are_always_there(run: Run, options: dict[str, t.Any], code: str) -> None:
    result = run(slb_backend_info, **options)
    assert result["error"]["code"] == code
    expected = {"load_balancer_id": "lb-web", "region": "cn-hangzhou", **options}
    for key in documented(slb_backend_info, "always"):
        assert result[key] == expected[key]
    assert set(result) == {"failed", "msg"} | documented(slb_backend_info, "always", "when the task failed")


@pytest.mark.parametrize(("options", "code"), FAILURES)
def test_failed_write_has_the_keys_that_are_always_there(run: Run, options: dict[str, t.Any], code: str) -> None:
    result = run(slb_backend_weights, **DRAIN, **options)
    assert result["error"]["code"] == code
    expected = {"load_balancer_id": "lb-web", "region": "cn-hangzhou", **options}
    assert (result["load_balancer_id"], result["region"]) == (expected["load_balancer_id"], expected["region"])
    keys = documented(slb_backend_weights, "always", "when the task failed")
    assert set(result) == {"failed", "msg", "changed"} | keys
    assert result["changed"] is False
    assert result["applied"] == result["not_applied"] == result["unconfirmed"] == result["changed_servers"] == []


def test_read_that_fails_halfway_shows_nothing_of_the_first_half(run: Run, slb: t.Any) -> None:
    slb.add_fault({"action": "DescribeHealthStatus", "kind": "error", "code": "Forbidden.RAM"})
    result = run(slb_backend_info)
    assert result["error"]["code"] == "Forbidden.RAM"
    assert "backend_servers" not in result


def test_whole_read(run: Run) -> None:
    result = run(slb_backend_info)
    assert result["changed"] is False
    assert (result["load_balancer_id"], result["region"], result["active_count"]) == ("lb-web", "cn-hangzhou", 4)
    # The last two are those of a search, and of vServer groups.
    assert set(yaml.safe_load(slb_backend_info.RETURN)) - set(result) == {"error", "load_balancers", "rules"}


def test_part_of_a_read(run: Run, slb: t.Any) -> None:
    result = run(slb_backend_info, gather=["listeners"])
    assert [request.action for request in slb.requests] == ["DescribeLoadBalancerListeners"] * 2
    assert len(result["listeners"]) == 120
    assert "backend_servers" not in result


def test_write(run: Run, slb: t.Any) -> None:
    result = run(slb_backend_weights, **DRAIN, on_missing="ignore", _ansible_diff=True)
    assert result["changed"] is True
    assert [(change["server_id"], change["after"]) for change in result["changed_servers"]] == [("i-web1", 0)]
    assert result["diff"]["after"] == "i-web1: 0\n"
    assert "applied" not in result
    assert slb.members("lb-web")[0].weight == 0


def test_warning_of_a_write(run: Run, slb: t.Any) -> None:
    servers = [*DRAIN["backend_servers"], {"server_id": "i-gone", "weight": 0}]
    result = run(slb_backend_weights, backend_servers=servers, on_missing="ignore")
    assert "i-gone" in str(result["warnings"])
    assert "diff" not in result
