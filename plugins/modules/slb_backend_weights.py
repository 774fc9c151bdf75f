#!/usr/bin/python

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_backend_weights
short_description: Set the weights of backend servers of an Alibaba Cloud load balancer
version_added: 1.0.0
description:
  - Sets weights of members of a Classic Load Balancer (CLB, formerly SLB), in its default server group and in its
    vServer groups.
  - Weight V(0) takes a server out of traffic. New requests go to other servers, existing connections continue until
    they close, and health checks continue.
  - Reads the groups and writes only what differs, one group after the other, in calls of at most 20 members, increases
    before decreases. Then it reads each changed group again. If nothing differs, the task writes nothing.
  - In the default server group, a task makes one API call if nothing differs. vServer groups take one call for their
    list and one for each group that is read.
  - Never adds or removes servers, never renames a group, and never writes members that the task does not name.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.connection
attributes:
  check_mode:
    support: full
    details:
      - Reads and checks everything like a normal run, but writes nothing.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  load_balancer_id:
    description:
      - The id of the load balancer.
    type: str
    required: true
    aliases: [lb_id]
  backend_servers:
    description:
      - The servers and their target weights. Members that are not listed keep their weight.
      - By default an element is about the member of the default server group. O(backend_servers[].vserver_group) names
        another group, and O(server_groups=all) means every group that has the server.
    type: list
    elements: dict
    required: true
    aliases: [servers]
    suboptions:
      server_id:
        description:
          - The id of the ECS instance, elastic network interface or elastic container instance.
        type: str
        required: true
      weight:
        description:
          - A whole number from V(0) to V(100). Anything else, such as V(true), V(1.5) or V(80%), is refused before any
            API call.
        type: raw
        required: true
      type:
        description:
          - The type of the member. Only needed to distinguish members that share a server id.
        type: str
        choices: [ecs, eni, eci]
      server_ip:
        description:
          - The address of the member. Only needed to distinguish members that share a server id, such as those of a
            network interface with several addresses.
        type: str
      vserver_group:
        description:
          - The vServer group that the element is about, by its id (such as V(rsp-bp1qjwo61pqz3ahltv0mw)) or by its
            name, if only one vServer group of the load balancer has this name.
          - A group that the load balancer does not have fails the task, whatever O(on_missing) says. So does a
            master/slave server group, since the API has no action to set weights in one.
        type: str
      port:
        description:
          - The port of the member, a whole number from V(1) to V(65535). In a vServer group the same server can be a
            member several times, once per port.
          - Without a port, an element is about all ports of the server in the vServer group. Members of the default
            server group have no port.
        type: raw
      expected_weight:
        description:
          - Change the member only if it has this weight, a whole number from V(0) to V(100), or one of a list of
            weights. If it has any other weight, O(on_unexpected) says what happens. A member that already has
            O(backend_servers[].weight) is accepted.
          - This keeps a task from undoing what a person or another job did. The check uses the group as it was read
            right before the write, because the API cannot compare and set in one step.
        type: raw
  server_groups:
    description:
      - Where an element of O(backend_servers) without O(backend_servers[].vserver_group) applies.
      - With V(default), in the default server group.
      - With V(all), in the default server group and in every vServer group that has the server, all its ports included.
        At least one group must have it. With O(backend_servers[].port), in the vServer groups that have the server with
        this port.
      - With V(all), the elements of one server must either all name a group or not at all.
    type: str
    choices: [default, all]
    default: default
  on_missing:
    description:
      - What to do about a server that is not a member of the group, or with V(all) as O(server_groups), of any group.
        It is never added.
      - With V(fail), the task fails, lists the unknown servers and the members of the group, and writes nothing.
      - With V(ignore), it warns and continues with the other servers.
    type: str
    choices: [fail, ignore]
    default: fail
  on_unexpected:
    description:
      - What to do about a member that has neither O(backend_servers[].expected_weight) nor O(backend_servers[].weight).
      - With V(fail), the task fails, names each of them with its weight, and writes nothing.
      - With V(skip), it leaves them alone, lists them in RV(skipped_servers), and continues with the others.
    type: str
    choices: [fail, skip]
    default: fail
  min_active:
    description:
      - Refuse to drain members if fewer than this many members of a group would keep a weight above 0. Nothing is
        written then. Each group in which the task drains a member is counted by itself and as a whole.
      - In a vServer group each port of a server is a member.
      - A group in which the task drains no member is never a reason to refuse; otherwise a group that is already too
        small could not be refilled.
      - Another task may drain other servers at the same time. The count is therefore repeated after the change. If
        too few members of a group remain, the task restores the members it drained, in all groups, and fails.
      - A whole number from V(0).
    type: raw
    default: 0
  check_listeners:
    description:
      - Whether to check, before a write, that the weights have an effect, and that a drained server gets no traffic
        in another way. Each finding names the listener, the forwarding rule and the group, and the message says what
        to do.
      - Weights may have no effect on a listener or rule that does not schedule by weight (round robin C(rr),
        consistent hashing), or that is stopped. A forwarding rule can have a scheduler of its own. They have none if
        the load balancer is not active or has no listener, or if no listener or rule uses the group. With V(all) as
        O(server_groups), a group that nothing uses is only a finding if nothing uses any of the changed groups.
      - A server that the task drains may still get traffic through a listener or rule that uses another group that
        has the server and that the task does not name, or through a master/slave server group.
      - The vendor's Kubernetes controller resets weights in its groups, whose names start with C(k8s/).
      - The check reads the listeners, one call for every 100, but only if there is something to write. A drain, and
        any change in a vServer group, also takes one call for the list of vServer groups (unless it was read or no
        listener can lead to one), one for each HTTP or HTTPS listener if there are rules, and one for each group in
        use that has not been read.
    type: str
    choices: ["off", warn, fail]
    default: "off"
  verify:
    description:
      - After a write, read each changed group again until it shows the new weights.
      - If V(false), RV(backend_servers) is the expected state of the groups, not one that was read.
    type: bool
    default: true
