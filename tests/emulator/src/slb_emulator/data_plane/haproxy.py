# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data plane that moves traffic: HAProxy in front of the members' processes.

One thread, the keeper, starts processes and tells them what to do. Weights and members reach a running process
through its runtime API, so that no connection notices; only other listeners need a new process.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable

from ..core.data_plane import DataPlane
from ..core.documents import DocumentError
from ..core.listeners import Route
from ..core.model import BackendServer, LoadBalancer, SlbState
from .haproxy_config import (
    Frontend,
    Pool,
    Server,
    configuration,
    frontends,
    server_options,
    skipped_listeners,
)
from .haproxy_process import Haproxy, find_haproxy, start_haproxy
from .haproxy_runtime import RuntimeApiError, ServerStats, Stats, ask, kept_state, stats, tell
from .ports import DataPorts

# How often the keeper looks after processes when nobody asks it for something.
LOOK_SECONDS = 0.1
# Longer than the start of a process may take.
ANSWER_SECONDS = 30.0
# How old what `show stat` said may be for the health of a member.
STATS_SECONDS = 0.1
# The address of a socket has 107 bytes, and HAProxy adds some while it binds.
LONGEST_FOLDER = 60


class Due:
    """Members of each group that are to take effect at a point on the monotonic clock."""

    def __init__(self, at: float, load_balancer: LoadBalancer) -> None:
        self.at = at
        self.load_balancer_id = load_balancer.load_balancer_id
        self.groups = load_balancer.members_by_group()


