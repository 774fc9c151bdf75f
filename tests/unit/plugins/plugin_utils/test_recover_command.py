# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The printed command puts servers back: a shell and Ansible read out of it what was meant."""

from __future__ import annotations

import shlex

import pytest
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.utils.vars import load_extra_vars

from ansible_collections.aliyun_community.slb.plugins.module_utils._context import recover_command
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import printable


@pytest.mark.parametrize(
    "rolling_update_id",
    [
        "web-1.5",
        "1.10",
        "007",
        "true",
        "null",
        "a=b",
        "release/2026/06",
        "@file",
        "-e",
        "a b",
        "a  b",
        "a   b",
        "发布 1",
        "発表\u3000一",
        "no\u00a0break",
        "quote'\"",
        "$(touch x)`touch y`",
        "back\\slash\\n",
        "line\nbreak",
        "tab\tbed",
        "{a}",
        "{# a",
        "[1]",
        "a,b",
        "#1",
        "a;b&c|d>e",
        "!x",
        "~",
        "*",
        "\u200bzero width",
    ],
)
@pytest.mark.parametrize("folder", [None, "/var/lib/my journals", "/srv/j=1", "/srv/plain"])
def test_command_is_understood_by_a_shell_and_by_ansible(
    monkeypatch: pytest.MonkeyPatch, rolling_update_id: str, folder: str | None
) -> None:
    words = shlex.split(printable(recover_command(rolling_update_id, folder)))
    assert words[:2] == ["ansible-playbook", "aliyun_community.slb.recover"]
    assert words[2::2] == ["-e"] * len(words[2::2])
    monkeypatch.setattr(context, "CLIARGS", ImmutableDict(extra_vars=tuple(words[3::2])))
    load_extra_vars.__dict__.pop("extra_vars", None)
    expected = {"rolling_update_id": rolling_update_id}
    if folder:
        expected["rolling_update_record_dir"] = folder
    assert load_extra_vars(DataLoader()) == expected
    load_extra_vars.__dict__.pop("extra_vars", None)
