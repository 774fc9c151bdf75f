# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Which source of credentials is used: the credentials guide (docs/docsite/rst) has the table.

Exactly one source is used: the first one set by options or, if there is none, the first one set by the environment.
Environment variables never override or complete options, and no file or service is consulted unless it was named.
``assume_role`` then exchanges the credentials of that source for the temporary credentials of a RAM role.

The providers are imported when a task names one: most tasks have a plain access key and would pay for the import.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Context,
    Credentials,
    CredentialsProvider,
    Environ,
    FetchLimits,
    StaticCredentials,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import SESSION, whole_number

# Each row is one family of names (key id, secret, token). The older tools come first, then the vendor's SDKs.
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
ENVIRONMENT_OIDC_SESSION = "ALIBABA_CLOUD_ROLE_SESSION_NAME"

ENVIRONMENT_ROLE = {
    "role_arn": "ALICLOUD_ASSUME_ROLE_ARN",
    "session_name": "ALICLOUD_ASSUME_ROLE_SESSION_NAME",
    "external_id": "ALICLOUD_ASSUME_ROLE_EXTERNAL_ID",
}


def find_credentials(options: t.Mapping[str, t.Any], environ: Environ, limits: FetchLimits) -> CredentialsProvider:
    """Return the provider for the source that the options, or else the environment, name.

    ``options``: access_key, secret_key, security_token, profile, shared_credentials_file, ecs_role_name and
    assume_role. Each may be None.
    Raises InvalidArgument if there is no complete source, CredentialsUnobtainable if a file or a profile cannot be
    used, SlbError if the vendor's package is missing.
    """
    context = Context(environ, limits)
    provider = _from_options(options, context)
    role, named_by = options.get("assume_role"), "assume_role"
    if provider is None:
        provider = _from_environment(context)
        if not role:
            role, named_by = _role_of_environment(environ), ENVIRONMENT_ROLE["role_arn"]
    return _assume_role(provider, role, context.named(named_by)) if role else provider


def _from_options(options: t.Mapping[str, t.Any], context: Context) -> CredentialsProvider | None:
    key, secret, token = (options.get(name) or "" for name in ("access_key", "secret_key", "security_token"))
    if key and secret:
        return StaticCredentials(Credentials(key, secret, token or None))
    if key or secret or token:
        missing = "secret_key" if key else "access_key"
        raise InvalidArgument(
            f"{missing} is missing, but the task sets another part of the access key",
            "Set access_key and secret_key together, or neither of them to use the environment.",
        )
    profile, path, ecs_role = (options.get(name) for name in ("profile", "shared_credentials_file", "ecs_role_name"))
    if not (profile or path or ecs_role):
        return None
    from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import providers

    if profile or path:
        return providers.ProfileProvider(profile, path, context)
    return providers.EcsRoleProvider(str(ecs_role), context.named("ecs_role_name"))


def _from_environment(context: Context) -> CredentialsProvider:
    """Return the provider of the first source in the order of the vendor's SDKs. Raises InvalidArgument for none."""
    environ = context.environ
    for names in ENVIRONMENT_KEYS:
        key, secret, token = (_first(environ, row) for row in names)
        if key and secret:
            return StaticCredentials(Credentials(key, secret, token))
        if key or secret or token:
            raise _incomplete("an access key", names[1][0] if key else names[0][0])
    from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import providers

    role_arn, provider_arn, token_file = (environ.get(name) for name in ENVIRONMENT_OIDC)
    if provider_arn or token_file:
        for name in ENVIRONMENT_OIDC:
            if not environ.get(name):
                raise _incomplete("an OIDC role", name)
        role = providers.Role(str(role_arn), providers.sts_host(environ), environ.get(ENVIRONMENT_OIDC_SESSION))
        named = context.named(ENVIRONMENT_OIDC[-1])
        return providers.OidcRoleProvider(role, str(provider_arn), str(token_file), named)
    profile, path = _first(environ, ENVIRONMENT_PROFILE), _first(environ, ENVIRONMENT_FILE)
    if profile or path:
        return providers.ProfileProvider(profile, path, context)
    for name in ENVIRONMENT_ECS_ROLE:
        if environ.get(name):
            return providers.EcsRoleProvider(environ[name], context.named(name))
    if environ.get(ENVIRONMENT_URI):
        return providers.UriProvider(environ[ENVIRONMENT_URI], context.named(ENVIRONMENT_URI))
    raise _no_source()


def _first(environ: Environ, names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _role_of_environment(environ: Environ) -> dict[str, str] | None:
    """Return the role for credentials from the environment, in the form of the option ``assume_role``.

    Empty variables count as not set: AWX sets a variable for every field that a credential could have.
    """
    if not environ.get(ENVIRONMENT_ROLE["role_arn"]):
        return None
    return {key: environ[name] for key, name in ENVIRONMENT_ROLE.items() if environ.get(name)}


def _assume_role(base: CredentialsProvider, options: t.Mapping[str, t.Any], context: Context) -> CredentialsProvider:
    """Return the provider of a role on top of ``base``. ``options``: the option assume_role. Raises InvalidArgument."""
    if not options["role_arn"]:
        raise InvalidArgument("assume_role.role_arn is empty", "Set it to the ARN of the role.")
    duration = options.get("duration_seconds")
    if duration is not None:
        duration = whole_number(duration, "assume_role.duration_seconds", SESSION)
    from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import providers

    endpoint = options.get("sts_endpoint")
    if endpoint and providers.host_of(f"https://{endpoint}") != endpoint.lower():
        raise InvalidArgument(
            "assume_role.sts_endpoint is not a valid host", "Set it to HOST or HOST:PORT. HTTPS is always used."
        )
    role = providers.Role(
        arn=options["role_arn"],
        sts_host=endpoint or providers.sts_host(context.environ),
        session_name=options.get("session_name"),
        duration_seconds=duration,
        policy=options.get("policy"),
        external_id=options.get("external_id"),
    )
    return providers.AssumedRoleProvider(base, role, context)


def _incomplete(what: str, missing: str) -> InvalidArgument:
    return InvalidArgument(
        f"the environment variables for {what} are incomplete: {missing} is not set", f"Set {missing}."
    )


def _no_source() -> InvalidArgument:
    variables = (
        *(row[0][0] for row in ENVIRONMENT_KEYS),
        ENVIRONMENT_OIDC[-1],
        *ENVIRONMENT_PROFILE,
        *ENVIRONMENT_FILE,
        *ENVIRONMENT_ECS_ROLE,
        ENVIRONMENT_URI,
    )
    return InvalidArgument(
        "no credentials: none of the options access_key and secret_key, profile, shared_credentials_file and "
        f"ecs_role_name is set, and none of the environment variables {', '.join(variables)}",
        "Set one of them.",
    )
