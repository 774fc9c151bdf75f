# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""On which listeners weights have no effect. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._records import Listener, LoadBalancer

_WEIGHTED_SCHEDULERS = ("wrr", "wlc")


def ineffective_weight_reasons(load_balancer: LoadBalancer, listeners: t.Sequence[Listener]) -> list[str]:
    """Why weights of the default server group have no effect: one phrase for each listener concerned.

    Sources: vendor guide "CLB server groups" (weights act with weighted scheduling only); DescribeLoadBalancerListeners
    (a listener with a vServer group does not use the default group). Whether weight 0 drains a server under
    schedulers other than wrr and wlc is undocumented.
    """
    reasons = []
    if load_balancer.status not in (None, "active"):
        reasons.append(f"the load balancer is {load_balancer.status}")
    if not listeners:
        reasons.append("it has no listener")
    for listener in listeners:
        reason = _ineffective_weight_reason(listener)
        if reason:
            reasons.append(f"listener {listener.name} {reason}")
    return reasons


def _ineffective_weight_reason(listener: Listener) -> str | None:
    if listener.forward:
        return None  # it redirects, so it has no servers
    if listener.vserver_group_id:
        return f"uses vServer group {listener.vserver_group_id}"
    if listener.master_slave_server_group_id:
        return f"uses master/slave server group {listener.master_slave_server_group_id}"
    if listener.status == "stopped":
        return "is stopped"
    if listener.scheduler is not None and listener.scheduler not in _WEIGHTED_SCHEDULERS:
        return f"schedules by {listener.scheduler}"
    return None
