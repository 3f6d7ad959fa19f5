"""Signatures, held against what the vendors' own libraries make of the same request and keys.

volcengine 1.0.229 (SignerV4.sign_only) and alibabacloud-openapi-util 0.2.4 (Client.get_authorization) gave the strings.
"""

from __future__ import annotations

from datetime import UTC, datetime

from isthmus.policy import signing

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def request(host, query, content_type, body, options):
    return signing.Request("POST", host, "/", query, content_type, body, ("AK", "SK"), NOW, "n1", options)


def test_volcengine_signs_as_its_own_library():
    made = signing.volcengine(
        request(
            "open.volcengineapi.com", {"Version": "2022-11-07", "Action": "TextSliceRisk"}, "application/json",
            b'{"AppId":7,"Service":"text_risk"}', {"region": "cn-north-1", "service": "BusinessSecurity"},
        )
    )  # fmt: skip
    assert made["authorization"] == (
        "HMAC-SHA256 Credential=AK/20261122/cn-north-1/BusinessSecurity/request, "
        "SignedHeaders=content-type;host;x-content-sha256;x-date, "
        "Signature=b16ce86163f3ee11a29f4aa305374cb927c110864c5078c235810320cdfd5ca9"
    )


def test_alibaba_cloud_version_3_signs_as_its_own_library():
    body = b"Service=llm_query_moderation&ServiceParameters=%7B%22content%22%3A%22x%22%7D"
    made = signing.acs3(
        request(
            "green-cip.cn-shanghai.aliyuncs.com", {}, "application/x-www-form-urlencoded", body,
            {"action": "TextModerationPlus", "version": "2022-03-02"},
        )
    )  # fmt: skip
    assert made["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=90bafcd7bb8d88d58662c628c0172355f5ce9343feb241e0483b1b1d0f0d3e66"
    )


def test_a_bearer_key_is_shown_as_it_is():
    assert signing.bearer(request("h", {}, "application/json", b"", {})) == {"authorization": "Bearer AK"}


def test_parameters_stand_in_order_and_encoded():
    assert signing.query_line({"b": "a b/é", "a": "~"}) == "a=~&b=a%20b%2F%C3%A9"
