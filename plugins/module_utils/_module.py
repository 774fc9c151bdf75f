# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Ansible's side of a module: creating it, hiding secrets, opening the client and failing."""

from __future__ import annotations

import json
import os
import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.aliyun_community.slb.plugins.module_utils import _client
from ansible_collections.aliyun_community.slb.plugins.module_utils._credentials.chain import (
    ENVIRONMENT_KEYS,
    ENVIRONMENT_ROLE,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable

try:
    from ansible.module_utils.secrets import register_secrets  # ansible-core 2.22 and newer
except ImportError:
    register_secrets = None

LONGEST_SUBJECT = 200  # characters; it contains the value of an id, which may be anything


def create_module(argument_spec: dict[str, t.Any]) -> AnsibleModule:
    """Create the module. Arguments that crash Ansible's own parser also fail with a one-sentence message."""
    try:
        return AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    except UnicodeError:
        reason = "an option, or the environment variable that sets it, is not valid UTF-8"
    except TypeError as exc:
        reason = f"an option does not have its documented type ({exc})"
    # There is no module yet, and so no fail_json.
    sys.stdout.write(json.dumps({"failed": True, "msg": f"InvalidArgument: {reason}."}))
    raise SystemExit(1)


def open_client(module: AnsibleModule) -> _client.Client:
    """A client for the connection options of a module. Raises SlbError."""
    _hide_environment_secrets(module)
    return _client.open_client(module.params, os.environ, module.warn)


def fail(module: AnsibleModule, exc: SlbError, subject: str, **result: t.Any) -> t.NoReturn:
    """End the module with one sentence for people and the key ``error`` for playbooks."""
    module.fail_json(msg=printable(f"{subject[:LONGEST_SUBJECT]}: {exc.sentence()}"), error=exc.as_dict(), **result)


def _hide_environment_secrets(module: AnsibleModule) -> None:
    """Let Ansible censor secrets from the environment like options with no_log."""
    names = [name for _keys, secrets, tokens in ENVIRONMENT_KEYS for name in (*secrets, *tokens)]
    values = [os.environ[name] for name in (*names, ENVIRONMENT_ROLE["external_id"]) if os.environ.get(name)]
    module.no_log_values.update(values)
    if register_secrets:  # from 2.22 on, the controller censors registered values, and no_log_values has no effect
        register_secrets(values)
