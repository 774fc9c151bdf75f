# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of a schedule: the module, through the real SDK, against an emulator of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Optional

from schedule import LOAD_BALANCER, PLAIN_OPTIONS, Document, Schedule

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client, _deadline, _requested, _weight_setter
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Credentials,
    StaticCredentials,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report
from slb_emulator import BackendServer, Emulator, RecordedRequest, running

MODULE = "ansible_collections.aliyun_community.slb.plugins.modules.slb_backend_weights"
HANGING = 60.0  # seconds after which a process counts as hung
LANDING = 5.0  # seconds after which a request that is no longer waited for has mostly been handled
ATTEMPTS = 3  # of a schedule whose emulator got requests that its runs did not make
KEY_ID = "rehearsal"

# Group (empty: the default one), server_id, type, server_ip, port (None in the default group).
Identity = tuple[str, str, str, str, Optional[int]]


class Member(NamedTuple):
    """A member with its group, whose id is empty for the default group."""

    group: str
    server: BackendServer

    @property
    def identity(self) -> Identity:
        return (self.group, *self.server.identity, self.server.port)

    @property
    def weight(self) -> int:
        return self.server.weight


Members = tuple[Member, ...]


def make_time_cheap() -> None:
    """Shorten the pauses of the tasks in this process: the constants, and nothing of what is done with them."""
    _deadline.FIRST_PAUSE = 0.01
    _deadline.LONGEST_PAUSE = 0.2
    _weight_setter.SETTLE_SECONDS = 0.3


@dataclass(frozen=True)
class Run:
    """What a run was told, what it said, and what the emulator knows about it.

    ``result``: as the module ends with it; None when it was killed or broke. ``crash``: what must never be printed.
    ``groups_before``, ``groups_after``: the ids of the vServer groups. ``names``: of all that ever exist.
    ``strangers``: how many requests were signed with another key than that of this run, or not at all.
    ``seconds``: by the wall clock. ``held_up``: seconds by which this machine let a waiting thread wait too long.
    """

    schedule: Schedule
    before: Members
    after: Members
    requests: list[RecordedRequest]
    result: Document | None
    crash: str
    seconds: float
    held_up: float
    groups_before: tuple[str, ...] = ()
    groups_after: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    strangers: int = 0

    def was_held_up(self) -> bool:
        """Whether this machine stood still for longer than an answer may take, which is a fault by itself."""
        return self.held_up > float(self.schedule.options["read_timeout"])


class Watch:
    """Measures a run, and how late this machine is meanwhile: a loaded one lets everybody wait."""

    STEP = 0.05

    def __init__(self) -> None:
        self.seconds = 0.0
        self.held_up = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def _tick(self) -> None:
        before = time.monotonic()
        while not self._over.wait(self.STEP):
            now = time.monotonic()
            self.held_up += max(0.0, now - before - self.STEP)
            before = now

    def __enter__(self) -> Watch:
        self._thread.start()
        self._started = time.monotonic()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.seconds = time.monotonic() - self._started
        self._over.set()
        self._thread.join()


def perform(schedule: Schedule) -> list[Run]:
    """The run of a schedule, then twice the same request without faults: one that completes it, and one that finds nothing to do.

    All of it once more if an emulator got a request that the run did not make. Other programs of this machine, such as
    health checks of a server that has ended, may still call a port that an emulator now has; and on a machine that stands still, a
    request that is no longer waited for may come in during the next run. Neither is what the schedule is about.
    """
    for _attempt in range(ATTEMPTS):
        runs = perform_once(schedule)
        if not any(run.strangers for run in runs):
            break
    return runs


def perform_once(schedule: Schedule) -> list[Run]:
    again = replace(
        schedule,
        backend_servers=[
            {key: value for key, value in server.items() if key != "expected_weight"}
            for server in schedule.backend_servers
        ],
        options={
            **PLAIN_OPTIONS,
            "on_missing": "ignore",
            "server_groups": schedule.options["server_groups"],
            "wait_timeout": 60,
            "read_timeout": 30,
        },
        faults=[],
        busy_seconds=0.0,
        check_mode=False,
        as_process=False,
        kill_after=None,
    )
    steps = [(f"{KEY_ID}-{secrets.token_hex(8)}", told) for told in (schedule, again, again)]
    with running(schedule.state([key_id for key_id, _told in steps])) as emulator:
        return [run(emulator, told, key_id, schedule.names) for key_id, told in steps]


