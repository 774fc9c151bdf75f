# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the site (``make docs``) out of what antsibull-docs writes."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "aliyun_community.slb"
author = "aliyun_community.slb contributors"
project_copyright = f"2026 {author}"
html_title = project

# Roles and styles of the pages that antsibull-docs writes.
extensions = ["sphinx_antsibull_ext"]
antsibull_ext_color_scheme = "none"  # static/site.css has one that follows the theme

# In a guide, `text` in single backquotes is a mistake for ``text``.
default_role = "any"
nitpicky = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

# antsibull-docs lists there what plugins read by themselves, which is nothing; the guide Credentials has the variables.
exclude_patterns = ["environment_variables.rst"]

# Pages of Ansible's own documentation that antsibull-docs refers to; its inventory need not be fetched for them.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def refer_to_ansible(
    _app: Sphinx, _environment: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.reference | None:
    """Resolve a reference to one of these pages; every other stays unresolved, which fails the build."""
    page = ANSIBLE_PAGES.get(node["reftarget"])
    return nodes.reference("", "", text, refuri=ANSIBLE + page, internal=False) if page else None


# Full names are broken at the width of a phone, and of the list of pages at any.
PAGE_TITLE = re.compile(rf"^{re.escape(project)}\.(?=\w+ (?:module|role) -- )", re.MULTILINE)


def shorten_title(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Title the pages of modules and roles by their short names, and the first one as the collection is spelt."""
    source[0] = PAGE_TITLE.sub("", source[0], count=1).replace(f"\n{project.title()}\n", f"\n{project}\n", 1)


def setup(app: Sphinx) -> None:
    app.connect("source-read", shorten_title)
    app.connect("missing-reference", refer_to_ansible)
