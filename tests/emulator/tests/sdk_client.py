# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's SDK core, one call per method call, pointed at a loopback endpoint."""

from __future__ import annotations

import importlib
import json

from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient


class SdkClient:
    """Calls actions and gives the parsed answer. `read_timeout` is in seconds."""

    def __init__(self, url, key="testid", secret="testsecret", token=None, region="cn-hangzhou", verify=None):
        credential = AccessKeyCredential(key, secret) if token is None else StsTokenCredential(key, secret, token)
        self._client = AcsClient(region_id=region, credential=credential, verify=verify)
        self._client.add_endpoint(region, "Slb", url)

    def raw(self, action, read_timeout=30, **parameters):
        """The bytes of the answer."""
        module = importlib.import_module(f"aliyunsdkslb.request.v20140515.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_read_timeout(read_timeout)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return self._client.do_action_with_exception(request)

    def call(self, action, read_timeout=30, **parameters):
        """The answer as a dictionary."""
        return json.loads(self.raw(action, read_timeout, **parameters))

    def describe(self, load_balancer_id="lb-test", **options):
        """The members as DescribeLoadBalancerAttribute shows them."""
        answer = self.call("DescribeLoadBalancerAttribute", LoadBalancerId=load_balancer_id, **options)
        return answer["BackendServers"]["BackendServer"]

    def set(self, *entries, load_balancer_id="lb-test", **options):
        """SetBackendServers with these elements."""
        return self.call(
            "SetBackendServers", LoadBalancerId=load_balancer_id, BackendServers=json.dumps(entries), **options
        )
