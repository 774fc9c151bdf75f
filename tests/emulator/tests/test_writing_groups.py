# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions that change the members of vServer groups, through the vendor's SDK and by hand."""

from __future__ import annotations

import json
import typing as t

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from rpc_request import refusal
from sdk_client import SdkClient
from test_control import control

from slb_emulator import Emulator, MemberEdit, running

SET = "SetVServerGroupAttribute"
BEFORE = [
    ("i-web1", 8080, 100),
    ("i-web1", 8081, 50),
    ("i-web2", 8080, 0),
    ("eni-1", 8080, 10),
    ("eni-1", 8080, 20),
]


def members(emulator: Emulator, group: str = "rsp-app") -> list[t.Any]:
    return [(member.server_id, member.port, member.weight) for member in emulator.members("lb-groups", group)]


def write(sdk: SdkClient, action: str, *elements: t.Any, group: str = "rsp-app", **parameters: t.Any) -> t.Any:
    """A call that changes a group."""
    if elements:
        parameters["BackendServers"] = json.dumps(elements)
    return sdk.call(action, VServerGroupId=group, **parameters)


def write_refusal(emulator: Emulator, action: str, servers: t.Any, **parameters: t.Any) -> tuple[int, str]:
    parameters = {"RegionId": "cn-hangzhou", "VServerGroupId": "rsp-app", "BackendServers": servers, **parameters}
    return refusal(emulator.url, action, **parameters)


def names_of_groups(sdk: SdkClient) -> list[str]:
    answer = sdk.call("DescribeVServerGroups", LoadBalancerId="lb-groups")
    return [group["VServerGroupName"] for group in answer["VServerGroups"]["VServerGroup"]]


def test_set_changes_what_is_listed(grouped: Emulator, groups: SdkClient) -> None:
    answer = write(
        groups,
        SET,
        {"ServerId": "i-web1", "Port": "8081", "Weight": "0", "Description": "second/port"},
        {"ServerId": "eni-1", "Port": 8080, "Weight": 7, "Type": "eni", "ServerIp": "10.0.1.2"},
    )
    assert answer.pop("RequestId")
    assert answer == {
        "VServerGroupId": "rsp-app",
        "VServerGroupName": "app",
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-web1", "Port": 8081, "Weight": 0, "Type": "ecs", "Description": "second/port"},
                {"ServerId": "eni-1", "Port": 8080, "Weight": 7, "Type": "eni"},
            ]
        },
    }
    assert members(grouped) == [
        BEFORE[0],
        ("i-web1", 8081, 0),
        *BEFORE[2:4],
        ("eni-1", 8080, 7),
    ]
    # The same server in other groups keeps its weight.
    assert grouped.members("lb-groups")[0].weight == 100


def test_name_and_description(grouped: Emulator, groups: SdkClient) -> None:
    """Left out, the name stays and the description goes; a call may be about the name alone."""
    write(groups, SET, {"ServerId": "i-web1", "Port": "8080", "Weight": "1"})
    assert names_of_groups(groups) == ["app", "api", "api"]
    assert grouped.members("lb-groups", "rsp-app")[0].description == ""
    write(groups, SET, {"ServerId": "i-web1", "Port": "8080", "Weight": "2"}, VServerGroupName="second")
    assert members(grouped)[0] == ("i-web1", 8080, 2)
    assert write(groups, SET, VServerGroupName="third")["VServerGroupName"] == "third"
    assert names_of_groups(groups) == ["third", "api", "api"]
    assert write_refusal(grouped, SET, None) == (400, "MissingParameter")


def test_a_refused_call_keeps_the_name(grouped: Emulator, groups: SdkClient) -> None:
    servers = json.dumps([{"ServerId": "i-none", "Port": "8080", "Weight": "1"}])
    assert write_refusal(grouped, SET, servers, VServerGroupName="other") == (400, "ObtainIpFail")
    assert names_of_groups(groups)[0] == "app"


def test_missing_weight_is_100(grouped: Emulator, groups: SdkClient) -> None:
    write(groups, SET, {"ServerId": "i-web2", "Port": "8080"})
    assert members(grouped)[2] == ("i-web2", 8080, 100)