class HaproxyDataPlane(DataPlane):
    """HAProxy behind the emulated API. report takes a sentence about what a user should know."""

    def __init__(self, report: Callable[[str], None] = lambda sentence: None) -> None:
        find_haproxy()
        self._report = report
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._due: list[Due] = []
        self._ports = DataPorts()
        self._plan: tuple[Frontend, ...] = ()
        self._skipped: list[str] = []
        self._current: Haproxy | None = None
        # Processes that still serve connections from before a reload.
        self._ending: list[Haproxy] = []
        self._started = 0
        # Servers in maintenance that HAProxy can delete once their last connection has ended.
        self._leaving: set[tuple[str, str]] = set()
        # Requests that former processes have counted.
        self._counted: dict[tuple[str, str], int] = {}
        self._problem = ""
        self._stats_lock = threading.Lock()
        self._stats: Stats = {}
        self._stats_at = 0.0
        self._stopping = False
        self._folder = private_folder()
        self._keeper = threading.Thread(target=self._keep, name="slb_emulator-haproxy", daemon=True)
        self._keeper.start()

    # Called from any thread.

    def start(self, state: SlbState) -> None:
        """Serve a state; DocumentError when that cannot be."""
        self.on_state_replaced(state)

    def stop(self) -> None:
        """End HAProxy and all that belongs to it."""
        if self._keeper.is_alive():
            self._ask_keeper(self._end)
            self._keeper.join()

    def on_state_replaced(self, state: SlbState) -> None:
        """Serve a new state at once, whatever was still due; DocumentError when that cannot be."""
        balancers = list(state.load_balancers.values())
        self._ask_keeper(lambda: self._serve(balancers))

    def on_members_changed(self, load_balancer: LoadBalancer) -> None:
        """Let new members take effect after the delay; without a delay before this returns."""
        due = Due(time.monotonic() + self.delay, load_balancer)
        if self.delay > 0:
            self._jobs.put(lambda: self._due.append(due))
        else:
            self._ask_keeper(lambda: self._take_effect(due))

    def health_of(self, load_balancer: LoadBalancer, route: Route, member: BackendServer) -> str:
        """What HAProxy's check found; unavailable for what it does not check, or when it does not answer."""
        frontend = self._frontend(load_balancer.load_balancer_id, route.listener.listener_port)
        if frontend is None or frontend.listener.listener_protocol != route.listener.listener_protocol:
            return "unavailable"
        found = self._recent_stats()
        for pool in frontend.pools:
            for server in pool.servers if pool.route.rule == route.rule else ():
                if server.key == member.key and (pool.name, server.name) in found:
                    return found[pool.name, server.name].health
        return "unavailable"

    def frontend_url(self, load_balancer_id: str, listener_port: int) -> str | None:
        """Where the traffic of a listener goes in."""
        frontend = self._frontend(load_balancer_id, listener_port)
        return None if frontend is None else frontend.url

    def describe(self) -> dict[str, Any]:
        """Frontends with their servers, for the control API."""
        try:
            found = self._ask_stats()
        except OSError:
            found = {}
        return {
            "kind": "haproxy",
            "problem": self._problem or None,
            "frontends": [self._described(frontend, found) for frontend in self._plan],
            "skipped": list(self._skipped),
        }

    def _described(self, frontend: Frontend, found: Stats) -> dict[str, Any]:
        listener = frontend.listener
        return {
            "load_balancer_id": frontend.load_balancer_id,
            "listener_port": listener.listener_port,
            "listener_protocol": listener.listener_protocol,
            "scheduler": listener.scheduler,
            "address": frontend.address,
            "url": frontend.url,
            "servers": [
                self._described_server(pool, server, found) for pool in frontend.pools for server in pool.servers
            ],
        }

    def _described_server(self, pool: Pool, server: Server, found: Stats) -> dict[str, Any]:
        (server_id, server_type, server_ip), port = server.key
        key = (pool.name, server.name)
        numbers = found.get(key, ServerStats("unknown", "", server.weight, 0, 0))
        return {
            "vserver_group_id": pool.route.vserver_group_id or None,
            "rule_id": pool.route.rule.rule_id if pool.route.rule else None,
            "server_id": server_id,
            "type": server_type,
            "server_ip": server_ip,
            "port": port,
            "address": server.address,
            "status": numbers.status,
            "health": numbers.health,
            "weight": numbers.weight,
            "sessions": numbers.sessions,
            "total_requests": numbers.total_requests + self._counted.get(key, 0),
        }

    def _frontend(self, load_balancer_id: str, listener_port: int) -> Frontend | None:
        return next((one for one in self._plan if one.key == (load_balancer_id, listener_port)), None)

    def _ask_stats(self) -> Stats:
        current = self._current
        if current is None or self._problem:
            raise ConnectionError("HAProxy does not run")
        return stats(current.socket_path)

    def _recent_stats(self) -> Stats:
        with self._stats_lock:
            if time.monotonic() - self._stats_at > STATS_SECONDS:
                try:
                    self._stats = self._ask_stats()
                except OSError:
                    self._stats = {}
                self._stats_at = time.monotonic()
            return self._stats

    def _ask_keeper(self, job: Callable[[], None]) -> None:
        """Let the keeper do something; returns or raises as it does. After the end nothing is done."""
        if self._stopping:
            return
        done: Future[None] = Future()

        def do_it() -> None:
            try:
                job()
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self._jobs.put(do_it)
        done.result(ANSWER_SECONDS)

    # Called from the keeper only.

    def _keep(self) -> None:
        """Do what is asked and what is due until the end."""
        while not self._stopping:
            next_due = min((due.at for due in self._due), default=float("inf")) - time.monotonic()
            try:
                self._jobs.get(timeout=max(0.0, min(next_due, LOOK_SECONDS)))()
            except queue.Empty:
                self._look_after_processes()
            self._apply_due()

    def _apply_due(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._due if due.at <= now]:
            if due in self._due:
                self._take_effect(due)

    def _take_effect(self, due: Due) -> None:
        """Change the members of one load balancer. What was asked for before that is of no use any more."""
        earlier = self._due[: self._due.index(due) + 1] if due in self._due else list(self._due)
        self._due = [one for one in self._due if one not in earlier or one.load_balancer_id != due.load_balancer_id]
        plan = tuple(
            one.with_members(due.groups) if one.load_balancer_id == due.load_balancer_id else one for one in self._plan
        )
        try:
            self._change_members(plan)
        except DocumentError as error:
            # The API does not know: it has taken the change.
            self._report(str(error))

    def _serve(self, balancers: Sequence[LoadBalancer]) -> None:
        try:
            ports = self._ports.ports_for(balancers)
            self._serve_plan(frontends(balancers, ports))
        except DocumentError:
            self._ports.keep_only_current()
            raise
        self._due = []
        self._ports.keep(ports)
        self._skipped = skipped_listeners(balancers)

    def _serve_plan(self, plan: tuple[Frontend, ...]) -> None:
        same_listeners = [one.without_servers() for one in plan] == [one.without_servers() for one in self._plan]
        if self._current is not None and not self._problem and same_listeners:
            self._change_members(plan)
        else:
            self._reload(plan)

    def _change_members(self, plan: tuple[Frontend, ...]) -> None:
        """Make the running process serve a plan of the same frontends; by a reload when it will not."""
        pairs = zip(all_pools(self._plan), all_pools(plan))
        commands = [command for old, new in pairs for command in self._commands(old, new)]
        self._plan = plan
        if not commands or self._current is None or self._problem:
            return
        try:
            tell(self._current.socket_path, commands)
        except RuntimeApiError as error:
            self._report(f"HAProxy is reloaded, because it refused a change: {error}")
            self._reload(plan)
        except OSError as error:
            self._report(f"HAProxy does not answer: {error}.")
        self._forget_stats()

    def _commands(self, old: Pool, new: Pool) -> list[str]:
        """The commands that turn the servers of a pool into others.

        A server that is no member any more goes into maintenance: its connections run on, it gets no new ones.
        """
        before = {server.name: server for server in old.servers}
        after = {server.name: server for server in new.servers}
        commands = [f"set server {new.name}/{name} state maint" for name in before if name not in after]
        for name, server in after.items():
            place = f"{new.name}/{name}"
            if name in before:
                if before[name].weight != server.weight:
                    commands.append(f"set weight {place} {server.weight}")
            elif (new.name, name) in self._leaving:
                commands += [f"set weight {place} {server.weight}", f"set server {place} state ready"]
            else:
                commands += added(new.route, place, server)
        self._leaving |= {(new.name, name) for name in before if name not in after}
        self._leaving -= {(new.name, name) for name in after}
        return commands

    def _reload(self, plan: tuple[Frontend, ...]) -> None:
        """Start a process for a plan; it takes over from the one before, which ends with its connections."""
        previous = None if self._problem else self._current
        self._started += 1
        base = self._folder / f"haproxy-{self._started}"
        state_file, socket_path = base.with_suffix(".state"), base.with_suffix(".sock")
        addresses = {(one.name, server.name): server.address for one in all_pools(plan) for server in one.servers}
        state_file.write_text("" if previous is None else self._handed_over(previous, addresses), encoding="utf-8")
        config_path = base.with_suffix(".cfg")
        config_path.write_text(configuration(plan, socket_path, state_file), encoding="utf-8")
        counted = self._all_counted()
        started = start_haproxy(config_path, socket_path, previous)
        started.wait_until_ready()
        if previous is not None:
            self._ending.append(previous)
        self._current, self._plan, self._problem, self._leaving = started, plan, "", set()
        self._counted = counted
        weights = [
            f"set weight {one.name}/{server.name} {server.weight}" for one in all_pools(plan) for server in one.servers
        ]
        try:
            tell(started.socket_path, weights)
        except (OSError, RuntimeApiError) as error:
            raise DocumentError("--data-plane", f"HAProxy does not take its weights: {error}") from error
        self._forget_stats()

    def _forget_stats(self) -> None:
        with self._stats_lock:
            self._stats_at = 0.0

    def _handed_over(self, previous: Haproxy, addresses: dict[tuple[str, str], str]) -> str:
        try:
            return kept_state(ask(previous.socket_path, "show servers state"), addresses)
        except OSError:
            return ""

    def _all_counted(self) -> dict[tuple[str, str], int]:
        """Requests so far, of this process and the ones before."""
        counted = dict(self._counted)
        try:
            for key, numbers in self._ask_stats().items():
                counted[key] = counted.get(key, 0) + numbers.total_requests
        except OSError:
            # What a dead process had counted is lost.
            pass
        return counted

    def _look_after_processes(self) -> None:
        """Notice the end of processes; let go of servers that nobody uses any more."""
        self._ending = [one for one in self._ending if not one.how_it_ended()]
        current = self._current
        if current is None or self._problem:
            return
        ended = current.how_it_ended()
        if ended:
            self._problem = " ".join(f"HAProxy ended {ended}: no traffic moves. {current.last_words()}".split())
            self._report(self._problem)
        elif self._leaving:
            self._delete_unused(current)

    def _delete_unused(self, current: Haproxy) -> None:
        """Delete servers in maintenance that have no connection left. HAProxy refuses those that have."""
        try:
            found = self._ask_stats()
            for server in list(self._leaving):
                if "deleted" in ask(current.socket_path, f"del server {'/'.join(server)}"):
                    self._leaving.discard(server)
                    self._counted[server] = self._counted.get(server, 0) + (
                        found[server].total_requests if server in found else 0
                    )
        except OSError:
            # Its end is noticed next time.
            return

    def _end(self) -> None:
        self._stopping = True
        for one in (*self._ending, *([self._current] if self._current else [])):
            one.end()
        self._ports.keep({})
        shutil.rmtree(self._folder, ignore_errors=True)


def all_pools(plan: Sequence[Frontend]) -> list[Pool]:
    """The pools of all frontends."""
    return [pool for frontend in plan for pool in frontend.pools]


def added(route: Route, place: str, server: Server) -> list[str]:
    """The commands that add a server. A new one is in maintenance, and its check does not run."""
    commands = [f"add server {place} {server.address} {server_options(route, server.weight)}"]
    if route.health_check == "on":
        commands.append(f"enable health {place}")
    return [*commands, f"set server {place} state ready"]


def private_folder() -> Path:
    """A folder only this user may enter, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="slb-"))
    if len(str(folder)) > LONGEST_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="slb-", dir="/tmp"))
    return folder


DATA_PLANES = ("none", "haproxy")


def make_data_plane(kind: str, report: Callable[[str], None]) -> DataPlane:
    """A data plane by its name; DocumentError for an unknown one, or when it cannot be had."""
    if kind not in DATA_PLANES:
        raise DocumentError("--data-plane", f"must be one of {', '.join(DATA_PLANES)}")
    return HaproxyDataPlane(report) if kind == "haproxy" else DataPlane()
