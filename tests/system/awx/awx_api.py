# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the API of AWX on loopback: it keeps the objects that clients make, and runs nothing.

Strict where AWX is lenient (a field that AWX does not have is refused, so a misspelt one shows), and as strict as AWX about
names, credential types, surveys, the playbooks of a project and what may be deleted. As in AWX, a client that asks by a name
alone gets what any organization has by that name, PUT sets back what it does not name, and a project whose repository is
private needs a credential.
"""

from __future__ import annotations

import copy
import logging
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from awx_rules import credential_type_errors, survey_errors
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, Unauthorized
from werkzeug.serving import make_server

TOKEN = "stand-in-token"
Fields = dict[str, t.Any]
Snapshot = dict[str, dict[str, Fields]]
WAYS = ("success_nodes", "failure_nodes", "always_nodes")

NAMED: Fields = {"name": "", "description": ""}
ASKS = (
    "job_type", "limit", "credential", "diff_mode", "variables", "inventory", "verbosity", "tags", "skip_tags",
    "scm_branch", "execution_environment", "forks", "instance_groups", "job_slice_count", "labels", "timeout",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of object: what its page's ``type`` says, its fields with their defaults, and its lists of others.

    ``links`` are fields that hold the id of another object, with the list that this one is in. ``unique``: no two objects
    have the same values of these fields.
    """

    type: str
    fields: Fields
    links: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    has_survey: bool = False
    unique: tuple[str, ...] = ("name", "organization")


ORGANIZATION = {"organization": "organizations"}
CREDENTIAL = {"credential": "credentials"}
RUN: Fields = {"extra_vars": "", "limit": ""}
KINDS = {
    "organizations": Kind("organization", NAMED, unique=("name",)),
    "credential_types": Kind(
        "credential_type", NAMED | {"kind": "", "inputs": {}, "injectors": {}}, unique=("name", "kind")
    ),
    "credentials": Kind(
        "credential",
        NAMED | {"inputs": {}},
        ORGANIZATION | {"credential_type": "credential_types"},
        unique=("name", "organization", "credential_type"),
    ),
    "execution_environments": Kind(
        "execution_environment", NAMED | {"image": "", "pull": ""}, ORGANIZATION | CREDENTIAL, unique=("name",)
    ),
    "projects": Kind(
        "project",
        NAMED
        | {"scm_type": "", "scm_url": "", "scm_branch": "", "allow_override": False, "scm_update_on_launch": False},
        ORGANIZATION | CREDENTIAL,
    ),
    "inventories": Kind("inventory", NAMED | {"kind": "", "host_filter": None, "variables": ""}, ORGANIZATION),
    "job_templates": Kind(
        "job_template",
        NAMED
        | RUN
        | {"job_type": "run", "playbook": "", "survey_enabled": False, "timeout": 0, "verbosity": 0}
        | {f"ask_{name}_on_launch": False for name in ASKS},
        {
            "inventory": "inventories",
            "project": "projects",
            "execution_environment": "execution_environments",
            "organization": "organizations",
        },
        {"credentials": "credentials"},
        has_survey=True,
    ),
    "workflow_job_templates": Kind(
        "workflow_job_template",
        NAMED | RUN | {"survey_enabled": False, "ask_limit_on_launch": False},
        ORGANIZATION | {"inventory": "inventories"},
        {"workflow_nodes": "workflow_job_template_nodes"},
        has_survey=True,
    ),
    "workflow_job_template_nodes": Kind(
        "workflow_job_template_node",
        {"identifier": "", "job_type": None, "extra_data": {}},
        {"workflow_job_template": "workflow_job_templates", "unified_job_template": "unified_job_templates"},
        dict.fromkeys(WAYS, "workflow_job_template_nodes"),
        unique=("identifier", "workflow_job_template"),
    ),
    "workflow_approval_templates": Kind("workflow_approval_template", NAMED | {"timeout": 0}, unique=()),
}
# What a node of a workflow may run.
UNIFIED = ("job_templates", "workflow_approval_templates")
# What goes with an object that is deleted, by the link to it.
OWNED = {"workflow_job_templates": ("workflow_job_template_nodes", "workflow_job_template")}
# What clients send although AWX decides it: the organization of a job template is that of its project.
READ_ONLY: dict[str, set[str]] = {
    "credential_types": {"managed"},
    "job_templates": {"organization"},
    "workflow_job_template_nodes": {"type"},
}
# What clients ask the root for, and never make here.
OTHERS = (
    "users", "teams", "notification_templates", "inventory_sources", "applications", "schedules", "hosts", "groups",
    "labels", "instance_groups", "roles", "unified_job_templates", "credential_input_sources", "system_job_templates",
    "inventory_scripts", "jobs", "workflow_jobs",
)  # fmt: skip


