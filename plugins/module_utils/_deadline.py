# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""A point in time, and the pauses before it."""

from __future__ import annotations

import random
import time

FIRST_PAUSE = 0.5  # seconds; doubled with each further attempt
LONGEST_PAUSE = 8.0


class Deadline:
    """A point in monotonic time, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Start again: all of ``seconds`` are left."""
        self._end = time.monotonic() + self._seconds

    def remaining(self, beyond: float = 0.0) -> float:
        """Seconds until the deadline, or until ``beyond`` seconds after it. Never negative."""
        return max(0.0, self._end + beyond - time.monotonic())

    def pause(self, attempts: int) -> bool:
        """Sleep after ``attempts`` attempts: exponential, capped, jittered. False, without a pause, if time is up."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 10))
        seconds = longest * random.uniform(0.5, 1.0)
        if seconds >= self.remaining():
            return False
        time.sleep(seconds)
        return True
