# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the hosts of a run read once for all of them: load balancers for the check and the proof, groups and listeners."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import Context
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_check import ListenerCheck
from ansible_collections.aliyun_community.slb.plugins.module_utils._listener_findings import Traffic
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    ListedRule,
    Listener,
    LoadBalancer,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import (
    ALL_GROUPS,
    DEFAULT_GROUP,
    Scope,
    ServerGroups,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._shared_routes import (
    SharedRoutes,
    route_as_json,
    route_from_json,
)

Json = dict[str, t.Any]

PROOF_SECONDS = 5.0  # how old the read may be that proves the weights of the hosts of a batch


class Snapshot(t.NamedTuple):
    """A load balancer with its server groups, as one look has found them. ``groups``: the default one first."""

    load_balancer: LoadBalancer
    groups: tuple[ServerGroup, ...]

    @property
    def members(self) -> tuple[BackendServer, ...]:
        return tuple(server for group in self.groups for server in group.backend_servers)

    def as_json(self) -> Json:
        plain = self.load_balancer._replace(backend_servers=())
        return {"load_balancer": list(plain), "groups": [_as_json(group) for group in self.groups]}

    @classmethod
    def from_json(cls, row: Json) -> Snapshot:
        groups = tuple(_group(each) for each in row["groups"])
        plain = LoadBalancer(*row["load_balancer"])
        return cls(plain._replace(backend_servers=groups[0].backend_servers), groups)


def _as_json(group: ServerGroup) -> Json:
    return {
        **group._asdict(),
        "backend_servers": [list(server) for server in group.backend_servers],
        "rules": [list(rule) for rule in group.rules],
    }


def _group(row: Json) -> ServerGroup:
    return ServerGroup(
        row["vserver_group_id"],
        row["vserver_group_name"],
        tuple(BackendServer(*server) for server in row["backend_servers"]),
        tuple(row["listeners"]),
        tuple(ListedRule(*rule) for rule in row["rules"]),
    )


def _traffic_as_json(traffic: Traffic) -> Json:
    return {
        "status": traffic.status,
        "listeners": [list(listener) for listener in traffic.listeners],
        "routes": [route_as_json(route) for route in traffic.routes],
        "groups": [_as_json(group) for group in traffic.groups],
        "pairs": {name: pair and [list(server) for server in pair] for name, pair in traffic.pairs.items()},
    }


def _traffic(row: Json) -> Traffic:
    return Traffic(
        row["status"],
        [Listener(*listener) for listener in row["listeners"]],
        [route_from_json(route) for route in row["routes"]],
        [_group(group) for group in row["groups"]],
        {name: pair and [BackendServer(*server) for server in pair] for name, pair in row["pairs"].items()},
    )


class Reads:
    """The reads of a run that a host shares. They are kept as long as the run, if files can be written."""

    def __init__(self, context: Context) -> None:
        self._bench = context.bench
        self._batch = context.batch
        self._request = context.request
        self._prefix = context.place.prefix
        self.routes = SharedRoutes(context.bench, context.request.connection)

    @property
    def scope(self) -> Scope:
        """The server groups that the rolling update is responsible for."""
        return ALL_GROUPS if self._request.server_groups == "all" else DEFAULT_GROUP

    # For the check

    def snapshot(self, load_balancer_id: str) -> Snapshot:
        """The load balancer as this run read it first: later checks cost no call."""
        key = self._key("snapshot", load_balancer_id)
        kept = self._batch.recall(key)
        if kept is None:
            return self.new_snapshot(load_balancer_id)
        self._batch.remember(f"{key} is old", True)
        return Snapshot.from_json(kept)

    def new_snapshot(self, load_balancer_id: str) -> Snapshot:
        """Read it. Raises SlbError with the names of the variables to check."""
        snapshot = self._read_for_check(load_balancer_id)
        key = self._key("snapshot", load_balancer_id)
        self._batch.remember(key, snapshot.as_json())
        self._batch.remember(f"{key} is old", False)
        self._batch.forget(self._key("traffic", load_balancer_id))
        return snapshot

    def is_old(self, load_balancer_id: str) -> bool:
        """Whether the snapshot is kept from another check, so that to read again may give another one."""
        key = self._key("snapshot", load_balancer_id)
        return bool(self._batch.recall(key) and self._batch.recall(f"{key} is old"))

    def _read_for_check(self, load_balancer_id: str) -> Snapshot:
        region = self._request.region
        try:
            return self._read_all(load_balancer_id)
        except SlbError as exc:
            if exc.code != "InvalidLoadBalancerId.NotFound":
                raise
            raise SlbError(
                exc.code,
                f"{load_balancer_id} is not a load balancer in {region}",
                http_status=exc.http_status,
                request_id=exc.request_id,
                advice=f"Check {self._prefix}load_balancer_ids and {self._prefix}region of {self._request.host}.",
            ) from None

    # For the proof

    def kept_for_proof(self, load_balancer_id: str) -> tuple[BackendServer, ...] | None:
        """A read that is shared by the hosts of a batch, which all come here within a few seconds."""
        kept = self._batch.recall(self._key("proof", load_balancer_id))
        if not kept or not 0 <= time.time() - kept["at"] < PROOF_SECONDS:
            return None
        return tuple(BackendServer(*row) for row in kept["members"])

    def read_for_proof(self, load_balancer_id: str) -> tuple[BackendServer, ...]:
        """The members of all groups, new ones included. What is kept counts from the beginning of the read."""
        at = time.time()
        members = self._read_all(load_balancer_id).members
        kept = {"at": at, "members": [list(server) for server in members]}
        self._batch.remember(self._key("proof", load_balancer_id), kept)
        return members

    def forget_proofs(self, load_balancer_ids: t.Iterable[str]) -> None:
        """Weights are about to change: what was read before proves nothing."""
        for load_balancer_id in load_balancer_ids:
            self._batch.forget(self._key("proof", load_balancer_id))

    # Groups

    def listed_groups(self, load_balancer_id: str) -> list[ServerGroup] | None:
        """The vServer groups as this run listed them last, without members; None if it has not."""
        kept = self._batch.recall(self._key("groups", load_balancer_id))
        return None if kept is None else [_group(row) for row in kept]

    def note_listed(self, groups: ServerGroups) -> None:
        """Keep a list of vServer groups for the next drain."""
        if groups.listed is not None:
            rows = [_as_json(group) for group in groups.listed]
            self._batch.remember(self._key("groups", groups.load_balancer_id), rows)

    def _read_all(self, load_balancer_id: str) -> Snapshot:
        """Read the groups. One that someone deletes at this moment is none of them."""
        client = self._bench.client_for(self._request.region)
        groups = ServerGroups(client, load_balancer_id)
        try:
            groups.read(self.scope)
        except SlbError as exc:
            if not _slb.is_missing_group(exc):
                raise
            groups = ServerGroups(client, load_balancer_id)
            groups.read(self.scope)
        self.note_listed(groups)
        assert groups.load_balancer is not None  # each scope has the default group
        return Snapshot(groups.load_balancer, groups.groups)

    # Traffic

    def traffic(self, snapshot: Snapshot) -> Traffic:
        """How traffic gets to the servers, read once for a snapshot. Raises SlbError."""
        load_balancer_id = snapshot.load_balancer.load_balancer_id
        key = self._key("traffic", load_balancer_id)
        kept = self._batch.recall(key)
        if kept is None:
            client = self._bench.client_for(self._request.region)
            groups = ServerGroups(client, load_balancer_id)
            groups.take(snapshot.load_balancer, snapshot.groups, self.listed_groups(load_balancer_id))
            traffic = ListenerCheck(client, groups).traffic()
            self.note_listed(groups)
            self.routes.keep(load_balancer_id, traffic.routes)
            kept = _traffic_as_json(traffic)
            self._batch.remember(key, kept)
        return _traffic(kept)

    def _key(self, what: str, load_balancer_id: str) -> str:
        return f"{what} {self._request.connection} {load_balancer_id}"
