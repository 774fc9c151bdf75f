# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator: an emulator of the Alibaba Cloud Classic Load Balancer API for loopback."""

from __future__ import annotations

from .documents import DocumentError
from .emulator import Emulator, running
from .model import BackendServer
from .service import RecordedRequest

__all__ = ["BackendServer", "DocumentError", "Emulator", "RecordedRequest", "running"]
