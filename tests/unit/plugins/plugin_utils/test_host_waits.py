# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a wait is cut into slices, and that what did not count has failed. The rest is an integration test."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _host_waits


@pytest.mark.parametrize(
    ("elapsed", "timeout", "seconds"),
    [(0, 300, 10), (11, 300, 9), (20, 300, 10), (19, 300, 1), (295, 300, 5), (0, 4, 4), (0, 0, 0), (301, 300, 0)],
)
def test_slice_ends_when_a_line_is_due(elapsed: int, timeout: int, seconds: int) -> None:
    assert _host_waits.slice_seconds(elapsed, timeout) == seconds


@pytest.mark.parametrize(
    "answer",
    [
        {"failed": True, "msg": "MODULE FAILURE", "rc": 1},
        {"failed": True, "msg": "it cannot be read", "connections": 0, "elapsed": 3},
        {},
        {"changed": False, "connections": "0"},
    ],
)
def test_what_did_not_count_has_failed(answer: dict[str, t.Any]) -> None:
    found = _host_waits.not_counted(answer)
    assert found["failed"] is True
    assert found["msg"]
    assert not {"connections", "elapsed"} & set(found)


def test_unreachable_stays_so() -> None:
    assert _host_waits.not_counted({"unreachable": True, "msg": "x"}) == {"unreachable": True, "msg": "x"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8080/healthz", "http://127.0.0.1:8080/healthz"),
        ("https://user:pass@web/deep/path?token=x#y", "https://web/deep/path"),
        ("http://user:p@ss@[::1]:80", "http://[::1]:80"),
        ("http://web?next=http://me@there", "http://web"),
        ("localhost:80/healthz", "localhost:80/healthz"),
    ],
)
def test_a_log_has_no_secrets_of_a_url(url: str, shown: str) -> None:
    assert _host_waits.without_secrets(url) == shown
