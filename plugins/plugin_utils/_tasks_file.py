# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t


class TasksFileError(Exception):
    """The file cannot be used."""


def check_tasks_file(path: str, **_context: t.Any) -> None:
    if not os.path.isfile(path):
        raise TasksFileError(f"there is no file {path}")
