# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API says is text: real playbooks neither execute nor template it, and no terminal obeys it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modules import LOAD_BALANCER, STATE
from test_answers import ANSWERS, answering
from warm_ansible import SETTINGS

import slb_emulator.api.actions.server_list
from slb_emulator import BackendServer, Emulator, MemberEdit, running

FOLDER = Path(__file__).resolve().parent
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


def temptations(canary: Path) -> list[str]:
    """Texts that make the file if anything on the way does more with them than pass them on."""
    return [
        f"{{{{ lookup('ansible.builtin.pipe', 'touch {canary}') }}}}",
        f"{{% for x in [lookup('pipe', 'touch {canary}')] %}}{{{{ x }}}}{{% endfor %}}",
        f"'\"}}}}{{{{ lookup('pipe', \"touch {canary}\") }}}}",
        f"\n- !unsafe x\n- !!python/object/apply:os.system ['touch {canary}']",
        f'"; touch {canary}; $(touch {canary}) `touch {canary}` #',
        f"\x1b]0;touch {canary}\x07\x1b[2J\x1b[31m",
        "\r\n\x00\x08\x9b31m\u202e\u2028 Ürümqi 乌鲁木齐 \U0001f600",
    ]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def slb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with running(STATE) as emulator:
        yield emulator


def play(name: str, slb: Emulator, folder: Path, *options: str | bytes) -> str:
    """The output of a playbook."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "XDG_STATE_HOME": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
        "ANSIBLE_CONFIG": str(SETTINGS),
        "ALICLOUD_ACCESS_KEY": "rehearsal",
        "ALICLOUD_SECRET_KEY": "rehearsal-secret",
        "ALICLOUD_REGION": "cn-hangzhou",
        "ALICLOUD_SLB_ENDPOINT": slb.url,
    }
    variables = json.dumps({"ansible_python_interpreter": sys.executable, "ansible_connection": "local"})
    done = subprocess.run(
        [
            str(ANSIBLE_PLAYBOOK),
            "-i",
            "localhost,web1,",
            "-e",
            variables,
            "--diff",
            *options,
            str(FOLDER / "playbooks" / name),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    output = done.stdout.decode()
    assert done.returncode == 0, output
    return output


def check_output(output: str, canary: Path) -> None:
    """Nothing ran; and of the control characters, of which Ansible escapes those below 32 in JSON, none is in a text."""
    assert not canary.exists()
    assert "Traceback" not in output
    assert {character for character in output if ord(character) < 32} == {"\n"}


def test_values_are_passed_on_and_nothing_more(slb: Emulator, tmp_path: Path, canary: Path) -> None:
    texts = temptations(canary)
    members = [
        {"ServerId": f"i-{number}", "Weight": 1, "Description": text, "ServerIp": text}
        for number, text in enumerate(texts)
    ]
    members.append({"ServerId": "i-web1", "Weight": 100, "Type": "ecs"})
    members.append(
        {"ServerId": "eni-web3", "Weight": 100, "Type": "eni", "ServerIp": texts[-1], "Description": texts[0]}
    )
    group = {
        **ANSWERS["DescribeLoadBalancerAttribute"],
        "LoadBalancerName": texts[0],
        "BackendServers": {"BackendServer": members},
    }
    listeners: list[dict[str, Any]] = [
        {"ListenerPort": 80, "ListenerProtocol": text, "Scheduler": text, "VServerGroupId": text, "Status": text}
        for text in texts
    ]
    health = [{"ServerId": text, "ServerHealthStatus": text, "Protocol": text} for text in texts]
    refusal = {"RequestId": texts[5], "Code": texts[0], "Message": " ".join(texts)}
    # The first write is taken; the group shows it only to a read at the end of the account.
    shown = json.loads(json.dumps(group))
    shown["BackendServers"]["BackendServer"][-1]["Weight"] = 50
    for action, content, times in (
        ("DescribeLoadBalancerAttribute", group, 2),
        ("DescribeLoadBalancerAttribute", shown, 0),
        ("DescribeLoadBalancerListeners", {"RequestId": "R-1", "Listeners": listeners}, 0),
        ("DescribeHealthStatus", {"RequestId": "R-1", "BackendServers": {"BackendServer": health}}, 0),
        ("SetBackendServers", ANSWERS["SetBackendServers"], 1),
        ("SetBackendServers", refusal, 0),
    ):
        slb.add_fault({**answering(json.dumps(content).encode()), "action": action, "times": times})
    kept_in = tmp_path / "kept.json"
    output = play("values.yml", slb, tmp_path, "-e", json.dumps({"kept_in": str(kept_in)}))
    of_the_modules, _of_debug = output.split("TASK [Keep a part as a fact]")
    check_output(of_the_modules, canary)
    assert not canary.exists()
    kept = json.loads(kept_in.read_text(encoding="utf-8"))
    read = kept["read"]
    assert [member["description"] for member in read["backend_servers"]] == [*texts, None, texts[0]]
    assert kept["kept"] == [*texts, None, texts[0]]
    assert [member["server_ip"] for member in read["backend_servers"]] == [*texts, None, texts[-1]]
    assert [row["scheduler"] for row in read["listeners"]] == texts
    assert [row["server_id"] for row in read["health"]] == texts
    assert read["load_balancer_name"] == texts[0]
    assert kept["written"]["changed"]
    assert kept["written"]["previous"][0]["server_ip"] == texts[-1]
    assert kept["refused"]["error"]["code"] == texts[0]
    assert "touch" in kept["refused"]["msg"]


def test_arguments_are_refused_in_one_sentence(slb: Emulator, tmp_path: Path) -> None:
    output = play("arguments.yml", slb, tmp_path, "-e", b"no_text=\xff", "-vvv")
    assert "Traceback" not in output
    assert not slb.requests


def test_role_leaves_strange_names_and_words_alone(
    slb: Emulator, tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slb_emulator.api.actions.server_list, "DESCRIPTION", re.compile("(?s).*"))
    texts = temptations(canary)
    strangers = [BackendServer(text, 100, "eni", text, text) for text in texts]
    web1 = BackendServer("i-web1", 100, "ecs", "", texts[0])
    slb.edit(
        LOAD_BALANCER,
        [MemberEdit("i-web1", remove=True), *(MemberEdit("", add=member) for member in [web1, *strangers])],
    )
    before = slb.members(LOAD_BALANCER)
    output = play("roll.yml", slb, tmp_path, "-l", "web1", "-e", "turn=1")
    check_output(output, canary)
    assert "The new version does not start" in output
    slb.add_fault(
        {
            "kind": "error",
            "action": "SetBackendServers",
            "code": texts[0],
            "http_status": 403,
            "message": " ".join(texts),
        }
    )
    refused = play("roll.yml", slb, tmp_path, "-l", "web1", "-e", "turn=2")
    check_output(refused, canary)
    assert "lookup('pipe'" in refused
    assert slb.members(LOAD_BALANCER) == before
    assert len([request for request in slb.requests if request.action == "SetBackendServers"]) == 3
