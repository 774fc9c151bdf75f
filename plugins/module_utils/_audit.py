# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What is out of traffic: members at weight 0 of load balancers, beside what journals of rolling updates know. Pure."""

from __future__ import annotations

import json
import re
import shlex
import time
import typing as t
from collections import Counter

from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import recover_command
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import EntryKey, KnownEntry
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, group_name
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import LoadBalancerMembers

_FULL_WEIGHT = 100


def argument_spec() -> dict[str, t.Any]:
    """The options of slb_audit. Lists are raw: answers of an AWX survey are text."""
    return {
        "regions": {"type": "raw"},
        "load_balancer_ids": {"type": "raw"},
        "load_balancer_names": {"type": "raw"},
        "tags": {"type": "dict"},
        "resource_group_id": {"type": "str"},
        "record_dir": {"type": "path"},
        "fail_if_found": {"type": "bool", "default": False},
        **connection_argument_spec(),
    }


def names_in(value: t.Any) -> list[str]:
    """A list of names, or text with one on each line or between commas. Names may have spaces."""
    parts = re.split(r"[,\n]", value) if isinstance(value, str) else value or []
    return [text for part in parts if (text := str(part).strip())]


class Finding(t.NamedTuple):
    """A member that is out of traffic, or that an open journal says is.

    ``weight``: what it has now; None if it is not a member any longer, or if its load balancer was not read.
    ``original_weight``, ``rolling_update_id``, ``host``, ``state``, ``out_since`` (seconds since the epoch): from the
    journal; None if there is none. ``running``: whether that rolling update is still running on this controller.
    ``suggested_weight``: for a member that no journal knows, the weight that most others in its group have.
    """

    region: str
    load_balancer_id: str
    load_balancer_name: str | None
    vserver_group_id: str | None
    vserver_group_name: str | None
    server_id: str
    type: str
    server_ip: str | None
    port: int | None
    weight: int | None
    original_weight: int | None
    suggested_weight: int | None
    rolling_update_id: str | None
    host: str | None
    state: str | None
    out_since: float | None
    running: bool
    command: str

    @property
    def member(self) -> BackendServer:
        return BackendServer(
            self.server_id,
            self.weight or 0,
            self.type,
            self.server_ip,
            None,
            self.port,
            self.vserver_group_id,
            self.vserver_group_name,
        )

    def line(self, now: float) -> str:
        """One line for people."""
        name = (
            f"{self.load_balancer_id} ({self.load_balancer_name})" if self.load_balancer_name else self.load_balancer_id
        )
        group = group_name(self.vserver_group_id, self.vserver_group_name)
        host = f" ({self.host})" if self.host else ""
        subject = f"{name} in {self.region}, {group}: {self.member.short_name}{host}"
        if self.rolling_update_id is None:
            return (
                f"{subject} is out of traffic. No journal knows why or since when. Unless that is meant to be so, this puts "
                f"it back, with the weight that most others in its group have: {self.command}"
            )
        return f"{subject} {self._condition(now)}. {self._way_back()}"

    def _condition(self, now: float) -> str:
        since = self.out_since or 0.0
        moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(since))
        ago = f"for {duration(now - since)}, since {moment}"
        if self.weight == 0:
            return f"has been out of traffic {ago}"
        if self.weight is None:
            return f"was taken out of traffic {moment}, and is not among the members that were read"
        return f"was taken out of traffic {moment}, and has weight {self.weight} now"

    def _way_back(self) -> str:
        if self.running:
            return f"Rolling update {self.rolling_update_id} is still running. If it is not: {self.command}"
        result = f"puts it back to {self.original_weight}"
        if self.weight:
            result += ", unless someone else has set this weight"
        return f"Rolling update {self.rolling_update_id} left it {self.state}. This {result}: {self.command}"

    @property
    def is_left(self) -> bool:
        """Whether it needs attention: what a rolling update that is still running has out goes back by itself."""
        return not self.running


