#!/usr/bin/python

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_backend_info
short_description: Read the backend servers, listeners and health of an Alibaba Cloud load balancer
version_added: 0.1.0
description:
  - Reads the default server group of a Classic Load Balancer (CLB, formerly SLB) with weights, the listeners, and what
    the health checks of each listener say about each server.
  - Lists the members with weight 0, which also reveals drains that were never undone.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.info_module
  - aliyun_community.slb.connection
options:
  load_balancer_id:
    description:
      - The id of the load balancer.
    type: str
    required: true
    aliases: [lb_id]
  gather:
    description:
      - What to read. Each part takes one API call (V(listeners) one for every 100) and requires its permission,
        C(slb:DescribeLoadBalancerAttribute), C(slb:DescribeHealthStatus) or C(slb:DescribeLoadBalancerListeners).
    type: list
    elements: str
    choices: [members, health, listeners]
    default: [members, health, listeners]
seealso:
  - module: aliyun_community.slb.slb_backend_weights
  - ref: ansible_collections.aliyun_community.slb.docsite.credentials_guide
    description: The sources of credentials and their order.
  - ref: ansible_collections.aliyun_community.slb.docsite.ram_policy_guide
    description: The permissions that an access key needs.
  - ref: ansible_collections.aliyun_community.slb.docsite.troubleshooting_guide
    description: Error codes, and what to do about each.
author:
  - aliyun_community.slb contributors (@aliyun-community)
"""

EXAMPLES = r"""
- name: Read a load balancer
  aliyun_community.slb.slb_backend_info:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
  register: lb

- name: Show which servers get no traffic
  ansible.builtin.debug:
    msg: "{{ lb.drained | map(attribute='server_id') | join(', ') or 'none' }}"
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
load_balancer_name:
  description: The name of the load balancer.
  returned: when O(gather) includes V(members)
  type: str
load_balancer_status:
  description: The state of the load balancer, V(active), V(inactive) or V(locked).
  returned: when O(gather) includes V(members)
  type: str
  sample: active
address:
  description: The address that the load balancer serves.
  returned: when O(gather) includes V(members)
  type: str
backend_servers:
  description: The members of the default server group.
  returned: when O(gather) includes V(members)
  type: list
  elements: dict
  sample: [{"server_id": "i-bp1c3zrr37ablp8ujo7v", "weight": 100, "type": "ecs", "server_ip": null, "description": null}]
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
drained:
  description: The members at weight 0, in the shape of RV(backend_servers).
  returned: when O(gather) includes V(members)
  type: list
  elements: dict
active_count:
  description: How many members have a weight above 0.
  returned: when O(gather) includes V(members)
  type: int
  sample: 4
health:
  description: What the health check of each listener says about each server.
  returned: when O(gather) includes V(health)
  type: list
  elements: dict
  contains:
    server_id:
      description: The id of the server.
      type: str
    server_ip:
      description: The address that is checked, if the API returns one.
      type: str
    type:
      description: The type of the server, if the API returns one.
      type: str
    listener_port:
      description: The port of the listener.
      type: int
    protocol:
      description: The protocol of the listener.
      type: str
    port:
      description: The port on the server.
      type: int
    status:
      description:
        - V(normal), V(abnormal) or V(unavailable). The last means that the check has not finished or is switched off;
          RV(listeners[].health_check) says which.
      type: str
listeners:
  description: The listeners.
  returned: when O(gather) includes V(listeners)
  type: list
  elements: dict
  contains:
    port:
      description: The port of the listener.
      type: int
    protocol:
      description: The protocol of the listener.
      type: str
    backend_server_port:
      description: The port on the servers of the default group.
      type: int
    scheduler:
      description: How requests are distributed. V(wrr) and V(wlc) by weight, V(rr) in turn, others by hash.
      type: str
    status:
      description: The state, V(running) or V(stopped).
      type: str
    vserver_group_id:
      description: The vServer group that the listener uses instead of the default group.
      type: str
    master_slave_server_group_id:
      description: The master/slave server group that the listener uses instead of the default group.
      type: str
    health_check:
      description: Whether the listener checks the health of its servers.
      type: bool
    forward:
      description: Whether the listener redirects to another listener, and so has no servers.
      type: bool
    connection_drain_timeout:
      description: How many seconds connections stay open after a server was removed, if connection draining is on.
      type: int
api_calls:
  description: The number of HTTP requests to the Slb API, retries included.
  returned: success
  type: int
  sample: 3
request_ids:
  description: The request ids of the API's responses, in order.
  returned: success
  type: list
  elements: str
error:
  description: What went wrong, with RV(ignore:code), C(message), C(http_status) and C(request_id).
  returned: when the task failed
  type: dict
"""

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import connection_argument_spec
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._module import create_module, fail, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import active_count
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import check_load_balancer_id
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import (
    describe_health_status,
    describe_listeners,
    describe_load_balancer,
)


def argument_spec() -> dict[str, t.Any]:
    parts = list(READERS)
    return {
        "load_balancer_id": {"type": "str", "required": True, "aliases": ["lb_id"]},
        "gather": {"type": "list", "elements": "str", "choices": parts, "default": parts},
        **connection_argument_spec(),
    }


def read_members(client: Client, load_balancer_id: str) -> dict[str, t.Any]:
    load_balancer = describe_load_balancer(client, load_balancer_id)
    servers = load_balancer.backend_servers
    return {
        "load_balancer_name": load_balancer.name,
        "load_balancer_status": load_balancer.status,
        "address": load_balancer.address,
        "backend_servers": [server.as_dict() for server in servers],
        "drained": [server.as_dict() for server in servers if server.weight == 0],
        "active_count": active_count(servers),
    }


def read_listeners(client: Client, load_balancer_id: str) -> dict[str, t.Any]:
    return {"listeners": [row.as_dict() for row in describe_listeners(client, load_balancer_id)]}


def read_health(client: Client, load_balancer_id: str) -> dict[str, t.Any]:
    return {"health": [row.as_dict() for row in describe_health_status(client, load_balancer_id)]}


READERS = {"members": read_members, "health": read_health, "listeners": read_listeners}


def main() -> None:
    module = create_module(argument_spec())
    load_balancer_id, gather = module.params["load_balancer_id"], module.params["gather"]
    always = {"load_balancer_id": load_balancer_id, "region": module.params["region"]}
    try:
        check_load_balancer_id(load_balancer_id)
        client = open_client(module)
        parts = [read(client, load_balancer_id) for part, read in READERS.items() if part in gather]
    except SlbError as exc:
        fail(module, exc, f"Reading {load_balancer_id}", **always)
    result = {key: value for part in parts for key, value in part.items()}
    module.exit_json(changed=False, api_calls=client.api_calls, request_ids=client.request_ids, **always, **result)


if __name__ == "__main__":
    main()
