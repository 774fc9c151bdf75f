# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the steps of a rolling update for one host share: who asks for what, what is open, and the shape of results."""

from __future__ import annotations

import json
import re
import shlex
import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import DRAINED, UPDATING, Entry, shown
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import Journal
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import Setting, Target
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

Json = dict[str, t.Any]

WOULD_BE_OUT = "would be out"  # what a run in check mode remembers of members that it would have drained
ALREADY_OUT = "already out"  # what the run remembers of members that were at weight 0 before it
_PLAIN = re.compile(r"[\w.:/@%+,~-]+")  # what -e NAME=VALUE takes as it is


def recover_command(rolling_update_id: str, record_dir: str | None) -> str:
    """What to type to put back what a rolling update has left out. ``record_dir``: None for the default folder."""
    variables = {"rolling_update_id": rolling_update_id}
    if record_dir:
        variables["rolling_update_record_dir"] = record_dir
    if all(_PLAIN.fullmatch(value) for value in variables.values()):
        words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
    else:
        # Lines for people hold no two spaces in a row, see printable.
        words = ["-e", json.dumps(variables).replace("  ", " \\u0020")]
    return shlex.join(["ansible-playbook", "aliyun_community.slb.recover", *words])


def journal_key(play: str, host: str) -> str:
    """What the run remembers the journal of a host by, from its drain to its restore."""
    return f"out {play} {host}"


def drain_key(host: str) -> str:
    """The key under which the run remembers that a task tried to drain the host, successful or not."""
    return f"drain of {host}"


def journal_of_host(batch: Batch, play: str, host: str) -> Json | None:
    """The id and the folder of the journal that this run has drained the host with."""
    out: Json | None = batch.recall(journal_key(play, host))
    return out


class Place(t.NamedTuple):
    """Where a task runs. ``batch`` and ``play``: the hosts that have not failed; ``prefix``: of the names of options.

    ``address``: at which Ansible reaches the host; ``twins``: hosts of the play of which the inventory says that they are
    the same server, and have other addresses.
    """

    batch: tuple[str, ...]
    play: tuple[str, ...]
    prefix: str
    default_record_dir: bool
    address: str = ""
    twins: tuple[str, ...] = ()


class Context:
    """What a step for one host works with. ``batch``: what the hosts of the run share."""

    def __init__(self, bench: Workbench, request: Request, place: Place) -> None:
        self.bench = bench
        self.request = request
        self.place = place
        self.batch = Batch(bench.scratch, bench.run)

    @property
    def recover_command(self) -> str:
        folder = None if self.place.default_record_dir else self.bench.folder.path
        return recover_command(self.request.rolling_update_id, folder)

    def target(self, request: Request) -> Target:
        return Target(request.host, request.server_id, request.server_ip, everywhere=request.server_groups == "all")

    def setting(self, load_balancer_id: str) -> Setting:
        return Setting(load_balancer_id, self.request.region, str(self.bench.run), time.time(), self.place.prefix)

    def journal_name(self, request: Request) -> Json:
        return {"id": request.rolling_update_id, "folder": self.bench.folder.path}

    def announced(self, step: str) -> list[Request]:
        """What can be done together with the request of this host, in the order of the play."""
        found = self.batch.announced(step, self.request, self.place.batch)
        order = {host: number for number, host in enumerate(self.place.batch)}
        return sorted(found, key=lambda request: order.get(request.host, -1))

    # What is open

    def open_entries(self) -> list[Entry]:
        """The open entries of this host that this run wrote."""
        return [entry for entry in self.open_entries_of_run() if entry.host == self.request.host]

    def of_server(self, request: Request, entries: t.Sequence[Entry]) -> list[Entry]:
        """Those of the host of a request, or of the one server that its task names.

        One host, such as the controller, may act for several servers, each in its turn. If no entry is of the named one, the
        update may have changed a variable in the name.
        """
        of_host = [entry for entry in entries if entry.host == request.host]
        requested = self.target(request)._replace(everywhere=True).requested
        named = [entry for entry in of_host if request.names_server and requested.matches(entry.member)]
        return named or of_host

    def open_entries_of_run(self) -> list[Entry]:
        journal = self.bench.folder.read(self.request.rolling_update_id)
        return [entry for entry in (journal.open_entries if journal else ()) if entry.run == str(self.bench.run)]

    def left_behind(self) -> list[Entry]:
        """What this run has taken out and hosts of earlier batches did not bring back."""
        return [entry for entry in self.open_entries_of_run() if entry.host not in self.place.batch]

    # Results

    def result(
        self,
        *,
        changed: bool,
        msg: str = "",
        entries: t.Sequence[Entry] = (),
        already_out: t.Sequence[str] = (),
    ) -> Json:
        return {
            "changed": changed,
            "rolling_update_id": self.request.rolling_update_id,
            "servers": [shown(entry) for entry in entries],
            "already_out": list(already_out),
            **({"msg": msg} if msg else {}),
        }

    def with_stats(self, result: Json, *, begins: bool = False) -> Json:
        """The result with what is out as a statistic of the run: AWX hands those to the next job of a workflow.

        ``begins``: the updates of this batch are about to begin. The results of its hosts reach Ansible in any order, and the
        last one counts: it must not say that the update of another host has not begun.
        """
        rolling_update_id = self.request.rolling_update_id
        journal = self._predicted() if self.bench.check_mode else self.bench.folder.read(rolling_update_id)
        if journal is None or result.get("failed"):  # Ansible does not look at those of a failed task
            return result
        rows = [
            entry.moved_to(UPDATING, entry.changed) if begins and entry.state == DRAINED else entry
            for entry in journal.open_entries
        ]
        data = {"rolling_update_record": journal._replace(entries=tuple(rows)).as_document()}
        return {**result, "ansible_stats": {"data": data, "per_host": False, "aggregate": False}}

    def _predicted(self) -> Journal:
        """What the rolling update would take out. A job of AWX that is killed hands on nothing: the check before it did."""
        rolling_update_id = self.request.rolling_update_id
        rows = [json.loads(row) for row in self.batch.recall(f"{WOULD_BE_OUT} {rolling_update_id}") or ()]
        entries = tuple(Entry(**{**row, "written": tuple(row["written"])}) for row in rows)
        return Journal(rolling_update_id, str(self.bench.run), time.time(), None, entries)
