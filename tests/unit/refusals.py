# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every refusal of this collection must be like."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError

E = t.TypeVar("E", bound=SlbError)


@contextlib.contextmanager
def refusal(kind: type[E], words: str | None = None) -> t.Iterator[pytest.ExceptionInfo[E]]:
    """An error of this kind that has these words, a regular expression, and says what to do."""
    with pytest.raises(kind, match=words) as caught:
        yield caught
    assert caught.value.advice.endswith("."), "it does not say what to do"
