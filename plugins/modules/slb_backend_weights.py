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
  - Weight V(0) takes a server out of traffic. New requests go to other servers, connections that exist run to their end,
    and health checks go on.
  - Reads the group first and writes only what differs, in calls of at most 20 servers, increases before decreases.
    Then it reads the group again. A task that finds everything as asked makes one API call and writes nothing.
  - Never adds or removes servers, and leaves vServer groups and all other members alone.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.connection
attributes:
  check_mode:
    support: full
    details:
      - Reads and checks everything as a real run does, and writes nothing.
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
      - The servers and the weights that they are to have. Members that are not listed keep their weight.
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
          - A whole number from V(0) to V(100). Anything else is refused before any call, be it V(true), V(1.5) or V(80%).
        type: raw
        required: true
      type:
        description:
          - The type of the member. Needed only to tell apart members that share a server id.
        type: str
        choices: [ecs, eni, eci]
      server_ip:
        description:
          - The address of the member. Needed only to tell apart members that share a server id, as those of a network
            interface with several addresses do.
        type: str
      expected_weight:
        description:
          - Change the member only if it has this weight, a whole number from V(0) to V(100). With any other the task fails,
            says which it has, and writes nothing. A member that already has O(backend_servers[].weight) is fine.
          - This keeps a task from undoing what a person or another job did. It is judged on the group as it was read right
            before the write; the API has no way to compare and set in one step.
        type: raw
  on_missing:
    description:
      - What to do about a server that is no member of the default server group. It is never added.
      - With V(fail) the task names the unknown servers and the members there are, and writes nothing.
      - With V(ignore) it warns and goes on with the others.
    type: str
    choices: [fail, ignore]
    default: fail
  min_active:
    description:
      - Refuse to take servers out of traffic when fewer than this many members of the whole default server group would be
        left with a weight above 0. Nothing is written then.
      - A task that takes none out is not refused, so that a group which is already too small can be filled again.
      - Another task may take out other servers at the same time. So the members left are counted again once the weights
        are set, and when they are too few, the task gives the servers that it took out their weights back, and fails.
      - A whole number from V(0).
    type: raw
    default: 0
  check_listeners:
    description:
      - Whether to check, before a write, that weights have an effect on the listeners of the load balancer. They may have
        none where a listener does not schedule by weight (round robin C(rr), consistent hashing), uses a vServer group
        or a master/slave group, or is stopped, and none where the load balancer is not active or has no listener.
      - Costs one more API call (one for every 100 listeners), only when there is something to write.
    type: str
    choices: ["off", warn, fail]
    default: "off"
  verify:
    description:
      - After a write, read the group again until it shows the new weights.
      - Without it RV(backend_servers) is what the group should be and not what was read.
    type: bool
    default: true
notes:
  - The API takes one change at a time for each load balancer. While one is pending the module waits and tries again.
seealso:
  - module: aliyun_community.slb.slb_backend_info
  - ref: ansible_collections.aliyun_community.slb.docsite.rolling_updates_guide
    description: The same for whole groups of servers, batch by batch.
  - ref: ansible_collections.aliyun_community.slb.docsite.credentials_guide
    description: Where keys may come from, and which source wins.
  - ref: ansible_collections.aliyun_community.slb.docsite.ram_policy_guide
    description: What a key must be allowed.
  - ref: ansible_collections.aliyun_community.slb.docsite.what_weights_cannot_do_guide
    description: Listeners, vServer groups and health checks, on which weights have no effect.
  - ref: ansible_collections.aliyun_community.slb.docsite.troubleshooting_guide
    description: What each error code means and what to do.
  - name: SetBackendServers
    description: The vendor's page of the API action.
    link: https://www.alibabacloud.com/help/en/slb/classic-load-balancer/developer-reference/api-slb-2014-05-15-setbackendservers
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Take a server out of traffic, unless that leaves fewer than two in it
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    min_active: 2
    backend_servers:
      - server_id: i-bp1c3zrr37ablp8ujo7v
        weight: 0
  register: drained

