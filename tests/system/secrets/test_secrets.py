# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret is shown, logged, left or listed, however a task ends.

Real playbooks run at -vvvv against emulators, one for each scenario. Everything that comes out of them is searched:
stdout and stderr, the log, the results as callbacks get them, the files that are left, and the command lines of all
processes while they run.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import typing as t
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from warm_ansible import SETTINGS

import slb_emulator.api.gateway
from ansible_collections.aliyun_community.slb.tests.unit.certificates import Certificates, make_certificates
from slb_emulator import running

FOLDER = Path(__file__).resolve().parent
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
KEY = "STS.example"
# Signs that a URL or a request leaked, whatever its values were.
MARKS = ("Signature=", "Signature%3D", "SignatureNonce", "SecurityToken=", "SecurityToken%3D", "Authorization")


class Secrets(t.NamedTuple):
    """Random, so that nothing else on this machine looks like them, with what needs to be encoded in URLs."""

    secret_key: str
    security_token: str
    proxy_password: str


class Scenario(t.NamedTuple):
    """One way to end. ``code`` is that of the error, empty for a task that succeeds or dies without one.

    Every one is played with keys from a file, of which Ansible knows nothing and which it cannot hide. Those where
    Ansible has words of its own are ``anywhere``: played with keys from options and from the environment, too.
    """

    name: str
    code: str = ""
    failed: bool = True
    anywhere: bool = False
    key: dict[str, t.Any] = {}  # what the emulator knows otherwise about the key
    tls: bool = False
    fault: dict[str, t.Any] | None = None
    arguments: dict[str, t.Any] = {}  # of the task
    environment: dict[str, str] = {}


SHORT = {"wait_timeout": 1}
SCENARIOS = (
    Scenario("good", failed=False, anywhere=True),
    Scenario("good-with-the-SDKs-debugging", failed=False, environment={"DEBUG": "sdk"}),
    Scenario("unknown-key", "InvalidAccessKeyId.NotFound", key={"access_key_id": "somebody"}),
    Scenario("wrong-secret", "SignatureDoesNotMatch", key={"access_key_secret": "another"}),
    Scenario(
        "expired-token",
        "InvalidSecurityToken.Expired",
        key={"token_expired": True},
        environment={"DEBUG": "sdk"},
    ),
    Scenario("dead-endpoint", "EndpointUnreachable", arguments={"endpoint": "http://127.0.0.1:9", **SHORT}),
    Scenario("unknown-host", "EndpointUnreachable", arguments={"endpoint": "slb.invalid", **SHORT}),
    Scenario("certificate-of-a-stranger", "CertificateInvalid", tls=True),
    Scenario("dead-proxy", "EndpointUnreachable", arguments={"endpoint": "http://localhost:9", **SHORT}),
    Scenario(
        "HTML", "UnusableAnswer", fault={"kind": "raw", "http_status": 200, "body": "<html>SECRET"}, arguments=SHORT
    ),
    Scenario("cut", "NoAnswer", fault={"kind": "cut_before"}, arguments=SHORT),
    Scenario(
        "error-that-quotes-the-request",
        "Code.TOKEN",
        anywhere=True,
        fault={"kind": "error", "code": "Code.TOKEN", "http_status": 400, "message": "SECRET TOKEN"},
    ),
    Scenario(
        "busy-until-the-deadline",
        "BackendServer.configuring",
        fault={"kind": "error", "code": "BackendServer.configuring", "action": "SetBackendServers"},
        arguments={"wait_timeout": 8},
    ),
    Scenario(
        "write-without-an-answer",
        "NoAnswer",
        fault={"kind": "cut_before", "action": "SetBackendServers"},
        arguments={"wait_timeout": 8},
    ),
    Scenario(
        "ambiguous-server", "InvalidArgument", arguments={"backend_servers": [{"server_id": "eni-1", "weight": 0}]}
    ),
    Scenario("unknown-member", "UnknownMember", arguments={"backend_servers": [{"server_id": "i-none", "weight": 0}]}),
    Scenario(
        "weight-that-is-none",
        "InvalidArgument",
        anywhere=True,
        arguments={"backend_servers": [{"server_id": "i-web1", "weight": 101}]},
    ),
    Scenario("choice-that-is-none", anywhere=True, arguments={"on_missing": "perhaps"}),
    Scenario("option-that-is-none", anywhere=True, arguments={"colour": "red"}),
    Scenario("type-that-is-none", anywhere=True, arguments={"assume_role": "SECRET"}),
    Scenario(
        "role-that-cannot-be-had",
        "CredentialsUnobtainable",
        arguments={"assume_role": {"role_arn": "acs:ram::1:role/none", "sts_endpoint": "127.0.0.1:9"}},
    ),
    Scenario("crash", anywhere=True, environment={"PYTHONPATH": str(FOLDER / "broken" / "sdk")}),
    Scenario(
        "crash-after-a-request",
        anywhere=True,
        arguments={"endpoint": "http://127.0.0.1:9"},
        environment={"PYTHONPATH": str(FOLDER / "broken" / "sleep"), "DEBUG": "sdk"},
    ),
    Scenario(
        "crash-after-an-answer",
        anywhere=True,
        fault={"kind": "raw", "http_status": 500, "body": "SECRET"},
        environment={"PYTHONPATH": str(FOLDER / "broken" / "sleep"), "DEBUG": "sdk"},
    ),
)


