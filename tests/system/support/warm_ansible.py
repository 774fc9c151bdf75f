# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-playbook, run in forks of a process that has imported it: that takes a second off each run.

The process also adopts what its runs leave behind (PR_SET_CHILD_SUBREAPER in prctl(2), so Linux only) and waits for it:
the workers of a killed ansible-playbook go on for a while, and what they do belongs to the run.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

SETTINGS = Path(__file__).with_name("ansible.cfg")

# From linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36
LEFT_OVER = 20.0  # seconds that processes may go on for after ansible-playbook has ended
POLL = 0.005
IMPORTED = (
    "ansible.cli.playbook",
    "ansible.executor.playbook_executor",
    "ansible.executor.process.worker",
    "ansible.executor.task_executor",
    "ansible.plugins.action.debug",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.local",
    "ansible.plugins.filter.core",
    "ansible.plugins.inventory.yaml",
    "ansible.plugins.lookup.url",
    "ansible.plugins.strategy.free",
    "ansible.plugins.strategy.host_pinned",
    "ansible.plugins.strategy.linear",
    "ansible.plugins.test.core",
    "aliyunsdkcore.client",
    "aliyunsdkcore.request",
)
# A run reads the options of all of these from their documentation, which takes a while. vars_loader is not among them:
# loaded before, its plugins would not read group_vars.
PLUGINS = ("connection_loader", "shell_loader", "become_loader", "callback_loader", "lookup_loader")
ACTIONS = ("slb_connections", "slb_drain", "slb_journal", "slb_set_weights")
# By these names the updates of the tests ask for them. Under others they would be loaded anew in each worker.
LOOKUPS = ("ansible.builtin.env", "ansible.builtin.url")


@dataclass(frozen=True)
class Order:
    """What to run: the arguments of ansible-playbook. ``imported``: in a fork, else as a program of its own."""

    arguments: list[str]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    imported: bool


class WarmAnsible:
    """The process, seen from the one that started it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Ansible reads its settings when it is imported.
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno())],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def __enter__(self) -> WarmAnsible:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, between two runs."""
        self._connection.close()
        self._process.wait()

    def start(self, order: Order) -> int:
        """Start a run; the process id, which is that of its process group, too."""
        self._connection.send(asdict(order))
        pid: int = self._connection.recv()
        return pid

    def wait(self, seconds: float) -> tuple[int | None, bool]:
        """The exit code, and whether something that the run left behind had to be killed.

        The exit code is None if the run had not ended after ``seconds`` and was killed; negative after a signal.
        """
        ended = self._connection.poll(seconds)
        if not ended:
            self._connection.send("end")
        status: int = self._connection.recv()
        left_over: bool = self._connection.recv()
        return (os.waitstatus_to_exitcode(status) if ended else None), left_over


def serve(connection: Connection) -> None:
    """Run what is ordered until the other end closes the connection, which ends what still runs."""
    try:
        while True:
            order = Order(**connection.recv())
            pid = os.fork()
            if pid == 0:
                connection.close()
                run(order)
            connection.send(pid)
            supervise(connection, pid)
    except (EOFError, ConnectionError):
        kill_descendants()


def supervise(connection: Connection, pid: int) -> None:
    """Report how the run ended, and then that nothing is left of it."""
    deadline, must_kill = float("inf"), False
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            connection.send(must_kill)
            return
        if child == pid:
            connection.send(status)
            deadline = time.monotonic() + LEFT_OVER
        if child:
            continue
        if connection.poll(POLL):
            connection.recv()
            deadline = 0.0
        if time.monotonic() > deadline:
            must_kill = True
            kill_descendants()


def kill_descendants() -> None:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    for pid in found - {os.getpid()}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run(order: Order) -> None:
    """Become the run; never returns."""
    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(order.folder)
        output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        if not order.imported:
            command = [sys.executable, "-m", "ansible", "playbook", *order.arguments]
            os.execve(sys.executable, command, dict(order.environment))
        os.environ.clear()
        os.environ.update(order.environment)
        code = run_playbook(order)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_playbook(order: Order) -> int:
    from ansible import constants
    from ansible.cli.playbook import PlaybookCLI

    # Made when the constants were imported, for one run; os._exit keeps the exit handler from removing the common one.
    vars(constants)["DEFAULT_LOCAL_TMP"] = tempfile.mkdtemp(prefix="local-", dir=order.output.parent)
    sys.argv = ["ansible-playbook", *order.arguments]
    try:
        PlaybookCLI.cli_executor(sys.argv)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def import_all() -> None:
    """What a run needs of Ansible, and the actions of the collection, which Ansible compiles anew in every process."""
    for name in IMPORTED:
        importlib.import_module(name)
    # A run sets the loader up once more, which changes nothing.
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    loader = importlib.import_module("ansible.plugins.loader")
    loader.init_plugin_loader()
    for plugins in PLUGINS:
        deque(vars(loader)[plugins].all(class_only=True), maxlen=0)
    for name in ACTIONS:
        loader.action_loader.get(f"aliyun_community.slb.{name}", class_only=True)
    for name in LOOKUPS:
        loader.lookup_loader.get(name, class_only=True)


def main(descriptor: int) -> None:
    connection = Connection(descriptor)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.exit("prctl: this system cannot adopt processes")
    import_all()
    gc.collect()
    gc.freeze()  # so that forks share the memory
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who starts this decides when it ends
    serve(connection)


if __name__ == "__main__":
    main(int(sys.argv[1]))
