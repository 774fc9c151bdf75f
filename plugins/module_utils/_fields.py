# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Reading fields of the API's responses, tolerantly: numbers may be text, and unknown fields are ignored."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Json
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import OutcomeUnknown

OTHER_API_ADVICE = "Check that endpoint leads to the Slb API."
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


@contextlib.contextmanager
def parsing(action: str) -> t.Iterator[None]:
    """Turns what parsing an unexpected response raises into one sentence."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as exc:
        raise OutcomeUnknown(
            "UnusableAnswer",
            f"the response to {action} does not have the documented form ({exc})",
            advice=OTHER_API_ADVICE,
        ) from exc


def rows(holder: t.Any, name: str) -> list[Json]:
    """The API's lists are objects that contain an array; an empty list may lack the array."""
    if not isinstance(holder, dict):
        raise TypeError(f"no list of {name}")
    return objects(holder.get(name))


def objects(rows: t.Any) -> list[Json]:
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("no list of objects")
    return rows


def text(row: Json, name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, (str, int)):
        raise TypeError(f"{name} is not text")
    return str(value)


def integer(value: t.Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError("expected a number")
    if not _WHOLE_NUMBER.fullmatch(str(value)):
        raise ValueError("unexpected number format")
    return int(value)


def optional_integer(value: t.Any) -> int | None:
    return None if value in (None, "") else integer(value)


def switch(value: t.Any) -> bool | None:
    return None if value is None else str(value).lower() in ("on", "true")
