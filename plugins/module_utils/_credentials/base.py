# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What signs a request, what provides it, and what a provider needs to know about the task."""

from __future__ import annotations

import typing as t

Environ = t.Mapping[str, str]


class Credentials(t.NamedTuple):
    """What signs a request. ``security_token`` is None for the long-lived access key of a user."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None


class CredentialsProvider(t.Protocol):
    """Provides the credentials for the next request."""

    def credentials(self) -> Credentials:
        """Return the credentials to use now. Temporary ones are fetched again before they expire. Raises SlbError."""

    def refresh(self) -> bool:
        """Get the credentials again because the API refused them. Return whether they differ. Raises SlbError."""


class StaticCredentials:
    """The provider of credentials that were given as they are."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def credentials(self) -> Credentials:
        return self._credentials

    def refresh(self) -> bool:
        return False


class FetchLimits(t.NamedTuple):
    """Limits of a fetch, in seconds. ``remaining()``: the time left for the task; ``ca_path``: a CA file or folder."""

    connect_timeout: float
    read_timeout: float
    ca_path: str | None
    remaining: t.Callable[[], float]


class Context(t.NamedTuple):
    """What every provider gets. ``named_by``: the option, variable or profile that selects it, for messages."""

    environ: Environ
    limits: FetchLimits
    named_by: str = ""

    def named(self, named_by: str) -> Context:
        return self._replace(named_by=named_by)
