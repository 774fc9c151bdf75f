# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import LockedFolder, Run


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(LockedFolder(str(tmp_path)), Run("controller", 7, "1"))
