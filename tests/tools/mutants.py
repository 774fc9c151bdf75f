# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The session mutants: whether the unit tests notice when a line of plugins/module_utils is wrong.

mutmut makes the mutants and runs, for each, the unit tests that reach its function.
Arguments such as ``_plan _client`` pick some files. tests/mutants/survivors.yml lists the
mutants that may survive, with the reason; it must list exactly those that do. The
last line is ``N passed, N failed``: mutants that were killed or are listed, and the rest.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import project
import workspace
import yaml
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents
from mutmut.stats import status_by_exit_code

FOLDER = project.CACHE / "mutants"
SOURCES = workspace.IN_COLLECTIONS / "plugins" / "module_utils"
OWN = project.ROOT / "tests" / "mutants"
LOG = project.LOGS / "mutants.log"

LEAST_KILLED = 0.95
KILLED = ("killed", "timeout", "segfault")

# Those where a mistake does most harm come first.
FILES = (
    *("_plan", "_requested", "_server_groups", "_ledger", "_report", "_weight_setter", "_slb", "_fields", "_client"),
    *("_routes", "_listener_findings", "_listener_check", "_health", "_load_balancer_info", "_search"),
    *("_deadline", "_records", "_numbers"),
    *("_errors", "_module", "_connection", "_credentials/base", "_credentials/chain", "_credentials/profiles"),
    *("_credentials/providers", "_credentials/vendor", "_network_errors", "_transport", "_sdk"),
    *("_rolling_update", "_entries", "_snapshots", "_shared_routes", "_drain_options", "_selection"),
)
# What these do with files, locks, time and each other, plays prove (tests/system), and mutmut runs unit tests alone.
LEFT_TO_PLAYS = (
    *("_audit", "_batch", "_check", "_context", "_coordinator", "_drain", "_health_wait", "_inventory", "_journal"),
    *("_previous_file", "_proof", "_put_back", "_reads", "_recovery", "_restorer", "_survey", "_workbench"),
)

# mutmut leaves decorated functions alone. In the copy, these call a method or function without a decorator.
UNDECORATED = (
    (r"    @property\n    def (\w+)\(self\)", r"    \1 = property(lambda self: self.\1_())\n\n    def \1_(self)"),
    (
        r"@contextlib\.contextmanager\ndef (\w+)\(",
        r"\1 = contextlib.contextmanager(lambda *args: \1_(*args))\n\n\ndef \1_(",
    ),
)

TEXT = re.compile(r"""f?"[^"]*"|f?'[^']*'""")


class Mutant(NamedTuple):
    """A change of one function. ``was`` and ``now``: the lines that differ, with one space for several."""

    file: str
    function: str
    was: str
    now: str

    def is_wording(self) -> bool:
        """Whether only the words of a text differ, which is a text for people if it has a space."""
        if TEXT.split(self.was) != TEXT.split(self.now):
            return False
        texts = zip(TEXT.findall(self.was), TEXT.findall(self.now))
        return all(" " in was for was, now in texts if was != now)

    def __str__(self) -> str:
        return f"{self.file}.py, {self.function}:\n  was: {self.was}\n  now: {self.now}"


class Score(NamedTuple):
    """What became of the mutants. ``unlisted`` survived and ``idle`` is listed, but did not or does not exist."""

    killed: int
    survived: int
    wording: int
    unlisted: list[Mutant]
    idle: list[Mutant]

    @property
    def share(self) -> float:
        return self.killed / (self.killed + self.survived) if self.killed + self.survived else 1.0

    def line(self, name: str) -> str:
        counts = f"{self.killed} killed, {self.survived} survived, {self.share:.1%}"
        return f"{name:<23}{counts:<40}{self.wording} of words not tried"


def prepare() -> None:
    """A fresh folder for mutmut."""
    project.fresh_folder(FOLDER)
    workspace.refresh(FOLDER)
    (FOLDER / "pyproject.toml").write_bytes((OWN / "pyproject.toml").read_bytes())
    for name in FILES:
        path = FOLDER / SOURCES / f"{name}.py"
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in UNDECORATED:
            text = re.sub(pattern, replacement, text)
        path.write_text(text, encoding="utf-8")


