# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The vendor's SDK: its import, its traps and its table of endpoints. No other file imports ``aliyunsdk*``.

It is imported only when a connection is opened: the import is most of what a task costs.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import ssl
import sys
import typing as t
import warnings
from importlib import import_module

from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._network_errors import ErrorTypes

API_VERSION = "v20140515"


class Sdk:
    """The names taken from the SDK, which exist only once it is imported."""

    def __init__(self) -> None:
        from aliyunsdkcore.auth import signers

        # No option uses RSA key pairs, and the SDK imports the whole of cryptography for their signer.
        signers.rsa_key_pair_signer = None
        from aliyunsdkcore.utils import parameter_helper

        # The SDK's own nonce is an MD5 sum, which fails in FIPS mode.
        parameter_helper.get_uuid = new_nonce
        client: t.Any = import_module("aliyunsdkcore.client")
        # Each request names its endpoint, and the SDK would parse the table of all products twice for each client.
        client.DefaultEndpointResolver = lambda _client: None
        from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
        from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter
        from aliyunsdkcore.vendored.requests.exceptions import ConnectTimeout, ProxyError
        from aliyunsdkcore.vendored.requests.packages.urllib3.exceptions import NewConnectionError
        from aliyunsdkcore.vendored.requests.packages.urllib3.packages.ssl_match_hostname import CertificateError
        from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_ as urllib3_ssl

        import_module(f"aliyunsdkslb.request.{API_VERSION}")
        # The vendored urllib3 tests for SNI in the same try as for ssl.wrap_socket, which Python 3.12 removed.
        urllib3_ssl.HAS_SNI = ssl.HAS_SNI
        self.AcsClient = client.AcsClient
        self.AccessKeyCredential = AccessKeyCredential
        self.StsTokenCredential = StsTokenCredential
        self.HTTPAdapter = HTTPAdapter
        self.error_types = ErrorTypes(
            # ssl's own class up to Python 3.11, and a ValueError of the vendored library from 3.12 on.
            certificate=(ssl.CertificateError, CertificateError),
            not_connected=(ConnectTimeout, ProxyError, NewConnectionError),
        )

    def new_client(
        self, region: str, verify: bool | str, proxies: t.Mapping[str, str | None], credentials: Credentials
    ) -> t.Any:
        """An SDK client. ``verify``: True, False or the path of CA certificates."""
        if credentials.security_token:
            credential = self.StsTokenCredential(*credentials)
        else:
            credential = self.AccessKeyCredential(credentials.access_key_id, credentials.access_key_secret)
        client = self.AcsClient(
            region_id=region,
            credential=credential,
            auto_retry=False,
            verify=verify,
            proxy=proxies,
        )
        client.append_user_agent("ansible-collection", "aliyun_community.slb")
        return client

    def new_request(self, action: str, parameters: t.Mapping[str, str]) -> t.Any:
        """A new SDK request: used ones keep a SecurityToken and grow their User-Agent."""
        module = import_module(f"aliyunsdkslb.request.{API_VERSION}.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return request


def new_nonce() -> str:
    """A SignatureNonce, unique for each request: 32 hexadecimal digits, like the SDK's own."""
    return os.urandom(16).hex()


def import_sdk() -> Sdk:
    """Import the SDK without its side effects: logs and traces that hold signed URLs, keys from the environment.

    Raises SlbError if it is not installed.
    """
    _silence()
    # DEBUG=sdk prints URL and headers.
    os.environ.pop("DEBUG", None)
    # These two override the credential that a client is given.
    os.environ.pop("ALIYUN_ACCESS_KEY_ID", None)
    os.environ.pop("ALIYUN_ACCESS_KEY_SECRET", None)
    try:
        with _uncollected():
            return Sdk()
    except ImportError as exc:
        raise SlbError(
            "MissingLibrary",
            "the Python packages aliyun-python-sdk-core and aliyun-python-sdk-slb are needed on the host that runs "
            f"the task, but {exc.name or 'one of them'} cannot be imported",
            advice="Install them for the Python that runs the task: pip install 'aliyun-python-sdk-core>=2.16.1' "
            "'aliyun-python-sdk-slb>=3.3.22'.",
        ) from exc


def preload_sdk() -> None:
    """Import the SDK into this process, so that its children need not. If it is missing, import_sdk says so."""
    _silence()
    with contextlib.suppress(ImportError), _uncollected():
        Sdk()


def _silence() -> None:
    warnings.filterwarnings("ignore", module=r"aliyunsdk(core|slb)\b.*")
    # Every failure is logged with the whole signed URL; without a handler Python prints it on stderr.
    logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def _uncollected() -> t.Iterator[None]:
    """Disable the garbage collector during the first import of the SDK, and freeze the objects it made.

    They live until the process ends, and scanning them takes as long as the import itself.
    """
    if "aliyunsdkcore.client" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def host_of_region(region: str) -> str:
    """The host of the API in a region: from the SDK's own table, or else by its rule.

    The SDK would ask a location service about regions whose prefix it does not know: an extra signed call to a host
    that no option names.
    """
    host = f"slb.{region}.aliyuncs.com"
    try:
        from aliyunsdkslb.endpoint import endpoint_data
    except ImportError:
        return host  # importing the SDK will say that it is missing
    return str(endpoint_data.getEndpointMap().get(region, host))
