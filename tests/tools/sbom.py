# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The software bill of materials of a built collection, in the format CycloneDX."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.contact import OrganizationalContact
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement

# What most readers of CycloneDX know by now.
VERSION = SchemaVersion.V1_6
REFERENCES = {
    "repository": ExternalReferenceType.VCS,
    "documentation": ExternalReferenceType.DOCUMENTATION,
    "homepage": ExternalReferenceType.WEBSITE,
    "issues": ExternalReferenceType.ISSUE_TRACKER,
}


class Artifact:
    """A built collection, of which only the archive is read."""

    def __init__(self, archive: Path) -> None:
        self.path = archive
        with tarfile.open(archive) as packed:
            self.content = {
                member.name: file.read() for member in packed if member.isreg() and (file := packed.extractfile(member))
            }

    def collection(self) -> dict[str, Any]:
        """Namespace, name, version, licence and addresses, as galaxy.yml has them."""
        information = json.loads(self.content["MANIFEST.json"])["collection_info"]
        assert isinstance(information, dict)
        return information

    def requirements(self) -> list[Requirement]:
        """ansible-core and the Python packages that the modules import, with the versions that will do."""
        runtime = yaml.safe_load(self.content["meta/runtime.yml"])
        lines = [
            line.partition("#")[0].strip() for line in self.content["meta/ee-requirements.txt"].decode().split("\n")
        ]
        return [Requirement(line) for line in (f"ansible-core{runtime['requires_ansible']}", *lines) if line]


def sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())


def file_component(name: str, content: bytes) -> Component:
    return Component(type=ComponentType.FILE, name=name, bom_ref=f"file:{name}", hashes=[sha256(content)])


def collection_component(artifact: Artifact) -> Component:
    """The collection with all of its files."""
    information = artifact.collection()
    group, name, version = (information[key] for key in ("namespace", "name", "version"))
    purl = PackageURL("generic", group, name, version)
    return Component(
        type=ComponentType.LIBRARY,
        group=group,
        name=name,
        version=version,
        bom_ref=str(purl),
        purl=purl,
        description=information["description"],
        authors=[OrganizationalContact(name=author) for author in information["authors"]],
        licenses=[DisjunctiveLicense(id=licence) for licence in information["license"]],
        hashes=[sha256(artifact.path.read_bytes())],
        external_references=[
            ExternalReference(type=kind, url=XsUri(information[key])) for key, kind in REFERENCES.items()
        ],
        components=[file_component(name, content) for name, content in artifact.content.items()],
    )


def requirement_component(requirement: Requirement, collection: str) -> Component:
    """A package that the user installs beside the collection: a range of versions, as none comes with it."""
    purl = PackageURL("pypi", None, requirement.name)
    return Component(
        type=ComponentType.LIBRARY,
        name=requirement.name,
        bom_ref=str(purl),
        purl=purl,
        scope=ComponentScope.REQUIRED,
        properties=[Property(name=f"{collection}:required-versions", value=str(requirement.specifier))],
    )


def describe(archive: Path) -> str:
    """The bill of materials of the archive, as JSON."""
    artifact = Artifact(archive)
    collection = collection_component(artifact)
    required = [
        requirement_component(requirement, f"{collection.group}.{collection.name}")
        for requirement in artifact.requirements()
    ]
    bom = Bom(components=required)
    bom.metadata.component = collection
    bom.register_dependency(collection, required)
    return make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=2) + "\n"
