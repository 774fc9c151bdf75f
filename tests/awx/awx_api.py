# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the API of AWX on loopback: it keeps the objects that clients make, and runs nothing.

Strict where AWX is lenient (a field that AWX does not have is refused, so a misspelt one shows), and as strict as AWX about
credential types, surveys and the playbooks of a project.
"""

from __future__ import annotations

import logging
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from awx_rules import credential_type_errors, survey_errors
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import BadRequest, NotFound, Unauthorized
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

    ``links`` are fields that hold the id of another object, with the list that this one is in.
    """

    type: str
    fields: Fields
    links: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    has_survey: bool = False


ORGANIZATION = {"organization": "organizations"}
KINDS = {
    "organizations": Kind("organization", NAMED),
    "credential_types": Kind("credential_type", NAMED | {"kind": "", "inputs": {}, "injectors": {}}),
    "credentials": Kind("credential", NAMED | {"inputs": {}}, ORGANIZATION | {"credential_type": "credential_types"}),
    "execution_environments": Kind("execution_environment", NAMED | {"image": "", "pull": ""}, ORGANIZATION),
    "projects": Kind(
        "project", NAMED | {"scm_type": "", "scm_url": "", "scm_branch": "", "allow_override": False}, ORGANIZATION
    ),
    "inventories": Kind("inventory", NAMED | {"kind": "", "host_filter": None}, ORGANIZATION),
    "job_templates": Kind(
        "job_template",
        NAMED
        | {"job_type": "run", "playbook": "", "survey_enabled": False}
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
        NAMED | {"survey_enabled": False, "ask_limit_on_launch": False},
        ORGANIZATION | {"inventory": "inventories"},
        {"workflow_nodes": "workflow_job_template_nodes"},
        has_survey=True,
    ),
    "workflow_job_template_nodes": Kind(
        "workflow_job_template_node",
        {"identifier": "", "job_type": None},
        {"workflow_job_template": "workflow_job_templates", "unified_job_template": "job_templates"},
        dict.fromkeys(WAYS, "workflow_job_template_nodes"),
    ),
}
# What clients send although AWX decides it: the organization of a job template is that of its project.
READ_ONLY: dict[str, set[str]] = {"credential_types": {"managed"}, "job_templates": {"organization"}}
# What clients ask the root for, and never make here.
OTHERS = (
    "users", "teams", "notification_templates", "inventory_sources", "applications", "schedules", "hosts", "groups",
    "labels", "instance_groups", "roles", "unified_job_templates", "credential_input_sources", "system_job_templates",
    "inventory_scripts", "jobs", "workflow_jobs",
)  # fmt: skip


class Awx:
    """The objects, by list and id."""

    def __init__(self, organization: str) -> None:
        self.objects: dict[str, dict[int, Fields]] = {name: {} for name in KINDS}
        self.surveys: dict[tuple[str, int], Fields] = {}
        self.related: dict[tuple[str, int, str], list[int]] = {}
        self.make("organizations", {"name": organization})

    def make(self, kind: str, fields: Fields) -> Fields:
        number = 1 + sum(len(objects) for objects in self.objects.values())
        return self.store(kind, {"id": number} | KINDS[kind].fields | dict.fromkeys(KINDS[kind].links), fields)

    def change(self, kind: str, number: int, fields: Fields) -> Fields:
        return self.store(kind, self.objects[kind][number], fields)

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
        for name, target in KINDS[kind].links.items():
            if fields[name] is not None and fields[name] not in self.objects[target]:
                raise BadRequest(f"{name}: there is no {fields[name]}")
        if kind == "credential_types":
            errors = credential_type_errors(fields["inputs"], fields["injectors"])
            if errors:
                raise BadRequest("; ".join(errors))
        if kind == "job_templates":
            project = self.objects["projects"].get(fields["project"])
            # This project holds no playbook of its own.
            if not project or not fields["playbook"] or not project["allow_override"]:
                raise BadRequest("Playbook not found for project.")
            fields["organization"] = project["organization"]

    def page(self, kind: str, number: int) -> Fields:
        if number not in self.objects[kind]:
            raise NotFound
        url, fields = f"/api/v2/{kind}/{number}/", self.objects[kind][number]
        related = {
            name: f"/api/v2/{target}/{fields[name]}/"
            for name, target in KINDS[kind].links.items()
            if fields[name] is not None
        }
        related |= {name: f"{url}{name}/" for name in KINDS[kind].lists}
        if KINDS[kind].has_survey:
            related["survey_spec"] = f"{url}survey_spec/"
        extra: Fields = {"status": "successful", "scm_revision": "", "managed": False, "summary_fields": {}}
        extra |= {"related": related, "url": url}
        return fields | extra | {"type": KINDS[kind].type}

    def listed(self, kind: str, numbers: t.Iterable[int], query: dict[str, str]) -> Fields:
        pages = [self.page(kind, number) for number in numbers]
        wanted = {name: value for name, value in query.items() if name not in ("page", "page_size", "order_by")}
        found = [page for page in pages if all(str(page.get(name)) == value for name, value in wanted.items())]
        return {"count": len(found), "next": None, "previous": None, "results": found}

    def snapshot(self) -> Snapshot:
        """All that was made, with names in place of ids: equal for two servers that hold the same."""
        return {
            kind: {self.title(kind, number): self.readable(kind, number) for number in objects}
            for kind, objects in self.objects.items()
        }

    def readable(self, kind: str, number: int) -> Fields:
        fields = {name: value for name, value in self.objects[kind][number].items() if name != "id"}
        links = {name: fields[name] and self.title(target, fields[name]) for name, target in KINDS[kind].links.items()}
        lists = {
            name: sorted(self.title(target, other) for other in self.related.get((kind, number, name), []))
            for name, target in KINDS[kind].lists.items()
        }
        return fields | links | lists | {"survey_spec": self.surveys.get((kind, number))}

    def title(self, kind: str, number: int) -> str:
        fields = self.objects[kind][number]
        return str(fields.get("name") or fields["identifier"])


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
    def refuse(error: BadRequest) -> tuple[Response, int]:
        return jsonify({"detail": error.description}), 400

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

    @app.route("/api/v2/<kind>/<int:number>/", methods=["PATCH", "PUT"])
    def update(kind: str, number: int) -> Fields:
        return awx.change(kind, number, request.get_json())

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
        return awx.listed(KINDS[kind].lists[name], awx.related.get((kind, number, name), []), request.args.to_dict())

    @app.post("/api/v2/<kind>/<int:number>/<name>/")
    def relate(kind: str, number: int, name: str) -> tuple[Fields, int] | tuple[str, int]:
        wanted = request.get_json()
        if "id" not in wanted:
            return create(KINDS[kind].lists[name])
        if wanted["id"] not in awx.objects[KINDS[kind].lists[name]]:
            raise BadRequest(f"{name}: there is no {wanted['id']}")
        awx.related.setdefault((kind, number, name), []).append(wanted["id"])
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
def running(organization: str = "Default") -> Iterator[tuple[Awx, str]]:
    """The stand-in, with one organization, and its URL, until the block is left."""
    awx = Awx(organization)
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
