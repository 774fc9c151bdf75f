# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that others wrote, through their own signatures and parsers."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import typing as t
import uuid
from urllib.parse import quote, urlencode, urlsplit

import pytest
from alibabacloud_slb20140515 import models
from alibabacloud_slb20140515.client import Client
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.endpoint.default_endpoint_resolver import DefaultEndpointResolver
from aliyunsdkcore.profile import region_provider
from footmark.slb import SLBConnection

from slb_emulator import Emulator


def newer_sdk(emulator: Emulator, key: str = "testid", secret: str = "testsecret", token: t.Any = None) -> t.Any:
    """The vendor's newer SDK (ACS3-HMAC-SHA256), pointed at the emulator."""
    host = urlsplit(emulator.url).netloc
    return Client(
        Config(
            access_key_id=key,
            access_key_secret=secret,
            security_token=token,
            endpoint=host,
            protocol="http",
            region_id="cn-hangzhou",
        )
    )


def described(client: t.Any, load_balancer_id: str = "lb-test") -> t.Any:
    request = models.DescribeLoadBalancerAttributeRequest(load_balancer_id=load_balancer_id, region_id="cn-hangzhou")
    return client.describe_load_balancer_attribute(request).body.backend_servers.backend_server


class TestNewerSdk:
    def test_describe_set_describe(self, emulator: Emulator) -> None:
        client = newer_sdk(emulator)
        assert [server.weight for server in described(client)] == [100, 60, 0, 10, 20]
        request = models.SetBackendServersRequest(
            load_balancer_id="lb-test",
            region_id="cn-hangzhou",
            backend_servers=json.dumps([{"ServerId": "i-web1", "Weight": "7", "Description": "one/two"}]),
        )
        answer = client.set_backend_servers(request).body
        assert answer.backend_servers.backend_server[0].weight == "7"
        assert described(client)[0].to_map() == {
            "ServerId": "i-web1",
            "Weight": 7,
            "Type": "ecs",
            "Description": "one/two",
        }
        assert [record.action for record in emulator.requests] == [
            "DescribeLoadBalancerAttribute",
            "SetBackendServers",
            "DescribeLoadBalancerAttribute",
        ]

    def test_health(self, emulator: Emulator) -> None:
        request = models.DescribeHealthStatusRequest(load_balancer_id="lb-test", listener_port=80)
        rows = newer_sdk(emulator).describe_health_status(request).body.backend_servers.backend_server
        assert [row.server_health_status for row in rows] == ["normal", "normal", "abnormal", "normal", "normal"]

    def test_listeners(self, emulator: Emulator) -> None:
        request = models.DescribeLoadBalancerListenersRequest(
            region_id="cn-hangzhou", load_balancer_id=["lb-test"], max_results=100
        )
        listeners = newer_sdk(emulator).describe_load_balancer_listeners(request).body.listeners
        assert [listener.listener_port for listener in listeners] == [80, 443, 81, 3306, 90, 91]
        assert listeners[3].tcplistener_config.connection_drain_timeout == 300
        assert listeners[2].httplistener_config.forward_port == 443

    def test_load_balancers(self, emulator: Emulator) -> None:
        request = models.DescribeLoadBalancersRequest(region_id="cn-hangzhou")
        body = newer_sdk(emulator).describe_load_balancers(request).body
        assert body.total_count == 3
        assert body.load_balancers.load_balancer[0].load_balancer_name == "shop"

    def test_add_and_remove(self, emulator: Emulator) -> None:
        client = newer_sdk(emulator)
        servers = json.dumps([{"ServerId": "i-new", "Weight": "5"}])
        client.add_backend_servers(
            models.AddBackendServersRequest(load_balancer_id="lb-other", backend_servers=servers)
        )
        assert [server.server_id for server in described(client, "lb-other")] == ["i-new"]
        client.remove_backend_servers(
            models.RemoveBackendServersRequest(load_balancer_id="lb-other", backend_servers=servers)
        )
        assert described(client, "lb-other") == []

    def test_token(self, emulator: Emulator) -> None:
        assert len(described(newer_sdk(emulator, "STS.id", "stssecret", "tok+/=="))) == 5
        assert "tok+/==" not in repr(emulator.requests)

    @pytest.mark.parametrize(
        ("identity", "code"),
        [
            (("testid", "wrong"), "SignatureDoesNotMatch"),
            (("nobody", "wrong"), "InvalidAccessKeyId.NotFound"),
            (("STS.id", "stssecret"), "MissingSecurityToken"),
            (("STS.id", "stssecret", "other"), "InvalidSecurityToken.Malformed"),
        ],
    )
    def test_refused(self, emulator: Emulator, identity: t.Any, code: str) -> None:
        with pytest.raises(Exception, match=r"\S") as caught:
            described(newer_sdk(emulator, *identity))
        assert t.cast("t.Any", caught.value).code == code
        assert emulator.requests[-1].code == code


