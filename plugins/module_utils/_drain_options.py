# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""The options of ``slb_drain``, and the variables of a host that stand for them.

An option that a task does not give is taken from the variable ``rolling_update_OPTION`` of the host. So an inventory
says once which member a host is, and the role hands nothing from one task to the next.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._connection import (
    checked_region,
    connection_argument_spec,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import (
    MIN_ACTIVE,
    PORT,
    Range,
    whole_number,
)

PREFIX = "rolling_update_"
CHECKED, DRAINED, PROVEN, UPDATED, RESTORED, FAILED = "checked", "drained", "proven", "updated", "restored", "failed"

SECONDS = Range(0, 24 * 60 * 60)
_PERCENT = Range(0, 100)
_DAYS = Range(0, 100 * 365)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


# The option of slb_journal that slb_drain has not.
_OTHER_VARIABLES = (PREFIX + "record",)


class DrainOptions(t.NamedTuple):
    """The options, checked. ``record_dir`` is None for the default folder, ``rolling_update_id`` for the run's own."""

    state: str
    rolling_update_id: str | None
    load_balancer_ids: tuple[str, ...]
    server_id: str
    server_ip: str | None
    server_groups: str
    min_active: int
    check_listeners: str
    already_out: str
    drain_delay: int
    port: tuple[int, ...]
    drain_timeout: int
    on_drain_timeout: str
    verify: bool
    health_url: str | None
    health_timeout: int
    ramp: tuple[int, ...]
    ramp_pause: int
    on_failure: str
    record_dir: str | None
    keep_days: int
    tasks_file: str | None
    health_tasks_file: str | None
    connection: t.Mapping[str, t.Any]

    @property
    def fingerprint(self) -> str:
        """Tells apart connections to different APIs or accounts. Not a secret."""
        names = ("region", "endpoint", "access_key", "profile", "shared_credentials_file", "ecs_role_name")
        role = self.connection["assume_role"] or {}
        values = [self.connection[name] for name in names] + [role.get("role_arn")]
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def argument_spec() -> dict[str, t.Any]:
    """Numbers and lists are raw: see _numbers, and variables from the command line are text."""
    return {
        "state": {"type": "str", "choices": [CHECKED, DRAINED, PROVEN, UPDATED, RESTORED, FAILED], "required": True},
        "rolling_update_id": {"type": "str"},
        "load_balancer_ids": {"type": "raw"},
        "server_id": {"type": "str"},
        "server_ip": {"type": "str"},
        "server_groups": {"type": "str", "choices": ["all", "default"], "default": "all"},
        "min_active": {"type": "raw", "default": 1},
        "check_listeners": {"type": "str", "choices": ["fail", "warn", "off"], "default": "fail"},
        "already_out": {"type": "str", "choices": ["warn", "fail"], "default": "warn"},
        "drain_delay": {"type": "raw", "default": 5},
        "port": {"type": "raw"},
        "drain_timeout": {"type": "raw", "default": 300},
        "on_drain_timeout": {"type": "str", "choices": ["continue", "fail"], "default": "continue"},
        "verify": {"type": "bool", "default": True},
        "health_url": {"type": "str"},
        "health_timeout": {"type": "raw", "default": 300},
        "ramp": {"type": "raw", "default": [100]},
        "ramp_pause": {"type": "raw", "default": 30},
        "on_failure": {"type": "str", "choices": ["keep_drained", "restore"], "default": "keep_drained"},
        "record_dir": {"type": "path"},
        "keep_days": {"type": "raw", "default": 30},
        "tasks_file": {"type": "str"},
        "health_tasks_file": {"type": "str"},
        **connection_argument_spec(),
    }


def variable_of(option: str) -> str:
    """The variable of a host that stands for an option."""
    return option if option.startswith(PREFIX) else PREFIX + option


def parse_options(values: t.Mapping[str, t.Any], prefix: str) -> DrainOptions:
    """Check the values of all options of argument_spec(). Raises InvalidArgument; ``prefix``: of the names in it."""
    options = {name: values[name] for name in DrainOptions._fields if name in values}
    options["connection"] = {name: values[name] for name in connection_argument_spec()}
    for name in ("rolling_update_id", "server_ip", "record_dir", "tasks_file", "health_tasks_file", "health_url"):
        options[name] = (values[name] or "").strip() or None
    if values["tasks_file"] == "":
        raise InvalidArgument(f"{prefix}tasks_file is missing", "Name the file with your update tasks.")
    checked_region(values["region"], prefix + "region")
    options["server_id"] = _id(values["server_id"], prefix + "server_id", "i-bp1c3zrr37ablp8ujo7v")
    options["load_balancer_ids"] = _load_balancer_ids(values["load_balancer_ids"], prefix)
    if not options["load_balancer_ids"] and values["state"] in _NEED_LOAD_BALANCERS:
        raise InvalidArgument(f"{prefix}load_balancer_ids is empty", "Name at least one load balancer.")
    options["ramp"] = tuple(
        whole_number(percent, prefix + "ramp", _PERCENT) for percent in as_list(values["ramp"], prefix + "ramp")
    )
    options["port"] = parse_ports(values["port"], prefix + "port")
    for name, allowed in _NUMBERS.items():
        options[name] = whole_number(values[name], prefix + name, allowed)
    return DrainOptions(**options)


# What is to go back is in the journal.
_NEED_LOAD_BALANCERS = (CHECKED, DRAINED, PROVEN)
_NUMBERS = {
    "min_active": MIN_ACTIVE,
    "drain_delay": SECONDS,
    "drain_timeout": SECONDS,
    "health_timeout": SECONDS,
    "ramp_pause": SECONDS,
    "keep_days": _DAYS,
}


def as_list(value: t.Any, name: str) -> list[t.Any]:
    """A list, or text with its elements, as the command line and the surveys of AWX give it."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, (bool, dict)):
        raise InvalidArgument(f"{name} is {value!r}, not a list"[:200], "Give a list.")
    return [part.strip("\"'") for part in re.split(r"[\s,]+", str(value).strip().strip("[]")) if part.strip("\"'")]


def parse_ports(value: t.Any, name: str) -> tuple[int, ...]:
    """A port, a list of ports, or nothing. Raises InvalidArgument."""
    ports = as_list(value, name) if value is None or isinstance(value, (str, list, tuple)) else [value]
    return tuple(dict.fromkeys(whole_number(port, name, PORT) for port in ports))


def _load_balancer_ids(value: t.Any, prefix: str) -> tuple[str, ...]:
    name = prefix + "load_balancer_ids"
    return tuple(dict.fromkeys(_id(each, name, "lb-bp1qjwo61pqz3ahltv0mw") for each in as_list(value, name)))


def _id(value: t.Any, name: str, example: str) -> str:
    if value is None or value == "":
        raise InvalidArgument(f"{name} is missing", f"Set it for this host, to an id such as {example}.")
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidArgument(
            f"{name} is {str(value)[:60]!r}, which is not a valid id", f"Give an id such as {example}."
        )
    return value


def unknown_variables(names: t.Iterable[str]) -> list[str]:
    """A sentence for each variable that looks like one of the role's and is not, with the nearest name."""
    known = {variable_of(option) for option in argument_spec() if option != "state"}
    known.update(_OTHER_VARIABLES)
    sentences = []
    for name in sorted(names):
        if not name.startswith(PREFIX) or name in known:
            continue
        # The prefix, which all have, would make every name similar.
        endings = [each.removeprefix(PREFIX) for each in known]
        near = difflib.get_close_matches(name.removeprefix(PREFIX), endings, cutoff=0.75)
        if near:
            sentences.append(f"The variable {name} has no effect: did you mean {PREFIX}{near[0]}?")
    return sentences