@pytest.mark.parametrize(
    "element",
    [
        {"ServerId": "i-none", "Port": "8080"},
        {"ServerId": "i-web1", "Port": "8082"},
        {"ServerId": "i-web2", "Port": "8081"},
        {"ServerId": "i-web2", "Port": "8080", "ServerIp": "10.0.0.3"},
        {"ServerId": "i-api1", "Port": "9000"},
        {"ServerId": "eni-1", "Port": "8080"},
        {"ServerId": "eni-1", "Port": "8080", "Type": "eni"},
        {"ServerId": "eni-1", "Port": "8081", "Type": "eni", "ServerIp": "10.0.1.1"},
    ],
)
def test_set_of_no_member(grouped: Emulator, element: dict[str, t.Any]) -> None:
    servers = json.dumps([{"ServerId": "i-web1", "Port": "8080", "Weight": "1"}, {**element, "Weight": "1"}])
    assert write_refusal(grouped, SET, servers) == (400, "ObtainIpFail")
    assert members(grouped) == BEFORE


def test_non_members_may_be_ignored(grouped: Emulator, groups: SdkClient) -> None:
    grouped.change_settings({"set_non_members": "ignore"})
    write(
        groups,
        SET,
        {"ServerId": "i-none", "Port": "8080", "Weight": "1"},
        {"ServerId": "i-web1", "Port": "8080", "Weight": "1"},
    )
    assert members(grouped) == [("i-web1", 8080, 1), *BEFORE[1:]]
    groups.set({"ServerId": "i-none", "Weight": "1"}, load_balancer_id="lb-groups")
    assert [member.server_id for member in grouped.members("lb-groups")] == ["i-web1"]


@pytest.mark.parametrize(
    ("servers", "code"),
    [
        ("[]", "InvalidParameter"),
        ("{}", "BackendServersMalformed"),
        ("[{", "BackendServersMalformed"),
        ('[{"ServerId": "i-web1", "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": "0", "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": "65536", "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": "http", "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": true, "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": null, "Weight": "1"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": "8080", "Weight": "101"}]', "InvalidWeight.Malformed"),
        ('[{"ServerId": "i-web1", "Port": "8080", "weight": "1"}]', "BackendServersMalformed"),
        ('[{"ServerId": "i-web1", "Port": "8080", "Type": "vm"}]', "BackendServer.InvalidType"),
        ('[{"Port": "8080", "Weight": "1"}]', "BackendServer.ServerIdEmpty"),
        ('[{"ServerId": "i-web1", "Port": "8080"}, {"ServerId": "i-web1", "Port": 8080}]', "InvalidParameter"),
        (json.dumps([{"ServerId": "i-web1", "Port": str(port)} for port in range(1, 22)]), "TooManyBackendServers"),
    ],
)
def test_refused_lists(grouped: Emulator, servers: str, code: str) -> None:
    assert write_refusal(grouped, SET, servers) == (400, code)
    assert members(grouped) == BEFORE


def test_twenty_elements_are_taken(grouped: Emulator, groups: SdkClient) -> None:
    elements = [{"ServerId": "i-web9", "Port": str(port), "Weight": "1"} for port in range(1, 21)]
    write(groups, "AddVServerGroupBackendServers", *elements, group="rsp-spare")
    write(groups, SET, *[{**element, "Weight": "2"} for element in elements], group="rsp-spare")
    assert members(grouped, "rsp-spare") == [("i-web9", port, 2) for port in range(1, 21)]


def test_locked(grouped: Emulator) -> None:
    servers = '[{"ServerId": "i-web1", "Port": "80", "Weight": "1"}]'
    assert write_refusal(grouped, SET, servers, VServerGroupId="rsp-locked") == (400, "LbStatusNotSupport")


def test_busy_after_a_write(groups_state: dict[str, t.Any]) -> None:
    """The group answers with a code of its own, other groups of the load balancer with the one of the default group."""
    api = {"ServerId": "i-api1", "Port": "9000", "Weight": "1"}
    with running(groups_state, busy_seconds=3600) as emulator:
        sdk = SdkClient(emulator.url)
        write(sdk, SET, api, group="rsp-api")
        with pytest.raises(ServerException) as caught:
            write(sdk, SET, api, group="rsp-api")
        assert caught.value.get_error_code() == "VServerGroupProcessing"
        assert caught.value.get_http_status() == 400
        with pytest.raises(ServerException) as caught:
            write(sdk, SET, {"ServerId": "i-web1", "Port": "8080", "Weight": "1"})
        assert caught.value.get_error_code() == "BackendServer.configuring"
        with pytest.raises(ServerException, match=r"BackendServer\.configuring"):
            sdk.set({"ServerId": "i-web1", "Weight": "1"}, load_balancer_id="lb-groups")
        assert sdk.call("DescribeVServerGroupAttribute", VServerGroupId="rsp-api")


