# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: a state document, a running emulator, and the vendor's SDK pointed at it."""

from __future__ import annotations

import copy
import datetime
import ipaddress
import logging
import tempfile
import typing as t
from pathlib import Path

import pytest
from sdk_client import SdkClient

from slb_emulator import Emulator, running

STATE = {
    "access_keys": [
        {"access_key_id": "testid", "access_key_secret": "testsecret"},
        {"access_key_id": "inactive", "access_key_secret": "testsecret", "status": "inactive"},
        {"access_key_id": "STS.id", "access_key_secret": "stssecret", "security_token": "tok+/=="},
        {
            "access_key_id": "STS.old",
            "access_key_secret": "stssecret",
            "security_token": "old-token",
            "token_expired": True,
        },
    ],
    "load_balancers": [
        {
            "load_balancer_id": "lb-test",
            "region_id": "cn-hangzhou",
            "load_balancer_name": "shop",
            "backend_servers": [
                {"server_id": "i-web1", "weight": 100},
                {"server_id": "i-web2", "weight": 60, "description": "second-one"},
                {"server_id": "i-web3", "weight": 0, "server_ip": "10.0.0.3", "health": "abnormal"},
                {"server_id": "eni-1", "type": "eni", "server_ip": "10.0.1.1", "weight": 10},
                {"server_id": "eni-1", "type": "eni", "server_ip": "10.0.1.2", "weight": 20},
            ],
            "listeners": [
                {"listener_port": 80, "listener_protocol": "http", "backend_server_port": 8080},
                {
                    "listener_port": 443,
                    "listener_protocol": "https",
                    "backend_server_port": 8443,
                    "scheduler": "rr",
                    "health_check": "off",
                    "description": "secure",
                },
                {"listener_port": 81, "listener_protocol": "http", "listener_forward": "on", "forward_port": 443},
                {
                    "listener_port": 3306,
                    "listener_protocol": "tcp",
                    "master_slave_server_group_id": "msg-1",
                    "connection_drain": "on",
                    "connection_drain_timeout": 300,
                },
                {"listener_port": 90, "listener_protocol": "http", "vserver_group_id": "rsp-1"},
                {
                    "listener_port": 91,
                    "listener_protocol": "http",
                    "backend_server_port": 8080,
                    "status": "stopped",
                },
            ],
        },
        {"load_balancer_id": "lb-other", "region_id": "cn-hangzhou", "load_balancer_name": "other"},
        {"load_balancer_id": "lb-far", "region_id": "eu-central-1", "load_balancer_status": "inactive"},
        {
            "load_balancer_id": "lb-locked",
            "region_id": "cn-hangzhou",
            "load_balancer_status": "locked",
            "backend_servers": [{"server_id": "i-web1"}],
        },
    ],
}

