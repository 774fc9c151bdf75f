# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage: a load balancer, web servers behind it, traffic through it, and playbooks that are run on it.

Everything is real but the cloud: the emulator with HAProxy moves the traffic, each web server is a process,
locust asks, and ansible-playbook runs as a user would run it. All of it ends with the block, whatever fails.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from slb_emulator import DEFAULT_GROUP, BackendServer, Emulator, running
from slb_emulator.core.state_document import plain
from slb_rolling.data_plane_watch import Key, Look, watching
from slb_rolling.results import ResultsFile, failed, to_lines
from slb_rolling.web_server import BROKEN

PACKAGES = Path(__file__).resolve().parent.parent
PLAYBOOKS = PACKAGES / "playbooks"
LOAD_BALANCER = "lb-roll"
# Where the load balancer reaches the web servers: not 127.0.0.1, as it does not in real life, and where a wait for the
# end of connections that looks at the loopback address alone sees none.
SERVICE_ADDRESS = "127.0.0.2"
OLD_VERSION, NEW_VERSION = "1", "2"
ROLL = "roll"
CHECK_SECONDS = 0.5
# Far longer than anything here takes, also on a machine that has much else to do.
PATIENCE_SECONDS = 300.0
STOP_SECONDS = 40.0


class StageError(Exception):
    """Something on the stage did not start or end."""


@dataclass(frozen=True)
class Member:
    """A server before the roll, and the version that the roll brings.

    ``shares_id``: it is one address of a network interface whose other addresses are members, too.
    """

    weight: int = 100
    new_version: str = NEW_VERSION
    shares_id: bool = False


SIX = (Member(),) * 6


@dataclass(frozen=True)
class Target:
    """A folder of a listener, and the vServer group whose members answer there, if it is not the default group's.

    A folder other than the first one has a forwarding rule.
    """

    listener_port: int = 80
    folder: str = "/"
    vserver_group_id: str | None = None


PLAIN = (Target(),)
# A listener of the default group, one of a vServer group, and one whose rule sends a folder to another vServer group.
GROUPS = (Target(), Target(8080, "/", "rsp-web"), Target(443), Target(443, "/api/", "rsp-api"))


