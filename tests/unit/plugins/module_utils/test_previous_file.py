# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of previous weights: what it holds after each kind of run, and what it refuses to overwrite."""

from __future__ import annotations

import json
import os
import stat
import threading
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._previous_file import PreviousFile
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal


def server(number: int, weight: int, **more: str) -> dict[str, t.Any]:
    return {"server_id": f"i-{number}", "weight": weight, "type": "ecs", **more}


def load(text: str) -> t.Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise ValueError(str(exc)) from exc


def at(path: Path, load_balancer_id: str = "lb-a", region: str = "cn-hangzhou") -> PreviousFile:
    return PreviousFile(str(path), load, load_balancer_id, region)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "previous.yml"


def variables(path: Path) -> dict[str, t.Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def weights(path: Path) -> dict[str, int]:
    return {server["server_id"]: server["weight"] for server in variables(path)["slb_backend_servers"]}


def refused(file: PreviousFile) -> InvalidArgument:
    """What the file says to both uses; it is left as it was."""
    before = Path(file.path).read_bytes()
    with refusal(InvalidArgument) as at_first:
        file.read()
    with refusal(InvalidArgument) as caught:
        file.keep([server(1, 51)])
    assert caught.value.sentence() == at_first.value.sentence()
    assert Path(file.path).read_bytes() == before
    return caught.value


def test_variables_of_the_playbook(path: Path) -> None:
    assert at(path).keep([server(1, 51), {**server(2, 52), "type": "eni", "server_ip": "10.0.0.2"}]) == []
    assert variables(path) == {
        "slb_load_balancer_id": "lb-a",
        "slb_region": "cn-hangzhou",
        "slb_restored_from": os.path.realpath(path),
        "slb_restored": False,
        "slb_backend_servers": [
            {"server_id": "i-1", "weight": 51, "type": "ecs"},
            {"server_id": "i-2", "weight": 52, "type": "eni", "server_ip": "10.0.0.2"},
        ],
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["previous.yml"]


def test_the_first_weights_stay(path: Path) -> None:
    at(path).keep([server(1, 51)])
    assert at(path).keep([server(1, 7), server(2, 52)]) == [server(1, 51)]
    assert weights(path) == {"i-1": 51, "i-2": 52}


def test_a_member_is_known_by_type_and_address(path: Path) -> None:
    pods = [{"server_id": "eni-1", "weight": 5, "type": "eni", "server_ip": f"10.0.0.{last}"} for last in (1, 2)]
    at(path).keep(pods[:1])
    assert at(path).keep(pods[1:]) == []
    assert variables(path)["slb_backend_servers"] == pods


def test_the_address_of_an_ecs_instance_comes_and_goes(path: Path) -> None:
    at(path).keep([server(1, 51)])
    at(path).keep([server(1, 0, server_ip="10.0.0.1")])
    assert weights(path) == {"i-1": 51}


def test_a_list_starts_anew_after_a_restore(path: Path) -> None:
    servers = [server(1, 51), server(2, 52)]
    at(path).keep(servers)
    at(path).note_restored(servers, servers)
    assert weights(path) == {"i-1": 51, "i-2": 52}  # -e @previous.yml can be repeated
    assert at(path).keep([server(1, 77)]) == []
    assert weights(path) == {"i-1": 77}
    at(path).keep([server(1, 0)])
    assert weights(path) == {"i-1": 77}


@pytest.mark.parametrize(
    "requested",
    [
        pytest.param([server(1, 51)], id="one-of-two"),
        pytest.param([server(1, 51), server(2, 20)], id="another-weight"),
        pytest.param([], id="none"),
    ],
)
def test_a_restore_in_part_is_none(path: Path, requested: list[dict[str, t.Any]]) -> None:
    members = [server(1, 51), server(2, 52)]
    at(path).keep(members)
    # The group has all the weights: those of i-2 are what another run has recorded and not yet changed.
    at(path).note_restored(requested, members)
    at(path).keep([server(1, 77)])
    assert weights(path) == {"i-1": 51, "i-2": 52}


def test_a_server_that_is_gone_does_not_keep_a_list_open(path: Path) -> None:
    at(path).keep([server(1, 51), server(2, 52)])
    at(path).note_restored([server(1, 51)], [server(1, 51)])
    assert variables(path)["slb_restored"] is True


def test_a_run_after_the_restore_does_not_undo_the_note(path: Path) -> None:
    at(path).keep([server(1, 51)])
    at(path).note_restored([server(1, 51)], [server(1, 51)])
    at(path).note_restored([server(1, 20)], [server(1, 20)])
    assert variables(path)["slb_restored"] is True


def test_no_file_is_made_for_a_restore(path: Path) -> None:
    at(path).note_restored([server(1, 51)], [server(1, 51)])
    at(path.parent / "gone" / "previous.yml").note_restored([], [])
    assert not os.listdir(path.parent)


def test_an_empty_file_is_used(path: Path) -> None:
    path.write_text("\n", encoding="utf-8")
    assert at(path).read() is None
    at(path).keep([server(1, 51)])
    assert weights(path) == {"i-1": 51}


WRITTEN = """slb_load_balancer_id: lb-a
slb_region: cn-hangzhou
slb_restored_from: /previous.yml
slb_restored: false
slb_backend_servers: [{server_id: i-1, weight: 0, type: ecs}]
"""


def test_what_a_person_wrote_in_another_order_is_read(path: Path) -> None:
    path.write_text("\n".join(reversed(WRITTEN.splitlines())), encoding="utf-8")
    at(path).keep([server(1, 51), server(2, 52)])
    assert weights(path) == {"i-1": 0, "i-2": 52}


def test_a_recorded_0_stays(path: Path) -> None:
    at(path).keep([server(1, 0)])
    at(path).keep([server(1, 50)])
    assert weights(path) == {"i-1": 0}


@pytest.mark.parametrize(
    "text",
    [
        "something else",
        "- a list",
        "slb_load_balancer_id: [",
        "{}",
        # A request for weights, by mistake.
        "slb_load_balancer_id: lb-a\nslb_backend_servers: [{server_id: i-1, weight: 0}]",
        WRITTEN.replace(", type: ecs", ""),
        WRITTEN + "slb_min_active: 1",
        WRITTEN.replace("slb_restored: false\n", ""),
        WRITTEN.replace("weight: 0", "weight: 101"),
        WRITTEN.replace("{server_id: i-1, weight: 0, type: ecs}", "type"),
        WRITTEN.replace("[{server_id: i-1, weight: 0, type: ecs}]", "5"),
        WRITTEN.replace("server_id", "id"),
        "$ANSIBLE_VAULT;1.1;AES256\n6162",
    ],
)
def test_a_foreign_file_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    message = refused(at(path)).message
    assert message == f"previous_file {path} exists, and aliyun_community.slb.set_weights did not write it"


def test_a_file_that_is_no_text_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    assert "did not write it" in refused(at(path)).message


def test_another_load_balancer_or_region_is_refused(path: Path) -> None:
    at(path).keep([server(1, 51)])
    assert refused(at(path, load_balancer_id="lb-b")).message == (
        f"previous_file {path} has the weights of lb-a in cn-hangzhou, not of lb-b in cn-hangzhou"
    )
    assert refused(at(path, region="cn-beijing")).message == (
        f"previous_file {path} has the weights of lb-a in cn-hangzhou, not of lb-a in cn-beijing"
    )


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with refusal(InvalidArgument) as caught:
        at(tmp_path).read()
    assert caught.value.message == f"previous_file {tmp_path} cannot be read (Is a directory)"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "previous.yml"
    with refusal(InvalidArgument) as caught:
        at(path).keep([server(1, 51)])
    assert caught.value.message == f"previous_file {path} cannot be written (No such file or directory)"


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(path).keep([server(1, 51)])
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with refusal(InvalidArgument) as caught:
            at(path).keep([server(2, 52)])
    assert caught.value.message == f"previous_file {path} cannot be written (No space left on device)"
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["previous.yml"]


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.with_name("link.yml")
    link.symlink_to(path)
    at(link).keep([server(1, 51)])
    assert link.is_symlink()
    assert weights(path) == {"i-1": 51}


def test_text_that_ansible_would_evaluate_is_not_kept(path: Path) -> None:
    with refusal(InvalidArgument) as caught:
        at(path).keep([{**server(1, 51), "type": "{{ 1 }}"}])
    assert caught.value.message == "previous_file cannot keep i-1: its type is '{{ 1 }}'"
    assert not path.exists()


def test_runs_at_the_same_time_lose_nothing(path: Path) -> None:
    threads = [threading.Thread(target=at(path).keep, args=([server(number, number)],)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert weights(path) == {f"i-{number}": number for number in range(20)}


def test_json_is_what_yaml_reads(path: Path) -> None:
    """Ids that YAML would read as numbers stay text."""
    at(path, load_balancer_id="12e5").keep([{"server_id": "1_0", "weight": 1, "type": "ecs"}])
    assert variables(path)["slb_load_balancer_id"] == "12e5"
    assert json.dumps(variables(path)["slb_backend_servers"]) == '[{"server_id": "1_0", "weight": 1, "type": "ecs"}]'
