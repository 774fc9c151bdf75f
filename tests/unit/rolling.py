# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stage for rolling updates: real folders, the emulator, and as many runs of ansible-playbook as a test needs."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import typing as t
from dataclasses import replace
from pathlib import Path
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Place
from ansible_collections.aliyun_community.slb.plugins.module_utils._coordinator import Coordinator
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, LockedFolder, Run
from ansible_collections.aliyun_community.slb.plugins.module_utils._recovery import Keeper
from ansible_collections.aliyun_community.slb.plugins.module_utils._workbench import Workbench

Json = dict[str, t.Any]

READ, WRITE, LISTENERS, HEALTH, LIST = (
    "DescribeLoadBalancerAttribute",
    "SetBackendServers",
    "DescribeLoadBalancerListeners",
    "DescribeHealthStatus",
    "DescribeVServerGroups",
)
ID = "web-1.5"
# (server id, server ip) of each host; web4 and web5 are two addresses of one interface.
HOSTS: dict[str, tuple[str, str | None]] = {
    "web1": ("i-1", None),
    "web2": ("i-2", None),
    "web3": ("i-3", None),
    "web4": ("eni-4", "192.168.0.4"),
    "web5": ("eni-4", "192.168.0.5"),
}
AS_THEY_WERE = {"lb-a": [100, 60, 3, 40, 40], "lb-b": [30, 100], "lb-g": [100, 60]}
# The vServer groups of lb-g: web1 is in app with two ports, web2 is in both, web3 in api alone.
GROUPS_AS_THEY_WERE = {"rsp-app": [100, 50, 30], "rsp-api": [20, 40]}


def state() -> Json:
    """A document for the emulator."""
    listener = {
        "listener_port": 80,
        "listener_protocol": "http",
        "backend_server_port": 8080,
        "scheduler": "wrr",
        "health_check": "on",
    }
    eni = [{"server_id": "eni-4", "weight": 40, "type": "eni", "server_ip": f"192.168.0.{end}"} for end in (4, 5)]
    groups = {
        "lb-a": [*({"server_id": f"i-{n}", "weight": weight} for n, weight in ((1, 100), (2, 60), (3, 3))), *eni],
        "lb-b": [{"server_id": "i-1", "weight": 30}, {"server_id": "i-2", "weight": 100}],
        "lb-g": [{"server_id": "i-1", "weight": 100}, {"server_id": "i-2", "weight": 60}],
    }
    routed = {
        "vserver_groups": [
            {
                "vserver_group_id": "rsp-app",
                "vserver_group_name": "app",
                "backend_servers": [
                    {"server_id": "i-1", "port": 8080, "weight": 100},
                    {"server_id": "i-1", "port": 8081, "weight": 50},
                    {"server_id": "i-2", "port": 8080, "weight": 30},
                ],
            },
            {
                "vserver_group_id": "rsp-api",
                "vserver_group_name": "api",
                "backend_servers": [
                    {"server_id": "i-2", "port": 9000, "weight": 20},
                    {"server_id": "i-3", "port": 9000, "weight": 40},
                ],
            },
        ],
        "listeners": [
            {
                **listener,
                "rules": [{"rule_id": "rule-1", "rule_name": "api", "url": "/api", "vserver_group_id": "rsp-api"}],
            },
            {**listener, "listener_port": 8080, "listener_protocol": "tcp", "vserver_group_id": "rsp-app"},
        ],
    }
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret+/="}],
        "load_balancers": [
            {
                "load_balancer_id": name,
                "region_id": "cn-hangzhou",
                "backend_servers": servers,
                "listeners": [listener],
                **(routed if name == "lb-g" else {}),
            }
            for name, servers in groups.items()
        ],
    }


