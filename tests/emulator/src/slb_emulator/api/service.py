# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated service: takes API requests, applies faults, keeps the records. Knows nothing of sockets."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from ..core.changes import (
    MemberChange,
    MemberEdit,
    add_vserver_group,
    change_members,
    edited,
    remove_vserver_group,
)
from ..core.data_plane import DataPlane
from ..core.documents import checked
from ..core.model import DEFAULT_GROUP, BackendServer, LoadBalancer, SlbState
from ..core.settings import SETTINGS, Settings
from .actions import ACTIONS, Call, run_action
from .errors import ApiError
from .faults import Fault, FaultQueue
from .gateway import ApiRequest, UsedNonces, check_request

HOST_ID = "slb.aliyuncs.com"
JSON_TYPE = "application/json;charset=utf-8"
# Never recorded, never logged.
SECRET_PARAMETERS = ("Signature", "SecurityToken")
SECRET_HEADERS = ("authorization", "x-acs-security-token")
# How the answer of each of these kinds of fault travels; all others travel whole.
DELIVERIES = {"cut_before": "cut", "cut_after": "cut", "truncate": "truncate", "stall": "stall", "drip": "drip"}


@dataclass(frozen=True)
class Reply:
    """What goes out, and how: delivery is whole, cut, truncate, stall or drip (with seconds)."""

    http_status: int
    body: bytes
    content_type: str = JSON_TYPE
    delivery: str = "whole"
    seconds: float = 0.0


@dataclass(frozen=True)
class RecordedRequest:
    """An API request as it was handled. Signature, token and Authorization are left out.

    http_status is None when the connection was cut without an answer; code is None without an error. received is when
    it came in, in seconds on the monotonic clock: a request that a fault holds up is recorded after later ones.
    """

    action: str
    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    scheme: str
    sni: str
    http_status: int | None
    code: str | None
    request_id: str
    fault: str | None
    changes: tuple[MemberChange, ...]
    # What another job changed just before: the fault "edit".
    edits: tuple[MemberChange, ...] = ()
    # The groups that the edits were about, also those in which they changed nothing: what a stale read of one sees.
    edited_groups: tuple[str, ...] = ()
    # The ids of the vServer groups after the edits, which may have brought or taken some; None without edits.
    vserver_groups: tuple[str, ...] | None = None
    received: float = 0.0

    @property
    def changed_members(self) -> list[str]:
        """Server ids of the members the request changed."""
        return [change.server_id for change in self.changes]

    def __str__(self) -> str:
        outcome = "cut" if self.http_status is None else str(self.http_status)
        target = self.parameters.get("LoadBalancerId") or self.parameters.get("VServerGroupId") or "-"
        parts = [self.action or "-", target, outcome, self.code or "", ", ".join(map(str, self.changes))]
        fault = f"[fault: {self.fault}]" if self.fault else ""
        return " ".join(printable(part) for part in (*parts, fault) if part)


def printable(part: str) -> str:
    """Text from a request, fit for one line of a log."""
    return "".join(character if character.isprintable() else "?" for character in part[:300])


@dataclass
class Outcome:
    """The answer to a request before a fault changes how it travels."""

    request_id: str
    http_status: int | None = None
    code: str | None = None
    body: bytes = b""
    content_type: str = JSON_TYPE
    changes: tuple[MemberChange, ...] = ()


def new_request_id() -> str:
    """A request id in the form the API has them."""
    return str(uuid.uuid4()).upper()


def as_json(document: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def error_outcome(error: ApiError, request_id: str) -> Outcome:
    """The body of an error, as the API's gateway sends it."""
    body = {
        "RequestId": request_id,
        "HostId": HOST_ID,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}&product=Slb&requestId={request_id}",
    }
    return Outcome(request_id, error.http_status, error.code, as_json(body))


def fault_error(fault: Fault) -> ApiError:
    """The error a fault of kind error or error_after answers with."""
    return ApiError(fault.code, fault.message, fault.http_status)


