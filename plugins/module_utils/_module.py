# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""What the modules share on Ansible's side: the connection options, and how a failure is shown."""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import (
    ENVIRONMENT_KEYS,
    ENVIRONMENT_ROLE,
    find_keys,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import (
    InvalidArgument,
    SlbError,
    printable,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import Reach
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import TIMEOUT, whole_number
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Connection

try:
    from ansible.module_utils.secrets import register_secrets  # ansible-core 2.22 and newer
except ImportError:
    register_secrets = None

LONGEST_SUBJECT = 200  # characters; it names what was given for an id, and that may be anything

_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1", re.ASCII)


def connection_argument_spec() -> dict[str, t.Any]:
    """The options of the doc fragment ``aliyun_community.slb.connection``.

    Keys, profile and role have no fallback here: _credentials takes them from the environment as a whole source, so
    that a variable never completes or overrides what the task gives.
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
        "assume_role": {
            "type": "dict",
            "options": {
                "role_arn": {"type": "str", "required": True},
                "session_name": {"type": "str"},
                "duration_seconds": {"type": "raw"},
                "external_id": {"type": "str"},
                "policy": {"type": "str"},
                "sts_endpoint": {"type": "str"},
            },
        },
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


def take_arguments(argument_spec: dict[str, t.Any]) -> AnsibleModule:
    """The module with its arguments. Those that Ansible itself breaks on end it with one sentence, too."""
    try:
        return AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    except UnicodeError:
        reason = "an option, or a variable of the environment that stands for one, is no text in UTF-8"
    except TypeError as exc:
        reason = f"an option is of another type than its documentation says ({exc})"
    # There is no module yet whose fail_json could say it.
    sys.stdout.write(json.dumps({"failed": True, "msg": f"InvalidArgument: {reason}."}))
    raise SystemExit(1)


def open_client(module: AnsibleModule) -> Client:
    """A client for the connection options of a module. Raises SlbError; imports the SDK once they are accepted."""
    _hide_environment_secrets(module)
    return new_client(module.params, os.environ, module.warn)


def new_client(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], warn: t.Callable[[str], None]) -> Client:
    """The same for options that a plugin has validated."""
    connect_timeout, read_timeout, wait_timeout = (
        whole_number(options[name], name, TIMEOUT) for name in ("connect_timeout", "read_timeout", "wait_timeout")
    )
    region = _region(options["region"])
    connection = Connection(
        region=region,
        endpoint=_endpoint(options["endpoint"], region),
        verify=_verify(options["validate_certs"], options["ca_path"]),
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
    )
    if connection.endpoint.startswith("http://") and not _LOOPBACK.fullmatch(_host(connection.endpoint)):
        warn(f"The endpoint {connection.endpoint} is not encrypted: requests can be read and repeated by others")
    deadline = Deadline(wait_timeout)
    reach = Reach(connect_timeout, read_timeout, options["ca_path"], deadline.remaining)
    return Client(connection, find_keys(options, environ, reach), deadline)


def fail(module: AnsibleModule, exc: SlbError, subject: str, **result: t.Any) -> t.NoReturn:
    """End the module with one sentence for people and the key ``error`` for playbooks."""
    module.fail_json(msg=printable(f"{subject[:LONGEST_SUBJECT]}: {exc.sentence()}"), error=exc.as_dict(), **result)


def _hide_environment_secrets(module: AnsibleModule) -> None:
    """Let Ansible censor keys of the environment as it does those of options with no_log."""
    names = [name for _keys, secrets, tokens in ENVIRONMENT_KEYS for name in (*secrets, *tokens)]
    values = [os.environ[name] for name in (*names, ENVIRONMENT_ROLE["external_id"]) if os.environ.get(name)]
    module.no_log_values.update(values)
    if register_secrets:  # from 2.22 on, the controller censors what was registered, and no_log_values does nothing
        register_secrets(values)


def _region(region: str | None) -> str:
    if not region:
        raise InvalidArgument("region is missing", "Give region, or set ALICLOUD_REGION.")
    if not _REGION.fullmatch(region) or not _is_host(region):
        raise InvalidArgument(f"region {region!r} is no region id", "Give an id such as cn-hangzhou.")
    return region


def _endpoint(endpoint: str | None, region: str) -> str:
    """The URL of the API, https unless the endpoint itself says http."""
    if not endpoint:
        return f"https://{_regional_host(region)}"
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment or parts.path.strip("/"):
        raise InvalidArgument("endpoint is no host", "Give HOST, HOST:PORT or a URL with nothing behind the host.")
    return f"{parts.scheme}://{parts.netloc}"


def _is_host(name: str) -> bool:
    """Whether the name can be looked up at all."""
    try:
        return bool(_HOST.fullmatch(name)) and bool(name.encode("idna"))
    except UnicodeError:  # an empty label, or one that is too long
        return False


def _regional_host(region: str) -> str:
    """The host that the SDK's own table names, or else the one its rule makes.

    The SDK would ask a location service about regions whose prefix it does not know: an extra signed call to a host
    that nobody named.
    """
    try:
        from aliyunsdkslb.endpoint import endpoint_data
    except ImportError:
        return f"slb.{region}.aliyuncs.com"  # opening the client will say that the SDK is missing
    return str(endpoint_data.getEndpointMap().get(region, f"slb.{region}.aliyuncs.com"))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _verify(validate_certs: bool, ca_path: str | None) -> bool | str:
    if not validate_certs:
        return False
    if not ca_path:
        return True
    advice = "Give a file with CA certificates in PEM format."
    if not os.path.exists(ca_path):
        raise InvalidArgument(f"ca_path {ca_path} does not exist", advice)
    if not os.path.isdir(ca_path):
        _check_ca_file(ca_path, advice)
    return ca_path


def _check_ca_file(path: str, advice: str) -> None:
    """A file that cannot be used would be taken for a failing network."""
    try:
        if not os.path.isfile(path):
            raise OSError(None, "it is no file")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise InvalidArgument(f"ca_path {path} holds no certificates", advice) from None
    except OSError as exc:
        raise InvalidArgument(f"ca_path {path} cannot be read ({exc.strerror})", advice) from None
