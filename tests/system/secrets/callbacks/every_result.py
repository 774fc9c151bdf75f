# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes every result that Ansible hands to its callbacks, whole, as one line of JSON."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: every_result
type: notification
short_description: Writes whole results as JSON lines
description: Writes every result to the file that E(EVERY_RESULT_FILE) names.
"""


class CallbackModule(CallbackBase):
    """What a callback for machines, such as AWX's, gets to see."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "every_result"

    def _write(self, result: t.Any, *_args: t.Any, **_options: t.Any) -> None:
        line = {"task": result.task.get_name(), "host": result.host.get_name(), "failed": result.is_failed()}
        with Path(os.environ["EVERY_RESULT_FILE"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "result": result.result}, default=str) + "\n")

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = _write
