# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts of a batch leave for each other: it reaches who asked for exactly that, once."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _batch
from ansible_collections.aliyun_community.slb.plugins.module_utils._batch import Batch, Request
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalUnusable, LockedFolder, Run
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import full_disk

RUN = Run("controller.example.com", 7, "1")
WEB1 = Request(
    host="web1",
    play="play",
    connection="connection",
    rolling_update_id="web-1.5",
    load_balancer_ids=("lb-a", "lb-b"),
    region="cn-hangzhou",
    server_id="i-1",
    server_ip=None,
    min_active=1,
    drain_delay=5,
    already_out="warn",
    ramp=(50, 100),
    ramp_pause=30,
    health_timeout=300,
    server_groups="all",
    names_server=False,
    conditions=("a", "b"),
)
WEB2 = WEB1._replace(host="web2", server_id="i-2")
HOSTS = ("web1", "web2", "web3")

# A value for each field of a request that differs from that of WEB1.
OTHER: dict[str, t.Any] = {
    "play": "another play",
    "connection": "another account",
    "rolling_update_id": "web-1.6",
    "load_balancer_ids": ("lb-a",),
    "region": "cn-beijing",
    "server_id": "i-9",
    "server_ip": "192.168.0.9",
    "min_active": 2,
    "drain_delay": 6,
    "already_out": "fail",
    "ramp": (100,),
    "ramp_pause": 31,
    "health_timeout": 301,
    "server_groups": "default",
    "names_server": True,
    "conditions": (),
}


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(LockedFolder(str(tmp_path)), RUN)


def test_all_fields_are_tried() -> None:
    assert ["host", *OTHER] == list(Request._fields)
    assert Request.from_json(WEB1.as_json()) == WEB1


