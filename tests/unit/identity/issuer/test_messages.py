"""Our messages against those that Protocol Buffers generate."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.identity.issuer import messages
from safeconduct.identity.issuer.messages import Malformed

OFFICIAL: Any = import_module("spiffe._proto.workload_pb2")
JSON_FORMAT: Any = import_module("google.protobuf.json_format")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_an_x509_svid_reads_as_written() -> None:
    read = OFFICIAL.X509SVIDResponse.FromString(
        messages.x509_svid_response("spiffe://a/b", b"chain", b"key" * 100, b"bundle")
    )
    (svid,) = read.svids
    assert (svid.spiffe_id, svid.x509_svid, svid.bundle) == ("spiffe://a/b", b"chain", b"bundle")
    assert svid.x509_svid_key == b"key" * 100
    assert (svid.hint, list(read.crl), dict(read.federated_bundles)) == ("", [], {})


def test_bundles_read_as_written() -> None:
    bundles = {"spiffe://a": b"one", "spiffe://b": b"two"}
    written = messages.x509_bundles_response(bundles)
    assert dict(OFFICIAL.X509BundlesResponse.FromString(written).bundles) == bundles
    written = messages.jwt_bundles_response(bundles)
    assert dict(OFFICIAL.JWTBundlesResponse.FromString(written).bundles) == bundles


def test_a_jwt_svid_reads_as_written() -> None:
    (svid,) = OFFICIAL.JWTSVIDResponse.FromString(
        messages.jwt_svid_response("spiffe://a/b", "e.y.J")
    ).svids
    assert (svid.spiffe_id, svid.svid) == ("spiffe://a/b", "e.y.J")


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_claims_read_as_the_json_they_are(claims: dict[str, Any]) -> None:
    read = OFFICIAL.ValidateJWTSVIDResponse.FromString(
        messages.validate_jwt_svid_response("spiffe://a/b", claims)
    )
    assert read.spiffe_id == "spiffe://a/b"
    assert JSON_FORMAT.MessageToDict(read.claims) == claims


def test_a_claim_that_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        messages.validate_jwt_svid_response("spiffe://a/b", {"x": object()})


@given(st.lists(st.text(max_size=200), max_size=4), st.text(max_size=200))
def test_requests_of_others_are_understood(audiences: list[str], wanted: str) -> None:
    request = OFFICIAL.JWTSVIDRequest(audience=audiences, spiffe_id=wanted)
    assert messages.jwt_svid_request(request.SerializeToString()) == (tuple(audiences), wanted)
    asked = OFFICIAL.ValidateJWTSVIDRequest(audience=wanted, svid="e.y.J")
    assert messages.validate_jwt_svid_request(asked.SerializeToString()) == (wanted, "e.y.J")


def test_what_later_versions_add_is_passed_over() -> None:
    known = OFFICIAL.JWTSVIDRequest(audience=["a"]).SerializeToString()
    number, eight, four = b"\x50\x96\x01", b"\x59" + bytes(8), b"\x65" + bytes(4)
    assert messages.jwt_svid_request(number + eight + known + four) == (("a",), "")


def test_of_a_field_that_stands_twice_the_last_counts() -> None:
    twice = b"".join(
        OFFICIAL.ValidateJWTSVIDRequest(audience=name).SerializeToString() for name in "ab"
    )
    assert messages.validate_jwt_svid_request(twice) == ("b", "")


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",  # no length
        b"\x0a\x05abc",  # shorter than it says
        b"\x0a" + b"\xff" * 11,  # a length that does not end
        b"\x02\x00",  # field 0
        b"\x0b",  # a group
        b"\x59\x00",  # eight bytes that are one
        b"\x0a\x01\xff",  # text that is not UTF-8
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        messages.jwt_svid_request(data)


@given(st.binary(max_size=64))
def test_bytes_are_read_as_others_read_them_or_refused(data: bytes) -> None:
    try:
        ours = messages.jwt_svid_request(data)
    except Malformed:
        return
    try:
        theirs = OFFICIAL.JWTSVIDRequest.FromString(data)
    except Exception:  # noqa: BLE001  stricter about fields that are not ours: not our business
        return
    assert ours == (tuple(theirs.audience), theirs.spiffe_id)
