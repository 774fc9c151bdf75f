# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The base of providers that use the vendor's package ``alibabacloud-credentials``, and every trap of that package.

Only this file imports the package. Every fetch uses a new provider of the package: its own cache fetches temporary
credentials again for each request once they have less than 15 minutes left, and the cache of an ECS role keeps using old
credentials if it cannot get new ones.
"""

from __future__ import annotations

import abc
import contextlib
import json
import logging
import math
import os
import queue
import re
import ssl
import threading
import time
import typing as t
from urllib.request import proxy_bypass

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials, FetchLimits
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    SlbError,
    is_retried,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._network_errors import causes, innermost_reason

REFRESH_SECONDS = 60  # temporary credentials are fetched again this long before they expire
SHORTEST_FETCH = 1.5  # seconds for a fetch once the deadline has passed, as for a read that reveals a write's outcome

_PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
_HTTP_STATUS = re.compile(r"(?:http_code|HttpCode|status code)\s*[:=]\s*(\d{3})")
_EXIT_STATUS = re.compile(r"exit status (-?\d+)")
_SHORT_STRING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,99}")


class Origin(t.NamedTuple):
    """Where credentials are fetched, for messages and proxies.

    ``host``: as in a URL, empty for a process. ``direct``: never through a proxy.
    """

    name: str
    host: str
    advice: str
    direct: bool = False


class RefreshableProvider(abc.ABC):
    """Credentials that are fetched, and fetched again before they expire. A subclass says how."""

    def __init__(self, origin: Origin, limits: FetchLimits) -> None:
        self._package, self._new_timeouts = _import_package(origin.name)
        self._origin = origin
        self._limits = limits
        self._credentials: Credentials | None = None
        self._end = 0.0  # of their validity, in seconds of the wall clock

    @abc.abstractmethod
    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        """Make the provider of the package. ``package``: its module that has the classes.

        Pass every argument: the package takes missing ones from the environment, even half of an access key.
        """

    def credentials(self) -> Credentials:
        if self._credentials is None or time.time() >= self._end - REFRESH_SECONDS:
            self._credentials, self._end = self._fetch()
        return self._credentials

    def refresh(self) -> bool:
        refused, self._credentials = self._credentials, None
        return self.credentials() != refused

    def _fetch(self) -> tuple[Credentials, float]:
        with _environment(self._origin, self._limits.ca_path):
            try:
                provider = self.package_provider(self._package, self._timeouts())
            except ValueError as exc:  # a setting that the package rejects; its text is a fixed one
                raise self._unobtainable(str(exc)) from None
            try:
                found = _within(self._seconds(), provider.get_credentials)
            except Exception as exc:  # the package raises many classes, including Exception itself
                raise _failure(exc, self._origin) from None
        return self._checked(found), found.get_expiration() or math.inf

    def _checked(self, found: t.Any) -> Credentials:
        token = found.get_security_token() or None
        credentials = Credentials(found.get_access_key_id(), found.get_access_key_secret(), token)
        if not credentials.access_key_id or not credentials.access_key_secret:
            raise self._unobtainable("the response contains none")
        if not all(isinstance(value, str) for value in credentials if value is not None):
            raise self._unobtainable("those in the response are not strings")
        return credentials

    def _unobtainable(self, reason: str) -> CredentialsUnobtainable:
        return CredentialsUnobtainable(self._origin.name, reason, self._origin.advice)

    def _seconds(self) -> float:
        return max(SHORTEST_FETCH, self._limits.remaining())

    def _timeouts(self) -> t.Any:
        """The timeouts in the package's unit, milliseconds. A nearby service must respond as fast as it connects."""
        seconds = self._seconds()
        connect = min(self._limits.connect_timeout, seconds)
        read = connect if self._origin.direct else min(self._limits.read_timeout, seconds)
        return self._new_timeouts(connect_timeout=int(connect * 1000), read_timeout=int(read * 1000))


def compact_policy(policy: str) -> str:
    """Return the same policy without spaces: the package does not encode a space as the API does when it signs."""
    try:
        compact = json.dumps(json.loads(policy), separators=(",", ":"))
    except ValueError:
        return policy
    return compact.replace(" ", "\\u0020")  # the remaining ones are inside strings


