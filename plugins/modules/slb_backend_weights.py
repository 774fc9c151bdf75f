#!/usr/bin/python

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_backend_weights
short_description: Set the weights of backend servers of an Alibaba Cloud load balancer
version_added: 0.1.0
description:
  - Sets weights of members of the default server group of a Classic Load Balancer (CLB, formerly SLB).
  - Weight V(0) takes a server out of traffic. New requests go to other servers, existing connections continue until
    they close, and health checks continue.
  - Reads the group and writes only what differs, in calls of at most 20 servers, increases before decreases. Then it
    reads the group again. If nothing differs, the task makes one API call and writes nothing.
  - Never adds or removes servers, and never changes vServer groups or other members.
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
      expected_weight:
        description:
          - Change the member only if it has this weight, a whole number from V(0) to V(100). If it has any other weight,
            the task fails, reports that weight, and writes nothing. A member that already has
            O(backend_servers[].weight) is accepted.
          - This keeps a task from undoing what a person or another job did. The check uses the group as it was read right
            before the write, because the API cannot compare and set in one step.
        type: raw
  on_missing:
    description:
      - What to do about a server that is not a member of the default server group. It is never added.
      - With V(fail), the task fails, lists the unknown servers and the members of the group, and writes nothing.
      - With V(ignore), it warns and continues with the other servers.
    type: str
    choices: [fail, ignore]
    default: fail
  min_active:
    description:
      - Refuse to drain servers if fewer than this many members of the whole default server group would keep a weight
        above 0. Nothing is written then.
      - A task that drains no server is never refused; otherwise a group that is already too small could not be
        refilled.
      - Another task may drain other servers at the same time. The count is therefore repeated after the change. If too few
        members remain, the task restores the servers it drained and fails.
      - A whole number from V(0).
    type: raw
    default: 0
  check_listeners:
    description:
      - Whether to check, before a write, that weights have an effect on the listeners of the load balancer.
      - They may have none on a listener that does not schedule by weight (round robin C(rr), consistent hashing), that
        uses a vServer group or a master/slave group, or that is stopped. They have none if the load balancer is not
        active or has no listener.
      - Takes one more API call (one for every 100 listeners), but only if there is something to write.
    type: str
    choices: ["off", warn, fail]
    default: "off"
  verify:
    description:
      - After a write, read the group again until it shows the new weights.
      - If V(false), RV(backend_servers) is the expected state of the group, not one that was read.
    type: bool
    default: true
notes:
  - The API accepts one change at a time for each load balancer. While one is pending, the module waits and retries.
seealso:
  - module: aliyun_community.slb.slb_backend_info
  - ref: ansible_collections.aliyun_community.slb.docsite.rolling_updates_guide
    description: Rolling updates of whole groups of servers, batch by batch.
  - ref: ansible_collections.aliyun_community.slb.docsite.credentials_guide
    description: The sources of credentials and their order.
  - ref: ansible_collections.aliyun_community.slb.docsite.ram_policy_guide
    description: The permissions that an access key needs.
  - ref: ansible_collections.aliyun_community.slb.docsite.what_weights_cannot_do_guide
    description: Listeners, vServer groups and health checks on which weights have no effect.
  - ref: ansible_collections.aliyun_community.slb.docsite.troubleshooting_guide
    description: Error codes, and what to do about each.
  - name: SetBackendServers
    description: The vendor's page of the API action.
    link: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-setbackendservers
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
  description: The whole default server group after the task; in check mode, as it would be.
  returned: if the group was read
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "weight": 0, "type": "ecs", "server_ip": null, "description": "web 1"}]
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
previous:
  description:
    - The requested members as they were when the task began, in the format of the option O(backend_servers).
    - Pass it to that option to restore them.
  returned: if the group was read
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "weight": 100, "type": "ecs"}]
changed_servers:
  description: The members whose weight was changed; in check mode, those that would be.
  returned: always
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "type": "ecs", "server_ip": null, "before": 100, "after": 0}]
active_count:
  description: How many members of the group have a weight above 0 after the task.
  returned: if the group was read
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
