# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List what is out of traffic. Runs on the controller, where the journals are."""

from __future__ import annotations

import os
import time
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.aliyun_community.slb.plugins.module_utils import _audit
from ansible_collections.aliyun_community.slb.plugins.module_utils._client import Client, open_client
from ansible_collections.aliyun_community.slb.plugins.module_utils._drain_options import as_list
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError, printable
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder, default_folder
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import Found, Selection, Source
from ansible_collections.aliyun_community.slb.plugins.plugin_utils import _controller

Json = dict[str, t.Any]


class ActionModule(ActionBase):
    """See the documentation of the module slb_audit."""

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
        values = _controller.option_values(self, task_vars, _audit.argument_spec(), batch)
        for name in ("regions", "load_balancer_ids"):
            values[name] = as_list(values[name], name)
        values["load_balancer_names"] = _audit.names_in(values["load_balancer_names"])
        selection = Selection.parse(values)
        folder = JournalFolder(values["record_dir"] or default_folder(os.environ))
        known = folder.known_entries(None, batch.run)
        read = self._read(selection, values)
        record_dir = folder.path if values["record_dir"] else None
        found = _audit.find(read.load_balancers, known, record_dir, only_these=selection.is_limited)
        return self._result(found, read, values["fail_if_found"])

    def _read(self, selection: Selection, values: Json) -> Found:
        def client_for(region: str) -> Client:
            return open_client({**values, "region": region}, os.environ, self._warn)

        return Source(selection, client_for, with_addresses=False).read(strict=False)

    def _result(self, found: list[_audit.Finding], read: Found, fail_if_found: bool) -> Json:
        now = time.time()
        for finding in found:
            self._display.display(printable(finding.line(now)))
        problems = [problem.sentence for problem in read.problems]
        return {
            "changed": False,
            "failed": bool(problems) or (fail_if_found and any(each.is_left for each in found)),
            "found": [each._asdict() for each in found],
            "load_balancer_ids": [each.load_balancer_id for each in read.load_balancers],
            "problems": problems,
            "msg": " ".join([_audit.summary(found, len(read.load_balancers)), *problems]),
        }

    def _warn(self, text: str) -> None:
        self._display.warning(printable(text))
