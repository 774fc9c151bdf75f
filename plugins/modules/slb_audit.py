# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action slb_audit, which runs on the controller (plugins/action/slb_audit.py).

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_audit
short_description: List what is out of traffic, since when, and how to put it back
version_added: 1.0.0
description:
  - Lists the members with weight 0 in any server group of load balancers, and what the journals of
    M(aliyun_community.slb.slb_drain) on the controller know about them.
  - Finds servers that a rolling update has left out, for example because it was killed, and servers that someone has
    drained by hand and forgotten.
  - The playbook C(aliyun_community.slb.audit) is this task.
  - B(Options come from variables, too.) An option that a task does not give comes from the host's variable
    C(rolling_update_OPTION). For example, O(record_dir) comes from C(rolling_update_record_dir). A variable with an empty
    text counts as not set.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.action
  - aliyun_community.slb.connection
attributes:
  check_mode:
    support: full
    details:
      - This action changes nothing.
  idempotent:
    support: full
    details:
      - This action changes nothing.
options:
  regions:
    description:
      - The regions to look in, if there are several. Takes precedence over O(region).
      - A list, or text with commas, spaces or lines between the elements.
    type: raw
  load_balancer_ids:
    description:
      - The ids of load balancers. A list, or text with commas, spaces or lines between the elements.
      - Without O(load_balancer_ids), O(load_balancer_names), O(tags) and O(resource_group_id), all load balancers of the
        region are read, and all journals. With several of them, the load balancers that meet all conditions, and what the
        journals know about these.
    type: raw
  load_balancer_names:
    description:
      - The names of load balancers. A list, or text with commas or lines between the elements.
    type: raw
  tags:
    description:
      - Tags that load balancers must have, all of them. At most 20.
    type: dict
  resource_group_id:
    description:
      - The resource group that load balancers must be in.
    type: str
  record_dir:
    description:
      - The folder of the journals on the controller. By default C(aliyun_community.slb) in E(XDG_STATE_HOME) or in
        C(~/.local/state).
    type: path
  fail_if_found:
    description:
      - Whether to fail if something is out of traffic. What a rolling update has out that is still running on this
        controller does not count.
      - The task fails in any case if a load balancer cannot be read.
    type: bool
    default: false
notes:
  - Calls to the API are made on the controller by the Python that runs Ansible, which needs the SDK. Nothing is done on the
    host for which the task runs, so use C(localhost) or C(run_once).
  - The API does not say since when a weight is 0. Only a journal knows.
  - O(wait_timeout) limits the time for each load balancer.
  - Needs the permissions C(slb:DescribeLoadBalancerAttribute), C(slb:DescribeVServerGroups) and
    C(slb:DescribeVServerGroupAttribute). Also C(slb:DescribeLoadBalancers), unless there are only O(load_balancer_ids) in one
    region.
seealso:
  - module: aliyun_community.slb.slb_journal
  - plugin: aliyun_community.slb.slb
    plugin_type: inventory
  - ref: ansible_collections.aliyun_community.slb.docsite.inventory_guide
    description: An inventory from load balancers, and the audit of what is out of traffic.
  - ref: ansible_collections.aliyun_community.slb.docsite.troubleshooting_guide
    description: Error codes, and what to do about each.
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Fail if something is out of traffic that no running rolling update puts back
  aliyun_community.slb.slb_audit:
    region: cn-hangzhou
    fail_if_found: true

- name: List what is out of traffic on the load balancers of a team
  aliyun_community.slb.slb_audit:
    regions:
      - cn-hangzhou
      - cn-shanghai
    tags:
      team: shop
  register: audit

- name: Show how to put it back
  ansible.builtin.debug:
    msg: "{{ audit.found | map(attribute='command') | unique }}"
"""

RETURN = r"""
msg:
  description: What was found, in a sentence. Each member has a line of its own in the output.
  returned: always
  type: str
  sample: "Out of traffic on 3 load balancers: 2 members, 1 by 1 rolling update, 1 that no journal knows."
found:
  description: The members with weight 0, and members that open journals know and that have another weight now.
  returned: success
  type: list
  elements: dict
  contains:
    region:
      description: The region of the load balancer.
      type: str
    load_balancer_id:
      description: The id of the load balancer.
      type: str
    load_balancer_name:
      description: The name of the load balancer, if it was read.
      type: str
    vserver_group_id:
      description: The id of the vServer group. V(none) for the default server group.
      type: str
    vserver_group_name:
      description: The name of the vServer group.
      type: str
    server_id:
      description: The id of the server.
      type: str
    type:
      description: The type of the member, V(ecs), V(eni) or V(eci).
      type: str
    server_ip:
      description: The address of the member, if the API returns one.
      type: str
    port:
      description: The port of the member. V(none) in the default server group.
      type: int
    weight:
      description: The weight that the member has now. V(none) if it is not among the members that were read.
      type: int
    original_weight:
      description: The weight that the member goes back to. V(none) if no journal knows it.
      type: int
    suggested_weight:
      description: If no journal knows the member, the weight in RV(found[].command), which most others in the group have.
      type: int
    rolling_update_id:
      description: The name of the rolling update. V(none) if no journal knows the member.
      type: str
    host:
      description: The name of the host in the inventory of the rolling update.
      type: str
    state:
      description: Where the member is in the rolling update, such as V(drained) or V(updating).
      type: str
    out_since:
      description: When the rolling update took the member out of traffic, in seconds since 1970.
      type: float
    running:
      description: Whether the rolling update is still running on this controller.
      type: bool
    command:
      description: The command that puts the member back.
      type: str
      sample: ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5
load_balancer_ids:
  description: The load balancers that were read.
  returned: success
  type: list
  elements: str
problems:
  description: A sentence for each load balancer that could not be read.
  returned: success
  type: list
  elements: str
error:
  description: What went wrong, with RV(ignore:code), C(message), C(http_status) and C(request_id).
  returned: when a journal could not be used or an option is not valid
  type: dict
"""
