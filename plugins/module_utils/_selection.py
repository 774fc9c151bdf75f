# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Which load balancers an inventory or an audit is about, and reading their members."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import checked_region
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import check_load_balancer_id
from ansible_collections.aliyun_community.slb.plugins.module_utils._search import Search
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import ALL_GROUPS, ServerGroups

_CONDITIONS = ("load_balancer_names", "tags", "resource_group_id")


class LoadBalancerMembers(t.NamedTuple):
    """The members of all server groups of a load balancer. ``addresses``: of ECS instances, by server id."""

    region: str
    load_balancer_id: str
    load_balancer_name: str | None
    members: tuple[BackendServer, ...]
    addresses: t.Mapping[str, str]


class Selection(t.NamedTuple):
    """Which load balancers are meant: those that meet all conditions, in any of the regions."""

    regions: tuple[str, ...]
    load_balancer_ids: tuple[str, ...]
    search: Search

    @classmethod
    def parse(cls, options: t.Mapping[str, t.Any]) -> Selection:
        """From the options of the plugin. Raises InvalidArgument."""
        regions = options.get("regions") or [options.get("region")]
        ids = tuple(dict.fromkeys(options.get("load_balancer_ids") or ()))
        for load_balancer_id in ids:
            check_load_balancer_id(load_balancer_id)
        params = {name: options.get(name) for name in _CONDITIONS}
        checked = tuple(dict.fromkeys(checked_region(region) for region in regions))
        return cls(checked, ids, Search.parse({**params, "server_id": None}))

    @property
    def is_limited(self) -> bool:
        """Whether not all load balancers of the regions are meant."""
        return bool(self.load_balancer_ids) or not self.search.is_empty()

    @property
    def needs_search(self) -> bool:
        """Whether ids alone do not say where to look."""
        return not self.load_balancer_ids or len(self.regions) > 1 or not self.search.is_empty()


class Problem(t.NamedTuple):
    """What could not be read: a load balancer, or with None all of a region, or of all regions."""

    region: str | None
    load_balancer_id: str | None
    error: SlbError

    @property
    def sentence(self) -> str:
        places = [self.load_balancer_id or "load balancers", f"of {self.region}" if self.region else ""]
        return f"Reading {' '.join(filter(None, places))}: {self.error.sentence()}"


class Found(t.NamedTuple):
    """``without_address``: why addresses of servers could not be read; the load balancer was."""

    load_balancers: list[LoadBalancerMembers]
    problems: list[Problem]
    without_address: list[Problem]

    def failure(self, strict: bool) -> Problem | None:
        """The problem for which there is no inventory: any if it must be ``strict``, and one if nothing could be read."""
        return self.problems[0] if self.problems and (strict or not self.load_balancers) else None

    def is_complete(self, region: str) -> bool:
        """Whether each load balancer of a region that is meant was read."""
        return not any(problem.region in (None, region) for problem in self.problems)


class Source:
    """Reads load balancers. ``client_for``: gives the client of a region; its deadline holds for each load balancer.

    ``with_addresses``: also ask for the addresses of ECS instances, if the members have none.
    """

    def __init__(
        self, selection: Selection, client_for: t.Callable[[str], Client], *, with_addresses: bool = True
    ) -> None:
        self._with_addresses = with_addresses
        self._selection = selection
        self._client_for = client_for
        self._missing_ids = set(selection.load_balancer_ids)
        self._missing_names = set(selection.search.names)
        self._found = Found([], [], [])

    def read(self, strict: bool) -> Found:
        """``strict``: stop at the first problem. Raises InvalidArgument."""
        for region in self._selection.regions:
            self._read_region(region, strict)
            if strict and self._found.problems:
                return self._found
        self._found.problems.extend(self._missing())
        return self._found

    def _read_region(self, region: str, strict: bool) -> None:
        try:
            client = self._client_for(region)
            ids = self._ids_in(client)
        except InvalidArgument:
            raise
        except SlbError as exc:
            self._found.problems.append(Problem(region, None, exc))
            return
        for load_balancer_id in ids:
            client.deadline.restart()
            try:
                self._found.load_balancers.append(self._read(client, load_balancer_id))
            except SlbError as exc:
                self._found.problems.append(Problem(region, load_balancer_id, exc))
                if strict:
                    return

    def _ids_in(self, client: Client) -> list[str]:
        """The load balancers of a region that are meant."""
        ids = self._selection.load_balancer_ids
        if not self._selection.needs_search:
            self._missing_ids.clear()  # if one is missing, reading it says so
            return list(ids)
        found = [row for row in self._selection.search.find(client) if not ids or row.load_balancer_id in ids]
        self._missing_ids.difference_update(row.load_balancer_id for row in found)
        self._missing_names.difference_update(row.name for row in found if row.name)
        return [row.load_balancer_id for row in found]

    def _missing(self) -> t.Iterator[Problem]:
        """What is named and was found nowhere, if all regions could be searched."""
        if any(problem.load_balancer_id is None for problem in self._found.problems):
            return
        missing = [
            ("load_balancer_ids", sorted(self._missing_ids)),
            ("load_balancer_names", sorted(self._missing_names)),
        ]
        for option, values in missing:
            if values:
                message = f"{option} has {', '.join(values)}, and no such load balancer was found"
                places = " and ".join(self._selection.regions)
                yield Problem(None, None, InvalidArgument(f"{message} in {places}", "Check it, and the regions."))

    def _read(self, client: Client, load_balancer_id: str) -> LoadBalancerMembers:
        groups = ServerGroups(client, load_balancer_id)
        groups.read(ALL_GROUPS)
        name = groups.load_balancer.name if groups.load_balancer else None
        addresses = self._addresses(client, load_balancer_id, groups.members) if self._with_addresses else {}
        return LoadBalancerMembers(client.region, load_balancer_id, name, groups.members, addresses)

    def _addresses(self, client: Client, load_balancer_id: str, members: t.Iterable[BackendServer]) -> dict[str, str]:
        """The addresses of ECS instances whose members have none: health checks know them. One call, if it is needed."""
        known = {each.server_id for each in members if ip_address(each.server_ip)}
        if not any(each.type == "ecs" and each.server_id not in known for each in members):
            return {}
        try:
            rows = _slb.describe_health_status(client, load_balancer_id)
        except SlbError as exc:
            self._found.without_address.append(Problem(client.region, load_balancer_id, exc))
            return {}
        return {row.server_id: row.server_ip for row in reversed(rows) if row.server_ip}


def ip_address(text: str | None) -> str | None:
    """The text, if it is an address and nothing else."""
    if not text or "%" in text:  # a scope may be any text
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
