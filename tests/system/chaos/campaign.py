# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fault campaign: many schedules at once, and for each finding the smallest schedule that still shows it."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import harness
import oracle
from oracle import Finding
from schedule import LISTENER, PLAIN_OPTIONS, Document, Schedule, load, make

WORKERS = 4 * (os.cpu_count() or 1)  # most of the time a schedule waits
SHRINKING = 60.0  # seconds spent on making a schedule smaller
SHOWN = 5  # findings that are shown with their schedule


class Report(NamedTuple):
    """What is wrong with a schedule, if anything. ``outcome``: how its run ended, in a word."""

    schedule: Schedule
    findings: list[Finding]
    outcome: str


def judge(schedule: Schedule) -> Report:
    """Run a schedule and compare the module's word with the truth."""
    try:
        runs = harness.perform(schedule)
        return Report(schedule, oracle.findings(runs), outcome_of(runs[0].result))
    except Exception:  # in the campaign itself, or in reading a result that lacks what it should have
        return Report(schedule, [Finding("broken", traceback.format_exc())], "broken")


def outcome_of(result: Document | None) -> str:
    if result is None:
        return "killed"
    if result.get("failed"):
        return str(result["error"]["code"])
    return "changed" if result["changed"] else "ok"


def judge_seed(seed: int) -> Report:
    return judge(make(seed))


def shrink(report: Report) -> Report:
    """Leave out what is not needed for a finding of the same rule."""
    rule, end = report.findings[0].rule, time.monotonic() + SHRINKING
    changed = True
    while changed:
        changed = False
        for smaller in simpler(report.schedule):
            if time.monotonic() > end:
                return report
            found = judge(smaller)
            if any(finding.rule == rule for finding in found.findings):
                report, changed = found, True
                break
    return report


def simpler(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules with one thing less, the largest things first."""
    servers = {server["server_id"] for server in schedule.backend_servers}
    for fewer in without(schedule.groups):
        yield replace(schedule, groups=fewer, listeners=listeners_for(schedule.listeners, fewer))
    yield from with_less_traffic(schedule)
    for number, group in enumerate(schedule.groups):
        for fewer in without(group["backend_servers"]):
            groups = [*schedule.groups[:number], {**group, "backend_servers": fewer}, *schedule.groups[number + 1 :]]
            yield replace(schedule, groups=groups)
    requested = [member for member in schedule.members if member["server_id"] in servers]
    if requested != schedule.members:
        yield replace(schedule, members=requested)
    for fewer in without(schedule.backend_servers):
        if fewer:
            yield replace(schedule, backend_servers=fewer)
    for fewer in without(schedule.faults):
        yield replace(schedule, faults=fewer)
    for fewer in without(schedule.members):
        yield replace(schedule, members=fewer)
    if schedule.busy_seconds:
        yield replace(schedule, busy_seconds=0.0)
    for name, value in PLAIN_OPTIONS.items():
        if schedule.options[name] != value:
            yield replace(schedule, options={**schedule.options, name: value})


def listeners_for(listeners: list[Document], groups: list[Document]) -> list[Document]:
    """Those that lead to these vServer groups, to the default group or to none, without rules that lead to others."""
    ids = (None, *(group["vserver_group_id"] for group in groups))
    left = [listener for listener in listeners if listener.get("vserver_group_id") in ids]
    return [
        {**one, "rules": [rule for rule in one["rules"] if rule["vserver_group_id"] in ids]} if "rules" in one else one
        for one in left
    ]


def with_less_traffic(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules with fewer listeners and rules, and a load balancer that is active."""
    if schedule.listeners != [LISTENER]:
        yield replace(schedule, listeners=[LISTENER], pairs=[])
    for fewer in without(schedule.listeners):
        used = any("master_slave_server_group_id" in listener for listener in fewer)
        yield replace(schedule, listeners=fewer, pairs=schedule.pairs if used else [])
    for number, listener in enumerate(schedule.listeners):
        for rules in without(listener.get("rules", [])):
            fewer = [*schedule.listeners]
            fewer[number] = {**listener, "rules": rules}
            yield replace(schedule, listeners=fewer)
    if schedule.status != "active":
        yield replace(schedule, status="active")


def without(items: list[Document]) -> Iterator[list[Document]]:
    """The list without a half, a quarter, ... and at last without each of its elements."""
    size = len(items)
    while size > 1:
        size = (size + 1) // 2
        yield from (items[:start] + items[start + size :] for start in range(0, len(items), size))
    if len(items) == 1:
        yield []


def run_campaign(seeds: range, workers: int = WORKERS) -> list[Report]:
    """Judge the schedules of all seeds."""
    context = multiprocessing.get_context("fork")  # the SDK is loaded once, before
    with context.Pool(min(workers, len(seeds)), initializer=harness.make_time_cheap) as pool:
        return sorted(pool.imap_unordered(judge_seed, seeds), key=lambda report: report.schedule.seed)


def show(report: Report, folder: Path) -> None:
    """Print a finding with the command that replays it, and keep its schedule."""
    seed = report.schedule.seed
    print(f"\nSchedule {seed}: make chaos N=1 SEED={seed}")
    for rule, detail in report.findings:
        print(f"  {rule}: {detail}")
    smallest = shrink(report)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}.yml"
    path.write_text(smallest.schedule.text(), encoding="utf-8")
    print(f"The smallest schedule found that shows it: make chaos SCHEDULE={path}")
    print("\n".join(f"  {line}" for line in smallest.schedule.text().splitlines()))
    print("\n".join(f"  -> {rule}: {detail}" for rule, detail in smallest.findings), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=2000, help="how many schedules (%(default)s)")
    parser.add_argument("--seed", type=int, help="number of the first schedule (default: by chance)")
    parser.add_argument("--schedule", type=Path, help="run this one file")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many at once (%(default)s)")
    parser.add_argument("--keep", type=Path, default=Path("chaos"), help="folder for schedules with findings")
    options = parser.parse_args()
    if options.schedule:
        harness.make_time_cheap()
        report = judge(load(options.schedule))
        print("\n".join(f"{rule}: {detail}" for rule, detail in report.findings) or f"{report.outcome}, no finding")
        return 1 if report.findings else 0
    seed = secrets.randbelow(10**9) if options.seed is None else options.seed
    print(f"{options.n} schedules from SEED={seed}", flush=True)
    started = time.monotonic()
    reports = run_campaign(range(seed, seed + options.n), options.workers)
    seconds = time.monotonic() - started
    outcomes = Counter(report.outcome for report in reports)
    print("Outcomes: " + ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common()))
    bad = [report for report in reports if report.findings]
    harness.make_time_cheap()
    for report in bad[:SHOWN]:
        show(report, options.keep)
    for report in bad[SHOWN:]:
        print(f"Schedule {report.schedule.seed} too: {', '.join(sorted({rule for rule, _detail in report.findings}))}")
    print(f"{len(reports) - len(bad)} passed, {len(bad)} failed, in {seconds:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
