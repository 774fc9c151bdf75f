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
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._server_groups import (
    ALL_GROUPS,
    DEFAULT_GROUP,
    Scope,
    ServerGroups,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._shared_routes import SharedRoutes
from ansible_collections.aliyun_community.slb.plugins.module_utils._snapshots import (
    Snapshot,
    traffic_as_json,
    traffic_from_json,
)

Json = dict[str, t.Any]

PROOF_SECONDS = 5.0  # how old the read may be that proves the weights of the hosts of a batch


class Reads:
    """The reads of a run that a host shares. They are kept as long as the run, if files can be written."""

    def __init__(self, context: Context) -> None:
        self._bench = context.bench
        self._batch = context.batch
        self._request = context.request
        self._prefix = context.place.prefix
        self.shared = SharedRoutes(context.bench, context.request.connection)

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
        self.shared.keep_listed(groups)
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
            groups.take(snapshot.load_balancer, snapshot.groups, self.shared.listed(load_balancer_id))
            traffic = ListenerCheck(client, groups).traffic()
            self.shared.keep_listed(groups)
            self.shared.keep_routes(load_balancer_id, traffic.routes)
            kept = traffic_as_json(traffic)
            self._batch.remember(key, kept)
        return traffic_from_json(kept)

    def _key(self, what: str, load_balancer_id: str) -> str:
        return f"{what} {self._request.connection} {load_balancer_id}"
