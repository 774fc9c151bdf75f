# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules can do, in Ansible's standard words."""

    DOCUMENTATION = r"""
attributes:
  action_group:
    description: Use C(group/aliyun_community.slb.slb) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - aliyun_community.slb.slb
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
"""

    INFO_MODULE = r"""
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
    details:
      - This module changes nothing.
"""

    ACTION = r"""
attributes:
  action:
    description: Runs on the controller, as an action plugin.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  become:
    description: Uses C(become) of the play or host.
    support: none
    details:
      - The play's C(become), connection, C(environment) and interpreter have no effect on the calls to the API.
  connection:
    description: Uses the connection of the host for its work.
    support: none
    details:
      - Calls to the API are made on the controller. The notes say what else is done on the host.
  delegation:
    description: Can be used with C(delegate_to).
    support: N/A
    details:
      - The work is done on the controller in any case.
  check_mode:
    support: full
    details:
      - Reads and checks everything like a normal run, but changes no weight and writes no journal.
  diff_mode:
    support: none
    details:
      - A line for each load balancer says which weights change.
"""
