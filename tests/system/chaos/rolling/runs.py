# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runs of a schedule: ansible-playbook against an emulator of its own, and what the emulator saw."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from warm_ansible import SETTINGS, Order, WarmAnsible

from slb_emulator import BackendServer, Emulator, MemberChange, MemberEdit, RecordedRequest, running

from . import stage
from .schedule import Document, Schedule

HANGING = 900.0  # seconds after which a run counts as hung
# Seconds after which whoever pressed Ctrl-C presses it again. Ansible can lose an interrupt and then wait for ever: if it
# comes in one of the hooks that Python calls after a fork, or while a worker that it ends has the lock of the results.
IMPATIENT = 60.0
# What a run prints for people to copy, with arguments that are quoted for a shell, in whole or in part.
PRINTED_COMMAND = re.compile(
    r"ansible-playbook aliyun_community\.slb\.recover((?: -e (?:'[^'\n]*'|[\w.]+='[^'\n]*'|[^\s'\"\\,;()]+))*)"
)

# The members of each server group, by the id of its load balancer (the default group) or of the vServer group.
Members = dict[str, tuple[BackendServer, ...]]
# A member of a server group: that id, and server id, type, address and port.
Place = tuple[str, tuple[str, str, str, str]]


@dataclass(frozen=True)
class Mark:
    """The update of a host is at work. ``position``: how many requests the emulator had handled by then."""

    position: int
    play: int
    host: str
    step: str
    members: Members


@dataclass(frozen=True)
class Edit:
    """Another job has changed members of a server group."""

    position: int
    group: str
    changes: tuple[MemberChange, ...]


@dataclass(frozen=True)
class Run:
    """What was run, what it said, and what the emulator knows about it.

    ``name``: roll, again or recover. ``hosts``: those that it is about. ``exit_code``: None if it hung. ``signalled``: whether the schedule's signal was
    sent. ``events``: marks and edits in their order.
    """

    name: str
    command: list[str]
    exit_code: int | None
    output: str
    before: Members
    after: Members
    requests: list[RecordedRequest]
    events: list[Mark | Edit] = field(default_factory=list)
    signalled: bool = False
    left_over: bool = False
    has_faults: bool = False
    hosts: tuple[str, ...] = ()

    def marks(self) -> list[Mark]:
        return [event for event in self.events if isinstance(event, Mark)]

    def edits(self) -> list[Edit]:
        return [event for event in self.events if isinstance(event, Edit)]


class Watcher:
    """Sees every request and every mark of a run, and does what the schedule has for that moment."""

    def __init__(self, schedule: Schedule, emulator: Emulator, folder: Path) -> None:
        self.schedule, self.emulator, self.folder = schedule, emulator, folder
        self.events: list[Mark | Edit] = []
        self.signalled = False
        self.process_group: int | None = None
        self._start_second: Callable[[], None] | None = None
        self._signal: Document = {}
        self._edits: list[Document] = []
        self._counts = {"requests": 0, "marks": 0}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None

    def prepare(
        self, signal_to_send: Document, edits: list[Document], start_second: Callable[[], None] | None = None
    ) -> None:
        """Forget the last run, and know what happens in the next one."""
        self._start_second = start_second
        self.events, self.signalled, self.process_group = [], False, None
        self._signal, self._edits = signal_to_send, edits
        self._counts = {"requests": 0, "marks": 0}

    def on_request(self, _record: RecordedRequest) -> None:
        with self._lock:
            self._count("requests")

    def on_mark(self, play: int, host: str, step: str) -> Document:
        """Note a mark; the weights at that moment, by load balancer and member."""
        with self._lock:
            position, members = self.look()
            self.events.append(Mark(position, play, host, step, members))
            if self.schedule.update["kind"] == "unreachable" and stage.trouble_file(self.folder, host).exists():
                stage.lost_file(self.folder, host).touch()
            self._count("marks")
        return {
            name: {" ".join(filter(None, identity_of(m))): m.weight for m in found} for name, found in members.items()
        }

    def look(self) -> tuple[int, Members]:
        """How many requests there were, and the members after them."""
        while True:
            position = len(self.emulator.requests)
            members = members_of(self.emulator, self.schedule)
            if position == len(self.emulator.requests):
                return position, members

    def _count(self, what: str) -> None:
        self._counts[what] += 1
        now = {what: self._counts[what]}
        for edit in self._edits:
            if edit["at"] == now:
                self._edit(edit)
        if self._start_second and self.schedule.second["at"] == now:
            self._start_second()
        if self._signal and self._signal["at"] == now and self.process_group is not None:
            if self._signal["seconds"]:
                self._signal_after(self._signal["seconds"], self.process_group, self._signal)
            else:
                self._send_signal(self.process_group, self._signal)

    def _edit(self, edit: Document) -> None:
        name = edit["edits"][0].get("vserver_group_id") or edit["load_balancer_id"]
        _position, before = self.look()
        self.emulator.edit(edit["load_balancer_id"], [MemberEdit(**change) for change in edit["edits"]])
        position, after = self.look()
        changes = tuple(
            MemberChange(old, new) for old, new in zip(before[name], after[name]) if old.weight != new.weight
        )
        self.events.append(Edit(position, name, changes))

    def _signal_after(self, seconds: float, process_group: int, told: Document) -> None:
        self._timer = threading.Timer(seconds, self._send_signal, [process_group, told])
        self._timer.daemon = True
        self._timer.start()

    def _send_signal(self, process_group: int, told: Document) -> None:
        send = os.killpg if told["to"] == "group" else os.kill
        # Noted before: who waits for the end of the run may see it at once.
        self.signalled = True
        try:
            send(process_group, signal.Signals[f"SIG{told['number']}"])
        except ProcessLookupError:
            self.signalled = False
        else:
            if told["number"] == "INT":
                self._signal_after(IMPATIENT, process_group, told)

    def end(self) -> None:
        """The run is over: a signal that was not sent yet is not for the next one."""
        if self._timer:
            self._timer.cancel()