def _import_package(needed_by: str) -> tuple[t.Any, t.Any]:
    """Return the package's module with the providers, and its class for timeouts. Raises SlbError if it is missing."""
    try:
        from alibabacloud_credentials import provider
        from alibabacloud_credentials.http import HttpOptions
    except ImportError as exc:
        raise SlbError(
            "MissingLibrary",
            f"{needed_by} needs the Python package alibabacloud-credentials on the host that runs the task, but "
            f"{exc.name or 'it'} cannot be imported",
            advice="Install it: pip install 'alibabacloud-credentials>=1.0.12'.",
        ) from exc
    # They log signed URLs and whole responses, the first two to stderr handlers of their own.
    for name in ("credentials", "alibabacloud-tea", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return provider, HttpOptions


@contextlib.contextmanager
def _environment(origin: Origin, ca_path: str | None) -> t.Iterator[None]:
    """Adjust the environment for the package, which can be configured only through these variables.

    It ignores NO_PROXY, and trusts the certificates that OpenSSL trusts.
    """
    changed: dict[str, str | None] = {}
    if origin.direct or proxy_bypass(origin.host):
        changed.update(dict.fromkeys(_PROXY_VARIABLES))
    if ca_path:
        changed["SSL_CERT_DIR" if os.path.isdir(ca_path) else "SSL_CERT_FILE"] = ca_path
    before = {name: os.environ.get(name) for name in changed}
    _set_environment(changed)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(variables: t.Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _TookTooLong(Exception):
    """A fetch did not end in time."""


def _within(seconds: float, fetch: t.Callable[[], t.Any]) -> t.Any:
    """Return the result of a call. Raises _TookTooLong.

    The package's own timeouts end neither a slow response nor a slow name lookup. A call that is given up continues in
    its thread, which ends with the process.
    """
    outcome: queue.SimpleQueue[tuple[t.Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((fetch(), None))
        except BaseException as exc:
            outcome.put((None, exc))

    threading.Thread(target=run, name="fetch credentials", daemon=True).start()
    try:
        result, failure = outcome.get(timeout=seconds)
    except queue.Empty:
        raise _TookTooLong from None
    if failure is not None:
        raise failure
    return result


def _failure(exc: Exception, origin: Origin) -> CredentialsUnobtainable:
    """Describe a failed fetch without the package's texts, which contain signed URLs, tokens and whole responses."""
    response, status = _json_in(str(exc)), _HTTP_STATUS.search(str(exc))
    code, request_id = _short_string(response.get("Code")), _short_string(response.get("RequestId"))
    if status:
        reason, advice = f"{origin.host} returned {code or 'no credentials'} with HTTP status {status[1]}", ""
    else:
        reason, advice = _reason(exc, origin)
    return CredentialsUnobtainable(
        origin.name,
        reason,
        advice or origin.advice,
        code=code if is_retried(code) else "",
        request_id=request_id or None,
    )


def _reason(exc: Exception, origin: Origin) -> tuple[str, str]:
    """Return the reason, free of response bodies, URLs and tokens; and advice, or "" if the origin's own fits."""
    chain, text = causes(exc), str(exc)
    if isinstance(exc, _TookTooLong):
        return "no response within the remaining time", "Raise wait_timeout."
    exit_status = _EXIT_STATUS.search(text)
    if exit_status:
        return f"its command failed with exit status {exit_status[1]}", ""
    if "No cached value" in text:
        return "those received have already expired", "Correct the clock of this host, or fix the service."
    rejection = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if rejection is not None:
        reason = f"the certificate of {origin.host} is not accepted: {rejection.verify_message}"
        return reason, "Set ca_path to the CA that signed it."
    failures: list[BaseException] = [link for link in chain if isinstance(link, OSError)]
    file = next((link for link in failures if isinstance(link, OSError) and link.filename and link.strerror), None)
    if file is not None:
        return f"{file.strerror}: {file.filename}", ""
    if failures:
        advice = "" if origin.direct else "Check the network and proxy of this host."
        return f"no response from {origin.host} ({innermost_reason(failures)})", advice
    return "the response does not have the form that the package expects", ""


def _json_in(text: str) -> dict[str, t.Any]:
    """Return the JSON object in a text of the package, or an empty one."""
    try:
        content: dict[str, t.Any] = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return {}
    return content


def _short_string(value: t.Any) -> str:
    """Return a code or an id, or an empty string for anything else that a response may contain."""
    return value if isinstance(value, str) and _SHORT_STRING.fullmatch(value) else ""
