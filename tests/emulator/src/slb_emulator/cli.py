# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: options in, one line per API request out."""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import sys
import threading
import time
from pathlib import Path

from voluptuous import Invalid

from .api.service import RecordedRequest, Service
from .core.data_plane import DataPlane
from .core.documents import SECONDS, DocumentError
from .core.model import SlbState
from .core.settings import NUMBER_TYPES, Settings
from .core.state_document import EXAMPLE_STATE, load_state
from .data_plane.haproxy import DATA_PLANES, make_data_plane
from .http.server import LoopbackServer, is_loopback, tls_context

DESCRIPTION = """\
The emulator answers the API of the Alibaba Cloud Classic Load Balancer (product Slb, version 2014-05-15)
on this machine's loopback address, from a state file. It is a tool for trying things out and for tests: it knows no account, it
listens on loopback only, and it balances no traffic unless --data-plane haproxy lets HAProxy do so between processes
of this machine.
"""
EPILOG = """\
Without --state it serves an example, and prints what to export so that the Ansible collection aliyun_community.slb finds it:
  slb-emulator --port 8088

Each API request prints one line: time, action, load balancer, status, error code, changed weights.
State, recorded requests, faults and settings are under /_rehearsal/ on the same port; README.md describes them.
SIGTERM or Ctrl-C ends it. Exit codes: 0 ended by a signal, 2 not started because something is wrong.
"""


def duration(argument: str) -> float:
    """A number of seconds, zero or more."""
    try:
        return float(SECONDS(float(argument)))
    except (ValueError, Invalid):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a number of seconds, zero or more") from None


def port_number(argument: str) -> int:
    """A TCP port, 0 for a free one."""
    if not (argument.isascii() and argument.isdigit() and int(argument) <= 65535):
        raise argparse.ArgumentTypeError(f"{argument!r} is not a port from 0 to 65535")
    return int(argument)


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="slb-emulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = options.add_argument
    add(
        "--state",
        type=Path,
        metavar="FILE",
        help="YAML file: keys, load balancers, members, listeners (default: an example)",
    )
    add("--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)")
    add("--port", default=0, type=port_number, help="port to listen on; 0, the default, takes a free one")
    add("--port-file", type=Path, metavar="FILE", help="write the port to this file once it listens")
    add(
        "--busy-seconds",
        default=0.0,
        type=duration,
        metavar="SECONDS",
        help="after a change, refuse other changes of the load balancer for this long (default: 0)",
    )
    add("--latency", default=0.0, type=duration, metavar="SECONDS", help="wait before each answer (default: 0)")
    add(
        "--set-weight-as",
        default="str",
        choices=NUMBER_TYPES,
        help="type of a weight in answers to SetBackendServers and AddBackendServers (default: %(default)s)",
    )
    add(
        "--data-plane",
        default="none",
        choices=DATA_PLANES,
        help="what moves real traffic between listeners and members, on loopback (default: %(default)s)",
    )
    add(
        "--data-plane-delay",
        default=0.0,
        type=duration,
        metavar="SECONDS",
        help="let a change of the members reach the traffic this much later (default: 0)",
    )
    add("--tls-cert", type=Path, metavar="FILE", help="PEM certificate; serves https instead of http")
    add("--tls-key", type=Path, metavar="FILE", help="PEM key of the certificate")
    add("--quiet", action="store_true", help="print nothing but errors")
    return options


