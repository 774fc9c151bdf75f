# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules by which AWX refuses a credential type, a survey and the answers to a survey.

No package has them: AWX itself is not on PyPI. They restate what AWX 24 does in awx/main/fields.py
(CredentialTypeInputField, CredentialTypeInjectorField), awx/api/views (JobTemplateSurveySpec) and awx/main/models/mixins.py
(SurveyJobTemplateMixin).
"""

from __future__ import annotations

import typing as t

from awx_plugins.interfaces._temporary_private_inject_api import ENV_BLOCKLIST
from jinja2 import StrictUndefined
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft4Validator

NAME = "^[a-zA-Z_]+[a-zA-Z0-9_]*$"

INPUTS_SCHEMA: dict[str, t.Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": {"type": "string"}},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "label"],
                "properties": {
                    "id": {"type": "string", "pattern": NAME},
                    "label": {"type": "string"},
                    "help_text": {"type": "string"},
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": {"type": "string"}, "uniqueItems": True},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "ask_at_runtime": {"type": "boolean"},
                    "default": {},
                },
            },
        },
    },
}

INJECTORS_SCHEMA: dict[str, t.Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        # A value that is not ASCII would end the job before it begins.
        "env": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {NAME: {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
        },
        "extra_vars": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {NAME: {"type": "string"}},
        },
        "file": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": {"type": "string"}},
        },
    },
}

SURVEY_TYPES = ("text", "textarea", "password", "integer", "float", "multiplechoice", "multiselect")
TEXT_TYPES = ("text", "textarea", "password")
KEYS_OF_A_QUESTION = {
    "question_name", "question_description", "variable", "type", "required", "min", "max", "choices", "default",
}  # fmt: skip


def credential_type_errors(inputs: dict[str, t.Any], injectors: dict[str, t.Any]) -> list[str]:
    """What AWX has against a credential type; nothing if it takes it."""
    errors = [error.message for error in Draft4Validator(INPUTS_SCHEMA).iter_errors(inputs)]
    errors += [error.message for error in Draft4Validator(INJECTORS_SCHEMA).iter_errors(injectors)]
    if errors:
        return errors
    ids = [field["id"] for field in inputs.get("fields", [])]
    if len(set(ids)) < len(ids) or "tower" in ids:
        errors.append("field ids must be unique, and none may be tower")
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for name, template in injectors.get("env", {}).items():
        if name.startswith("ANSIBLE_") or name in ENV_BLOCKLIST:
            errors.append(f"the environment variable {name} is not allowed")
        try:
            sandbox.from_string(template).render(dict.fromkeys(ids, "EXAMPLE"))
        except TemplateError as error:
            errors.append(f"{name}: {error}")
    return errors


def survey_errors(spec: dict[str, t.Any]) -> list[str]:
    """What AWX has against a survey; nothing if it takes it."""
    if not isinstance(spec.get("name"), str) or not isinstance(spec.get("description"), str) or not spec.get("spec"):
        return ["name, description and at least one question are needed"]
    errors = []
    variables = [question.get("variable") for question in spec["spec"]]
    if len(set(variables)) < len(variables):
        errors.append("a variable has two questions")
    for question in spec["spec"]:
        missing = {"question_name", "variable", "type", "required"} - set(question)
        strange = set(question) - KEYS_OF_A_QUESTION
        if missing or strange or question["type"] not in SURVEY_TYPES or not isinstance(question["required"], bool):
            errors.append(
                f"{question.get('variable')}: missing {missing}, unknown {strange}, or a bad type or required"
            )
        elif "multi" in question["type"] and not question.get("choices"):
            errors.append(f"{question['variable']}: no choices")
        elif question.get("default") not in (None, ""):
            errors += answer_errors(question, {question["variable"]: question["default"]})
    return errors


def answer_errors(question: dict[str, t.Any], answers: dict[str, t.Any]) -> list[str]:
    """What AWX has against the answer to one question; nothing if it takes it."""
    name = question["variable"]
    if name not in answers:
        return [f"{name}: value missing"] if question["required"] else []
    answer, kind = answers[name], question["type"]
    if kind in TEXT_TYPES:
        return _size_errors(question, len(answer)) if isinstance(answer, str) else [f"{name}: not a text"]
    if kind == "integer":
        is_number = isinstance(answer, int) and not isinstance(answer, bool)
        return _size_errors(question, answer) if is_number else [f"{name}: not an integer"]
    if kind == "float":
        is_number = isinstance(answer, (float, int)) and not isinstance(answer, bool)
        return _size_errors(question, answer) if is_number else [f"{name}: not a number"]
    if kind == "multiselect" and not isinstance(answer, list):
        return [f"{name}: not a list"]
    chosen = answer if kind == "multiselect" else [answer]
    return [f"{name}: {choice!r} is no choice" for choice in chosen if choice not in question["choices"]]


def _size_errors(question: dict[str, t.Any], size: float) -> list[str]:
    low, high = question.get("min"), question.get("max")
    if low not in (None, "") and size < low:
        return [f"{question['variable']}: too small"]
    if high not in (None, "") and size > high:
        return [f"{question['variable']}: too large"]
    return []


def accepted_answers(spec: dict[str, t.Any], answers: dict[str, t.Any]) -> dict[str, t.Any]:
    """The extra variables of a job: defaults, and over them the answers. Raises ValueError with what AWX would say."""
    errors = [
        error for question in spec["spec"] for error in answer_errors(question, answers | _defaults(spec, answers))
    ]
    if errors:
        raise ValueError("; ".join(errors))
    return _defaults(spec, answers) | answers


def _defaults(spec: dict[str, t.Any], answers: dict[str, t.Any]) -> dict[str, t.Any]:
    """The form of AWX shows the defaults, and sends what it shows."""
    return {
        question["variable"]: question["default"]
        for question in spec["spec"]
        if question.get("default") is not None and question["variable"] not in answers
    }