class Awx:
    """The objects, by list and id."""

    def __init__(self, *organizations: str) -> None:
        self.objects: dict[str, dict[int, Fields]] = {name: {} for name in KINDS}
        self.surveys: dict[tuple[str, int], Fields] = {}
        self.related: dict[tuple[str, int, str], list[int]] = {}
        self.updates: dict[int, str] = {}
        self._last = 0
        for name in organizations:
            self.make("organizations", {"name": name})

    def make(self, kind: str, fields: Fields) -> Fields:
        self._last += 1
        page = self.store(kind, {"id": self._last} | defaults(kind), fields)
        return self.after_project_update(page)

    def change(self, kind: str, number: int, fields: Fields) -> Fields:
        return self.after_project_update(self.store(kind, self.objects[kind][number], fields))

    def replace(self, kind: str, number: int, fields: Fields) -> Fields:
        """What PUT does: all that is not named is set back."""
        return self.store(kind, {"id": number} | defaults(kind), fields)

    def store(self, kind: str, before: Fields, fields: Fields) -> Fields:
        strange = set(fields) - set(KINDS[kind].fields) - set(KINDS[kind].links) - READ_ONLY.get(kind, set())
        if strange:
            raise BadRequest(f"{kind} have no {strange}")
        taken = {name: value for name, value in fields.items() if name not in READ_ONLY.get(kind, set())}
        wanted = before | taken
        self.check(kind, wanted)
        self.objects[kind][wanted["id"]] = wanted
        return self.page(kind, wanted["id"])

    def check(self, kind: str, fields: Fields) -> None:
        if kind == "inventories":
            fields["kind"] = fields["kind"] or ""
        for name in KINDS[kind].links:
            if fields[name] is not None and not self.target(kind, name, fields[name]):
                raise BadRequest(f"{name}: there is no {fields[name]}")
        if kind == "job_templates":
            project = self.objects["projects"].get(fields["project"])
            # This project holds no playbook of its own.
            if not project or not fields["playbook"] or not project["allow_override"]:
                raise BadRequest("Playbook not found for project.")
            fields["organization"] = project["organization"]
        self.check_unique(kind, fields)
        if kind == "credential_types":
            self.check_credential_type(fields)
        if kind == "workflow_job_template_nodes":
            self.check_prompts(fields)

    def check_unique(self, kind: str, fields: Fields) -> None:
        key = [fields.get(name) for name in KINDS[kind].unique]
        for number, other in self.objects[kind].items():
            if key and number != fields["id"] and key == [other.get(name) for name in KINDS[kind].unique]:
                raise BadRequest(f"{KINDS[kind].type} with this {KINDS[kind].unique} already exists")

    def check_credential_type(self, fields: Fields) -> None:
        errors = credential_type_errors(fields["inputs"], fields["injectors"])
        if errors:
            raise BadRequest("; ".join(errors))
        before = self.objects["credential_types"].get(fields["id"])
        if before and before["inputs"] != fields["inputs"] and self.users_of("credential_types", fields["id"]):
            raise Forbidden("Modifications to inputs are not allowed for credential types that are in use")

    def check_prompts(self, fields: Fields) -> None:
        """A node may only answer questions of its template."""
        template = fields["unified_job_template"]
        asked = [question["variable"] for question in self.surveys.get(("job_templates", template), {}).get("spec", [])]
        strange = set(fields["extra_data"]) - set(asked)
        if strange:
            raise BadRequest(f"Variables {', '.join(sorted(strange))} are not allowed on launch.")
        about = self.objects["job_templates"].get(template)
        if fields["job_type"] and not (about and about["ask_job_type_on_launch"]):
            raise BadRequest("job_type: Field is not configured to prompt on launch.")

    def remove(self, kind: str, number: int) -> None:
        if kind == "credential_types" and self.users_of(kind, number):
            raise Forbidden("Credential types that are in use cannot be deleted")
        before = self.objects[kind].pop(number)
        if before.get("unified_job_template") in self.objects["workflow_approval_templates"]:
            del self.objects["workflow_approval_templates"][before["unified_job_template"]]
        owned, link = OWNED.get(kind, ("", ""))
        for other, fields in list(self.objects.get(owned, {}).items()):
            if fields[link] == number:
                self.remove(owned, other)
        for numbers in self.related.values():
            numbers[:] = [other for other in numbers if other != number]
        for other_kind, name, fields in self.users_of(kind, number):
            fields[name] = None if name in KINDS[other_kind].links else fields[name]

    def users_of(self, kind: str, number: int) -> list[tuple[str, str, Fields]]:
        """The objects that a link leads from to this one, with their kind and the link."""
        return [
            (other_kind, name, fields)
            for other_kind, about in KINDS.items()
            for name, target in about.links.items()
            for fields in self.objects[other_kind].values()
            if fields[name] == number and kind in (target, *(UNIFIED if target == "unified_job_templates" else ()))
        ]

    def after_project_update(self, page: Fields) -> Fields:
        """AWX fetches a project that was made or changed, and clients wait for that."""
        if page["type"] == "project":
            has_access = "private" not in page["scm_url"] or page["credential"] is not None
            self.updates[page["id"]] = "successful" if has_access else "failed"
            page["summary_fields"]["current_update"] = {"id": page["id"]}
        return page

    def target(self, kind: str, name: str, number: int) -> tuple[str, int] | None:
        """The list and the id that a link leads to."""
        listed = KINDS[kind].links[name]
        kinds = UNIFIED if listed == "unified_job_templates" else (listed,)
        return next(((other, number) for other in kinds if number in self.objects[other]), None)

    def page(self, kind: str, number: int) -> Fields:
        if number not in self.objects[kind]:
            raise NotFound
        url, fields = f"/api/v2/{kind}/{number}/", self.objects[kind][number]
        links = {name: self.target(kind, name, fields[name]) for name in KINDS[kind].links if fields[name] is not None}
        related = {name: f"/api/v2/{found[0]}/{found[1]}/" for name, found in links.items() if found}
        related |= {name: f"{url}{name}/" for name in KINDS[kind].lists}
        if KINDS[kind].has_survey:
            related["survey_spec"] = f"{url}survey_spec/"
        if kind == "workflow_job_template_nodes":
            related["create_approval_template"] = f"{url}create_approval_template/"
        summary = {name: {"id": found[1]} | self.objects[found[0]][found[1]] for name, found in links.items() if found}
        extra: Fields = {"status": "successful", "scm_revision": "", "managed": False, "summary_fields": summary}
        if kind == "projects":
            extra["status"] = self.updates.get(number, "successful")
        extra |= {"related": related, "url": url}
        return fields | extra | {"type": KINDS[kind].type}

    def listed(self, kind: str, numbers: t.Iterable[int], query: dict[str, str]) -> Fields:
        pages = [self.page(kind, number) for number in numbers]
        wanted = {name: value for name, value in query.items() if name not in ("page", "page_size", "order_by")}
        found = [page for page in pages if matches(page, wanted)]
        return {"count": len(found), "next": None, "previous": None, "results": found}

    def snapshot(self) -> Snapshot:
        """All that was made, with names in place of ids: equal for two servers that hold the same."""
        return {
            kind: {self.title(kind, number): self.readable(kind, number) for number in objects}
            for kind, objects in self.objects.items()
        }

    def readable(self, kind: str, number: int) -> Fields:
        fields = {name: value for name, value in self.objects[kind][number].items() if name != "id"}
        links = {}
        for name in KINDS[kind].links:
            found = self.target(kind, name, fields[name]) if fields[name] is not None else None
            links[name] = found and self.title(*found)
        lists = {
            name: sorted(self.title(target, other) for other in self.related.get((kind, number, name), []))
            for name, target in KINDS[kind].lists.items()
        }
        return fields | links | lists | {"survey_spec": self.surveys.get((kind, number))}

    def title(self, kind: str, number: int) -> str:
        """The name; with its organization and type where other objects have it, too."""
        fields = self.objects[kind][number]
        name = str(fields.get("name") or fields["identifier"])
        if kind in ("organizations", "workflow_approval_templates"):
            return name
        same = [
            other for other in self.objects[kind].values() if (other.get("name") or other.get("identifier")) == name
        ]
        if len(same) == 1:
            return name
        owners = [
            self.title(target, fields[link]) for link, target in KINDS[kind].links.items()
            if link in KINDS[kind].unique and fields[link] is not None
        ]  # fmt: skip
        return f"{name} of {', '.join(owners)}"


