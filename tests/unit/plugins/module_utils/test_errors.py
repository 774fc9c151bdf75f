# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an error says, and what its code stands for."""

from __future__ import annotations

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _errors
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    InvalidArgument,
    SlbError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SlbError("Code", "it broke"), "Code: it broke."),
        (SlbError("Code", "it broke."), "Code: it broke."),
        (SlbError("Code", "it broke!"), "Code: it broke!"),
        (SlbError("Code", "did it break?"), "Code: did it break?"),
        (SlbError("Code", "it broke", request_id="R-1"), "Code: it broke. Request id R-1."),
        (SlbError("Code", "it broke", advice="Mend it."), "Code: it broke. Mend it."),
        (
            SlbError("Code", "it broke", request_id="R-1", advice="Mend it."),
            "Code: it broke. Request id R-1. Mend it.",
        ),
        (InvalidArgument("it is wrong", "Mend it."), "InvalidArgument: it is wrong. Mend it."),
        (
            CredentialsUnobtainable("a file", "it is empty", "Fix it."),
            "CredentialsUnobtainable: cannot get credentials from a file: it is empty. Fix it.",
        ),
        (
            CredentialsUnobtainable("STS", "busy", "Wait.", code="Throttling.User", request_id="R-1"),
            "Throttling.User: cannot get credentials from STS: busy. Request id R-1. Wait.",
        ),
    ],
)
def test_sentence(error: SlbError, sentence: str) -> None:
    assert error.sentence() == sentence


def test_code_of_a_wrong_argument() -> None:
    assert InvalidArgument("it is wrong").code == "InvalidArgument"


def test_message_is_one_line_of_bounded_length() -> None:
    error = SlbError("Code", "two \n\t lines  " + "x" * 2000)
    assert error.message == ("two lines " + "x" * 2000)[:1000]


def test_content_of_the_result() -> None:
    error = SlbError("Code", "it broke", http_status=400, request_id="R-1", advice="Mend it.")
    assert error.as_dict() == {"code": "Code", "message": "it broke", "http_status": 400, "request_id": "R-1"}
    assert str(error) == "Code: it broke"


@pytest.mark.parametrize(
    ("code", "retried"),
    [
        ("Throttling", True),
        ("Throttling.User", True),
        ("ThrottlingOfAnotherKind", False),
        ("BackendServer.configuring", True),
        ("BackendServer", False),
        ("Forbidden.RAM", False),
    ],
)
def test_codes_that_are_tried_again(code: str, retried: bool) -> None:
    assert _errors.is_retried(code) is retried


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("InvalidAccessKeyId.NotFound", True),
        ("InvalidSecurityToken.Expired.Long.Ago", True),
        ("InvalidAccessKeyId", True),
        ("InvalidAccessKeySecret", False),
        ("Forbidden.InvalidAccessKeyId", False),
    ],
)
def test_codes_that_refuse_the_keys(code: str, refused: bool) -> None:
    assert _errors.is_refusal_of_keys(code) is refused


@pytest.mark.parametrize(
    ("code", "http_status", "uncertain"),
    [
        ("ServiceUnavailable", 503, True),
        ("ServiceUnavailable", 500, True),
        ("ServiceUnavailable", 499, False),
        ("InternalError", 400, True),
        ("Forbidden.RAM", 403, False),
    ],
)
def test_answers_that_leave_a_write_open(code: str, http_status: int, uncertain: bool) -> None:
    assert _errors.is_uncertain(code, http_status) is uncertain


@pytest.mark.parametrize(
    ("code", "http_status", "words"),
    [
        ("InvalidLoadBalancerId.NotFound", 404, "Check load_balancer_id"),
        ("InvalidLoadBalancerId.OfAnotherKind", 404, ""),
        ("Forbidden.RAM", 403, "RAM policy"),
        ("Forbidden.RAM.Of.Another.Kind", 403, "RAM policy"),
        ("Throttling.User", 400, "raise wait_timeout"),
        ("Throttling.User", 503, "raise wait_timeout"),
        ("Unheard.Of", 500, "The API failed internally"),
        ("Unheard.Of", 499, ""),
        ("Unheard.Of", None, ""),
    ],
)
def test_advice(code: str, http_status: int | None, words: str) -> None:
    advice = SlbError(code, "No.", http_status=http_status).advice
    assert words in advice
    assert bool(advice) == bool(words)
