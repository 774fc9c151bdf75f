# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is counted, in crafted tables and with real connections, and that nothing is taken for none."""

from __future__ import annotations

import collections
import contextlib
import random
import socket
import struct
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.modules import slb_connections
from ansible_collections.aliyun_community.slb.plugins.modules.slb_connections import (
    NotCounted,
    count_peers,
    parse_table,
)

PORT = 8080
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ESTABLISHED, TIME_WAIT, CLOSE_WAIT, LISTEN = "01", "06", "08", "0A"


def digits(address: str) -> str:
    """An address as the kernel of this machine writes it."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed))


def entry(local: str, port: int, remote: str, state: str = ESTABLISHED, remote_port: int = 50000) -> str:
    rest = "00000000:00000000 00:00000000 00000000     0        0 243394 1 0000000000000000 100 0 0 10 0"
    return f"   0: {digits(local)}:{port:04X} {digits(remote)}:{remote_port:04X} {state} {rest}\n"


def folder_with(folder: Path, tcp: str, tcp6: str | None = None) -> str:
    (folder / "tcp").write_text(tcp, encoding="ascii")
    if tcp6 is not None:
        (folder / "tcp6").write_text(tcp6, encoding="ascii")
    return str(folder)


@pytest.mark.parametrize(
    ("line", "peers"),
    [
        (entry("127.0.0.1", PORT, "127.0.0.1"), {"127.0.0.1": 1}),
        (entry("192.168.0.11", PORT, "10.1.2.3"), {"10.1.2.3": 1}),
        (entry("::1", PORT, "2001:db8::7"), {"2001:db8::7": 1}),
        (entry("::ffff:192.168.0.11", PORT, "::ffff:10.1.2.3"), {"10.1.2.3": 1}),
        (entry("10.0.0.1", 65535, "10.1.2.3"), {}),
        (entry("10.0.0.1", 50000, "10.1.2.3", remote_port=PORT), {}),
        (entry("0.0.0.0", PORT, "0.0.0.0", LISTEN), {}),
        (entry("10.0.0.1", PORT, "10.1.2.3", TIME_WAIT), {}),
        (entry("10.0.0.1", PORT, "10.1.2.3", CLOSE_WAIT), {}),
        ("", {}),
    ],
)
def test_entry(line: str, peers: dict[str, int]) -> None:
    assert parse_table(HEADER + line, "tcp", [PORT]) == peers


def test_several_entries() -> None:
    peers = ("10.0.0.2", "10.0.0.3", "10.0.0.2")
    lines = [entry("10.0.0.1", PORT, peer, remote_port=50000 + number) for number, peer in enumerate(peers)]
    assert parse_table(HEADER + "".join(lines), "tcp", [PORT]) == {"10.0.0.2": 2, "10.0.0.3": 1}


def test_several_ports() -> None:
    lines = [entry("10.0.0.1", port, "10.0.0.2") for port in (PORT, 9000, 9001)]
    assert parse_table(HEADER + "".join(lines), "tcp", [PORT, 9001]) == {"10.0.0.2": 2}


def test_an_entry_that_the_kernel_lists_twice_is_one_connection() -> None:
    others = [entry("10.0.0.1", PORT, "10.0.0.2", remote_port=50001), entry("10.0.0.9", PORT, "10.0.0.2")]
    assert parse_table(HEADER + GOOD * 2 + "".join(others), "tcp", [PORT]) == {"10.0.0.2": 3}


GOOD = entry("10.0.0.1", PORT, "10.0.0.2")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "tcp does not begin as expected"),
        (GOOD, "tcp does not begin as expected"),
        (HEADER + GOOD + "\n" + GOOD, "line 3 of tcp is not as expected: ''"),
        (HEADER + GOOD[:30], "line 2 of tcp is not as expected"),
        (HEADER + GOOD.replace("0A", "0a", 1), "line 2 of tcp is not as expected"),
        (HEADER + GOOD.replace(":1F90", ":11F90"), "line 2 of tcp is not as expected"),
        (HEADER + GOOD.replace(digits("10.0.0.1"), digits("10.0.0.1")[:-1]), "line 2 of tcp is not as expected"),
        (HEADER + GOOD.replace(digits("10.0.0.2"), digits("::1")), "line 2 of tcp is not as expected"),
        (HEADER + "garbage\n", "line 2 of tcp is not as expected: 'garbage'"),
    ],
)
def test_malformed_table_is_not_counted(table: str, words: str) -> None:
    with pytest.raises(NotCounted) as caught:
        parse_table(table, "tcp", [PORT])
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_both_tables_count(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, HEADER + GOOD, HEADER + entry("::1", PORT, "::1"))
    assert count_peers([PORT], folder) == {"10.0.0.2": 1, "::1": 1}


def test_ipv6_may_be_off(tmp_path: Path) -> None:
    assert count_peers([PORT], folder_with(tmp_path, HEADER + GOOD)) == {"10.0.0.2": 1}
    assert count_peers([80], folder_with(tmp_path, HEADER + GOOD)) == {}


@pytest.mark.parametrize("name", ["tcp", "tcp6"])
def test_unreadable_table_is_not_counted(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path, HEADER, HEADER)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(NotCounted, match=rf"cannot be counted: .*/{name} cannot be read \(.*\)\.$"):
        count_peers([PORT], folder)


@pytest.mark.parametrize("name", ["tcp", "tcp6"])
def test_table_that_is_not_text_is_not_counted(tmp_path: Path, name: str) -> None:
    folder = folder_with(tmp_path, HEADER, HEADER)
    (tmp_path / name).write_bytes(HEADER.encode() + b"\xff")
    with pytest.raises(NotCounted, match=f"/{name} cannot be read"):
        count_peers([PORT], folder)


def test_system_without_tables_needs_psutil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(
        NotCounted, match=r"there is no .*/tcp, and the Python package psutil is not installed on the host"
    ):
        count_peers([PORT], str(tmp_path))


class Psutil:
    """The part of psutil that is used. Its package is not installed where these tests run."""

    CONN_ESTABLISHED = "ESTABLISHED"
    CONN_LISTEN = "LISTEN"

    class Address(t.NamedTuple):
        ip: str
        port: int

    class Connection(t.NamedTuple):
        laddr: t.Any
        raddr: t.Any
        status: str

    def net_connections(self, kind: str) -> list[Psutil.Connection]:
        if kind != "tcp":
            raise ValueError(kind)
        at, peer = self.Address("10.0.0.1", PORT), self.Address("::ffff:10.0.0.2", 50000)
        return [
            self.Connection(at, peer, "ESTABLISHED"),
            self.Connection(at, (), "LISTEN"),
            self.Connection(peer, at, "ESTABLISHED"),
        ]


class DeniedPsutil(Psutil):
    def net_connections(self, kind: str) -> list[Psutil.Connection]:
        raise PermissionError("access denied")


def test_psutil_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", t.cast(t.Any, Psutil()))
    assert count_peers([PORT], str(tmp_path)) == {"10.0.0.2": 1}


def test_ports_on_which_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tcp = HEADER + entry("0.0.0.0", 80, "0.0.0.0", LISTEN) + entry("10.0.0.1", 81, "10.0.0.2")
    folder = folder_with(tmp_path, tcp, HEADER + entry("::", 82, "::", LISTEN))
    assert slb_connections.closed_ports([80, 81, 82, 83], folder) == [81, 83]
    monkeypatch.setitem(sys.modules, "psutil", t.cast(t.Any, Psutil()))
    elsewhere = str(tmp_path / "elsewhere")
    assert slb_connections.closed_ports([PORT, 80], elsewhere) == [80]
    monkeypatch.setitem(sys.modules, "psutil", t.cast(t.Any, DeniedPsutil()))
    assert slb_connections.closed_ports([PORT], elsewhere) == [PORT]
    with listening("127.0.0.1") as server:
        assert slb_connections.closed_ports([server.getsockname()[1]]) == []


def test_psutil_that_fails_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", t.cast(t.Any, DeniedPsutil()))
    with pytest.raises(NotCounted, match=r"psutil failed \(access denied\)\.$"):
        count_peers([PORT], str(tmp_path))


def bound(address: str) -> socket.socket:
    """A socket with a port that no other program of this machine gets for its connections, to other local addresses perhaps."""
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if address == "::":
        found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    for port in random.sample(range(first_of_clients // 2, first_of_clients), 100):
        with contextlib.suppress(OSError):
            found.bind((address, port))
            return found
    raise AssertionError("no free port was found")


def listening(address: str) -> socket.socket:
    server = bound(address)
    server.listen()
    return server


@pytest.mark.parametrize(
    ("server_address", "client_address", "peer"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2", None),
        ("0.0.0.0", "127.0.0.3", None),
        ("::1", "::1", "::1"),
        ("::", "127.0.0.1", "127.0.0.1"),
        ("::", "::1", "::1"),
    ],
)
def test_real_connection(server_address: str, client_address: str, peer: str | None) -> None:
    """It counts once, at the server's end, from connecting until it is closed."""
    with listening(server_address) as server:
        port = server.getsockname()[1]
        assert slb_connections.wait([port], 0)["connections"] == 0
        client = bound(client_address)
        client.connect((client_address, port))
        with client, server.accept()[0]:
            found = slb_connections.wait([port], 0)
            assert found["connections"] == 1
            assert [each["connections"] for each in found["peers"]] == [1]
            assert peer in (None, found["peers"][0]["address"])
            assert slb_connections.wait([client.getsockname()[1]], 0)["connections"] == 1
        assert slb_connections.wait([port], 0)["connections"] == 0


