# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A picture of rolls under traffic: which server answered in which version, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")  # needs no display

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

from slb_rolling.results import Request, failed  # noqa: E402

STEP_SECONDS = 0.5
VERSION_COLOURS = ("#7a8ca3", "#2a9d6f", "#c98a1b")
FAILED_COLOUR = "#d1383d"
FAILED = "failed"


def draw(rolls: Mapping[str, Sequence[Request]], target: Path) -> None:
    """Write an SVG file with a column for each roll, titled by its key, and a row for each server."""
    requests = [request for roll in rolls.values() for request in roll]
    servers = sorted({request.server for request in requests if request.server})
    versions = sorted({request.version for request in requests if request.version})
    colours = {**dict(zip(versions, VERSION_COLOURS)), FAILED: FAILED_COLOUR}
    rows = len(servers) + 1
    # The same picture from the same numbers: no date, and no random names inside.
    with plt.rc_context({"svg.hashsalt": "rolling_update", "font.size": 9}):
        figure, grid = plt.subplots(
            rows,
            len(rolls),
            figsize=(5.2 * len(rolls), 0.6 * rows + 1.2),
            sharex="col",
            sharey="row",
            squeeze=False,
            layout="constrained",
        )
        for column, (title, roll) in enumerate(rolls.items()):
            _draw_roll(list(grid[:, column]), title, roll, servers, colours)
        for axes, name in zip(grid[:, 0], [*servers, FAILED]):
            axes.set_ylabel(name, rotation=0, horizontalalignment="right", verticalalignment="center")
        names = [*(f"version {version}" for version in versions), FAILED]
        patches = [Patch(color=colour, label=name) for name, colour in zip(names, colours.values())]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(names), frameon=False)
        figure.savefig(target, metadata={"Date": None})
        plt.close(figure)


def _draw_roll(
    column: Sequence[Axes], title: str, roll: Sequence[Request], servers: Sequence[str], colours: Mapping[str, str]
) -> None:
    start = min(request.time for request in roll)
    losses = failed(roll)
    column[0].set_title(f"{title}\n{len(roll):,} requests, {len(losses):,} failed", fontsize="medium")
    for axes, server in zip(column, servers):
        for version, colour in colours.items():
            _area(axes, [r.time - start for r in roll if (r.server, r.version) == (server, version)], colour)
    _area(column[-1], [request.time - start for request in losses], colours[FAILED])
    column[-1].set_xlabel("seconds")
    for axes in column:
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False, labelleft=False, bottom=axes is column[-1])
        axes.margins(x=0)
        axes.set_ylim(bottom=0)


def _area(axes: Axes, times: Sequence[float], colour: str) -> None:
    """A stepped area, as high as there are requests per second."""
    counts = Counter(int(time / STEP_SECONDS) for time in times)
    if counts:
        steps = range(min(counts), max(counts) + 1)
        edges = [step * STEP_SECONDS for step in (*steps, steps.stop)]
        axes.stairs([counts[step] / STEP_SECONDS for step in steps], edges, fill=True, color=colour)
