# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make bench``: what a task costs, as Markdown; with SAVE=1 also into docs/benchmarks.md.

Time per task is (play with 20 iterations - empty play) / 20, the median of rounds
in which all plays take turns. Calls, seconds and memory of a change are those of
the module run as a process of its own. A rolling update is played over hosts that
are only names, by the role, by the usual way and without a load balancer. Figures above a limit are marked; wrong
numbers of calls and weights that are not as before end the program with an error.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import emulator_process
import project
import workspace
import yaml
from emulator_process import LOAD_BALANCER, EmulatorProcess

COLLECTIONS = project.CACHE / "bench" / "collections"
FILES = Path(__file__).with_name("bench")
MODULE = f"{project.collection_name()}.slb_backend_weights"
SAVED = project.ROOT / "docs" / "benchmarks.md"

ITERATIONS = 20
ROUNDS = 5
SERVERS = (1, 20, 21, 100, 200, 1000)
GROUPS = (1, 10, 50)  # vServer groups of a load balancer
BATCH = 20
MEMORY_LIMIT = 120.0  # MB, at the largest of SERVERS

HOSTS = (10, 50, 200)  # of a roll
BATCHES = 10
LATENCY = 0.1  # seconds until the API answers a roll
BUSY_SECONDS = 1.0  # after each write of a roll
BATCH_LIMIT = 1.0  # seconds for each batch, beyond the API's time and the update
HOST_LIMIT = 0.05  # seconds for each host, likewise
USUAL_WAY_LIMIT = 1.0  # times the usual way, for the fewest of HOSTS
GROWTH_LIMIT = 1.5  # times the fewest of HOSTS, for the most
BUSY = "BackendServer.configuring"

HEADER = """\
<!--
Copyright (c) 2026 aliyun_community.slb contributors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
"""


class WrongCount(Exception):
    """Another number of calls was made than should be or than is said, or weights are not as they should be."""


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


