# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's main() in this process, as Ansible calls it, and what it must do whatever it is given."""

from __future__ import annotations

import contextlib
import io
import json
import signal
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

from slb_emulator import Emulator

MODULES = "ansible_collections.aliyun_community.slb.plugins.modules"
LOAD_BALANCER = "lb-web"
HANGING = 60  # seconds after which a run counts as hung
LONGEST_TEXT = 3000  # characters of a message for people

Document = dict[str, Any]

STATE: Document = {
    "access_keys": [{"access_key_id": "rehearsal", "access_key_secret": "rehearsal-secret"}],
    "load_balancers": [
        {
            "load_balancer_id": LOAD_BALANCER,
            "region_id": "cn-hangzhou",
            "backend_servers": [
                {"server_id": "i-web1", "description": "web-1"},
                {"server_id": "i-web2"},
                {"server_id": "eni-web3", "type": "eni", "server_ip": "10.0.0.3"},
            ],
            "listeners": [
                {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 80, "scheduler": "wrr"}
            ],
        }
    ],
}


class Hung(Exception):
    """A module did not end."""


def arguments(url: str, **changes: Any) -> Document:
    """Good arguments of slb_backend_weights, with changes; what is changed to ``...`` is left out."""
    good = {
        "load_balancer_id": LOAD_BALANCER,
        "backend_servers": [{"server_id": "i-web1", "weight": 50}],
        "region": "cn-hangzhou",
        "access_key": "rehearsal",
        "secret_key": "rehearsal-secret",
        "endpoint": url,
        "wait_timeout": 1,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def info_arguments(url: str, **changes: Any) -> Document:
    return arguments(url, backend_servers=..., **changes)


def run(module: ModuleType, given: Document) -> Document:
    """The result of a module. It must end in time, with one JSON object on stdout and nothing on stderr."""
    stdout, stderr = io.StringIO(), io.StringIO()
    warnings._global_warnings.clear()  # those of the runs before
    with (
        ended_in_time(),
        patch_module_args(given),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    result: Document = json.loads(stdout.getvalue())
    assert stderr.getvalue() == ""
    assert "exception" not in result
    if is_unicode(given):
        assert is_unicode(result)  # Ansible would throw it away
    if "error" in result:  # else the words are Ansible's
        for text in (result["msg"], result["error"]["message"]):
            assert len(text) <= LONGEST_TEXT
            assert text.isprintable(), ascii(text)
    return result


def is_unicode(value: Any) -> bool:
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode("utf-8"))
    except UnicodeEncodeError:
        return False


def set_weights(given: Document) -> Document:
    return run(import_module(f"{MODULES}.slb_backend_weights"), given)


def read(given: Document) -> Document:
    return run(import_module(f"{MODULES}.slb_backend_info"), given)


@contextlib.contextmanager
def ended_in_time() -> Iterator[None]:
    def give_up(*_signal: Any) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANGING)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def weights(slb: Emulator) -> dict[str, int]:
    return {member.server_id: member.weight for member in slb.members(LOAD_BALANCER)}


def reset(slb: Emulator) -> None:
    """All members at 100, no faults, nothing recorded."""
    slb.clear()
    for server_id in weights(slb):
        slb.set_weight(LOAD_BALANCER, server_id, 100)


def written(slb: Emulator) -> list[Document]:
    """What SetBackendServers was asked for, an element for each server and call."""
    requests = [request for request in slb.requests if request.action == "SetBackendServers"]
    return [entry for request in requests for entry in json.loads(request.parameters["BackendServers"])]
