# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of rolling updates: what survives, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils import _journal
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import (
    DRAINED,
    DRAINING,
    LEFT_ALONE,
    RESTORED,
    Entry,
)
from ansible_collections.aliyun_community.slb.plugins.module_utils._errors import InvalidArgument
from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import (
    Journal,
    JournalFolder,
    JournalUnusable,
    Run,
)
from ansible_collections.aliyun_community.slb.tests.unit.refusals import refusal
from ansible_collections.aliyun_community.slb.tests.unit.rolling import full_disk

HOST = socket.gethostname()
ENDED = Run(HOST, os.getpid(), "1")  # the id of this process belonged to another one before
ENTRY = Entry(
    "web1", "cn-hangzhou", "lb-a", None, "i-1", "ecs", None, None, 100, (0,), DRAINED, str(ENDED), 900.0, 901.5
)
JOURNAL = Journal("web-1.5", str(ENDED), 899.0, None, (ENTRY,))
DAY = 24 * 60 * 60


@pytest.fixture
def folder(tmp_path: Path) -> JournalFolder:
    found = JournalFolder(str(tmp_path / "state" / "journals"))
    found.prepare()
    return found


def document(**changes: t.Any) -> dict[str, t.Any]:
    return {**JOURNAL.as_document(), **changes}


def with_entry(**changes: t.Any) -> dict[str, t.Any]:
    entry = JOURNAL.as_document()["entries"][0]
    return document(entries=[{**entry, **changes}])


