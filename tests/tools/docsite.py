# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make docs``: the site of guides and reference, in .cache/docs/html.

antsibull-docs writes a page for each module and role and takes the guides of
docs/docsite/rst beside them; Sphinx makes HTML of it. A warning of Sphinx is a
failure.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import project
import workspace

FOLDER = project.CACHE / "docs"
HTML = FOLDER / "html"


class SiteFailed(Exception):
    """The site could not be built; the text is what the program that failed had to say."""


def build() -> str:
    """Build the site afresh from workspace.COPY; returns what the programs printed. Raises SiteFailed."""
    project.fresh_folder(FOLDER)
    sources, rst = workspace.COPY / "docs" / "docsite", FOLDER / "rst"
    # antsibull-docs refuses a folder that others may write to.
    rst.mkdir(mode=0o755)
    reference = ["collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", str(rst)]
    said = run(str(project.BIN / "antsibull-docs"), *reference, project.collection_name())
    # It takes the texts of the guides alone.
    shutil.copytree(workspace.COPY / "docs" / "images", rst / "images")
    options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--quiet", "--conf-dir", str(sources)]
    return said + run("-m", "sphinx", *options, "--doctree-dir", str(FOLDER / "doctrees"), str(rst), str(HTML))


def run(*arguments: str) -> str:
    done = subprocess.run(
        [project.PYTHON, *arguments],
        cwd=FOLDER,
        env=project.environment(ANSIBLE_COLLECTIONS_PATH=workspace.COLLECTIONS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SiteFailed(done.stdout)
    return done.stdout


def main() -> int:
    workspace.refresh()
    try:
        build()
    except SiteFailed as error:
        print(f"{error}\nThe site was not built: see above.")
        return 1
    print(f"The site starts at {HTML / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