def members_of(emulator: Emulator, schedule: Schedule) -> Members:
    found = {name: tuple(emulator.members(name)) for name in schedule.others}
    for group in schedule.groups:
        group_id = group["vserver_group_id"]
        found[group_id] = tuple(emulator.members(group["load_balancer_id"], group_id))
    return found


def identity_of(member: BackendServer) -> tuple[str, str, str, str]:
    """Server id, type, address and port; the last is empty in a default group."""
    return (*member.identity, "" if member.port is None else str(member.port))


@contextmanager
def serving_marks(watcher: Watcher) -> Iterator[str]:
    """Where the tasks of an update leave their marks: GET URL/PLAY/HOST/STEP."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            play, host, step = map(unquote, self.path.strip("/").split("/"))
            body = json.dumps(watcher.on_mark(int(play), host, step)).encode()
            with suppress(OSError):  # the one who asked may have been killed by now
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *_arguments: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Beside:
    """A second run of ansible-playbook beside the first one."""

    def __init__(self, theatre: Theatre, command: list[str]) -> None:
        self._theatre, self._command = theatre, command
        self._output = theatre.folder / "output-second.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "ansible", "playbook", *self._command]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                words,
                cwd=self._theatre.folder,
                env=dict(self._theatre.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self, exit_code: int | None, text: str) -> tuple[int | None, str]:
        """The first exit code of both that is not 0, and the output of both."""
        if self._process is None:
            return exit_code, text
        try:
            own = self._process.wait(HANGING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None, text
        both = f"{text}\n--- ansible-playbook {shlex.join(self._command)}\n{self._output.read_text('utf-8', 'replace')}"
        return exit_code or own if exit_code is not None else None, both


class Theatre:
    """The folder, the emulator and the environment of a schedule, in which its runs follow each other."""

    def __init__(
        self, schedule: Schedule, ansible: WarmAnsible, environment: Mapping[str, str], folder: Path, emulator: Emulator
    ) -> None:
        self.schedule, self.ansible, self.folder, self.emulator = schedule, ansible, folder, emulator
        self.environment = environment
        self.watcher = Watcher(schedule, emulator, folder)
        self.original = members_of(emulator, schedule)
        self.runs: list[Run] = []
        emulator.on_request(self.watcher.on_request)

    def run(
        self, name: str, command: list[str], hosts: list[str], *, told: Document, second: list[str] | None = None
    ) -> Run:
        """Run ansible-playbook to its end, with the ``signal``, ``faults`` and ``edits`` that it is told.

        ``second``: a command that is run beside it from some moment on; its record is part of the run's.
        """
        self.emulator.clear()
        for fault in told.get("faults", []):
            self.emulator.add_fault(fault)
        before = members_of(self.emulator, self.schedule)
        beside = Beside(self, second) if second else None
        self.watcher.prepare(told.get("signal", {}), told.get("edits", []), beside.start if beside else None)
        output = self.folder / f"output-{len(self.runs)}.txt"
        self.watcher.process_group = self.ansible.start(self.order(command, output))
        exit_code, left_over = self.ansible.wait(HANGING)
        self.watcher.end()
        text = output.read_text("utf-8", "replace")
        if beside:
            exit_code, text = beside.wait(exit_code, text)
        run = Run(
            name,
            command,
            exit_code,
            text,
            before,
            members_of(self.emulator, self.schedule),
            self.emulator.requests,
            list(self.watcher.events),
            self.watcher.signalled,
            left_over,
            bool(told.get("faults") or second),
            tuple(hosts),
        )
        self.runs.append(run)
        return run

    def order(self, command: list[str], output: Path) -> Order:
        return Order(command, self.environment, self.folder, output, imported=not self.schedule.as_process)

    def roll(self) -> Run:
        schedule = self.schedule
        told = {"faults": schedule.faults, "signal": schedule.signal, "edits": schedule.edits}
        command = stage.roll_command(schedule, self.folder, schedule.limit)
        second = stage.roll_command(schedule, self.folder, schedule.second["limit"]) if schedule.second else None
        return self.run("roll", command, schedule.targets(), told=told, second=second)

    def again(self, told: Document) -> Run:
        """The same command, once what went wrong has been put right."""
        self.put_right()
        schedule, limit = self.schedule, told.get("limit", self.schedule.limit)
        hosts = limit or [host["name"] for host in schedule.hosts]
        return self.run("again", stage.roll_command(schedule, self.folder, limit), hosts, told=told)

    def recover(self, told: Document) -> Run:
        """The command that was printed; without a single one, a recovery of whatever is open."""
        self.put_right()
        command = printed_command(self.runs) or stage.recover_command(self.schedule, self.folder)
        return self.run("recover", command, [host["name"] for host in self.schedule.hosts], told=told)

    def put_right(self) -> None:
        for pattern in ("trouble-*", "lost-*"):
            for path in self.folder.glob(pattern):
                path.unlink()

    def something_is_out(self) -> bool:
        return weights_of(members_of(self.emulator, self.schedule)) != weights_of(self.original)


def weights_of(members: Members) -> dict[Place, int]:
    """The weight of each member."""
    return {(name, identity_of(member)): member.weight for name, found in members.items() for member in found}


def printed_command(runs: list[Run]) -> list[str] | None:
    """The arguments of the recovery command that the runs have printed; None if there is none, or more than one."""
    found = {arguments for run in runs for arguments in PRINTED_COMMAND.findall(run.output)}
    return [stage.RECOVER_PLAYBOOK, *shlex.split(found.pop())] if len(found) == 1 else None


def perform(schedule: Schedule, ansible: WarmAnsible, environment: Mapping[str, str]) -> list[Run]:
    """The rolling update of a schedule, what is run after it, and, if it did not just succeed, recoveries to the end."""
    with theatre_of(schedule, ansible, environment) as theatre:
        first = theatre.roll()
        if first.exit_code == 0 and not theatre.something_is_out() and schedule.seed % 4:
            return theatre.runs
        for told in schedule.after if first.exit_code else []:
            theatre.again(told) if told["do"] == "again" else theatre.recover(told)
        if theatre.runs[-1].name != "recover" or theatre.runs[-1].exit_code or theatre.something_is_out():
            theatre.recover({})
        if theatre.runs[-1].requests:
            theatre.recover({})
        return theatre.runs


@contextmanager
def theatre_of(schedule: Schedule, ansible: WarmAnsible, environment: Mapping[str, str]) -> Iterator[Theatre]:
    with ExitStack() as stack:
        temporary = TemporaryDirectory(prefix="slb-rolling-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(temporary)).resolve()
        stage.write(schedule, folder)
        emulator = stack.enter_context(running(schedule.state()))
        theatre = Theatre(schedule, ansible, environment, folder, emulator)
        marks = stack.enter_context(serving_marks(theatre.watcher))
        elsewhere = schedule.region_in != "environment"
        theatre.environment = {
            **{name: value for name, value in environment.items() if not (name == "ALICLOUD_REGION" and elsewhere)},
            "ALICLOUD_SLB_ENDPOINT": emulator.url,
            "HOME": str(folder),
            "ROLLING_FOLDER": str(folder),
            "ROLLING_MARKS": marks,
        }
        yield theatre


def environment_for_ansible(collections: str, home: Path) -> dict[str, str]:
    """The environment of every run: credentials, and settings that make a play cheap."""
    foreign = ("ANSIBLE_", "ALICLOUD_", "XDG_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    plugins = Path(__file__).parent / "plugins"
    return {
        **kept,
        "ALICLOUD_ACCESS_KEY": "rehearsal",
        "ALICLOUD_SECRET_KEY": "rehearsal-secret",
        "ALICLOUD_REGION": "cn-hangzhou",
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_CONFIG": str(SETTINGS),
        "ANSIBLE_CONNECTION_PLUGINS": str(plugins / "connection"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SSL_CERT_FILE": os.devnull,  # no https here: the certificates of the system take a tenth of a second to read
    }


__all__ = ["Edit", "Mark", "Members", "Run", "environment_for_ansible", "perform", "printed_command", "replace"]