# One server with two ports in one group, listeners of every kind, and rules with and without a scheduler of their own.
GROUPS_STATE = {
    "access_keys": STATE["access_keys"],
    "load_balancers": [
        {
            "load_balancer_id": "lb-groups",
            "region_id": "cn-hangzhou",
            "load_balancer_name": "groups",
            "resource_group_id": "rg-shop",
            "tags": {"team": "shop", "stage": "test"},
            "backend_servers": [{"server_id": "i-web1", "weight": 100}],
            "vserver_groups": [
                {
                    "vserver_group_id": "rsp-app",
                    "vserver_group_name": "app",
                    "create_time": "2026-02-03T04:05:06Z",
                    "tags": {"team": "shop"},
                    "backend_servers": [
                        {"server_id": "i-web1", "port": 8080, "weight": 100, "description": "web/1"},
                        {"server_id": "i-web1", "port": 8081, "weight": 50, "health": "abnormal"},
                        {"server_id": "i-web2", "port": 8080, "weight": 0, "server_ip": "10.0.0.2"},
                        {"server_id": "eni-1", "port": 8080, "type": "eni", "server_ip": "10.0.1.1", "weight": 10},
                        {"server_id": "eni-1", "port": 8080, "type": "eni", "server_ip": "10.0.1.2", "weight": 20},
                    ],
                },
                {
                    "vserver_group_id": "rsp-api",
                    "vserver_group_name": "api",
                    "backend_servers": [{"server_id": "i-api1", "port": 9000, "server_ip": "10.0.2.1"}],
                },
                {"vserver_group_id": "rsp-spare", "vserver_group_name": "api"},
            ],
            "master_slave_groups": [
                {
                    "master_slave_server_group_id": "rsp-pair",
                    "master_slave_server_group_name": "database",
                    "tags": {"team": "data"},
                    "backend_servers": [
                        {"server_id": "i-db1", "port": 3306, "server_type": "Master", "weight": 100},
                        {"server_id": "i-db2", "port": 3306, "server_type": "Slave", "description": "standby"},
                    ],
                }
            ],
            "listeners": [
                {
                    "listener_port": 80,
                    "listener_protocol": "http",
                    "backend_server_port": 8080,
                    "rules": [
                        {
                            "rule_id": "rule-1",
                            "rule_name": "shop",
                            "domain": "a.example.com",
                            "vserver_group_id": "rsp-app",
                        },
                        {
                            "rule_id": "rule-2",
                            "url": "/api",
                            "vserver_group_id": "rsp-api",
                            "listener_sync": "off",
                            "scheduler": "rr",
                            "health_check": "off",
                        },
                        {"rule_id": "rule-3", "url": "/v2", "domain": "*.example.com", "vserver_group_id": "rsp-api"},
                    ],
                },
                {"listener_port": 81, "listener_protocol": "http", "vserver_group_id": "rsp-app"},
                {"listener_port": 53, "listener_protocol": "tcp", "vserver_group_id": "rsp-api"},
                {"listener_port": 53, "listener_protocol": "udp", "vserver_group_id": "rsp-api"},
                {"listener_port": 3306, "listener_protocol": "tcp", "master_slave_server_group_id": "rsp-pair"},
            ],
        },
        {"load_balancer_id": "lb-other", "region_id": "cn-hangzhou", "tags": {"team": "other"}},
        {
            "load_balancer_id": "lb-far",
            "region_id": "eu-central-1",
            "vserver_groups": [{"vserver_group_id": "rsp-far"}],
            "master_slave_groups": [{"master_slave_server_group_id": "rsp-far-pair"}],
        },
        {
            "load_balancer_id": "lb-locked",
            "region_id": "cn-hangzhou",
            "load_balancer_status": "locked",
            "vserver_groups": [
                {"vserver_group_id": "rsp-locked", "backend_servers": [{"server_id": "i-web1", "port": 80}]}
            ],
        },
    ],
}


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and no keys from the environment, and no SDK errors on stderr."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET", "DEBUG"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL)


@pytest.fixture
def state() -> dict[str, t.Any]:
    """A state document of one's own."""
    return copy.deepcopy(STATE)


@pytest.fixture
def emulator(state: dict[str, t.Any]) -> t.Iterator[Emulator]:
    """A running emulator."""
    with running(state) as running_emulator:
        yield running_emulator


@pytest.fixture
def sdk(emulator: Emulator) -> SdkClient:
    """The vendor's SDK core with the key `testid`, pointed at the emulator."""
    return SdkClient(emulator.url)


@pytest.fixture
def groups_state() -> dict[str, t.Any]:
    """A state document with server groups and rules, of one's own."""
    return copy.deepcopy(GROUPS_STATE)


@pytest.fixture
def grouped(groups_state: dict[str, t.Any]) -> t.Iterator[Emulator]:
    """A running emulator with server groups and rules."""
    with running(groups_state) as running_emulator:
        yield running_emulator


@pytest.fixture
def groups(grouped: Emulator) -> SdkClient:
    """The vendor's SDK core, pointed at the emulator with server groups."""
    return SdkClient(grouped.url)


@pytest.fixture
def temporary_files() -> t.Iterator[Path]:
    """A folder for temporary files, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="slb-test-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """(certificate file, key file) for localhost and 127.0.0.1, signed by itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(certificate_file), str(key_file)
