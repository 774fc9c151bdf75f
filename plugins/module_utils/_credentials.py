# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Where the keys come from: the guide to credentials (docs/docsite/rst) has the table of it.

One source is used, whole: the first that the options name, and only when they name none the first that the environment
names. So no variable of the environment can override an option or lend it half a key, and no file and no service is
asked that nobody named. ``assume_role`` then exchanges what was found for a role's temporary keys.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import (
    Environ,
    Keys,
    KeySource,
    Reach,
    StaticKeys,
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

ENVIRONMENT_ROLE = {
    "role_arn": "ALICLOUD_ASSUME_ROLE_ARN",
    "session_name": "ALICLOUD_ASSUME_ROLE_SESSION_NAME",
    "external_id": "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID",
}


def find_keys(options: t.Mapping[str, t.Any], environ: Environ, reach: Reach) -> KeySource:
    """The source of keys that the options, or else the environment, name.

    ``options``: access_key, secret_key, security_token, profile, shared_credentials_file, ecs_role_name and
    assume_role, each may be None.
    Raises InvalidArgument when there is no complete source, CredentialsUnobtainable for a file or a profile that cannot
    be used, SlbError when the vendor's package is missing.
    """
    source, role, role_named_by = _from_options(options, environ, reach), options.get("assume_role"), "assume_role"
    if source is None:
        source = _from_environment(environ, reach)
        if not role:
            role, role_named_by = _role_of_environment(environ), ENVIRONMENT_ROLE["role_arn"]
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
    if not role:
        return source
    from ansible_collections.aliyun_community.slb.plugins.module_utils import _key_sources

    return _key_sources.assume_role(source, role, role_named_by, environ, reach)


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
    profile, path, ecs_role = (options.get(name) for name in ("profile", "shared_credentials_file", "ecs_role_name"))
    if not (profile or path or ecs_role):
        return None
    from ansible_collections.aliyun_community.slb.plugins.module_utils import _key_sources

    if profile or path:
        return _key_sources.ProfileKeys(profile, path, environ, reach)
    return _key_sources.ecs_role(str(ecs_role), "ecs_role_name", environ, reach)


def _from_environment(environ: Environ, reach: Reach) -> KeySource | None:
    """In the order of the vendor's SDKs."""
    for names in ENVIRONMENT_KEYS:
        key, secret, token = (_first(environ, row) for row in names)
        if key and secret:
            return StaticKeys(Keys(key, secret, token))
        if key or secret or token:
            raise _half("a key", names[1][0] if key else names[0][0])
    from ansible_collections.aliyun_community.slb.plugins.module_utils import _fetched_keys, _key_sources

    role_arn, provider_arn, token_file = (environ.get(name) for name in ENVIRONMENT_OIDC)
    if provider_arn or token_file:
        for name in ENVIRONMENT_OIDC:
            if not environ.get(name):
                raise _half("an OIDC role", name)
        oidc = str(role_arn), str(provider_arn), str(token_file)
        return _key_sources.oidc_role(*oidc, ENVIRONMENT_OIDC[-1], environ, reach)
    profile, path = _first(environ, ENVIRONMENT_PROFILE), _first(environ, ENVIRONMENT_FILE)
    if profile or path:
        return _key_sources.ProfileKeys(profile, path, environ, reach)
    for name in ENVIRONMENT_ECS_ROLE:
        if environ.get(name):
            return _key_sources.ecs_role(environ[name], name, environ, reach)
    uri = environ.get(ENVIRONMENT_URI)
    return _fetched_keys.credentials_uri(uri, ENVIRONMENT_URI, reach) if uri else None


def _first(environ: Environ, names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _role_of_environment(environ: Environ) -> dict[str, str] | None:
    """For keys of the environment. Empty variables count as not set: AWX sets all that a credential could have."""
    if not environ.get(ENVIRONMENT_ROLE["role_arn"]):
        return None
    return {key: environ[name] for key, name in ENVIRONMENT_ROLE.items() if environ.get(name)}


def _half(what: str, missing: str) -> InvalidArgument:
    return InvalidArgument(f"the environment has half of {what}: {missing} is not set", f"Set {missing}.")
