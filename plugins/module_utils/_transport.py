# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""One HTTP exchange through aliyun-python-sdk-core, and every trap of that SDK.

Nothing above this file imports the SDK, and this file imports it only when a connection is opened: the import is most
of what a task costs.
"""

from __future__ import annotations

import contextlib
import gc
import http.client
import io
import logging
import os
import re
import socket
import ssl
import sys
import time
import typing as t
import warnings
from importlib import import_module
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError

API_VERSION = "v20140515"
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; a page of 100 listeners has some 0.2 million


# Python's own words, in an OSError without a number.
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")


class Answer(t.NamedTuple):
    """What came back over HTTP, before anybody judged it."""

    http_status: int
    body: bytes


class NotSent(Exception):
    """No connection could be made, so the API cannot have seen the request.

    ``permanent``: trying again is no use. ``certificate``: nor is it here, for the certificate was refused.
    """

    def __init__(self, reason: str, *, permanent: bool = False, certificate: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
        self.certificate = certificate


class NoAnswer(Exception):
    """The request left this machine and no whole answer came back."""


class Connection(t.NamedTuple):
    """How to reach the API. ``endpoint``: a URL without path; ``verify``: True, False or a CA file's path."""

    region: str
    endpoint: str
    verify: bool | str
    connect_timeout: float
    read_timeout: float


class Transport:
    """Signs and sends requests with the SDK. Not safe for threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sdk = _import_sdk()
        self._wire = _Wire(self._sdk)
        self._keys: Credentials | None = None
        self._client: t.Any = None

    @property
    def requests_sent(self) -> int:
        """HTTP requests that were handed to the network, whatever became of them."""
        return self._wire.sent

    def exchange(self, action: str, parameters: t.Mapping[str, str], keys: Credentials, seconds: float) -> Answer:
        """Send one request and read its whole answer, in ``seconds`` at most. Raises NotSent, NoAnswer."""
        client = self._client_for(keys)
        request = self._request(action, parameters, seconds)
        self._wire.prepare(seconds)
        try:
            client.do_action_with_exception(request)
        except Exception as exc:
            # The SDK raises for every error answer, and on some of them it breaks with IndexError, TypeError or
            # UnicodeDecodeError. All that matters then is whether the wire has seen an answer.
            if self._wire.answer is None:
                raise self._failure(exc) from None
        if self._wire.answer is None:
            raise NoAnswer("the SDK returned without an answer")
        return self._wire.answer

    def _client_for(self, keys: Credentials) -> t.Any:
        if keys != self._keys:
            self._client = self._sdk.new_client(self._connection, keys)
            # A netrc entry for the host would add a second Authorization to the signed request.
            self._client.session.trust_env = False
            self._client.session.mount("https://", self._wire)
            self._client.session.mount("http://", self._wire)
            self._keys = keys
        return self._client

    def _request(self, action: str, parameters: t.Mapping[str, str], seconds: float) -> t.Any:
        """A new SDK request: used ones keep a SecurityToken and grow their User-Agent."""
        module = import_module(f"aliyunsdkslb.request.{API_VERSION}.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            request.add_query_param(name, value)
        # Its scheme decides: the SDK compares a protocol by identity and takes every other "https" for http.
        request.set_endpoint(self._connection.endpoint)
        request.set_connect_timeout(max(0.05, min(self._connection.connect_timeout, seconds)))
        request.set_read_timeout(max(0.05, min(self._connection.read_timeout, seconds)))
        return request

    def _failure(self, exc: Exception) -> Exception:
        """What a send that gave no answer means; decided by the HTTP library's own exception, not by its text."""
        cause = self._wire.failure
        if cause is None:
            return SlbError("SdkFailure", f"the SDK could not build the request ({type(exc).__name__})")
        if isinstance(cause, (NotSent, NoAnswer)):
            return cause
        library = self._sdk.requests_exceptions
        chain = causes(cause)
        refusal = next((link for link in chain if isinstance(link, self._sdk.certificate_errors)), None)
        if refusal is not None:
            # OpenSSL's refusals have a verify_message, those of the vendored check of the host name have not.
            reason = str(getattr(refusal, "verify_message", "") or refusal)
            return NotSent(reason, certificate=True)
        if any(isinstance(link, ssl.SSLError) and link.reason == "WRONG_VERSION_NUMBER" for link in chain):
            return NotSent("the endpoint does not speak TLS", permanent=True)
        tunnel = next(filter(None, (_TUNNEL_STATUS.search(str(link)) for link in chain)), None)
        if tunnel:
            return NotSent(f"the proxy refused with HTTP status {tunnel[1]}")
        if isinstance(cause, (library.ConnectTimeout, library.ProxyError)):
            return NotSent(innermost_reason(chain))
        if any(isinstance(link, self._sdk.NewConnectionError) for link in chain):
            return NotSent(innermost_reason(chain))
        return NoAnswer(innermost_reason(chain))


