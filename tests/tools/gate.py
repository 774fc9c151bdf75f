# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make test``: the sessions of noxfile.py that must pass before a change lands, in lanes that run side by side.

The output of each session goes to .cache/logs, and is shown if the session fails. The last line is ``N passed, N failed``. It counts
the tests that a session reports, or else the session.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import ansible_core
import project

LINE = ansible_core.newest_line().name
# Each takes about as long as the others. What else must work, such as other lines of ansible-core, the workflows of CI try.
LANES = (
    "changelog formatters codeqa yamllint license-check extra-checks docs-check ansible-lint build-import-check docs typing unit"
    f" system(hostile) ansible-test-sanity-{LINE}",
    # The longer `rolling` takes, the more requests it serves: it must not have to share the processors with more than it does here.
    f"system(rolling) system(docs) ansible-test-integration-{LINE}",
    # What waits for much of its time.
    "emulator system(plays) system(chaos) system(secrets)",
)


@dataclass(frozen=True)
class Result:
    """What a session counted; one whose tool counts nothing is one test.

    ``processor``: the seconds that it took of a processor. Side by side, those decide how long all of them take.
    """

    passed: int
    failed: int
    seconds: float
    processor: float


def count(folder: Path) -> tuple[int, int]:
    """Add up JUnit reports, without skipped tests."""
    passed = failed = 0
    for case in (case for file in folder.glob("*.xml") for case in ElementTree.parse(file).iter("testcase")):
        tags = {child.tag for child in case}
        failed += bool(tags & {"failure", "error"})
        passed += not tags & {"failure", "error", "skipped"}
    return passed, failed


def run(session: str) -> Result:
    """Run a session, say how it went, and show what it printed if it failed."""
    found, log = project.fresh_folder(project.reports_of(session)), project.log_of(session)
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [project.PYTHON, "-m", "nox", "--noxfile", project.ROOT / "noxfile.py", "--session", session],
            # Or the session `formatters` would change files.
            env=project.environment(CI="true"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    passed, failed = count(found)
    # A report without a test that passed is a failure. A session without a report is one test.
    has_report = any(found.glob("*.xml"))
    if not failed and (process.returncode or (has_report and not passed)):
        failed = 1
    processor = usage.ru_utime + usage.ru_stime
    result = Result(passed if has_report else int(not failed), failed, time.monotonic() - started, processor)
    # In one piece: the other lanes print too.
    shown = f"----- {session}\n{log.read_text(encoding='utf-8', errors='replace')}-----\n" if failed else ""
    print(f"{shown}{line(session, result)}", flush=True)
    return result


def line(session: str, result: Result) -> str:
    verdict = "FAILED" if result.failed else "ok"
    return f"{verdict:<7}{session:<32}{result.seconds:5.0f} s {result.processor:4.0f} CPU s  {result.passed} passed, {result.failed} failed"


def run_lane(sessions: list[str]) -> list[Result]:
    return [run(session) for session in sessions]


def main() -> int:
    wanted = sys.argv[1:]
    lanes = [[name for name in lane.split() if not wanted or name in wanted] for lane in LANES]
    others = [name for name in wanted if not any(name in lane for lane in lanes)]
    project.LOGS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with ThreadPoolExecutor(len(lanes) + 1) as pool:
        results = [result for lane in pool.map(run_lane, [*lanes, others]) for result in lane]
    print(f"\nThe sessions took {time.monotonic() - started:.0f} s.")
    failed = sum(result.failed for result in results)
    print(f"{sum(result.passed for result in results)} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
