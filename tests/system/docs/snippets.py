# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snippets of the documents, in their order, each with what its writer says it is.

A snippet of commands (language ``console``) or of a RAM policy (``json``) says what it is by its language. Before any other
stands a mark, in a comment that readers do not see::

    .. file: NAME         <!-- file: NAME -->     a file of that name, which a later command uses
    .. tasks: [FILE]      <!-- tasks: [FILE] -->  tasks, to be run behind those of the last play of FILE, or on localhost
    .. shown: WHY         <!-- shown: WHY -->     not to be run, and why

In reStructuredText the caption of a snippet, which readers do see, is the mark of a file.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import docutils.core
import docutils.nodes
from docutils.parsers.rst import Directive, directives
from markdown_it import MarkdownIt

MARK = re.compile(r"(file|tasks|shown):\s*(.*)", re.DOTALL)
BY_LANGUAGE = {"console": "console", "json": "policy"}


class Snippet(t.NamedTuple):
    """``kind``: file, tasks, shown, console, policy, or empty where nothing says what it is."""

    document: Path
    line: int
    language: str
    text: str
    kind: str
    argument: str

    @property
    def place(self) -> str:
        return f"{self.document.name}:{self.line}"


class Block(t.NamedTuple):
    """A snippet or a comment, as the two markup languages have it."""

    line: int
    text: str
    language: str | None  # None for a comment
    caption: str = ""


def snippets(document: Path) -> list[Snippet]:
    """The snippets of a document in their order."""
    found, mark = [], None
    for block in (_rst_blocks if document.suffix == ".rst" else _markdown_blocks)(document.read_text(encoding="utf-8")):
        if block.language is None:
            mark = MARK.fullmatch(block.text.strip())
            continue
        if block.caption:
            kind, argument = "file", block.caption
        elif mark:
            kind, argument = mark.groups()
        else:
            kind, argument = BY_LANGUAGE.get(block.language, ""), ""
        found.append(Snippet(document, block.line, block.language, block.text, kind, argument.strip()))
        mark = None
    return found


def _markdown_blocks(text: str) -> t.Iterator[Block]:
    for token in MarkdownIt().parse(text):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "fence":
            yield Block(line, token.content, token.info.strip())
        elif token.type in ("code_block", "html_block"):
            comment = re.fullmatch(r"\s*<!--(.*?)-->\s*", token.content, re.DOTALL)
            if comment or token.type == "code_block":
                yield Block(line, comment.group(1) if comment else token.content, None if comment else "")


class _CodeBlock(Directive):
    """Sphinx's directive ``code-block``, as far as the guides use it."""

    has_content = True
    optional_arguments = 1
    option_spec: t.ClassVar = {"caption": directives.unchanged_required}

    def run(self) -> list[docutils.nodes.Node]:
        text = "\n".join(self.content)
        language = self.arguments[0] if self.arguments else ""
        return [_literal(text, language=language, caption=self.options.get("caption", ""), at=self.lineno)]


def _literal(text: str, **attributes: t.Any) -> docutils.nodes.literal_block:
    return docutils.nodes.literal_block(text, text, **attributes)


def doctree(text: str) -> docutils.nodes.document:
    """A guide as docutils reads it. Roles and directives of Sphinx that it does not know are left out."""
    directives.register_directive("code-block", _CodeBlock)
    return docutils.core.publish_doctree(text, settings_overrides={"report_level": 5, "halt_level": 5})


def _rst_blocks(text: str) -> t.Iterator[Block]:
    for node in doctree(text).findall():
        if isinstance(node, docutils.nodes.comment):
            yield Block(node.line or 0, node.astext(), None)
        # A word that docutils does not know makes a literal block of the text around it, within its message.
        elif isinstance(node, docutils.nodes.literal_block) and not isinstance(
            node.parent, docutils.nodes.system_message
        ):
            yield Block(node.get("at", 0), node.astext() + "\n", node.get("language", ""), node.get("caption", ""))
