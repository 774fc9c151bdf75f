# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates, names and proxies: a real TLS server and a real proxy on loopback, with the SDK between."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
import typing as t
from urllib.parse import urlsplit

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client, _slb
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.tests.unit.loopback import LoopbackServer

OpenClient = t.Callable[..., _client.Client]
USER, PASSWORD = "someone", "hidden/word@:1"
BOTH = ("http_proxy", "https_proxy")


pytestmark = pytest.mark.usefixtures("no_waiting")


class Proxy(LoopbackServer):
    """A proxy that keeps what it is asked, and makes tunnels or answers with a ``refusal``."""

    def __init__(self, refusal: str = "") -> None:
        super().__init__()
        self.asked: list[str] = []
        self._refusal = refusal

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def url_with_password(self) -> str:
        return self.url.replace("//", f"//{USER}:hidden%2Fword%40%3A1@")

    def handle(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
        self.asked.append(head.decode("latin-1"))
        if self._refusal:
            connection.sendall(f"HTTP/1.1 {self._refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        method, target = head.split(b" ", 2)[:2]
        place = target if method == b"CONNECT" else urlsplit(target).netloc
        host, _colon, port = place.decode().rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            if method == b"CONNECT":
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(head.replace(b"http://" + place, b"", 1))
            back = threading.Thread(target=_pass_on, args=(server, connection), daemon=True)
            back.start()
            _pass_on(connection, server)
            back.join(10)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def describe(client: _client.Client) -> t.Any:
    return _slb.describe_load_balancer(client, "lb-web")


def refused(client: _client.Client) -> SlbError:
    """How a write ends that must not reach anybody."""
    with pytest.raises(SlbError) as caught:
        _slb.set_backend_servers(client, "lb-web", [BackendServer("i-web1", 0)])
    sentence = caught.value.sentence()
    for secret in (
        "rehearsal-secret",
        "Signature",
        PASSWORD,
        "hidden",
        base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(),
    ):
        assert secret not in sentence
    return caught.value


# Certificates

NAMES = ("localhost", "127.0.0.1")


@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("expired", "certificate has expired"),
        ("not_yet_valid", "certificate is not yet valid"),
        ("other_name", "doesn't match"),
        ("other_address", "doesn't match"),
        ("other_common_name", "doesn't match"),
        ("self_signed", "self.signed certificate"),
        ("without_intermediate", "unable to get local issuer certificate"),
    ],
)
def test_certificate_is_refused(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, name: str, reason: str, host: str
) -> None:
    with running_slb(tls=getattr(certificates, name)) as slb:
        client = open_client(slb.url.replace("127.0.0.1", host), verify=certificates.ca)
        error = refused(client)
        assert error.code == "CertificateInvalid"
        assert re.search(reason, error.message), error.message
        assert client.api_calls == 1
        assert not slb.requests


@pytest.mark.parametrize("host", NAMES)
@pytest.mark.parametrize("name", ["localhost", "by_intermediate"])
def test_certificate_is_accepted(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, name: str, host: str
) -> None:
    with running_slb(tls=getattr(certificates, name)) as slb:
        describe(open_client(slb.url.replace("127.0.0.1", host), verify=certificates.ca))
        assert [request.sni for request in slb.requests] == ["localhost" if host == "localhost" else ""]


@pytest.mark.parametrize("name", ["expired", "other_name", "self_signed"])
def test_without_verification_any_certificate_will_do(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, name: str
) -> None:
    with running_slb(tls=getattr(certificates, name)) as slb:
        describe(open_client(slb.url, verify=False))
        assert len(slb.requests) == 1


def test_plain_request_to_a_tls_server_is_not_answered(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any
) -> None:
    with running_slb(tls=certificates.localhost) as slb:
        error = refused(open_client(slb.url.replace("https", "http"), seconds=1))
        assert error.code in ("NoAnswer", "UnusableAnswer")
        assert not slb.requests


# Proxies


def use_proxy(environment: pytest.MonkeyPatch, url: str, names: t.Iterable[str] = BOTH) -> None:
    for name in names:
        environment.setenv(name, url)


@pytest.mark.parametrize("upper", [False, True])
def test_https_goes_through_a_tunnel(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, clean_environment: pytest.MonkeyPatch, upper: bool
) -> None:
    with running_slb(tls=certificates.localhost) as slb, Proxy() as proxy:
        use_proxy(clean_environment, proxy.url_with_password, ["HTTPS_PROXY" if upper else "https_proxy"])
        endpoint = slb.url.replace("127.0.0.1", "localhost")
        describe(open_client(endpoint, verify=certificates.ca))
        [head] = proxy.asked
        assert head.startswith(f"CONNECT {urlsplit(endpoint).netloc} ")
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert f"proxy-authorization: basic {credentials}".lower() in head.lower()
        assert "Signature" not in head
        assert [request.sni for request in slb.requests] == ["localhost"]


