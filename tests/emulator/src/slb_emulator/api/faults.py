# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: how they are described, and the queue that hands each to its request."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from voluptuous import All, Invalid, Required, Schema

from ..core.changes import MemberEdit
from ..core.documents import BOOLEAN, SECONDS, TEXT, checked, integer, one_of
from ..core.state_schema import ANY_MEMBER, PORT, VSERVER_GROUP, vserver_group
from .actions import ACTIONS
from .errors import ERRORS

# Keys of a fault besides action, times, skip and kind: (required, optional).
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "error": (("code",), ("http_status", "message")),
    "raw": ((), ("http_status", "content_type", "body", "body_base64")),
    "latency": (("seconds",), ()),
    "cut_before": ((), ()),
    "cut_after": ((), ()),
    "error_after": ((), ("code", "http_status", "message")),
    "truncate": ((), ()),
    "stall": (("seconds",), ()),
    "drip": (("seconds",), ()),
    "stale_read": ((), ()),
    "edit": (("edits",), ("load_balancer_id",)),
}


@dataclass
class Fault:
    """A fault that waits for its requests. times 0 is "for ever"; skip requests pass before it acts."""

    kind: str
    action: str | None = None
    times: int = 1
    skip: int = 0
    code: str = "InternalError"
    http_status: int | None = None
    message: str | None = None
    content_type: str = "text/html; charset=utf-8"
    body: bytes = b""
    seconds: float = 0.0
    load_balancer_id: str | None = None
    edits: list[MemberEdit] = field(default_factory=list)
    # The description it was made from, for listings.
    document: dict[str, Any] = field(default_factory=dict)


def decoded_base64(value: Any) -> bytes:
    """Bytes given in base64."""
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise Invalid("must be base64") from None


def member_edit(entry: dict[str, Any]) -> MemberEdit:
    """An edit of a group: a weight, a removal, an addition, or the whole vServer group goes or comes.

    {server_id, weight}, {server_id, remove: true} or {add: {a member as in the state document}}; of a vServer group
    with vserver_group_id, and port to mean one port of the server. Or {vserver_group_id, remove_group: true}, or
    {add_group: {a vServer group as in the state document}}.
    """
    group_id = entry.pop("vserver_group_id", "")
    if group_id and entry == {"remove_group": True}:
        return MemberEdit("", vserver_group_id=group_id, remove_group=True)
    if set(entry) == {"add_group"} and not group_id:
        group = entry["add_group"]
        return MemberEdit("", vserver_group_id=group.vserver_group_id, add_group=group)
    has_port = group_id and "server_id" in entry and "port" in entry
    kind = set(entry) - ({"port"} if has_port else set())
    if kind not in EDITS or entry.get("remove", True) is False:
        raise Invalid(
            "must have server_id and weight, or server_id and remove: true, or add alone, each of them in a vServer"
            " group with vserver_group_id, or vserver_group_id and remove_group: true, or add_group alone"
        )
    if "add" not in entry:
        return MemberEdit(**entry, vserver_group_id=group_id)
    server = entry["add"]
    if bool(group_id) != (server.port is not None):
        raise Invalid("must have a port in a vServer group, and none in the default group", ["add"])
    return MemberEdit(server.server_id, add=server, vserver_group_id=group_id)


def fault(entry: dict[str, Any]) -> Fault:
    """A fault of its kind."""
    required, optional = KINDS[entry["kind"]]
    given = set(entry) - {"kind", "action", "times", "skip"}
    for name in required:
        if name not in given:
            raise Invalid(f"of kind {entry['kind']} lacks the key {name!r}")
    for name in sorted(given - set(required) - set(optional)):
        raise Invalid(f"of kind {entry['kind']} does not take the key {name!r}")
    if {"body", "body_base64"} <= given:
        raise Invalid("has both body and body_base64")
    if entry.get("code", "InternalError") not in ERRORS and "http_status" not in entry:
        raise Invalid(f"has the code {entry['code']!r} that needs a http_status")
    text = entry.pop("body", "").encode("utf-8")
    return Fault(**{"body": entry.pop("body_base64", text), **entry})


# What an edit may consist of, apart from vserver_group_id and, with a group and a server, port.
EDITS = ({"server_id", "weight"}, {"server_id", "remove"}, {"add"})
EDIT = {
    "server_id": TEXT,
    "weight": integer(0, 100),
    "remove": BOOLEAN,
    "add": ANY_MEMBER,
    "vserver_group_id": TEXT,
    "port": PORT,
    "remove_group": BOOLEAN,
    "add_group": All(VSERVER_GROUP, vserver_group),
}
BODY = All(str, msg="must be text")
FAULT = Schema(
    All(
        {
            Required("kind"): one_of(tuple(KINDS)),
            "action": one_of((None, *ACTIONS)),
            "times": integer(0, 1_000_000),
            "skip": integer(0, 1_000_000),
            "code": TEXT,
            "http_status": integer(200, 599),
            "message": BODY,
            "content_type": TEXT,
            "body": BODY,
            "body_base64": All(TEXT, decoded_base64),
            "seconds": SECONDS,
            "load_balancer_id": TEXT,
            "edits": [All(EDIT, member_edit)],
        },
        fault,
    )
)


def parse_fault(document: Any, place: str = "fault") -> Fault:
    """The fault a description asks for; DocumentError when it is not valid."""
    made: Fault = checked(FAULT, document, place)
    return replace(made, document=dict(document))


class FaultQueue:
    """Faults in the order they were added. A request meets at most one: the first that matches. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault at the end."""
        with self._lock:
            self._faults.append(replace(fault))

    def put(self, faults: list[Fault]) -> None:
        """Replace all faults."""
        with self._lock:
            self._faults = [replace(fault) for fault in faults]

    def take(self, action: str) -> Fault | None:
        """The fault for a request, used up by one; a fault that still skips lets the request pass to the next."""
        with self._lock:
            for fault in self._faults:
                if fault.action not in (None, action):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self._use(fault)
                return fault
            return None

    def _use(self, fault: Fault) -> None:
        if fault.times == 0:
            return
        fault.times -= 1
        if fault.times == 0:
            self._faults = [other for other in self._faults if other is not fault]

    def documents(self) -> list[dict[str, Any]]:
        """What still waits, as descriptions with the remaining times and skip."""
        with self._lock:
            return [{**f.document, "times": f.times, "skip": f.skip} for f in self._faults]
