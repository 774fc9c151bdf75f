# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same artifact from the same files, whenever and wherever it is built.

``ansible-galaxy collection build`` stamps the time of the build and of each file,
and lists the files in the order in which the file system has them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST, FILES = "MANIFEST.json", "FILES.json"
# 1 January 1980, the earliest time that every kind of archive can hold.
MTIME = 315532800


@dataclass(frozen=True)
class Entry:
    """A member of an archive; ``content`` is empty for folders and links."""

    header: tarfile.TarInfo
    content: bytes

    @property
    def name(self) -> str:
        return self.header.name


def read_entries(archive: Path) -> dict[str, Entry]:
    entries = {}
    with tarfile.open(archive) as packed:
        for header in packed:
            file = packed.extractfile(header) if header.isreg() else None
            entries[header.name] = Entry(header, file.read() if file else b"")
    return entries


def encode(document: Any) -> bytes:
    """JSON as ansible-galaxy writes it."""
    return json.dumps(document, indent=True).encode()


def sort_file_list(entries: dict[str, Entry]) -> None:
    """Sort the list of files by name, and put its new checksum into the manifest."""
    files = json.loads(entries[FILES].content)
    files["files"].sort(key=lambda file: file["name"])
    listed = encode(files)
    manifest = json.loads(entries[MANIFEST].content)
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listed).hexdigest()
    entries[FILES] = Entry(entries[FILES].header, listed)
    entries[MANIFEST] = Entry(entries[MANIFEST].header, encode(manifest))


def plain_header(entry: Entry) -> tarfile.TarInfo:
    """A header without times, owners and extensions."""
    header = tarfile.TarInfo(entry.name)
    header.type, header.mode, header.linkname = entry.header.type, entry.header.mode, entry.header.linkname
    header.size = len(entry.content)
    header.mtime = MTIME
    return header


def rewrite(archive: Path) -> None:
    """Replace a built collection by one that depends on nothing but the names, modes and content of its files.

    Another zlib may compress the same tar archive to other bytes.
    """
    entries = read_entries(archive)
    sort_file_list(entries)
    # Readers expect these two at the beginning.
    first = [entries.pop(MANIFEST), entries.pop(FILES)]
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=MTIME) as packed,
        tarfile.open(fileobj=packed, mode="w") as target,
    ):
        for entry in [*first, *sorted(entries.values(), key=lambda entry: entry.name)]:
            target.addfile(plain_header(entry), io.BytesIO(entry.content))