def find(
    load_balancers: t.Sequence[LoadBalancerMembers],
    known: t.Sequence[KnownEntry],
    record_dir: str | None,
    only_these: bool,
) -> list[Finding]:
    """What is out of traffic, by load balancer, and then what only journals know.

    ``known``: the open entries of all journals. ``record_dir``: of the journals, None for the default one.
    ``only_these``: ignore entries of other load balancers.
    """
    entries: dict[EntryKey, KnownEntry] = {}
    for row in sorted(known, key=lambda row: row.entry.changed):
        entries[row.entry.key] = row
    found: list[Finding] = []
    for load_balancer in load_balancers:
        for member in load_balancer.members:
            row_or_none = entries.pop((load_balancer.load_balancer_id, *member.key), None)
            if row_or_none:
                found.append(_known(row_or_none, member, load_balancer.load_balancer_name, record_dir))
            elif member.weight == 0:
                found.append(_unknown(load_balancer, member))
    names = {each.load_balancer_id: each.load_balancer_name for each in load_balancers}
    for row in entries.values():
        if row.entry.load_balancer_id in names or not only_these:
            found.append(_known(row, None, names.get(row.entry.load_balancer_id), record_dir))
    return found


def _known(row: KnownEntry, member: BackendServer | None, name: str | None, record_dir: str | None) -> Finding:
    entry = row.entry
    return Finding(
        region=entry.region,
        load_balancer_id=entry.load_balancer_id,
        load_balancer_name=name,
        vserver_group_id=entry.group,
        vserver_group_name=member.vserver_group_name if member else entry.group_name,
        server_id=entry.server_id,
        type=entry.type,
        server_ip=entry.server_ip,
        port=entry.port,
        weight=member.weight if member else None,
        original_weight=entry.original,
        suggested_weight=None,
        rolling_update_id=row.rolling_update_id,
        host=entry.host,
        state=entry.state,
        out_since=entry.out_since,
        running=row.running is not None,
        command=recover_command(row.rolling_update_id, record_dir),
    )


def _unknown(load_balancer: LoadBalancerMembers, member: BackendServer) -> Finding:
    others = [
        each.weight
        for each in load_balancer.members
        if each.vserver_group_id == member.vserver_group_id and each.weight > 0
    ]
    weight = Counter(others).most_common(1)[0][0] if others else _FULL_WEIGHT
    return Finding(
        region=load_balancer.region,
        load_balancer_id=load_balancer.load_balancer_id,
        load_balancer_name=load_balancer.load_balancer_name,
        vserver_group_id=member.vserver_group_id,
        vserver_group_name=member.vserver_group_name,
        server_id=member.server_id,
        type=member.type,
        server_ip=member.server_ip,
        port=member.port,
        weight=member.weight,
        original_weight=None,
        suggested_weight=weight,
        rolling_update_id=None,
        host=None,
        state=None,
        out_since=None,
        running=False,
        command=_set_weights_command(load_balancer, member, weight),
    )


def _set_weights_command(load_balancer: LoadBalancerMembers, member: BackendServer, weight: int) -> str:
    """What to type to give a member that no journal knows a weight."""
    server: dict[str, t.Any] = {"server_id": member.server_id, "weight": weight}
    if member.type != "ecs":
        server.update(type=member.type, server_ip=member.server_ip)
    if member.vserver_group_id is not None:
        server.update(vserver_group=member.vserver_group_id, port=member.port)
    variables = {
        "slb_region": load_balancer.region,
        "slb_load_balancer_id": load_balancer.load_balancer_id,
        "slb_backend_servers": [server],
    }
    return shlex.join(["ansible-playbook", "aliyun_community.slb.set_weights", "-e", json.dumps(variables)])


def summary(found: t.Sequence[Finding], load_balancers: int) -> str:
    """One sentence on all findings."""
    journals = len({each.rolling_update_id for each in found if each.rolling_update_id})
    unknown = sum(each.rolling_update_id is None for each in found)
    running = sum(each.running for each in found)
    places = _counted(load_balancers, "load balancer")
    if not found:
        return f"Nothing is out of traffic on {places}."
    parts = [f"{len(found) - unknown} by {_counted(journals, 'rolling update')}", f"{unknown} that no journal knows"]
    if running:
        parts.append(f"{running} by rolling updates that are still running")
    return f"Out of traffic on {places}: {_counted(len(found), 'member')}, {', '.join(parts)}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
