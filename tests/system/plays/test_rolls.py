# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role, the action slb_drain and the playbooks, one row of rolls/*.yml after the other, each on a fresh state.

A row is one run of ansible-playbook, or several in ``runs``, with what must be so afterwards:

- ``playbook``: in files/, or one of the collection; ``inventory``, ``hosts``: what it runs for; ``options``, ``variables``.
- ``rc``: the exit code, by default 0. ``says``, ``says_not``: parts of the output, in which white space is one space;
  what a host of the inventory has in its variable ``says`` belongs to them.
- ``a``, ``b``, ``c``, ``d``: the weights of lb-roll-a and so on, by default those from before. ``shop``, ``api``, ``spare``: those of
  the vServer groups of lb-roll-d.
- ``updated``: the hosts whose update ran. All of their members had weight 0 meanwhile, unless it is ``unproven``.
- ``calls``, ``writes``, ``steps``: how many API calls and writes there were, and the weights that the writes began with.
- ``faults``: of the emulator. ``meanwhile``: the weight that another job gives i-roll1 before the run. ``holds``: the
  address to which a connection stays open.
- ``recovered``: recover.yml then puts everything back, or to ``a_recovered``; if the row ``heals``, all servers first become healthy.
"""

from __future__ import annotations

import json
import re
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from connections import connection_to_ipv4
from field import Document, Ended, Field
from warm_ansible import WarmAnsible

from slb_emulator import running

FOLDER = Path(__file__).resolve().parent
FILES = FOLDER / "files"
STATE: Document = yaml.safe_load((FOLDER / "state.yml").read_text(encoding="utf-8"))
BEFORE = {
    "lb-roll-a": [100, 60, 10, 0, 100],
    "lb-roll-b": [100, 100, 100, 100, 100],
    "lb-roll-c": [100, 60, 100],
    "lb-roll-d": [100, 60, 100],
}
GROUPS_BEFORE: dict[str, list[int]] = {"rsp-shop": [100, 50, 60, 30, 100], "rsp-api": [20, 40], "rsp-spare": []}
WRITES = ("SetBackendServers", "SetVServerGroupAttribute")
UPDATED = re.compile(r'"updated (\S+) at([^"]*)')
# A proof is shared for a few seconds. On a busy machine a host can come later, and reads once more: the members of the default
# group and the list of the vServer groups.
LATE_PROOFS = 2


def rows() -> list[Any]:
    files = {
        file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted((FOLDER / "rolls").glob("*.yml"))
    }
    return [
        pytest.param(row, id=f"{name}: {row['name']}") for name, content in files.items() for row in content["rolls"]
    ]


class Rolls:
    """What a row runs on."""

    def __init__(self, folder: Path, stack: ExitStack, row: Document, ansible: WarmAnsible) -> None:
        self.field = Field(folder, stack.enter_context(running(STATE)), list(BEFORE), ansible)
        self.common: Document = {"rolling_update_record_dir": str(folder / "records"), "rolling_update_id": "roll"}
        for fault in row.get("faults", []):
            self.field.emulator.add_fault(fault)
        if "holds" in row:
            self.common["rolling_update_port"] = stack.enter_context(connection_to_ipv4(row["holds"]))

    def play(self, run: Document) -> None:
        """Run the playbook, and compare with what the row says."""
        if "meanwhile" in run:
            self.field.emulator.set_weight("lb-roll-a", "i-roll1", run["meanwhile"])
        if run.get("heals"):
            self.heal()
        already = len(self.field.emulator.requests)
        ended = self.field.run(*self.arguments(run), cwd=FILES)
        assert ended.exit_code == run.get("rc", 0)
        self.check_output(ended, run)
        self.check_weights(run)
        self.check_requests(run, already)

    def arguments(self, run: Document) -> list[str]:
        playbook = run.get("playbook", "roll.yml")
        variables = {**self.common, **run.get("variables", {})}
        where = ["-i", str(FILES / run.get("inventory", "inventory.yml")), "-l", run["hosts"]] if "hosts" in run else []
        shipped = playbook.startswith("aliyun_community")
        return [
            *where,
            "-e",
            json.dumps(variables),
            *run.get("options", []),
            playbook if shipped else str(FILES / playbook),
        ]

    def heal(self) -> None:
        url = f"{self.field.emulator.url}/_rehearsal/state"
        with urllib.request.urlopen(url) as response:
            text = response.read().decode().replace("abnormal", "normal")
        urllib.request.urlopen(urllib.request.Request(url, text.encode(), method="PUT")).close()

    def check_output(self, ended: Ended, run: Document) -> None:
        said = " ".join(ended.output.split())
        inventory = yaml.safe_load((FILES / run.get("inventory", "inventory.yml")).read_text(encoding="utf-8"))
        of_hosts = [host["says"] for host in inventory["all"]["hosts"].values() if "says" in host]
        assert [text for text in run.get("says", []) + of_hosts if text not in said] == []
        assert [text for text in run.get("says_not", []) if text in said] == []
        updated = UPDATED.findall(ended.output)
        assert sorted(host for host, _weights in updated) == sorted(run.get("updated", []))
        if not run.get("unproven"):
            assert [weights for _host, weights in updated if re.search("=[1-9]", weights)] == []

    def check_weights(self, run: Document) -> None:
        expected = {name: run.get(name[-1], before) for name, before in BEFORE.items()}
        assert {name: [m.weight for m in self.field.emulator.members(name)] for name in BEFORE} == expected
        expected = {name: run.get(name.removeprefix("rsp-"), before) for name, before in GROUPS_BEFORE.items()}
        found = {name: self.field.emulator.members("lb-roll-d", name) for name in GROUPS_BEFORE}
        assert {name: [m.weight for m in members] for name, members in found.items()} == expected

    def check_requests(self, run: Document, already: int) -> None:
        requests = self.field.emulator.requests[already:]
        writes = [request for request in requests if request.action in WRITES]
        if "calls" in run:
            assert 0 <= len(requests) - run["calls"] <= LATE_PROOFS * len(run.get("updated", []))
        if "writes" in run:
            assert len(writes) == run["writes"]
        if "steps" in run:
            sent = [json.loads(request.parameters["BackendServers"]) for request in writes]
            assert [int(servers[0]["Weight"]) for servers in sent] == run["steps"]


def runs_of(row: Document) -> list[Document]:
    runs: list[Document] = row.get("runs", [row | {"heals": False}])
    if "recovered" not in row:
        return runs
    weights = row.get("a_recovered", BEFORE["lb-roll-a"])
    return [*runs, {"playbook": "recover.yml", "a": weights, "heals": row.get("heals", False)}]


@pytest.mark.parametrize("row", rows())
def test_roll(row: Document, tmp_path: Path, ansible: WarmAnsible) -> None:
    with ExitStack() as stack:
        rolls = Rolls(tmp_path, stack, row, ansible)
        for run in runs_of(row):
            rolls.play(run)
