# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rehearsal SLB in this process for tests that go through the real SDK."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, Deadline
from ansible_collections.aliyun_community.slb.plugins.module_utils._keys import Keys, StaticKeys
from ansible_collections.aliyun_community.slb.plugins.module_utils._transport import Connection

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "emulator"))

KEY, SECRET, TOKEN = "rehearsal", "rehearsal-secret+/=", "rehearsal-token+/=="

STATE = {
    "access_keys": [
        {"access_key_id": KEY, "access_key_secret": SECRET},
        {"access_key_id": "STS.rehearsal", "access_key_secret": SECRET, "security_token": TOKEN},
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


@pytest.fixture
def running_slb(clean_environment: pytest.MonkeyPatch) -> t.Callable[..., t.ContextManager[t.Any]]:
    """Starts a rehearsal SLB with lb-web; takes ``tls`` and the like."""
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
        source = keys or StaticKeys(Keys(KEY, SECRET))
        return Client(Connection(region, url, verify, 2.0, read_timeout), source, Deadline(seconds))

    return open_it


class Certificates(t.NamedTuple):
    """Paths of PEM files: a CA and certificate files with their keys, signed by it."""

    ca: str
    localhost: tuple[str, str]
    vendor: tuple[str, str]
    other_name: tuple[str, str]
    expired: tuple[str, str]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = _Authority(folder)
    return Certificates(
        ca=authority.path,
        localhost=authority.issue("localhost", "127.0.0.1", days=1),
        vendor=authority.issue("*.aliyuncs.com", "*.cn-beijing.aliyuncs.com", "*.aliyun.com", days=1),
        other_name=authority.issue("slb.example.invalid", days=1),
        expired=authority.issue("localhost", "127.0.0.1", days=-1),
    )


class _Authority:
    """A certificate authority for the length of a test session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = self._new_key()
        self._name = self._named("rehearsal CA")
        self.path = self._write("ca.pem", self._sign(self._key, self._name, [], days=1, is_ca=True))

    def issue(self, *names: str, days: int) -> tuple[str, str]:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = self._new_key()
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdecimal() else x509.DNSName(name) for name in names
        ]
        certificate = self._sign(key, self._named(names[0]), [x509.SubjectAlternativeName(alternatives)], days=days)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = f"{names[0].replace('*', 'any')}{days}"
        return self._write(f"{file}.pem", certificate), self._write(f"{file}.key", pem)

    def _sign(self, key: t.Any, name: t.Any, extensions: list[t.Any], days: int, is_ca: bool = False) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import Encoding

        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            # Python 3.13 looks for these.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if is_ca:
            usage = dict.fromkeys(
                ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"), False
            )
            usage.update(dict.fromkeys(("key_agreement", "encipher_only", "decipher_only", "crl_sign"), False))
            builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, **usage), critical=True)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)

    @staticmethod
    def _new_key() -> t.Any:
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.generate_private_key(ec.SECP256R1())

    @staticmethod
    def _named(name: str) -> t.Any:
        from cryptography import x509
        from cryptography.x509.oid import NameOID

        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
