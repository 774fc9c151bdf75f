# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of plugins/action/slb_set_weights.py, which does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_set_weights
short_description: Set the weights of backend servers, and keep the previous ones in a file on the controller
version_added: 1.0.0
description:
  - The task of the playbook C(aliyun_community.slb.set_weights). In playbooks of your own, use
    M(aliyun_community.slb.slb_backend_weights) and keep its result RV(aliyun_community.slb.slb_backend_weights#module:previous).
  - Sets weights as M(aliyun_community.slb.slb_backend_weights) does, and records the weights that it changes in a file
    before it changes the first of them. C(ansible-playbook aliyun_community.slb.set_weights -e @FILE) restores them.
  - Runs on the controller. The connection, C(become) and the interpreter of the host have no effect.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.connection
attributes:
  check_mode:
    support: full
    details:
      - Reads and checks everything as a real run does, and writes nothing, not even the file.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  load_balancer_id:
    description:
      - As in M(aliyun_community.slb.slb_backend_weights).
    type: str
    required: true
    aliases: [lb_id]
  backend_servers:
    description:
      - The list that M(aliyun_community.slb.slb_backend_weights) takes, or text.
      - Text has C(ID=WEIGHT) on each line or between commas, or C(ID@ADDRESS=WEIGHT) for a member that shares its id with
        others.
    type: raw
    required: true
    aliases: [servers]
  previous_file:
    description:
      - A file on the controller. It is written before the first weight changes, with mode V(0600), and holds the load
        balancer, its region, and each server that the task changes with the weight that it had.
      - If the file exists, its weights stay, and servers that it does not list are added. Once all its weights are
        restored, the next change starts a new list.
      - The task fails before it changes anything if the file cannot be written, is for another load balancer, or holds
        anything else.
      - A relative path starts in the current folder.
    type: path
  restored_from:
    description:
      - The O(previous_file) of an earlier task, if this one restores its weights. Once they are restored, the file says so.
      - The file sets this itself, as the variable C(slb_restored_from). A file that does not exist is ignored.
    type: path
  on_missing:
    description:
      - As in M(aliyun_community.slb.slb_backend_weights).
    type: str
    choices: [fail, ignore]
    default: fail
  min_active:
    description:
      - As in M(aliyun_community.slb.slb_backend_weights).
    type: raw
    default: 0
  check_listeners:
    description:
      - As in M(aliyun_community.slb.slb_backend_weights).
    type: str
    choices: ["off", warn, fail]
    default: "off"
  verify:
    description:
      - As in M(aliyun_community.slb.slb_backend_weights).
    type: bool
    default: true
notes:
  - All results of M(aliyun_community.slb.slb_backend_weights) are returned, too.
seealso:
  - module: aliyun_community.slb.slb_backend_weights
  - name: First drain in five minutes
    description: The playbook, step by step.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/first_drain_guide.rst
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Take a server out of traffic, and keep the weight that it had
  aliyun_community.slb.slb_set_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    previous_file: previous.yml
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        weight: 0
"""

RETURN = r"""
summary:
  description: The members of the default server group and their weights, a line each, and what was kept.
  returned: success
  type: list
  elements: str
  sample: ["i-bp1c3zrr37ablp8ujo7v: 0", "i-bp67acfmxazb4ph7cv3f: 100", "1 of 2 servers get traffic"]
"""