def defaults(kind: str) -> Fields:
    """The fields of an object of which nothing is set."""
    return copy.deepcopy(KINDS[kind].fields) | dict.fromkeys(KINDS[kind].links)


def matches(page: Fields, query: dict[str, str]) -> bool:
    """Whether a page is among those that a client asks for: by fields, by those of linked objects, or by one of several."""
    either = {name[4:]: value for name, value in query.items() if name.startswith("or__")}
    each = {name: value for name, value in query.items() if not name.startswith("or__")}
    return all(has(page, name, value) for name, value in each.items()) and (
        not either or any(has(page, name, value) for name, value in either.items())
    )


def has(page: Fields, name: str, value: str) -> bool:
    link, _separator, inner = name.partition("__")
    found = page["summary_fields"].get(link, {}).get(inner) if inner else page.get(name)
    return str(found) == value


def build_app(awx: Awx) -> Flask:
    app = Flask(__name__)

    @app.before_request
    def authenticate() -> None:
        public = request.path in ("/api/", "/api/v2/")
        if not public and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Unauthorized

    @app.after_request
    def introduce(response: Response) -> Response:
        response.headers["X-API-Product-Name"] = "AWX"
        response.headers["X-API-Product-Version"] = "24.6.1"
        return response

    @app.errorhandler(BadRequest)
    @app.errorhandler(Forbidden)
    def refuse(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"detail": error.description}), error.code or 400

    @app.get("/api/")
    def versions() -> Fields:
        return {"current_version": "/api/v2/", "available_versions": {"v2": "/api/v2/"}, "description": "AWX REST API"}

    @app.get("/api/v2/")
    def root() -> Fields:
        names = {name: f"/api/v2/{name}/" for name in (*KINDS, *OTHERS)}
        return names | {"inventory": names.pop("inventories")}

    @app.route("/api/v2/<kind>/", methods=["OPTIONS"])
    def options(kind: str) -> Response:
        return describe(kind)

    @app.route("/api/v2/<kind>/<int:number>/<name>/", methods=["OPTIONS"])
    def related_options(kind: str, number: int, name: str) -> Response:
        return describe(KINDS[kind].lists[name])

    @app.get("/api/v2/<kind>/")
    def index(kind: str) -> Fields:
        query = request.args.to_dict()
        if kind == "unified_job_templates":
            return awx.listed("job_templates", awx.objects["job_templates"], query)
        if kind == "workflow_approval_templates":
            raise NotFound  # AWX shows each by its id, and has no list of them
        if kind not in KINDS:
            return awx.listed("organizations", [], query)
        return awx.listed(kind, awx.objects[kind], query)

    @app.post("/api/v2/<kind>/")
    def create(kind: str) -> tuple[Fields, int]:
        page = awx.make(kind, request.get_json())
        if kind == "workflow_job_template_nodes":
            awx.related.setdefault(
                ("workflow_job_templates", page["workflow_job_template"], "workflow_nodes"), []
            ).append(page["id"])
        return page, 201

    @app.get("/api/v2/<kind>/<int:number>/")
    def show(kind: str, number: int) -> Fields:
        return awx.page(kind, number)

    @app.patch("/api/v2/<kind>/<int:number>/")
    def update(kind: str, number: int) -> Fields:
        return awx.change(kind, number, request.get_json())

    @app.put("/api/v2/<kind>/<int:number>/")
    def replace(kind: str, number: int) -> Fields:
        return awx.replace(kind, number, request.get_json())

    @app.delete("/api/v2/<kind>/<int:number>/")
    def delete(kind: str, number: int) -> tuple[str, int]:
        awx.page(kind, number)
        awx.remove(kind, number)
        return "", 204

    @app.get("/api/v2/project_updates/<int:number>/")
    def show_update(number: int) -> Fields:
        return {"id": number, "status": awx.updates[number]}

    @app.route("/api/v2/workflow_job_template_nodes/<int:number>/create_approval_template/", methods=["OPTIONS"])
    def approval_options(number: int) -> Response:
        return describe("workflow_approval_templates")

    @app.post("/api/v2/workflow_job_template_nodes/<int:number>/create_approval_template/")
    def create_approval(number: int) -> tuple[Fields, int]:
        page = awx.make("workflow_approval_templates", request.get_json())
        awx.change("workflow_job_template_nodes", number, {"unified_job_template": page["id"]})
        return page, 201

    @app.get("/api/v2/<kind>/<int:number>/survey_spec/")
    def show_survey(kind: str, number: int) -> Fields:
        return awx.surveys.get((kind, number), {})

    @app.post("/api/v2/<kind>/<int:number>/survey_spec/")
    def set_survey(kind: str, number: int) -> Fields:
        errors = survey_errors(request.get_json())
        if errors:
            raise BadRequest("; ".join(errors))
        awx.surveys[kind, number] = request.get_json()
        return {}

    @app.get("/api/v2/<kind>/<int:number>/<name>/")
    def show_related(kind: str, number: int, name: str) -> Fields:
        if name not in KINDS[kind].lists:
            raise NotFound
        return awx.listed(KINDS[kind].lists[name], awx.related.get((kind, number, name), []), request.args.to_dict())

    @app.post("/api/v2/<kind>/<int:number>/<name>/")
    def relate(kind: str, number: int, name: str) -> tuple[Fields, int] | tuple[str, int]:
        wanted = request.get_json()
        if "id" not in wanted:
            return create(KINDS[kind].lists[name])
        listed, target = awx.related.setdefault((kind, number, name), []), KINDS[kind].lists[name]
        if wanted["id"] not in awx.objects[target]:
            raise BadRequest(f"{name}: there is no {wanted['id']}")
        if wanted.get("disassociate"):
            listed.remove(wanted["id"])
            return "", 204
        if target == "credentials":
            types = [awx.objects[target][other]["credential_type"] for other in listed]
            if awx.objects[target][wanted["id"]]["credential_type"] in types:
                raise BadRequest("Cannot assign multiple credentials of one type.")
        listed.append(wanted["id"])
        return "", 204

    return app


def describe(kind: str) -> Response:
    """What a client may send: it decides by this which fields of a file it takes."""
    if kind not in KINDS:
        return Response("{}", headers={"Allow": "GET, HEAD, OPTIONS"}, content_type="application/json")
    fields = {name: {"type": "field", "required": False} for name in KINDS[kind].fields}
    fields |= {name: {"type": "id", "required": False} for name in KINDS[kind].links}
    fields = {name: about for name, about in fields.items() if name not in READ_ONLY.get(kind, set())}
    response = jsonify({"name": kind, "actions": {"POST": fields}, "search_fields": ["name"]})
    response.headers["Allow"] = "GET, POST, HEAD, OPTIONS"
    return response


@contextmanager
def running(*organizations: str) -> Iterator[tuple[Awx, str]]:
    """The stand-in and its URL, until the block is left. ``organizations``: ``Default`` if none is named."""
    awx = Awx(*(organizations or ("Default",)))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, build_app(awx), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield awx, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
