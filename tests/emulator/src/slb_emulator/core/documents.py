# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Strict reading of nested documents (state, faults, settings): unknown keys and wrong values name their place.

Schemas are those of voluptuous. The reasons that our own validators give to its Invalid follow the place in a sentence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import voluptuous
from voluptuous import All, Coerce, In, Invalid, Length, Match, MultipleInvalid, Range, RequiredFieldInvalid, Schema

# What voluptuous says, and how the state document puts it.
REASONS = {"expected a dictionary": "must be a mapping", "expected a list": "must be a list"}
UNKNOWN_KEY = "extra keys not allowed"


class DocumentError(ValueError):
    """A document is not as it should be; the text is one sentence that starts with the place."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}.")


def checked(schema: Schema, value: Any, place: str) -> Any:
    """What a schema makes of a document; DocumentError for the first thing that is wrong with it."""
    try:
        return schema(value)
    except Invalid as error:
        raise document_error(error, schema.schema, place) from None


def document_error(error: Invalid, schema: Any, place: str) -> DocumentError:
    """An error as a sentence. Keys that are missing come last and by name: voluptuous has them in no order."""
    while isinstance(error, MultipleInvalid):
        missing = [one for one in error.errors if isinstance(one, RequiredFieldInvalid)]
        others = [one for one in error.errors if one not in missing]
        error = others[0] if others else min(missing, key=str)
    path, reason = error.path, REASONS.get(error.msg, error.msg)
    if isinstance(error, RequiredFieldInvalid):
        path, reason = path[:-1], f"lacks the key {str(path[-1])!r}"
    elif error.msg == UNKNOWN_KEY:
        path, reason = path[:-1], f"has the unknown key {path[-1]!r}; known are {known_keys(schema, path[:-1])}"
    return DocumentError(place + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path), reason)


def known_keys(schema: Any, path: Sequence[Any]) -> str:
    """The keys that the mapping at a path may have."""
    if isinstance(schema, All):
        return known_keys(schema.validators[0], path)
    if path:
        return known_keys(schema[0 if isinstance(path[0], int) else path[0]], path[1:])
    return ", ".join(sorted(map(str, schema)))


def not_boolean(value: Any) -> Any:
    """Any other value: a boolean of Python is a number too."""
    if isinstance(value, bool):
        raise Invalid("must not be true or false")
    return value


def integer(lowest: int, highest: int) -> All:
    """A whole number between two bounds."""
    return All(not_boolean, int, Range(lowest, highest), msg=f"must be a whole number from {lowest} to {highest}")


def number(lowest: float, highest: float, reason: str) -> All:
    """A number between two bounds, as a float."""
    return All(not_boolean, voluptuous.Any(int, float), Range(lowest, highest), Coerce(float), msg=reason)


def one_of(choices: Sequence[str | None]) -> In:
    """One of some words, or nothing if None is among them."""
    return In(choices, msg=f"must be one of {', '.join(filter(None, choices))}")


def matching(pattern: str | re.Pattern[str], reason: str) -> All:
    """Text that a pattern describes."""
    return All(str, Match(pattern), msg=reason)


def switch(value: Any) -> str:
    """on or off; YAML reads these words as booleans unless they are quoted."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in ("on", "off"):
        return str(value)
    raise Invalid("must be on or off")


TEXT = All(str, Length(min=1), msg="must be text that is not empty (quote it if it looks like a number)")
BOOLEAN = All(bool, msg="must be true or false")
SECONDS = number(0, sys.float_info.max, "must be a number of seconds, zero or more")
