# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Where the keys come from: docs/credentials.md has the table of it.

One source is used, whole: the first that the options name, and only when they name none the first that the environment
names. So no variable of the environment can override an option or lend it half a key, and no file and no service is
asked that nobody named. ``assume_role`` then exchanges what was found for a role's temporary keys.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._fetched_keys import (
    Reach,
    Role,
    assumed_role,
    cloud_sso,
    credentials_uri,
    ecs_role,
    external,
    oauth,
    oidc_role,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import (
    CredentialsUnobtainable,
    Keys,
    KeySource,
    StaticKeys,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._profiles import (
    Profile,
    find_profile,
    read_profile,
)

# Each row is one family of names (key id, secret, token): the older tools' first, then the vendor's SDKs'.
ENVIRONMENT_KEYS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("ALICLOUD_ACCESS_KEY", "ALICLOUD_ACCESS_KEY_ID"),
        ("ALICLOUD_SECRET_KEY", "ALICLOUD_SECRET_ACCESS_KEY", "ALICLOUD_ACCESS_KEY_SECRET"),
        ("ALICLOUD_SECURITY_TOKEN",),
    ),
    (
        ("ALIBABA_CLOUD_ACCESS_KEY_ID",),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET",),
        ("ALIBABA_CLOUD_SECURITY_TOKEN",),
    ),
)
ENVIRONMENT_PROFILE = ("ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE")
ENVIRONMENT_FILE = ("ALICLOUD_SHARED_CREDENTIALS_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE")
ENVIRONMENT_ECS_ROLE = ("ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_ECS_METADATA")
ENVIRONMENT_URI = "ALIBABA_CLOUD_CREDENTIALS_URI"
ENVIRONMENT_OIDC = ("ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE")

SHORTEST_SESSION = 900  # seconds; what STS gives at least

Environ = t.Mapping[str, str]

_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


def find_keys(options: t.Mapping[str, t.Any], environ: Environ, reach: Reach) -> KeySource:
    """The source of keys that the options, or else the environment, name.

    ``options``: access_key, secret_key, security_token, profile, shared_credentials_file, ecs_role_name and
    assume_role, each may be None.
    Raises InvalidArgument when there is no complete source, CredentialsUnobtainable for a file or a profile that cannot
    be used, SlbError when the vendor's package is missing.
    """
    source = _from_options(options, environ, reach) or _from_environment(environ, reach)
    if source is None:
        raise InvalidArgument(
            "no credentials: the options access_key and secret_key, profile, shared_credentials_file and ecs_role_name "
            "are not given, and the environment has none of "
            + ", ".join(
                (
                    *(row[0][0] for row in ENVIRONMENT_KEYS),
                    ENVIRONMENT_OIDC[-1],
                    *ENVIRONMENT_PROFILE,
                    *ENVIRONMENT_FILE,
                    *ENVIRONMENT_ECS_ROLE,
                    ENVIRONMENT_URI,
                )
            ),
            "Give one of them.",
        )
    assume_role = options.get("assume_role")
    return _assume_role(source, assume_role, environ, reach) if assume_role else source


def _from_options(options: t.Mapping[str, t.Any], environ: Environ, reach: Reach) -> KeySource | None:
    key, secret, token = (options.get(name) or "" for name in ("access_key", "secret_key", "security_token"))
    if key and secret:
        return StaticKeys(Keys(key, secret, token or None))
    if key or secret or token:
        missing = "secret_key" if key else "access_key"
        raise InvalidArgument(
            f"{missing} is missing beside the other keys of the task",
            "Give access_key and secret_key together, or neither of them to use the environment.",
        )
    if options.get("profile") or options.get("shared_credentials_file"):
        return ProfileKeys(options.get("profile"), options.get("shared_credentials_file"), environ, reach)
    if options.get("ecs_role_name"):
        return _ecs_role(options["ecs_role_name"], "ecs_role_name", environ, reach)
    return None


