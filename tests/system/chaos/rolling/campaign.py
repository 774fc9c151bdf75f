# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The campaign for rolling updates: many schedules at once, and everything about those with a finding."""

from __future__ import annotations

import argparse
import atexit
import multiprocessing
import os
import secrets
import shlex
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from warm_ansible import WarmAnsible

from . import judge, stage
from .judge import Finding
from .runs import Edit, Mark, Run, environment_for_ansible, identity_of, perform
from .schedule import Document, Schedule, load, make

WORKERS = 2 * (os.cpu_count() or 1)  # a schedule waits about half of its time
SHOWN = 3  # findings that are shown with their schedule


class Report(NamedTuple):
    """What is wrong with a schedule, if anything. ``outcome``: how its first run ended."""

    schedule: Schedule
    findings: list[Finding]
    outcome: str
    runs: list[Run]


class Player:
    """Runs schedules in this process, with an Ansible of its own."""

    def __init__(self, collections: str) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="slb-rolling-home-", ignore_cleanup_errors=True)
        self.environment = environment_for_ansible(collections, Path(self._home.name))
        self.ansible = WarmAnsible(self.environment)

    def close(self) -> None:
        self.ansible.close()
        self._home.cleanup()

    def judge(self, schedule: Schedule) -> Report:
        try:
            runs = perform(schedule, self.ansible, self.environment)
            return Report(schedule, judge.findings(schedule, runs), outcome_of(runs[0]), runs)
        except Exception:  # in the campaign itself
            return Report(schedule, [Finding("broken", traceback.format_exc())], "broken", [])


def outcome_of(run: Run) -> str:
    if run.signalled:
        return "signalled"
    return {None: "hung", 0: "ok"}.get(run.exit_code, f"exit code {run.exit_code}")


# Of a worker.
_players: list[Player] = []


def start_worker(collections: str) -> None:
    player = Player(collections)
    _players.append(player)
    atexit.register(player.close)


def judge_seed(seed: int) -> Report:
    """The report without the runs, which need not travel."""
    return _players[0].judge(make(seed))._replace(runs=[])


def shrink(player: Player, report: Report, seconds: float) -> Report:
    """Leave out what is not needed for a finding of the same rule, as long as there is time."""
    rule, end = report.findings[0].rule, time.monotonic() + seconds
    changed = True
    while changed:
        changed = False
        for smaller in simpler(report.schedule):
            if time.monotonic() > end:
                return report
            found = player.judge(smaller)
            if any(finding.rule == rule for finding in found.findings):
                report, changed = found, True
                break
    return report


