# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Flask application: the API at / and the control API under /_rehearsal/."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ..api.faults import parse_fault
from ..api.gateway import ApiRequest
from ..api.service import RecordedRequest, Reply, Service
from ..core.changes import MemberChange
from ..core.documents import DocumentError
from ..core.state_document import parse_state, plain_state
from .wire import deliver

API_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
FORM_TYPE = "application/x-www-form-urlencoded"


class FaultyResponse(Response):
    """An answer that does not travel whole: it takes over the connection and ends it."""

    def __init__(self, reply: Reply, stopping: threading.Event) -> None:
        super().__init__()
        self._reply = reply
        self._stopping = stopping

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Send what the fault lets through, then raise ConnectionAbortedError."""
        deliver(self._reply, environ["werkzeug.socket"], self._stopping)
        raise ConnectionAbortedError("ended by a fault")


def api_request() -> ApiRequest:
    """The request Flask is handling, as the service takes it."""
    query = dict(parse_qsl(request.query_string.decode("utf-8", "replace"), keep_blank_values=True))
    body = request.get_data(cache=False)
    parameters = query
    if body and request.mimetype == FORM_TYPE:
        parameters = {**query, **dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))}
    return ApiRequest(
        method=request.method,
        path=request.path,
        query=query,
        parameters=parameters,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        scheme=request.scheme,
        sni=request.environ.get("slb_emulator.sni", ""),
    )


def plain_change(change: MemberChange) -> dict[str, Any]:
    """A changed member for the control API; null weights stand for "not a member"."""
    place = {"vserver_group_id": change.vserver_group_id, "port": change.port} if change.vserver_group_id else {}
    return {
        "server_id": change.server_id,
        **place,
        "weight_before": None if change.before is None else change.before.weight,
        "weight_after": None if change.after is None else change.after.weight,
    }


def plain_request(record: RecordedRequest) -> dict[str, Any]:
    """A recorded request for the control API."""
    return {
        "action": record.action,
        "method": record.method,
        "parameters": record.parameters,
        "headers": record.headers,
        "scheme": record.scheme,
        "sni": record.sni,
        "http_status": record.http_status,
        "code": record.code,
        "request_id": record.request_id,
        "fault": record.fault,
        "changed_members": [plain_change(change) for change in record.changes],
        "received": record.received,
    }


def json_document() -> Any:
    """The JSON body of a control request, whatever its content type."""
    document = request.get_json(force=True, silent=True)
    if document is None:
        raise DocumentError("body", "must be a JSON document")
    return document


def fault_documents(document: Any) -> list[Any]:
    """One fault, or a list of them."""
    return document if isinstance(document, list) else [document]


def create_app(service: Service) -> Flask:
    """The application for a service."""
    app = Flask("slb_emulator", static_folder=None)
    app.url_map.merge_slashes = False

    @app.errorhandler(DocumentError)
    def bad_document(error: DocumentError) -> Any:
        return jsonify(error=str(error)), 400

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Any:
        return jsonify(error=error.description), error.code or 500

    @app.route("/", methods=API_METHODS)
    def api() -> Response:
        reply = service.handle(api_request())
        if reply.delivery != "whole":
            return FaultyResponse(reply, service.stopping)
        return Response(reply.body, status=reply.http_status, content_type=reply.content_type)

    add_control_routes(app, service)
    return app


def add_control_routes(app: Flask, service: Service) -> None:
    """The unsigned control API."""

    @app.get("/_rehearsal/state")
    def get_state() -> Any:
        return jsonify(plain_state(service.state))

    @app.put("/_rehearsal/state")
    def put_state() -> Any:
        service.replace_state(parse_state(json_document()))
        return jsonify(plain_state(service.state))

    @app.get("/_rehearsal/requests")
    def get_requests() -> Any:
        return jsonify(requests=[plain_request(record) for record in service.requests])

    @app.delete("/_rehearsal/requests")
    def delete_requests() -> Any:
        service.clear_requests()
        return jsonify(requests=[])

    @app.get("/_rehearsal/faults")
    def get_faults() -> Any:
        return jsonify(faults=service.faults.documents())

    @app.put("/_rehearsal/faults")
    def put_faults() -> Any:
        documents = fault_documents(json_document())
        faults = [parse_fault(document, f"faults[{index}]") for index, document in enumerate(documents)]
        service.faults.put(faults)
        return jsonify(faults=service.faults.documents())

    @app.delete("/_rehearsal/faults")
    def delete_faults() -> Any:
        service.faults.put([])
        return jsonify(faults=[])

    @app.get("/_rehearsal/data_plane")
    def get_data_plane() -> Any:
        return jsonify(service.data_plane.describe())

    @app.patch("/_rehearsal/settings")
    def patch_settings() -> Any:
        return jsonify(asdict(service.change_settings(json_document())))
