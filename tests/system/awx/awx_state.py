# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the jobs of the tests find: the load balancer, and the credential that leads to it."""

from __future__ import annotations

import yaml
from awx_job import HERE, credential_type
from emulator_process import LOAD_BALANCER, EmulatorProcess, load_balancers

STATE = HERE / "files" / "state.yml"


def reset(slb: EmulatorProcess, weights: dict[str, int] | None = None) -> None:
    """Put files/state.yml in place, with other weights for the servers named, and forget the requests so far."""
    state = yaml.safe_load(STATE.read_text(encoding="utf-8"))
    for server in load_balancers(state)[LOAD_BALANCER]["backend_servers"]:
        server["weight"] = (weights or {}).get(server["server_id"], server["weight"])
    slb.control("PUT", "state", state)
    slb.forget_requests()


def full_credential(slb: EmulatorProcess) -> dict[str, str]:
    """The inputs of a credential as the form of AWX sends them: every field, empty where nothing was typed."""
    empty = {field["id"]: "" for field in credential_type()["inputs"]["fields"]}
    keys = {"access_key": "rehearsal", "secret_key": "rehearsal-secret", "region": "cn-hangzhou"}
    return empty | keys | {"endpoint": slb.endpoint}
