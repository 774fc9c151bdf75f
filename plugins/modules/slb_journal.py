# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action slb_journal, which runs on the controller (plugins/action/slb_journal.py).

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_journal
short_description: Put back what rolling updates have left out of traffic, or list it
version_added: 1.0.0
description:
  - Works with the journals that M(aliyun_community.slb.slb_drain) writes on the controller. Each journal says which members a
    rolling update has taken out of traffic and which weights they go back to.
  - B(Options come from variables, too.) An option that a task does not give comes from the host's variable
    C(rolling_update_OPTION). For example, O(record_dir) comes from C(rolling_update_record_dir), and O(rolling_update_id)
    from the variable of the same name. A variable with an empty text counts as not set.
  - The playbook C(aliyun_community.slb.recover) and the entry point C(recover) of the role
    P(aliyun_community.slb.rolling_update#role) are a task with O(state=recovered).
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.action
  - aliyun_community.slb.connection
attributes:
  idempotent:
    support: full
    details:
      - Members that are back are not changed again.
options:
  state:
    description:
      - What to do with the journals.
      - V(recovered) waits until the load balancers call the members healthy, and gives them back their original
        weights. A member is only changed if it has a weight that the rolling update itself wrote. What someone else
        has changed since is left alone and listed. The task fails if a member is still out of traffic afterwards.
      - V(closed) fails if a member is still out of traffic. Without O(rolling_update_id), this is about the
        rolling updates of the same run of C(ansible-playbook). Use it at the end of a playbook.
      - V(listed) lists the rolling updates that have members out of traffic.
    type: str
    required: true
    choices: [recovered, closed, listed]
  rolling_update_id:
    description:
      - The name of the rolling update. By default all open journals are recovered or listed.
    type: str
  recover:
    description:
      - Which members to put back with O(state=recovered).
      - With V(not_begun), only those whose update has never begun. The others stay where they are, are named in the message,
        and the task fails because of them. Use it to recover without a person, since a server whose update was
        cut short may not work.
    type: str
    choices: [all, not_begun]
    default: all
  record:
    description:
      - The journal itself, if the folder is not at hand, as a rolling update hands it to the next job of an AWX workflow.
      - A dictionary, or JSON text. The result of a M(aliyun_community.slb.slb_drain) task that holds the journal is accepted,
        too.
      - If O(record_dir) has a journal with the same name, that one is used, because it is newer.
    type: raw
  record_dir:
    description:
      - The folder of the journals on the controller. By default C(aliyun_community.slb) in E(XDG_STATE_HOME) or in
        C(~/.local/state).
    type: path
  health_timeout:
    description:
      - How long the health checks of the load balancers may take to succeed with O(state=recovered), in seconds. A whole
        number from V(0) to V(86400).
    type: raw
    default: 300
notes:
  - Calls to the API are made on the controller by the Python that runs Ansible, which needs the SDK. Nothing is done on the
    host for which the task runs, so use C(localhost) or C(run_once).
  - The regions are in the journals. Credentials and endpoint come from options, variables or the environment.
seealso:
  - module: aliyun_community.slb.slb_drain
  - name: Rolling updates
    description: A first rolling update, what happens in which order, and what to do when it ends early.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/rolling_updates_guide.rst
  - name: Troubleshooting by error code
    description: Error codes, and what to do about each.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/troubleshooting_guide.rst
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Put back what a rolling update has left out
  aliyun_community.slb.slb_journal:
    state: recovered
    rolling_update_id: web-1.5

- name: List what is out of traffic
  aliyun_community.slb.slb_journal:
    state: listed
  register: open

- name: Show how to put it back
  ansible.builtin.debug:
    msg: "{{ open.journals | map(attribute='recover_command') }}"

- name: Fail if this run has left a server out of traffic
  aliyun_community.slb.slb_journal:
    state: closed
  run_once: true
"""

RETURN = r"""
msg:
  description: What was done or found, in a sentence.
  returned: always
  type: str
  sample: "Put back: web1 (i-bp1c3zrr37ablp8ujo7v of lb-bp1qjwo61pqz3ahltv0mw: 100)."
restored:
  description: The members that have their original weight again.
  returned: with O(state=recovered)
  type: list
  elements: dict
  sample:
    - host: web1
      load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
      vserver_group_id: rsp-0bfuc7p8yqdvf
      server_id: i-bp1c3zrr37ablp8ujo7v
      type: ecs
      server_ip: null
      port: 8080
      original_weight: 100
      state: restored
  contains:
    host:
      description: The name of the host in the inventory of the rolling update.
      type: str
    load_balancer_id:
      description: The id of the load balancer.
      type: str
    vserver_group_id:
      description: The id of the vServer group. V(none) for the default server group.
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
    original_weight:
      description: The weight that the member goes back to.
      type: int
    state:
      description: Where the member is in the rolling update, such as V(drained), V(updating) or V(restored).
      type: str
left_alone:
  description: A sentence for each member that someone else has changed, or that is not a member any longer.
  returned: with O(state=recovered)
  type: list
  elements: str
record:
  description: The journal with the members that are still out of traffic, for the next job. Empty if there are none.
  returned: with O(state=recovered) and O(record)
  type: dict
journals:
  description: The rolling updates that have members out of traffic.
  returned: with O(state=listed)
  type: list
  elements: dict
  contains:
    rolling_update_id:
      description: The name of the rolling update.
      type: str
    started:
      description: When it began, in seconds since 1970.
      type: float
    running:
      description: Whether it is still running on this controller.
      type: bool
    servers:
      description:
        - The members that are out of traffic, in the shape of RV(restored), and since when.
      type: list
      elements: dict
      contains:
        out_since:
          description: When the member was taken out of traffic, in seconds since 1970.
          type: float
    recover_command:
      description: The command that puts the members back.
      type: str
      sample: ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5
error:
  description: What went wrong, with RV(ignore:code), C(message), C(http_status) and C(request_id).
  returned: when a journal could not be used or an option is not valid
  type: dict
"""
