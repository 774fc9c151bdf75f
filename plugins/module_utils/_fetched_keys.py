# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Keys that have to be fetched, through the vendor's package ``alibabacloud-credentials``, and every trap of it.

The package is imported only here, and only when a source of keys needs it. Every fetch uses a new provider of it:
its own cache fetches temporary keys again for each request once they have less than 15 minutes left, and an ECS role's
goes on with old keys when it cannot get new ones.

Whatever a provider is not given it takes from the environment, half a key too: it is always given everything.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import queue
import re
import ssl
import threading
import time
import typing as t
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    CredentialsUnobtainable,
    SlbError,
    is_retried,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import Keys, KeySource, Reach
from ansible_collections.aliyun_community.slb.plugins.module_utils._network_errors import causes, innermost_reason
from ansible_collections.aliyun_community.slb.plugins.module_utils._profiles import Profile

RENEW_SECONDS = 60  # before they expire, temporary keys are fetched again
SHORTEST_FETCH = 1.5  # seconds that a fetch may take when the deadline is over, as for a read that settles a write
SESSION_NAME = "aliyun_community.slb"

_PROXY_VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy")
_HTTP_STATUS = re.compile(r"(?:http_code|HttpCode|status code)\s*[:=]\s*(\d{3})")
_EXIT_STATUS = re.compile(r"exit status (-?\d+)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,99}")


class Role(t.NamedTuple):
    """A RAM role and the session in it. What is None is left to the API or to this collection."""

    arn: str
    session_name: str | None = None
    duration_seconds: int | None = None
    policy: str | None = None  # JSON
    external_id: str | None = None


class _Origin(t.NamedTuple):
    """Where keys are fetched. ``host``: as in a URL, empty for a process; ``direct``: no proxy may be asked."""

    name: str
    host: str
    advice: str
    direct: bool = False


class FetchedKeys:
    """Keys of one origin; ``make_provider`` gets the package and its timeouts."""

    def __init__(self, origin: _Origin, make_provider: t.Callable[[_Package, t.Any], t.Any], reach: Reach) -> None:
        self._package = _Package(origin.name)
        self._origin = origin
        self._make_provider = make_provider
        self._reach = reach
        self._keys: Keys | None = None
        self._end = 0.0  # of the keys' validity, in seconds of the wall clock

    def keys(self) -> Keys:
        if self._keys is None or time.time() >= self._end - RENEW_SECONDS:
            self._keys, self._end = self._fetch()
        return self._keys

    def renew(self) -> bool:
        refused, self._keys = self._keys, None
        return self.keys() != refused

    def _fetch(self) -> tuple[Keys, float]:
        with _environment(self._origin, self._reach.ca_path):
            try:
                provider = self._make_provider(self._package, self._timeouts())
            except ValueError as exc:  # a setting that the package does not take, in fixed words
                raise CredentialsUnobtainable(self._origin.name, str(exc), self._origin.advice) from None
            try:
                found = _within(self._seconds(), provider.get_credentials)
            except Exception as exc:  # the package raises many kinds, bare Exceptions among them
                raise self._unobtainable(exc) from None
        keys = Keys(found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token() or None)
        if not keys.access_key_id or not keys.access_key_secret:
            raise CredentialsUnobtainable(self._origin.name, "the answer had none", self._origin.advice)
        if not all(isinstance(key, str) for key in keys if key is not None):
            raise CredentialsUnobtainable(self._origin.name, "what came is no text", self._origin.advice)
        return keys, found.get_expiration() or math.inf

    def _seconds(self) -> float:
        return max(SHORTEST_FETCH, self._reach.remaining())

    def _timeouts(self) -> t.Any:
        """In the milliseconds of the package. What must be near has to answer as fast as it connects."""
        seconds = self._seconds()
        connect = min(self._reach.connect_timeout, seconds)
        read = connect if self._origin.direct else min(self._reach.read_timeout, seconds)
        return self._package.HttpOptions(connect_timeout=int(connect * 1000), read_timeout=int(read * 1000))

    def _unobtainable(self, exc: Exception) -> SlbError:
        """One sentence without the package's texts: those hold signed URLs, tokens and whole answers."""
        answer, status = _json_in(str(exc)), _HTTP_STATUS.search(str(exc))
        code, request_id = _word(answer.get("Code")), _word(answer.get("RequestId"))
        if status:
            reason, advice = f"{self._origin.host} answered {code or 'no keys'} with HTTP status {status[1]}", ""
        else:
            reason, advice = _reason(exc, self._origin)
        return CredentialsUnobtainable(
            self._origin.name,
            reason,
            advice or self._origin.advice,
            code=code if is_retried(code) else "",
            request_id=request_id or None,
        )


