# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulator of the Alibaba Cloud Classic Load Balancer API for loopback. What is named here is for its users.

``core`` holds the state, ``api`` answers calls from it, ``http`` serves that, and ``data_plane`` moves traffic. None
imports what comes after it in this sentence; of ``data_plane`` the other three know only ``core/data_plane.py``.
"""

from __future__ import annotations

from .api.service import RecordedRequest
from .core.changes import MemberChange, MemberEdit
from .core.documents import DocumentError
from .core.model import DEFAULT_GROUP, BackendServer, MemberKey
from .core.state_document import EXAMPLE_STATE
from .testing import Emulator, running

__all__ = [
    "DEFAULT_GROUP",
    "EXAMPLE_STATE",
    "BackendServer",
    "DocumentError",
    "Emulator",
    "MemberChange",
    "MemberEdit",
    "MemberKey",
    "RecordedRequest",
    "running",
]
