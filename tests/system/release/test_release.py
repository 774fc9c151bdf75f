# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A trial version is released in a throw-away checkout, and its products are held against what they are of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import project
import pytest
import yaml
from checkout import Checkout

VERSION = "99.0.0-rc.1"
NAME = f"{project.galaxy()['namespace']}-{project.galaxy()['name']}-{VERSION}"
ARTIFACT, SUMS = f"{NAME}.tar.gz", "SHA256SUMS"


def read_archive(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as packed:
        return {member.name: file.read() for member in packed if (file := packed.extractfile(member))}


def assert_sums_agree(products: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=products, check=True, capture_output=True)
    assert len((products / SUMS).read_text(encoding="utf-8").splitlines()) == 1


def assert_changelog_has_the_version(checkout: Checkout) -> None:
    changes = yaml.safe_load(checkout.read("changelogs/changelog.yaml"))["releases"][VERSION]
    assert "a change for a trial." in changes["changes"]["minor_changes"]
    assert "a change for a trial" in checkout.read("CHANGELOG.md")
    assert not list((checkout.folder / "changelogs" / "fragments").glob("*"))


def test_a_version_is_released(checkout: Checkout) -> None:
    commit, _clean = checkout.state()
    outcome = checkout.release(VERSION)
    assert outcome.exit_code == 0, outcome.output
    assert checkout.git("rev-parse", "HEAD") == commit
    assert yaml.safe_load(checkout.read("galaxy.yml"))["version"] == VERSION
    assert_changelog_has_the_version(checkout)

    products = checkout.folder / ".cache" / "release" / VERSION
    assert {file.name for file in products.iterdir()} == {ARTIFACT, SUMS}
    assert_sums_agree(products)
    members = read_archive(products / ARTIFACT)
    assert json.loads(members["MANIFEST.json"])["collection_info"]["version"] == VERSION

    checkout.git("commit", "--quiet", "--all", "--message", "Release")
    assert checkout.git("status", "--porcelain") == ""


@pytest.mark.parametrize("stray", ["notes.txt", "plugins/venv/pyvenv.cfg"])
def test_a_stray_file_is_not_released(checkout: Checkout, stray: str) -> None:
    (checkout.folder / stray).parent.mkdir(exist_ok=True)
    checkout.write(stray, "Not to be published.\n")
    checkout.git("add", "--force", stray)
    checkout.commit()
    before = checkout.state()
    earlier = checkout.folder / ".cache" / "release" / VERSION
    earlier.mkdir(parents=True)
    outcome = checkout.release(VERSION)
    assert outcome.exit_code == 1
    assert f"the artifact must not contain: {stray}" in outcome.output
    assert "Not released: checks.py failed, see above." in outcome.output
    assert checkout.state() == before
    assert not earlier.exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_release_that_is_ended_puts_the_checkout_back(checkout: Checkout, ending: signal.Signals) -> None:
    before = checkout.state()
    process = checkout.start("release.py", VERSION=VERSION)
    while f"version: {VERSION}" not in checkout.read("galaxy.yml"):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, ending)
    process.communicate()
    assert process.returncode == 128 + ending
    assert checkout.state() == before
