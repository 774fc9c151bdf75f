# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulator in this process for tests that go through the real SDK."""

from __future__ import annotations

import functools
import os
import sys
import time
import typing as t
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client
from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import Connection
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials import vendor
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import (
    Credentials,
    StaticCredentials,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._deadline import Deadline
from ansible_collections.aliyun_community.slb.tests.unit.certificates import Certificates, make_certificates

# The emulator of an environment that ansible-test has made. Where `slb-emulator` is installed, that comes first. ansible-test
# cannot install it: it runs pip in an empty folder and without variables, so no requirement leads to this checkout.
sys.path.append(str(Path(__file__).resolve().parents[1] / "emulator" / "src"))

# ansible-test runs every test in a fork of its own: what the tests and the modules import on demand comes once, before.
# And plain pytest runs tests beside others that bring Ansible's own way of importing collections.
PROVIDERS = "ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.providers"
for name in ("slb_emulator", "aliyunsdkcore.client", "alibabacloud_credentials.provider", PROVIDERS):
    import_module(name)

KEY, SECRET, TOKEN = "rehearsal", "rehearsal-secret+/=", "rehearsal-token+/=="

STATE = {
    "access_keys": [
        {"access_key_id": KEY, "access_key_secret": SECRET},
        {"access_key_id": "STS.example", "access_key_secret": SECRET, "security_token": TOKEN},
    ],
    "load_balancers": [
        {
            "load_balancer_id": "lb-web",
            "region_id": "cn-hangzhou",
            "backend_servers": [
                {"server_id": "i-web1", "weight": 100, "description": "web/1.a-b_c"},
                {"server_id": "i-web2", "weight": 100},
                {"server_id": "eni-web3", "weight": 60, "type": "eni", "server_ip": "192.168.0.11"},
                {"server_id": "eni-web3", "weight": 60, "type": "eni", "server_ip": "192.168.0.12"},
            ],
            "listeners": [
                {
                    "listener_port": 1000 + number,
                    "listener_protocol": "tcp",
                    "backend_server_port": 80,
                    "scheduler": "wrr",
                }
                for number in range(120)
            ],
        }
    ],
}


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without the variables that the SDK and this collection read."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def collection_finder() -> t.Iterator[None]:
    """Ansible finds this collection. ansible-test sees to that, pytest alone does not.

    For a whole file of tests: to load the collection ansible.builtin again takes longer than most of them.
    """
    # Not on all Pythons on which modules run.
    from ansible.plugins.loader import init_plugin_loader
    from ansible.utils.collection_loader import AnsibleCollectionConfig
    from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

    if AnsibleCollectionConfig.collection_finder is not None:
        yield
        return
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Ansible knows only collections that its own finder has imported.
        for name in imported_collections():
            monkeypatch.delitem(sys.modules, name)
        init_plugin_loader([str(Path(__file__).resolve().parents[5])])
        yield
        _AnsibleCollectionFinder._remove()
        for name in imported_collections():
            del sys.modules[name]


def imported_collections() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] == "ansible_collections"]


@pytest.fixture
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("ALICLOUD_", "ALIBABA_CLOUD_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def process_of_a_module(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    """As if no other test had imported the controller or given a warning."""
    warnings = import_module("ansible.module_utils.common.warnings")
    monkeypatch.setattr(warnings, "_global_warnings", type(warnings._global_warnings)())
    if not find_spec("ansible.module_utils._internal"):  # before ansible-core 2.19
        yield
        return
    internal = import_module("ansible.module_utils._internal")
    monkeypatch.setattr(internal, "is_controller", False)
    monkeypatch.setattr(internal, "import_controller_module", lambda _name: None)
    is_strict = import_module("ansible.module_utils._internal._json._profiles")._string_encoding_check_enabled
    is_strict.cache_clear()
    yield
    is_strict.cache_clear()


class Clock:
    """The module ``time`` with pauses that move its clocks on and take no time.

    ``pauses``: how long they were, in seconds.
    """

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.pauses)

    def time(self) -> float:
        return time.time() + sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def doubled(self) -> bool:
        """Whether every pause was at least half of what it may be, and that doubled from one to the next."""
        most = [_deadline.FIRST_PAUSE * 2**number for number in range(len(self.pauses))]
        return all(limit / 2 < pause < limit for limit, pause in zip(most, self.pauses))


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Between two requests time passes at once. What a connection takes, and what other programs do, is real."""
    clock = Clock()
    for module in (_deadline, vendor):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def running_slb(clean_environment: pytest.MonkeyPatch) -> t.Callable[..., t.ContextManager[t.Any]]:
    """Starts an emulator with lb-web; takes ``tls`` and the like."""
    from slb_emulator import running

    return functools.partial(running, STATE)


@pytest.fixture
def slb(running_slb: t.Callable[..., t.ContextManager[t.Any]]) -> t.Iterator[t.Any]:
    with running_slb() as emulator:
        yield emulator


@pytest.fixture
def open_client(clean_environment: pytest.MonkeyPatch) -> t.Callable[..., Client]:
    """Makes a client for an endpoint: ``open_client(url, keys=..., seconds=..., verify=...)``."""

    def open_it(
        url: str,
        keys: t.Any = None,
        seconds: float = 20.0,
        verify: bool | str = True,
        read_timeout: float = 10.0,
        region: str = "cn-hangzhou",
    ) -> Client:
        source = keys or StaticCredentials(Credentials(KEY, SECRET))
        return Client(Connection(region, url, verify, 2.0, read_timeout), source, Deadline(seconds))

    return open_it


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))