class _Package:
    """The names taken from the vendor's package, which exist only once it is imported."""

    def __init__(self, needed_by: str) -> None:
        try:
            from alibabacloud_credentials import provider
            from alibabacloud_credentials.http import HttpOptions
        except ImportError as exc:
            raise SlbError(
                "MissingLibrary",
                f"{needed_by} needs the Python package alibabacloud-credentials on the host that runs the task, and "
                f"{exc.name or 'it'} cannot be imported",
                advice="Install it: pip install 'alibabacloud-credentials>=1.0.12'.",
            ) from exc
        # They log signed URLs and whole answers, the first two to handlers of their own on stderr.
        for name in ("credentials", "alibabacloud-tea", "urllib3"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.providers = provider
        self.HttpOptions = HttpOptions


# The origins


def ecs_role(name: str, named_by: str, reach: Reach) -> FetchedKeys:
    """A role of this ECS instance; an empty name stands for the one that it has."""
    origin = _Origin(
        f"ECS role {name} ({named_by})" if name else f"the ECS instance's role ({named_by})",
        "the metadata service",
        "Check that this host is an ECS instance with this role, and that its metadata service takes IMDSv2.",
        direct=True,
    )

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        # IMDSv2 only, and no thread that renews beside the task.
        return package.providers.EcsRamRoleCredentialsProvider(
            role_name=name, disable_imds_v1=True, async_update_enabled=False, http_options=timeouts
        )

    return FetchedKeys(origin, make, reach)


def assumed_role(base: KeySource, role: Role, named_by: str, sts_host: str, reach: Reach) -> FetchedKeys:
    """A role that is taken on with the keys of ``base``."""
    origin = _Origin(
        f"role {role.arn} ({named_by})",
        sts_host,
        "Check that the role exists and trusts these keys, and that their RAM policy allows sts:AssumeRole.",
    )

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        keys = base.keys()
        return package.providers.RamRoleArnCredentialsProvider(
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
            role_arn=role.arn,
            role_session_name=role.session_name or SESSION_NAME,
            duration_seconds=role.duration_seconds,
            policy=role.policy and _without_spaces(role.policy),
            external_id=role.external_id,
            sts_endpoint=sts_host,
            http_options=timeouts,
        )

    return FetchedKeys(origin, make, reach)


def oidc_role(
    role: Role, provider_arn: str, token_file: str, named_by: str, sts_host: str, reach: Reach
) -> FetchedKeys:
    """A role that is taken on with the token of an OIDC provider; the file is read at every fetch."""
    origin = _Origin(
        f"OIDC role {role.arn} ({named_by})",
        sts_host,
        f"Check that the role trusts {provider_arn}, and the token in {token_file}.",
    )

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        return package.providers.OIDCRoleArnCredentialsProvider(
            role_arn=role.arn,
            oidc_provider_arn=provider_arn,
            oidc_token_file_path=token_file,
            role_session_name=role.session_name or SESSION_NAME,
            duration_seconds=role.duration_seconds,
            policy=role.policy,
            sts_endpoint=sts_host,
            http_options=timeouts,
        )

    return FetchedKeys(origin, make, reach)


def credentials_uri(uri: str, named_by: str, reach: Reach) -> FetchedKeys:
    """What a server beside this host hands out at a URL. Only its host is shown: the rest may be secret."""
    host = _host_of(uri, named_by)
    origin = _Origin(f"the URI at {host} ({named_by})", host, "Check the server of this URI.", direct=True)

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        return package.providers.URLCredentialsProvider(uri=uri, http_options=timeouts)

    return FetchedKeys(origin, make, reach)


def cloud_sso(profile: Profile, reach: Reach) -> FetchedKeys:
    """What CloudSSO gives for the sign-in of the command line tool."""
    sign_in_url = profile.setting("cloud_sso_sign_in_url")
    origin = _Origin(str(profile), _host_of(sign_in_url, str(profile)), _sign_in_again(profile, "CloudSSO"))

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        return package.providers.CloudSSOCredentialsProvider(
            sign_in_url=sign_in_url,
            account_id=profile.optional("cloud_sso_account_id"),
            access_config=profile.optional("cloud_sso_access_config"),
            access_token=profile.optional("access_token"),
            access_token_expire=profile.seconds("cloud_sso_access_token_expire") or 0,
            http_options=timeouts,
        )

    return FetchedKeys(origin, make, reach)


def oauth(profile: Profile, reach: Reach) -> FetchedKeys:
    """What a sign-in in a browser gives. Renewing it makes another token, which the package writes to the file."""
    international = str(profile.optional("oauth_site_type")).upper() == "INTL"
    host = "oauth.alibabacloud.com" if international else "oauth.aliyun.com"
    origin = _Origin(str(profile), host, _sign_in_again(profile, "OAuth"))

    def make(package: _Package, _timeouts: t.Any) -> t.Any:
        return package.providers.CLIProfileCredentialsProvider(profile_name=profile.name, profile_file=profile.path)

    return FetchedKeys(origin, make, reach)


def _sign_in_again(profile: Profile, mode: str) -> str:
    return f"Sign in again: aliyun configure --mode {mode} --profile {profile.name}."


def external(profile: Profile, reach: Reach) -> FetchedKeys:
    """What a command prints. The package would write it to the file, too; here it is only used."""
    command = profile.setting("process_command")
    origin = _Origin(str(profile), "", "Run its process_command to see what is wrong.")

    def make(package: _Package, timeouts: t.Any) -> t.Any:
        seconds = max(1, timeouts.read_timeout // 1000)
        return package.providers.ExternalCredentialsProvider(process_command=command, timeout=seconds)

    return FetchedKeys(origin, make, reach)


# Around the package


@contextlib.contextmanager
def _environment(origin: _Origin, ca_path: str | None) -> t.Iterator[None]:
    """The environment as the package may see it: for want of parameters it is led by these variables.

    It asks a proxy whatever NO_PROXY says, and trusts what OpenSSL does.
    """
    changed: dict[str, str | None] = {}
    if origin.direct or proxy_bypass(origin.host):
        changed.update(dict.fromkeys(_PROXY_VARIABLES))
    if ca_path:
        changed["SSL_CERT_DIR" if os.path.isdir(ca_path) else "SSL_CERT_FILE"] = ca_path
    before = {name: os.environ.get(name) for name in changed}
    _set_environment(changed)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(variables: t.Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class _TookTooLong(Exception):
    """A fetch did not come back in time."""


def _within(seconds: float, fetch: t.Callable[[], t.Any]) -> t.Any:
    """The result of a call, or _TookTooLong: timeouts of the package end neither a slow answer nor a lookup of a name.

    A call that is given up goes on in its thread, which ends with the process.
    """
    outcome: queue.SimpleQueue[tuple[t.Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((fetch(), None))
        except BaseException as exc:
            outcome.put((None, exc))

    threading.Thread(target=run, name="fetch keys", daemon=True).start()
    try:
        result, failure = outcome.get(timeout=seconds)
    except queue.Empty:
        raise _TookTooLong from None
    if failure is not None:
        raise failure
    return result


def _reason(exc: Exception, origin: _Origin) -> tuple[str, str]:
    """What went wrong, in words that hold no answer, no URL and no token; and what to do unless the origin says it."""
    host = origin.host
    chain = causes(exc)
    text = str(exc)
    if isinstance(exc, _TookTooLong):
        return "no answer within the time that was left", "Raise wait_timeout."
    exit_status = _EXIT_STATUS.search(text)
    if exit_status:
        return f"its command ended with exit status {exit_status[1]}", ""
    if "No cached value" in text:
        return "those that came have expired", "Set the clock of this host, or mend the service."
    refusal = next((link for link in chain if isinstance(link, ssl.SSLCertVerificationError)), None)
    if refusal is not None:
        reason = f"the certificate of {host} is not accepted: {refusal.verify_message}"
        return reason, "Give the CA that signed it with ca_path."
    failures: list[BaseException] = [link for link in chain if isinstance(link, OSError)]
    file = next((link for link in failures if isinstance(link, OSError) and link.filename and link.strerror), None)
    if file is not None:
        return f"{file.strerror}: {file.filename}", ""
    if failures:
        advice = "" if origin.direct else "Check the network and proxy of this host."
        return f"no answer from {host} ({innermost_reason(failures)})", advice
    return "what came is not of the form that the package expects", ""


def _json_in(text: str) -> dict[str, t.Any]:
    """The JSON object in a text of the package, or an empty one."""
    try:
        content: dict[str, t.Any] = json.loads(text[text.index("{") :])
    except (ValueError, RecursionError):
        return {}
    return content


def _word(value: t.Any) -> str:
    """A code or an id, or an empty string: nobody knows what else an answer holds."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _host_of(url: str, named_by: str) -> str:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    except ValueError:
        pass
    raise CredentialsUnobtainable(named_by, "it gives no URL with http or https", "Check it.")


def _without_spaces(policy: str) -> str:
    """The same policy, for the package signs a space as another character than the API does."""
    try:
        compact = json.dumps(json.loads(policy), separators=(",", ":"))
    except ValueError:
        return policy
    return compact.replace(" ", "\\u0020")  # those left are within strings
