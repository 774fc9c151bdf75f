# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The documentation of the action slb_drain, which runs on the controller (plugins/action/slb_drain.py).

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_drain
short_description: Take a host out of the traffic of its load balancers, and put it back
version_added: 1.0.0
description:
  - Takes the host for which the task runs out of traffic, or gives it back the weights that it had. Use it in C(pre_tasks)
    and C(post_tasks) of a play, or use the role
    P(aliyun_community.slb.rolling_update#role), which is built on it.
  - B(Options come from variables, too.) An option that a task does not give comes from the host's variable
    C(rolling_update_OPTION). For example, O(server_id) comes from C(rolling_update_server_id), O(region) from
    C(rolling_update_region), and O(rolling_update_id) from the variable of the same name. So the inventory says once which
    member a host is, and a task often needs nothing but O(state). A variable with an empty text counts as not set.
  - Before a weight is changed, the original weight is written to a B(journal) on the controller. If the run ends early, the
    next rolling update or the playbook C(aliyun_community.slb.recover) puts the host back.
  - Hosts of a batch share their API calls. The first host does the work of all hosts that have announced themselves
    (O(state=checked) announces a host for O(state=drained), and O(state=updated) for O(state=restored)), so a batch costs
    one read, one write and one verifying read for each load balancer. Each host succeeds or fails on its own.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.action
  - aliyun_community.slb.connection
attributes:
  idempotent:
    support: full
    details:
      - Draining a host that is drained, or restoring one that is back, changes nothing. Taking over what an earlier run has
        left out is a change.
options:
  state:
    description:
      - Which step to take for this host.
      - V(checked) checks the host without changing anything. It must be a member of each load balancer, the
        listeners must look at weights, enough members must stay in traffic, and Ansible must be able to run a module
        on it. It also reads the tasks files, and prints the id of the rolling update and the command that recovers from
        it.
      - V(drained) sets the weights of the host to 0, waits O(drain_delay) seconds, and then waits for the connections to
        O(port) to end. If it fails, the host goes back. Before anything else, it looks at the tasks that follow in the play
        and refuses them if the play could end without an error and with the server out of traffic.
      - V(proven) reads the weights again and fails unless all of them are 0. Place it right before the update.
      - V(updated) waits until O(health_url) works, and notes in the journal that the update has ended.
      - V(restored) waits until the load balancers call the host healthy, and gives it back the weights that it had, in
        the steps of O(ramp). It restores every server of the host that this rolling update has drained, and does not look
        at O(load_balancer_ids). If the task itself has O(server_id), only that server of the host goes back. Handlers of the
        update must have run before, so place it in C(post_tasks), or flush them with M(ansible.builtin.meta) before it.
      - V(failed) is for a C(rescue) section. It puts the host back if its update has not begun or if
        O(on_failure=restore). It always fails, and says what is still out of traffic and how to put it back. If a
        C(rescue) further out would hide that, the host counts as unreachable instead.
    type: str
    required: true
    choices: [checked, drained, proven, updated, restored, failed]
  rolling_update_id:
    description:
      - The name of the rolling update and of its journal. By default it is made from the time and the process, and it is the
        same for all hosts of a run.
    type: str
  load_balancer_ids:
    description:
      - The load balancers that the host is behind. At least one is required.
      - They are drained in this order and restored in reverse. They may differ from host to host.
      - A list, or text with the ids separated by commas, spaces or lines.
    type: raw
  server_id:
    description:
      - Which server behind the load balancers the host is. Required.
    type: str
  server_ip:
    description:
      - The address of the member, if several members share the server id.
    type: str
  server_groups:
    description:
      - The server groups that the rolling update is responsible for.
      - With V(all), the host is taken out of traffic in the default server group and in every vServer group of its load
        balancers, on all ports. It must be a member of at least one group of each load balancer.
      - With V(default), in the default server group alone. Requests that reach the host through a vServer group go on then.
    type: str
    choices: [all, default]
    default: all
  min_active:
    description:
      - How many members must keep a weight above 0, in each server group that the host is taken out of. They are counted in the
        load balancer's own list.
      - A whole number from V(0).
    type: raw
    default: 1
  check_listeners:
    description:
      - What to do about listeners on which weights may have no effect. O(state=checked) looks at them, and
        O(state=drained) if the host was not checked before. See
        R(what weights cannot do, ansible_collections.aliyun_community.slb.docsite.what_weights_cannot_do_guide).
    type: str
    choices: [fail, warn, "off"]
    default: fail
  already_out:
    description:
      - What to do about a member that is already at weight 0 if no journal knows why.
      - With V(warn), the host is updated, its weight stays 0, and it is named in a warning.
      - With V(fail), O(state=checked) fails.
    type: str
    choices: [warn, fail]
    default: warn
  drain_delay:
    description:
      - How long O(state=drained) waits after it has changed a weight, in seconds. The load balancers apply a change about two
        seconds after the API has answered.
      - A whole number from V(0) to V(86400).
    type: raw
    default: 5
  port:
    description:
      - The port of the service on the host, or a list of ports. If set, O(state=drained) waits until no connection to them is
        established. A server that is in vServer groups with several ports needs all of them here.
      - Each is a whole number from V(1) to V(65535).
    type: raw
  drain_timeout:
    description:
      - How long to wait for connections to end, in seconds. A whole number from V(0) to V(86400).
    type: raw
    default: 300
  on_drain_timeout:
    description:
      - What to do if connections are left after O(drain_timeout).
      - With V(continue), they are reported, and the update cuts them.
      - With V(fail), the task fails.
    type: str
    choices: [continue, fail]
    default: continue
  verify:
    description:
      - Whether O(state=drained) reads the weights again after it has set them, until they are 0. The update counts as begun
        then, so a failure leaves the server out.
      - Set it to V(false) only if a task with O(state=proven) follows.
    type: bool
    default: true
  health_url:
    description:
      - A URL that the host itself requests in O(state=updated), and that must answer with status 200.
    type: str
  health_timeout:
    description:
      - How long O(health_url) in O(state=updated), and the health checks of the load balancers in O(state=restored), may take
        to succeed, in seconds. A whole number from V(0) to V(86400).
    type: raw
    default: 300
  ramp:
    description:
      - The steps in which the weight comes back, in percent of the original weight. The last step is always 100, whether it is
        in the list or not.
      - A list of whole numbers from V(0) to V(100), a single one, or text with the numbers separated by commas, spaces or
        lines.
    type: raw
    default: [100]
  ramp_pause:
    description:
      - How long the host stays at a step of O(ramp), in seconds. A whole number from V(0) to V(86400).
    type: raw
    default: 30
  on_failure:
    description:
      - What O(state=failed) does with a host whose update may have begun.
      - With V(keep_drained), it stays out of traffic.
      - With V(restore), its weights come back, without a look at its health.
    type: str
    choices: [keep_drained, restore]
    default: keep_drained
  record_dir:
    description:
      - The folder for the journals on the controller. By default C(aliyun_community.slb) in E(XDG_STATE_HOME) or in
        C(~/.local/state).
      - If several controllers run rolling updates for the same load balancers, they should share it.
    type: path
  keep_days:
    description:
      - How long the journals of finished rolling updates are kept, in days. A whole number from V(0) to V(36500).
    type: raw
    default: 30
  tasks_file:
    description:
      - A file with tasks that O(state=checked) loads to see whether it can be run. The role sets it.
      - A relative path starts at the playbook, or before that in C(tasks) of a role that includes this one. For the playbooks
        of this collection it starts in the current folder.
    type: str
  health_tasks_file:
    description:
      - A file with the tasks that check the health of the host. O(state=checked) loads it like O(tasks_file).
    type: str
notes:
  - Calls to the API are made on the controller by the Python that runs Ansible, which needs the SDK. The keywords C(become),
    C(connection) and C(environment) of the play and the interpreter of the host are meant for the host and have no effect on
    them.
  - Three things are done on the host itself, with its connection and without C(become). O(state=checked) runs
    C(ansible.builtin.ping), O(state=drained) counts the connections to O(port), and O(state=updated) requests O(health_url).
    With O(port) or O(health_url), such a task must not be delegated.
  - With C(ignore_errors=true), a host that cannot be drained or restored counts as unreachable, so that its update is not run
    under traffic. If the play has C(ignore_unreachable=true) as well, set that to V(false) for these tasks.
    Otherwise a host that could not be drained is updated under traffic. Set C(timeout=0) if the play has a time limit for tasks, or
    C(task_timeout) is set. Otherwise it ends a wait for connections or health, and what was done by then is not in the result.
  - A task takes out only the server of its own host, so C(run_once) is refused if the batch has more than one.
seealso:
  - module: aliyun_community.slb.slb_journal
  - module: aliyun_community.slb.slb_backend_weights
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
# The inventory sets rolling_update_server_id for each host.
- name: Update the web servers out of traffic
  hosts: web
  serial: 1
  # A host that fails stops the play before the next batch.
  max_fail_percentage: 0
  vars:
    rolling_update_load_balancer_ids: [lb-bp1qjwo61pqz3ahltv0mw]
    rolling_update_min_active: 2
  pre_tasks:
    - name: Take this server out of traffic
      aliyun_community.slb.slb_drain:
        state: drained
        port: 8080
      # With --tags, these two run, too.
      tags: always
  roles:
    - role: web
  post_tasks:
    - name: Put this server back
      aliyun_community.slb.slb_drain:
        state: restored
      tags: always

# All options in the tasks, for hosts without such variables. With the first task, one read and one write are enough for a
# whole batch. The last one proves right before the update that no traffic comes.
- name: Take the application servers out of traffic
  hosts: app
  serial: 2
  module_defaults:
    aliyun_community.slb.slb_drain:
      rolling_update_id: app-1.5
      region: cn-hangzhou
      load_balancer_ids: [lb-bp1qjwo61pqz3ahltv0mw]
      server_id: "{{ server_id }}"
  tasks:
    - name: Check this server and announce it
      aliyun_community.slb.slb_drain:
        state: checked
      register: checked
      # Do not go on if a server of an earlier batch is still out.
      failed_when: checked is failed or checked.stopped | default(false)

    - name: Take the servers of the batch out of traffic
      aliyun_community.slb.slb_drain:
        state: drained

    - name: Prove that this server is out of traffic
      aliyun_community.slb.slb_drain:
        state: proven
"""

RETURN = r"""
rolling_update_id:
  description: The name of the rolling update and of its journal.
  returned: success
  type: str
  sample: web-1.5
servers:
  description:
    - The members that this task took out of traffic, put back, or left out after a failure. A host is one member for each
      server group, and for each port in a vServer group.
  returned: success
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
      state: drained
  contains:
    host:
      description: The name of the host in the inventory.
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
      description:
        - Where the member is in the rolling update. V(draining), V(drained), V(updating), V(updated), V(restoring),
          V(restored), or V(left alone) if someone else changed its weight.
      type: str
already_out:
  description: The members of this host that were at weight 0 before, if no journal knows why.
  returned: success
  type: list
  elements: str
  sample: [i-bp1c3zrr37ablp8ujo7v of lb-bp1qjwo61pqz3ahltv0mw]
connections:
  description: How many connections to O(port) are still established.
  returned: with O(state=drained) and O(port), outside check mode
  type: int
  sample: 0
tasks_file:
  description: The absolute path of O(tasks_file).
  returned: with O(state=checked)
  type: str
health_tasks_file:
  description: The absolute path of O(health_tasks_file).
  returned: with O(state=checked)
  type: str
stopped:
  description:
    - Whether the rolling update must not go on because a host of an earlier batch is still out of traffic. The task fails for
      one host of the batch only, so end the play if this is V(true).
  returned: with O(state=checked), if it must not go on
  type: bool
ansible_stats:
  description:
    - Statistics of the run, which AWX hands to the next job of a workflow. C(data.rolling_update_record) is the journal with
      what is out of traffic, or in check mode with what would be taken out.
  returned: with O(state=checked), O(state=drained), O(state=proven) and O(state=restored)
  type: dict
error:
  description: What went wrong, with RV(ignore:code), C(message), C(http_status) and C(request_id).
  returned: when the task failed, unless the failure was found while several hosts were drained or restored together
  type: dict
"""
