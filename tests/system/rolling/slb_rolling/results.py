# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the load generator writes down: a line of JSON for each finished request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

SLOW = "slow"


@dataclass(frozen=True)
class Request:
    """A finished request as its client saw it.

    ``time`` is when it was sent, in seconds since the epoch; ``server`` and ``version`` are null and ``error`` is a
    text where it failed.
    """

    time: float
    milliseconds: float
    url: str
    server: str | None
    version: str | None
    error: str | None

    @property
    def end(self) -> float:
        """When its answer was complete, in seconds since the epoch."""
        return self.time + self.milliseconds / 1000

    @property
    def is_slow(self) -> bool:
        return self._page.startswith(SLOW)

    @property
    def target(self) -> str:
        """The URL of the folder that was asked for a page."""
        return self.url.removesuffix(self._page)

    @property
    def _page(self) -> str:
        return self.url.rpartition("/")[2]


def to_lines(requests: Iterable[Request]) -> str:
    return "".join(json.dumps(asdict(request)) + "\n" for request in requests)


class ResultsFile:
    """The file as it grows: each line is read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._requests: list[Request] = []
        self._position = 0

    def requests(self) -> list[Request]:
        """The requests that have finished by now, in the order of their ends."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._position)
                text = file.read()
            # What is being written at this moment comes next time.
            complete = text[: text.rfind(b"\n") + 1]
            self._position += len(complete)
            self._requests += [Request(**json.loads(line)) for line in complete.splitlines()]
        return list(self._requests)


def failed(requests: Iterable[Request]) -> list[Request]:
    return [request for request in requests if request.error is not None]
