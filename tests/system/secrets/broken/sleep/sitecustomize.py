# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the module crash where it would wait, after a request has failed: Ansible then shows what was on stderr."""

from __future__ import annotations

import time
from typing import SupportsIndex


def _break(_seconds: float | SupportsIndex, /) -> None:
    raise RuntimeError("no sleep on this machine")


time.sleep = _break