def test_add(grouped: Emulator, groups: SdkClient) -> None:
    """Answers with all members of the group; of a server listed twice the first counts."""
    answer = write(
        groups,
        "AddVServerGroupBackendServers",
        {"ServerId": "i-api1", "Port": "9001", "Weight": "5", "Description": "new"},
        {"ServerId": "i-api1", "Port": "9001", "Weight": "6"},
        {"ServerId": "eni-2", "Port": "9000", "Type": "eni", "ServerIp": "10.0.1.9"},
        group="rsp-api",
    )
    assert answer.pop("RequestId")
    assert answer == {
        "VServerGroupId": "rsp-api",
        "BackendServers": {
            "BackendServer": [
                {"ServerId": "i-api1", "Port": 9000, "Weight": 100, "Type": "ecs"},
                {"ServerId": "i-api1", "Port": 9001, "Weight": 5, "Type": "ecs", "Description": "new"},
                {"ServerId": "eni-2", "Port": 9000, "Weight": 100, "Type": "eni"},
            ]
        },
    }


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ({"ServerId": "i-web1", "Port": "8080"}, "InvalidParameter"),
        ({"ServerId": "i-web1"}, "InvalidParameter"),
        ({"ServerId": "eni-1", "Port": "8080", "Type": "eni", "ServerIp": "10.0.1.1"}, "InvalidParameter"),
        ({"ServerId": "web9", "Port": "8080"}, "ObtainIpFail"),
    ],
)
def test_refused_additions(grouped: Emulator, element: dict[str, t.Any], code: str) -> None:
    servers = json.dumps([{"ServerId": "i-fine", "Port": "8080"}, element])
    assert write_refusal(grouped, "AddVServerGroupBackendServers", servers) == (400, code)
    assert members(grouped) == BEFORE


def test_remove(grouped: Emulator, groups: SdkClient) -> None:
    """One port of a server; servers that are no members are ignored. Answers with the members that stay."""
    answer = write(
        groups,
        "RemoveVServerGroupBackendServers",
        {"ServerId": "i-web1", "Port": "8081"},
        {"ServerId": "i-none", "Port": "8081"},
    )
    assert [row["Port"] for row in answer["BackendServers"]["BackendServer"]] == [8080] * 4
    assert members(grouped) == [BEFORE[0], *BEFORE[2:]]


def test_modify(grouped: Emulator, groups: SdkClient) -> None:
    """A member that is removed and added in one step comes back as another: without its description."""
    old = [{"ServerId": "i-web1", "Port": "8080"}, {"ServerId": "i-none", "Port": "1"}]
    new = [{"ServerId": "i-web1", "Port": "8080", "Weight": "3"}]
    answer = write(
        groups,
        "ModifyVServerGroupBackendServers",
        OldBackendServers=json.dumps(old),
        NewBackendServers=json.dumps(new),
    )
    assert len(answer["BackendServers"]["BackendServer"]) == 5
    assert members(grouped) == [*BEFORE[1:], ("i-web1", 8080, 3)]
    assert grouped.members("lb-groups", "rsp-app")[-1].description == ""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (None, '[{"ServerId": "i-1", "Port": "1"}]', "MissingParameter"),
        ('[{"ServerId": "i-web1", "Port": "8080"}]', None, "MissingParameter"),
        ('[{"ServerId": "i-web1", "Port": "8080"}]', '[{"ServerId": "i-web1", "Port": "8081"}]', "InvalidParameter"),
        ('[{"ServerId": "i-web1", "Port": "8080"}]', '[{"ServerId": "web9", "Port": "8080"}]', "ObtainIpFail"),
    ],
)
def test_refused_modifications(grouped: Emulator, old: t.Any, new: t.Any, code: str) -> None:
    sent = {"OldBackendServers": old, "NewBackendServers": new}
    assert write_refusal(grouped, "ModifyVServerGroupBackendServers", None, **sent) == (400, code)
    assert members(grouped) == BEFORE


def test_additions_know_the_addresses_of_the_state(groups_state: dict[str, t.Any]) -> None:
    """By server, its address in the network, and port: the other port of a server is another process."""
    app = groups_state["load_balancers"][0]["vserver_groups"][0]["backend_servers"]
    for number, member in enumerate(app):
        member["address"] = f"127.0.0.1:810{number}"
    with running(groups_state) as emulator:
        elements: list[dict[str, str]] = [{"ServerId": "i-web1", "Port": port} for port in ("8081", "8080", "8082")]
        elements.append({"ServerId": "eni-1", "Port": "8080", "Type": "eni", "ServerIp": "10.0.1.2"})
        write(SdkClient(emulator.url), "AddVServerGroupBackendServers", *elements, group="rsp-api")
        added = emulator.members("lb-groups", "rsp-api")[1:]
    assert [member.address for member in added] == ["127.0.0.1:8101", "127.0.0.1:8100", "", "127.0.0.1:8104"]


