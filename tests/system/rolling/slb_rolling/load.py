# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steady traffic, by locust: ``python -m slb_rolling.load --url http://127.0.0.1:8000/ --results FILE``.

The users share out the URLs among them; each is a folder with the pages of slb_rolling.web_server.

Runs until its standard input ends. Requests then under way are waited for.
"""

from __future__ import annotations

# Replaces blocking functions of the standard library, so it comes first.
from locust import FastHttpUser, task  # isort: skip
from locust.env import Environment  # isort: skip

import argparse
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent

from slb_rolling.results import SLOW, Request, to_lines

# Requests per second, of all users.
RATE = 60
USERS = 12
SLOW_USERS = 12
SLOW_SECONDS = 3
FLUSH_SECONDS = 0.2
# Longer than any request takes.
STOP_SECONDS = 30


class Visitor(FastHttpUser):
    """Sends POST, over a connection of its own: no client or proxy may send that twice, so nothing hides a loss."""

    abstract = True
    page = ""
    urls: Iterator[str]
    network_timeout = STOP_SECONDS
    connection_timeout = STOP_SECONDS

    def on_start(self) -> None:
        self.url = next(self.urls) + self.page

    @task
    def visit(self) -> None:
        self.client.post(self.url)


class ShortVisitor(Visitor):
    """Keeps to a timetable: what a slow answer or a busy machine delays does not lower the rate."""

    fixed_count = USERS
    interval = USERS / RATE

    def on_start(self) -> None:
        super().on_start()
        self.due = time.monotonic() + random.uniform(0, self.interval)

    def wait_time(self) -> float:
        self.due += self.interval
        return max(0.0, self.due - time.monotonic())


class SlowVisitor(Visitor):
    """Is always in the middle of a long request."""

    fixed_count = SLOW_USERS
    page = f"{SLOW}?seconds={SLOW_SECONDS}"

    def wait_time(self) -> float:
        return random.uniform(0, SLOW_SECONDS / 4)


class Recorder:
    """Writes finished requests to a file, whole lines at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Request] = []

    def on_request(
        self, name: str, start_time: float, response_time: float, response: Any, exception: Any, **_others: Any
    ) -> None:
        """Called by locust for each finished request."""
        server, version, error = outcome(response, exception)
        self._waiting.append(Request(start_time, round(response_time, 1), name, server, version, error))

    def write(self) -> None:
        waiting, self._waiting = self._waiting, []
        with self._path.open("a", encoding="utf-8", buffering=1 << 20) as file:
            file.write(to_lines(waiting))

    def keep_writing(self) -> None:
        while True:
            gevent.sleep(FLUSH_SECONDS)
            self.write()


def outcome(response: Any, exception: Any) -> tuple[str | None, str | None, str | None]:
    """(server, version, error): a request has succeeded when all of a server's answer has come."""
    if exception is not None:
        return None, None, f"{type(exception).__name__}: {exception}"
    try:
        answer = json.loads(response.content)
        return answer["server"], answer["version"], None
    except (ValueError, KeyError, TypeError) as error:
        return None, None, f"not a server's answer ({error}): {response.content!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Steady traffic until the standard input ends.")
    parser.add_argument("--url", action="append", required=True, help="may be given several times")
    parser.add_argument("--results", type=Path, required=True, help="takes a line of JSON for each request")
    options = parser.parse_args()
    for kind in (ShortVisitor, SlowVisitor):
        kind.urls = itertools.cycle(options.url)
    environment = Environment(user_classes=[ShortVisitor, SlowVisitor], host=options.url[0], stop_timeout=STOP_SECONDS)
    recorder = Recorder(options.results)
    recorder.write()
    environment.events.request.add_listener(recorder.on_request)
    runner = environment.create_local_runner()
    runner.start(USERS + SLOW_USERS, spawn_rate=USERS + SLOW_USERS)
    gevent.spawn(recorder.keep_writing)
    gevent.get_hub().threadpool.apply(sys.stdin.buffer.read)
    runner.quit()
    recorder.write()


if __name__ == "__main__":
    main()