def mutants_of(file: str) -> Iterator[tuple[str, Mutant]]:
    """The mutants of a file by the names that mutmut gives them."""
    path = SOURCES / f"{file}.py"
    with contextlib.chdir(FOLDER):  # where mutmut looks for its settings
        mutated = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
    module = ".".join(path.with_suffix("").parts)
    for name in mutated.mutant_names:
        mangled = name.rpartition("__mutmut_")[0]
        original = function_lines(mutated, f"{mangled}__mutmut_orig")
        differing = list(difflib.unified_diff(original, function_lines(mutated, name), n=0, lineterm=""))[2:]
        was, now = (
            " ".join(word for line in differing if line[0] == sign for word in line[1:].split()) for sign in "-+"
        )
        function = re.sub(r"(?<=[^_])_$", "", mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", "."))
        yield f"{module}.{name}", Mutant(file, function, was, now)


def function_lines(mutated: MutatedFile, name: str) -> list[str]:
    """A function of the mutated file, without its first line, that of its name."""
    span = mutated.line_span_by_function_name[name]
    lines = mutated.code.splitlines()[span.start - 1 : span.end]
    return [line for line in lines if name not in line]


def run_mutmut(names: list[str]) -> None:
    """Try mutants; mutmut ends with 0 also when some survive."""
    with LOG.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [project.PYTHON, project.BIN / "mutmut", "run", *names],
            cwd=FOLDER,
            env=project.environment(PYTHONHASHSEED="0"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode:
        sys.exit(f"mutmut could not run the tests, see {LOG.relative_to(project.ROOT)}.")


def to_try(mutants: dict[str, Mutant]) -> dict[str, Mutant]:
    return {name: mutant for name, mutant in mutants.items() if not mutant.is_wording()}


def score(file: str, mutants: dict[str, Mutant], listed: list[Mutant]) -> Score:
    """What became of the mutants of a file, compared with the list. Those of words were not tried."""
    result = FOLDER / "mutants" / SOURCES / f"{file}.py.meta"
    exit_codes = json.loads(result.read_text(encoding="utf-8"))["exit_code_by_key"]
    tried = to_try(mutants)
    survivors = [mutant for name, mutant in tried.items() if status_by_exit_code[exit_codes[name]] not in KILLED]
    return Score(
        killed=len(tried) - len(survivors),
        survived=len(survivors),
        wording=len(mutants) - len(tried),
        unlisted=[mutant for mutant in survivors if mutant not in listed],
        idle=[mutant for mutant in listed if mutant.file == file and mutant not in survivors],
    )


def listed_survivors() -> list[Mutant]:
    groups = yaml.safe_load((OWN / "survivors.yml").read_text(encoding="utf-8"))
    return [Mutant(**mutant) for group in groups for mutant in group["mutants"]]


def selected() -> list[str]:
    """The files that the arguments name. Fails if a file of module_utils is in neither list."""
    folder = project.ROOT / "plugins" / "module_utils"
    paths = {path for path in folder.rglob("*.py") if path.name != "__init__.py"}
    forgotten = {path.relative_to(folder).with_suffix("").as_posix() for path in paths}
    forgotten -= set(FILES + LEFT_TO_PLAYS)
    if forgotten:
        sys.exit(f"The lists of files in {__file__} lack {', '.join(sorted(forgotten))}.")
    wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in FILES]
    if unknown:
        sys.exit(f"There is no {', '.join(unknown)} among {', '.join(FILES)}.")
    return [name for name in FILES if name in (wanted or FILES)]


def total(scores: list[Score]) -> Score:
    return Score(
        killed=sum(result.killed for result in scores),
        survived=sum(result.survived for result in scores),
        wording=sum(result.wording for result in scores),
        unlisted=[mutant for result in scores for mutant in result.unlisted],
        idle=[mutant for result in scores for mutant in result.idle],
    )


def show(name: str, result: Score) -> None:
    print(result.line(name))
    for mutant in result.unlisted:
        print(f"It survived, and survivors.yml does not list it: {mutant}")
    for mutant in result.idle:
        print(f"survivors.yml lists it, and it was killed or is no more: {mutant}")


def main() -> int:
    names = selected()
    listed = listed_survivors()
    LOG.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    prepare()
    mutants = {name: dict(mutants_of(name)) for name in names}
    # All in one run: each begins with all tests.
    run_mutmut([name for of_file in mutants.values() for name in to_try(of_file)])
    scores = [score(name, mutants[name], listed) for name in names]
    for name, result in zip(names, scores):
        show(name, result)
    whole = total(scores)
    failed = len(whole.unlisted) + len(whole.idle)
    print(f"\n{whole.line('all')}")
    if whole.share < LEAST_KILLED:
        print(f"Fewer than {LEAST_KILLED:.0%} were killed.")
        failed += 1
    print(f"The mutants took {time.monotonic() - started:.0f} s.")
    print(f"{whole.killed + whole.survived - len(whole.unlisted)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
