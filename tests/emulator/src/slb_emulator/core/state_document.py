# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state document: from YAML or JSON to the model, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from .documents import DocumentError, checked
from .model import SlbState
from .state_schema import STATE

EXAMPLE_STATE = Path(__file__).parents[1] / "example_state.yml"
# Of the model alone.
LEFT_OUT = ("previous_backend_servers", "busy_until")


def parse_state(document: Any) -> SlbState:
    """The state a document describes; DocumentError when it is not valid."""
    state: SlbState = checked(STATE, document, "state")
    return state


def load_state(path: Path) -> SlbState:
    """Read a state file (YAML, so JSON too). OSError when unreadable, DocumentError when not valid."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise DocumentError("state", f"is not UTF-8 text (byte {error.start})") from error
    except yaml.YAMLError as error:
        raise DocumentError("state", f"is not YAML ({' '.join(str(error).split())})") from error
    return parse_state(document)


def plain_state(state: SlbState) -> dict[str, Any]:
    """The state as a document, without the access keys: parse_state takes it back."""
    known = {} if state.known_servers is None else {"known_servers": sorted(state.known_servers)}
    return {"load_balancers": [plain(balancer) for balancer in state.load_balancers.values()], **known}


def plain(value: Any) -> Any:
    """A value of the model as the state document has it: of a record, what is set."""
    if isinstance(value, tuple):
        return [plain(element) for element in value]
    if not is_dataclass(value):
        return value
    values = {field.name: plain(getattr(value, field.name)) for field in fields(value) if field.name not in LEFT_OUT}
    return {
        name: item for name, item in values.items() if item not in (None, "", {}) and (item != [] or name != "rules")
    }
