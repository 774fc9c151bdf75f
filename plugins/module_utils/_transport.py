# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""One HTTP exchange through the SDK: its timeouts, its size, its proxies, and what it means if no response came."""

from __future__ import annotations

import http.client
import io
import socket
import time
import typing as t
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ansible_collections.aliyun_community.slb.plugins.module_utils import _network_errors
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    ConnectFailed,
    NoResponse,
    SlbError,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import Sdk, import_sdk

LARGEST_BODY = 8 * 1024 * 1024  # bytes; a page of 100 listeners has some 0.2 million
SHORTEST_TIMEOUT = 0.05  # seconds; 0 would mean no timeout at all


class Response(t.NamedTuple):
    """What came back over HTTP, not yet parsed."""

    http_status: int
    body: bytes


class Transport:
    """Signs and sends requests with the SDK. Not thread-safe. Raises SlbError if the SDK is missing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk = import_sdk()
        self._adapter = _RecordingAdapter(self._sdk)
        self._credentials: Credentials | None = None
        self._client: t.Any = None

    @property
    def requests_sent(self) -> int:
        """HTTP requests that were handed to the network, whatever became of them."""
        return self._adapter.sent

    def send(self, action: str, parameters: t.Mapping[str, str], credentials: Credentials, seconds: float) -> Response:
        """Send one request and read its whole response, in ``seconds`` at most.

        Raises ConnectFailed, NoResponse, and SlbError if the SDK cannot build the request.
        """
        client = self._client_for(credentials)
        request = self._request(action, parameters, seconds)
        self._adapter.prepare(seconds)
        try:
            client.do_action_with_exception(request)
        except Exception as exc:
            # The SDK raises for every error response, and some of them crash it with IndexError, TypeError or
            # UnicodeDecodeError. What matters is whether the adapter has seen a response.
            if self._adapter.response is None:
                raise self._failure(exc) from None
        if self._adapter.response is None:
            raise NoResponse("the SDK returned without a response")
        return self._adapter.response

    def _client_for(self, credentials: Credentials) -> t.Any:
        """The SDK's client, which is kept while the credentials are the same: a new one closes the connections of the last."""
        if credentials != self._credentials:
            connection = self._connection
            proxies = proxies_for(connection.endpoint)
            self._client = self._sdk.new_client(connection.region, connection.verify, proxies, credentials)
            # A netrc entry for the host would add a second Authorization to the signed request.
            self._client.session.trust_env = False
            self._client.session.mount("https://", self._adapter)
            self._client.session.mount("http://", self._adapter)
            self._credentials = credentials
        return self._client

    def _request(self, action: str, parameters: t.Mapping[str, str], seconds: float) -> t.Any:
        request = self._sdk.new_request(action, parameters)
        # Its scheme decides: the SDK compares a protocol by identity and takes every other "https" for http.
        request.set_endpoint(self._connection.endpoint)
        request.set_connect_timeout(max(SHORTEST_TIMEOUT, min(self._connection.connect_timeout, seconds)))
        request.set_read_timeout(max(SHORTEST_TIMEOUT, min(self._connection.read_timeout, seconds)))
        return request

    def _failure(self, exc: Exception) -> Exception:
        """Why there is no response: the HTTP library's own exception says so, not what the SDK made of it."""
        if self._adapter.failure is None:
            return SlbError("SdkFailure", f"the SDK could not build the request ({type(exc).__name__})")
        return _network_errors.classify(self._adapter.failure, self._sdk.error_types)


class _RecordingAdapter:
    """The adapter of the SDK's HTTP session: keeps the raw response or failure, counts, and ends in time."""

    def __init__(self, sdk: Sdk) -> None:
        self._adapter = sdk.HTTPAdapter()
        self._end = 0.0
        self.sent = 0
        self.response: Response | None = None
        self.failure: Exception | None = None

    def prepare(self, seconds: float) -> None:
        """Forget the last request; the next one may take ``seconds``."""
        self._end = time.monotonic() + seconds
        self.response = self.failure = None

    def send(self, request: t.Any, **options: t.Any) -> t.Any:
        try:
            self._limit_reads(self._pool(request.url, options.get("proxies")))
            self.sent += 1
            response = self._adapter.send(request, **options)
            self.response = Response(response.status_code, _whole_body(response))
        except Exception as exc:
            self.failure = exc
            raise
        return response

    def _pool(self, url: str, proxies: t.Any) -> t.Any:
        """The connections to a host; none is open yet. The library fails in many ways on a malformed proxy."""
        try:
            pool = self._adapter.get_connection(url, proxies)
            if pool.proxy and not (pool.proxy.host or "").encode("idna"):
                raise ValueError("no host")
        except Exception as exc:
            raise ConnectFailed("the environment sets a proxy with an invalid URL", permanent=True) from exc
        return pool

    def _limit_reads(self, pool: t.Any) -> None:
        """Let the connections of this pool, which the library opens when it needs them, read no longer than allowed."""
        if pool.ConnectionCls.response_class != self._new_response:
            timed = {"response_class": self._new_response}
            pool.ConnectionCls = type(pool.ConnectionCls.__name__, (pool.ConnectionCls,), timed)

    def _new_response(self, connection: socket.socket, *args: t.Any, **options: t.Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(connection, *args, **options)
        response.fp = io.BufferedReader(_TimedReader(response.fp.detach(), connection, self._end))
        return response

    def close(self) -> None:
        self._adapter.close()


def _whole_body(response: t.Any) -> bytes:
    """The body as it came: the adapter decodes nothing. Raises NoResponse if it is larger than any of the API."""
    body: bytes = response.raw.read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise NoResponse(f"more than {LARGEST_BODY} bytes were received")
    return body


class _TimedReader(io.RawIOBase):
    """Reads from a connection until ``end`` (monotonic). The socket's own timeout restarts with every byte received."""

    def __init__(self, received: io.RawIOBase, connection: socket.socket, end: float) -> None:
        self._received = received
        self._connection = connection
        self._timeout = connection.gettimeout()
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int | None:
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise socket.timeout
        self._connection.settimeout(remaining if self._timeout is None else min(remaining, self._timeout))
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


def proxies_for(endpoint: str) -> dict[str, str | None]:
    """The proxies of the environment, or none if NO_PROXY names the endpoint: the SDK does not look at it."""
    direct: dict[str, str | None] = {"http": None, "https": None}
    proxies = getproxies()
    if proxy_bypass(urlsplit(endpoint).netloc):
        return direct
    return {**direct, **{scheme: proxies[scheme] for scheme in direct if scheme in proxies}}
