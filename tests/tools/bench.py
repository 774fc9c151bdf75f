# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make bench``: what a task costs, as Markdown; with SAVE=1 also into docs/benchmarks.md.

Time per task is (play with 20 iterations - empty play) / 20, the median of rounds
in which all plays take turns. Calls, seconds and memory are those of the module
run as a process of its own. Figures above a limit are marked; wrong numbers of
calls end the program with an error.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import project
import rehearsal
import workspace
import yaml
from rehearsal import LOAD_BALANCER, Rehearsal

COLLECTIONS = project.CACHE / "bench" / "collections"
MODULE = f"{project.collection_name()}.slb_backend_weights"
SAVED = project.ROOT / "docs" / "benchmarks.md"

ITERATIONS = 20
ROUNDS = 5
SERVERS = (1, 20, 21, 100, 200, 1000)
BATCH = 20
MEMORY_LIMIT = 120.0  # MB, at the largest of SERVERS

HEADER = """\
<!--
Copyright (c) 2026 aliyun_community.slb contributors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""


class WrongCount(Exception):
    """The module made another number of calls than it should, or than it says."""


@dataclass(frozen=True)
class Case:
    """A task that is measured, and the most it may cost in units of a ping."""

    title: str
    task: dict[str, Any] | None
    limit: float | None = None
    requests: int = 0  # that one task sends to the API


def weights_task(weight: str | int) -> dict[str, Any]:
    servers = [{"server_id": "i-web1", "weight": weight}]
    return {MODULE: {"load_balancer_id": LOAD_BALANCER, "backend_servers": servers}}


EMPTY = Case("empty play", None)
PING = Case("`ansible.builtin.ping`", {"ansible.builtin.ping": {}})
CASES = (
    EMPTY,
    PING,
    Case("`slb_backend_weights`, nothing differs (1 call)", weights_task(100), 1.45, 1),
    Case("`slb_backend_weights`, one weight differs (3 calls)", weights_task("{{ item }}"), 1.55, 3),
    Case(
        "for comparison: a script with the SDK and no safety (3 calls)",
        {"bare_set_weights": {"load_balancer_id": LOAD_BALANCER, "server_id": "i-web1", "weight": "{{ item }}"}},
        requests=3,
    ),
)


def playbook(case: Case) -> str:
    """A play that runs the task 20 times, each time with another ``item``."""
    loop = f"{{{{ range(1, {ITERATIONS} + 1) | list }}}}"
    tasks = [case.task | {"name": "Measured task", "loop": loop}] if case.task else []
    variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
    return yaml.safe_dump([{"name": "Measure", **play}], sort_keys=False)


def time_play(slb: Rehearsal, path: Path) -> float:
    """Seconds that ansible-playbook takes for the play."""
    environment = project.environment(
        ANSIBLE_COLLECTIONS_PATH=COLLECTIONS,
        ANSIBLE_LIBRARY=Path(__file__).with_name("bench"),
        **slb.connection(),
    )
    started = time.perf_counter()
    subprocess.run(
        [project.PYTHON, project.BIN / "ansible-playbook", path],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return time.perf_counter() - started


def measure_round(slb: Rehearsal, folder: Path, state: dict[str, Any]) -> dict[str, float]:
    """Seconds of each case's play, all from the same state."""
    seconds = {}
    for number, case in enumerate(CASES):
        path = folder / f"{number}.yml"
        path.write_text(playbook(case), encoding="utf-8")
        slb.control("PUT", "state", state)
        slb.forget_requests()
        seconds[case.title] = time_play(slb, path)
        sent = len(slb.actions())
        if sent != case.requests * ITERATIONS:
            raise WrongCount(f"{case.title}: {sent} requests instead of {case.requests * ITERATIONS}")
    return seconds


def measure_tasks(folder: Path) -> dict[str, float]:
    """Seconds per task of each case but the empty play."""
    state = yaml.safe_load(rehearsal.EXAMPLE_STATE.read_text(encoding="utf-8"))
    with rehearsal.running() as slb:
        measure_round(slb, folder, state)  # files are read from disk and caches filled
        rounds = []
        for number in range(1, ROUNDS + 1):
            print(f"round {number} of {ROUNDS}", file=sys.stderr, flush=True)
            rounds.append(measure_round(slb, folder, state))
    return {
        case.title: statistics.median((seconds[case.title] - seconds[EMPTY.title]) / ITERATIONS for seconds in rounds)
        for case in CASES
        if case is not EMPTY
    }


@dataclass(frozen=True)
class Change:
    """What one change of many servers took."""

    servers: int
    calls: int
    seconds: float
    megabytes: float