def test_certificate_is_checked_behind_a_tunnel(
    running_slb: t.Any, open_client: OpenClient, certificates: t.Any, clean_environment: pytest.MonkeyPatch
) -> None:
    with running_slb(tls=certificates.other_name) as slb, Proxy() as proxy:
        use_proxy(clean_environment, proxy.url_with_password)
        assert refused(open_client(slb.url, verify=certificates.ca)).code == "CertificateInvalid"
        assert not slb.requests


@pytest.mark.parametrize("upper", [False, True])
def test_http_is_handed_to_a_proxy(
    slb: t.Any, open_client: OpenClient, clean_environment: pytest.MonkeyPatch, upper: bool
) -> None:
    with Proxy() as proxy:
        use_proxy(clean_environment, proxy.url_with_password, ["HTTP_PROXY" if upper else "http_proxy"])
        describe(open_client(slb.url))
        assert proxy.asked[0].startswith(f"POST {slb.url}/")
        assert "proxy-authorization: basic " in proxy.asked[0].lower()
        assert len(slb.requests) == 1


@pytest.mark.parametrize("refusal", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_proxy_that_refuses_a_tunnel_is_named(
    open_client: OpenClient, clean_environment: pytest.MonkeyPatch, refusal: str
) -> None:
    with Proxy(refusal) as proxy:
        use_proxy(clean_environment, proxy.url_with_password)
        error = refused(open_client("https://localhost:9"))
        assert error.code == "EndpointUnreachable"
        assert f"the proxy refused with HTTP status {refusal[:3]}" in error.message
        assert len(proxy.asked) == _client.CONNECT_ATTEMPTS


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_out_of_reach(open_client: OpenClient, clean_environment: pytest.MonkeyPatch, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    use_proxy(clean_environment, f"http://{USER}:hidden%2Fword@127.0.0.1:{port}")
    error = refused(open_client(f"{scheme}://localhost:9"))
    assert (error.code, "Connection refused" in error.message) == ("EndpointUnreachable", True)


# Names in NO_PROXY

HOST = "slb.example.com"


@pytest.fixture
def example_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOST leads to this machine."""
    look_up = socket.getaddrinfo

    def look_up_here(host: t.Any, *rest: t.Any, **options: t.Any) -> t.Any:
        return look_up("127.0.0.1" if host == HOST else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


@pytest.mark.usefixtures("example_names")
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        (HOST, HOST, True),
        (f"{HOST}:PORT", HOST, True),
        (f"{HOST}:1", HOST, False),
        ("example.com", HOST, True),
        (".example.com", HOST, True),
        ("ample.com", HOST, False),
        ("other.com, example.com", HOST, True),
        ("other.com", HOST, False),
        ("*", HOST, True),
        ("", HOST, False),
        ("127.0.0.1", "127.0.0.1", True),
    ],
)
def test_hosts_without_a_proxy(
    slb: t.Any,
    open_client: OpenClient,
    clean_environment: pytest.MonkeyPatch,
    variable: str,
    no_proxy: str,
    host: str,
    direct: bool,
) -> None:
    port = str(urlsplit(slb.url).port)
    with Proxy() as proxy:
        use_proxy(clean_environment, proxy.url)
        clean_environment.setenv(variable, no_proxy.replace("PORT", port))
        describe(open_client(f"http://{host}:{port}"))
        assert [len(proxy.asked), len(slb.requests)] == [0 if direct else 1, 1]


@pytest.mark.parametrize(("no_proxy", "direct"), [("localhost", True), ("other.com", False)])
def test_hosts_without_a_tunnel(
    running_slb: t.Any,
    open_client: OpenClient,
    certificates: t.Any,
    clean_environment: pytest.MonkeyPatch,
    no_proxy: str,
    direct: bool,
) -> None:
    with running_slb(tls=certificates.localhost) as slb, Proxy() as proxy:
        use_proxy(clean_environment, proxy.url)
        clean_environment.setenv("NO_PROXY", no_proxy)
        describe(open_client(slb.url.replace("127.0.0.1", "localhost"), verify=certificates.ca))
        assert [len(proxy.asked), len(slb.requests)] == [0 if direct else 1, 1]