@dataclass
class Service:
    """State, settings, faults and records behind one lock. Every method may be called from any thread."""

    state: SlbState
    settings: Settings = field(default_factory=Settings)
    data_plane: DataPlane = field(default_factory=DataPlane)
    on_request: Callable[[RecordedRequest], None] = field(default=lambda record: None)
    faults: FaultQueue = field(default_factory=FaultQueue)
    # Set when the server ends: every wait of a request ends with it.
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self.data_plane.delay = self.settings.data_plane_delay
        self._nonces = UsedNonces()
        self._requests: list[RecordedRequest] = []

    def handle(self, request: ApiRequest) -> Reply:
        """Answer an API request, and record it."""
        received = time.monotonic()
        fault = self.faults.take(request.action)
        self._wait(self.settings.latency + (fault.seconds if fault and fault.kind == "latency" else 0.0))
        with self._lock:  # the records are in the order in which requests took effect
            edited_balancer = self._edited_balancer(fault, request)
            edits = self._edit(edited_balancer, fault.edits) if fault and edited_balancer else []
            outcome = self._outcome(request, fault)
            record = self._record(request, fault, outcome, edits, received)
            if edited_balancer:
                groups = tuple(group.vserver_group_id for group in edited_balancer.vserver_groups)
                record = replace(record, vserver_groups=groups)
            self._requests.append(record)
        self.on_request(record)
        delivery = DELIVERIES.get(fault.kind, "whole") if fault else "whole"
        return Reply(
            outcome.http_status or 0,
            outcome.body,
            outcome.content_type,
            delivery,
            fault.seconds if fault else 0.0,
        )

    def _wait(self, duration: float) -> None:
        if duration > 0:
            self.stopping.wait(duration)

    def _outcome(self, request: ApiRequest, fault: Fault | None) -> Outcome:
        """The answer; http_status None when there is none."""
        request_id = new_request_id()
        kind = fault.kind if fault else ""
        if fault is None or kind not in ("cut_before", "error", "raw"):
            outcome = self._run(request, request_id, stale=kind == "stale_read")
        else:
            outcome = Outcome(request_id)
        if fault is not None and (kind == "error" or (kind == "error_after" and outcome.code is None)):
            outcome = replace(error_outcome(fault_error(fault), request_id), changes=outcome.changes)
        elif fault is not None and kind == "raw":
            outcome = Outcome(request_id, fault.http_status or 200, None, fault.body, fault.content_type)
        elif DELIVERIES.get(kind) == "cut":
            outcome = replace(outcome, http_status=None)
        return outcome

    def _run(self, request: ApiRequest, request_id: str, stale: bool) -> Outcome:
        """Check and run the action."""
        call = Call(
            self.state,
            request.parameters,
            self.data_plane,
            self.settings,
            stale=stale,
        )
        try:
            check_request(request, request.action in ACTIONS, self.state.access_keys, self._nonces, time.time())
            call.now = time.monotonic()
            answer = run_action(request.action, call)
        except ApiError as error:
            return error_outcome(error, request_id)
        return Outcome(request_id, 200, None, as_json({"RequestId": request_id, **answer}), changes=tuple(call.changes))

    def _edited_balancer(self, fault: Fault | None, request: ApiRequest) -> LoadBalancer | None:
        """The load balancer that a fault edits, if it is one that edits."""
        if fault is None or fault.kind != "edit":
            return None
        parameters = request.parameters
        balancer = self.state.load_balancers.get(fault.load_balancer_id or parameters.get("LoadBalancerId", ""))
        if balancer is None and not fault.load_balancer_id:
            balancer = self.state.load_balancer_of_group(parameters.get("VServerGroupId", ""))
        return balancer

    def _edit(self, balancer: LoadBalancer, edits: Sequence[MemberEdit]) -> list[MemberChange]:
        """Edit groups one after the other, each in one step: a group shows either none of its edits or all."""
        changes = []
        for new in (edit.add_group for edit in edits if edit.add_group):
            changes += add_vserver_group(balancer, new, self.data_plane)
        edits = [edit for edit in edits if not edit.add_group]
        for group_id in dict.fromkeys(edit.vserver_group_id for edit in edits):
            group = balancer.group(group_id)
            if group is None:
                continue
            mine = [edit for edit in edits if edit.vserver_group_id == group_id]
            if any(edit.remove_group for edit in mine):
                changes += remove_vserver_group(balancer, group_id, self.data_plane)
                continue
            members = group.backend_servers
            for edit in mine:
                members = edited(members, edit)
            changes += change_members(balancer, group, members, self.data_plane)
        return changes

    def _record(
        self,
        request: ApiRequest,
        fault: Fault | None,
        outcome: Outcome,
        edits: Sequence[MemberChange],
        received: float,
    ) -> RecordedRequest:
        return RecordedRequest(
            action=request.action,
            method=request.method,
            parameters={k: v for k, v in request.parameters.items() if k not in SECRET_PARAMETERS},
            headers={k: v for k, v in request.headers.items() if k not in SECRET_HEADERS},
            scheme=request.scheme,
            sni=request.sni,
            http_status=outcome.http_status,
            code=outcome.code,
            request_id=outcome.request_id,
            fault=fault.kind if fault else None,
            changes=outcome.changes,
            edits=tuple(edits),
            edited_groups=tuple(dict.fromkeys(edit.vserver_group_id for edit in fault.edits)) if fault else (),
            received=received,
        )

    @property
    def requests(self) -> list[RecordedRequest]:
        """The API requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the recorded requests."""
        with self._lock:
            self._requests.clear()

    def members(self, load_balancer_id: str, vserver_group_id: str = DEFAULT_GROUP) -> list[BackendServer]:
        """The current members of a group; KeyError when there is no load balancer or no group of this id."""
        with self._lock:
            group = self.state.load_balancers[load_balancer_id].group(vserver_group_id)
            if group is None:
                raise KeyError(vserver_group_id)
            return list(group.backend_servers)

    def vserver_groups(self, load_balancer_id: str) -> list[str]:
        """The ids of the current vServer groups; KeyError when there is no load balancer of this id."""
        with self._lock:
            return [group.vserver_group_id for group in self.state.load_balancers[load_balancer_id].vserver_groups]

    def edit(self, load_balancer_id: str, edits: Sequence[MemberEdit]) -> None:
        """Change members behind the API's back; KeyError for an unknown load balancer, group or server."""
        with self._lock:
            for edit in edits:
                if edit.add_group is not None:
                    continue
                members = self.members(load_balancer_id, edit.vserver_group_id)
                is_known = edit.add is not None or edit.remove_group or any(map(edit.is_about, members))
                if not is_known:
                    raise KeyError(edit.server_id)
            self._edit(self.state.load_balancers[load_balancer_id], edits)

    def replace_state(self, state: SlbState) -> None:
        """Put a new state in place; without access keys in it the current ones stay.

        DocumentError, and no change, when the data plane cannot serve it.
        """
        with self._lock:
            self.data_plane.on_state_replaced(state)
            keys = state.access_keys or self.state.access_keys
            self.state = replace(state, access_keys=keys)

    def change_settings(self, document: Any) -> Settings:
        """Change some settings; DocumentError when the document is not valid."""
        changes: dict[str, Any] = checked(SETTINGS, document, "settings")
        with self._lock:
            self.settings = replace(self.settings, **changes)
            self.data_plane.delay = self.settings.data_plane_delay
            return self.settings
