# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show a roll under traffic, without the role and with it: ``python -m slb_rolling.show --picture roll.svg``.

A row a second says who answers how much, and in which version. Ends with exit code 1 when the role has lost a request,
has left a server behind, or the roll without it has lost none.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from slb_rolling.picture import draw
from slb_rolling.results import Request, failed
from slb_rolling.stage import NEW_VERSION, OLD_VERSION, Stage, staged

AT_A_TIME = 3
COLUMN = 10
# How long after its end a request is certain to be in the file.
LAG_SECONDS = 0.5
# Of traffic before and after a roll, for the picture.
MARGIN_SECONDS = 1.5
STYLES = {OLD_VERSION: "2", NEW_VERSION: "32", "failed": "31"}


class NotAsShown(Exception):
    """A roll went otherwise than it should; the text is one sentence."""


def require(condition: bool, sentence: str) -> None:
    if not condition:
        raise NotAsShown(sentence)


def styled(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if style and sys.stdout.isatty() else text


def row(second: int, servers: Sequence[str], requests: Sequence[Request]) -> str:
    """What was answered in one second: for each server the version and the number of answers."""
    cells = []
    for server in servers:
        counts = Counter(request.version for request in requests if request.server == server and request.version)
        text = "+".join(f"v{version}:{count}" for version, count in sorted(counts.items())) or "-"
        cells.append(styled(text.rjust(COLUMN), STYLES.get(max(counts, default=""), "")))
    losses = len(failed(requests))
    return f"{second:5} s{''.join(cells)}{styled(str(losses or '-').rjust(COLUMN), STYLES['failed'] if losses else '')}"


class Ticker:
    """Prints the rows of the seconds that have passed."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._start = time.time()
        self._printed = 0
        names = [host.name for host in stage.hosts]
        print(f"{'':7}{''.join(name.rjust(COLUMN) for name in [*names, 'failed'])}", flush=True)

    def tick(self) -> None:
        """Sleep a little, and print what has become known."""
        time.sleep(0.1)
        while time.time() - self._start > self._printed + 1 + LAG_SECONDS:
            begin = self._start + self._printed
            inside = [r for r in self._stage.traffic.results.requests() if begin <= r.end < begin + 1]
            self._printed += 1
            print(row(self._printed, [host.name for host in self._stage.hosts], inside), flush=True)

    def tick_for(self, seconds: float) -> None:
        end = time.time() + seconds
        while time.time() < end:
            self.tick()


def show(playbook: str) -> list[Request]:
    """Run the playbook under traffic; returns all requests. What both ways must reach is checked here."""
    with staged() as stage:
        before = stage.weights()
        ticker = Ticker(stage)
        ticker.tick_for(MARGIN_SECONDS)
        with stage.playing(playbook, roll_serial=AT_A_TIME) as process:
            while process.poll() is None:
                ticker.tick()
        ticker.tick_for(MARGIN_SECONDS)
        play = stage.plays[-1]
        require(play.exit_code == 0, f"The playbook ended with exit code {play.exit_code}:\n{play.output}")
        versions, weights = stage.versions(), stage.weights()
        require(set(versions.values()) == {NEW_VERSION}, f"The versions are {versions}.")
        require(weights == before, f"The weights are {weights}, and were {before}.")
        stage.traffic.stop()
        return stage.traffic.results.requests()


def summary(requests: Sequence[Request]) -> str:
    return f"{len(requests)} requests, {len(failed(requests))} failed"


def end(number: int, _frame: object) -> None:
    """End this program, and with it what it has started. Once: a second signal must not cut that short."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, required=True, help="where to draw both rolls, as SVG")
    picture: Path = parser.parse_args().picture
    try:
        print(f"Without the role: stop, update and start, {AT_A_TIME} servers at a time")
        bare = show("bare_roll.yml")
        print(f"{summary(bare)}\n\nWith the role rolling_update: the same, out of traffic")
        roll = show("roll.yml")
        print(summary(roll))
        require(not failed(roll), f"With the role {len(failed(roll))} requests failed: {failed(roll)[:3]}")
        require(bool(failed(bare)), "Without the role no request failed.")
    except NotAsShown as error:
        print(error, file=sys.stderr)
        return 1
    draw({"without the role": bare, "with the role rolling_update": roll}, picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
