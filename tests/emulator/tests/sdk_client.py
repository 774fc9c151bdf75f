# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's SDK core, one call per method call, pointed at a loopback endpoint."""

from __future__ import annotations

import importlib
import json
import typing as t

from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient


class SdkClient:
    """Calls actions and gives the parsed answer. `read_timeout` is in seconds."""

    def __init__(
        self,
        url: str,
        key: str = "testid",
        secret: str = "testsecret",
        token: t.Any = None,
        region: str = "cn-hangzhou",
        verify: t.Any = None,
    ) -> None:
        credential = AccessKeyCredential(key, secret) if token is None else StsTokenCredential(key, secret, token)
        self._client = AcsClient(region_id=region, credential=credential, verify=verify)
        self._client.add_endpoint(region, "Slb", url)

    def raw(self, action: str, read_timeout: float = 30, **parameters: t.Any) -> bytes:
        """The bytes of the answer."""
        module = importlib.import_module(f"aliyunsdkslb.request.v20140515.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_read_timeout(read_timeout)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        answer: bytes = self._client.do_action_with_exception(request)
        return answer

    def call(self, action: str, read_timeout: float = 30, **parameters: t.Any) -> t.Any:
        """The answer as a dictionary."""
        return json.loads(self.raw(action, read_timeout, **parameters))

    def describe(self, load_balancer_id: str = "lb-test", **options: t.Any) -> t.Any:
        """The members as DescribeLoadBalancerAttribute shows them."""
        answer = self.call("DescribeLoadBalancerAttribute", LoadBalancerId=load_balancer_id, **options)
        return answer["BackendServers"]["BackendServer"]

    def set(self, *entries: t.Any, load_balancer_id: str = "lb-test", **options: t.Any) -> t.Any:
        """SetBackendServers with these elements."""
        return self.call(
            "SetBackendServers", LoadBalancerId=load_balancer_id, BackendServers=json.dumps(entries), **options
        )
