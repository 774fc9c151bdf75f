# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API's actions: each takes a Call and returns the fields of its answer. Shapes: the vendor's reference pages."""

from __future__ import annotations

from typing import Callable, NamedTuple

from ..errors import missing_parameter
from .call import Answer, Call
from .default_group import add_backend_servers, remove_backend_servers, set_backend_servers
from .health import describe_health_status
from .listeners import describe_load_balancer_listeners, describe_rules
from .load_balancers import describe_load_balancer_attribute, describe_load_balancers
from .master_slave_groups import describe_master_slave_server_group_attribute, describe_master_slave_server_groups
from .vserver_groups import (
    add_vserver_group_backend_servers,
    describe_vserver_group_attribute,
    describe_vserver_groups,
    modify_vserver_group_backend_servers,
    remove_vserver_group_backend_servers,
    set_vserver_group_attribute,
)

__all__ = ["ACTIONS", "Answer", "Call", "run_action"]


class Action(NamedTuple):
    """An action and the parameters it cannot do without."""

    run: Callable[[Call], Answer]
    required: tuple[str, ...]


GROUP = ("RegionId", "VServerGroupId")
ACTIONS: dict[str, Action] = {
    "AddBackendServers": Action(add_backend_servers, ("LoadBalancerId",)),
    "AddVServerGroupBackendServers": Action(add_vserver_group_backend_servers, GROUP),
    "DescribeHealthStatus": Action(describe_health_status, ("LoadBalancerId",)),
    "DescribeLoadBalancerAttribute": Action(describe_load_balancer_attribute, ("LoadBalancerId",)),
    "DescribeLoadBalancerListeners": Action(describe_load_balancer_listeners, ("RegionId",)),
    "DescribeLoadBalancers": Action(describe_load_balancers, ("RegionId",)),
    "DescribeMasterSlaveServerGroupAttribute": Action(
        describe_master_slave_server_group_attribute, ("RegionId", "MasterSlaveServerGroupId")
    ),
    "DescribeMasterSlaveServerGroups": Action(describe_master_slave_server_groups, ("RegionId", "LoadBalancerId")),
    "DescribeRules": Action(describe_rules, ("RegionId", "LoadBalancerId", "ListenerPort")),
    "DescribeVServerGroupAttribute": Action(describe_vserver_group_attribute, GROUP),
    "DescribeVServerGroups": Action(describe_vserver_groups, ("RegionId", "LoadBalancerId")),
    "ModifyVServerGroupBackendServers": Action(modify_vserver_group_backend_servers, GROUP),
    "RemoveBackendServers": Action(remove_backend_servers, ("LoadBalancerId", "BackendServers")),
    "RemoveVServerGroupBackendServers": Action(remove_vserver_group_backend_servers, GROUP),
    "SetBackendServers": Action(set_backend_servers, ("LoadBalancerId",)),
    "SetVServerGroupAttribute": Action(set_vserver_group_attribute, GROUP),
}


def run_action(name: str, call: Call) -> Answer:
    """Run an action that exists; MissingParameter before anything else."""
    action = ACTIONS[name]
    for parameter in action.required:
        if not call.parameters.get(parameter):
            raise missing_parameter(parameter)
    return action.run(call)
