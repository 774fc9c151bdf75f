# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the audit finds, and what it says about it."""

from __future__ import annotations

import json
import shlex
import typing as t

import pytest

from ansible_collections.aliyun_community.slb.plugins.module_utils._audit import Finding, find, names_in, summary
from ansible_collections.aliyun_community.slb.plugins.module_utils._entries import Entry, KnownEntry
from ansible_collections.aliyun_community.slb.plugins.module_utils._records import BackendServer
from ansible_collections.aliyun_community.slb.plugins.module_utils._selection import LoadBalancerMembers

MEMBERS = (
    BackendServer("i-1", 0),
    BackendServer("i-2", 60),
    BackendServer("i-3", 60),
    BackendServer("i-4", 100),
    BackendServer("i-1", 0, port=8080, vserver_group_id="rsp-app", vserver_group_name="app"),
)
SINCE = 1_700_000_000.0
RECOVER = "ansible-playbook aliyun_community.slb.recover -e rolling_update_id=web-1.5"


def load_balancer(*members: BackendServer, load_balancer_id: str = "lb-a") -> LoadBalancerMembers:
    return LoadBalancerMembers("cn-hangzhou", load_balancer_id, "web", members or MEMBERS, {})


def entry(member: BackendServer = MEMBERS[0], running: str | None = None, **other: t.Any) -> KnownEntry:
    row = Entry(
        host="web1",
        region="cn-hangzhou",
        load_balancer_id="lb-a",
        group=member.vserver_group_id,
        server_id=member.server_id,
        type=member.type,
        server_ip=member.server_ip,
        port=member.port,
        original=100,
        written=(0,),
        state="drained",
        run="1-2@c",
        out_since=SINCE,
        changed=SINCE,
        group_name=member.vserver_group_name,
    )
    return KnownEntry("web-1.5", row._replace(**other), False, running)


def found(known: t.Sequence[KnownEntry] = (), *members: BackendServer, record_dir: str | None = None) -> list[Finding]:
    return find([load_balancer(*members)], known, record_dir, only_these=False)


def set_weights(finding: Finding) -> t.Any:
    """The variables of the command that puts back what no journal knows."""
    *words, text = shlex.split(finding.command)
    assert words == ["ansible-playbook", "aliyun_community.slb.set_weights", "-e"]
    return json.loads(text)


def test_what_no_journal_knows() -> None:
    default, grouped = found()
    assert default.rolling_update_id is None
    assert default.out_since is None
    assert set_weights(default) == {
        "slb_region": "cn-hangzhou",
        "slb_load_balancer_id": "lb-a",
        "slb_backend_servers": [{"server_id": "i-1", "weight": 60}],
    }
    assert default.suggested_weight == 60
    # There is no other in its group.
    assert set_weights(grouped)["slb_backend_servers"] == [
        {"server_id": "i-1", "weight": 100, "vserver_group": "rsp-app", "port": 8080}
    ]


def test_the_address_of_an_interface_is_part_of_the_command() -> None:
    (finding,) = found((), BackendServer("eni-1", 0, "eni", "10.0.0.1"), BackendServer("i-2", 1))
    server = {"server_id": "eni-1", "weight": 1, "type": "eni", "server_ip": "10.0.0.1"}
    assert set_weights(finding)["slb_backend_servers"] == [server]


def test_what_a_journal_knows() -> None:
    first, second = found([entry(), entry(MEMBERS[4])])
    assert (first.vserver_group_id, second.vserver_group_id) == (None, "rsp-app")
    for finding in (first, second):
        assert finding.rolling_update_id == "web-1.5"
        assert (finding.weight, finding.original_weight, finding.out_since) == (0, 100, SINCE)
        assert finding.command == RECOVER
        assert finding.is_left


def test_the_folder_is_part_of_the_command() -> None:
    (finding,) = found([entry()], MEMBERS[0], record_dir="/srv/journals")
    assert finding.command == f"{RECOVER} -e rolling_update_record_dir=/srv/journals"


