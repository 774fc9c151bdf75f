# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder with an inventory and a playbook, beside an emulator of its own, in which ansible-playbook runs as users run it."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from warm_ansible import SETTINGS, Order, WarmAnsible

from slb_emulator import Emulator

Document = dict[str, Any]

HANGING = 300.0  # seconds after which a run has to end

ROLE = "aliyun_community.slb.rolling_update"
RECOVER = "aliyun_community.slb.recover"
SET_WEIGHTS = "aliyun_community.slb.set_weights"
WEIGHTS = {"i-1": 100, "i-2": 60, "i-3": 10, "i-4": 100, "i-5": 100}
HOSTS = {f"web{number}": f"i-{number}" for number in range(1, 5)}
REFUSED_BECOME = {"ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/bin/false"}
RAW_ERROR = re.compile(
    r"Traceback|AnsibleUndefined|has no attribute|NoneType|Unexpected templating|is undefined|Error while resolving"
    r"|template error|'dict object'|object of type '"
)
LOOK = (
    "lookup('ansible.builtin.url', lookup('ansible.builtin.env', 'EMULATOR') ~ '/_rehearsal/state', split_lines=false)"
)
UPDATE = {
    "name": "Update, and say which weights the load balancers have meanwhile",
    "ansible.builtin.debug": {
        "msg": "UPDATED {{ inventory_hostname }} {{ seen.load_balancers | to_json | b64encode }}"
    },
    "vars": {"seen": f"{{{{ {LOOK} | from_json }}}}"},
}
UPDATED = re.compile(r"UPDATED (\S+) ([\w+/=]+)")


def state(**balancers: dict[str, int]) -> Document:
    """A state document; by default lb-a and lb-b, with five members each."""
    listener = {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 8080}
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
        "load_balancers": [
            {
                "load_balancer_id": name.replace("_", "-"),
                "region_id": "cn-hangzhou",
                "backend_servers": [{"server_id": key, "weight": weight} for key, weight in weights.items()],
                "listeners": [listener],
            }
            for name, weights in (balancers or {"lb_a": WEIGHTS, "lb_b": WEIGHTS}).items()
        ],
    }


def play(variables: Document | None = None, **keywords: Any) -> Document:
    """A play with the role over all web servers, two at a time."""
    own = {
        "rolling_update_load_balancer_ids": ["lb-a"],
        "rolling_update_tasks_file": "update.yml",
        "rolling_update_drain_delay": 0,
        "rolling_update_health_timeout": 3,
        **(variables or {}),
    }
    own = {name: value for name, value in own.items() if value is not None}
    return {"hosts": "web", "gather_facts": False, "serial": 2, "vars": own, "roles": [ROLE], **keywords}


def inventory(hosts: Document | None = None, variables: Document | None = None, **groups: Any) -> Document:
    """The web servers; ``hosts``: what else is known about each."""
    common = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    known = {
        name: {"rolling_update_server_id": server_id, **(hosts or {}).get(name, {})}
        for name, server_id in HOSTS.items()
    }
    return {"web": {"hosts": known, "vars": {**common, **(variables or {})}}, **groups}


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    exit_code: int
    output: str

    def updated(self) -> dict[str, list[dict[str, dict[str, int]]]]:
        """For each host the weights that the load balancers had while it was updated."""
        found: dict[str, list[dict[str, dict[str, int]]]] = {}
        for host, encoded in UPDATED.findall(self.output):
            found.setdefault(host, []).append(weights_in(json.loads(base64.b64decode(encoded))))
        return found


def ended(exit_code: int | None, output: str) -> Ended:
    print(output)  # pytest shows it when the test has failed
    assert exit_code is not None, f"it had not ended after {HANGING} s"
    assert not RAW_ERROR.search(output)
    return Ended(exit_code, output)


def environment_for_ansible(home: Path) -> dict[str, str]:
    """What Ansible reads when it starts."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(SETTINGS),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "SSL_CERT_FILE": os.devnull,  # no https here: the certificates of the system take a tenth of a second to read
    }


def weights_in(load_balancers: list[Document]) -> dict[str, dict[str, int]]:
    return {
        balancer["load_balancer_id"]: {m["server_id"]: m.get("weight", 100) for m in balancer["backend_servers"]}
        for balancer in load_balancers
    }


@dataclass
class Field:
    """A folder with an inventory and a play, and a load balancer."""

    folder: Path
    emulator: Emulator
    names: list[str]
    warm: WarmAnsible
    original: dict[str, dict[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.original = self.weights()

    def weights(self) -> dict[str, dict[str, int]]:
        return {name: {m.server_id: m.weight for m in self.emulator.members(name)} for name in self.names}

    def write(self, **documents: Any) -> None:
        """Write YAML files."""
        for name, document in documents.items():
            path = self.folder / f"{name.replace('__', '/')}.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")

    def run(self, *arguments: str, cwd: Path | None = None) -> Ended:
        """Run ansible-playbook, by default in the field's own folder."""
        output = self.folder / "output.txt"
        output.unlink(missing_ok=True)
        order = Order(list(arguments), self.environment(), cwd or self.folder, output, imported=True)
        self.warm.start(order)
        exit_code, _left_over = self.warm.wait(HANGING)
        return ended(exit_code, output.read_text("utf-8", "replace"))

    def ansible(self, *words: str, cwd: Path | None = None) -> Ended:
        """Run a command of Ansible, such as ``inventory``."""
        done = subprocess.run(
            [sys.executable, "-m", "ansible", *words],
            cwd=cwd or self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return ended(done.returncode, done.stdout)

    def environment(self) -> dict[str, str]:
        return {
            **environment_for_ansible(self.folder / "ansible"),
            "ALICLOUD_ACCESS_KEY": "rehearsal",
            "ALICLOUD_SECRET_KEY": "rehearsal-secret",
            "ALICLOUD_REGION": "cn-hangzhou",
            "ALICLOUD_SLB_ENDPOINT": self.emulator.url,
            "EMULATOR": self.emulator.url,
            "HOME": str(self.folder),
        }

    def roll(self, *arguments: str, balancers: dict[str, str] | None = None) -> Ended:
        """Run the play, and check what holds for every rolling update. ``balancers``: of hosts that are not behind lb-a."""
        ended = self.run("-i", "inventory.yml", "roll.yml", *arguments)
        for host, looks in ended.updated().items():
            for weights in looks:
                assert weights[(balancers or {}).get(host, "lb-a")][HOSTS[host]] == 0, (
                    f"{host} was updated under traffic"
                )
        if ended.exit_code == 0:
            assert self.weights() == self.original
        return ended

    def assert_recoverable(self, ended: Ended) -> None:
        """What the run has left out goes back with the command that it has printed."""
        assert ended.exit_code != 0
        (arguments,) = set(re.findall(rf"ansible-playbook {re.escape(RECOVER)}((?: -e [^\s\"\\,;]+)*)", ended.output))
        assert "rolling_update_id=" in arguments
        assert self.run(RECOVER, *shlex.split(arguments)).exit_code == 0
        assert self.weights() == self.original
        self.emulator.clear()
        assert self.run(RECOVER, *shlex.split(arguments)).exit_code == 0
        assert not self.writes()

    def assert_untouched(self) -> None:
        """Nothing was ever drained."""
        assert not self.writes()
        assert self.weights() == self.original

    def writes(self) -> list[str]:
        return [str(request) for request in self.emulator.requests if request.action == "SetBackendServers"]
