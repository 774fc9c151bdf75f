# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make matrix``: sanity, units and integration under each line of ansible-core, as a table.

A nox session (noxfile.py) is one line of ansible-core on one Python of this machine.
Each runs the integration targets with its Python as controller and target. The one
with a line's newest Python also runs what covers every Python by itself: sanity,
units, and the targets with the modules on the oldest Python. SESSIONS picks sessions, and
the others' last results stay in the table. ansible-core devel runs only if SESSIONS
names it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import project
from ansible_core import LINES, Line, pythons

FOLDER = project.ROOT / ".cache" / "matrix"


@dataclass(frozen=True)
class Session:
    """The checks under one line of ansible-core on one Python."""

    line: Line
    python: str
    checks: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.line.name}-py{self.python}"

    @property
    def folder(self) -> Path:
        """Where its copies of the checkout, its logs and its results are."""
        return FOLDER / self.name

    def environment(self) -> dict[str, str]:
        """What checks.py is told."""
        return {
            "CHECKS": " ".join(self.checks),
            "CHECKS_CACHE": str(self.folder),
            "SKIP_SANITY": " ".join(self.line.skip_sanity),
        }

    def results(self) -> dict[str, Any] | None:
        """What checks.py counted in its last run; None when it has not run to the end."""
        file = self.folder / project.RESULTS
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


@cache
def sessions() -> list[Session]:
    """A session for each line and each of its Pythons that this machine has."""
    found = []
    for line in LINES:
        versions = pythons(line)
        for python in versions:
            once = ("sanity", "units-everywhere", "integration") if python == versions[-1] else ()
            found.append(Session(line, python, ("integration-same", *once)))
    return found


def selected() -> list[Session]:
    """The sessions that SESSIONS asks for."""
    wanted = os.environ.get("SESSIONS", "").replace(",", " ").split()
    names = [session.name for session in sessions()]
    unknown = [name for name in wanted if name not in names and name != "list"]
    if unknown or "list" in wanted:
        print("\n".join(f"{session.name:<12}{' '.join(session.checks)}" for session in sessions()))
        sys.exit(f"There is no session named {', '.join(unknown)}." if unknown else 0)
    return [session for session in sessions() if session.name in wanted or not (wanted or session.line.on_request)]


def run(picked: Iterable[Session]) -> None:
    """Let nox run the sessions; whether they passed is for their results to say."""
    picked = list(picked)
    for session in picked:
        (session.folder / project.RESULTS).unlink(missing_ok=True)
    command: list[str | Path] = [project.PYTHON, "-m", "nox", "--noxfile", project.ROOT / "noxfile.py", "--sessions"]
    subprocess.run([*command, *(session.name for session in picked)], stdin=subprocess.DEVNULL, check=False)


def table() -> str:
    """A row for each line of ansible-core of which a session has run."""
    targets = list(project.target_pythons())
    heads = [
        "ansible-core",
        "controller on Python",
        "sanity",
        f"units, Python {targets[0]} to {targets[-1]}",
        "integration",
        f"integration, modules on Python {targets[0]}",
    ]
    rows = [row for line in LINES if (row := cells([s for s in sessions() if s.line == line]))]
    table_rows = [heads, ["---"] * 2 + ["---:"] * 4, *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in table_rows)


def cells(of_line: list[Session]) -> list[str]:
    """The row of the sessions of one line; empty when none has run."""
    ran = {session: results for session in of_line if (results := session.results())}
    if not ran:
        return []
    line = of_line[0].line
    version = ", ".join(sorted({results["ansible_core"] for results in ran.values()}))
    counts = [count(name, ran.values()) for name in ("sanity", "units-everywhere", "integration-same", "integration")]
    if line.skip_sanity:
        counts[0] += f" (without {', '.join(line.skip_sanity)})"
    title = version if line.supported else f"{version}, not yet supported"
    return [title, ", ".join(session.python for session in ran), *counts]


def count(check: str, results: Iterable[dict[str, Any]]) -> str:
    """The sums of one check over the sessions that ran it."""
    counted = [result["checks"][check] for result in results if check in result["checks"]]
    passed, failed = (sum(each[key] for each in counted) for key in ("passed", "failed"))
    if not counted:
        return "not run"
    return f"{passed} passed" if not failed else f"{passed} passed, **{failed} failed**"


def has_passed(session: Session) -> bool:
    results = session.results()
    return results is not None and not any(check["failed"] for check in results["checks"].values())


def main() -> int:
    picked = selected()
    run(picked)
    print(f"\n{table()}\n")
    named = bool(os.environ.get("SESSIONS"))
    failed = [session.name for session in picked if (session.line.supported or named) and not has_passed(session)]
    if failed:
        print(f"Failed: {', '.join(failed)}. Their logs are in {FOLDER.relative_to(project.ROOT)}.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
