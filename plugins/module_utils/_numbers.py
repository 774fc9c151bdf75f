# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Whole numbers in options, and their ranges.

Such options have the type ``raw``, not ``int``: Ansible's own conversion accepts ``true`` as 1, crashes on infinity
without naming the option, and hangs on ``"1e999999999"``.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)  # Python refuses to read thousands of them


class Range(t.NamedTuple):
    """The smallest and the largest value of an option; by default the largest that can be read."""

    lowest: int
    highest: int = 999_999_999


WEIGHT = Range(0, 100)
TIMEOUT = Range(1, 24 * 60 * 60)  # seconds; much longer ones overflow in sockets
SESSION = Range(900)  # seconds; the minimum of STS
MIN_ACTIVE = Range(0)
PORT = Range(1, 65535)


def whole_number(value: t.Any, name: str, allowed: Range) -> int:
    """The value of the option ``name``. Raises InvalidArgument if it is not a whole number in this range."""
    number = _read(value)
    if number is None or not allowed.lowest <= number <= allowed.highest:
        advice = f"Give a whole number from {allowed.lowest} to {allowed.highest}."
        raise InvalidArgument(f"{name} is {_shown(value)}", advice)
    return number


def _read(value: t.Any) -> int | None:
    """Digits as text are accepted: variables from the command line are text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        return None
    return int(value)


def _shown(value: t.Any) -> str:
    """A value as a playbook writes it, shortened to fit into a sentence."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)[:40]