def run(emulator: Emulator, schedule: Schedule, key_id: str, names: dict[str, str]) -> Run:
    """One run, whose requests are known by its access key."""
    emulator.clear()
    emulator.change_settings({"busy_seconds": schedule.busy_seconds})
    for fault in schedule.faults:
        emulator.add_fault(fault)
    groups_before = tuple(emulator.vserver_groups(LOAD_BALANCER))
    before = members_of(emulator, ["", *groups_before])
    act = run_process if schedule.as_process else run_task
    with Watch() as watch:
        result, crash = act(schedule, emulator, key_id)
    await_landing(schedule, emulator, result)
    groups_after = tuple(emulator.vserver_groups(LOAD_BALANCER))
    after = members_of(emulator, ["", *groups_after])
    requests = emulator.requests
    strangers = sum(record.parameters.get("AccessKeyId") != key_id for record in requests)
    return Run(
        schedule,
        before,
        after,
        requests,
        result,
        crash,
        watch.seconds,
        watch.held_up,
        groups_before,
        groups_after,
        names,
        strangers,
    )


def members_of(emulator: Emulator, group_ids: Sequence[str]) -> Members:
    """All members of these groups, in their order."""
    return tuple(Member(group, server) for group in group_ids for server in emulator.members(LOAD_BALANCER, group))


def await_landing(schedule: Schedule, emulator: Emulator, result: Document | None) -> None:
    """Wait for the requests that were sent and are still under way: their effect belongs to the run."""
    if result is None:
        time.sleep(
            max((fault["seconds"] for fault in schedule.faults if fault["kind"] == "latency"), default=0.0) + 0.1
        )
        return
    end = time.monotonic() + LANDING
    while len(emulator.requests) < result["api_calls"] and time.monotonic() < end:
        time.sleep(0.02)


def run_task(schedule: Schedule, emulator: Emulator, key_id: str) -> tuple[Document | None, str]:
    """The module's work in this process, opened and accounted for as in its main()."""
    options = schedule.options
    connection = Connection("cn-hangzhou", emulator.url, True, 5, options["read_timeout"])
    try:
        requested = _requested.parse_requested(schedule.backend_servers, options["server_groups"])
        client = _client.Client(
            connection,
            StaticCredentials(Credentials(key_id, "rehearsal-secret")),
            _deadline.Deadline(options["wait_timeout"]),
        )
        settings = _weight_setter.Options.parse(options)
        setter = _weight_setter.WeightSetter(client, LOAD_BALANCER, settings)
    except SlbError as exc:
        return failed(exc, Report(LOAD_BALANCER, "cn-hangzhou"))
    except Exception:
        return None, traceback.format_exc()
    try:
        setter.run(requested, check_mode=schedule.check_mode)
    except SlbError as exc:
        result, crash = failed(exc, setter.report())
        return {**result, "warnings": setter.warnings}, crash
    except Exception:
        return None, traceback.format_exc()
    return plain({**setter.report().result(), "warnings": setter.warnings}), ""


def failed(exc: SlbError, report: Report) -> tuple[Document, str]:
    return plain({"failed": True, "error": exc.as_dict(), **report.result(), **report.account()}), ""


def plain(result: Document) -> Document:
    """The result as it comes out of the module."""
    decoded: Document = json.loads(json.dumps(result))
    return decoded


def run_process(schedule: Schedule, emulator: Emulator, key_id: str) -> tuple[Document | None, str]:
    """The module's own file, as Ansible starts it; killed on the way if the schedule says so."""
    with module_process(arguments(schedule), emulator.url, key_id) as process:
        killed = schedule.kill_after is not None and kill_at(process, emulator, schedule.kill_after)
        return outcome_of(process, killed)


def arguments(schedule: Schedule) -> Document:
    return {
        "load_balancer_id": LOAD_BALANCER,
        "backend_servers": schedule.backend_servers,
        "_ansible_check_mode": schedule.check_mode,
        **schedule.options,
    }


@contextlib.contextmanager
def module_process(options: Document, url: str, key_id: str = KEY_ID) -> Iterator[subprocess.Popen[str]]:
    """A process of the module for the length of a with block."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "ALICLOUD_ACCESS_KEY": key_id,
        "ALICLOUD_SECRET_KEY": "rehearsal-secret",
        "ALICLOUD_REGION": "cn-hangzhou",
        "ALICLOUD_SLB_ENDPOINT": url,
    }
    with TemporaryDirectory(prefix="slb-chaos-") as folder:
        file = Path(folder, "arguments.json")
        file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(file)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def kill_at(process: subprocess.Popen[str], emulator: Emulator, requests: int) -> bool:
    """Kill the process once so many requests have been handled; False if it ends before."""
    while process.poll() is None:
        if len(emulator.requests) >= requests:
            process.kill()
            return process.wait() != 0
        time.sleep(0.002)
    return False


def outcome_of(
    process: subprocess.Popen[str], killed: bool = False, seconds: float = HANGING
) -> tuple[Document | None, str]:
    """Result and complaint of a process that ends by itself within ``seconds``, or of one that was killed."""
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, f"still running after {seconds:g} s"
    if killed and process.returncode < 0:
        return None, ""
    try:
        result: Document = json.loads(stdout)
    except ValueError:
        return None, f"exit code {process.returncode}, no JSON: {stdout}\n{stderr}"
    return {"changed": False, **result}, stderr  # Ansible takes a result that does not say so as unchanged