def test_waits_for_the_last_connection() -> None:
    with listening("127.0.0.2") as server, contextlib.ExitStack() as stack:
        port = server.getsockname()[1]
        stack.enter_context(socket.create_connection(("127.0.0.2", port)))
        threading.Timer(1.2, stack.close).start()
        assert slb_connections.wait([port], 600)["connections"] == 0


class SlowTable:
    """A clock on which a look at a long table of connections takes 2 s, until there is no connection."""

    def __init__(self, looks: int) -> None:
        self.now, self.looks, self.pauses = 0.0, looks, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def count(self, _ports: t.Collection[int]) -> t.Counter[str]:
        self.now += 2.0
        self.looks -= 1
        return collections.Counter({"10.0.0.1": 1} if self.looks else {})


def test_rests_longer_than_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    table = SlowTable(looks=3)
    monkeypatch.setattr(slb_connections, "time", table)
    monkeypatch.setattr(slb_connections, "count_peers", table.count)
    assert slb_connections.wait([PORT], 600) == {"connections": 0, "elapsed": 42, "peers": []}
    assert table.pauses == [18.0, 18.0]


def test_rests_no_longer_than_it_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    table = SlowTable(looks=9)
    monkeypatch.setattr(slb_connections, "time", table)
    monkeypatch.setattr(slb_connections, "count_peers", table.count)
    assert slb_connections.wait([PORT], 10)["connections"] == 1
    assert table.pauses == [8.0]


def test_peers_are_few_and_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [entry("10.0.0.1", PORT, f"10.0.1.{number}") for number in range(20)] + [
        entry("10.0.0.1", PORT, "10.0.1.7", remote_port=50001)
    ]
    monkeypatch.setattr(slb_connections.count_peers, "__defaults__", (folder_with(tmp_path, HEADER + "".join(lines)),))
    found = slb_connections.wait([PORT], 0)
    assert found["connections"] == 21
    assert len(found["peers"]) == 10
    assert found["peers"][0] == {"address": "10.0.1.7", "connections": 2}
