#!/usr/bin/python

# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: slb_backend_info
short_description: Read the backend servers, listeners and health of Alibaba Cloud load balancers
version_added: 1.0.0
description:
  - Reads the server groups of a Classic Load Balancer (CLB, formerly SLB) with weights, the listeners, and what the
    health checks of each listener say about each server.
  - Lists the members with weight 0, which also reveals drains that were never undone.
  - The playbook C(aliyun_community.slb.show) prints weights and health.
  - Can wait until servers are healthy, and finds load balancers by name, tag, resource group or member.
extends_documentation_fragment:
  - aliyun_community.slb.attributes
  - aliyun_community.slb.attributes.info_module
  - aliyun_community.slb.connection
options:
  load_balancer_id:
    description:
      - The id of the load balancer to read.
      - Without it, O(load_balancer_names), O(tags), O(resource_group_id) and O(server_id) say which load balancers of
        the region to read, those that meet all of them. RV(load_balancers) lists them.
    type: str
    aliases: [lb_id]
  load_balancer_names:
    description:
      - Read the load balancers with one of these names. Several load balancers can have the same name.
    type: list
    elements: str
  tags:
    description:
      - Read the load balancers with all of these tags, 20 at most.
    type: dict
  resource_group_id:
    description:
      - Read the load balancers of this resource group.
    type: str
  server_id:
    description:
      - Read the load balancers that have this server as a member.
      - The API finds them. The vendor does not document whether it also finds members of vServer groups.
    type: str
  server_groups:
    description:
      - Which server groups to read, V(default) for the default server group, or V(all) for it and all vServer groups.
      - With V(all), V(members) in O(gather) takes one more call for the list of vServer groups and one for each of
        them, and V(listeners) one for each HTTP or HTTPS listener if there are forwarding rules. They require the
        permissions C(slb:DescribeVServerGroups), C(slb:DescribeVServerGroupAttribute) and C(slb:DescribeRules).
    type: str
    choices: [default, all]
    default: default
  gather:
    description:
      - What to read. Each part takes one API call (V(listeners) one for every 100) and requires its permission,
        C(slb:DescribeLoadBalancerAttribute), C(slb:DescribeHealthStatus) or C(slb:DescribeLoadBalancerListeners).
    type: list
    elements: str
    choices: [members, health, listeners]
    default: [members, health, listeners]
  wait_for_healthy:
    description:
      - The ids of servers. Read the health again until every member of these servers is healthy on each listener and
        rule that checks it, or fail after O(wait_timeout) seconds.
      - A member without health information is unknown, and so never healthy. A member that nothing checks is not
        waited for; the task warns about it.
      - Concerns the members of the groups that O(server_groups) names. Needs O(load_balancer_id) and all parts of
        O(gather).
      - The vendor does not document whether the API lists the health of members behind forwarding rules. If it does
        not, the task fails and says that their health is unknown.
    type: list
    elements: str
seealso:
  - module: aliyun_community.slb.slb_backend_weights
  - name: Credentials
    description: The sources of credentials and their order.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/credentials_guide.rst
  - name: RAM policies with least privilege
    description: The permissions that an access key needs.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/ram_policy_guide.rst
  - name: Troubleshooting by error code
    description: Error codes, and what to do about each.
    link: https://github.com/aliyun-community/slb/blob/main/docs/docsite/rst/troubleshooting_guide.rst
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

- name: Read all server groups
  aliyun_community.slb.slb_backend_info:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    server_groups: all
  register: whole

- name: Show weights and health
  ansible.builtin.debug:
    msg: "{{ whole.summary }}"

- name: Wait until a server is healthy in all server groups
  aliyun_community.slb.slb_backend_info:
    region: cn-hangzhou
    load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
    server_groups: all
    wait_for_healthy:
      - i-bp1c3zrr37ablp8ujo7v
    wait_timeout: 300

