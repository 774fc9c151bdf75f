# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error codes and the API actions that the source of the modules names."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

ERRORS = "_errors.py"
ACTION = re.compile(r"(Describe|Set)[A-Z]\w+")


def own_codes(folder: Path) -> set[str]:
    """The codes that the collection itself raises: what the errors' constructors are given first."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))]
    classes = {"SlbError"}
    for _round in trees:  # a class may stand in a file before that of its base
        classes |= {
            node.name
            for node in _of(trees, ast.ClassDef)
            if any(isinstance(base, ast.Name) and base.id in classes for base in node.bases)
        }
    calls = [call for call in _of(trees, ast.Call) if isinstance(call.func, ast.Name) and call.func.id in classes]
    for node in _of(trees, ast.ClassDef):
        if node.name in classes:
            calls += [call for call in ast.walk(node) if isinstance(call, ast.Call) and _is_constructor(call.func)]
    # Those with a class of their own give a message first, which has spaces.
    texts = (text for call in calls if call.args for text in _texts(call.args[0]))
    return {text for text in texts if text.isalnum() and text[0].isupper()}


def api_codes(errors: Path) -> set[str]:
    """The API's codes that the collection tries again or has an advice for."""
    found: set[str] = set()
    for node in _of([ast.parse(errors.read_text(encoding="utf-8"))], ast.Assign):
        if [ast.unparse(target) for target in node.targets] == ["_ADVICE"]:
            assert isinstance(node.value, ast.Dict)
            found.update(ast.literal_eval(key) for key in node.value.keys if key)
        elif ast.unparse(node.targets[0]).endswith("_CODES"):
            found.update(ast.literal_eval(node.value))
    return found


def actions(slb: Path) -> set[str]:
    """The API's actions that are called: no other text is of their form."""
    constants = _of([ast.parse(slb.read_text(encoding="utf-8"))], ast.Constant)
    return {text.value for text in constants if isinstance(text.value, str) and ACTION.fullmatch(text.value)}


T = t.TypeVar("T", bound=ast.AST)


def _of(trees: list[ast.Module], kind: type[T]) -> list[T]:
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kind)]


def _is_constructor(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function) == "super().__init__"


def _texts(argument: ast.expr) -> list[str]:
    """A text, or the alternatives of ``code or "Text"``."""
    values = argument.values if isinstance(argument, ast.BoolOp) else [argument]
    return [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]