# The records, faults and edits


def test_records(grouped: Emulator, groups: SdkClient) -> None:
    """Each change of a member has its group and its port."""
    write(groups, SET, {"ServerId": "i-web1", "Port": "8081", "Weight": "0"})
    (record,) = grouped.requests
    (change,) = record.changes
    assert (change.vserver_group_id, change.server_id, change.port) == ("rsp-app", "i-web1", 8081)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.weight, change.after.weight) == (50, 0)
    assert str(record) == "SetVServerGroupAttribute rsp-app 200 i-web1:8081: 50 -> 0"
    _status, answer = control(grouped, "GET", "requests")
    assert answer["requests"][0]["changed_members"] == [
        {
            "server_id": "i-web1",
            "vserver_group_id": "rsp-app",
            "port": 8081,
            "weight_before": 50,
            "weight_after": 0,
        }
    ]


@pytest.mark.parametrize(
    ("code", "status"), [("VServerGroupProcessing", 400), ("OperationFailed.ServiceGroupProcessing", 400)]
)
def test_busy_codes_on_demand(grouped: Emulator, groups: SdkClient, code: str, status: int) -> None:
    grouped.add_fault({"action": SET, "kind": "error", "code": code})
    with pytest.raises(ServerException) as caught:
        write(groups, SET, {"ServerId": "i-web1", "Port": "8081", "Weight": "0"})
    assert (caught.value.get_error_code(), caught.value.get_http_status()) == (code, status)
    assert members(grouped) == BEFORE


def test_a_group_that_is_said_to_be_missing(grouped: Emulator, groups: SdkClient) -> None:
    message = "The specified VServerGroupId does not exist."
    fault = {"kind": "error", "code": "InvalidParameter", "http_status": 404, "message": message}
    grouped.add_fault({"action": SET, **fault})
    with pytest.raises(ServerException, match=message):
        write(groups, SET, {"ServerId": "i-web1", "Port": "8081", "Weight": "0"})


def test_stale_read(grouped: Emulator, groups: SdkClient) -> None:
    """As before the newest write of this group."""
    write(groups, SET, {"ServerId": "i-web1", "Port": "8081", "Weight": "0"})
    write(groups, SET, {"ServerId": "i-api1", "Port": "9000", "Weight": "1"}, group="rsp-api")
    grouped.add_fault({"kind": "stale_read"})
    stale = groups.call("DescribeVServerGroupAttribute", VServerGroupId="rsp-app")
    fresh = groups.call("DescribeVServerGroupAttribute", VServerGroupId="rsp-app")
    assert [answer["BackendServers"]["BackendServer"][1]["Weight"] for answer in (stale, fresh)] == [50, 0]


def test_edits_of_groups(grouped: Emulator, groups: SdkClient) -> None:
    """Another job changes one port, all ports of a server, adds a member and takes a whole group away."""
    edits = [
        {"vserver_group_id": "rsp-app", "server_id": "i-web1", "port": 8080, "weight": 1},
        {"vserver_group_id": "rsp-app", "server_id": "eni-1", "weight": 2},
        {"vserver_group_id": "rsp-app", "server_id": "i-web2", "port": 8080, "remove": True},
        {"vserver_group_id": "rsp-api", "add": {"server_id": "i-api2", "port": 9000, "weight": 5}},
        {"vserver_group_id": "rsp-none", "server_id": "i-web1", "weight": 1},
        {"server_id": "i-web1", "weight": 3},
    ]
    grouped.add_fault({"action": SET, "kind": "edit", "edits": edits})
    write(groups, SET, {"ServerId": "i-web1", "Port": "8081", "Weight": "9"})
    assert members(grouped) == [
        ("i-web1", 8080, 1),
        ("i-web1", 8081, 9),
        ("eni-1", 8080, 2),
        ("eni-1", 8080, 2),
    ]
    assert members(grouped, "rsp-api") == [("i-api1", 9000, 100), ("i-api2", 9000, 5)]
    assert grouped.members("lb-groups")[0].weight == 3
    (record,) = grouped.requests
    assert [(change.vserver_group_id, change.port) for change in record.edits] == [
        ("rsp-app", 8080),
        ("rsp-app", 8080),
        ("rsp-app", 8080),
        ("rsp-app", 8080),
        ("rsp-api", 9000),
        ("", None),
    ]


