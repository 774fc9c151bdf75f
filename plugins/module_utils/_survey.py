# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Answers of an AWX survey, which are text where a playbook has lists."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument

_LINE = re.compile(r"([\w-]+)(?:@([\d.]+|[\da-fA-F:]+))?\s*=\s*(0|[1-9]\d*)", re.ASCII)


def servers_of(answer: t.Any) -> t.Any:
    """The servers of the variable ``slb_backend_servers``, as the option ``backend_servers`` takes them.

    Text has ``ID=WEIGHT`` or ``ID@ADDRESS=WEIGHT`` on each line, or between commas; anything else is returned as it is.
    Raises InvalidArgument for text in another form, and if there is no server.
    """
    # Ansible reads an answer that looks like a number as a number.
    if isinstance(answer, (str, int, float)):
        answer = _parse(str(answer))
    if not answer:
        raise InvalidArgument(
            "slb_backend_servers names no server",
            "Give each server and its weight, in a survey as ID=WEIGHT on a line of its own.",
        )
    return answer


def _parse(text: str) -> list[dict[str, str]]:
    """The lines of a text as mappings."""
    lines = [line for part in text.replace(",", "\n").split("\n") if (line := part.strip())]
    matches = [(line, _LINE.fullmatch(line)) for line in lines]
    malformed = [line for line, match in matches if match is None]
    if malformed:
        raise InvalidArgument(
            f"slb_backend_servers has text that is not a server with its weight: {' and '.join(malformed)}",
            "Write ID=WEIGHT on each line, such as i-bp1c3zrr37ablp8ujo7v=0.",
        )
    return [_server(*match.groups()) for _line, match in matches if match is not None]


def _server(server_id: str, address: str | None, weight: str) -> dict[str, str]:
    server = {"server_id": server_id, "weight": weight}
    return {**server, "server_ip": address} if address else server
