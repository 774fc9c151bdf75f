# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API's actions: each takes a Call and returns the fields of its answer. Shapes: the vendor's reference pages."""

from __future__ import annotations

import ast
import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Callable, NamedTuple

from .errors import ApiError, invalid_parameter, missing_parameter
from .model import (
    SERVER_TYPES,
    BackendServer,
    DataPlane,
    Identity,
    Listener,
    LoadBalancer,
    MemberChange,
    SlbState,
    by_identity,
    change_members,
    find_member,
)
from .state_document import DESCRIPTION

# Elements of BackendServers in one call (vendor's reference of SetBackendServers).
MAX_SERVERS_PER_CALL = 20
# Ids or names in one list call.
MAX_LOAD_BALANCERS_PER_CALL = 10
DEFAULT_WEIGHT = 100
ELEMENT_KEYS = frozenset(("ServerId", "Weight", "Type", "ServerIp", "Port", "Description"))
Answer = dict[str, Any]


@dataclass
class Call:
    """One call of an action, under the state's lock."""

    state: SlbState
    parameters: Mapping[str, str]
    data_plane: DataPlane
    # "str" or "int": how SetBackendServers and AddBackendServers show a weight.
    set_weight_as: str = "str"
    # Seconds on the monotonic clock, and how long a change keeps its load balancer busy.
    now: float = 0.0
    busy_seconds: float = 0.0
    # Answer as before the newest write.
    stale: bool = False
    changes: list[MemberChange] = field(default_factory=list)

    def members_of(self, balancer: LoadBalancer) -> tuple[BackendServer, ...]:
        """The members this call sees."""
        if self.stale and balancer.previous_backend_servers is not None:
            return balancer.previous_backend_servers
        return balancer.backend_servers

    def load_balancer(self) -> LoadBalancer:
        """The load balancer the call names; one in another region does not exist here."""
        return self.find_load_balancer(self.parameters["LoadBalancerId"])

    def find_load_balancer(self, load_balancer_id: str) -> LoadBalancer:
        """A load balancer by its id, in the region of the call when it names one."""
        balancer = self.state.load_balancers.get(load_balancer_id)
        region = self.parameters.get("RegionId", "")
        if balancer is None or region not in ("", balancer.region_id):
            raise ApiError("InvalidLoadBalancerId.NotFound")
        return balancer

    def writable_load_balancer(self) -> LoadBalancer:
        """The load balancer the call names, if it may be changed now."""
        balancer = self.load_balancer()
        if balancer.load_balancer_status == "locked":
            raise ApiError("LbStatusNotSupport")
        if self.now < balancer.busy_until:
            raise ApiError("BackendServer.configuring")
        return balancer

    def change(self, balancer: LoadBalancer, members: Sequence[BackendServer]) -> None:
        """Put new members in place and keep the load balancer busy for a while."""
        self.changes = change_members(balancer, members, self.data_plane)
        balancer.busy_until = self.now + self.busy_seconds

    def weight_as_answered(self, weight: int) -> Any:
        """The weight as answers to Set and Add show it."""
        return weight if self.set_weight_as == "int" else str(weight)


class ServerElement(NamedTuple):
    """A valid element of the BackendServers parameter."""

    server_id: str
    weight: int
    type: str
    server_ip: str
    description: str