class Run(t.NamedTuple):
    """Everything that came out of one playbook. ``results``: as callbacks get them."""

    output: str
    log: str
    results: list[dict[str, t.Any]]
    left: dict[str, bytes]

    def texts(self) -> dict[str, str]:
        left = {name: content.decode("utf-8", "replace") for name, content in self.left.items()}
        return {"the output": self.output, "the log": self.log, "the results": json.dumps(self.results), **left}


class Watch:
    """Collects the command lines of all processes of this machine while it runs, in ``seen``.

    In ``own`` are those of the run, which have its folder in their environment.
    One that has been looked at so often that it must have become what it was started for is not read again.
    """

    LOOKS = 25

    def __init__(self, folder: Path) -> None:
        self.seen: set[str] = set()
        self.own: set[str] = set()
        self._folder = os.fsencode(folder)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        looks: dict[str, int] = {}
        while not self._end.wait(0.02):
            looks = {process: looks.get(process, 0) + 1 for process in filter(str.isdecimal, os.listdir("/proc"))}
            for process in (process for process, count in looks.items() if count <= self.LOOKS):
                with contextlib.suppress(OSError):  # it has ended
                    words = Path("/proc", process, "cmdline").read_bytes()
                    line = words.replace(b"\0", b" ").decode("utf-8", "replace")
                    self.seen.add(line)
                    if self._folder in Path("/proc", process, "environ").read_bytes():
                        self.own.add(line)


def leaks(text: str, wanted: t.Iterable[str]) -> list[str]:
    """What of ``wanted`` the text has, as it is or as URLs, JSON and base64 carry it, with what is around it."""
    found = []
    for secret in wanted:
        plain = [secret, quote(secret, safe=""), quote_plus(secret), quote(quote(secret, safe=""), safe="")]
        encoded = [base64.b64encode(secret.encode()).decode().rstrip("="), json.dumps(secret)[1:-1]]
        for form in {*plain, *encoded}:
            place = text.find(form)
            if place >= 0:
                found.append(text[max(0, place - 200) : place + len(form) + 50])
    return found


def error_code(result: dict[str, t.Any]) -> str:
    return str(result.get("error", {}).get("code", ""))


@pytest.fixture(scope="module")
def hidden() -> Secrets:
    return Secrets(*(f"{secrets.token_hex(16)}+/=" for _field in Secrets._fields))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def signatures() -> t.Iterator[set[str]]:
    """The signatures of all requests that reach an emulator."""
    found: set[str] = set()
    read_proof = slb_emulator.api.gateway.rpc_proof

    def remember(request: t.Any) -> t.Any:
        found.add(request.parameters["Signature"])
        return read_proof(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slb_emulator.api.gateway, "rpc_proof", remember)
        yield found


def state(hidden: Secrets, key: dict[str, t.Any]) -> dict[str, t.Any]:
    known = {"access_key_id": KEY, "access_key_secret": hidden.secret_key, "security_token": hidden.security_token}
    servers: list[dict[str, t.Any]] = [
        {"server_id": "i-web1"},
        {"server_id": "eni-1", "type": "eni", "server_ip": "10.0.0.1"},
        {"server_id": "eni-1", "type": "eni", "server_ip": "10.0.0.2"},
    ]
    balancer = {"load_balancer_id": "lb-web", "region_id": "cn-hangzhou", "backend_servers": servers}
    return {"access_keys": [{**known, **key}], "load_balancers": [balancer]}


def filled(value: t.Any, hidden: Secrets) -> t.Any:
    """With SECRET and TOKEN in all texts replaced."""
    text = json.dumps(value).replace("SECRET", hidden.secret_key).replace("TOKEN", hidden.security_token)
    return json.loads(text)


