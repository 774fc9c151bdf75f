# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One reason for a chain of exceptions."""

from __future__ import annotations

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._network_errors import causes, innermost_reason


def failure(text: str, **attributes: object) -> Exception:
    """An exception with attributes such as HTTP libraries give to theirs."""
    exc = Exception(text)
    for name, value in attributes.items():
        setattr(exc, name, value)
    return exc


def test_causes_are_found_wherever_a_library_hides_them() -> None:
    cause, context, reason, argument = (Exception(word) for word in ("cause", "context", "reason", "argument"))
    outer = failure("outer", __cause__=cause, __context__=context, reason=reason)
    outer.args = ("text", argument)
    assert causes(outer) == [outer, cause, context, reason, argument]


def test_causes_that_lead_in_a_circle() -> None:
    first, second = Exception("first"), Exception("second")
    first.__cause__, second.__cause__ = second, first
    assert causes(first) == [first, second]


def test_causes_end_at_the_failure_of_an_earlier_request() -> None:
    """A request that is sent while an error is handled has that error as its context."""
    earlier = SlbError("EndpointUnreachable", "no connection")
    earlier.__context__ = ConnectionRefusedError(111, "Connection refused")
    later = TimeoutError("timed out")
    later.__context__ = earlier
    assert causes(later) == [later]


def signed_url() -> OSError:
    exc = OSError(1, "https://slb.aliyuncs.com/?Signature=secret")
    exc.request = object()  # type: ignore[attr-defined]
    return exc


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        ([Exception("outer"), OSError(111, "Connection refused")], "Connection refused"),
        ([OSError(1, "outer"), OSError(2, "inner")], "inner"),
        ([OSError(1, "outer"), Exception("inner")], "outer"),
        ([OSError(1, "outer"), OSError("without a number")], "outer"),
        ([ValueError("Signature=secret"), Exception("inner")], "ValueError"),
        ([ValueError("outer"), signed_url()], "ValueError"),
    ],
)
def test_reason_is_that_of_the_operating_system(chain: list[BaseException], reason: str) -> None:
    assert innermost_reason(chain) == reason
