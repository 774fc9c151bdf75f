# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no Python package brings: HAProxy, the data plane of the emulator."""

from __future__ import annotations

import os
import shutil
import subprocess

INSTALL = (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", "haproxy"])


class NotInstalled(Exception):
    """HAProxy is missing and cannot be installed from here; the text says what to run."""


def has_haproxy() -> bool:
    """Debian keeps it in a folder that is not on every user's PATH."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


def ensure_haproxy() -> None:
    """Install HAProxy where it is missing and this user may do so. Raises NotInstalled."""
    if has_haproxy():
        return
    by_hand = NotInstalled("HAProxy is missing. On Debian and Ubuntu this installs it: apt-get install haproxy")
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise by_hand
    print("Installing haproxy with apt-get", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in INSTALL:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotInstalled(f"{by_hand} ({' '.join(command)} failed: {done.stderr.strip()})")