def parse_list(parameter: str) -> list[Any]:
    """The list in a BackendServers parameter: JSON, or the single-quoted lists some clients send.

    The Terraform provider sends [{'ServerId':'i-1','Weight':'100'}], and it works.
    """
    try:
        value = json.loads(parameter)
    except ValueError:
        try:
            value = ast.literal_eval(parameter.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise ApiError("BackendServersMalformed") from None
        if not has_plain_elements(value):
            raise ApiError("BackendServersMalformed") from None
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        raise ApiError("BackendServersMalformed")
    return value


def has_plain_elements(value: Any) -> bool:
    """Whether a value is a list of mappings from text to text or whole numbers."""
    return isinstance(value, list) and all(
        isinstance(element, dict)
        and all(isinstance(key, str) and type(item) in (str, int) for key, item in element.items())
        for element in value
    )


def parse_weight(value: Any) -> int:
    """A weight from 0 to 100, as a number or as text of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:10])
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ApiError("InvalidWeight.Malformed")
    return int(value)


def parse_text(element: Mapping[str, Any], name: str) -> str:
    """An optional text of an element, empty when absent."""
    value = element.get(name, "")
    if not isinstance(value, str):
        raise ApiError("BackendServersMalformed")
    return value


def parse_element(element: Mapping[str, Any]) -> ServerElement:
    """Check one element. A key that is not documented is an error: it is most likely a misspelt one."""
    if not ELEMENT_KEYS.issuperset(element):
        raise ApiError("BackendServersMalformed")
    server_id = parse_text(element, "ServerId")
    if not server_id:
        raise ApiError("BackendServer.ServerIdEmpty")
    server_type = parse_text(element, "Type") or "ecs"
    if server_type not in SERVER_TYPES:
        raise ApiError("BackendServer.InvalidType")
    description = parse_text(element, "Description")
    if "Description" in element and DESCRIPTION.match(description) is None:
        raise invalid_parameter("Description")
    weight = parse_weight(element.get("Weight", DEFAULT_WEIGHT))
    return ServerElement(server_id, weight, server_type, parse_text(element, "ServerIp"), description)


def parse_backend_servers(call: Call) -> list[ServerElement]:
    """The elements of BackendServers, 1 to 20 of them."""
    parameter = call.parameters.get("BackendServers")
    if not parameter:
        raise missing_parameter("BackendServers")
    elements = parse_list(parameter)
    if len(elements) > MAX_SERVERS_PER_CALL:
        raise ApiError("TooManyBackendServers")
    if not elements:
        raise ApiError("InvalidParameter", "The specified BackendServers is invalid.")
    return [parse_element(element) for element in elements]


def server_row(member: BackendServer, weight: Any) -> Answer:
    """A member as answers to writes show it: Description only when set, and no ServerIp."""
    row: Answer = {"ServerId": member.server_id, "Weight": weight, "Type": member.type}
    if member.description:
        row["Description"] = member.description
    return row


def described_row(member: BackendServer) -> Answer:
    """A member as DescribeLoadBalancerAttribute shows it: with its ServerIp when set."""
    row = server_row(member, member.weight)
    if member.server_ip:
        row["ServerIp"] = member.server_ip
    return row


def server_list(balancer: LoadBalancer, rows: list[Answer]) -> Answer:
    """The answer of the three calls that change members."""
    return {"LoadBalancerId": balancer.load_balancer_id, "BackendServers": {"BackendServer": rows}}


def set_backend_servers(call: Call) -> Answer:
    """Set weight and description of members; all of them or, on an error, none. Answers with those it set.

    An element without Description clears it; a member listed twice is an error (neither is documented).
    """
    balancer = call.writable_load_balancer()
    elements = parse_backend_servers(call)
    members = by_identity(balancer.backend_servers)
    updated: dict[Identity, BackendServer] = {}
    for element in elements:
        member = find_member(members, element.server_id, element.type, element.server_ip)
        if member is None:
            raise ApiError("ObtainIpFail")
        if member.identity in updated:
            raise ApiError("InvalidParameter", "The specified BackendServers is invalid.")
        updated[member.identity] = replace(member, weight=element.weight, description=element.description)
    call.change(balancer, list({**members, **updated}.values()))
    rows = [server_row(member, call.weight_as_answered(member.weight)) for member in updated.values()]
    return server_list(balancer, rows)


def add_backend_servers(call: Call) -> Answer:
    """Add members and answer with them. Of a server listed twice the first counts; a present member is an error."""
    balancer = call.writable_load_balancer()
    members = by_identity(balancer.backend_servers)
    added: dict[Identity, BackendServer] = {}
    for element in parse_backend_servers(call):
        if not call.state.may_be_added(element.server_id, element.type):
            raise ApiError("ObtainIpFail")
        # An ECS is a member once, whatever its address.
        server_ip = "" if element.type == "ecs" else element.server_ip
        if find_member(members, element.server_id, element.type, server_ip) is not None:
            raise ApiError("InvalidParameter", "The specified BackendServers is invalid.")
        server = BackendServer(
            element.server_id,
            element.weight,
            element.type,
            element.server_ip,
            element.description,
            address=call.state.addresses.get((element.server_id, element.server_ip), ""),
        )
        added.setdefault(server.identity, server)
    call.change(balancer, [*balancer.backend_servers, *added.values()])
    rows = [server_row(member, call.weight_as_answered(member.weight)) for member in added.values()]
    return server_list(balancer, rows)


def remove_backend_servers(call: Call) -> Answer:
    """Remove members; servers that are none are ignored. Answers with the members that stay."""
    balancer = call.writable_load_balancer()
    members = by_identity(balancer.backend_servers)
    for element in parse_backend_servers(call):
        member = find_member(members, element.server_id, element.type, element.server_ip)
        if member is not None:
            del members[member.identity]
    call.change(balancer, list(members.values()))
    return server_list(balancer, [server_row(member, member.weight) for member in members.values()])


def describe_load_balancer_attribute(call: Call) -> Answer:
    """A load balancer with all its members."""
    balancer = call.load_balancer()
    rows = [described_row(member) for member in call.members_of(balancer)]
    ports = [listener_port_row(listener) for listener in balancer.listeners]
    return {
        **load_balancer_row(balancer),
        "BackendServers": {"BackendServer": rows},
        "ListenerPorts": {"ListenerPort": [listener.listener_port for listener in balancer.listeners]},
        "ListenerPortsAndProtocol": {"ListenerPortAndProtocol": ports},
        # The real answer has this misspelt twin.
        "ListenerPortsAndProtocal": {
            "ListenerPortAndProtocal": [
                {"ListenerPort": row["ListenerPort"], "ListenerProtocal": row["ListenerProtocol"]} for row in ports
            ]
        },
        "Bandwidth": balancer.bandwidth,
        "CreateTimeStamp": milliseconds(balancer.create_time),
        "EndTime": "2999-09-08T16:00:00Z",
        "EndTimeStamp": 32493801600000,
        "HasReservedInfo": "false",
        "LoadBalancerSpec": balancer.load_balancer_spec,
        "DeleteProtection": "off",
        "ModificationProtectionStatus": "NonProtection",
        "Tags": {"Tag": []},
    }


def milliseconds(time_text: str) -> int:
    """A time of the state document in milliseconds since the epoch."""
    return int(datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1000)


def load_balancer_row(balancer: LoadBalancer) -> Answer:
    """The fields of a load balancer that single answers and lists share."""
    return {
        "LoadBalancerId": balancer.load_balancer_id,
        "LoadBalancerName": balancer.load_balancer_name,
        "LoadBalancerStatus": balancer.load_balancer_status,
        "RegionId": balancer.region_id,
        "RegionIdAlias": balancer.region_id,
        "Address": balancer.address,
        "AddressType": balancer.address_type,
        "AddressIPVersion": balancer.address_ip_version,
        "NetworkType": balancer.network_type,
        "VpcId": balancer.vpc_id,
        "VSwitchId": balancer.vswitch_id,
        "MasterZoneId": balancer.master_zone_id,
        "SlaveZoneId": balancer.slave_zone_id,
        "InternetChargeType": balancer.internet_charge_type,
        "PayType": balancer.pay_type,
        "ResourceGroupId": balancer.resource_group_id,
        "CreateTime": balancer.create_time,
    }


def listener_port_row(listener: Listener) -> Answer:
    """A listener as DescribeLoadBalancerAttribute shows it."""
    row: Answer = {"ListenerPort": listener.listener_port, "ListenerProtocol": listener.listener_protocol}
    if listener.description:
        row["Description"] = listener.description
    if listener.listener_protocol == "http":
        row["ListenerForward"] = listener.listener_forward
    if listener.forward_port is not None:
        row["ForwardPort"] = listener.forward_port
    return row


def integer_parameter(call: Call, name: str, default: int, lowest: int, highest: int) -> int:
    """A whole number from the parameters; InvalidParameter outside its bounds."""
    sent = call.parameters.get(name, "")
    if not sent:
        return default
    value = int(sent[:10]) if sent.isascii() and sent.isdigit() else lowest - 1
    if not lowest <= value <= highest:
        raise invalid_parameter(name)
    return value


def describe_load_balancers(call: Call) -> Answer:
    """Load balancers of a region, by page; members are not part of it."""
    size = integer_parameter(call, "PageSize", 50, 1, 100)
    number = integer_parameter(call, "PageNumber", 1, 1, 2**31 - 1)
    if call.parameters.get("PageSize") and not call.parameters.get("PageNumber"):
        raise missing_parameter("PageNumber")
    for name in ("LoadBalancerId", "LoadBalancerName"):
        if call.parameters.get(name, "").count(",") >= MAX_LOAD_BALANCERS_PER_CALL:
            raise invalid_parameter(name)
    found = [b for b in call.state.load_balancers.values() if is_asked_for(b, call.parameters)]
    page = found[(number - 1) * size : number * size]
    rows = [
        {
            **load_balancer_row(balancer),
            # Lists have short times and numbers for the charge type.
            "CreateTime": f"{balancer.create_time[:16]}Z",
            "InternetChargeType": "4" if balancer.internet_charge_type == "paybytraffic" else "3",
            "InternetChargeTypeAlias": balancer.internet_charge_type,
        }
        for balancer in page
    ]
    return {
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": len(found),
        "LoadBalancers": {"LoadBalancer": rows},
    }


def is_asked_for(balancer: LoadBalancer, parameters: Mapping[str, str]) -> bool:
    """Whether a load balancer passes the filters of DescribeLoadBalancers."""
    filters = {
        "RegionId": (balancer.region_id,),
        "Address": (balancer.address,),
        "AddressType": (balancer.address_type,),
        "NetworkType": (balancer.network_type,),
        "VpcId": (balancer.vpc_id,),
        "VSwitchId": (balancer.vswitch_id,),
        "LoadBalancerStatus": (balancer.load_balancer_status,),
        "ServerId": tuple(member.server_id for member in balancer.backend_servers),
    }
    if any(parameters.get(name) and parameters[name] not in values for name, values in filters.items()):
        return False
    ids, names = parameters.get("LoadBalancerId"), parameters.get("LoadBalancerName")
    return (not ids or balancer.load_balancer_id in ids.split(",")) and (
        not names or balancer.load_balancer_name in names.split(",")
    )


def describe_load_balancer_listeners(call: Call) -> Answer:
    """Listeners as a flat list, by token; of the load balancers named, or of all in the region."""
    size = integer_parameter(call, "MaxResults", 20, 1, 100)
    start = parse_next_token(call.parameters.get("NextToken", ""))
    found = [
        (balancer, listener)
        for balancer in named_load_balancers(call)
        for listener in balancer.listeners
        if is_listener_asked_for(listener, call.parameters)
    ]
    answer: Answer = {
        "TotalCount": len(found),
        "MaxResults": size,
        "Listeners": [listener_row(*pair) for pair in found[start : start + size]],
    }
    if start + size < len(found):
        answer["NextToken"] = next_token(start + size)
    return answer


def is_listener_asked_for(listener: Listener, parameters: Mapping[str, str]) -> bool:
    """Whether a listener passes the filters of DescribeLoadBalancerListeners."""
    filters = {
        "ListenerProtocol": listener.listener_protocol,
        "ListenerPort": str(listener.listener_port),
        "Description": listener.description,
    }
    return all(parameters.get(name) in (None, "", value) for name, value in filters.items())


def named_load_balancers(call: Call) -> list[LoadBalancer]:
    """The load balancers of LoadBalancerId.1 and so on, or all of the region."""
    ids = [value for name, value in call.parameters.items() if name.startswith("LoadBalancerId.")]
    if len(ids) > MAX_LOAD_BALANCERS_PER_CALL:
        raise invalid_parameter("LoadBalancerId")
    if ids:
        return [call.find_load_balancer(load_balancer_id) for load_balancer_id in ids]
    region = call.parameters["RegionId"]
    return [balancer for balancer in call.state.load_balancers.values() if balancer.region_id == region]


def next_token(offset: int) -> str:
    """An opaque token for the rest of a list."""
    return base64.urlsafe_b64encode(f"listeners:{offset}".encode()).decode("ascii")


def parse_next_token(token: str) -> int:
    """Where a list goes on; InvalidParameter for a token that was never given out."""
    if not token:
        return 0
    try:
        kind, _colon, offset = base64.urlsafe_b64decode(token.encode()).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_parameter("NextToken") from None
    if kind != "listeners" or not offset.isdigit():
        raise invalid_parameter("NextToken")
    return int(offset)


def listener_row(balancer: LoadBalancer, listener: Listener) -> Answer:
    """A listener as DescribeLoadBalancerListeners shows it, with the settings of its protocol in a sub-object."""
    protocol = listener.listener_protocol
    config: Answer = {"HealthCheck": listener.health_check, "HealthCheckInterval": 5, "UnhealthyThreshold": 3}
    if protocol in ("http", "https"):
        config["HealthCheckURI"] = listener.health_check_uri
    if protocol == "http":
        config["ListenerForward"] = listener.listener_forward
    if listener.forward_port is not None:
        config["ForwardPort"] = listener.forward_port
    if protocol in ("tcp", "udp"):
        config["ConnectionDrain"] = listener.connection_drain
        if listener.connection_drain_timeout is not None:
            config["ConnectionDrainTimeout"] = listener.connection_drain_timeout
        if listener.master_slave_server_group_id:
            config["MasterSlaveServerGroupId"] = listener.master_slave_server_group_id
    row: Answer = {
        "LoadBalancerId": balancer.load_balancer_id,
        "ListenerPort": listener.listener_port,
        "ListenerProtocol": protocol,
        "Scheduler": listener.scheduler,
        "Status": listener.status,
        "Bandwidth": -1,
        "AclStatus": "off",
        "Tags": [],
        f"{protocol.upper()}ListenerConfig": config,
    }
    if listener.backend_server_port is not None:
        row["BackendServerPort"] = listener.backend_server_port
    if listener.vserver_group_id:
        row["VServerGroupId"] = listener.vserver_group_id
    if listener.description:
        row["Description"] = listener.description
    return row


def describe_health_status(call: Call) -> Answer:
    """Health of the members behind each listener of the default group, or behind one listener."""
    balancer = call.load_balancer()
    port = integer_parameter(call, "ListenerPort", 0, 1, 65535)
    protocol = call.parameters.get("ListenerProtocol", "")
    listeners = [
        listener
        for listener in balancer.listeners
        if port in (0, listener.listener_port) and protocol in ("", listener.listener_protocol)
    ]
    if port and not listeners:
        raise ApiError("InvalidParameter", "The specified resource does not exist.")
    rows = [
        health_row(call, balancer, listener, member)
        for listener in listeners
        if listener.uses_default_group
        for member in call.members_of(balancer)
    ]
    return {"BackendServers": {"BackendServer": rows}}


def health_row(call: Call, balancer: LoadBalancer, listener: Listener, member: BackendServer) -> Answer:
    """One member behind one listener. Without a running check its health is unavailable."""
    is_checked = listener.health_check == "on" and listener.status != "stopped"
    health: str | None = call.data_plane.health_of(balancer, listener, member) if is_checked else None
    row: Answer = {
        "ListenerPort": listener.listener_port,
        "Protocol": listener.listener_protocol,
        "ServerId": member.server_id,
        "Port": listener.backend_server_port,
        "Type": member.type,
        "ServerHealthStatus": health or "unavailable",
    }
    if member.server_ip:
        row["ServerIp"] = member.server_ip
    return row


class Action(NamedTuple):
    """An action and the parameters it cannot do without."""

    run: Callable[[Call], Answer]
    required: tuple[str, ...]


ACTIONS: dict[str, Action] = {
    "AddBackendServers": Action(add_backend_servers, ("LoadBalancerId",)),
    "DescribeHealthStatus": Action(describe_health_status, ("LoadBalancerId",)),
    "DescribeLoadBalancerAttribute": Action(describe_load_balancer_attribute, ("LoadBalancerId",)),
    "DescribeLoadBalancerListeners": Action(describe_load_balancer_listeners, ("RegionId",)),
    "DescribeLoadBalancers": Action(describe_load_balancers, ("RegionId",)),
    "RemoveBackendServers": Action(remove_backend_servers, ("LoadBalancerId", "BackendServers")),
    "SetBackendServers": Action(set_backend_servers, ("LoadBalancerId",)),
}


def run_action(name: str, call: Call) -> Answer:
    """Run an action that exists; MissingParameter before anything else."""
    action = ACTIONS[name]
    for parameter in action.required:
        if not call.parameters.get(parameter):
            raise missing_parameter(parameter)
    return action.run(call)