class _Wire:
    """The adapter of the SDK's HTTP session: keeps the raw answer or the raw failure, counts, and ends in time."""

    def __init__(self, sdk: _Sdk) -> None:
        self._adapter = sdk.HTTPAdapter()
        self._end = 0.0
        self.sent = 0
        self.answer: Answer | None = None
        self.failure: Exception | None = None

    def prepare(self, seconds: float) -> None:
        """Forget the last request; the next one may take ``seconds``."""
        self._end = time.monotonic() + seconds
        self.answer = self.failure = None

    def send(self, request: t.Any, **options: t.Any) -> t.Any:
        try:
            self._time_answers(self._pool(request.url, options.get("proxies")))
            self.sent += 1
            response = self._adapter.send(request, **options)
            self.answer = Answer(response.status_code, _whole_body(response))
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
            raise NotSent("the environment names a proxy with a URL that cannot be used", permanent=True) from exc
        return pool

    def _time_answers(self, pool: t.Any) -> None:
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
    """The body as it came: the adapter decodes nothing. Raises NoAnswer where it is larger than any of the API."""
    body: bytes = response.raw.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise NoAnswer(f"more than {LARGEST_ANSWER} bytes came")
    return body


class _TimedReader(io.RawIOBase):
    """What a connection receives until ``end`` (monotonic): its own timeout counts anew with every byte that comes."""

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


class _Sdk:
    """The names taken from the SDK, which exist only once it is imported."""

    def __init__(self) -> None:
        from aliyunsdkcore.auth import signers

        # No option leads to keys in RSA pairs, and the SDK imports the whole of cryptography for their signer.
        signers.rsa_key_pair_signer = None
        from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
        from aliyunsdkcore.client import AcsClient
        from aliyunsdkcore.vendored.requests import exceptions as requests_exceptions
        from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter
        from aliyunsdkcore.vendored.requests.packages.urllib3.exceptions import NewConnectionError
        from aliyunsdkcore.vendored.requests.packages.urllib3.packages.ssl_match_hostname import CertificateError
        from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_ as urllib3_ssl

        import_module(f"aliyunsdkslb.request.{API_VERSION}")
        # The vendored urllib3 tests for SNI in the same try as for ssl.wrap_socket, which Python 3.12 removed.
        urllib3_ssl.HAS_SNI = ssl.HAS_SNI
        self.AcsClient = AcsClient
        self.AccessKeyCredential = AccessKeyCredential
        self.StsTokenCredential = StsTokenCredential
        self.HTTPAdapter = HTTPAdapter
        # ssl's own class up to Python 3.11, and a ValueError of the vendored library from 3.12 on.
        self.certificate_errors = (ssl.CertificateError, CertificateError)
        self.NewConnectionError = NewConnectionError
        self.requests_exceptions = requests_exceptions

    def new_client(self, connection: Connection, keys: Credentials) -> t.Any:
        if keys.security_token:
            credential = self.StsTokenCredential(*keys)
        else:
            credential = self.AccessKeyCredential(keys.access_key_id, keys.access_key_secret)
        client = self.AcsClient(
            region_id=connection.region,
            credential=credential,
            auto_retry=False,
            verify=connection.verify,
            proxy=proxies_for(connection.endpoint),
        )
        client.append_user_agent("ansible-collection", "aliyun_community.slb")
        return client


def _import_sdk() -> _Sdk:
    """Import the SDK without its side effects: logs and traces that hold signed URLs, keys from the environment."""
    warnings.filterwarnings("ignore", module=r"aliyunsdk(core|slb)\b.*")
    # Every failure is logged with the whole signed URL; without a handler Python prints it on stderr.
    logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL + 1)
    # DEBUG=sdk prints URL and headers.
    os.environ.pop("DEBUG", None)
    # These two beat the credential that a client is given.
    os.environ.pop("ALIYUN_ACCESS_KEY_ID", None)
    os.environ.pop("ALIYUN_ACCESS_KEY_SECRET", None)
    try:
        with _uncollected():
            return _Sdk()
    except ImportError as exc:
        raise SlbError(
            "MissingLibrary",
            "the Python packages aliyun-python-sdk-core and aliyun-python-sdk-slb are needed on the host that runs "
            f"the task, and {exc.name or 'one of them'} cannot be imported",
            advice="Install them for the Python that runs the task: pip install 'aliyun-python-sdk-core>=2.16.1' "
            "'aliyun-python-sdk-slb>=3.3.22'.",
        ) from exc


@contextlib.contextmanager
def _uncollected() -> t.Iterator[None]:
    """For the first import of the SDK: all that it makes stays.

    To search that for garbage, now and at the end of the process, would take as long as to make it.
    """
    if "aliyunsdkcore.client" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def proxies_for(endpoint: str) -> dict[str, str | None]:
    """The proxies of the environment, or none where NO_PROXY names the endpoint: the SDK does not look at it."""
    direct: dict[str, str | None] = {"http": None, "https": None}
    proxies = getproxies()
    if proxy_bypass(urlsplit(endpoint).netloc):
        return direct
    return {**direct, **{scheme: proxies[scheme] for scheme in direct if scheme in proxies}}


def causes(exc: BaseException) -> list[BaseException]:
    """The exception and all that it wraps: the HTTP library hides its causes in args and ``reason``."""
    found: list[BaseException] = []
    waiting = [exc]
    while waiting:
        link = waiting.pop(0)
        if link in found:
            continue
        found.append(link)
        wrapped = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting.extend(item for item in wrapped if isinstance(item, BaseException))
    return found


def innermost_reason(chain: list[BaseException]) -> str:
    """The innermost reason in the operating system's words: outer texts carry the signed URL."""
    for link in reversed(chain):
        if isinstance(link, OSError) and link.strerror and not getattr(link, "request", None):
            return str(link.strerror)
    return type(chain[0]).__name__