@dataclass(frozen=True)
class WebHost:
    """Where a web server of the stage is."""

    name: str
    member: Member
    ports: tuple[int, int]
    folder: Path

    @property
    def backend_server(self) -> BackendServer:
        """As the load balancer knows it."""
        weight, address = self.member.weight, f"{SERVICE_ADDRESS}:{self.port}"
        if self.member.shares_id:
            server_ip = f"192.168.0.{self.name.removeprefix('web')}"
            return BackendServer("eni-web", weight, "eni", server_ip, address=address)
        return BackendServer(f"i-{self.name}", weight, address=address)

    def backend_servers(self, vserver_group_id: str | None) -> list[BackendServer]:
        """Its members of a group: in a vServer group one for each port, with a weight of its own."""
        if vserver_group_id is None:
            return [self.backend_server]
        weights = (self.member.weight // 2, self.member.weight // 5)
        return [
            replace(self.backend_server, port=port, weight=weight, address=SERVICE_ADDRESS)
            for port, weight in zip(self.ports, weights)
        ]

    @property
    def port(self) -> int:
        """The one that the default group leads to."""
        return self.ports[0]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def updated_at(self) -> float:
        """When the version was put in place, between the end of the old process and the start of the new one."""
        return self.version_file.stat().st_mtime

    @property
    def version_file(self) -> Path:
        return self.folder / f"{self.name}.version"

    @property
    def pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def command(self, lifeline: Path) -> list[str]:
        """What starts it."""
        options = [
            *(("--port", port) for port in self.ports),
            ("--name", self.name),
            ("--version-file", self.version_file),
            ("--pid-file", self.pid_file),
            ("--lifeline", lifeline),
        ]
        words = [str(word) for option in options for word in option]
        return [sys.executable, "-m", "slb_rolling.web_server", *words]


@dataclass(frozen=True)
class Play:
    """A run of ansible-playbook: its exit code and all it said."""

    exit_code: int
    output: str


class Stage:
    """What a test or a demonstration sees of it."""

    def __init__(
        self,
        emulator: Emulator,
        hosts: Sequence[WebHost],
        targets: Sequence[Target],
        folder: Path,
        traffic: Traffic,
        looks: Sequence[Look],
    ) -> None:
        self.emulator = emulator
        self.hosts = hosts
        self.targets = targets
        self.folder = folder
        self.traffic = traffic
        self.looks = looks
        self.plays: list[Play] = []

    def weights(self) -> dict[str, int]:
        """The weight of each server in the default group, as the load balancer has it."""
        names = {host.backend_server.identity: host.name for host in self.hosts}
        return {names[member.identity]: member.weight for member in self.emulator.members(LOAD_BALANCER)}

    def group_weights(self) -> dict[Key, int]:
        """The weights in the groups of all targets, as the load balancer has them."""
        return {
            (group, member.key): member.weight
            for group in {target.vserver_group_id or DEFAULT_GROUP for target in self.targets}
            for member in self.emulator.members(LOAD_BALANCER, group)
        }

    def keys(self, host: WebHost) -> list[Key]:
        """The members that a host is, in the groups of all targets."""
        return [
            (group or DEFAULT_GROUP, member.key)
            for group in {target.vserver_group_id for target in self.targets}
            for member in host.backend_servers(group)
        ]

    def versions(self) -> dict[str, str]:
        """What each server answers when it is asked directly; one that does not serve has the version `broken`."""
        return {host.name: version_of(host) for host in self.hosts}

    def play(self, playbook: str, **variables: Any) -> Play:
        """Run a playbook to its end."""
        with self.playing(playbook, **variables) as process:
            process.wait()
        return self.plays[-1]

    @contextmanager
    def playing(self, playbook: str, **variables: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run a playbook beside the block. After it the run is over, by itself or by force, and the last of `plays`."""
        output = self.folder / f"play-{len(self.plays)}.txt"
        extra = {
            "rolling_update_record_dir": str(self.folder / "records"),
            "rolling_update_id": ROLL,
            # Long enough for a data plane that follows as soon as the one here does where nothing else is said.
            "rolling_update_drain_delay": 1,
            **variables,
        }
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self.folder / "inventory.yml")]
        command += ["-e", json.dumps(extra), str(PLAYBOOKS / playbook)]
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            # Ansible passes it on to its workers, which are in groups of their own.
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            # Also what a killed run has left behind; its group outlives it.
            kill_group(process.pid)
            exit_code = process.wait()
            self.plays.append(Play(exit_code, output.read_text("utf-8", "replace")))

    def _environment(self) -> dict[str, str]:
        return {
            **web_environment(),
            "ALICLOUD_ACCESS_KEY": "rehearsal",
            "ALICLOUD_SECRET_KEY": "rehearsal-secret",
            "ALICLOUD_REGION": "cn-hangzhou",
            "ALICLOUD_SLB_ENDPOINT": self.emulator.url,
            "ANSIBLE_CONFIG": str(PACKAGES.parent / "support" / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
        }

    def report(self) -> str:
        """What to read when something went wrong: the ends of the plays, and the first failed requests."""
        parts = [f"Play ended with {play.exit_code}:\n...{play.output[-3000:]}" for play in self.plays]
        requests = self.traffic.results.requests()
        losses = failed(requests)
        parts.append(f"{len(requests)} requests, {len(losses)} failed. Weights: {self.weights()}")
        return "\n".join([*parts, to_lines(losses[:10])])


def kill_group(process_group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process_group, signal.SIGKILL)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that comes for certain; raises StageError when it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise StageError(f"{what} did not come about in {PATIENCE_SECONDS:g} seconds.")
        time.sleep(0.05)


def version_of(host: WebHost) -> str:
    """The version that answers on the host's port; `broken` when none does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(host.url, timeout=5) as response:
            return str(json.load(response)["version"])
    except OSError:
        return BROKEN


def listens(host: WebHost) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", host.port)) == 0


def web_environment() -> dict[str, str]:
    """The environment in which a web server's command works."""
    return {**os.environ, "PYTHONPATH": str(PACKAGES), "PYTHONDONTWRITEBYTECODE": "1"}


def state_document(hosts: Sequence[WebHost], targets: Sequence[Target]) -> dict[str, Any]:
    """The load balancer with the hosts behind it."""
    groups = {target.vserver_group_id: members_of(hosts, target.vserver_group_id) for target in targets}
    default_group = groups.pop(None)
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
        "load_balancers": [
            {
                "load_balancer_id": LOAD_BALANCER,
                "region_id": "cn-hangzhou",
                "backend_servers": default_group,
                "vserver_groups": [
                    {"vserver_group_id": group, "backend_servers": members} for group, members in groups.items()
                ],
                "listeners": [listener(target, targets) for target in targets if target.folder == "/"],
            }
        ],
    }


def members_of(hosts: Sequence[WebHost], vserver_group_id: str | None) -> list[dict[str, Any]]:
    """The members of a group, as in the state document."""
    return [plain(member) for host in hosts for member in host.backend_servers(vserver_group_id)]


def listener(target: Target, targets: Sequence[Target]) -> dict[str, Any]:
    """The listener of a target, with the rules of the others that it has."""
    group = {"vserver_group_id": target.vserver_group_id} if target.vserver_group_id else {"backend_server_port": 8080}
    rules = [
        {
            "rule_id": f"rule-{other.vserver_group_id}",
            "url": other.folder.removesuffix("/"),
            "vserver_group_id": other.vserver_group_id,
        }
        for other in targets
        if other.listener_port == target.listener_port and other.folder != "/"
    ]
    return {
        "listener_port": target.listener_port,
        "listener_protocol": "http",
        "health_check_uri": "/healthz",
        "health_check_interval": CHECK_SECONDS,
        **group,
        "rules": rules,
    }


def inventory(hosts: Sequence[WebHost], targets: Sequence[Target], lifeline: Path) -> dict[str, Any]:
    """The hosts with what the role and the update need to know of each."""
    entries = {
        host.name: {
            "rolling_update_server_id": host.backend_server.server_id,
            **({"rolling_update_server_ip": host.backend_server.server_ip} if host.member.shares_id else {}),
            "web_port": host.port,
            **({"web_other_port": host.ports[1]} if len(targets) > 1 else {}),
            "web_url": host.url,
            "web_version_file": str(host.version_file),
            "web_pid_file": str(host.pid_file),
            "web_command": shlex.join(host.command(lifeline)),
            "new_version": host.member.new_version,
        }
        for host in hosts
    }
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "rolling_update_load_balancer_ids": [LOAD_BALANCER],
    }
    return {"web": {"hosts": entries, "vars": common}}


@contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Free ports, on all addresses, that no other program is given, not even while their servers are down."""
    with ExitStack() as stack:
        holders = [stack.enter_context(socket.socket()) for _number in range(count)]
        for holder in holders:
            # Bound and never listening: the web servers, which set the same option, can listen on the port.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("0.0.0.0", 0))
        yield [holder.getsockname()[1] for holder in holders]


@contextmanager
def lifeline_in(folder: Path) -> Iterator[Path]:
    """A named pipe that is open for writing until the block or this process ends."""
    path = folder / "lifeline"
    os.mkfifo(path)
    # For reading too, since without a reader the pipe cannot be opened for writing alone.
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield path
    finally:
        os.close(descriptor)


@contextmanager
def web_servers(hosts: Sequence[WebHost], folder: Path) -> Iterator[Path]:
    """Start the old version everywhere. Gives the lifeline, on which these and all later ones hang."""
    processes = []
    try:
        with lifeline_in(folder) as lifeline:
            for host in hosts:
                host.version_file.write_text(OLD_VERSION, encoding="utf-8")
                processes.append(subprocess.Popen(host.command(lifeline), env=web_environment(), cwd=folder))
            wait_until(lambda: all(version_of(host) == OLD_VERSION for host in hosts), "An answer of all web servers")
            yield lifeline
    finally:
        for process in processes:
            process.wait(STOP_SECONDS)
        # Those that playbooks have started are not children of this process.
        wait_until(lambda: not any(listens(host) for host in hosts), "The end of all web servers")


class Traffic:
    """Requests at a steady rate, from a process of their own."""

    def __init__(self, urls: Sequence[str], folder: Path) -> None:
        self.urls = urls
        self.results = ResultsFile(folder / "requests.jsonl")
        self._log = folder / "load.txt"
        command = [sys.executable, "-m", "slb_rolling.load", "--results", str(self.results.path)]
        command += [word for url in urls for word in ("--url", url)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=web_environment(), stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def wait_for_answers(self, servers: set[str]) -> None:
        """Wait until each of these has answered a request to each URL that was sent from now on."""
        now = time.time()
        due = {(url, server) for url in self.urls for server in servers}

        def all_have() -> bool:
            if self._process.poll() is not None:
                raise StageError(f"The load generator has ended:\n{self._log.read_text('utf-8', 'replace')}")
            return due <= {(r.target, r.server) for r in self.results.requests() if r.time >= now}

        wait_until(all_have, f"Traffic on {', '.join(sorted(servers))}")

    def stop(self) -> None:
        """Send no more, and wait for the answers that are due."""
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(STOP_SECONDS)
            finally:
                self._process.kill()


@contextmanager
def staged(
    members: Sequence[Member] = SIX,
    *,
    targets: Sequence[Target] = PLAIN,
    busy_seconds: float = 0.0,
    data_plane_delay: float = 0.3,
) -> Iterator[Stage]:
    """Set the stage: web1, web2 and so on behind a load balancer, as members say, and traffic on those with a weight.

    The traffic is shared out among the targets.

    Raises StageError when something does not start, and slb_emulator.DocumentError when HAProxy is missing.
    """
    with ExitStack() as stack:
        enter = stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory(prefix="slb-roll-", ignore_cleanup_errors=True)))
        ports = enter(held_ports(2 * len(members)))
        hosts = [
            WebHost(f"web{number}", member, pair, folder)
            for number, (member, pair) in enumerate(zip(members, zip(ports[::2], ports[1::2])), start=1)
        ]
        lifeline = enter(web_servers(hosts, folder))
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory(hosts, targets, lifeline)), encoding="utf-8")
        emulator = enter(
            running(
                state_document(hosts, targets),
                busy_seconds=busy_seconds,
                data_plane="haproxy",
                data_plane_delay=data_plane_delay,
            )
        )
        looks = enter(watching(emulator))
        urls = [f"{emulator.frontend_url(LOAD_BALANCER, target.listener_port)}{target.folder}" for target in targets]
        traffic = Traffic(urls, folder)
        stack.callback(traffic.stop)
        traffic.wait_for_answers({host.name for host in hosts if host.member.weight})
        yield Stage(emulator, hosts, targets, folder, traffic, looks)