- name: Put it back as it was
  aliyun_community.slb.slb_backend_weights:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    backend_servers: "{{ drained.previous }}"

- name: Give different weights to different servers, and refuse where weights do nothing
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
  description: The region that was asked.
  returned: always
  type: str
  sample: cn-hangzhou
backend_servers:
  description: The whole default server group afterwards; in check mode as it would be.
  returned: once the group was read
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
      description: The address, where the API gives one.
      type: str
    description:
      description: The description, where the member has one.
      type: str
previous:
  description:
    - The requested members as they were when the task began, in the shape of the option O(backend_servers).
    - Giving it to that option puts them back.
  returned: once the group was read
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "weight": 100, "type": "ecs"}]
changed_servers:
  description: The members whose weight was changed; in check mode those that would be.
  returned: always
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "type": "ecs", "server_ip": null, "before": 100, "after": 0}]
active_count:
  description: How many members of the group have a weight above 0 afterwards.
  returned: once the group was read
  type: int
  sample: 3
listeners:
  description:
    - The listeners as they were checked, in the shape of RV(aliyun_community.slb.slb_backend_info#module:listeners).
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
  description: The request ids of the answered calls, in their order, for the vendor's support.
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
      description: The API's code, or one of this collection's, as V(UnknownMember), V(MinActive) or V(NotVerified).
      returned: when the task failed
      type: str
    message:
      description: The API's message or this collection's.
      returned: when the task failed
      type: str
    http_status:
      description: The status of the answer, where there was one.
      returned: when the task failed
      type: int
    request_id:
      description: The request id of the answer, where it had one.
      returned: when the task failed
      type: str
applied:
  description: The changes that were written, in the shape of RV(changed_servers). If there are any, the task is C(changed).
  returned: when the task failed
  type: list
  elements: dict
not_applied:
  description: The changes that are not in effect, for certain. They were not written, or were taken back.
  returned: when the task failed
  type: list
  elements: dict
unconfirmed:
  description:
    - The changes that were sent and not answered, and that no later read showed.
    - The task counts as C(changed) then, since they may have taken effect, or may yet do so.
  returned: when the task failed
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _weights
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._module import (
    connection_argument_spec,
    fail,
    open_client,
    take_arguments,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import MIN_ACTIVE, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._set_weights import NOTHING_DONE, Options, Task


def argument_spec() -> dict[str, t.Any]:
    server = {
        "server_id": {"type": "str", "required": True},
        "weight": {"type": "raw", "required": True},
        "type": {"type": "str", "choices": ["ecs", "eni", "eci"]},
        "server_ip": {"type": "str"},
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
        "on_missing": {"type": "str", "choices": ["fail", "ignore"], "default": "fail"},
        "min_active": {"type": "raw", "default": 0},
        "check_listeners": {"type": "str", "choices": ["off", "warn", "fail"], "default": "off"},
        "verify": {"type": "bool", "default": True},
        **connection_argument_spec(),
    }


def main() -> None:
    module = take_arguments(argument_spec())
    params = module.params
    subject = f"Setting weights of {params['load_balancer_id']}"
    known = {"load_balancer_id": params["load_balancer_id"], "region": params["region"], **NOTHING_DONE}
    try:
        wanted = _weights.parse_wanted(params["backend_servers"])
        load_balancer_id = _weights.check_load_balancer_id(params["load_balancer_id"])
        params["min_active"] = whole_number(params["min_active"], "min_active", MIN_ACTIVE)
        options = Options(*(params[name] for name in Options._fields))
        task = Task(open_client(module), load_balancer_id, options)
    except SlbError as exc:
        fail(module, exc, subject, **known)
    try:
        task.run(wanted, check_mode=module.check_mode)
    except SlbError as exc:
        fail(module, exc, subject, **task.result(), **task.account())
    for warning in task.warnings:
        module.warn(printable(warning))
    module.exit_json(**task.result(), **({"diff": task.diff()} if module._diff else {}))


if __name__ == "__main__":
    main()