def test_the_first_host_works_for_all_that_have_announced_themselves(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    batch.announce("drained", WEB2)
    batch.announce("restored", WEB1._replace(host="web3"))
    assert batch.announced("drained", WEB2, HOSTS) == [WEB2, WEB1]
    assert batch.announced("updated", WEB2, HOSTS) == [WEB2]


def test_a_host_that_has_failed_meanwhile_is_left_out(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    assert batch.announced("drained", WEB2, ("web2", "web3")) == [WEB2]


@pytest.mark.parametrize("field", ["play", "connection", "rolling_update_id", "ramp", "ramp_pause"])
def test_other_work_is_not_done_together(batch: Batch, field: str) -> None:
    batch.announce("drained", WEB1._replace(**{field: OTHER[field]}))
    assert batch.announced("drained", WEB2, HOSTS) == [WEB2]


def test_an_announcement_belongs_to_its_run(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    other = Batch(batch.folder, RUN._replace(pid=8))
    assert other.announced("drained", WEB2, HOSTS) == [WEB2]


def test_an_outcome_is_fetched_once(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    batch.leave_outcomes("drained", {"web1": {"changed": True}})
    assert batch.announced("drained", WEB2, HOSTS) == [WEB2]
    assert batch.take_outcome("restored", WEB1) is None
    assert batch.take_outcome("drained", WEB2) is None
    assert batch.take_outcome("drained", WEB1) == {"changed": True}
    assert batch.take_outcome("drained", WEB1) is None


@pytest.mark.parametrize("field", OTHER)
def test_an_outcome_is_for_the_host_that_asked_for_exactly_that(batch: Batch, field: str) -> None:
    batch.announce("drained", WEB1)
    batch.leave_outcomes("drained", {"web1": {"changed": True}})
    assert batch.take_outcome("drained", WEB1._replace(**{field: OTHER[field]})) is None


def test_a_new_announcement_drops_an_outcome_that_was_not_fetched(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    batch.leave_outcomes("drained", {"web1": {"changed": True}})
    batch.announce("drained", WEB1)
    assert batch.take_outcome("drained", WEB1) is None


def test_outcomes_that_no_one_fetched(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    batch.announce("drained", WEB2)
    batch.announce("drained", WEB1._replace(host="web3", play="another play"))
    batch.leave_outcomes("drained", {host: {} for host in HOSTS})
    assert batch.take_outcome("drained", WEB2) == {}
    assert batch.drop_outcomes("drained", WEB2) == ["web1"]
    assert batch.drop_outcomes("drained", WEB2) == []
    assert batch.take_outcome("drained", WEB1) is None


def test_memory(batch: Batch) -> None:
    assert (batch.first_time("key"), batch.first_time("key"), batch.recall("key")) == (True, False, True)
    assert (batch.recall_or_remember("id", "a"), batch.recall_or_remember("id", "b")) == ("a", "a")
    batch.remember("id", None)
    assert batch.recall("id") is None
    batch.add_to_list("list", ["a", "b"])
    batch.add_to_list("list", ["b", "c"])
    assert batch.recall("list") == ["a", "b", "c"]
    batch.forget("list")
    batch.forget("list")
    assert batch.recall("list") is None


def _announce_many(path: str, first: int) -> None:
    batch = Batch(LockedFolder(path), RUN)
    for number in range(first, first + 10):
        batch.announce("drained", WEB1._replace(host=f"web{number}"))


def test_hosts_announce_themselves_at_the_same_time(batch: Batch) -> None:
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_announce_many, args=(batch.folder.path, 10 * number)) for number in range(1, 5)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    hosts = [f"web{number}" for number in range(10, 50)]
    assert sorted(other.host for other in batch.announced("drained", WEB2, hosts)[1:]) == hosts


def test_one_host_at_a_time_is_in_a_step(batch: Batch) -> None:
    with batch.leading("drained"), batch.leading("restored"):
        batch.announce("drained", WEB1)
        process = _program("print(flush=True)\nfcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX)", batch, "drained")
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
    process.communicate(timeout=60)
    assert process.returncode == 0


# Without a disk


def test_full_disk_leaves_each_host_to_itself(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    with full_disk(), batch.leading("restored"):
        batch.announce("drained", WEB2)
        batch.leave_outcomes("drained", {"web1": {}})
        assert batch.announced("drained", WEB2, HOSTS) == [WEB2]
        assert batch.take_outcome("drained", WEB2) is None
        assert (batch.first_time("key"), batch.first_time("key")) == (True, True)


def test_locks_that_cannot_be_made_keep_no_server_out_of_traffic(batch: Batch) -> None:
    for step in ("restored", "content"):
        Path(batch.folder.path, f".run-{RUN}.{step}.lock").mkdir()
    with batch.leading("restored"):
        batch.announce("restored", WEB1)
    assert batch.announced("restored", WEB2, HOSTS) == [WEB2, WEB1]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_scratch_folder_of_someone_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    """The names of folders for temporary files can be guessed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"aliyun_community.slb-{os.geteuid()}"
    assert _batch.scratch_folder().path == str(folder)
    assert _batch.scratch_folder().path == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()
    (tmp_path / "theirs").mkdir()
    if kind == "link":
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.write_text("")
    with refusal(JournalUnusable):
        _batch.scratch_folder()


# Runs that have ended


def _program(text: str, batch: Batch, step: str) -> subprocess.Popen[bytes]:
    """A Python program that gets the lock file of a step as its argument."""
    path = os.path.join(batch.folder.path, f".run-{batch.run}.{step}.lock")
    command = [sys.executable, "-c", f"import fcntl, sys\n{text}\n", path]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


HOLD = "file = open(sys.argv[1], 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\nprint(flush=True)\ninput()"


def names(batch: Batch) -> list[str]:
    return sorted(os.listdir(batch.folder.path))


def test_scratch_files_of_ended_runs_are_removed(batch: Batch) -> None:
    """Also on controllers whose name holds dots."""
    with batch.leading("drained"):
        batch.announce("drained", WEB1)
    Path(batch.folder.path, f".run-{RUN}.json.77").write_text("{")
    assert len(names(batch)) == 4
    kept = [".lock", "web-1%2E5.json", ".run-x", f".run-{RUN}.json.bak"]
    for name in kept:
        Path(batch.folder.path, name).write_text("")
    _batch.remove_ended_runs(batch.folder, RUN)
    assert len(names(batch)) == 8
    _batch.remove_ended_runs(batch.folder, RUN._replace(pid=8))
    assert names(batch) == sorted(kept)


@pytest.mark.parametrize(
    "run",
    [Run.of_process(os.getpid()), RUN, Run("elsewhere", 7, "1")],
    ids=["running", "of another machine", "of yet another one"],
)
def test_scratch_files_of_others_are_kept(tmp_path: Path, run: Run) -> None:
    batch = Batch(LockedFolder(str(tmp_path)), run)
    batch.announce("drained", WEB1)
    before = names(batch)
    _batch.remove_ended_runs(batch.folder, Run(socket.gethostname(), 8, "1"))
    assert names(batch) == before


def test_what_a_killed_run_has_left_behind_keeps_its_lock(batch: Batch) -> None:
    batch.announce("drained", WEB1)
    with _program(HOLD, batch, "drained") as process:
        assert process.stdout
        process.stdout.readline()
        _batch.remove_ended_runs(batch.folder, RUN._replace(pid=8))
        assert names(batch) == [f".run-{RUN}.drained.lock"]
        context = multiprocessing.get_context("fork")
        waiting = context.Process(target=_batch.wait_for_orphans, args=(batch.folder, RUN))
        other = context.Process(target=_batch.wait_for_orphans, args=(batch.folder, RUN._replace(pid=8)))
        waiting.start()
        other.start()
        other.join(30)
        waiting.join(0.3)
        assert (waiting.exitcode, other.exitcode) == (None, 0)
        process.communicate(b"\n")
        waiting.join(30)
        assert waiting.exitcode == 0
    _batch.remove_ended_runs(batch.folder, RUN._replace(pid=8))
    assert names(batch) == []


def test_a_scratch_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    folder = LockedFolder(str(tmp_path / "none"))
    _batch.remove_ended_runs(folder, RUN)
    _batch.wait_for_orphans(folder, RUN)
