# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The server groups of a load balancer: which of them a task is about, and the newest knowledge of their members."""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._plan import Change, with_changes
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import (
    BackendServer,
    LoadBalancer,
    ServerGroup,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._requested import (
    RequestedWeight,
    UnknownGroup,
    find_group,
)


class Scope(t.NamedTuple):
    """Which server groups to read.

    ``default_group``: whether the default one. ``vserver_groups``: the ids or unique names of vServer groups; None: all.
    """

    default_group: bool
    vserver_groups: frozenset[str] | None

    @classmethod
    def of(cls, weights: t.Sequence[RequestedWeight]) -> Scope:
        """The groups that these weights are about."""
        if any(server.everywhere for server in weights):
            return ALL_GROUPS
        groups = {server.vserver_group for server in weights}
        return cls(None in groups, frozenset(group for group in groups if group is not None))


DEFAULT_GROUP = Scope(True, frozenset())
ALL_GROUPS = Scope(True, None)


class ServerGroups:
    """The server groups of one load balancer, as far as they were read.

    ``load_balancer``: None until the default group was read. ``listed``: all vServer groups, without their members;
    None until they were listed. ``is_read``: whether a read of all groups of a scope has succeeded.
    """

    def __init__(self, client: Client, load_balancer_id: str) -> None:
        self.load_balancer_id = load_balancer_id
        self.load_balancer: LoadBalancer | None = None
        self.listed: list[ServerGroup] | None = None
        self.is_read = False
        self._client = client
        self._read: dict[str | None, ServerGroup] = {}

    @property
    def groups(self) -> tuple[ServerGroup, ...]:
        """The groups that were read, the default one first, with the newest knowledge of their members."""
        return tuple(self._read.values())

    @property
    def members(self) -> tuple[BackendServer, ...]:
        """The members of all groups that were read."""
        return tuple(server for group in self._read.values() for server in group.backend_servers)

    def read(self, scope: Scope) -> None:
        """Read the groups: one call for the default group, one for the list of vServer groups, and one for each of them.

        Raises SlbError, and InvalidArgument for a group that the load balancer does not have.
        """
        if scope.default_group:
            self.read_group(None)
        if scope.vserver_groups is None:
            chosen = self.list_vserver_groups()
        elif scope.vserver_groups:
            groups = self.list_vserver_groups()
            ids = {self._find(wanted, groups).vserver_group_id for wanted in scope.vserver_groups}
            chosen = [group for group in groups if group.vserver_group_id in ids]
        else:
            chosen = []
        for group in chosen:
            self.read_group(group.vserver_group_id)
        self.is_read = True

    def take(
        self, load_balancer: LoadBalancer, groups: t.Iterable[ServerGroup], listed: list[ServerGroup] | None
    ) -> None:
        """Take over what was read elsewhere."""
        self.load_balancer = load_balancer
        self.listed = listed
        self._read = {group.vserver_group_id: group for group in groups}
        self.is_read = True

    def list_vserver_groups(self) -> list[ServerGroup]:
        """All vServer groups, without their members. They are listed once."""
        if self.listed is None:
            self.listed = _slb.describe_vserver_groups(self._client, self.load_balancer_id)
        return self.listed

    def read_group(self, group_id: str | None) -> ServerGroup:
        """Read the members of one group, which must be the default one or a listed one. A group that is gone is forgotten."""
        if group_id is None:
            self.load_balancer = _slb.describe_load_balancer(self._client, self.load_balancer_id)
            group = ServerGroup(None, None, self.load_balancer.backend_servers)
        else:
            listed = next(group for group in self.listed or () if group.vserver_group_id == group_id)
            try:
                group = _slb.describe_vserver_group(self._client, self.load_balancer_id, listed)
            except SlbError as exc:
                if _slb.is_missing_group(exc):
                    self._read.pop(group_id, None)
                raise
        self._read[group_id] = group
        return group

    def write(self, batch: t.Sequence[Change]) -> None:
        """Set the weights of members of one group that was read, and note them. Raises SlbError."""
        group = self._read[batch[0].group_id]
        _slb.set_weights(self._client, self.load_balancer_id, group, [change.target for change in batch])
        self.note(batch)

    def note(self, changes: t.Sequence[Change]) -> None:
        """Take the changes as made, as they are after a write or would be in check mode."""
        for group_id in {change.group_id for change in changes}:
            group = self._read[group_id]
            self._read[group_id] = group._replace(backend_servers=with_changes(group.backend_servers, changes))

    def _find(self, wanted: str, groups: t.Sequence[ServerGroup]) -> ServerGroup:
        try:
            return find_group(wanted, groups, self.load_balancer_id)
        except UnknownGroup as exc:
            raise self._named_if_master_slave(wanted) or exc from None

    def _named_if_master_slave(self, wanted: str) -> SlbError | None:
        """The better reason if this is a master/slave group. It costs a call, but only when the task fails anyway."""
        try:
            names = _slb.describe_master_slave_server_groups(self._client, self.load_balancer_id)
        except SlbError:
            return None
        if wanted not in names:
            return None
        return InvalidArgument(
            f"vserver_group {wanted!r} is a master/slave server group, and the API has no action to set weights in one",
            "Use a vServer group.",
        )
