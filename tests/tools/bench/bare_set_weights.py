# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For comparison in ``make bench``: three calls by the SDK and nothing else, as a quick script would do it."""

from __future__ import annotations

import json
import os

from aliyunsdkcore.client import AcsClient
from aliyunsdkslb.request.v20140515 import DescribeLoadBalancerAttributeRequest, SetBackendServersRequest
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec={"load_balancer_id": {"type": "str"}, "server_id": {"type": "str"}, "weight": {"type": "int"}}
    )
    client = AcsClient(
        os.environ["ALICLOUD_ACCESS_KEY"], os.environ["ALICLOUD_SECRET_KEY"], os.environ["ALICLOUD_REGION"]
    )
    read = DescribeLoadBalancerAttributeRequest.DescribeLoadBalancerAttributeRequest
    write = SetBackendServersRequest.SetBackendServersRequest
    server = {"ServerId": module.params["server_id"], "Weight": str(module.params["weight"])}
    for make_request in (read, write, read):
        request = make_request()
        request.set_endpoint(os.environ["ALICLOUD_SLB_ENDPOINT"].removeprefix("http://"))
        request.set_LoadBalancerId(module.params["load_balancer_id"])
        if make_request is write:
            request.set_BackendServers(json.dumps([server]))
        answer = json.loads(client.do_action_with_exception(request))
    module.exit_json(changed=True, backend_servers=answer["BackendServers"]["BackendServer"])


if __name__ == "__main__":
    main()
