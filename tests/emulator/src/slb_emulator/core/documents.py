# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading of nested documents (state, faults, settings): unknown keys and wrong types name their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple


class DocumentError(ValueError):
    """A document is not as it should be; the text is one sentence that starts with the place."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}.")


# Takes a value and its place, returns the value to keep, raises DocumentError.
Check = Callable[[Any, str], Any]


class Key(NamedTuple):
    """How a key of a mapping is checked."""

    check: Check
    required: bool = False


def text(value: Any, place: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise DocumentError(place, "must be text that is not empty (quote it if it looks like a number)")
    return value


def boolean(value: Any, place: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise DocumentError(place, "must be true or false")
    return value


def integer(lowest: int, highest: int) -> Check:
    """A whole number between two bounds."""

    def check(value: Any, place: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            raise DocumentError(place, f"must be a whole number from {lowest} to {highest}")
        return int(value)

    return check


def seconds(value: Any, place: str) -> float:
    """A duration in seconds, zero or more."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise DocumentError(place, "must be a number of seconds, zero or more")
    return float(value)


def one_of(choices: Sequence[str]) -> Check:
    """One of some words."""

    def check(value: Any, place: str) -> str:
        if value not in choices:
            raise DocumentError(place, f"must be one of {', '.join(choices)}")
        return str(value)

    return check


def switch(value: Any, place: str) -> str:
    """on or off; YAML reads these words as booleans unless they are quoted."""
    if value in ("on", "off"):
        return str(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    raise DocumentError(place, "must be on or off")


def sequence(value: Any, place: str) -> list[Any]:
    """A list of anything."""
    if not isinstance(value, list):
        raise DocumentError(place, "must be a list")
    return value


def list_of(check: Check) -> Check:
    """A list whose elements all pass a check."""

    def check_all(value: Any, place: str) -> list[Any]:
        return [check(element, f"{place}[{index}]") for index, element in enumerate(sequence(value, place))]

    return check_all


def mapping(keys: Mapping[str, Key]) -> Check:
    """A mapping with these keys only. Absent keys stay absent."""

    def check(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise DocumentError(place, "must be a mapping")
        for name in value:
            if name not in keys:
                raise DocumentError(place, f"has the unknown key {name!r}; known are {', '.join(sorted(keys))}")
        for name, key in keys.items():
            if key.required and name not in value:
                raise DocumentError(place, f"lacks the key {name!r}")
        return {name: keys[name].check(item, f"{place}.{name}") for name, item in value.items()}

    return check
