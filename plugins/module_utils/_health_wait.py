# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Wait until the load balancers call servers healthy."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _health, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry, EntryKey
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer, Listener
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import LINE_SECONDS, Workbench

LOOK_SECONDS = 2.0  # between two looks


class HealthWait:
    """Waits until every listener that checks the health of a member calls it normal."""

    def __init__(
        self, bench: Workbench, listeners_of: t.Callable[[Entry], t.Sequence[Listener]], timeout: float
    ) -> None:
        self._bench = bench
        self._listeners_of = listeners_of
        self._timeout = timeout

    def __call__(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        """The reason for each entry that is not healthy when the time is up."""
        if self._bench.check_mode:
            return {}
        started = time.monotonic()
        next_line = LINE_SECONDS
        while True:
            unhealthy = self._look(entries)
            elapsed = time.monotonic() - started
            if not unhealthy or elapsed >= self._timeout:
                return {
                    key: f"{reason}, after {duration(elapsed)} (health_timeout)" for key, reason in unhealthy.items()
                }
            if elapsed >= next_line:
                next_line += LINE_SECONDS
                self._say(unhealthy, elapsed)
            self._bench.pause(min(LOOK_SECONDS, max(0.0, self._timeout - elapsed)))

    def _say(self, unhealthy: t.Mapping[EntryKey, str], elapsed: float) -> None:
        reasons = "; ".join(sorted(set(unhealthy.values())))
        self._bench.say(f"Waiting for {reasons}: {duration(elapsed)} of at most {duration(self._timeout)}")

    def _look(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        """One call for each load balancer whose listeners check anything."""
        unhealthy: dict[EntryKey, str] = {}
        for load_balancer_id in dict.fromkeys(entry.load_balancer_id for entry in entries):
            mine = [entry for entry in entries if entry.load_balancer_id == load_balancer_id]
            try:
                unhealthy.update(self._look_at(mine))
            except SlbError as exc:
                unhealthy.update((entry.key, exc.sentence()) for entry in mine)
        return unhealthy

    def _look_at(self, entries: t.Sequence[Entry]) -> dict[EntryKey, str]:
        listeners = _health.checked_listeners(self._listeners_of(entries[0]))
        if not listeners:
            return {}
        client = self._bench.client_for(entries[0].region)
        rows = _slb.describe_health_status(client, entries[0].load_balancer_id)
        found = {}
        for entry in entries:
            server = BackendServer(entry.server_id, entry.original, entry.type, entry.server_ip)
            states = {listener.name: _health.health_of(server, listener, rows) for listener in listeners}
            findings = [
                f"{'/'.join(sorted(state)) or 'unknown'} on {name}"
                for name, state in states.items()
                if state != {"normal"}
            ]
            if findings:
                found[entry.key] = f"{entry.name} of {entry.load_balancer_id} is {', '.join(findings)}"
        return found
