# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""A chain of exceptions of an HTTP library -> what it means, in one reason without URLs and secrets.

Used for the API and for credentials. Decides by the types of the exceptions, not by their messages, which carry the
signed URL.
"""

from __future__ import annotations

import re
import ssl
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import ConnectFailed, NoResponse, SlbError

# The standard library's wording, in an OSError without a number.
_TUNNEL_STATUS = re.compile(r"Tunnel connection failed: (\d{3})\b")


class ErrorTypes(t.NamedTuple):
    """The exceptions of an HTTP library, by what they mean.

    ``certificate``: the certificate was rejected. ``not_connected``: no connection could be made.
    """

    certificate: tuple[type[BaseException], ...]
    not_connected: tuple[type[BaseException], ...]


def causes(exc: BaseException) -> list[BaseException]:
    """The exception and everything it wraps: the HTTP library hides its causes in args and ``reason``.

    It ends at an SlbError: that is the failure of an earlier request, during whose handling this one was sent.
    """
    found: list[BaseException] = []
    waiting = [exc]
    while waiting:
        link = waiting.pop(0)
        if link in found or isinstance(link, SlbError):
            continue
        found.append(link)
        wrapped = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting.extend(item for item in wrapped if isinstance(item, BaseException))
    return found


def innermost_reason(chain: list[BaseException]) -> str:
    """The innermost reason in the operating system's words: outer messages carry the signed URL."""
    for link in reversed(chain):
        if isinstance(link, OSError) and link.strerror and not getattr(link, "request", None):
            return str(link.strerror)
    return type(chain[0]).__name__


def classify(exc: Exception, types: ErrorTypes) -> ConnectFailed | NoResponse:
    """What it means that a request got no response."""
    if isinstance(exc, (ConnectFailed, NoResponse)):
        return exc
    chain = causes(exc)
    rejection = next((link for link in chain if isinstance(link, types.certificate)), None)
    if rejection is not None:
        # OpenSSL's exceptions have a verify_message, those of the vendored check of the host name do not.
        reason = str(getattr(rejection, "verify_message", "") or rejection)
        return ConnectFailed(reason, certificate=True)
    if any(isinstance(link, ssl.SSLError) and link.reason == "WRONG_VERSION_NUMBER" for link in chain):
        return ConnectFailed("the endpoint does not speak TLS", permanent=True)
    tunnel = next(filter(None, (_TUNNEL_STATUS.search(str(link)) for link in chain)), None)
    if tunnel:
        return ConnectFailed(f"the proxy refused with HTTP status {tunnel[1]}")
    if any(isinstance(link, types.not_connected) for link in chain):
        return ConnectFailed(innermost_reason(chain))
    return NoResponse(innermost_reason(chain))
