# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What signs a request, and what gives it."""

from __future__ import annotations

import typing as t

Environ = t.Mapping[str, str]


class Keys(t.NamedTuple):
    """What signs a request. ``security_token`` is None for the long-lived keys of a user."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None


class KeySource(t.Protocol):
    """Gives the keys for the next request."""

    def keys(self) -> Keys:
        """The keys to use now; temporary ones are fetched again before they expire. Raises SlbError."""

    def renew(self) -> bool:
        """Get the keys anew because the API refused them; whether others came. Raises SlbError."""


class StaticKeys:
    """Keys that were given as they are."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def keys(self) -> Keys:
        return self._keys

    def renew(self) -> bool:
        return False


class Reach(t.NamedTuple):
    """How far a fetch may go. ``remaining``: the seconds until the task must have ended."""

    connect_timeout: float
    read_timeout: float
    ca_path: str | None
    remaining: t.Callable[[], float]
