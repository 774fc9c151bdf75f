# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The BackendServers parameter of the actions that write: 1 to 20 elements, checked strictly."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ...core.model import SERVER_TYPES, BackendServer, Identity, MemberKey, SlbState, find_member
from ...core.state_schema import DESCRIPTION
from ..errors import ApiError, invalid_parameter, missing_parameter
from .call import Call

# Elements of BackendServers in one call (vendor's reference of SetBackendServers).
MAX_SERVERS_PER_CALL = 20
DEFAULT_WEIGHT = 100
MALFORMED_PORT = "The specified BackendServers is invalid as the Port value should be in [1, 65535]."
ELEMENT_KEYS = frozenset(("ServerId", "Weight", "Type", "ServerIp", "Port", "Description"))


class ServerElement(NamedTuple):
    """A valid element of the BackendServers parameter."""

    server_id: str
    weight: int
    type: str
    server_ip: str
    description: str
    # None in the default group.
    port: int | None = None

    @property
    def identity(self) -> Identity:
        """ServerId, Type, ServerIp."""
        return (self.server_id, self.type, self.server_ip)

    def as_member(self, address: str) -> BackendServer:
        """The member that an action adds for this element."""
        return BackendServer(
            self.server_id,
            self.weight,
            self.type,
            self.server_ip,
            self.description,
            address=address,
            port=self.port,
        )


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


def parse_port(value: Any) -> int:
    """A port, as a number or as text of digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:10])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ApiError("InvalidParameter", MALFORMED_PORT)
    return int(value)


def parse_text(element: Mapping[str, Any], name: str) -> str:
    """An optional text of an element, empty when absent."""
    value = element.get(name, "")
    if not isinstance(value, str):
        raise ApiError("BackendServersMalformed")
    return value


def parse_element(element: Mapping[str, Any], has_port: bool) -> ServerElement:
    """Check one element. A key that is not documented is an error: it is most likely a misspelt one.

    has_port is about the group: the members of a vServer group have a port, those of the default group have none.
    """
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
    port = parse_port(element.get("Port")) if has_port else None
    return ServerElement(server_id, weight, server_type, parse_text(element, "ServerIp"), description, port)


def parse_servers(call: Call, name: str = "BackendServers", has_port: bool = False) -> list[ServerElement]:
    """The elements of a list of servers, 1 to 20 of them."""
    parameter = call.parameters.get(name)
    if not parameter:
        raise missing_parameter(name)
    elements = parse_list(parameter)
    if len(elements) > MAX_SERVERS_PER_CALL:
        raise ApiError("TooManyBackendServers")
    if not elements:
        raise invalid_servers()
    return [parse_element(element, has_port) for element in elements]


def invalid_servers() -> ApiError:
    """The error for a list of servers that asks for something impossible."""
    return ApiError("InvalidParameter", "The specified BackendServers is invalid.")


def with_weights_set(
    members: Mapping[MemberKey, BackendServer], elements: Sequence[ServerElement], ignore_others: bool
) -> dict[MemberKey, BackendServer]:
    """The members that elements name, with their new weight and description.

    An element without Description clears it; a member listed twice is an error (neither is documented). So is a
    server that is no member, unless ignore_others lets it pass.
    """
    updated: dict[MemberKey, BackendServer] = {}
    for element in elements:
        member = find_member(members, element.identity, element.port)
        if member is None and ignore_others:
            continue
        if member is None:
            raise ApiError("ObtainIpFail")
        if member.key in updated:
            raise invalid_servers()
        updated[member.key] = replace(member, weight=element.weight, description=element.description)
    return updated


def additions(
    state: SlbState, members: Mapping[MemberKey, BackendServer], elements: Sequence[ServerElement]
) -> dict[MemberKey, BackendServer]:
    """The members that elements add. Of a server listed twice the first counts; a present member is an error."""
    added: dict[MemberKey, BackendServer] = {}
    for element in elements:
        if not state.may_be_added(element.server_id, element.type):
            raise ApiError("ObtainIpFail")
        # An ECS is a member once, whatever its address.
        server_ip = "" if element.type == "ecs" else element.server_ip
        if find_member(members, (element.server_id, element.type, server_ip), element.port) is not None:
            raise invalid_servers()
        address = state.addresses.get((element.server_id, element.server_ip, element.port), "")
        member = element.as_member(address)
        added.setdefault(member.key, member)
    return added


def without(
    members: Mapping[MemberKey, BackendServer], elements: Sequence[ServerElement]
) -> dict[MemberKey, BackendServer]:
    """The members that stay when elements are removed; servers that are no members are ignored."""
    stay = dict(members)
    for element in elements:
        member = find_member(stay, element.identity, element.port)
        if member is not None:
            del stay[member.key]
    return stay
