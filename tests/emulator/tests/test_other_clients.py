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
from contextlib import contextmanager
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

    def test_groups_and_rules(self, grouped: Emulator) -> None:
        client = newer_sdk(grouped)
        balancer = {"region_id": "cn-hangzhou", "load_balancer_id": "lb-groups"}
        listed = models.DescribeVServerGroupsRequest(include_listener=True, include_rule=True, **balancer)
        app, api, _spare = client.describe_vserver_groups(listed).body.vserver_groups.vserver_group
        assert (app.vserver_group_name, app.server_count, app.tags.tag[0].tag_value) == ("app", 5, "shop")
        assert [item.port for item in app.associated_objects.listeners.listener] == [81]
        assert [rule.url for rule in api.associated_objects.rules.rule] == ["/api", "/v2"]
        by_tag = models.DescribeVServerGroupsRequest(
            tag=[models.DescribeVServerGroupsRequestTag(key="team", value="shop")], **balancer
        )
        assert len(client.describe_vserver_groups(by_tag).body.vserver_groups.vserver_group) == 1
        rules = models.DescribeRulesRequest(listener_port=80, listener_protocol="http", **balancer)
        found = client.describe_rules(rules).body.rules.rule
        assert [(rule.vserver_group_id, rule.listener_sync, rule.scheduler) for rule in found] == [
            ("rsp-app", "on", None),
            ("rsp-api", "off", "rr"),
            ("rsp-api", "on", None),
        ]

    def test_members_of_groups(self, grouped: Emulator) -> None:
        client = newer_sdk(grouped)
        group = {"region_id": "cn-hangzhou", "vserver_group_id": "rsp-app"}
        servers = json.dumps([{"ServerId": "i-web1", "Port": "8081", "Weight": "7", "Type": "ecs"}])
        answer = client.set_vserver_group_attribute(
            models.SetVServerGroupAttributeRequest(backend_servers=servers, **group)
        ).body
        assert (answer.vserver_group_name, answer.backend_servers.backend_server[0].weight) == ("app", 7)
        described = client.describe_vserver_group_attribute(models.DescribeVServerGroupAttributeRequest(**group)).body
        assert described.load_balancer_id == "lb-groups"
        assert described.backend_servers.backend_server[2].to_map() == {
            "ServerId": "i-web2",
            "Port": 8080,
            "Weight": 0,
            "Type": "ecs",
            "ServerIp": "10.0.0.2",
        }
        new = json.dumps([{"ServerId": "i-new", "Port": "8080", "Weight": "5"}])
        client.add_vserver_group_backend_servers(
            models.AddVServerGroupBackendServersRequest(backend_servers=new, **group)
        )
        client.remove_vserver_group_backend_servers(
            models.RemoveVServerGroupBackendServersRequest(backend_servers=servers, **group)
        )
        changed = models.ModifyVServerGroupBackendServersRequest(
            old_backend_servers=new, new_backend_servers=servers, **group
        )
        rows = client.modify_vserver_group_backend_servers(changed).body.backend_servers.backend_server
        assert [(row.server_id, row.port, row.weight) for row in rows] == [
            ("i-web1", 8080, 100),
            ("i-web2", 8080, 0),
            ("eni-1", 8080, 10),
            ("eni-1", 8080, 20),
            ("i-web1", 8081, 7),
        ]

    def test_master_slave_groups(self, grouped: Emulator) -> None:
        client = newer_sdk(grouped)
        listed = models.DescribeMasterSlaveServerGroupsRequest(
            region_id="cn-hangzhou", load_balancer_id="lb-groups", include_listener=True
        )
        (pair,) = client.describe_master_slave_server_groups(
            listed
        ).body.master_slave_server_groups.master_slave_server_group
        assert pair.associated_objects.listeners.listener[0].protocol == "tcp"
        request = models.DescribeMasterSlaveServerGroupAttributeRequest(
            region_id="cn-hangzhou", master_slave_server_group_id=pair.master_slave_server_group_id
        )
        servers = client.describe_master_slave_server_group_attribute(request).body.master_slave_backend_servers
        assert [row.server_type for row in servers.master_slave_backend_server] == ["Master", "Slave"]

    def test_load_balancers_by_tag(self, grouped: Emulator) -> None:
        request = models.DescribeLoadBalancersRequest(
            region_id="cn-hangzhou", tag=[models.DescribeLoadBalancersRequestTag(key="team", value="other")]
        )
        (found,) = newer_sdk(grouped).describe_load_balancers(request).body.load_balancers.load_balancer
        assert (found.load_balancer_id, found.tags.tag[0].tag_key) == ("lb-other", "team")

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


@contextmanager
def footmark_connections(emulator: Emulator) -> t.Iterator[t.Any]:
    """Make footmark connections to an emulator.

    footmark builds its own SDK client, which finds its endpoint in the region provider of the SDK core.
    """
    region_provider.add_endpoint("Slb", "cn-hangzhou", emulator.url)

    def connect(secret: str = "testsecret") -> t.Any:
        return SLBConnection("testid", secret, region="cn-hangzhou")

    try:
        yield connect
    finally:
        # The entry is the whole process's.
        DefaultEndpointResolver.predefined_endpoint_resolver.reset()


@pytest.fixture
def footmark(emulator: Emulator) -> t.Iterator[t.Any]:
    """Makes footmark connections to the emulator."""
    with footmark_connections(emulator) as connect:
        yield connect


@pytest.fixture
def footmark_groups(grouped: Emulator) -> t.Iterator[t.Any]:
    """Makes footmark connections to the emulator with server groups."""
    with footmark_connections(grouped) as connect:
        yield connect


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

    def test_groups(self, grouped: Emulator, footmark_groups: t.Any) -> None:
        """footmark reads each group of a list."""
        connection = footmark_groups()
        app, api, _spare = connection.describe_vserver_groups(load_balancer_id="lb-groups")
        assert (app.vserver_group_name, len(app.backend_servers["backend_server"])) == ("app", 5)
        assert api.load_balancer_id == "lb-groups"
        assert api.set([{"server_id": "i-api1", "port": 9000, "weight": 7}])
        assert grouped.members("lb-groups", "rsp-api")[0].weight == 7
        assert api.add([{"server_id": "i-api2", "port": 9000, "weight": 5}])
        assert api.remove([{"server_id": "i-api1", "port": 9000}])
        # It removes and adds, so the weight is that of a new member.
        assert api.get().modify([{"server_id": "i-api2", "port": 9000, "weight": 6}])
        left = grouped.members("lb-groups", "rsp-api")
        assert [(member.server_id, member.weight) for member in left] == [("i-api2", 6)]
        assert {record.http_status for record in grouped.requests} == {200}

    def test_no_group(self, footmark_groups: t.Any) -> None:
        with pytest.raises(ServerException, match="The specified VServerGroupId does not exist"):
            footmark_groups().describe_vserver_group_attribute(vserver_group_id="rsp-none")