- name: Find the load balancers of a team, with the members of all their server groups
  aliyun_community.slb.slb_backend_info:
    region: cn-hangzhou
    tags:
      team: shop
    server_groups: all
    gather:
      - members
  register: shop
"""

RETURN = r"""
load_balancer_id:
  description: The id of the load balancer, as the task gives it.
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
load_balancers:
  description:
    - The load balancers that were found, each with C(load_balancer_id), C(load_balancer_name),
      C(load_balancer_status), C(address), C(resource_group_id), and the other keys of this module for the parts in
      O(gather). Of those, only RV(summary) is at the top level then.
  returned: without O(load_balancer_id)
  type: list
  elements: dict
  sample:
    - load_balancer_id: lb-bp1qjwo61pqz3ahltv0mw
      load_balancer_name: shop
      load_balancer_status: active
      address: 192.0.2.10
      resource_group_id: rg-acfmw
backend_servers:
  description: The members of the default server group and, with O(server_groups=all), of all vServer groups.
  returned: when O(gather) includes V(members)
  type: list
  elements: dict
  sample:
    - server_id: i-bp1c3zrr37ablp8ujo7v
      weight: 100
      type: ecs
      server_ip: null
      description: null
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
  description: The server groups that were read.
  returned: when O(gather) includes V(members)
  type: list
  elements: dict
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
    listeners:
      description:
        - The listeners that use the vServer group, such as V(http:80). Empty for the default server group;
          RV(listeners) says which use that.
      type: list
      elements: str
    rules:
      description: The forwarding rules that lead to the vServer group, with C(rule_id), C(name), C(domain) and C(url).
      type: list
      elements: dict
drained:
  description: The members at weight 0, in the shape of RV(backend_servers).
  returned: when O(gather) includes V(members)
  type: list
  elements: dict
active_count:
  description:
    - How many members of the group have a weight above 0. With O(server_groups=all), the smallest number of the
      groups that have members.
  returned: when O(gather) includes V(members)
  type: int
  sample: 4
unhealthy:
  description:
    - The members that are not healthy on a listener or rule that checks them, in the shape of RV(backend_servers) with
      C(reasons), a list of phrases such as V(abnormal on listener http:80).
    - A member without a row in RV(health) is C(unknown) there, which is not healthy.
  returned: when O(gather) includes all parts
  type: list
  elements: dict
  sample: []
summary:
  description:
    - Lines for people. Each server group with the number of its members that have a weight above 0, and after it each
      member with its weight and what the health check of each listener or rule says.
    - A member without a row in RV(health) is C(unknown) there.
    - Without O(load_balancer_id), the lines of all load balancers that were found.
  returned: when O(gather) includes all parts
  type: list
  elements: str
  sample:
    - "lb-bp1qjwo61pqz3ahltv0mw (shop), the default server group: 1 of 2 members in traffic"
    - "i-bp1c3zrr37ablp8ujo7v: weight 100, normal on listener http:80"
    - "i-bp1d4aasb48bcmq9vkp8w: weight 0, abnormal on listener http:80"
health:
  description: What the health check of each listener says about each server, as the API lists it.
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
rules:
  description: The forwarding rules of the HTTP and HTTPS listeners.
  returned: when O(gather) includes V(listeners) and O(server_groups) is V(all)
  type: list
  elements: dict
  contains:
    rule_id:
      description: The id of the rule.
      type: str
    name:
      description: The name of the rule.
      type: str
    domain:
      description: The domain of the requests, if the rule names one.
      type: str
    url:
      description: The path of the requests, if the rule names one.
      type: str
    vserver_group_id:
      description: The vServer group that gets the requests.
      type: str
    listener_sync:
      description: Whether scheduler and health check are those of the listener.
      type: bool
    scheduler:
      description: How requests are distributed, by the listener's scheduler or the rule's own.
      type: str
    health_check:
      description: Whether the members are checked, by the listener's health check or the rule's own.
      type: bool
    listener_port:
      description: The port of the listener.
      type: int
    listener_protocol:
      description: The protocol of the listener.
      type: str
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
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._load_balancer_info import PARTS, LoadBalancerInfo
from ansible_collections.aliyun_community.slb.plugins.module_utils._module import create_module, fail, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import check_load_balancer_id
from ansible_collections.aliyun_community.slb.plugins.module_utils._search import Search

