# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the import of the SDK costs, and its side effects."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import typing as t
import warnings
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _sdk
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import import_sdk
from ansible_collections.aliyun_community.slb.plugins.module_utils._slb import describe_load_balancer


@pytest.mark.usefixtures("clean_environment")
def test_warnings_of_the_sdk_alone_are_silenced() -> None:
    names = ["aliyunsdkcore.client", "aliyunsdkslb", "aliyunsdkcores", "ansible"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import_sdk()
        for name in names:
            warnings.warn_explicit(name, UserWarning, f"{name}.py", 1, module=name)
    heard = [str(warning.message) for warning in caught]
    assert [name for name in names if name in heard] == names[2:]


def output_of(program: str) -> bytes:
    """What a program prints in a separate process, like that of a module."""
    collections = Path(_sdk.__file__).parents[5]
    lines = f"import sys; sys.path.insert(0, {str(collections)!r})\n{program}"
    return subprocess.check_output([sys.executable, "-c", lines])


IMPORT_TWICE = """
import gc, json, sys
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import import_sdk

frozen, kept = [gc.get_freeze_count()], []
for number in range(2):
    import_sdk()
    frozen.append(gc.get_freeze_count())
    kept.extend([number] for each in range(5000))
print(json.dumps({"frozen": frozen, "collecting": gc.isenabled(), "modules": list(sys.modules)}))
"""


def test_sdk_is_imported_with_no_more_than_it_needs() -> None:
    seen = json.loads(output_of(IMPORT_TWICE))
    before, first, second = seen["frozen"]
    assert first - before > 1000
    assert abs(second - first) < 1000  # what came later is looked at; a few of the first objects come and go
    assert seen["collecting"]
    assert "aliyunsdkcore.client" in seen["modules"]
    assert "cryptography" not in seen["modules"]


OPEN_CLIENT = """
import json, sys
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.base import Credentials
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import import_sdk

sdk, opened = import_sdk(), []
sys.addaudithook(lambda event, about: event == "open" and opened.append(str(about[0])))
sdk.new_client("cn-hangzhou", True, {}, Credentials("id", "secret", None))
print(json.dumps(opened))
"""


def test_a_client_reads_no_table_of_endpoints() -> None:
    assert not [name for name in json.loads(output_of(OPEN_CLIENT)) if name.endswith(".json")]


@pytest.mark.usefixtures("clean_environment")
def test_garbage_is_collected_as_ever_where_the_sdk_is_imported_already() -> None:
    import_sdk()
    gc.unfreeze()
    import_sdk()
    assert gc.get_freeze_count() < 1000
    assert gc.isenabled()


def test_requests_are_signed_where_md5_is_forbidden(slb: t.Any, open_client: t.Any, monkeypatch: t.Any) -> None:
    """As in FIPS mode. The nonce of the SDK is an MD5 sum."""
    client = open_client(slb.url)

    def refuse(*_content: bytes, **_options: t.Any) -> t.NoReturn:
        raise ValueError("[digital envelope routines] unsupported")

    monkeypatch.setattr(hashlib, "md5", refuse)
    for _request in range(2):
        assert describe_load_balancer(client, "lb-web").backend_servers
    first, second = (request.parameters["SignatureNonce"] for request in slb.requests)
    assert len(first) == len(second) == 32
    assert first != second


PRELOAD = """
import json, os, sys
from ansible_collections.aliyun_community.slb.plugins.module_utils._sdk import preload_sdk

preload_sdk()
print(json.dumps({"environ": dict(os.environ), "modules": list(sys.modules)}))
"""


def test_preloading_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not fail: the task that needs the SDK says that it is missing."""
    monkeypatch.setitem(sys.modules, "aliyunsdkcore.client", None)
    _sdk.preload_sdk()
    assert gc.isenabled()


def test_preloading_leaves_the_environment_as_it_is() -> None:
    """Other tasks of the run inherit it."""
    collections = Path(_sdk.__file__).parents[5]
    environ = {"DEBUG": "sdk", "ALIYUN_ACCESS_KEY_ID": "theirs", "PATH": os.environ["PATH"]}
    program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(collections)!r})\n{PRELOAD}"]
    seen = json.loads(subprocess.check_output(program, env=environ))
    assert {name: seen["environ"][name] for name in environ} == environ
    assert "aliyunsdkcore.client" in seen["modules"]
