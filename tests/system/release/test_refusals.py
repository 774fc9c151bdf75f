# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where there is nothing to release, ``make release`` says so in one sentence, and changes nothing."""

from __future__ import annotations

import pytest
from checkout import Checkout

NEW = "99.0.0"


def assert_refused(checkout: Checkout, version: str, reason: str) -> None:
    before = checkout.state()
    outcome = checkout.release(version)
    assert outcome.exit_code == 1
    assert outcome.output.startswith("Not released: ")
    assert reason in outcome.output
    assert outcome.output.count("\n") == 1
    assert checkout.state() == before
    assert not (checkout.folder / ".cache" / "release").exists()


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("", "make release VERSION=x.y.z"),
        ("99.0", "99.0 is not a semantic version"),
        ("v99.0.0", "v99.0.0 is not a semantic version"),
        ("0.0.9", "0.0.9 is not greater than"),
        ("0.1.0", "0.1.0 is not greater than"),
        ("0.1.0-rc.1", "0.1.0-rc.1 is not greater than"),
    ],
)
def test_versions(checkout: Checkout, version: str, reason: str) -> None:
    assert_refused(checkout, version, reason)


def test_build_metadata_makes_no_new_version(checkout: Checkout) -> None:
    checkout.write(
        "changelogs/changelog.yaml",
        checkout.read("changelogs/changelog.yaml") + "  98.0.0:\n    release_date: '2026-01-01'\n",
    )
    checkout.commit()
    assert_refused(checkout, "98.0.0+1", "98.0.0+1 is not greater than 98.0.0")


@pytest.mark.parametrize("tag", [NEW, f"v{NEW}"])
def test_a_tag(checkout: Checkout, tag: str) -> None:
    checkout.git("tag", tag)
    assert_refused(checkout, NEW, f"The tag {tag} exists already")


def test_a_changed_file(checkout: Checkout) -> None:
    checkout.write("README.md", checkout.read("README.md") + "More.\n")
    assert_refused(checkout, NEW, "README.md")


def test_a_staged_file(checkout: Checkout) -> None:
    checkout.write("README.md", checkout.read("README.md") + "More.\n")
    checkout.git("add", "README.md")
    assert_refused(checkout, NEW, "README.md")


def test_a_new_file(checkout: Checkout) -> None:
    checkout.write("plugins/notes.txt", "Not to be published.\n")
    assert_refused(checkout, NEW, "plugins/notes.txt")


def test_no_fragment(checkout: Checkout) -> None:
    checkout.git("rm", "--quiet", "-r", "changelogs/fragments")
    checkout.commit()
    assert_refused(checkout, NEW, "no fragment")


def test_no_git(checkout: Checkout) -> None:
    (checkout.folder / ".git").rename(checkout.folder / ".cache-git")
    outcome = checkout.release(NEW)
    assert outcome.exit_code == 1
    assert "is not a git checkout" in outcome.output
