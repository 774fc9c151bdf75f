# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recover, list or check the journals of rolling updates. Runs on the controller."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils import _drain_options, _recovery
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, default_folder
from ansible_collections.aliyun_community.slb.plugins.module_utils._numbers import whole_number
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _controller, _play

Json = dict[str, t.Any]


class ActionModule(ActionBase):
    """See the documentation of the module slb_journal."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> Json:
        result: Json = super().run(tmp, task_vars)
        try:
            result.update(self._work(task_vars or {}))
            result["msg"] = printable(result["msg"])
        except SlbError as exc:
            result.update(failed=True, msg=printable(exc.sentence()), error=exc.as_dict())
        return result

    def _work(self, task_vars: dict[str, t.Any]) -> Json:
        batch = _controller.batch_of_run()
        values = _controller.option_values(self, task_vars, _recovery.argument_spec(), batch)
        folder = JournalFolder(values["record_dir"] or default_folder(os.environ))
        folder.prepare()
        record_dir = folder.path if values["record_dir"] else None
        keeper = _recovery.Keeper(_controller.workbench(self, folder, values, batch), record_dir)
        rolling_update_id = (values["rolling_update_id"] or "").strip() or None
        if values["state"] == _recovery.LISTED:
            return keeper.list_open(rolling_update_id)
        if values["state"] == _recovery.CLOSED:
            return keeper.check_closed(rolling_update_id)
        prefix = _play.prefix_of(self)
        timeout = whole_number(values["health_timeout"], f"{prefix}health_timeout", _drain_options.SECONDS)
        return keeper.recover(rolling_update_id, values["record"], timeout, values["recover"])
