# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for tests that speak TLS on loopback: good ones, and one for each way to be refused."""

from __future__ import annotations

import datetime
import typing as t
from pathlib import Path

import trustme

Pair = tuple[str, str]


class Certificates(t.NamedTuple):
    """Paths of PEM files: a CA, and pairs of a certificate that it signed (but the last) and its key."""

    ca: str
    localhost: Pair
    vendor: Pair
    other_name: Pair
    expired: Pair
    self_signed: Pair
    not_yet_valid: Pair
    other_address: Pair
    other_common_name: Pair  # and no subject alternative name
    by_intermediate: Pair
    without_intermediate: Pair


def make_certificates(folder: Path) -> Certificates:
    """Write new certificates to a folder."""
    authority, stranger = trustme.CA(), trustme.CA()
    between = authority.create_child_ca()
    now = datetime.datetime.now(datetime.timezone.utc)
    yesterday, tomorrow = now - datetime.timedelta(days=1), now + datetime.timedelta(days=1)

    def write(name: str, *pems: trustme.Blob) -> str:
        path = folder / name
        path.write_bytes(b"".join(pem.bytes() for pem in pems))
        return str(path)

    def keep(name: str, leaf: trustme.LeafCert, chain: slice = slice(None)) -> Pair:
        return write(f"{name}.pem", *leaf.cert_chain_pems[chain]), write(f"{name}.key", leaf.private_key_pem)

    def issue(name: str, *identities: str, **options: t.Any) -> Pair:
        return keep(name, authority.issue_cert(*identities, **options))

    chained = between.issue_cert("localhost", "127.0.0.1")

    return Certificates(
        ca=write("ca.pem", authority.cert_pem),
        localhost=issue("localhost", "localhost", "127.0.0.1"),
        vendor=issue("vendor", "*.aliyuncs.com", "*.cn-beijing.aliyuncs.com", "*.aliyun.com", "*.alibabacloud.com"),
        other_name=issue("other_name", "slb.example.invalid"),
        expired=issue("expired", "localhost", "127.0.0.1", not_after=yesterday),
        self_signed=(write("stranger.pem", stranger.cert_pem), write("stranger.key", stranger.private_key_pem)),
        not_yet_valid=issue("not_yet_valid", "localhost", "127.0.0.1", not_before=tomorrow),
        other_address=issue("other_address", "127.0.0.2"),
        other_common_name=issue("other_common_name", common_name="slb.example.invalid"),
        by_intermediate=keep("by_intermediate", chained),
        without_intermediate=keep("without_intermediate", chained, slice(1)),
    )