def write_port_file(path: Path, port: int) -> None:
    """Write the port so that a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(f"{port}\n", encoding="ascii")
    os.replace(partial, path)


def print_request(record: RecordedRequest) -> None:
    """One line for a request."""
    # One write, so that lines of different threads do not mix.
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {record}\n")
    sys.stdout.flush()


def print_sentence(sentence: str) -> None:
    """Something the data plane has to say; it may be the reason why a test fails."""
    sys.stderr.write(f"slb_emulator: {sentence}\n")
    sys.stderr.flush()


def print_exports(url: str) -> None:
    """What leads the collection to the example; the keys of a state file of one's own are not printed."""
    state = load_state(EXAMPLE_STATE)
    key = next(iter(state.access_keys.values()))
    region = next(iter(state.load_balancers.values())).region_id
    print(f"export ALICLOUD_ACCESS_KEY={key.access_key_id}")
    print(f"export ALICLOUD_SECRET_KEY={key.access_key_secret}")
    print(f"export ALICLOUD_REGION={region}")
    print(f"export ALICLOUD_SLB_ENDPOINT={url}", flush=True)


def print_frontends(plane: DataPlane) -> None:
    """One line for each listener of a data plane: where it takes traffic, or why it takes none."""
    description = plane.describe()
    for frontend in description["frontends"]:
        listener = f"{frontend['load_balancer_id']} {frontend['listener_protocol']} {frontend['listener_port']}"
        print(f"{listener} takes traffic on {frontend['url']}", flush=True)
    for sentence in description["skipped"]:
        print(sentence, flush=True)


def read_state(path: Path) -> SlbState:
    """The state in a file; DocumentError when it cannot be read or is not valid."""
    try:
        return load_state(path)
    except OSError as error:
        raise DocumentError("--state", f"cannot read {path}: {error.strerror}") from error


def read_tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """The TLS context of two PEM files; DocumentError when they cannot be used."""
    try:
        return tls_context(certificate, key)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DocumentError("--tls-cert", f"cannot use {certificate} with {key}: {reason}") from error


def listen(options: argparse.Namespace, service: Service, tls: ssl.SSLContext | None) -> LoopbackServer:
    """A server that listens, its port written to the port file; DocumentError when either fails."""
    try:
        server = LoopbackServer(options.host, options.port, service, tls)
    except OSError as error:
        raise DocumentError(
            "--port", f"cannot listen on {options.host} port {options.port}: {error.strerror}"
        ) from error
    try:
        if options.port_file is not None:
            write_port_file(options.port_file, server.port)
    except OSError as error:
        server.server_close()
        raise DocumentError("--port-file", f"cannot write {options.port_file}: {error.strerror}") from error
    return server


def build_server(options: argparse.Namespace) -> LoopbackServer:
    """The server the options ask for. DocumentError, fit to print, when it cannot start."""
    if not is_loopback(options.host):
        raise DocumentError("--host", f"{options.host} is not a loopback address, and this tool listens on no other")
    if (options.tls_cert is None) != (options.tls_key is None):
        raise DocumentError("--tls-cert", "goes together with --tls-key")
    state = read_state(options.state or EXAMPLE_STATE)
    if not state.access_keys:
        raise DocumentError("state", "lacks the key 'access_keys' with at least one entry")
    tls = read_tls(options.tls_cert, options.tls_key) if options.tls_cert else None
    settings = Settings(options.busy_seconds, options.latency, options.set_weight_as, options.data_plane_delay)
    plane = make_data_plane(options.data_plane, print_sentence)
    service = Service(state, settings, plane)
    if not options.quiet:
        service.on_request = print_request
    try:
        plane.start(state)
        return listen(options, service, tls)
    except BaseException:
        plane.stop()
        raise


def event_of_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    return ended


def serve(server: LoopbackServer, ended: threading.Event) -> None:
    """Serve until an event."""
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    ended.wait()
    server.stop()
    thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = parser().parse_args(arguments)
    # Before anyone can learn the port and send a signal.
    ended = event_of_signals()
    try:
        server = build_server(options)
    except DocumentError as error:
        print(f"slb_emulator: {error}", file=sys.stderr)
        return 2
    if not options.quiet:
        print(f"The emulator listens on {server.url} (for trying things out: it is not a load balancer)", flush=True)
        if options.state is None:
            print_exports(server.url)
        print_frontends(server.data_plane)
    serve(server, ended)
    return 0
