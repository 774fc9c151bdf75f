# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Finding load balancers by name, tag, resource group or member."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import ListedLoadBalancer
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import describe_load_balancers

_NAMES_PER_CALL = 10  # DescribeLoadBalancers, by the comments in the vendor's SDK
_MOST_TAGS = 20  # likewise


class Search(t.NamedTuple):
    """Which load balancers of a region are meant: those that meet all conditions."""

    names: tuple[str, ...] = ()
    tags: t.Mapping[str, t.Any] = {}
    resource_group_id: str | None = None
    server_id: str | None = None

    @classmethod
    def parse(cls, params: t.Mapping[str, t.Any]) -> Search:
        """From the options of a module. Raises InvalidArgument."""
        names, tags = params["load_balancer_names"] or (), params["tags"] or {}
        for name in names:
            if not name.strip() or "," in name:
                raise InvalidArgument(f"load_balancer_names has {name!r}", "Give whole names, without commas.")
        if len(tags) > _MOST_TAGS:
            raise InvalidArgument(f"tags has {len(tags)} entries", f"Give {_MOST_TAGS} at most.")
        return cls(
            tuple(name.strip() for name in names),
            tags,
            params["resource_group_id"] or None,
            params["server_id"] or None,
        )

    def is_empty(self) -> bool:
        """Whether there is no condition: that would be every load balancer of the region."""
        return not any(self)

    def find(self, client: Client) -> list[ListedLoadBalancer]:
        """The load balancers, each once, in the API's order. One call per 100, and for each ten names. Raises SlbError."""
        found = [row for filters in self.filters() for row in describe_load_balancers(client, filters)]
        return list({row.load_balancer_id: row for row in found}.values())

    def filters(self) -> list[dict[str, str]]:
        """The parameters of DescribeLoadBalancers, for each call."""
        filters = {}
        for number, (key, value) in enumerate(self.tags.items(), 1):
            filters.update({f"Tag.{number}.Key": str(key), f"Tag.{number}.Value": str(value)})
        if self.resource_group_id:
            filters["ResourceGroupId"] = self.resource_group_id
        if self.server_id:
            filters["ServerId"] = self.server_id
        if not self.names:
            return [filters]
        starts = range(0, len(self.names), _NAMES_PER_CALL)
        return [
            {**filters, "LoadBalancerName": ",".join(self.names[start : start + _NAMES_PER_CALL])} for start in starts
        ]
