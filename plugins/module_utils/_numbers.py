# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Whole numbers in the options of a task, and the range that each must be in.

Such options have the type ``raw``, not ``int``: Ansible's conversion takes ``true`` for 1, breaks on infinity without a
word on the option, and never ends on ``"1e999999999"``.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)  # Python refuses to read thousands of them


class Range(t.NamedTuple):
    """The smallest and the greatest number that an option may have; without the latter all that can be read."""

    lowest: int
    highest: int = 999_999_999


WEIGHT = Range(0, 100)
TIMEOUT = Range(1, 24 * 60 * 60)  # seconds; what the clocks of sockets can hold
SESSION = Range(900)  # seconds; what STS gives at least
MIN_ACTIVE = Range(0)


def whole_number(value: t.Any, name: str, allowed: Range) -> int:
    """The value of the option ``name``. Raises InvalidArgument for what is no whole number of that range."""
    number = _read(value)
    if number is None or not allowed.lowest <= number <= allowed.highest:
        advice = f"Give a whole number from {allowed.lowest} to {allowed.highest}."
        raise InvalidArgument(f"{name} is {_shown(value)}", advice)
    return number


def _read(value: t.Any) -> int | None:
    """Text of digits counts, since variables from a command line are text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        return None
    return int(value)


def _shown(value: t.Any) -> str:
    """A value as a playbook writes it, cut to a length that fits a sentence."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)[:40]