def many_servers(count: int) -> dict[str, Any]:
    """A state with one load balancer of that many servers, all with weight 100."""
    members = [{"server_id": f"i-bench{number:04}", "weight": 100, "type": "ecs"} for number in range(count)]
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
        "load_balancers": [
            {"load_balancer_id": LOAD_BALANCER, "region_id": "cn-hangzhou", "backend_servers": members, "listeners": []}
        ],
    }


def run_module(slb: Rehearsal, arguments: dict[str, Any], folder: Path) -> tuple[dict[str, Any], float, float]:
    """Run the module as a process; returns its result, the seconds and the peak memory in MB."""
    file, output = folder / "arguments.json", folder / "output.json"
    file.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), encoding="utf-8")
    name = f"ansible_collections.{project.collection_name()}.plugins.modules.slb_backend_weights"
    with output.open("w", encoding="utf-8") as stdout:
        started = time.perf_counter()
        process = subprocess.Popen(
            [project.PYTHON, "-m", name, str(file)],
            env=project.environment(PYTHONPATH=COLLECTIONS, **slb.connection()),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
        )
        _pid, _status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    result = json.loads(output.read_text(encoding="utf-8"))
    if result.get("failed"):
        raise WrongCount(f"the module failed: {result['msg']}")
    # Linux counts in KiB, macOS in bytes.
    unit = 1024 if sys.platform == "linux" else 1
    return result, seconds, usage.ru_maxrss * unit / 1e6


def measure_change(count: int, folder: Path) -> Change:
    """Change the weights of that many servers, in one task."""
    state = folder / "state.yml"
    state.write_text(yaml.safe_dump(many_servers(count)), encoding="utf-8")
    servers = [{"server_id": f"i-bench{number:04}", "weight": 50} for number in range(count)]
    with rehearsal.running(state) as slb:
        arguments = {"load_balancer_id": LOAD_BALANCER, "backend_servers": servers}
        result, seconds, megabytes = run_module(slb, arguments, folder)
        recorded = len(slb.actions())
        weights = set(slb.weights().values())
    expected = 2 + ceil(count / BATCH)
    if not result["api_calls"] == recorded == expected or weights != {50}:
        raise WrongCount(
            f"{count} servers: {expected} calls expected, {result['api_calls']} reported, {recorded} recorded;"
            f" weights afterwards: {weights}"
        )
    return Change(count, recorded, seconds, megabytes)


def processor() -> str:
    """The model of the CPU."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.processor() or platform.machine()


def machine() -> str:
    from importlib.metadata import version

    packages = ("ansible-core", "aliyun-python-sdk-core", "aliyun-python-sdk-slb")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"Measured on {processor()}, {os.cpu_count()} cores, {platform.system()},"
        f" Python {platform.python_version()}, {versions}; API on loopback."
    )


def task_table(costs: dict[str, float]) -> str:
    ping = costs[PING.title]
    lines = [
        f"Seconds per task: (play with {ITERATIONS} iterations - empty play) / {ITERATIONS},"
        f" median of {ROUNDS} interleaved rounds.",
        "",
        "| task | seconds | times a ping | limit |",
        "|---|---:|---:|---:|",
    ]
    for case in CASES:
        if case is not EMPTY:
            ratio = costs[case.title] / ping
            lines.append(f"| {case.title} | {costs[case.title]:.3f} | {ratio:.2f} | {limit_text(ratio, case.limit)} |")
    return "\n".join(lines)


def limit_text(value: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return f"{limit:g}" if value <= limit else f"{limit:g}, **exceeded**"


def change_table(changes: list[Change]) -> str:
    lines = [
        "One task that changes the weights of many servers: the module's own process, on an idle API.",
        "",
        "| servers that differ | API calls | seconds | peak memory, MB | limit, MB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for change in changes:
        limit = MEMORY_LIMIT if change.servers == max(SERVERS) else None
        memory = limit_text(change.megabytes, limit)
        lines.append(
            f"| {change.servers} | {change.calls} | {change.seconds:.2f} | {change.megabytes:.0f} | {memory} |"
        )
    return "\n".join(lines)


def main() -> int:
    workspace.build_artifact()
    workspace.install_artifact(COLLECTIONS)
    try:
        with tempfile.TemporaryDirectory(prefix="slb-bench-") as name:
            folder = Path(name)
            changes = [measure_change(count, folder) for count in SERVERS]
            costs = measure_tasks(folder)
    except (WrongCount, rehearsal.RehearsalError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{error.output}\n{error}", file=sys.stderr)
        return 1
    text = "\n\n".join(["# Benchmarks", machine(), task_table(costs), change_table(changes)]) + "\n"
    print(text, end="")
    if os.environ.get("SAVE"):
        SAVED.parent.mkdir(exist_ok=True)
        SAVED.write_text(f"{HEADER}\n{text}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