def play(
    folder: Path,
    playbook: str,
    hosts: dict[str, t.Any],
    keys: dict[str, str],
    environment: dict[str, str],
) -> Run:
    """Run a playbook with all that it writes in a folder of its own. ``hosts``: their variables."""
    kept = [folder / name for name in ("home", "local", "remote", "tmp")]
    for path in kept:
        path.mkdir(parents=True)
    usual = {"ansible_python_interpreter": sys.executable, "ansible_connection": "local"}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": usual}}))
    # A file, since the command line is for everybody to see.
    (folder / "keys.json").write_text(json.dumps({"keys": keys}))
    places = {
        "HOME": kept[0],
        "ANSIBLE_LOCAL_TEMP": kept[1],
        "ANSIBLE_REMOTE_TEMP": kept[2],
        "TMPDIR": kept[3],
        "ANSIBLE_LOG_PATH": folder / "log",
        "EVERY_RESULT_FILE": folder / "results",
        "ANSIBLE_CALLBACK_PLUGINS": FOLDER / "callbacks",
    }
    done = subprocess.run(
        [
            *(ANSIBLE_PLAYBOOK, "-vvvv", "--forks", "6"),
            *("-i", folder / "inventory.json", "-e", f"@{folder}/keys.json", FOLDER / playbook),
        ],
        env={
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_CONFIG": str(SETTINGS),
            "ANSIBLE_CALLBACKS_ENABLED": "every_result",
            "ANSIBLE_INJECT_INVOCATION": "1",
            "ANSIBLE_DISPLAY_TRACEBACK": "always",
            **{name: str(path) for name, path in places.items()},
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode in (0, 2), done.stdout  # 2: a host failed
    results = [json.loads(line) for line in (folder / "results").read_text().splitlines()]
    files = [file for path in kept for file in path.rglob("*") if file.is_file()]
    return Run(
        done.stdout,
        (folder / "log").read_text(),
        results,
        {str(file): file.read_bytes() for file in files},
    )


def play_all(
    folder: Path,
    hidden: Secrets,
    certificates: Certificates,
    scenarios: list[Scenario],
    options: dict[str, str],
    environment: dict[str, str],
) -> Run:
    """Play scenarios, each with an emulator of its own. ``options``: those that name the keys."""
    hosts = {}
    with contextlib.ExitStack() as stack:
        for scenario in scenarios:
            tls = certificates.localhost if scenario.tls else None
            slb = stack.enter_context(running(state(hidden, scenario.key), tls=tls))
            if scenario.fault:
                slb.add_fault(filled({"times": 0, **scenario.fault}, hidden))
            arguments = filled(scenario.arguments, hidden)
            special = filled(scenario.environment, hidden)
            hosts[scenario.name] = {"arguments": {"endpoint": slb.url, **arguments}, "surroundings": special}
        proxy = f"http://user:{quote(hidden.proxy_password, safe='')}@127.0.0.1:9"
        surroundings = {**environment, "HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": "127.0.0.1"}
        return play(folder, "play.yml", hosts, options, surroundings)


@pytest.mark.parametrize("keys_from", ["options", "environment", "file"])
def test_nothing_secret_gets_out(
    keys_from: str, tmp_path: Path, hidden: Secrets, certificates: Certificates, signatures: set[str]
) -> None:
    options = {"access_key": KEY, "secret_key": hidden.secret_key, "security_token": hidden.security_token}
    environment: dict[str, str] = {}
    scenarios = [scenario for scenario in SCENARIOS if scenario.anywhere or keys_from == "file"]
    if keys_from == "environment":
        environment = {f"ALICLOUD_{name.upper()}": value for name, value in options.items()}
        options = {}
    elif keys_from == "file":
        # Ansible knows nothing of these and cannot hide them.
        profile = tmp_path / "profile"
        profile.write_text(
            f"[default]\ntype = sts\naccess_key_id = {KEY}\naccess_key_secret = {hidden.secret_key}\n"
            f"security_token = {hidden.security_token}\n"
        )
        options = {"shared_credentials_file": str(profile)}
        environment = {"ANSIBLE_PIPELINING": "1"}  # without it, arguments are in files for a moment
    with Watch(tmp_path) as watch:
        run = play_all(tmp_path, hidden, certificates, scenarios, options, environment)
    happened = {(line["task"], line["host"]): (line["failed"], error_code(line["result"])) for line in run.results}
    for scenario in scenarios:
        expected = (scenario.failed, scenario.code.replace("TOKEN", "********"))
        assert happened["Do", scenario.name] == expected, scenario.name
        if (scenario.fault or {}).get("action") == "SetBackendServers":
            expected = (False, "")
        assert happened["Check", scenario.name] == expected, scenario.name
    assert len(signatures) > 3
    assert any(str(ANSIBLE_PLAYBOOK) in line for line in watch.own)
    for place, text in {**run.texts(), "the processes of the run": "\n".join(watch.own)}.items():
        assert leaks(text, [*hidden, *signatures, *MARKS]) == [], f"in {place}"
    # Without the marks, which are words that any other process of this machine may have in its arguments.
    assert leaks("\n".join(watch.seen), [*hidden, *signatures]) == [], "in the list of processes"
    assert not run.left, f"left behind: {sorted(run.left)}"


def test_search_finds_what_gets_out(tmp_path: Path, hidden: Secrets) -> None:
    with Watch(tmp_path) as watch:
        run = play(tmp_path, "leak.yml", {"localhost": {}}, {"secret_key": hidden.secret_key}, {})
    for text in (run.output, run.log, json.dumps(run.results), "\n".join(watch.seen), "\n".join(watch.own)):
        assert leaks(text, [hidden.secret_key])
    [left] = run.left.values()
    assert leaks(left.decode(), [hidden.secret_key])


@pytest.mark.parametrize("form", ["a{}b", '{{"url": "/?Signature={}"}}'])
def test_search_knows_how_secrets_are_carried(form: str) -> None:
    secret = "se/cret+text=="
    carried = (secret, quote(secret, safe=""), quote_plus(secret), base64.b64encode(secret.encode()).decode())
    assert [bool(leaks(form.format(text), [secret])) for text in carried] == [True] * 4
    assert not leaks(form.format("se/cret"), [secret])
