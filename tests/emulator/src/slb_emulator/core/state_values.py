# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of single values of the state document."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .documents import DocumentError, seconds, text

# 1 to 80 characters: letters (the Chinese page allows Chinese), digits, - / . _
DESCRIPTION = re.compile(r"^[\w\-/.]{1,80}$")
UTC_TIME = re.compile(r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$")
CHECK_URI = re.compile(r"^/[A-Za-z0-9\-._~/%?&=+,:;@!]{0,79}\Z")
# An asterisk stands for the first part of a domain.
DOMAIN = re.compile(r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+\Z")
# The API also takes ? and #, which never are in the path of a request.
RULE_URL = re.compile(r"^/[A-Za-z0-9\-/.%&=_~]{1,79}\Z")


def description(value: Any, place: str) -> str:
    """A description of a member, as the API would take it."""
    if DESCRIPTION.match(text(value, place)) is None:
        raise DocumentError(place, "must be 1 to 80 letters, digits, '-', '/', '.' or '_'")
    return str(value)


def utc_time(value: Any, place: str) -> str:
    """A time in UTC, as text; YAML reads an unquoted one as a date."""
    if not isinstance(value, str) or UTC_TIME.match(value) is None:
        raise DocumentError(place, 'must be a quoted time in UTC such as "2026-01-01T00:00:00Z"')
    return value


def loopback_address(value: Any, place: str) -> str:
    """host or host:port, on loopback; an IPv6 host with a port stands in brackets."""
    match = re.match(r"^(?:\[([0-9a-fA-F:]+)\]|([^\[\]:]+))(?::(\d{1,5}))?$", text(value, place))
    host, port = (match.group(1) or match.group(2), match.group(3)) if match else ("", None)
    host = "127.0.0.1" if host == "localhost" else host
    try:
        is_valid = ipaddress.ip_address(host).is_loopback and 1 <= int(port or 1) <= 65535
    except ValueError:
        is_valid = False
    if not is_valid:
        raise DocumentError(place, "must be host or host:port on loopback, such as 127.0.0.1:8081 or [::1]:8081")
    return (f"[{host}]" if ":" in host else host) + (f":{int(port)}" if port else "")


def check_uri(value: Any, place: str) -> str:
    """The path of a health check, as the API would take it, without a fragment."""
    if CHECK_URI.match(text(value, place)) is None:
        raise DocumentError(place, "must be '/' and up to 79 of letters, digits and -._~/%?&=+,:;@!")
    return str(value)


def check_interval(value: Any, place: str) -> float:
    """Seconds between two health checks. The API has whole ones from 1 to 50; the emulator allows shorter ones."""
    if not 0.05 <= seconds(value, place) <= 50:
        raise DocumentError(place, "must be a number of seconds from 0.05 to 50")
    return float(value)


def domain(value: Any, place: str) -> str:
    """The domain of a forwarding rule."""
    if DOMAIN.match(text(value, place)) is None:
        raise DocumentError(place, "must be a domain in lower case such as www.example.com or *.example.com")
    return str(value)


def rule_url(value: Any, place: str) -> str:
    """The path of a forwarding rule: what the paths of its requests begin with."""
    if RULE_URL.match(text(value, place)) is None:
        raise DocumentError(place, "must be '/' and 1 to 79 of letters, digits and -/.%&=_~")
    return str(value)


def tags(value: Any, place: str) -> dict[str, str]:
    """A mapping from keys to values of tags; values may be empty."""
    if not isinstance(value, dict):
        raise DocumentError(place, "must be a mapping from tag keys to tag values")
    for key, tag_value in value.items():
        if not isinstance(tag_value, str):
            raise DocumentError(f"{place}.{key}", "must be text (quote it if it looks like a number)")
    return {text(key, place): tag_value for key, tag_value in value.items()}
