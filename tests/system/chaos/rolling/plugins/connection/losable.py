# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to this machine that is lost as soon as a file exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: losable
short_description: this machine, until a file exists
description:
  - Runs modules on this machine. While the file exists, the host is unreachable.
author: aliyun_community.slb contributors
options:
  lost_file:
    description: The file.
    type: str
    required: true
    vars:
      - name: losable_lost_file
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(LocalConnection):
    """The connection of a host that a schedule makes unreachable."""

    transport = "losable"

    def _stop_if_lost(self) -> None:
        if Path(self.get_option("lost_file")).exists():  # type: ignore[no-untyped-call,unused-ignore]
            raise AnsibleConnectionFailure("The host went away.")

    def _connect(self) -> Connection:
        self._stop_if_lost()
        super()._connect()
        return self

    def exec_command(self, *arguments: Any, **options: Any) -> Any:
        self._stop_if_lost()
        return super().exec_command(*arguments, **options)
