# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflow of the kit, run by the rules of AWX 24 (awx/main/scheduler/dag_workflow.py, awx/main/models/workflow.py).

A node runs once no parent is left that may still lead to it, if at least one did. A node that failed counts as handled if it
has a path for failures, and the workflow fails if one is not handled. A job gets what the jobs before it handed on.
"""

from __future__ import annotations

import typing as t

from awx_job import Finished, Values, kit

SUCCESSFUL = "successful"
Nodes = dict[str, Values]
# What runs a node: it gets the node and what was handed on to it.
Runner = t.Callable[[Values, Values], "Finished | str"]


def kit_nodes() -> Nodes:
    """The nodes of the kit's workflow by their identifiers."""
    (workflow,) = kit("templates.yml")["workflow_job_templates"]
    return {node["identifier"]: node for node in workflow["related"]["workflow_nodes"]}


def followers(node: Values, *ways: str) -> list[str]:
    """The nodes that a node leads to."""
    return [other["identifier"] for way in ways for other in node.get("related", {}).get(way, [])]


def led_to(node: Values, status: str) -> list[str]:
    """The nodes that a node leads to when it has ended like that."""
    return followers(node, "success_nodes" if status == SUCCESSFUL else "failure_nodes", "always_nodes")


class Workflow:
    """One run. ``statuses``: of the nodes that have run, in their order."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.statuses: dict[str, str] = {}
        self._skipped: set[str] = set()
        self._handed_on: dict[str, Values] = {}

    def run(self, runner: Runner) -> str:
        """Run it to its end. Returns its status."""
        while True:
            ready = next((name for name in self.nodes if self._is_ready(name)), None)
            if ready is None:
                return self.status
            given: Values = {}
            for parent in self._parents(ready):
                given |= self._handed_on.get(parent, {})
            outcome = runner(self.nodes[ready], given)
            self._handed_on[ready] = given | (outcome.artifacts if isinstance(outcome, Finished) else {})
            self.statuses[ready] = outcome.status if isinstance(outcome, Finished) else outcome

    @property
    def status(self) -> str:
        unhandled = [
            name
            for name, status in self.statuses.items()
            if status != SUCCESSFUL and not followers(self.nodes[name], "failure_nodes", "always_nodes")
        ]
        return "failed" if unhandled else SUCCESSFUL

    def _parents(self, name: str) -> list[str]:
        ways = ("success_nodes", "failure_nodes", "always_nodes")
        return [other for other, node in self.nodes.items() if name in followers(node, *ways)]

    def _is_ready(self, name: str) -> bool:
        if name in self.statuses or name in self._skipped:
            return False
        parents = self._parents(name)
        if any(parent not in self.statuses and not self._is_skipped(parent) for parent in parents):
            return False
        return not self._is_skipped(name)

    def _is_skipped(self, name: str) -> bool:
        """Whether no parent leads to a node any longer."""
        parents = self._parents(name)
        if name in self.statuses or not parents:
            return False
        ended = {parent: self.statuses.get(parent) for parent in parents}
        is_skipped = all(
            name not in led_to(self.nodes[parent], status) if status else self._is_skipped(parent)
            for parent, status in ended.items()
        )
        if is_skipped:
            self._skipped.add(name)
        return is_skipped
