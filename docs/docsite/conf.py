# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the site (``make docs``) out of what antsibull-docs writes."""

from __future__ import annotations

import re
from pathlib import Path

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

# Ansible's own documentation, which antsibull-docs refers to; its inventory need not be fetched.
ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.(?P<page>\w+)")


def page_of_ansible(target: str) -> str | None:
    """The page that a reference is to, relative to Ansible's documentation; None if it is not one of Ansible's."""
    builtin = BUILTIN.fullmatch(target)
    if builtin:
        return f"collections/ansible/builtin/{builtin['page']}.html"
    if target.startswith("ANSIBLE_"):
        return f"{ANSIBLE_PAGES['ansible_configuration_settings']}#envvar-{target}"
    return ANSIBLE_PAGES.get(target)


def refer_to_ansible(
    _app: Sphinx, _environment: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.reference | None:
    """Resolve a reference to Ansible's documentation; every other stays unresolved, which fails the build."""
    page = page_of_ansible(node["reftarget"])
    return nodes.reference("", "", text, refuri=ANSIBLE + page, internal=False) if page else None


# Full names would be broken at the width of a phone, and in the list of pages at any width.
PAGE_TITLE = re.compile(rf"^{re.escape(project)}\.(?=\w+ (?:module|role|inventory) -- )", re.MULTILINE)
SECTION = re.compile(r"^(?P<title>[^\n]+)\n-+\n\n\.\. toctree::\n(?P<indent> +)", re.MULTILINE)
PAGE_OF_PLUGIN = re.compile(r"^(?P<indent> +)(?P<name>\w+)_(?P<kind>module|role|inventory)$", re.MULTILINE)
DESCRIPTION = re.compile(r"^Description\n-+\n.*?(?=^\*\*Author:\*\*)", re.MULTILINE | re.DOTALL)
START = Path(__file__).with_name("start.rst")


def start_page(text: str) -> str:
    """The first page: spelt as the collection is, with a start, and with groups and short names in the list of pages."""
    text = text.replace(f"\n{project.title()}\n", f"\n{project}\n", 1)
    text = DESCRIPTION.sub(lambda _found: START.read_text(encoding="utf-8"), text, count=1)
    text = SECTION.sub(r"\g<0>:caption: \g<title>\n\g<indent>", text)
    text = text.replace(":hidden:\n", ":hidden:\n    :caption: Reference\n", 1)
    return PAGE_OF_PLUGIN.sub(r"\g<indent>\g<name> <\g<name>_\g<kind>>", text)


ENTRY_POINT = re.compile(r"^\.\. _\S+_role__entrypoint-(?P<name>\w+):$", re.MULTILINE)


def main_first(text: str) -> str:
    """Put the entry point ``main`` of a role before the others, which antsibull-docs sorts by name."""
    starts = [found.start() for found in ENTRY_POINT.finditer(text)]
    if not starts:
        return text
    parts = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]
    ordered = sorted(parts, key=lambda part: "_role__entrypoint-main:" not in part.partition("\n")[0])
    return text[: starts[0]] + "".join(ordered)


# Ansible's type int takes true for 1 and cuts fractions off, so whole numbers are declared as ``raw`` and checked later.
ROW = re.compile(r"^  \* - .*?(?=^  \* - |\Z)", re.MULTILINE | re.DOTALL)
ANY, WHOLE_NUMBER = ":ansible-option-type:`any`", ":ansible-option-type:`whole number`"


def name_whole_numbers(text: str) -> str:
    """Show the type of options that take whole numbers."""
    return ROW.sub(lambda row: row[0].replace(ANY, WHOLE_NUMBER) if "A whole number" in row[0] else row[0], text)


# ansible-doc shows guides by their links, since it cannot show pages of this site. Here they are pages of this site.
GUIDE_LINK = re.compile(r"`(?P<title>[^`<]+) <https://github\.com/\S+/docs/docsite/rst/(?P<guide>\w+)\.rst>`_")


def link_to_guides(text: str) -> str:
    """Refer to guides within the site."""
    return GUIDE_LINK.sub(rf":ref:`\g<title> <ansible_collections.{project}.docsite.\g<guide>>`", text)


def improve_page(_app: Sphinx, page: str, source: list[str]) -> None:
    """Change what antsibull-docs has written."""
    if page == "index":
        source[0] = start_page(source[0])
    elif "/" not in page:
        source[0] = link_to_guides(name_whole_numbers(main_first(PAGE_TITLE.sub("", source[0], count=1))))


def label_cells(_app: Sphinx, document: nodes.document) -> None:
    """Put the heads of columns into the cells: on a phone, rows of tables are stacked, and heads are hidden."""
    for table in document.findall(nodes.table):
        if "ansible-option-table" in table["classes"]:
            continue
        heads = [entry.astext() for entry in next(iter(table.findall(nodes.thead)), table).findall(nodes.entry)]
        for row in (row for body in table.findall(nodes.tbody) for row in body.findall(nodes.row)):
            for head, entry in list(zip(heads, row.children))[1:]:
                first = next(iter(entry.findall(nodes.paragraph)), None)
                if head and first is not None:
                    first.insert(0, nodes.inline("", f"{head}: ", classes=["cell-head"]))


def setup(app: Sphinx) -> None:
    app.connect("source-read", improve_page)
    app.connect("doctree-read", label_cells)
    app.connect("missing-reference", refer_to_ansible)