class TestAcs3ByHand:
    """What the newer SDK would never send."""

    def answer(
        self,
        emulator: Emulator,
        change: t.Any = None,
        body: bytes = b"",
        signed_body: bytes = b"",
        left_out: t.Any = (),
    ) -> t.Any:
        """(status, code) of a Describe request; change may alter the headers after signing."""
        query = {"LoadBalancerId": "lb-test"}
        headers = {
            "host": urlsplit(emulator.url).netloc,
            "x-acs-action": "DescribeLoadBalancerAttribute",
            "x-acs-version": "2014-05-15",
            "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(signed_body).hexdigest(),
        }
        names = sorted(set(headers) - set(left_out))
        canonical = "\n".join(
            [
                "POST",
                "/",
                "&".join(f"{name}={quote(value, safe='~')}" for name, value in sorted(query.items())),
                "".join(f"{name}:{headers[name]}\n" for name in names),
                ";".join(names),
                headers["x-acs-content-sha256"],
            ]
        )
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(b"testsecret", text.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (
            f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={';'.join(names)},Signature={signature}"
        )
        headers.update(change or {})
        self.last = ("POST", f"/?{urlencode(query)}", body, headers)
        return self.send(emulator)

    def send(self, emulator: Emulator) -> tuple[int, t.Any]:
        """(status, code) of the newest request, sent once more."""
        connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)
        connection.request(*self.last)
        response = connection.getresponse()
        document = json.loads(response.read())
        connection.close()
        return response.status, document.get("Code")

    def test_accepted_once(self, emulator: Emulator) -> None:
        assert self.answer(emulator) == (200, None)
        assert self.send(emulator) == (400, "SignatureNonceUsed")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("x-acs-signature-nonce", "another"),
            ("x-acs-action", "DescribeHealthStatus"),
            ("x-acs-date", time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(time.time() - 120))),
        ],
    )
    def test_changed_header(self, emulator: Emulator, name: str, value: t.Any) -> None:
        assert self.answer(emulator, {name: value}) == (400, "SignatureDoesNotMatch")

    def test_changed_body(self, emulator: Emulator) -> None:
        assert self.answer(emulator, body=b"other")[1] == "IncompleteSignature"

    def test_body(self, emulator: Emulator) -> None:
        assert self.answer(emulator, body=b"{}", signed_body=b"{}") == (200, None)

    @pytest.mark.parametrize("name", ["x-acs-action", "x-acs-content-sha256", "host"])
    def test_unsigned_header(self, emulator: Emulator, name: str) -> None:
        assert self.answer(emulator, left_out=[name]) == (400, "IncompleteSignature")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"Authorization": "ACS3-HMAC-SHA256 Credential=testid"}, "IncompleteSignature"),
            ({"x-acs-version": "2016-02-23"}, "InvalidVersion"),
            ({"x-acs-date": ""}, "MissingParameter"),
            ({"x-acs-date": "yesterday"}, "InvalidTimeStamp.Format"),
            ({"x-acs-date": "2020-01-01T00:00:00Z"}, "InvalidTimeStamp.Expired"),
        ],
    )
    def test_refused_headers(self, emulator: Emulator, change: dict[str, t.Any], code: str) -> None:
        assert self.answer(emulator, change) == (400, code)


@pytest.fixture
def footmark(emulator: Emulator) -> t.Iterator[t.Any]:
    """Makes footmark connections to the emulator.

    footmark builds its own SDK client, which finds its endpoint in the region provider of the SDK core.
    """
    region_provider.add_endpoint("Slb", "cn-hangzhou", emulator.url)

    def connect(secret: str = "testsecret") -> t.Any:
        return SLBConnection("testid", secret, region="cn-hangzhou")

    yield connect
    # The entry is the whole process's.
    DefaultEndpointResolver.predefined_endpoint_resolver.reset()


class TestFootmark:
    def test_describe_set_health(self, emulator: Emulator, footmark: t.Any) -> None:
        connection = footmark()
        balancer = connection.describe_load_balancer_attribute(load_balancer_id="lb-test")
        assert balancer.load_balancer_name == "shop"
        connection.set_backend_servers("lb-test", [{"server_id": "i-web1", "weight": 7}])
        assert emulator.members("lb-test")[0].weight == 7
        health = connection.describe_backend_servers_health_status("lb-test")
        assert len(health) == 15
        assert [record.http_status for record in emulator.requests] == [200, 200, 200]

    def test_wrong_secret(self, emulator: Emulator, footmark: t.Any) -> None:
        with pytest.raises(Exception, match=r"\S"):
            footmark("wrong").set_backend_servers("lb-test", [{"server_id": "i-web1", "weight": 7}])
        assert emulator.requests[-1].code == "SignatureDoesNotMatch"
        assert emulator.members("lb-test")[0].weight == 100

    def test_sdk_error_passes_through(self, footmark: t.Any) -> None:
        with pytest.raises(ServerException, match=r"InvalidLoadBalancerId\.NotFound"):
            footmark().describe_load_balancer_attribute(load_balancer_id="lb-none")