notes:
  - The API accepts one change at a time for each load balancer. While one is pending, the module waits and retries.
  - The API accepts 90 writes per minute, account and region (vendor quota page). A task makes one for each group with
    changes and 20 members.
  - The vendor does not document what SetVServerGroupAttribute does with members that a request leaves out, or without
    the name of the group. The vendor's own automation relies on both staying as they are, and so does this module.
seealso:
  - module: aliyun_community.slb.slb_backend_info
  - name: Rolling updates
    description: Rolling updates of whole groups of servers, batch by batch.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/rolling_updates_guide.rst
  - name: Server groups
    description: Which server groups a load balancer has, and what drains them.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/server_groups_guide.rst
  - name: Credentials
    description: The sources of credentials and their order.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/credentials_guide.rst
  - name: RAM policies with least privilege
    description: The permissions that an access key needs.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/ram_policy_guide.rst
  - name: What weights cannot do
    description: Listeners, vServer groups and health checks on which weights have no effect.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/what_weights_cannot_do_guide.rst
  - name: Troubleshooting by error code
    description: Error codes, and what to do about each.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/troubleshooting_guide.rst
  - name: SetBackendServers
    description: The vendor's page of the API action for the default server group.
    link: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-setbackendservers
  - name: SetVServerGroupAttribute
    description: The vendor's page of the API action for vServer groups.
    link: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-setvservergroupattribute
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Take a server out of traffic, unless fewer than two would be left
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    min_active: 2
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        weight: 0
  register: drained

- name: Restore its weight
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    backend_servers: "{{ drained.previous }}"

- name: Take a server out of traffic in all server groups, or fail if something still leads to it
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    server_groups: all
    check_listeners: fail
    min_active: 1
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        weight: 0
  register: drained_everywhere

- name: Restore its weights in all of them
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    backend_servers: "{{ drained_everywhere.previous }}"

- name: Set the weight of one port in a vServer group, unless someone else has changed it
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    on_unexpected: skip
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        vserver_group: api
        port: 8080
        weight: 50
        expected_weight: [0, 100]

- name: Set different weights, and fail if weights have no effect
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    check_listeners: fail
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        weight: 100
      - server_id: eni-bp15sdqt9rc1s9ymjefl
        server_ip: 192.168.0.11
        weight: 40
"""

RETURN = r"""
load_balancer_id:
  description: The id of the load balancer.
  returned: always
  type: str
  sample: lb-bp1qjwo61pqz3ahltv0mw
region:
  description: The region of the load balancer, as the task gives it.
  returned: always
  type: str
  sample: cn-hangzhou
backend_servers:
  description:
    - All members of the groups that the task read, after the task; in check mode, as they would be.
    - Those of the default server group unless the task is about other groups, too.
  returned: if the groups were read
  type: list
  elements: dict
  sample:
    - server_id: i-bp1c3zrr37ablp8ujo7v
      weight: 0
      type: ecs
      server_ip: null
      description: web 1
      port: null
      vserver_group_id: null
      vserver_group_name: null
  contains:
    server_id:
      description: The id of the server.
      type: str
    weight:
      description: The weight, V(0) to V(100).
      type: int
    type:
      description: The type, V(ecs), V(eni) or V(eci).
      type: str
    server_ip:
      description: The address, if the API returns one.
      type: str
    description:
      description: The description, if the member has one.
      type: str
    port:
      description: The port in a vServer group.
      type: int
    vserver_group_id:
      description: The id of the vServer group; null in the default server group.
      type: str
    vserver_group_name:
      description: The name of the vServer group; null in the default server group.
      type: str
server_groups:
  description: The server groups that the task read, with their counts after the task; in check mode, as they would be.
  returned: if the groups were read
  type: list
  elements: dict
  sample: [{"vserver_group_id": null, "vserver_group_name": null, "member_count": 4, "active_count": 3}]
  contains:
    vserver_group_id:
      description: The id of the vServer group; null for the default server group.
      type: str
    vserver_group_name:
      description: The name of the vServer group; null for the default server group.
      type: str
    member_count:
      description: How many members the group has.
      type: int
    active_count:
      description: How many of them have a weight above 0.
      type: int