def test_the_newest_entry_of_a_member_counts() -> None:
    newer = entry(changed=SINCE + 1, original=7)
    assert [finding.original_weight for finding in found([newer, entry()], MEMBERS[0])] == [7]


def test_a_member_of_another_load_balancer_is_another() -> None:
    pair = [load_balancer(MEMBERS[0]), load_balancer(MEMBERS[0], load_balancer_id="lb-b")]
    ids = [finding.rolling_update_id for finding in find(pair, [entry()], None, only_these=True)]
    assert ids == ["web-1.5", None]


def test_what_only_a_journal_knows() -> None:
    rows = [entry(load_balancer_id="lb-gone"), entry(server_id="i-removed")]
    everywhere = find([load_balancer(MEMBERS[1])], rows, None, only_these=False)
    assert {(row.load_balancer_id, row.server_id): row.weight for row in everywhere} == {
        ("lb-gone", "i-1"): None,
        ("lb-a", "i-removed"): None,
    }
    here = find([load_balancer(MEMBERS[1])], rows, None, only_these=True)
    assert [row.server_id for row in here] == ["i-removed"]


def test_nothing() -> None:
    assert not found((), *MEMBERS[1:4])
    assert summary([], 2) == "Nothing is out of traffic on 2 load balancers."


def test_what_is_running_is_not_left() -> None:
    (finding,) = found([entry(running="process 1 on c")], MEMBERS[0])
    assert finding.running
    assert not finding.is_left


LINES = {
    "unknown": (
        found((), MEMBERS[0])[0],
        "lb-a (web) in cn-hangzhou, the default server group: i-1 is out of traffic. No journal knows why or since when. Unless "
        "that is meant to be so, this puts it back, with the weight that most others in its group have: ansible-playbook",
    ),
    "left out": (
        found([entry()], MEMBERS[0])[0],
        "lb-a (web) in cn-hangzhou, the default server group: i-1 (web1) has been out of traffic for 3 min 20 s, since "
        "2023-11-14 22:13:20 UTC. Rolling update web-1.5 left it drained. This puts it back to 100: " + RECOVER,
    ),
    "in a group": (
        found([entry(MEMBERS[4])], MEMBERS[4])[0],
        "lb-a (web) in cn-hangzhou, vServer group app (rsp-app): i-1 port 8080 (web1) has been out of traffic",
    ),
    "changed since": (
        found([entry()], MEMBERS[0]._replace(weight=50))[0],
        "i-1 (web1) was taken out of traffic 2023-11-14 22:13:20 UTC, and has weight 50 now. Rolling update web-1.5 left it "
        "drained. This puts it back to 100, unless someone else has set this weight: " + RECOVER,
    ),
    "gone": (
        found([entry()], MEMBERS[1])[0],
        "i-1 (web1) was taken out of traffic 2023-11-14 22:13:20 UTC, and is not among the members that were read.",
    ),
    "running": (
        found([entry(running="process 1 on c")], MEMBERS[0])[0],
        "UTC. Rolling update web-1.5 is still running. If it is not: " + RECOVER,
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_line(case: str) -> None:
    finding, words = LINES[case]
    assert words in finding.line(SINCE + 200)


def test_summary() -> None:
    rows = [*found([entry(), entry(MEMBERS[4], running="process 1 on c")]), *found((), MEMBERS[0])]
    assert summary(rows, 1) == (
        "Out of traffic on 1 load balancer: 3 members, 2 by 1 rolling update, 1 that no journal knows, "
        "1 by rolling updates that are still running."
    )


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("", []),
        ("web 1, web 2\nweb 3\n", ["web 1", "web 2", "web 3"]),
        (["web 1", " "], ["web 1"]),
    ],
)
def test_names(value: t.Any, names: list[str]) -> None:
    assert names_in(value) == names