def test_a_group_that_vanishes(grouped: Emulator, groups: SdkClient) -> None:
    """One that a listener or a rule uses stays: the API refuses to delete it."""
    write(groups, "AddVServerGroupBackendServers", {"ServerId": "i-web1", "Port": "1"}, group="rsp-spare")
    gone = [{"vserver_group_id": group, "remove_group": True} for group in ("rsp-spare", "rsp-api")]
    grouped.add_fault({"action": SET, "kind": "edit", "edits": gone})
    with pytest.raises(ServerException, match="The specified VServerGroupId does not exist"):
        write(groups, SET, {"ServerId": "i-web1", "Port": "1", "Weight": "0"}, group="rsp-spare")
    assert [str(change) for change in grouped.requests[-1].edits] == ["i-web1:1: 100 -> absent"]
    assert names_of_groups(groups) == ["app", "api"]


def test_a_group_that_appears(grouped: Emulator, groups: SdkClient) -> None:
    new = {"vserver_group_id": "rsp-new", "backend_servers": [{"server_id": "i-web1", "port": 1, "weight": 5}]}
    known = {"vserver_group_id": "rsp-app", "vserver_group_name": "another"}
    edits = [{"add_group": new}, {"add_group": known}]
    grouped.add_fault({"action": "DescribeVServerGroups", "kind": "edit", "edits": edits})
    assert names_of_groups(groups) == ["app", "api", "api", "rsp-new"]
    assert members(grouped, "rsp-new") == [("i-web1", 1, 5)]
    assert members(grouped) == BEFORE
    (record,) = grouped.requests
    assert list(map(str, record.edits)) == ["i-web1:1: absent -> 5"]
    assert record.vserver_groups == ("rsp-app", "rsp-api", "rsp-spare", "rsp-new")
    assert grouped.vserver_groups("lb-groups") == [*record.vserver_groups]


@pytest.mark.parametrize(
    "edit",
    [
        {"vserver_group_id": "rsp-app"},
        {"vserver_group_id": "rsp-app", "add_group": {"vserver_group_id": "rsp-new"}},
        {"add_group": {"vserver_group_name": "new"}},
        {"add_group": True},
        {"vserver_group_id": "rsp-app", "remove_group": False},
        {"remove_group": True},
        {"vserver_group_id": "rsp-app", "server_id": "i-web1", "remove_group": True},
        {"vserver_group_id": "rsp-app", "add": {"server_id": "i-web1"}},
        {"vserver_group_id": "rsp-app", "add": {"server_id": "i-web1", "port": 1}, "port": 1},
        {"add": {"server_id": "i-web1", "port": 1}},
        {"server_id": "i-web1", "port": 1, "weight": 1},
        {"vserver_group_id": "rsp-app", "server_id": "i-web1", "port": 0, "weight": 1},
        {"vserver_group_id": "rsp-app", "server_id": "i-web1", "remove": False},
    ],
)
def test_bad_edits(grouped: Emulator, edit: dict[str, t.Any]) -> None:
    status, answer = control(grouped, "PUT", "faults", {"kind": "edit", "edits": [edit]})
    assert status == 400
    assert answer["error"].startswith("faults[0].edits[0]")


def test_weights_behind_the_back(grouped: Emulator) -> None:
    grouped.set_weight("lb-groups", "i-web1", 30, "rsp-app", 8081)
    assert members(grouped) == [BEFORE[0], ("i-web1", 8081, 30), *BEFORE[2:]]
    grouped.set_weight("lb-groups", "i-web1", 31, "rsp-app")
    assert members(grouped)[:2] == [("i-web1", 8080, 31), ("i-web1", 8081, 31)]
    assert grouped.members("lb-groups")[0].weight == 100
    grouped.edit("lb-groups", [MemberEdit("", vserver_group_id="rsp-spare", remove_group=True)])
    for unknown in (("i-none", "rsp-app", None), ("i-web1", "rsp-app", 1), ("i-web1", "rsp-spare", None)):
        server_id, group, port = unknown
        with pytest.raises(KeyError):
            grouped.set_weight("lb-groups", server_id, 30, group, port)
    with pytest.raises(KeyError):
        grouped.members("lb-groups", "rsp-none")