def simpler(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules with one thing less, the largest things first."""
    plain = Schedule(schedule.seed, schedule.hosts, schedule.others)
    for name in ("as_process", "local_hosts", "own_variables", "become", "limit", "rescue", "check", "signal", "forks"):
        if getattr(schedule, name) != getattr(plain, name):
            yield replace(schedule, **{name: getattr(plain, name)})
    for fewer in without_one(schedule.faults):
        yield replace(schedule, faults=fewer)
    for fewer in without_one(schedule.edits):
        yield replace(schedule, edits=fewer)
    for fewer in without_one(schedule.groups):
        yield replace(schedule, groups=fewer)
    for fewer in without_one(schedule.after):
        yield replace(schedule, after=fewer)
    for name in schedule.keywords:
        yield replace(schedule, keywords={key: value for key, value in schedule.keywords.items() if key != name})
    for name in schedule.options:
        if name not in ("drain_delay", "health_timeout", "ramp_pause"):
            yield replace(schedule, options={key: value for key, value in schedule.options.items() if key != name})
    if schedule.update["kind"] != "ok":
        yield replace(schedule, update={"kind": "ok", "hosts": []})
    for fewer in without_one(schedule.hosts):
        if fewer:
            yield replace(schedule, hosts=fewer)


def without_one(items: list[Document]) -> Iterator[list[Document]]:
    return ([*items[:index], *items[index + 1 :]] for index in range(len(items)))


def run_campaign(seeds: range, collections: str) -> list[Report]:
    """Judge the schedules of all seeds."""
    context = multiprocessing.get_context("fork")
    workers = min(WORKERS, len(seeds))
    reports = []
    with context.Pool(workers, initializer=start_worker, initargs=(collections,)) as pool:
        for report in pool.imap_unordered(judge_seed, seeds):
            reports.append(report)
            if report.findings:
                rules = ", ".join(sorted({rule for rule, _detail in report.findings}))
                print(f"Schedule {report.schedule.seed}: {rules}", flush=True)
        pool.close()
        pool.join()
    return sorted(reports, key=lambda report: report.schedule.seed)


def story_of(report: Report) -> str:
    """All there is to know about a schedule: its files, its commands, their output, the record, the findings."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stage.write(report.schedule, folder)
        files = sorted(path for path in folder.rglob("*.yml"))
        parts = [f"--- {path.relative_to(folder)}\n{path.read_text(encoding='utf-8')}" for path in files]
    parts.insert(0, f"--- the schedule\n{report.schedule.text()}")
    for number, run in enumerate(report.runs, 1):
        parts.append(f"--- run {number} ({run.name}): ansible-playbook {shlex.join(run.command)}\n{run.output}")
        parts.append(f"--- run {number}: exit code {run.exit_code}; the record\n" + "\n".join(record_of(run)))
    return "\n".join(parts)


def record_of(run: Run) -> Iterator[str]:
    events = list(run.events)
    for position, request in enumerate(run.requests):
        while events and events[0].position <= position:
            yield line_of(events.pop(0))
        yield f"  {request}"
    yield from map(line_of, events)


def line_of(event: Mark | Edit) -> str:
    if isinstance(event, Edit):
        return f"  another job on {event.group}: {', '.join(map(str, event.changes))}"
    weights = "; ".join(
        f"{name} {', '.join(' '.join(filter(None, identity_of(member))) + f'={member.weight}' for member in members)}"
        for name, members in event.members.items()
    )
    return f"  MARK {event.host} {event.step} (play {event.play + 1}): {weights}"


def show_findings(report: Report) -> str:
    return "\n".join(f"  {rule}: {detail}" for rule, detail in report.findings)


def show(player: Player, report: Report, options: argparse.Namespace) -> None:
    """Print a finding with the command that replays it, and keep its schedule."""
    seed = report.schedule.seed
    print(f"\nSchedule {seed}: make chaos ROLLING=1 SCHEDULE={seed}\n{show_findings(report)}")
    if not options.shrink:
        return
    smallest = shrink(player, report, options.shrink)
    options.keep.mkdir(parents=True, exist_ok=True)
    path = options.keep / f"rolling-{seed}.yml"
    path.write_text(smallest.schedule.text(), encoding="utf-8")
    print(f"The smallest schedule found that shows it: make chaos ROLLING=1 SCHEDULE={path}")
    print("\n".join(f"  {line}" for line in smallest.schedule.text().splitlines()))
    print(f"which has\n{show_findings(smallest)}", flush=True)


def replay(what: str, collections: str) -> int:
    """Run one schedule, the one of a number or of a file, and print everything."""
    schedule = make(int(what)) if what.isdigit() else load(Path(what))
    player = Player(collections)
    try:
        report = player.judge(schedule)
    finally:
        player.close()
    print(story_of(report))
    print(f"--- the judge\n{show_findings(report) or '  no finding'}")
    print(f"{0 if report.findings else 1} passed, {1 if report.findings else 0} failed")
    return 1 if report.findings else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=60, help="how many schedules (%(default)s)")
    parser.add_argument("--seed", type=int, help="number of the first schedule (default: by chance)")
    parser.add_argument("--schedule", help="run this one: a number, or a file")
    parser.add_argument("--shrink", type=float, default=60, help="seconds to look for a smaller schedule (%(default)s)")
    parser.add_argument("--keep", type=Path, default=Path("chaos"), help="folder for schedules with findings")
    parser.add_argument("--collections", required=True, help="folder that holds ansible_collections")
    options = parser.parse_args()
    if options.schedule:
        return replay(options.schedule, options.collections)
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    print(f"{options.n} rolling updates from SEED={seed}", flush=True)
    started = time.monotonic()
    reports = run_campaign(range(seed, seed + options.n), options.collections)
    seconds = time.monotonic() - started
    outcomes = Counter(report.outcome for report in reports)
    print("Outcomes: " + ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common()))
    bad = [report for report in reports if report.findings]
    show_some(bad, options)
    print(f"{len(reports) - len(bad)} passed, {len(bad)} failed, in {seconds:.0f} s")
    return 1 if bad else 0


def show_some(bad: list[Report], options: argparse.Namespace) -> None:
    if not bad:
        return
    player = Player(options.collections)
    try:
        for report in bad[:SHOWN]:
            show(player, report, options)
    finally:
        player.close()
    for report in bad[SHOWN:]:
        print(f"Schedule {report.schedule.seed} too:\n{show_findings(report)}")


if __name__ == "__main__":
    sys.exit(main())
