# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Request signatures, computed from what arrived. Pure functions.

RPC version 1 (HMAC-SHA1) after the vendor's "Request signatures" page; ACS3-HMAC-SHA256 after what the package
alibabacloud-tea-openapi sends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

ACS3_ALGORITHM = "ACS3-HMAC-SHA256"


def percent_encode(text: str) -> str:
    """RFC 3986: everything but letters, digits and -_.~ is encoded."""
    return quote(text, safe="-_.~")


def rpc_string_to_sign(method: str, parameters: Mapping[str, str]) -> str:
    """The text an RPC request signs: decoded parameters (empty ones too) without Signature, sorted by name."""
    joined = "&".join(
        f"{percent_encode(name)}={percent_encode(value)}"
        for name, value in sorted(parameters.items())
        if name != "Signature"
    )
    return f"{method}&%2F&{percent_encode(joined)}"


def rpc_signature(secret: str, string_to_sign: str) -> str:
    """Base64 of HMAC-SHA1 with the secret and a trailing ampersand as key."""
    digest = hmac.new(f"{secret}&".encode(), string_to_sign.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


def same_signature(left: str, right: str) -> bool:
    """Compare in constant time; either may hold any text."""
    return hmac.compare_digest(left.encode(), right.encode())


class Acs3Authorization(NamedTuple):
    """The parts of an Authorization header of the ACS3 scheme."""

    credential: str
    signed_headers: Sequence[str]
    signature: str


def parse_acs3_authorization(header: str) -> Acs3Authorization | None:
    """Take the header apart, or None when it is not of the form Credential=..,SignedHeaders=..,Signature=..."""
    scheme, _space, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme != ACS3_ALGORITHM or set(parts) != {"Credential", "SignedHeaders", "Signature"}:
        return None
    return Acs3Authorization(parts["Credential"], parts["SignedHeaders"].split(";"), parts["Signature"])


def acs3_string_to_sign(
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    signed_headers: Sequence[str],
    content_sha256: str,
) -> str:
    """The text an ACS3 request signs. Header names are lower case; content_sha256 is the hash of the body as hex."""
    canonical_query = "&".join(
        f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(query.items())
    )
    canonical_headers = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed_headers)
    canonical_request = "\n".join(
        (method, path, canonical_query, canonical_headers, ";".join(signed_headers), content_sha256)
    )
    return f"{ACS3_ALGORITHM}\n{hashlib.sha256(canonical_request.encode()).hexdigest()}"


def acs3_signature(secret: str, string_to_sign: str) -> str:
    """Hex of HMAC-SHA256 with the secret as key."""
    return hmac.new(secret.encode(), string_to_sign.encode(), hashlib.sha256).hexdigest()
