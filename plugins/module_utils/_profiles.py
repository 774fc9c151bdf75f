# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Profiles in files: those of the ``aliyun`` command line tool (JSON) and those of the vendor's SDKs (ini).

The vendor's package reads both too, but it completes half a profile from the environment, takes a ``#`` in a secret for
a comment and a ``%`` for a reference, lets a role of the command line tool's profile fall back to IMDSv1 with a thread
beside the task, and knows no ``sts`` in the ini file.
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

_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)

# The command line tool's names for what the ini file calls otherwise.
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
    """One profile. ``settings``: by the names of the ini file, with ``type``; those without a value are left out."""

    name: str
    path: str
    settings: t.Mapping[str, t.Any]
    own_names: t.Mapping[str, str]  # what the file itself calls a setting, where that is another name

    def __str__(self) -> str:
        return f"profile {self.name} of {self.path}"

    def shown(self, name: str) -> str:
        """A setting as the file itself calls it."""
        return self.own_names.get(name, name)

    def setting(self, name: str) -> str:
        """A setting that the type of the profile needs. Raises CredentialsUnobtainable."""
        value = self.optional(name)
        if not value:
            raise CredentialsUnobtainable(str(self), f"{self.shown(name)} is not set", "Complete the profile.")
        return value

    def optional(self, name: str) -> str | None:
        """A setting, if it is there. Raises CredentialsUnobtainable for one that is no text and no number."""
        value = self.settings.get(name)
        if not value:
            return None
        if not isinstance(value, (str, int)):
            raise CredentialsUnobtainable(str(self), f"{self.shown(name)} is no text", "Mend the profile.")
        return str(value)

    def seconds(self, name: str) -> int | None:
        """A setting that is a number, if it is there. Raises CredentialsUnobtainable."""
        value = self.optional(name)
        if value is not None and not _SECONDS.fullmatch(value):
            raise CredentialsUnobtainable(str(self), f"{self.shown(name)} is no number of seconds", "Mend the profile.")
        return int(value) if value else None


class _File(t.NamedTuple):
    """The content of a file. ``current``: the profile to use when none is named."""

    current: str
    path: str
    profiles: t.Mapping[str, t.Mapping[str, t.Any]]
    own_names: t.Mapping[str, str]

    def profile(self, name: str) -> Profile:
        return Profile(name, self.path, self.profiles[name], self.own_names)


def read_profile(name: str | None, path: str) -> Profile:
    """A profile of a file; without a name the one that the file says. Raises CredentialsUnobtainable."""
    file = _read(path)
    name = name or file.current
    if name not in file.profiles:
        known = ", ".join(sorted(file.profiles)) or "none"
        raise CredentialsUnobtainable(f"profile {name} of {path}", f"the file has {known}", "Name one of these.")
    return file.profile(name)


def find_profile(name: str, home: str) -> Profile:
    """The profile in the first of DEFAULT_FILES that has one of this name. Raises CredentialsUnobtainable."""
    paths = [os.path.join(home, file) for file in DEFAULT_FILES]
    for path in paths:
        file = _read(path) if os.path.exists(path) else None
        if file and name in file.profiles:
            return file.profile(name)
    raise CredentialsUnobtainable(
        f"profile {name}", f"it is in none of {', '.join(paths)}", "Check profile, or name the file that has it."
    )


def _read(path: str) -> _File:
    """Read a file; its content tells the format. Raises CredentialsUnobtainable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise CredentialsUnobtainable(path, "it is no file", "Name a file.")  # reading others may never end
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        return _from_json(path, text) if text.lstrip().startswith("{") else _from_ini(path, text)
    except OSError as exc:
        raise CredentialsUnobtainable(path, str(exc.strerror), "Check this file.") from None
    except (ValueError, RecursionError, configparser.Error) as exc:
        # The parser's own text may show a line of the file.
        line = getattr(exc, "lineno", None)
        reason = "it is neither JSON of the aliyun command line tool nor an ini file"
        raise CredentialsUnobtainable(
            path, reason + (f", see line {line}" if line else ""), "Mend this file."
        ) from None


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
