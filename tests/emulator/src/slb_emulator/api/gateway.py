# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API gateway checks before an action runs: version, key, time, signature, token, nonce."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from ..core.model import AccessKey
from .errors import ApiError, invalid_parameter, missing_parameter
from .signatures import (
    ACS3_ALGORITHM,
    acs3_signature,
    acs3_string_to_sign,
    parse_acs3_authorization,
    rpc_signature,
    rpc_string_to_sign,
    same_signature,
)

API_VERSION = "2014-05-15"
# How far a request's time may be off, and how long a nonce stays used.
WINDOW_SECONDS = 15 * 60
RPC_REQUIRED = (
    "Version",
    "AccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
    "SignatureNonce",
    "Timestamp",
    "Signature",
)


@dataclass(frozen=True)
class ApiRequest:
    """An HTTP request to the API. Header names are lower case, parameters are query and form body, decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    scheme: str = "http"
    sni: str = ""

    @property
    def is_acs3(self) -> bool:
        """Whether the request is signed in its headers (newer SDK) and not in its parameters."""
        return self.headers.get("authorization", "").startswith(ACS3_ALGORITHM)

    @property
    def action(self) -> str:
        """The name of the action, empty when there is none."""
        return self.headers.get("x-acs-action", "") if self.is_acs3 else self.parameters.get("Action", "")


@dataclass(frozen=True)
class Proof:
    """What a request says about its sender, whichever way it is signed."""

    access_key_id: str
    security_token: str
    version: str
    timestamp: str
    nonce: str
    signature: str
    string_to_sign: str
    is_acs3: bool

    def signature_with(self, secret: str) -> str:
        """The signature the request should have."""
        sign = acs3_signature if self.is_acs3 else rpc_signature
        return sign(secret, self.string_to_sign)


class UsedNonces:
    """Nonces of the last 15 minutes, per access key. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: set[tuple[str, str]] = set()
        self._ages: deque[tuple[float, tuple[str, str]]] = deque()

    def use(self, access_key_id: str, nonce: str, now: float) -> None:
        """Mark a nonce as used at a time (seconds); SignatureNonceUsed when it was already."""
        with self._lock:
            while self._ages and now - self._ages[0][0] > WINDOW_SECONDS:
                self._used.discard(self._ages.popleft()[1])
            if (access_key_id, nonce) in self._used:
                raise ApiError("SignatureNonceUsed")
            self._used.add((access_key_id, nonce))
            self._ages.append((now, (access_key_id, nonce)))


def rpc_proof(request: ApiRequest) -> Proof:
    """Read an RPC request; MissingParameter or InvalidParameter when it is not complete."""
    parameters = request.parameters
    for name in RPC_REQUIRED:
        if not parameters.get(name):
            raise missing_parameter(name)
    if parameters["SignatureMethod"] != "HMAC-SHA1":
        raise invalid_parameter("SignatureMethod")
    if parameters["SignatureVersion"] != "1.0":
        raise invalid_parameter("SignatureVersion")
    return Proof(
        access_key_id=parameters["AccessKeyId"],
        security_token=parameters.get("SecurityToken", ""),
        version=parameters["Version"],
        timestamp=parameters["Timestamp"],
        nonce=parameters["SignatureNonce"],
        signature=parameters["Signature"],
        string_to_sign=rpc_string_to_sign(request.method, parameters),
        is_acs3=False,
    )


def acs3_proof(request: ApiRequest) -> Proof:
    """Read a request signed in its headers; the hash of the body must be that of the body that arrived."""
    headers = request.headers
    authorization = parse_acs3_authorization(headers["authorization"])
    if authorization is None:
        raise ApiError("IncompleteSignature")
    required = ("x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256")
    for name in required:
        if not headers.get(name):
            raise missing_parameter(name)
    content_sha256 = hashlib.sha256(request.body).hexdigest()
    string_to_sign = acs3_string_to_sign(
        request.method, request.path, request.query, headers, authorization.signed_headers, content_sha256
    )
    must_be_signed = {"host", *(name for name in headers if name.startswith("x-acs-"))}
    unsigned = must_be_signed - set(authorization.signed_headers)
    if unsigned or headers["x-acs-content-sha256"] != content_sha256:
        raise ApiError("IncompleteSignature", f"{ApiError('IncompleteSignature').message}{string_to_sign}")
    return Proof(
        access_key_id=authorization.credential,
        security_token=headers.get("x-acs-security-token", ""),
        version=headers["x-acs-version"],
        timestamp=headers["x-acs-date"],
        nonce=headers["x-acs-signature-nonce"],
        signature=authorization.signature,
        string_to_sign=string_to_sign,
        is_acs3=True,
    )


def check_timestamp(timestamp: str, now: float) -> None:
    """The time must be UTC as YYYY-MM-DDThh:mm:ssZ and at most 15 minutes off. now is in seconds since the epoch."""
    try:
        sent = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise ApiError("InvalidTimeStamp.Format") from None
    if abs(now - sent.timestamp()) > WINDOW_SECONDS:
        raise ApiError("InvalidTimeStamp.Expired")


def check_security_token(key: AccessKey, token: str) -> None:
    """A key with a token needs that token, a key without one must come without."""
    if not key.security_token:
        if token:
            raise ApiError("InvalidSecurityToken.MismatchWithAccessKey")
        return
    if not token:
        raise ApiError("MissingSecurityToken")
    if not same_signature(token, key.security_token):
        raise ApiError("InvalidSecurityToken.Malformed")
    if key.token_expired:
        raise ApiError("InvalidSecurityToken.Expired")


def check_request(
    request: ApiRequest, action_exists: bool, access_keys: dict[str, AccessKey], nonces: UsedNonces, now: float
) -> None:
    """Refuse, with the gateway's errors, a request that may not reach its action. now: seconds since the epoch."""
    if request.method not in ("GET", "POST"):
        raise ApiError("UnsupportedHTTPMethod")
    if not request.action:
        raise missing_parameter("Action")
    if request.parameters.get("Format", "JSON").upper() != "JSON":
        raise ApiError("InvalidParameter", "The emulator answers in JSON only; send Format=JSON.")
    proof = acs3_proof(request) if request.is_acs3 else rpc_proof(request)
    if proof.version != API_VERSION:
        raise ApiError("InvalidVersion")
    if not action_exists:
        raise ApiError("InvalidAction.NotFound")
    key = access_keys.get(proof.access_key_id)
    if key is None:
        raise ApiError("InvalidAccessKeyId.NotFound")
    if key.status != "active":
        raise ApiError("InvalidAccessKeyId.Inactive")
    check_timestamp(proof.timestamp, now)
    if not same_signature(proof.signature, proof.signature_with(key.access_key_secret)):
        message = f"{ApiError('SignatureDoesNotMatch').message}{proof.string_to_sign}"
        raise ApiError("SignatureDoesNotMatch", message)
    check_security_token(key, proof.security_token)
    nonces.use(key.access_key_id, proof.nonce, now)
