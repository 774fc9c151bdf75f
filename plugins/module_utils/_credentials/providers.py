# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""One class per source of credentials that takes more than a plain access key: profiles, and whatever must be fetched."""

from __future__ import annotations

import os
import typing as t
from urllib.parse import urlsplit

from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import is_host
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Context,
    Credentials,
    CredentialsProvider,
    Environ,
    StaticCredentials,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.profiles import (
    Profile,
    find_profile,
    read_profile,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.vendor import (
    Origin,
    RefreshableProvider,
    compact_policy,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    InvalidArgument,
)

SESSION_NAME = "aliyun_community.slb"


class EcsRoleProvider(RefreshableProvider):
    """The RAM role of this ECS instance. An empty name stands for the role that the instance has."""

    def __init__(self, role_name: str, context: Context) -> None:
        if context.environ.get("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "").lower() == "true":
            raise InvalidArgument(
                "the environment variable ALIBABA_CLOUD_ECS_METADATA_DISABLED forbids the use of the metadata service",
                "Unset it, or use other credentials.",
            )
        name = f"ECS role {role_name}" if role_name else "the ECS instance's role"
        advice = "Check that this host is an ECS instance with this role, and that its metadata service accepts IMDSv2."
        origin = Origin(f"{name} ({context.named_by})", "the metadata service", advice, direct=True)
        super().__init__(origin, context.limits)
        self._role_name = role_name

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        # IMDSv2 only, and no thread that refreshes in the background.
        return package.EcsRamRoleCredentialsProvider(
            role_name=self._role_name, disable_imds_v1=True, async_update_enabled=False, http_options=timeouts
        )


class Role(t.NamedTuple):
    """A RAM role, the STS host that is asked for it, and the session. STS decides about what is None."""

    arn: str
    sts_host: str
    session_name: str | None = None  # SESSION_NAME if not set
    duration_seconds: int | None = None
    policy: str | None = None  # JSON
    external_id: str | None = None


class AssumedRoleProvider(RefreshableProvider):
    """A role that is assumed with the credentials of ``base``."""

    def __init__(self, base: CredentialsProvider, role: Role, context: Context) -> None:
        advice = (
            "Check that the role exists and trusts the owner of the credentials used, and that the owner's RAM policy "
            "allows sts:AssumeRole."
        )
        super().__init__(Origin(f"role {role.arn} ({context.named_by})", role.sts_host, advice), context.limits)
        self._base = base
        self._role = role

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        credentials, role = self._base.credentials(), self._role
        return package.RamRoleArnCredentialsProvider(
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
            security_token=credentials.security_token,
            role_arn=role.arn,
            role_session_name=role.session_name or SESSION_NAME,
            duration_seconds=role.duration_seconds,
            policy=role.policy and compact_policy(role.policy),
            external_id=role.external_id,
            sts_endpoint=role.sts_host,
            http_options=timeouts,
        )


class OidcRoleProvider(RefreshableProvider):
    """A role that is assumed with the token of an OIDC provider. The file with the token is read at every fetch."""

    def __init__(self, role: Role, provider_arn: str, token_file: str, context: Context) -> None:
        advice = f"Check that the role trusts {provider_arn}, and that the token in {token_file} is valid."
        super().__init__(Origin(f"OIDC role {role.arn} ({context.named_by})", role.sts_host, advice), context.limits)
        self._role = role
        self._provider_arn = provider_arn
        self._token_file = token_file

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        role = self._role
        return package.OIDCRoleArnCredentialsProvider(
            role_arn=role.arn,
            oidc_provider_arn=self._provider_arn,
            oidc_token_file_path=self._token_file,
            role_session_name=role.session_name or SESSION_NAME,
            duration_seconds=role.duration_seconds,
            policy=role.policy,
            sts_endpoint=role.sts_host,
            http_options=timeouts,
        )


class UriProvider(RefreshableProvider):
    """What a server near this host returns for a URL. Messages show only its host: the rest may be secret."""

    def __init__(self, uri: str, context: Context) -> None:
        host = _required_host_of(uri, context)
        origin = Origin(f"the URI at {host} ({context.named_by})", host, "Check the server of this URI.", direct=True)
        super().__init__(origin, context.limits)
        self._uri = uri

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        return package.URLCredentialsProvider(uri=self._uri, http_options=timeouts)


class CloudSsoProvider(RefreshableProvider):
    """What CloudSSO returns for the sign-in of the command line tool."""

    def __init__(self, profile: Profile, context: Context) -> None:
        self._sign_in_url = profile.setting("cloud_sso_sign_in_url")
        host = _required_host_of(self._sign_in_url, context)
        super().__init__(Origin(context.named_by, host, _sign_in_again(profile, "CloudSSO")), context.limits)
        self._profile = profile

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        profile = self._profile
        return package.CloudSSOCredentialsProvider(
            sign_in_url=self._sign_in_url,
            account_id=profile.optional("cloud_sso_account_id"),
            access_config=profile.optional("cloud_sso_access_config"),
            access_token=profile.optional("access_token"),
            access_token_expire=profile.seconds("cloud_sso_access_token_expire") or 0,
            http_options=timeouts,
        )


class OAuthProvider(RefreshableProvider):
    """What a sign-in in a browser provides. Refreshing it creates a new token, which the package writes to the file."""

    def __init__(self, profile: Profile, context: Context) -> None:
        international = str(profile.optional("oauth_site_type")).upper() == "INTL"
        host = "oauth.alibabacloud.com" if international else "oauth.aliyun.com"
        super().__init__(Origin(context.named_by, host, _sign_in_again(profile, "OAuth")), context.limits)
        self._profile = profile

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        # The package takes no timeouts here.
        return package.CLIProfileCredentialsProvider(profile_name=self._profile.name, profile_file=self._profile.path)


class ExternalProvider(RefreshableProvider):
    """What a command prints. The package would also write it to the file; here it is only used."""

    def __init__(self, profile: Profile, context: Context) -> None:
        self._command = profile.setting("process_command")
        origin = Origin(context.named_by, "", "Run its process_command to see what is wrong.")
        super().__init__(origin, context.limits)

    def package_provider(self, package: t.Any, timeouts: t.Any) -> t.Any:
        seconds = max(1, timeouts.read_timeout // 1000)
        return package.ExternalCredentialsProvider(process_command=self._command, timeout=seconds)


class ProfileProvider:
    """The credentials of a profile in a file, which is read again when the API refuses them."""

    def __init__(self, name: str | None, path: str | None, context: Context) -> None:
        self._name = name
        self._path = os.path.expanduser(path) if path else None
        self._context = context
        self._provider = self._read()
        self._returned: Credentials | None = None

    def credentials(self) -> Credentials:
        self._returned = self._provider.credentials()
        return self._returned

    def refresh(self) -> bool:
        refused = self._returned
        self._provider = self._read()
        return self.credentials() != refused

    def _read(self) -> CredentialsProvider:
        if self._path:
            profile = read_profile(self._name, self._path)
        else:
            home = self._context.environ.get("HOME") or os.path.expanduser("~")
            profile = find_profile(str(self._name), home)
        return _provider_of(profile, self._context)


# The types of profiles


def _provider_of(profile: Profile, context: Context) -> CredentialsProvider:
    new_provider = _TYPES.get(profile.type)
    if new_provider is None:
        advice = "The credentials guide of the collection lists the supported ones."
        raise profile.unusable(f"{profile.shown('type')} {profile.type!r} is not supported", advice)
    return new_provider(profile, context.named(str(profile)))


def _access_key(profile: Profile, _context: Context) -> CredentialsProvider:
    return StaticCredentials(_credentials_in(profile)._replace(security_token=None))


def _temporary_access_key(profile: Profile, _context: Context) -> CredentialsProvider:
    return StaticCredentials(_credentials_in(profile)._replace(security_token=profile.setting("security_token")))


def _ecs_role(profile: Profile, context: Context) -> CredentialsProvider:
    return EcsRoleProvider(profile.optional("role_name") or "", context)


def _assumed_role(profile: Profile, context: Context) -> CredentialsProvider:
    source = profile.source
    base = _provider_of(source, context) if source else StaticCredentials(_credentials_in(profile))
    return AssumedRoleProvider(base, _role_of(profile, context.environ), context)


def _oidc_role(profile: Profile, context: Context) -> CredentialsProvider:
    role = _role_of(profile, context.environ)
    provider_arn, token_file = profile.setting("oidc_provider_arn"), profile.setting("oidc_token_file_path")
    return OidcRoleProvider(role, provider_arn, token_file, context)


def _uri(profile: Profile, context: Context) -> CredentialsProvider:
    return UriProvider(profile.setting("credentials_uri"), context)


_TYPES: dict[str | None, t.Callable[[Profile, Context], CredentialsProvider]] = {
    "access_key": _access_key,
    "sts": _temporary_access_key,
    "ecs_ram_role": _ecs_role,
    "ram_role_arn": _assumed_role,
    "oidc_role_arn": _oidc_role,
    "credentials_uri": _uri,
    "cloud_sso": CloudSsoProvider,
    "oauth": OAuthProvider,
    "external": ExternalProvider,
}


def _credentials_in(profile: Profile) -> Credentials:
    key, secret = profile.setting("access_key_id"), profile.setting("access_key_secret")
    return Credentials(key, secret, profile.optional("security_token"))


def _role_of(profile: Profile, environ: Environ) -> Role:
    return Role(
        arn=profile.setting("role_arn"),
        sts_host=sts_host(environ, profile.optional("sts_region")),
        session_name=profile.optional("role_session_name"),
        duration_seconds=profile.seconds("duration_seconds"),
        policy=profile.optional("policy"),
        external_id=profile.optional("external_id"),
    )


def _sign_in_again(profile: Profile, mode: str) -> str:
    return f"Sign in again: aliyun configure --mode {mode} --profile {profile.name}."


# Hosts


def sts_host(environ: Environ, region: str | None = None) -> str:
    """Return the host that the vendor's package would ask. ``region``: of the profile; else the environment's is used."""
    region = region or environ.get("ALIBABA_CLOUD_STS_REGION")
    if not region:
        return "sts.aliyuncs.com"
    in_vpc = environ.get("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "").lower() == "true"
    return f"{'sts-vpc' if in_vpc else 'sts'}.{region}.aliyuncs.com"


def host_of(url: str) -> str | None:
    """Return HOST or HOST:PORT, in lower case, of a URL with http or https, or None if it has no valid host or port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not is_host(host):
        return None
    return f"{host}:{port}" if port else host


def _required_host_of(url: str, context: Context) -> str:
    host = host_of(url)
    if host is None:
        raise CredentialsUnobtainable(context.named_by, "its URL is not a valid URL with http or https", "Correct it.")
    return host
