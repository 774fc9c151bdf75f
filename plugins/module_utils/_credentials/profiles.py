# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Profiles in files: those of the ``aliyun`` command line tool (JSON) and those of the vendor's SDKs (ini).

The vendor's package reads both too, but it completes an incomplete profile from the environment, treats a ``#`` in a
secret as a comment and a ``%`` as a reference, lets a role in a profile of the command line tool fall back to IMDSv1 and
start a background thread, and does not know ``sts`` in the ini file.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import stat
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import CredentialsUnobtainable

# Below the home folder, in this order.
DEFAULT_FILES = (".aliyun/config.json", ".alibabacloud/credentials", ".alibabacloud/credentials.ini")

LONGEST_CHAIN = 10  # roles that are assumed one after another, with a request for each

_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)

# The command line tool's names for settings that the ini file names differently.
_CLI_NAMES = {
    "mode": "type",
    "sts_token": "security_token",
    "ram_role_arn": "role_arn",
    "ram_session_name": "role_session_name",
    "ram_role_name": "role_name",
    "oidc_token_file": "oidc_token_file_path",
    "expired_seconds": "duration_seconds",
}
_CLI_MODES = {
    "ak": "access_key",
    "ststoken": "sts",
    "ramrolearn": "ram_role_arn",
    "chainableramrolearn": "ram_role_arn",
    "ecsramrole": "ecs_ram_role",
    "oidc": "oidc_role_arn",
    "credentialsuri": "credentials_uri",
    "cloudsso": "cloud_sso",
    "oauth": "oauth",
    "external": "external",
}


class Profile(t.NamedTuple):
    """One profile. ``settings``: by the names of the ini file, with ``type``; those without a value are left out.

    ``own_names``: what the file itself calls a setting, if that differs. ``source``: the profile whose credentials
    assume the role of this one.
    """

    name: str
    path: str
    settings: t.Mapping[str, t.Any]
    own_names: t.Mapping[str, str]
    source: Profile | None = None

    def __str__(self) -> str:
        return f"profile {self.name} of {self.path}"

    @property
    def type(self) -> str | None:
        return self.settings.get("type")

    def shown(self, name: str) -> str:
        """Return the name that the file itself has for a setting."""
        return self.own_names.get(name, name)

    def setting(self, name: str) -> str:
        """Return a setting that the type of the profile requires. Raises CredentialsUnobtainable."""
        value = self.optional(name)
        if not value:
            raise self.unusable(f"{self.shown(name)} is not set", "Complete the profile.")
        return value

    def optional(self, name: str) -> str | None:
        """Return a setting or None. Raises CredentialsUnobtainable if it is neither text nor a number."""
        value = self.settings.get(name)
        if not value:
            return None
        if not isinstance(value, (str, int)):
            raise self.unusable(f"{self.shown(name)} is not text")
        return str(value)

    def seconds(self, name: str) -> int | None:
        """Return a setting that is a number, or None. Raises CredentialsUnobtainable."""
        value = self.optional(name)
        if value is not None and not _SECONDS.fullmatch(value):
            raise self.unusable(f"{self.shown(name)} is not a valid number of seconds")
        return int(value) if value else None

    def unusable(self, reason: str, advice: str = "Fix the profile.") -> CredentialsUnobtainable:
        return CredentialsUnobtainable(str(self), reason, advice)


class _File(t.NamedTuple):
    """The content of a file. ``current``: the profile to use if none is named."""

    current: str
    path: str
    profiles: t.Mapping[str, t.Mapping[str, t.Any]]
    own_names: t.Mapping[str, str]

    def profile(self, name: str, led_here: tuple[str, ...] = ()) -> Profile:
        """Return a profile with its sources. ``led_here``: the profiles that lead to this one through source_profile.

        Raises CredentialsUnobtainable.
        """
        profile = Profile(name, self.path, self.profiles.get(name, {}), self.own_names)
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise profile.unusable(f"there is no such profile; the file has {known}", "Name one of these.")
        source = profile.optional("source_profile") if profile.type == "ram_role_arn" else None
        if not source:
            return profile
        chain = (*led_here, name)
        if source in chain:
            raise profile.unusable("its source_profile leads back to itself")
        if len(chain) > LONGEST_CHAIN:
            raise profile.unusable(f"more than {LONGEST_CHAIN} profiles lead to it through source_profile")
        return profile._replace(source=self.profile(source, chain))


def read_profile(name: str | None, path: str) -> Profile:
    """Return a profile of a file; without a name, the file's current one. Raises CredentialsUnobtainable."""
    file = _read(path)
    return file.profile(name or file.current)


def find_profile(name: str, home: str) -> Profile:
    """Return the profile from the first of DEFAULT_FILES that has one of this name. Raises CredentialsUnobtainable."""
    paths = [os.path.join(home, file) for file in DEFAULT_FILES]
    for path in paths:
        file = _read(path) if os.path.exists(path) else None
        if file and name in file.profiles:
            return file.profile(name)
    raise CredentialsUnobtainable(
        f"profile {name}",
        f"it is in none of {', '.join(paths)}",
        "Check profile, or set shared_credentials_file to the file that contains it.",
    )


def _read(path: str) -> _File:
    """Read a file, whose content decides on the format. Raises CredentialsUnobtainable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            # Reading from anything else may never end.
            raise CredentialsUnobtainable(path, "it is not a regular file", "Name a regular file.")
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        return _from_json(path, text) if text.lstrip().startswith("{") else _from_ini(path, text)
    except OSError as exc:
        raise CredentialsUnobtainable(path, str(exc.strerror), "Check this file.") from None
    except (ValueError, RecursionError, configparser.Error) as exc:
        # The parser's own text may contain a line of the file.
        line = getattr(exc, "lineno", None)
        reason = "it is neither JSON of the aliyun command line tool nor an ini file"
        raise CredentialsUnobtainable(path, reason + (f", see line {line}" if line else ""), "Fix this file.") from None


def _from_json(path: str, text: str) -> _File:
    content = json.loads(text)
    rows = content.get("profiles")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("name") for row in rows):
        raise ValueError("no list of profiles with names")
    profiles: dict[str, dict[str, t.Any]] = {}
    for row in rows:
        settings = {_CLI_NAMES.get(key, key): value for key, value in row.items() if value}
        mode = str(settings.get("type", ""))
        profiles.setdefault(str(row["name"]), {**settings, "type": _CLI_MODES.get(mode.lower(), mode)})
    own_names = {ours: theirs for theirs, ours in _CLI_NAMES.items()}
    return _File(str(content.get("current") or "default"), path, profiles, own_names)


def _from_ini(path: str, text: str) -> _File:
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#",))
    parser.read_string(text)
    profiles = {
        section: {key: value for key, value in parser[section].items() if value} for section in parser.sections()
    }
    return _File("default", path, profiles, {})
