# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Calls of the API: deadline, retries, errors and redaction.

The SDK retries nothing for the product Slb, so all retries happen here.
"""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote, quote_plus

from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection, open_connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Credentials,
    CredentialsProvider,
    FetchLimits,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.chain import find_credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._deadline import Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    ConnectFailed,
    EndpointUnreachable,
    NoResponse,
    OutcomeUnknown,
    SlbError,
    is_refusal_of_keys,
    is_retried,
    is_uncertain,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import TIMEOUT, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Response, Transport

Json = dict[str, t.Any]

CONNECT_ATTEMPTS = 4  # an endpoint that takes no connection is more often misspelled than down
LONGEST_STRING = 200  # characters of a code or a request id; the API's have 50 at most


class RetryPolicy(t.NamedTuple):
    """Which failures of a call are retried until the deadline.

    Failed connections, up to CONNECT_ATTEMPTS, and codes by which the API says that it did nothing yet (RETRIED_CODES)
    are retried in any case. ``unknown_outcome``: whether to retry a call that got no usable response, too.
    ``grace``: the seconds after the deadline in which attempts are still allowed, all of them together.
    """

    unknown_outcome: bool
    grace: float


# One read is allowed shortly after the deadline, because it may reveal the outcome of a write.
READ = RetryPolicy(unknown_outcome=True, grace=1.5)
# A write is not repeated blindly: read first what became of it.
WRITE = RetryPolicy(unknown_outcome=False, grace=0.0)


def open_client(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], warn: t.Callable[[str], None]) -> Client:
    """A client for the options of connection_argument_spec(), with credentials from them or from ``environ``.

    Works without an AnsibleModule. ``warn`` gets whole sentences. The deadline starts now.
    Raises SlbError; imports the SDK once the options are accepted.
    """
    wait_timeout = whole_number(options["wait_timeout"], "wait_timeout", TIMEOUT)
    connection = open_connection(options, warn)
    deadline = Deadline(wait_timeout)
    limits = FetchLimits(connection.connect_timeout, connection.read_timeout, options["ca_path"], deadline.remaining)
    return Client(connection, find_credentials(options, environ, limits), deadline)


class Client:
    """Calls the Slb API, and counts: ``api_calls`` (HTTP requests) and ``request_ids`` (in order)."""

    def __init__(self, connection: Connection, credentials_provider: CredentialsProvider, deadline: Deadline) -> None:
        self.region = connection.region
        self.deadline = deadline
        self.request_ids: list[str] = []
        self._endpoint = connection.endpoint
        self._credentials_provider = credentials_provider
        self._transport = Transport(connection)

    @property
    def api_calls(self) -> int:
        return self._transport.requests_sent

    def read(self, action: str, parameters: t.Mapping[str, str]) -> Json:
        """Call an action that changes nothing. Raises SlbError."""
        return self._call(action, parameters, READ)

    def write(self, action: str, parameters: t.Mapping[str, str]) -> Json:
        """Call an action that changes something. Raises SlbError; OutcomeUnknown if it may have taken effect."""
        return self._call(action, parameters, WRITE)

    def _call(self, action: str, parameters: t.Mapping[str, str], policy: RetryPolicy) -> Json:
        attempts = 0
        refreshed = False
        while True:
            attempts += 1
            seconds = self._seconds_left(policy)
            if not seconds:
                raise SlbError("DeadlineReached", f"no time was left for {action}", advice="Raise wait_timeout.")
            try:
                return self._attempt(action, parameters, seconds)
            except SlbError as exc:
                if is_refusal_of_keys(exc.code) and not refreshed:
                    refreshed = self._credentials_provider.refresh()
                    if refreshed and self._seconds_left(policy):
                        continue
                if not _is_retried(exc, attempts, policy) or not self.deadline.pause(attempts):
                    raise

    def _seconds_left(self, policy: RetryPolicy) -> float:
        """How long an attempt may take: until the deadline, or near it the seconds of grace, but no longer than those."""
        return min(max(self.deadline.remaining(), policy.grace), self.deadline.remaining(beyond=policy.grace))

    def _attempt(self, action: str, parameters: t.Mapping[str, str], seconds: float) -> Json:
        credentials = self._credentials_provider.credentials()
        try:
            response = self._transport.send(action, parameters, credentials, seconds)
        except ConnectFailed as exc:
            raise _connect_error(exc, self._endpoint) from None
        except NoResponse as exc:
            raise OutcomeUnknown(
                "NoAnswer",
                f"{action} got no complete response from {self._endpoint} ({redacted(str(exc), credentials)})",
                advice="Check the network between this host and the API.",
            ) from None
        return self._parse_response(action, response, credentials)

    def _parse_response(self, action: str, response: Response, credentials: Credentials) -> Json:
        """The response as JSON. Raises SlbError for an error response, OutcomeUnknown for an unusable one."""
        status, content = response.http_status, _parsed(response.body)
        request_id = _short_string(content, "RequestId")
        if request_id:
            request_id = redacted(request_id, credentials)
            self.request_ids.append(request_id)
        code = _short_string(content, "Code")
        # Every response of the API has a RequestId; a JSON object without one did not come from the API.
        if content is not None and content.get("Code") is None and status == 200 and request_id:
            return content
        if not code:
            raise OutcomeUnknown(
                "UnusableAnswer",
                f"{self._endpoint} responded to {action} with HTTP status {status} and {_kind(response.body)}",
                http_status=status,
                request_id=request_id,
                advice="Check that endpoint leads to the Slb API, also through any proxy.",
            )
        message = str((content or {}).get("Message") or "no message").partition(" server string to sign is:")[0]
        kind = OutcomeUnknown if is_uncertain(code, status) and not is_retried(code) else SlbError
        raise kind(
            redacted(code, credentials), redacted(message, credentials), http_status=status, request_id=request_id
        )


def _is_retried(exc: SlbError, attempts: int, policy: RetryPolicy) -> bool:
    if isinstance(exc, EndpointUnreachable):
        return attempts < CONNECT_ATTEMPTS
    if isinstance(exc, OutcomeUnknown):
        return policy.unknown_outcome
    return is_retried(exc.code)


def _connect_error(exc: ConnectFailed, endpoint: str) -> SlbError:
    if exc.certificate:
        return SlbError(
            "CertificateInvalid",
            f"the certificate of {endpoint} is not accepted: {exc}",
            advice="Check endpoint, or set ca_path to the CA that signed the certificate.",
        )
    message = f"no connection to {endpoint}: {exc}"
    advice = "Check region and endpoint, and the network and proxy settings of this host."
    if exc.permanent:
        return SlbError("EndpointUnusable", message, advice=advice)
    return EndpointUnreachable("EndpointUnreachable", message, advice=advice)


def _parsed(body: bytes) -> Json | None:
    """The JSON object in a body, or None. JSONDecodeError and UnicodeError are ValueErrors."""
    try:
        content = json.loads(body.decode())
        if b"\\ud" in body.lower():
            # Ansible discards the entire result if any string contains a lone surrogate.
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _short_string(content: Json | None, name: str) -> str | None:
    """A code or an id in the response, or None if it does not look like one."""
    value = (content or {}).get(name)
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_STRING else None


def _kind(body: bytes) -> str:
    """What kind of body this is, without showing it: it may contain anything."""
    if not body.strip():
        return "an empty body"
    if body.lstrip()[:1] == b"<":
        return "HTML or XML instead of JSON"
    return "a body that is not a response of this API"


def redacted(text: str, credentials: Credentials) -> str:
    """The text without key id, secret and token, plain or URL-encoded."""
    for secret in filter(None, credentials):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "********")
    return text