def put(folder: JournalFolder, name: str, content: str | bytes) -> Path:
    path = Path(folder.path, name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Reading and writing


def test_a_journal_is_read_as_it_was_written(folder: JournalFolder) -> None:
    assert folder.read("web-1.5") is None
    folder.write(JOURNAL)
    assert folder.read("web-1.5") == JOURNAL
    assert folder.read_all() == [JOURNAL]
    eni = ENTRY._replace(server_id="eni-4", type="eni", server_ip="192.168.0.1", group="rsp-1", port=80)
    folder.write(JOURNAL._replace(entries=(ENTRY, eni)))
    assert folder.read("web-1.5") == JOURNAL._replace(entries=(ENTRY, eni))


def test_the_file_is_private_and_has_a_format(folder: JournalFolder) -> None:
    folder.write(JOURNAL)
    path = Path(folder.path_of("web-1.5"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert Path(folder.path).stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_text())["format"] == 1
    assert os.listdir(folder.path) == [path.name]


@pytest.mark.parametrize(
    "rolling_update_id",
    [
        "web-1.5",
        "1.10",
        "7",
        "release/2026/06",
        "../../etc/passwd",
        "..",
        ".hidden",
        ".new-1",
        ".lock",
        "a b",
        "a  b",
        "x.json",
        "%2E",
        "发布-1.5",
        "é",
        "quote'\"$(x)`\\",
        "line\nbreak",
        "tab\tbed",
        "{{ x }}",
        "-e",
        "nul\0",
        "not \udcff UTF-8",
        "x" * 250,
    ],
)
def test_every_id_has_a_file_of_its_own(folder: JournalFolder, rolling_update_id: str) -> None:
    folder.write(JOURNAL._replace(rolling_update_id="other"))
    journal = JOURNAL._replace(rolling_update_id=rolling_update_id)
    folder.write(journal)
    assert Path(folder.path_of(rolling_update_id)).parent == Path(folder.path)
    assert folder.read(rolling_update_id) == journal
    assert [each.rolling_update_id for each in folder.read_all() if each.rolling_update_id != "other"] == [
        rolling_update_id
    ]
    assert len(os.listdir(folder.path)) == 2


@pytest.mark.parametrize("rolling_update_id", ["", "  ", "\n", "x" * 251, "发" * 28])
def test_ids_that_no_file_can_have(folder: JournalFolder, rolling_update_id: str) -> None:
    for use in (folder.path_of, folder.read):
        with refusal(InvalidArgument, "cannot be the name of a journal"):
            use(rolling_update_id)


UNUSABLE: list[tuple[t.Any, str]] = [
    ("", "is damaged or not a journal"),
    ("\0" * 100, "is damaged or not a journal"),
    (json.dumps(document())[:-40], "is damaged or not a journal"),
    (json.dumps(document()).encode("utf-16"), "is damaged or not a journal"),
    ("[" * 100_000, "is damaged or not a journal"),
    ("{}", "is not the journal of a rolling update"),
    ("[]", "is not the journal of a rolling update"),
    ("null", "is not the journal of a rolling update"),
    ('{"rolling_update_id": "web-1.5"}', "is not the journal of a rolling update"),
    (document(format=2), "has format 2, and this version reads format 1"),
    (document(format="1"), "has format 1, and"),
    (document(format={"a": "\n" * 99}), "has format"),
    (document(rolling_update_id="other"), "is not the file of rolling update other"),
    (document(rolling_update_id=" "), "is damaged"),
    (document(rolling_update_id=15), "is damaged"),
    (document(run="seven"), "is damaged"),
    (document(run=7), "is damaged"),
    (document(started=None), "is damaged"),
    (document(started=float("inf")), "is damaged"),
    (document(closed="today"), "is damaged"),
    (document(entries=None), "is damaged"),
    (document(entries={}), "is damaged"),
    (document(entries=["web1"]), "is damaged"),
    (document(entries=[None]), "is damaged"),
    (document(entries=[{}]), "is damaged"),
    (with_entry(original=None), "is damaged"),
    (with_entry(original="100"), "is damaged"),
    (with_entry(original=True), "is damaged"),
    (with_entry(original=101), "is damaged"),
    (with_entry(written=[-1]), "is damaged"),
    (with_entry(written="0"), "is damaged"),
    (with_entry(written={"0": 0}), "is damaged"),
    (with_entry(state="gone"), "is damaged"),
    (with_entry(state=["drained"]), "is damaged"),
    (with_entry(run="process"), "is damaged"),
    (with_entry(host=None), "is damaged"),
    (with_entry(server_ip=["192.168.0.1"]), "is damaged"),
    (with_entry(group={}), "is damaged"),
    (with_entry(group_name=["app"]), "is damaged"),
    (with_entry(port="80"), "is damaged"),
    (with_entry(out_since=float("nan")), "is damaged"),
    (with_entry(changed=True), "is damaged"),
]


@pytest.mark.parametrize(("content", "words"), UNUSABLE, ids=map(str, range(len(UNUSABLE))))
def test_files_that_are_not_usable_are_refused(folder: JournalFolder, content: t.Any, words: str) -> None:
    text = json.dumps(content) if isinstance(content, dict) else content
    path = put(folder, "web-1%2E5.json", text)
    for use in (lambda: folder.read("web-1.5"), folder.read_all, lambda: folder.known_entries("lb-a", ENDED)):
        with refusal(JournalUnusable, words) as caught:
            use()
        assert str(path) in caught.value.message
        assert caught.value.sentence().isprintable()
    assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())


def test_a_folder_in_place_of_a_file_is_refused(folder: JournalFolder) -> None:
    Path(folder.path_of("web-1.5")).mkdir()
    with refusal(JournalUnusable, "cannot be read"):
        folder.read("web-1.5")


def test_files_of_others_are_ignored(folder: JournalFolder) -> None:
    for name in (".new-7", ".lock", ".hidden.json", "README", "web-1%2E5.json.bak", ".run-7-1@controller.json"):
        put(folder, name, "{")
    assert folder.read_all() == []


def test_a_folder_that_does_not_exist_has_no_journals(tmp_path: Path) -> None:
    folder = JournalFolder(str(tmp_path / "none"))
    assert (folder.read("web-1.5"), folder.read_all()) == (None, [])


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    folder = JournalFolder(str(put(JournalFolder(str(tmp_path)), "file", "")))
    for use in (lambda: folder.read("web-1.5"), folder.read_all):
        with refusal(JournalUnusable, "cannot be read"):
            use()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    put(JournalFolder(str(tmp_path)), "file", "")
    folder = JournalFolder(str(tmp_path / "file" / "journals"))
    with refusal(JournalUnusable, "no journal can be written in .*Not a directory"):
        folder.prepare()
    with refusal(JournalUnusable, "no journal can be written"):
        folder.write(JOURNAL)


def test_full_disk_keeps_the_journal_that_was_there(folder: JournalFolder) -> None:
    folder.write(JOURNAL)
    with full_disk(), refusal(JournalUnusable, "no journal can be written in"):
        folder.write(JOURNAL._replace(entries=()))
    assert folder.read("web-1.5") == JOURNAL
    assert len(os.listdir(folder.path)) == 1
    folder.write(JOURNAL._replace(entries=()))
    assert folder.read("web-1.5") == JOURNAL._replace(entries=())


def test_folder_of_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert _journal.default_folder({}) == "/home/me/.local/state/aliyun_community.slb"
    assert _journal.default_folder({"XDG_STATE_HOME": "/state"}) == "/state/aliyun_community.slb"
    assert _journal.default_folder({"XDG_STATE_HOME": ""}) == "/home/me/.local/state/aliyun_community.slb"
    monkeypatch.delenv("HOME")
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert _journal.default_folder({}) == os.path.join(home, ".local/state/aliyun_community.slb")
    monkeypatch.setenv("HOME", "/home/me")
    assert JournalFolder("~/journals").path == "/home/me/journals"
    assert JournalFolder("journals").path == os.path.join(os.getcwd(), "journals")


# Closing and removing


def test_an_entry_that_was_written_before_groups_had_names_is_read() -> None:
    content = JOURNAL.as_document()
    for row in content["entries"]:
        del row["group_name"]
    assert Journal.from_document(content, "x") == JOURNAL


def test_a_journal_is_closed_with_its_last_entry() -> None:
    other = ENTRY._replace(server_id="i-2")
    both = JOURNAL._replace(entries=(ENTRY, other))
    one = both.with_entries([ENTRY.moved_to(RESTORED, 5.0)], 5.0)
    assert (one.closed, one.open_entries) == (None, [other])
    none = one.with_entries([other.moved_to(LEFT_ALONE, 6.0)], 6.0)
    assert (none.closed, none.open_entries, len(none.entries)) == (6.0, [], 2)
    assert none.with_entries([], 9.0).closed == 6.0
    again = none.with_entries([ENTRY], 10.0)
    assert (again.closed, again.open_entries) == (None, [ENTRY])
    assert Journal("x", str(ENDED), 1.0, None, ()).with_entries([], 2.0).closed == 2.0


@pytest.mark.parametrize(
    ("closed", "days", "is_kept"),
    [
        (None, 0, True),
        (1000 * DAY - 30 * DAY - 1.0, 30, False),
        (1000 * DAY - 30 * DAY + 1.0, 30, True),
        (1000 * DAY - 1.0, 0, False),
        (1000 * DAY + 60.0, 0, True),  # by the clock of another machine
    ],
)
def test_closed_journals_are_kept_for_some_days(
    folder: JournalFolder, closed: float | None, days: int, is_kept: bool
) -> None:
    entry = ENTRY if closed is None else ENTRY._replace(state=RESTORED)
    folder.write(JOURNAL._replace(closed=closed, entries=(entry,)))
    folder.remove_old(days, 1000.0 * DAY)
    assert (folder.read("web-1.5") is not None) is is_kept


def test_a_journal_that_still_has_a_server_is_never_removed(folder: JournalFolder) -> None:
    folder.write(JOURNAL._replace(closed=1.0))
    folder.remove_old(0, 1000.0 * DAY)
    assert folder.read("web-1.5")


def test_removing_waits_for_who_is_about_to_open_a_journal(folder: JournalFolder) -> None:
    folder.write(JOURNAL._replace(closed=1.0, entries=()))
    program = (
        "import sys\n"
        "from ansible_collections.aliyun_community.slb.plugins.module_utils._journal import JournalFolder\n"
        "print(flush=True)\n"
        "JournalFolder(sys.argv[1]).remove_old(0, 1e12)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with folder.locked():
        process = subprocess.Popen([sys.executable, "-c", program, folder.path], env=environ, stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        folder.write(JOURNAL)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert folder.read("web-1.5") == JOURNAL


# Whose entries they are


def test_entries_that_are_known(folder: JournalFolder) -> None:
    mine, running = Run(HOST, os.getpid(), "2"), Run.of_process(os.getpid())
    folder.write(JOURNAL)
    closed = ENTRY._replace(server_id="i-9", state=RESTORED)
    rows = [ENTRY._replace(server_id="i-2", run=str(running)), closed, ENTRY._replace(load_balancer_id="lb-b")]
    folder.write(JOURNAL._replace(rolling_update_id="web-1.6", entries=tuple(rows)))
    folder.write(JOURNAL._replace(rolling_update_id="mine", entries=(ENTRY._replace(server_id="i-3", run=str(mine)),)))
    found = {(row.rolling_update_id, row.entry.server_id): row for row in folder.known_entries("lb-a", mine)}
    assert list(found) == [("mine", "i-3"), ("web-1.5", "i-1"), ("web-1.6", "i-2")]
    assert [row.is_own for row in found.values()] == [True, False, False]
    assert [row.running for row in found.values()] == [None, None, f"process {os.getpid()} on {HOST}"]
    assert len(folder.known_entries(None, mine)) == 4


def test_a_run_of_another_machine_does_not_run_here() -> None:
    here = Run.of_process(os.getpid())
    assert here.is_running
    assert not here._replace(controller="elsewhere").is_running
    assert not here._replace(started="1").is_running


@pytest.mark.parametrize("controller", [HOST, "a.b-c", "", "odd@name"])
def test_a_run_is_read_as_it_was_written(controller: str) -> None:
    run = Run(controller, 7, "123")
    assert Run.parse(str(run)) == run


def test_a_run_ends_with_its_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = Run.of_process(process.pid)
    seen = [run.is_running]
    process.send_signal(signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seen.append(run.is_running)  # a process that its parent has not waited for does not count
    process.communicate()
    assert [*seen, run.is_running] == [True, False, False]
    assert Run.of_process(process.pid) == Run(HOST, process.pid, "0")


def test_a_lock_ends_with_its_process(folder: JournalFolder) -> None:
    program = "import fcntl, sys\nfile = open(sys.argv[1], 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\nprint()\ninput()\n"
    command = [sys.executable, "-c", program, os.path.join(folder.path, ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.kill()
        with folder.locked():
            pass


def test_a_state_that_is_unknown_to_this_version_is_not_taken_for_closed() -> None:
    with refusal(JournalUnusable, "is damaged"):
        Journal.from_document(with_entry(state="parked"), "rolling_update_record")
    assert Journal.from_document(with_entry(state=DRAINING), "x").open_entries


# Settled journals


def test_settled_journal_is_read_again_only_after_a_change(folder: JournalFolder) -> None:
    closed = JOURNAL.with_entries([ENTRY.moved_to(RESTORED, 950.0)], 950.0)
    folder.write(closed)
    assert folder.read_open() == []
    path = Path(folder.path_of("web-1.5"))
    found = path.stat()
    path.write_text("x" * found.st_size)  # in place, with the time of before: the same file as far as anyone can tell
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert folder.read_open() == []
    with refusal(JournalUnusable, "is damaged"):
        JournalFolder(folder.path).read_open()
    folder.write(JOURNAL)
    assert folder.read_open() == [JOURNAL]
    assert folder.known_entries("lb-a", ENDED)[0].entry == ENTRY


def test_unreadable_journal_is_never_settled(folder: JournalFolder) -> None:
    put(folder, "web-1%2E5.json", "{")
    for _look in range(2):
        with refusal(JournalUnusable, "is damaged"):
            folder.read_open()