@contextlib.contextmanager
def full_disk() -> t.Iterator[None]:
    """No file can grow. Python ignores the signal that comes with that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Session:
    """One run of ansible-playbook, in which a play has all hosts in one batch unless a test says otherwise."""

    def __init__(self, stage: Stage, run: Run, check_mode: bool) -> None:
        self.run = run
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.batch: tuple[str, ...] = tuple(HOSTS)
        self.play = "play"
        self.id = ID
        self.is_alive = True
        self.bench = Workbench(
            folder=stage.folder,
            scratch=stage.scratch,
            run=run,
            client_for=self._client_for,
            say=self.lines.append,
            warn=self.warnings.append,
            check_mode=check_mode,
            is_alive=lambda: self.is_alive,
        )
        self.shared = Batch(stage.scratch, run)
        self._client = stage.open_client(stage.slb.url)

    def _client_for(self, region: str) -> Client:
        assert region == "cn-hangzhou"
        self._client.deadline.restart()
        return self._client

    def host(self, name: str, *load_balancer_ids: str, **options: t.Any) -> Coordinator:
        """What takes the steps of a host, of lb-a unless load balancers are named."""
        server_id, server_ip = HOSTS[name]
        fields: Json = {
            "host": name,
            "play": self.play,
            "connection": "connection",
            "rolling_update_id": self.id,
            "load_balancer_ids": load_balancer_ids or ("lb-a",),
            "region": "cn-hangzhou",
            "server_id": server_id,
            "server_ip": server_ip,
            "min_active": 0,
            "drain_delay": 0,
            "already_out": "warn",
            "ramp": (100,),
            "ramp_pause": 0,
            "health_timeout": 0,
            "server_groups": "all",
            "names_server": False,
            "conditions": (),
        }
        of_place = {key: options.pop(key) for key in ("address", "twins") if key in options}
        place = Place(self.batch, self.batch, "rolling_update_", default_record_dir=True, **of_place)
        return Coordinator(self.bench, Request(**{**fields, **options}), place)

    def drain(self, *names: str, **options: t.Any) -> list[Json]:
        """Check and drain hosts, as the role does; the results of the drain."""
        hosts = [self.host(name, **options) for name in names]
        for host in hosts:
            host.begin(30)
            host.check("off")
        return [host.drain(verify=False, check_listeners="off") for host in hosts]

    def update(self, *names: str, **options: t.Any) -> list[Json]:
        """Drain hosts, prove it, and say that they are updated; the results of the last step."""
        self.drain(*names, **options)
        hosts = [self.host(name, **options) for name in names]
        for host in hosts:
            host.prove()
        return [host.note_updated() for host in hosts]

    def restore(self, *names: str, **options: t.Any) -> list[Json]:
        return [self.host(name, **options).restore() for name in names]

    def keeper(self) -> Keeper:
        return Keeper(self.bench, None)

    def recover(self, rolling_update_id: str | None = None, record: t.Any = None, which: str = "all") -> Json:
        return self.keeper().recover(rolling_update_id, record, 0, which)


class Stage:
    """``slb``: the emulator. ``folder``: the journals."""

    def __init__(self, path: Path, slb: t.Any, open_client: t.Callable[..., Client]) -> None:
        self.slb = slb
        self.open_client = open_client
        self.folder = JournalFolder(str(path / "journals"))
        self.scratch = LockedFolder(str(path / "scratch"))
        self.folder.prepare()
        self.scratch.prepare()
        self._runs = 0

    def reset(self, document: Json | None = None) -> None:
        """Give the emulator the state that it began with, or another one."""
        body = json.dumps(document or state()).encode()
        request = HttpRequest(
            f"{self.slb.url}/_rehearsal/state", body, {"Content-Type": "application/json"}, method="PUT"
        )
        urlopen(request, timeout=10).close()
        self.slb.clear()

    def session(self, *, is_running: bool = False, check_mode: bool = False) -> Session:
        """A new run. To other runs it has ended, whatever it does, or goes on."""
        self._runs += 1
        # A process with the same id that was started at another time is another process, which has ended.
        ended = Run(socket.gethostname(), os.getpid(), str(self._runs))
        return Session(self, Run.of_process(os.getpid()) if is_running else ended, check_mode)

    def weights(self, load_balancer_id: str = "lb-a") -> list[int]:
        return [member.weight for member in self.slb.members(load_balancer_id)]

    def groups(self) -> dict[str, list[int]]:
        """The weights in the vServer groups of lb-g."""
        return {name: [member.weight for member in self.slb.members("lb-g", name)] for name in GROUPS_AS_THEY_WERE}

    def written(self, load_balancer_id: str = "lb-a") -> list[dict[str, int]]:
        """What each write has set, by server id."""
        requests = [request for request in self.slb.requests if request.action == WRITE and request.http_status == 200]
        return [
            {row["ServerId"]: int(row["Weight"]) for row in json.loads(request.parameters["BackendServers"])}
            for request in requests
            if request.parameters["LoadBalancerId"] == load_balancer_id
        ]

    def set_health(self, server_id: str, health: str) -> None:
        """What the health checks of lb-a say about a member."""
        from slb_emulator import MemberEdit

        members = self.slb.members("lb-a")
        after = [replace(member, health=health) if member.server_id == server_id else member for member in members]
        self.slb.edit("lb-a", [MemberEdit(member.server_id, remove=True) for member in members])
        self.slb.edit("lb-a", [MemberEdit(member.server_id, add=member) for member in after])

    def assert_as_they_were(self) -> None:
        assert {name: self.weights(name) for name in AS_THEY_WERE} == AS_THEY_WERE
        assert self.groups() == GROUPS_AS_THEY_WERE

    def actions(self) -> list[str]:
        return [request.action for request in self.slb.requests]

    def entries(self, rolling_update_id: str = ID) -> dict[str, Entry]:
        """The entries of a journal, by host and load balancer where a host has several."""
        journal = self.folder.read(rolling_update_id)
        assert journal
        rows = journal.entries
        hosts = [entry.host for entry in rows]
        return {
            entry.host if hosts.count(entry.host) == 1 else f"{entry.host} {entry.load_balancer_id}": entry
            for entry in rows
        }

    def states(self, rolling_update_id: str = ID) -> dict[str, str]:
        return {name: entry.state for name, entry in self.entries(rolling_update_id).items()}

    def open_entries(self) -> list[Entry]:
        return [entry for journal in self.folder.read_all() for entry in journal.open_entries]
