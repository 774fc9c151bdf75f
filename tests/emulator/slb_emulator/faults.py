# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults on demand: how they are described, and the queue that hands each to its request."""

from __future__ import annotations

import base64
import binascii
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from .actions import ACTIONS
from .documents import Check, DocumentError, Key, boolean, integer, list_of, mapping, one_of, seconds, text
from .errors import ERRORS
from .model import MemberEdit
from .state_document import backend_server, checked_vserver_group, group_member
from .state_schema import PORT

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
HTTP_STATUS = integer(200, 599)


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


def anything(value: Any, _place: str) -> Any:
    """No check."""
    return value


def body_text(value: Any, place: str) -> str:
    """Text that may be empty."""
    if not isinstance(value, str):
        raise DocumentError(place, "must be text")
    return value


def decoded_base64(value: Any, place: str) -> bytes:
    """Bytes given in base64."""
    try:
        return base64.b64decode(text(value, place), validate=True)
    except (binascii.Error, ValueError):
        raise DocumentError(place, "must be base64") from None


def action_name(value: Any, place: str) -> str | None:
    """The name of an action, or null for any."""
    return None if value is None else str(one_of(tuple(ACTIONS))(value, place))


EDIT: Check = mapping(
    {
        "server_id": Key(text),
        "weight": Key(integer(0, 100)),
        "remove": Key(boolean),
        "add": Key(anything),
        "vserver_group_id": Key(text),
        "port": Key(PORT),
        "remove_group": Key(boolean),
        "add_group": Key(anything),
    }
)
# What an edit may consist of, apart from vserver_group_id and, with a group and a server, port.
EDITS = ({"server_id", "weight"}, {"server_id", "remove"}, {"add"})


def member_edit(value: Any, place: str) -> MemberEdit:
    """An edit of a group: a weight, a removal, an addition, or the whole vServer group goes or comes.

    {server_id, weight}, {server_id, remove: true} or {add: {a member as in the state document}}; of a vServer group
    with vserver_group_id, and port to mean one port of the server. Or {vserver_group_id, remove_group: true}, or
    {add_group: {a vServer group as in the state document}}.
    """
    checked = EDIT(value, place)
    group_id = checked.pop("vserver_group_id", "")
    if group_id and checked == {"remove_group": True}:
        return MemberEdit("", vserver_group_id=group_id, remove_group=True)
    if set(checked) == {"add_group"} and not group_id:
        group = checked_vserver_group(checked["add_group"], f"{place}.add_group")
        return MemberEdit("", vserver_group_id=group.vserver_group_id, add_group=group)
    has_port = group_id and "server_id" in checked and "port" in checked
    kind = set(checked) - ({"port"} if has_port else set())
    if kind not in EDITS or checked.get("remove", True) is False:
        raise DocumentError(
            place,
            "must have server_id and weight, or server_id and remove: true, or add alone, each of them in a vServer"
            " group with vserver_group_id, or vserver_group_id and remove_group: true, or add_group alone",
        )
    if "add" in checked:
        read = group_member if group_id else backend_server
        server = read(checked["add"], f"{place}.add")
        return MemberEdit(server.server_id, add=server, vserver_group_id=group_id)
    return MemberEdit(**checked, vserver_group_id=group_id)


FAULT: Check = mapping(
    {
        "kind": Key(one_of(tuple(KINDS)), required=True),
        "action": Key(action_name),
        "times": Key(integer(0, 1_000_000)),
        "skip": Key(integer(0, 1_000_000)),
        "code": Key(text),
        "http_status": Key(HTTP_STATUS),
        "message": Key(body_text),
        "content_type": Key(text),
        "body": Key(body_text),
        "body_base64": Key(decoded_base64),
        "seconds": Key(seconds),
        "load_balancer_id": Key(text),
        "edits": Key(list_of(member_edit)),
    }
)


def parse_fault(document: Any, place: str = "fault") -> Fault:
    """The fault a description asks for; DocumentError when it is not valid."""
    checked = FAULT(document, place)
    required, optional = KINDS[checked["kind"]]
    given = set(checked) - {"kind", "action", "times", "skip"}
    for name in required:
        if name not in given:
            raise DocumentError(place, f"of kind {checked['kind']} lacks the key {name!r}")
    for name in sorted(given - set(required) - set(optional)):
        raise DocumentError(place, f"of kind {checked['kind']} does not take the key {name!r}")
    if {"body", "body_base64"} <= given:
        raise DocumentError(place, "has both body and body_base64")
    if checked.get("code", "InternalError") not in ERRORS and "http_status" not in checked:
        raise DocumentError(place, f"has the code {checked['code']!r} that needs a http_status")
    body = checked.pop("body_base64", None)
    if body is None:
        body = checked.pop("body", "").encode("utf-8")
    return Fault(**checked, body=body, document=dict(document))


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
