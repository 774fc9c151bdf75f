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
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
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


class Reads:
    """The reads of a run that a host shares. They are kept as long as the run, if files can be written."""

    def __init__(self, context: Context) -> None:
        self._bench = context.bench
        self._batch = context.batch
        self._request = context.request
        self._prefix = context.place.prefix

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

    # Listeners

    def listeners(self, load_balancer_id: str, region: str | None = None) -> list[Listener]:
        """The listeners of a load balancer, read once in a run."""
        key = self._key("listeners", load_balancer_id)
        kept = self._batch.recall(key)
        if kept is not None:
            return [Listener(**row) for row in kept]
        client = self._bench.client_for(region or self._request.region)
        listeners = _slb.describe_listeners(client, load_balancer_id)
        self._batch.remember(key, [listener.as_dict() for listener in listeners])
        return listeners

    def listeners_of_entry(self, entry: Entry) -> list[Listener]:
        return self.listeners(entry.load_balancer_id, entry.region)

    def _key(self, what: str, load_balancer_id: str) -> str:
        return f"{what} {self._request.connection} {load_balancer_id}"
