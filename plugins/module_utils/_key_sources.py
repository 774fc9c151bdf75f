# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The sources of keys that are more than keys given as they are: profiles, and what has to be fetched.

They are loaded when a task names one: most tasks have plain keys, and would pay for it.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils import _fetched_keys
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    InvalidArgument,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._fetched_keys import Role
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import (
    Environ,
    Keys,
    KeySource,
    Reach,
    StaticKeys,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import SESSION, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._profiles import (
    Profile,
    find_profile,
    read_profile,
)

LONGEST_CHAIN = 10  # roles that are taken on one after the other, a request each

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


class ProfileKeys:
    """The keys of a profile in a file, which is read again when the API refuses them."""

    def __init__(self, name: str | None, path: str | None, environ: Environ, reach: Reach) -> None:
        self._name = name
        self._path = os.path.expanduser(path) if path else None
        self._environ = environ
        self._reach = reach
        self._source = self._read()
        self._given: Keys | None = None

    def keys(self) -> Keys:
        self._given = self._source.keys()
        return self._given

    def renew(self) -> bool:
        refused = self._given
        self._source = self._read()
        return self.keys() != refused

    def _read(self) -> KeySource:
        if self._path:
            profile = read_profile(self._name, self._path)
        else:
            home = self._environ.get("HOME") or os.path.expanduser("~")
            profile = find_profile(str(self._name), home)
        return _source_of(profile, self._environ, self._reach)


def _source_of(profile: Profile, environ: Environ, reach: Reach, above: tuple[str, ...] = ()) -> KeySource:
    """What the type of a profile stands for. ``above``: the profiles that have this one for their source_profile."""
    kind = profile.settings.get("type")
    if kind == "access_key":
        return StaticKeys(_profile_keys(profile)._replace(security_token=None))
    if kind == "sts":
        return StaticKeys(_profile_keys(profile)._replace(security_token=profile.setting("security_token")))
    if kind == "ecs_ram_role":
        return ecs_role(profile.optional("role_name") or "", str(profile), environ, reach)
    if kind == "credentials_uri":
        return _fetched_keys.credentials_uri(profile.setting("credentials_uri"), str(profile), reach)
    if kind == "cloud_sso":
        return _fetched_keys.cloud_sso(profile, reach)
    if kind == "oauth":
        return _fetched_keys.oauth(profile, reach)
    if kind == "external":
        return _fetched_keys.external(profile, reach)
    sts_host = _sts_host(None, profile.optional("sts_region"), environ)
    if kind == "ram_role_arn":
        base = _base_of(profile, environ, reach, above)
        return _fetched_keys.assumed_role(base, _role_of(profile), str(profile), sts_host, reach)
    if kind == "oidc_role_arn":
        role, provider_arn = _role_of(profile), profile.setting("oidc_provider_arn")
        return _fetched_keys.oidc_role(
            role, provider_arn, profile.setting("oidc_token_file_path"), str(profile), sts_host, reach
        )
    raise CredentialsUnobtainable(
        str(profile),
        f"{profile.shown('type')} {kind!r} is not known",
        "The guide to credentials in the collection's documentation lists the types.",
    )


def _profile_keys(profile: Profile) -> Keys:
    return Keys(
        profile.setting("access_key_id"), profile.setting("access_key_secret"), profile.optional("security_token")
    )


def _role_of(profile: Profile) -> Role:
    return Role(
        profile.setting("role_arn"),
        profile.optional("role_session_name"),
        profile.seconds("duration_seconds"),
        profile.optional("policy"),
        profile.optional("external_id"),
    )


def _base_of(profile: Profile, environ: Environ, reach: Reach, above: tuple[str, ...]) -> KeySource:
    """The keys that a role of a profile is taken on with."""
    source_profile = profile.optional("source_profile")
    if not source_profile:
        return StaticKeys(_profile_keys(profile))
    above = (*above, profile.name)
    if source_profile in above:
        raise CredentialsUnobtainable(str(profile), "its source_profile leads back to itself", "Mend the profile.")
    if len(above) > LONGEST_CHAIN:
        reason = f"more than {LONGEST_CHAIN} profiles stand above it that have a source_profile"
        raise CredentialsUnobtainable(str(profile), reason, "Mend the profiles.")
    return _source_of(read_profile(source_profile, profile.path), environ, reach, above)


def ecs_role(name: str, named_by: str, environ: Environ, reach: Reach) -> KeySource:
    """A role of this ECS instance, unless the environment forbids to ask for it. Raises InvalidArgument."""
    if environ.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() == "true":
        raise InvalidArgument(
            "the environment forbids the metadata service with ALIBABA_CLOUD_ECS_METADATA_DISABLED",
            "Unset it, or give other keys.",
        )
    return _fetched_keys.ecs_role(name, named_by, reach)


def assume_role(
    base: KeySource, role: t.Mapping[str, t.Any], named_by: str, environ: Environ, reach: Reach
) -> KeySource:
    """A role of the form of the option ``assume_role`` on top of other keys. Raises InvalidArgument."""
    if not role["role_arn"]:
        raise InvalidArgument("assume_role.role_arn is empty", "Give the ARN of the role.")
    duration = role.get("duration_seconds")
    if duration is not None:
        duration = whole_number(duration, "assume_role.duration_seconds", SESSION)
    endpoint = role.get("sts_endpoint")
    if endpoint and not _HOST.fullmatch(endpoint):
        raise InvalidArgument("assume_role.sts_endpoint is no host", "Give HOST or HOST:PORT; it is always https.")
    session = Role(role["role_arn"], role.get("session_name"), duration, role.get("policy"), role.get("external_id"))
    return _fetched_keys.assumed_role(base, session, named_by, _sts_host(endpoint, None, environ), reach)


def oidc_role(
    role_arn: str, provider_arn: str, token_file: str, named_by: str, environ: Environ, reach: Reach
) -> KeySource:
    """The role of an OIDC token, as the environment describes it."""
    role = Role(role_arn, environ.get("ALIBABA_CLOUD_ROLE_SESSION_NAME"))
    return _fetched_keys.oidc_role(role, provider_arn, token_file, named_by, _sts_host(None, None, environ), reach)


def _sts_host(endpoint: str | None, region: str | None, environ: Environ) -> str:
    """As the vendor's package finds it: the region of the profile, or else that of the environment."""
    region = region or environ.get("ALIBABA_CLOUD_STS_REGION")
    if endpoint or not region:
        return endpoint or "sts.aliyuncs.com"
    inside = environ.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower() == "true"
    return f"{'sts-vpc' if inside else 'sts'}.{region}.aliyuncs.com"