def _from_environment(environ: Environ, reach: Reach) -> KeySource | None:
    """In the order of the vendor's SDKs."""
    for names in ENVIRONMENT_KEYS:
        key, secret, token = (_first(environ, row) for row in names)
        if key and secret:
            return StaticKeys(Keys(key, secret, token))
        if key or secret or token:
            raise _half("a key", names[1][0] if key else names[0][0])
    role_arn, provider_arn, token_file = (environ.get(name) for name in ENVIRONMENT_OIDC)
    if provider_arn or token_file:
        for name in ENVIRONMENT_OIDC:
            if not environ.get(name):
                raise _half("an OIDC role", name)
        role = Role(str(role_arn), environ.get("ALIBABA_CLOUD_ROLE_SESSION_NAME"))
        sts_host = _sts_host(None, None, environ)
        return oidc_role(role, str(provider_arn), str(token_file), ENVIRONMENT_OIDC[-1], sts_host, reach)
    profile, path = _first(environ, ENVIRONMENT_PROFILE), _first(environ, ENVIRONMENT_FILE)
    if profile or path:
        return ProfileKeys(profile, path, environ, reach)
    for name in ENVIRONMENT_ECS_ROLE:
        if environ.get(name):
            return _ecs_role(environ[name], name, environ, reach)
    uri = environ.get(ENVIRONMENT_URI)
    return credentials_uri(uri, ENVIRONMENT_URI, reach) if uri else None


def _first(environ: Environ, names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _half(what: str, missing: str) -> InvalidArgument:
    return InvalidArgument(f"the environment has half of {what}: {missing} is not set", f"Set {missing}.")


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
        return _ecs_role(profile.optional("role_name") or "", str(profile), environ, reach)
    if kind == "credentials_uri":
        return credentials_uri(profile.setting("credentials_uri"), str(profile), reach)
    if kind == "cloud_sso":
        return cloud_sso(profile, reach)
    if kind == "oauth":
        return oauth(profile, reach)
    if kind == "external":
        return external(profile, reach)
    sts_host = _sts_host(None, profile.optional("sts_region"), environ)
    if kind == "ram_role_arn":
        base = _base_of(profile, environ, reach, above)
        return assumed_role(base, _role_of(profile), str(profile), sts_host, reach)
    if kind == "oidc_role_arn":
        role, provider_arn = _role_of(profile), profile.setting("oidc_provider_arn")
        return oidc_role(role, provider_arn, profile.setting("oidc_token_file_path"), str(profile), sts_host, reach)
    raise CredentialsUnobtainable(
        str(profile), f"{profile.own_names.get('type', 'type')} {kind!r} is not known", "See docs/credentials.md."
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
    return _source_of(read_profile(source_profile, profile.path), environ, reach, above)


def _ecs_role(name: str, named_by: str, environ: Environ, reach: Reach) -> KeySource:
    if environ.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() == "true":
        raise InvalidArgument(
            "the environment forbids the metadata service with ALIBABA_CLOUD_ECS_METADATA_DISABLED",
            "Unset it, or give other keys.",
        )
    return ecs_role(name, named_by, reach)


def _assume_role(base: KeySource, role: t.Mapping[str, t.Any], environ: Environ, reach: Reach) -> KeySource:
    if not role["role_arn"]:
        raise InvalidArgument("assume_role.role_arn is empty", "Give the ARN of the role.")
    duration = role.get("duration_seconds")
    if duration is not None and duration < SHORTEST_SESSION:
        raise InvalidArgument(
            f"assume_role.duration_seconds is {duration}", f"Give at least {SHORTEST_SESSION} seconds."
        )
    endpoint = role.get("sts_endpoint")
    if endpoint and not _HOST.fullmatch(endpoint):
        raise InvalidArgument("assume_role.sts_endpoint is no host", "Give HOST or HOST:PORT; it is always https.")
    session = Role(role["role_arn"], role.get("session_name"), duration, role.get("policy"), role.get("external_id"))
    return assumed_role(base, session, "assume_role", _sts_host(endpoint, None, environ), reach)


def _sts_host(endpoint: str | None, region: str | None, environ: Environ) -> str:
    """As the vendor's package finds it: the region of the profile, or else that of the environment."""
    region = region or environ.get("ALIBABA_CLOUD_STS_REGION")
    if endpoint or not region:
        return endpoint or "sts.aliyuncs.com"
    inside = environ.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower() == "true"
    return f"{'sts-vpc' if inside else 'sts'}.{region}.aliyuncs.com"