Params = t.Mapping[str, t.Any]


def argument_spec() -> dict[str, t.Any]:
    return {
        "load_balancer_id": {"type": "str", "aliases": ["lb_id"]},
        "load_balancer_names": {"type": "list", "elements": "str"},
        "tags": {"type": "dict"},
        "resource_group_id": {"type": "str"},
        "server_id": {"type": "str"},
        "server_groups": {"type": "str", "choices": ["default", "all"], "default": "default"},
        "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
        "wait_for_healthy": {"type": "list", "elements": "str"},
        **connection_argument_spec(),
    }


def gathers_all(params: Params) -> bool:
    return set(params["gather"]) == set(PARTS)


def check_options(params: Params, search: Search) -> None:
    """Refuse options that contradict each other. Raises InvalidArgument."""
    by_id = params["load_balancer_id"] is not None
    if by_id:
        check_load_balancer_id(params["load_balancer_id"])
    if by_id is not search.is_empty():
        raise InvalidArgument(
            "load_balancer_id is set and another option that finds load balancers"
            if by_id
            else "no option says which load balancers to read",
            "Set load_balancer_id or, to find load balancers, load_balancer_names, tags, resource_group_id or server_id.",
        )
    if params["wait_for_healthy"] and not (by_id and gathers_all(params)):
        raise InvalidArgument(
            "wait_for_healthy is set without load_balancer_id, or gather leaves out a part that it needs",
            "Set load_balancer_id, and leave out gather.",
        )


def read_one(client: Client, params: Params, warnings: list[str]) -> dict[str, t.Any]:
    """The load balancer that load_balancer_id names."""
    info = LoadBalancerInfo(client, params["load_balancer_id"], all_groups=params["server_groups"] == "all")
    info.read(params["gather"])
    if params["wait_for_healthy"]:
        info.wait_for_healthy(params["wait_for_healthy"])
    warnings += info.warnings
    return {**info.result(), **_summary(params, [info])}


def read_several(client: Client, params: Params, search: Search) -> dict[str, t.Any]:
    """The load balancers that are found."""
    found, infos = [], []
    for listed in search.find(client):
        info = LoadBalancerInfo(client, listed.load_balancer_id, all_groups=params["server_groups"] == "all")
        info.read(params["gather"])
        row = {
            "load_balancer_id": listed.load_balancer_id,
            "load_balancer_name": listed.name,
            "load_balancer_status": listed.status,
            "address": listed.address,
            "resource_group_id": listed.resource_group_id,
        }
        found.append({**row, **info.result()})
        infos.append(info)
    return {"load_balancers": found, **_summary(params, infos)}


def _summary(params: Params, infos: t.Iterable[LoadBalancerInfo]) -> dict[str, list[str]]:
    """The key ``summary``, if all parts were read that it is made of."""
    if not gathers_all(params):
        return {}
    return {"summary": [line for info in infos for line in info.summary()] or ["No load balancer was found."]}


def main() -> None:
    module = create_module(argument_spec())
    params, warnings = module.params, list[str]()
    load_balancer_id = params["load_balancer_id"]
    always = {"load_balancer_id": load_balancer_id, "region": params["region"]}
    try:
        search = Search.parse(params)
        check_options(params, search)
        client = open_client(module)
        result = read_one(client, params, warnings) if search.is_empty() else read_several(client, params, search)
    except SlbError as exc:
        fail(module, exc, f"Reading {load_balancer_id}" if load_balancer_id else "Finding load balancers", **always)
    for warning in warnings:
        module.warn(printable(warning))
    module.exit_json(changed=False, api_calls=client.api_calls, request_ids=client.request_ids, **always, **result)


if __name__ == "__main__":
    main()