def time_play(slb: EmulatorProcess, *arguments: str | Path) -> float:
    """Seconds that ansible-playbook takes with these arguments."""
    environment = project.environment(ANSIBLE_COLLECTIONS_PATH=COLLECTIONS, ANSIBLE_LIBRARY=FILES, **slb.connection())
    started = time.perf_counter()
    subprocess.run(
        [project.PYTHON, project.BIN / "ansible-playbook", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return time.perf_counter() - started


def measure_round(slb: EmulatorProcess, folder: Path, state: dict[str, Any]) -> dict[str, float]:
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
    state = yaml.safe_load(emulator_process.EXAMPLE_STATE.read_text(encoding="utf-8"))
    with emulator_process.running() as slb:
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
    load_balancer = {
        "load_balancer_id": LOAD_BALANCER,
        "region_id": "cn-hangzhou",
        "backend_servers": [{"server_id": server, "weight": 100, "type": "ecs"} for server in server_ids(count)],
        "listeners": [
            {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 80, "health_check": "on"}
        ],
    }
    return {
        "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
        "load_balancers": [load_balancer],
    }


def server_ids(count: int) -> list[str]:
    return [f"i-bench{number:04}" for number in range(count)]


def state_file(count: int, folder: Path) -> Path:
    path = folder / "state.yml"
    path.write_text(yaml.safe_dump(many_servers(count)), encoding="utf-8")
    return path


def run_module(slb: EmulatorProcess, arguments: dict[str, Any], folder: Path) -> tuple[dict[str, Any], float, float]:
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
    servers = [{"server_id": server, "weight": 50} for server in server_ids(count)]
    with emulator_process.running(state_file(count, folder)) as slb:
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


@dataclass(frozen=True)
class GroupsChange:
    """What it took to drain one server in that many vServer groups, and a second task that found it done."""

    groups: int
    calls: int
    calls_again: int
    seconds: float
    megabytes: float


def many_groups(count: int) -> dict[str, Any]:
    """A state with that many vServer groups, each with two ports of two servers. The default group has neither."""
    members = [{"server_id": server, "port": port, "weight": 100} for server in server_ids(2) for port in (8080, 8081)]
    state = many_servers(0)
    state["load_balancers"][0]["vserver_groups"] = [
        {"vserver_group_id": f"rsp-bench{number:02}", "backend_servers": members} for number in range(count)
    ]
    return state


def measure_groups(count: int, folder: Path) -> GroupsChange:
    """Drain a server in all groups: read and list, then read, write and verify each group."""
    path = folder / "groups.yml"
    path.write_text(yaml.safe_dump(many_groups(count)), encoding="utf-8")
    server = server_ids(2)[0]
    arguments = {
        "load_balancer_id": LOAD_BALANCER,
        "server_groups": "all",
        "backend_servers": [{"server_id": server, "weight": 0}],
    }
    with emulator_process.running(path) as slb:
        result, seconds, megabytes = run_module(slb, arguments, folder)
        recorded = len(slb.actions())
        again, _seconds, _megabytes = run_module(slb, arguments, folder)
    weights = [member["weight"] for member in result["backend_servers"] if member["server_id"] == server]
    expected, expected_again = 2 + 3 * count, 2 + count
    right = (expected, expected, expected_again, False, [0] * 2 * count)
    if (result["api_calls"], recorded, again["api_calls"], again["changed"], weights) != right:
        raise WrongCount(
            f"{count} groups: {expected} calls expected, {result['api_calls']} reported, {recorded} recorded; then"
            f" {expected_again} expected and {again['api_calls']} reported; weights afterwards: {set(weights)}"
        )
    return GroupsChange(count, recorded, again["api_calls"], seconds, megabytes)


@dataclass(frozen=True)
class Way:
    """A way to update in batches: its playbook, and its calls but for those that were answered with BUSY."""

    playbook: str
    calls_per_host: int = 0
    calls_per_batch: int = 0
    calls_per_roll: int = 0

    def calls(self, hosts: int, batches: int) -> int:
        return self.calls_per_host * hosts + self.calls_per_batch * batches + self.calls_per_roll


# Drain 3, the groups for the proof 1, health 1, restore 3; before the first batch the members, the listeners and the groups.
ROLE = Way("role.yml", calls_per_batch=8, calls_per_roll=3)
USUAL_WAY = Way("usual_way.yml", calls_per_host=6)
UPDATE_ALONE = Way("update_alone.yml")


@dataclass(frozen=True)
class Roll:
    """What a rolling update took. ``api_seconds``: how long it waited for the API, if it made one call at a time."""

    calls: int
    busy: int
    seconds: float
    api_seconds: float

    def cells(self) -> str:
        return f"{self.calls} | {self.busy} | {self.seconds:.0f}"


def inventory(servers: list[str], folder: Path) -> Path:
    """Hosts that are only names: their tasks run on this machine."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "rolling_update_record_dir": str(folder / "records"),
    }
    hosts = {server.removeprefix("i-"): {"rolling_update_server_id": server} for server in servers}
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}), encoding="utf-8")
    return path


def measure_roll(way: Way, count: int, folder: Path) -> Roll:
    """Roll over that many hosts. Every server must have been out and be back, with no other call than it takes."""
    print(f"roll over {count} hosts with {way.playbook}", file=sys.stderr, flush=True)
    hosts = inventory(server_ids(count), folder)
    options = ["--latency", str(LATENCY), "--busy-seconds", str(BUSY_SECONDS)]
    with emulator_process.running(state_file(count, folder), *options) as slb:
        before = slb.weights()
        seconds = time_play(slb, "-i", hosts, "-e", f"batch={count // BATCHES}", FILES / way.playbook)
        after = slb.weights()
        requests = slb.control("GET", "requests")["requests"]
    busy = [request["code"] for request in requests].count(BUSY)
    moves = Counter(change["server_id"] for request in requests for change in request["changed_members"])
    expected = way.calls(count, BATCHES)
    moved = dict.fromkeys(before, 2) if expected else {}
    if len(requests) - busy != expected or after != before or moves != moved:
        raise WrongCount(
            f"{way.playbook}, {count} hosts: {expected} calls expected, {len(requests) - busy} recorded;"
            f" weights {'as' if after == before else 'not as'} before; changes of each server: {dict(moves)}"
        )
    return Roll(len(requests), busy, seconds, api_seconds(requests))


def api_seconds(requests: list[dict[str, Any]]) -> float:
    """The latency of all calls, and the pauses after those that were answered with BUSY."""
    ordered = sorted(requests, key=lambda request: float(request["received"]))
    pauses = [
        later["received"] - earlier["received"] - LATENCY
        for earlier, later in itertools.pairwise(ordered)
        if earlier["code"] == BUSY
    ]
    return float(LATENCY * len(requests) + sum(pauses))


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


def groups_table(changes: list[GroupsChange]) -> str:
    lines = [
        "One task that drains a server in all vServer groups of a load balancer, two ports in each.",
        "",
        "| vServer groups | API calls | API calls if nothing differs | seconds | peak memory, MB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for change in changes:
        numbers = f"{change.groups} | {change.calls} | {change.calls_again}"
        lines.append(f"| {numbers} | {change.seconds:.2f} | {change.megabytes:.0f} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Comparison:
    """The same rolling update in three ways."""

    role: Roll
    usual: Roll
    alone: Roll

    @property
    def beyond(self) -> float:
        """The seconds of the role that are neither the API's nor the update's."""
        return self.role.seconds - self.role.api_seconds - self.alone.seconds


def compare_ways(count: int, folder: Path) -> Comparison:
    return Comparison(*(measure_roll(way, count, folder) for way in (ROLE, USUAL_WAY, UPDATE_ALONE)))


def roll_table(rolls: dict[int, Comparison]) -> str:
    """For each number of hosts the role beside the usual way, and what the role costs."""
    lines = [
        f"A rolling update in {BATCHES} batches of the servers of one load balancer, with an update that does nothing and"
        f" without a wait for traffic. The API answers after {LATENCY:g} s and is busy for {BUSY_SECONDS:g} s after each write: calls that it refused"
        " for that count as calls too. The role drains and restores a batch with one write each. The usual way has"
        " two tasks of `slb_backend_weights` for each host, delegated to the controller, in a play with the same `serial`.",
        "",
        "| hosts | batches | role: API calls | refused | seconds | usual way: API calls | refused | seconds | update alone: seconds |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for hosts, roll in rolls.items():
        lines.append(f"| {hosts} | {BATCHES} | {roll.role.cells()} | {roll.usual.cells()} | {roll.alone.seconds:.0f} |")
    return "\n".join([*lines, "", *cost_lines(rolls)])


def cost_lines(rolls: dict[int, Comparison]) -> list[str]:
    few, many = min(rolls), max(rolls)
    per_host = (rolls[many].beyond - rolls[few].beyond) / (many - few)
    per_batch = (rolls[few].beyond - few * per_host) / BATCHES
    rows = (
        ("seconds for each batch, beyond the API's time and the update", per_batch, BATCH_LIMIT),
        ("seconds for each host, beyond the API's time and the update", per_host, HOST_LIMIT),
        (f"{few} hosts, times the usual way", rolls[few].role.seconds / rolls[few].usual.seconds, USUAL_WAY_LIMIT),
        (f"{many} hosts, times {few} hosts", rolls[many].role.seconds / rolls[few].role.seconds, GROWTH_LIMIT),
    )
    return [
        "| what the role costs | measured | limit |",
        "|---|---:|---:|",
        *(f"| {what} | {value:.2f} | {limit_text(value, limit)} |" for what, value, limit in rows),
        "",
        "Most of the seconds for each host are Ansible's own: it starts a process for each task of each host, and the role has"
        " five such tasks.",
    ]


def main() -> int:
    workspace.build_artifact()
    workspace.install_artifact(COLLECTIONS)
    try:
        with tempfile.TemporaryDirectory(prefix="slb-bench-") as name:
            folder = Path(name)
            changes = [measure_change(count, folder) for count in SERVERS]
            group_changes = [measure_groups(count, folder) for count in GROUPS]
            costs = measure_tasks(folder)
            rolls = {count: compare_ways(count, folder) for count in HOSTS}
    except (WrongCount, emulator_process.EmulatorProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{error.output}\n{error}", file=sys.stderr)
        return 1
    tables = [task_table(costs), change_table(changes), groups_table(group_changes), roll_table(rolls)]
    text = "\n\n".join(["# Benchmarks", machine(), *tables]) + "\n"
    print(text, end="")
    if os.environ.get("SAVE"):
        SAVED.parent.mkdir(exist_ok=True)
        SAVED.write_text(f"{HEADER}\n{text}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
