# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection aliyun_community.slb: no compatibility is promised to others.

"""Put the hosts of a batch back once they are updated, or account for a failure."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._context import (
    Context,
    drain_key,
    journal_key,
    journal_of_host,
    recover_command,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import UPDATED, Entry, described
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import SlbError
from ansible_collections.aliyun_community.slb.plugins.module_utils._health_wait import HealthWait
from ansible_collections.aliyun_community.slb.plugins.module_utils._reads import Reads
from ansible_collections.aliyun_community.slb.plugins.module_utils._restorer import Outcome, Restorer
from ansible_collections.aliyun_community.slb.plugins.module_utils._rolling_update import duration, ramp_steps

Json = dict[str, t.Any]


class PutBack:
    """What puts one host back, and with it others of its batch."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._bench = context.bench
        self._batch = context.batch
        self._request = context.request
        self._reads = Reads(context)

    def note_updated(self) -> Json:
        """Note that the update has ended and that the host has passed its own check; announce it for the restore."""
        entries = self._context.of_server(self._request, self._context.open_entries())
        if entries and not self._bench.check_mode:
            moved = [entry.moved_to(UPDATED, time.time()) for entry in entries]
            self._bench.record_if_possible(self._request.rolling_update_id, moved)
        self._batch.announce("restored", self._request)
        return self._context.result(changed=False)

    def restore(self) -> Json:
        """Put this host back, and with it all of its batch that have announced that they are ready."""
        with self._batch.leading("restored"):
            outcome = self._batch.take_outcome("restored", self._request)
            if outcome is not None:
                return outcome
            requests = self._context.announced("restored")
            for request in requests:
                self._reads.forget_proofs(request.load_balancer_ids)
            outcomes = self._restore_all(requests)
            mine = outcomes.pop(self._request.host)
            self._batch.leave_outcomes("restored", outcomes)
            self._put_back_unclaimed()
            return self._context.with_stats(mine)

    def _restore_all(self, requests: t.Sequence[Request]) -> dict[str, Json]:
        rows = self._context.open_entries_of_run()
        entries = {request.host: self._context.of_server(request, rows) for request in requests}
        handled = [entry for each in entries.values() for entry in each]
        outcome = self._restore_entries(requests, handled)
        others = {entry.host for entry in rows if entry not in handled}
        for host in {entry.host for entry in handled} - others:
            self._batch.forget(journal_key(self._request.play, host))
        return {request.host: self._restored_result(request, entries[request.host], outcome) for request in requests}

    def _restore_entries(self, requests: t.Sequence[Request], entries: t.Sequence[Entry]) -> Outcome:
        if self._bench.check_mode or not entries:
            return Outcome()
        first = requests[0]
        restorer = Restorer(self._bench, first.rolling_update_id)
        health = HealthWait(
            self._bench, self._reads.shared.of_entries, max(request.health_timeout for request in requests)
        )
        outcome = restorer.restore(entries, ramp_steps(first.ramp), first.ramp_pause, health)
        self._say_who_is_back(outcome)
        return outcome

    def _nothing_to_restore(self, request: Request) -> Json:
        if self._bench.check_mode:
            return self._context.result(changed=False, msg="Check mode: nothing was drained, so nothing is put back.")
        out = journal_of_host(self._batch, request.play, request.host)
        if out and out != self._context.journal_name(request):
            message = (
                f"{request.host} was taken out of traffic by rolling update {out['id']}, with its journal in {out['folder']}, "
                f"and this task is about rolling update {request.rolling_update_id} in {self._bench.folder.path}. Give all "
                f"tasks the same rolling_update_id and record_dir. This puts the host back: "
                f"{recover_command(out['id'], out['folder'])}"
            )
            return {**self._context.result(changed=False, msg=message), "failed": True}
        message = f"This rolling update has taken no member of {request.host} out of traffic."
        if not self._batch.recall(drain_key(request.host)):
            self._bench.warn(
                f"No task of this run was to take {request.host} out of traffic: if it was updated before this task, that was"
                " under traffic. Look at the conditions and tags of the drain."
            )
        return self._context.result(changed=False, msg=message)

    def _say_who_is_back(self, outcome: Outcome) -> None:
        now = time.time()
        hosts: dict[str, list[Entry]] = {}
        for entry in outcome.back.values():
            hosts.setdefault(entry.host, []).append(entry)
        for host, rows in hosts.items():
            weights = ", ".join(f"{entry.name} of {entry.load_balancer_id} at {entry.original}" for entry in rows)
            out_for = max(now - entry.out_since for entry in rows)
            self._bench.say(f"{host} is back after {duration(out_for)}: {weights}")

    def _restored_result(self, request: Request, entries: t.Sequence[Entry], outcome: Outcome) -> Json:
        if self._bench.check_mode or not entries:
            return self._nothing_to_restore(request)
        problems = [outcome.failed[entry.key] for entry in entries if entry.key in outcome.failed]
        problems += [outcome.left_alone[entry.key] for entry in entries if entry.key in outcome.left_alone]
        problems += [_back_too_early(entry) for entry in entries if entry.is_out and outcome.was_back(entry)]
        back = [outcome.back[entry.key] for entry in entries if entry.key in outcome.back]
        changed = any(entry.key in outcome.changed for entry in entries)
        if not problems:
            return self._context.result(changed=changed, entries=back)
        still_out = [entry for entry in entries if entry.key in outcome.failed]
        text = "; ".join(dict.fromkeys(problems))
        if still_out:
            text += f". Still out of traffic: {described(still_out)}. This puts back what can be: {self._context.recover_command}"
        return {**self._context.result(changed=changed, entries=back, msg=text), "failed": True}

    def _put_back_unclaimed(self) -> None:
        """Put back hosts that were drained for a task that they never came to, since nothing else would."""
        with self._batch.leading("drained"):
            hosts = self._batch.drop_outcomes("drained", self._request)
            entries = [
                entry for entry in self._context.open_entries_of_run() if entry.host in hosts and entry.is_untouched
            ]
            if entries:
                Restorer(self._bench, self._request.rolling_update_id).restore(entries)

    # Account for a failure

    def undo_drain(self, reason: SlbError) -> Json:
        """Put this host back because its update will not begin. The result is a failure with the reason."""
        entries = self._context.of_server(self._request, self._context.open_entries())
        with self._batch.leading("restored"):
            untouched = [entry for entry in entries if entry.is_untouched]
            outcome = Restorer(self._bench, self._request.rolling_update_id).restore(untouched)
        still_out = [entry for entry in entries if entry not in untouched or entry.key in outcome.failed]
        parts = [f"{self._request.host}: {reason.sentence()}", *self._what_became_of(still_out, outcome)]
        result = self._context.result(changed=bool(still_out), entries=still_out, msg=" ".join(parts))
        return {**result, "failed": True, "error": reason.as_dict()}

    def account(self, reason: str, on_failure: str, is_hidden: bool) -> Json:
        """After a failure: put the server back if its update has not begun, or if asked to. The host fails either way.

        ``is_hidden``: a rescue further out would turn the failure into a success. With a server out of traffic the host
        counts as unreachable then, which Ansible rescues nowhere.
        """
        host = self._request.host
        self._batch.add_to_list(f"failed in {self._request.play}", [host])
        if self._bench.check_mode:
            return {
                **self._context.result(changed=False, msg=f"{host} failed ({reason}). Nothing was changed."),
                "failed": True,
            }
        entries = self._context.open_entries()
        self._reads.forget_proofs(self._request.load_balancer_ids)
        stays = [entry for entry in entries if not entry.is_untouched and on_failure != "restore"]
        restorer = Restorer(self._bench, self._request.rolling_update_id)
        with self._batch.leading("restored"):
            outcome = restorer.restore([entry for entry in entries if entry not in stays])
        still_out = [*stays, *(entry for entry in entries if entry.key in outcome.failed)]
        self._put_back_unclaimed()
        is_unreachable = is_hidden and bool(still_out or self._context.left_behind())
        message = self._account_message(reason, still_out, outcome, is_unreachable)
        result = self._context.result(changed=restorer.changed, entries=still_out, msg=message)
        return {**result, "unreachable" if is_unreachable else "failed": True}

    def _account_message(
        self, reason: str, still_out: t.Sequence[Entry], outcome: Outcome, is_unreachable: bool
    ) -> str:
        host = self._request.host
        parts = [f"{host} failed ({reason})."]
        if is_unreachable:
            parts.append("It counts as unreachable, so that no rescue hides this.")
        return " ".join([*parts, *self._what_became_of(still_out, outcome)])

    def _what_became_of(self, still_out: t.Sequence[Entry], outcome: Outcome) -> t.Iterator[str]:
        """Sentences about a host that was to be put back after a failure."""
        yield from (f"{text}." for text in dict.fromkeys([*outcome.failed.values(), *outcome.left_alone.values()]))
        if still_out:
            yield (
                f"It stays out of traffic: {described(still_out)}. Fix {self._request.host}, then put it back: "
                f"{self._context.recover_command}"
            )
        elif not outcome.left_alone:
            yield "Its weights are as they were."


def _back_too_early(entry: Entry) -> str:
    return (
        f"{entry.host}: {entry.name} of {entry.load_balancer_id} had its weight {entry.original} back before: someone else "
        f"changed it while {entry.host} was being updated"
    )
