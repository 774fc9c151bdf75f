# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Where the keys come from.

One source is used, whole: the first of the options ``access_key``, ``profile``, ``ecs_role_name``, and only when none
of them is given the first of the environment's counterparts. So no variable of the environment can override an option
or lend it half a key. ``assume_role`` then exchanges what was found for a role's temporary keys.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument, SlbError

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
ENVIRONMENT_ECS_ROLE = ("ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_ECS_METADATA")


class Keys(t.NamedTuple):
    """What signs a request. ``security_token`` is None for the long-lived keys of a user."""

    access_key_id: str
    access_key_secret: str
    security_token: str | None = None


class KeySource(t.Protocol):
    """Gives the keys for the next request; temporary ones are fetched again before they expire."""

    def keys(self) -> Keys: ...


class StaticKeys:
    """Keys that were given as they are."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def keys(self) -> Keys:
        return self._keys


class ProvidedKeys:
    """Keys from a provider of the vendor's package ``alibabacloud-credentials``, which caches and renews them."""

    def __init__(self, provider: t.Any, source: str) -> None:
        self._provider = provider
        self._source = source

    def keys(self) -> Keys:
        try:
            found = self._provider.get_credentials()
        except Exception as exc:  # the package raises many kinds, bare Exceptions among them
            raise _unobtainable(self._source, exc) from exc
        keys = Keys(
            found.get_access_key_id() or "",
            found.get_access_key_secret() or "",
            found.get_security_token() or None,
        )
        if not keys.access_key_id or not keys.access_key_secret:
            raise _unobtainable(self._source, None)
        return keys


def find_keys(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str]) -> KeySource:
    """The source of keys that the options, or else the environment, name.

    ``options``: access_key, secret_key, security_token, profile, ecs_role_name and assume_role, each may be None.
    Raises InvalidArgument when there is no complete source, SlbError when the vendor's package is missing.
    """
    source = _from_options(options) or _from_environment(environ)
    if source is None:
        raise InvalidArgument(
            "no credentials: the options access_key and secret_key, profile and ecs_role_name are not given, and "
            "the environment has none of ALICLOUD_ACCESS_KEY, ALIBABA_CLOUD_ACCESS_KEY_ID, ALICLOUD_PROFILE and "
            "ALICLOUD_ECS_ROLE_NAME",
            "Give one of them.",
        )
    assume_role = options.get("assume_role")
    return _assume_role(source, assume_role) if assume_role else source


def _from_options(options: t.Mapping[str, t.Any]) -> KeySource | None:
    key, secret, token = (options.get(name) or "" for name in ("access_key", "secret_key", "security_token"))
    if key and secret:
        return StaticKeys(Keys(key, secret, token or None))
    if key or secret or token:
        missing = "secret_key" if key else "access_key"
        raise InvalidArgument(
            f"{missing} is missing beside the other keys of the task",
            "Give access_key and secret_key together, or neither of them to use the environment.",
        )
    if options.get("profile"):
        return _profile(options["profile"])
    if options.get("ecs_role_name"):
        return _ecs_role(options["ecs_role_name"])
    return None


def _from_environment(environ: t.Mapping[str, str]) -> KeySource | None:
    for key_names, secret_names, token_names in ENVIRONMENT_KEYS:
        key, secret = _first(environ, key_names), _first(environ, secret_names)
        if key and secret:
            return StaticKeys(Keys(key, secret, _first(environ, token_names)))
        if key or secret:
            missing = secret_names[0] if key else key_names[0]
            raise InvalidArgument(f"the environment has half a key: {missing} is not set", f"Set {missing}.")
    profile = _first(environ, ENVIRONMENT_PROFILE)
    if profile:
        return _profile(profile)
    role = _first(environ, ENVIRONMENT_ECS_ROLE)
    return _ecs_role(role) if role else None


def _first(environ: t.Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def _profile(name: str) -> KeySource:
    with _VendorPackage("profile"):
        from alibabacloud_credentials.provider.cli_profile import CLIProfileCredentialsProvider

        provider = CLIProfileCredentialsProvider(profile_name=name)
    return ProvidedKeys(provider, f"profile {name}")


def _ecs_role(name: str) -> KeySource:
    with _VendorPackage("ecs_role_name"):
        from alibabacloud_credentials.provider.ecs_ram_role import EcsRamRoleCredentialsProvider

        # IMDSv2 only, and no thread that would go on after the task.
        provider = EcsRamRoleCredentialsProvider(role_name=name, disable_imds_v1=True, async_update_enabled=False)
    return ProvidedKeys(provider, f"ECS role {name}")


def _assume_role(base: KeySource, role: t.Mapping[str, t.Any]) -> KeySource:
    with _VendorPackage("assume_role"):
        from alibabacloud_credentials.provider.ram_role_arn import RamRoleArnCredentialsProvider

        provider = RamRoleArnCredentialsProvider(
            credentials_provider=_VendorSource(base),
            role_arn=role["role_arn"],
            role_session_name=role.get("session_name") or "aliyun_community.slb",
            duration_seconds=role.get("duration_seconds") or 3600,
            policy=role.get("policy"),
            external_id=role.get("external_id"),
            sts_endpoint=role.get("sts_endpoint"),
        )
    return ProvidedKeys(provider, f"role {role['role_arn']}")


class _VendorSource:
    """A source of keys in the form that the vendor's package takes as the base of another provider."""

    def __init__(self, source: KeySource) -> None:
        self._source = source

    def get_credentials(self) -> t.Any:
        from alibabacloud_credentials.provider.refreshable import Credentials

        keys = self._source.keys()
        return Credentials(
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
            provider_name="aliyun_community.slb",
        )

    def get_provider_name(self) -> str:
        return "aliyun_community.slb"


class _VendorPackage:
    """Turns a missing package and the package's refusals into one sentence about the option."""

    def __init__(self, option: str) -> None:
        self._option = option

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: t.Any, exc: BaseException | None, trace: t.Any) -> None:
        if isinstance(exc, ImportError):
            raise SlbError(
                "MissingLibrary",
                f"{self._option} needs the Python package alibabacloud-credentials, which this host does not have",
                advice="Install it: pip install alibabacloud-credentials.",
            ) from exc
        if isinstance(exc, Exception):
            raise _unobtainable(self._option, exc) from exc


def _unobtainable(source: str, exc: Exception | None) -> SlbError:
    detail = f": {exc}" if exc is not None else ", the answer had none"
    return SlbError("CredentialsUnobtainable", f"no keys from {source}{detail}", advice="Check this source of keys.")
