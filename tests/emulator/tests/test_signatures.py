# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures against published and recorded values, without a server."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from slb_emulator.api.signatures import parse_acs3_authorization, rpc_signature, rpc_string_to_sign

VENDOR_TEXT = (
    "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1"
    "%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0"
    "%26TimeStamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
)
VENDOR_PARAMETERS = {
    "AccessKeyId": "testid",
    "Action": "DescribeRegions",
    "Format": "XML",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
    "SignatureVersion": "1.0",
    "Version": "2014-05-26",
}
SDK_QUERY = (
    "LoadBalancerId=lb-bp1example&BackendServers=%5B%7B%22ServerId%22%3A%22i-1%22%2C%22Weight%22%3A%220%22%2C"
    "%22Description%22%3A%22a%20b%2Bc%2A~%2F%E4%B8%AD%22%7D%5D&Version=2014-05-15&Action=SetBackendServers"
    "&Format=JSON&RegionId=cn-hangzhou&Timestamp=2026-01-02T03%3A04%3A05Z&SignatureMethod=HMAC-SHA1"
    "&SignatureType=&SignatureVersion=1.0&SignatureNonce=0123456789abcdef0123456789abcdef&AccessKeyId=testid"
)


@pytest.mark.parametrize(
    ("name", "signature"),
    [("TimeStamp", "CT9X0VtwR86fNWSnsc6v8YGOjuE="), ("Timestamp", "OLeaidS1JvxuMvnyHOwuJ+uX5qY=")],
)
def test_vendor_example(name: str, signature: str) -> None:
    parameters = {**VENDOR_PARAMETERS, name: "2016-02-23T12:46:24Z"}
    assert rpc_signature("testsecret", rpc_string_to_sign("GET", parameters)) == signature


def test_vendor_string_to_sign() -> None:
    parameters = {**VENDOR_PARAMETERS, "TimeStamp": "2016-02-23T12:46:24Z", "Signature": "is not signed"}
    assert rpc_string_to_sign("GET", parameters) == VENDOR_TEXT


def test_recorded_sdk_request() -> None:
    parameters = dict(parse_qsl(SDK_QUERY, keep_blank_values=True))
    assert rpc_signature("testsecret", rpc_string_to_sign("POST", parameters)) == "ALX26g7khZrd5F9252GsgW9Ia24="


def test_empty_values_are_signed() -> None:
    parameters = dict(parse_qsl(SDK_QUERY, keep_blank_values=False))
    assert rpc_signature("testsecret", rpc_string_to_sign("POST", parameters)) != "ALX26g7khZrd5F9252GsgW9Ia24="


@pytest.mark.parametrize("header", ["ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=a,Signature=b"])
def test_incomplete_acs3_header(header: str) -> None:
    assert parse_acs3_authorization(header) is None