previous:
  description:
    - The requested members as they were when the task began, in the format of the option O(backend_servers). Each names
      its vServer group and port, if it has one.
    - Pass it to that option to restore them, without O(server_groups=all).
  returned: if the groups were read
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "weight": 100, "type": "ecs"}]
skipped_servers:
  description:
    - The members that O(on_unexpected=skip) left alone, in the format of RV(backend_servers) with C(requested_weight)
      and C(expected_weight), a list.
  returned: if the groups were read
  type: list
  elements: dict
  sample: []
changed_servers:
  description: The members whose weight was changed; in check mode, those that would be.
  returned: always
  type: list
  elements: dict
  sample:
    - server_id: i-bp1c3zrr37ablp8ujo7v
      type: ecs
      server_ip: null
      port: null
      vserver_group_id: null
      vserver_group_name: null
      before: 100
      after: 0
active_count:
  description:
    - How many members of the group have a weight above 0 after the task. If the task names members of several groups,
      the smallest of their numbers.
  returned: if the groups were read
  type: int
  sample: 3
listeners:
  description:
    - The listeners that were checked, in the format of RV(aliyun_community.slb.slb_backend_info#module:listeners).
  returned: when O(check_listeners) is not V(off) and there was something to write
  type: list
  elements: dict
  sample: [{"port": 80, "protocol": "http", "scheduler": "wrr", "status": "running", "health_check": true}]
api_calls:
  description: The number of HTTP requests to the Slb API, retries included.
  returned: always
  type: int
  sample: 3
request_ids:
  description: The request ids of the API's responses, in order. The vendor's support asks for them.
  returned: always
  type: list
  elements: str
  sample: ["365F4154-92F6-4AE4-92F8-7FF34B540710"]
error:
  description: What went wrong.
  returned: when the task failed
  type: dict
  contains:
    code:
      description: The API's code, or one of this collection's, such as V(UnknownMember), V(MinActive) or V(NotVerified).
      returned: when the task failed
      type: str
    message:
      description: The API's message, or this collection's.
      returned: when the task failed
      type: str
    http_status:
      description: The HTTP status of the response, if there was one.
      returned: when the task failed
      type: int
    request_id:
      description: The request id of the response, if it had one.
      returned: when the task failed
      type: str
applied:
  description:
    - The changes that are in effect, in the format of RV(changed_servers). If there are any, the task is C(changed).
  returned: when the task failed
  type: list
  elements: dict
not_applied:
  description: The changes that are certainly not in effect. They were not written, or were undone.
  returned: when the task failed
  type: list
  elements: dict
unconfirmed:
  description:
    - The changes that were sent but got no response, and that no later read showed.
    - They may have taken effect or still do so, so the task counts as C(changed).
  returned: when the task failed
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._module import create_module, fail, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._report import Report
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import (
    check_load_balancer_id,
    parse_requested,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._weight_setter import Options, WeightSetter


def argument_spec() -> dict[str, t.Any]:
    server = {
        "server_id": {"type": "str", "required": True},
        "weight": {"type": "raw", "required": True},
        "type": {"type": "str", "choices": ["ecs", "eni", "eci"]},
        "server_ip": {"type": "str"},
        "port": {"type": "raw"},
        "vserver_group": {"type": "str"},
        "expected_weight": {"type": "raw"},
    }
    return {
        "load_balancer_id": {"type": "str", "required": True, "aliases": ["lb_id"]},
        "backend_servers": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "aliases": ["servers"],
            "options": server,
        },
        "server_groups": {"type": "str", "choices": ["default", "all"], "default": "default"},
        "on_missing": {"type": "str", "choices": ["fail", "ignore"], "default": "fail"},
        "on_unexpected": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "min_active": {"type": "raw", "default": 0},
        "check_listeners": {"type": "str", "choices": ["off", "warn", "fail"], "default": "off"},
        "verify": {"type": "bool", "default": True},
        **connection_argument_spec(),
    }


def main() -> None:
    module, setter = create_module(argument_spec()), None
    params, load_balancer_id = module.params, module.params["load_balancer_id"]
    try:
        requested = parse_requested(params["backend_servers"], params["server_groups"])
        check_load_balancer_id(load_balancer_id)
        options = Options.parse(params)
        setter = WeightSetter(open_client(module), load_balancer_id, options)
        setter.run(requested, check_mode=module.check_mode)
    except SlbError as exc:
        report = setter.report() if setter else Report(load_balancer_id, params["region"])
        fail(module, exc, f"Setting weights of {load_balancer_id}", **report.result(), **report.account())
    report = setter.report()
    for warning in setter.warnings:
        module.warn(printable(warning))
    module.exit_json(**report.result(), **({"diff": report.diff()} if module._diff else {}))


if __name__ == "__main__":
    main()
