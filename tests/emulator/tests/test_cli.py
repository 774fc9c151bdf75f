# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line, in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from sdk_client import SdkClient

FOLDER = Path(__file__).resolve().parent.parent
EXAMPLE = FOLDER / "example_state.yml"


def command(*options):
    """The command with these options."""
    return [sys.executable, "-m", "slb_emulator", *map(str, options)]


def run(*options):
    """The command, run until it ends by itself."""
    return subprocess.run(command(*options), cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def start(tmp_path):
    """Starts the command and gives (process, port); ends it in the end."""
    processes = []

    def start_it(*options):
        port_file = tmp_path / "port"
        process = subprocess.Popen(
            command("--state", EXAMPLE, "--port-file", port_file, *options),
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        deadline = time.monotonic() + 30
        while not port_file.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        text = port_file.read_text(encoding="ascii")
        assert text.endswith("\n")
        return process, int(text)

    yield start_it
    for process in processes:
        process.kill()
        process.communicate()


def client(port, **options):
    """The SDK with the key of the example."""
    return SdkClient(f"http://127.0.0.1:{port}", "rehearsal", "rehearsal-secret", **options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_session(start, number):
    process, port = start()
    sdk = client(port)
    sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-rehearsal")
    with pytest.raises(ServerException, match=r"InvalidLoadBalancerId\.NotFound"):
        sdk.describe("lb-none")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    lines = output.splitlines()
    assert f"http://127.0.0.1:{port}" in lines[0]
    assert lines[1].split(" ", 1)[1] == "SetBackendServers lb-rehearsal 200 i-web2: 100 -> 0"
    assert lines[2].split(" ", 1)[1] == ("DescribeLoadBalancerAttribute lb-none 404 InvalidLoadBalancerId.NotFound")
    assert len(lines) == 3
    assert "secret" not in output


def test_options_reach_the_service(start):
    process, port = start("--quiet", "--busy-seconds", "3600", "--set-weight-as", "int", "--latency", "0.2")
    sdk = client(port)
    begin = time.monotonic()
    answer = sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-rehearsal")
    assert time.monotonic() - begin >= 0.2
    assert answer["BackendServers"]["BackendServer"][0]["Weight"] == 0
    with pytest.raises(ServerException, match=r"BackendServer\.configuring"):
        sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-rehearsal")
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")


def test_ends_with_a_connection_open(start):
    process, port = start()
    with socket.create_connection(("127.0.0.1", port)):
        time.sleep(0.1)
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_tls(start, certificate):
    _process, port = start("--tls-cert", certificate[0], "--tls-key", certificate[1])
    sdk = SdkClient(f"https://localhost:{port}", "rehearsal", "rehearsal-secret", verify=certificate[0])
    assert len(sdk.describe("lb-rehearsal")) == 4


def test_help():
    result = run("--help")
    assert result.returncode == 0
    for word in ("rehearsal", "--state", "--port-file", "--busy-seconds", "--set-weight-as", "loopback only"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "--state: cannot read "),
        ("load_balancers: [", "state: is not YAML"),
        ("load_balancers: []\nkeys: []\n", "state: has the unknown key 'keys'"),
        ("load_balancers: []\n", "state: lacks the key 'access_keys'"),
        ("access_keys: []\nload_balancers: [{load_balancer_id: lb-1}]\n", "state.load_balancers[0]: lacks the key"),
    ],
)
def test_bad_state(tmp_path, text, sentence):
    path = tmp_path / "state.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = run("--state", path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"slb_emulator: {sentence}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_only_loopback(host):
    result = run("--state", EXAMPLE, "--host", host)
    assert result.returncode == 2
    assert f"{host} is not a loopback address" in result.stderr
    assert result.stderr.count("\n") == 1


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--state", EXAMPLE, "--port", taken.getsockname()[1])
    assert result.returncode == 2
    assert "cannot listen on 127.0.0.1" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "65536"),
        ("--latency", "-1"),
        ("--busy-seconds", "nan"),
        ("--set-weight-as", "float"),
        ("--tls-cert", EXAMPLE),
        ("--tls-cert", EXAMPLE, "--tls-key", EXAMPLE),
        ("--port-file", os.path.join(os.sep, "no", "such", "folder", "port")),
    ],
)
def test_bad_options(options):
    result = run("--state", EXAMPLE, *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert result.stderr
