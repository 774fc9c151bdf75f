# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""From options to a Connection: region, endpoint, CA certificates and timeouts. Works without an AnsibleModule."""

from __future__ import annotations

import os
import re
import ssl
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import env_fallback

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import TIMEOUT, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import host_of_region

_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1", re.ASCII)


class Connection(t.NamedTuple):
    """How to reach the API.

    ``endpoint``: a URL without a path. ``verify``: True, False or the path of CA certificates. Timeouts in seconds.
    """

    region: str
    endpoint: str
    verify: bool | str
    connect_timeout: float
    read_timeout: float


def connection_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragment ``aliyun_community.slb.connection``.

    Keys, profile and role have no fallback here: _credentials takes them from the environment as a whole source, so
    that a variable never completes or overrides an option.
    """
    return {
        "region": {
            "type": "str",
            "aliases": ["region_id"],
            "fallback": (
                env_fallback,
                ["ALICLOUD_REGION", "ALICLOUD_REGION_ID", "ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_REGION"],
            ),
        },
        "access_key": {"type": "str", "no_log": True},
        "secret_key": {"type": "str", "no_log": True},
        "security_token": {"type": "str", "no_log": True},
        "profile": {"type": "str"},
        "shared_credentials_file": {"type": "path"},
        "ecs_role_name": {"type": "str"},
        "assume_role": {"type": "dict", "options": _assume_role_argument_spec()},
        "endpoint": {
            "type": "str",
            "fallback": (env_fallback, ["ALICLOUD_SLB_ENDPOINT", "ALIBABA_CLOUD_SLB_ENDPOINT"]),
        },
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["ALIBABA_CLOUD_CA_BUNDLE"])},
        "connect_timeout": {"type": "raw", "default": 5},
        "read_timeout": {"type": "raw", "default": 30},
        "wait_timeout": {"type": "raw", "default": 120},
    }


def _assume_role_argument_spec() -> dict[str, t.Any]:
    return {
        "role_arn": {"type": "str", "required": True},
        "session_name": {"type": "str"},
        "duration_seconds": {"type": "raw"},
        "external_id": {"type": "str"},
        "policy": {"type": "str"},
        "sts_endpoint": {"type": "str"},
    }


def open_connection(options: t.Mapping[str, t.Any], warn: t.Callable[[str], None]) -> Connection:
    """Validate the connection options, as connection_argument_spec() declares them. Raises InvalidArgument.

    ``warn`` gets one sentence if the connection is not encrypted.
    """
    connect_timeout, read_timeout = (
        whole_number(options[name], name, TIMEOUT) for name in ("connect_timeout", "read_timeout")
    )
    region = checked_region(options["region"])
    endpoint = _endpoint(options["endpoint"], region)
    verify = _verify(options["validate_certs"], options["ca_path"])
    if endpoint.startswith("http://") and not _LOOPBACK.fullmatch(urlsplit(endpoint).hostname or ""):
        warn(f"The endpoint {endpoint} is not encrypted: requests can be read and repeated by others")
    return Connection(region, endpoint, verify, connect_timeout, read_timeout)


def is_host(name: str) -> bool:
    """Whether the text is a host name or an address that can be looked up."""
    try:
        return bool(_HOST.fullmatch(name)) and bool(name.encode("idna"))
    except UnicodeError:  # an empty label, or one that is too long
        return False


def checked_region(region: str | None, name: str = "region") -> str:
    """A region id. Raises InvalidArgument; ``name``: of the option in its message."""
    if not region:
        raise InvalidArgument(f"{name} is missing", f"Set the option {name} or the variable ALICLOUD_REGION.")
    if not _REGION.fullmatch(region) or not is_host(region):
        raise InvalidArgument(f"{name} {region!r} is not a valid region id", "Use an id such as cn-hangzhou.")
    return region


def _endpoint(endpoint: str | None, region: str) -> str:
    """The URL of the API, https unless the endpoint itself says http."""
    if not endpoint:
        return f"https://{host_of_region(region)}"
    refusal = InvalidArgument(
        "endpoint is not a valid host", "Use HOST, HOST:PORT or a URL with nothing after the host."
    )
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        port = parts.port
    except ValueError:  # a bracket without its partner, or a port that is not a number
        raise refusal from None
    if parts.scheme not in ("http", "https") or not is_host(parts.hostname or "") or port == 0:
        raise refusal
    if "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        raise refusal
    return f"{parts.scheme}://{parts.netloc}"


def _verify(validate_certs: bool, ca_path: str | None) -> bool | str:
    if not validate_certs:
        return False
    if not ca_path:
        return True
    advice = "Use a file with CA certificates in PEM format."
    if not os.path.exists(ca_path):
        raise InvalidArgument(f"ca_path {ca_path} does not exist", advice)
    if not os.path.isdir(ca_path):
        _check_ca_file(ca_path, advice)
    return ca_path


def _check_ca_file(path: str, advice: str) -> None:
    """Refuse an unusable file now: later it would look like a failing network."""
    try:
        if not os.path.isfile(path):
            raise OSError(None, "it is not a file")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise InvalidArgument(f"ca_path {path} contains no certificates", advice) from None
    except OSError as exc:
        raise InvalidArgument(f"ca_path {path} cannot be read ({exc.strerror})", advice) from None
