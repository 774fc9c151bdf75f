# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests put together by hand, for what no SDK would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
import typing as t
import uuid
from urllib.parse import quote, urlencode, urlsplit

FORM_TYPE = "application/x-www-form-urlencoded"


def common_parameters(action: str, **parameters: t.Any) -> dict[str, str]:
    """The parameters of a complete request for `action`, not signed yet; None takes a parameter out."""
    complete = {
        "Action": action,
        "Format": "JSON",
        "Version": "2014-05-15",
        "AccessKeyId": "testid",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **parameters,
    }
    return {name: value for name, value in complete.items() if value is not None}


def signed(parameters: t.Any, method: str = "POST", secret: str = "testsecret") -> dict[str, str]:
    """The parameters with their signature, computed without the code under test."""
    encoded = "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))
    text = f"{method}&%2F&{quote(encoded, safe='~')}"
    digest = hmac.new(f"{secret}&".encode(), text.encode(), hashlib.sha1).digest()
    return {**parameters, "Signature": base64.b64encode(digest).decode()}


def send(
    url: str, parameters: t.Any, method: str = "POST", as_form: bool = False, path: str = "/"
) -> tuple[int, t.Any]:
    """(HTTP status, parsed answer) of one request."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    encoded = urlencode(parameters)
    try:
        if as_form:
            connection.request(method, path, body=encoded, headers={"Content-Type": FORM_TYPE})
        else:
            connection.request(method, f"{path}?{encoded}")
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def refusal(
    url: str, action: str, method: str = "POST", secret: str = "testsecret", **parameters: t.Any
) -> tuple[int, str]:
    """(HTTP status, code) of a signed request that is refused."""
    status, answer = send(url, signed(common_parameters(action, **parameters), method, secret), method)
    return status, answer["Code"]
