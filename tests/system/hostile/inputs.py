# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may come in place of a response, a file or an argument."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

# Each of these means something to one of the programs on the way.
LOADED = (
    "", " ", "0", "100", "101", "-1", "1_0", "1e2", "9" * 5000, "on", "true", "ecs", "i-web1", "i-web2", "NaN",
    "{{ 7 * 7 }}", "{% raw %}", "!unsafe x", "\x1b[2J\x1b]0;x\x07", "\r\n", "\0", "\u202e", "\ud800", "..", "/dev/null", "%s", "$(id)",
)  # fmt: skip

TEXT = st.sampled_from(LOADED) | st.text(st.characters(exclude_categories=()), max_size=12)
NUMBER = st.integers(-5, 130) | st.integers(-(2**70), 2**70) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DEEP = st.integers(100, 30_000).map(lambda depth: "[" * depth + "]" * depth)


def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with every key or index of it."""
    if isinstance(document, dict):
        own: list[tuple[Any, Any]] = [(document, key) for key in document]
    elif isinstance(document, list):
        own = [(document, index) for index in range(len(document))]
    else:
        return []
    return own + [place for container, key in own for place in places(container[key])]


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """The document with one to three of its parts replaced, removed or doubled."""
    changed = copy.deepcopy(document)
    for _change in range(draw(st.integers(1, 3))):
        found = places(changed)
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        kind = draw(st.sampled_from(("replace", "replace", "remove", "double")))
        if kind == "remove":
            del container[key]
        elif kind == "double" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            container[key] = draw(JSON)
    return changed


def bodies(document: Any) -> st.SearchStrategy[bytes]:
    """Bytes in place of a JSON document: it with mutations, a part of it, another one, a deep one, or anything."""
    whole = json.dumps(document).encode()
    return st.one_of(
        mutated(document).map(lambda changed: json.dumps(changed).encode()),
        mutated(document).map(lambda changed: json.dumps(changed).encode()),
        st.integers(0, len(whole)).map(lambda end: whole[:end]),
        JSON.map(lambda value: json.dumps(value).encode()),
        DEEP.map(lambda deep: json.dumps(document).replace('"R-1"', deep).encode()),
        st.binary(max_size=60),
    )
