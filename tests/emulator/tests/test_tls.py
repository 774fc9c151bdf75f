# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""https: the scheme and the server name are recorded."""

from __future__ import annotations

import json
import socket
import ssl
import typing as t
import urllib.request
from urllib.parse import urlencode

import pytest
from rpc_request import common_parameters, signed

from slb_emulator import Emulator, running


def describe(url: str, server_name: str | None, authority: str) -> t.Any:
    """The members, asked for over TLS with this server name."""
    host, port = url.rsplit("/", 1)[1].split(":")
    context = ssl.create_default_context(cafile=authority)
    query = urlencode(signed(common_parameters("DescribeLoadBalancerAttribute", LoadBalancerId="lb-test")))
    plain = socket.create_connection((host, int(port)), timeout=30)
    with context.wrap_socket(plain, server_hostname=server_name) as connection:
        connection.sendall(f"POST /?{query} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])["BackendServers"]["BackendServer"]


@pytest.fixture
def tls_emulator(state: dict[str, t.Any], certificate: tuple[str, str]) -> t.Iterator[Emulator]:
    with running(state, tls=certificate) as emulator:
        yield emulator


@pytest.mark.parametrize(("server_name", "recorded"), [("localhost", "localhost"), ("127.0.0.1", "")])
def test_server_name(tls_emulator: Emulator, certificate: tuple[str, str], server_name: str, recorded: str) -> None:
    assert tls_emulator.url.startswith("https://")
    assert len(describe(tls_emulator.url, server_name, certificate[0])) == 5
    record = tls_emulator.requests[-1]
    assert (record.scheme, record.sni) == ("https", recorded)


def test_a_silent_client_holds_nobody_up(tls_emulator: Emulator, certificate: tuple[str, str]) -> None:
    """A connection without a handshake does not keep others from theirs."""
    host, port = tls_emulator.url.rsplit("/", 1)[1].split(":")
    with socket.create_connection((host, int(port))):
        assert len(describe(tls_emulator.url, "localhost", certificate[0])) == 5


def test_a_silent_client_does_not_hold_the_end(state: dict[str, t.Any], certificate: tuple[str, str]) -> None:
    with running(state, tls=certificate) as emulator:
        host, port = emulator.url.rsplit("/", 1)[1].split(":")
        silent = socket.create_connection((host, int(port)), timeout=20)
        describe(emulator.url, "localhost", certificate[0])
    with silent:
        assert silent.recv(1) == b""


def test_plain_http_is_no_answer(tls_emulator: Emulator) -> None:
    url = tls_emulator.url.replace("https", "http")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(OSError, match=r".*"):
        opener.open(f"{url}/_rehearsal/state", timeout=30)
    assert tls_emulator.requests == []


def test_a_fault_over_tls(tls_emulator: Emulator, certificate: tuple[str, str]) -> None:
    tls_emulator.add_fault({"kind": "truncate"})
    with pytest.raises((ValueError, OSError)):
        describe(tls_emulator.url, "localhost", certificate[0])
    assert len(describe(tls_emulator.url, "localhost", certificate[0])) == 5
