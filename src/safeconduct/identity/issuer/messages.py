"""The messages of the SPIFFE Workload API (workload.proto) as Protocol Buffers write them.

Five small answers and two small requests: what there is of the encoding fits here.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_BYTES: Final = 2
"""Wire type of everything that says its length."""

_SKIPPED: Final = {1: 8, 5: 4}
"""Wire types of a fixed size, in bytes."""


class Malformed(ValueError):
    """Bytes that are no message."""


def x509_svid_response(spiffe_id: str, chain: bytes, key: bytes, bundle: bytes) -> bytes:
    """X509SVIDResponse with one SVID; chain and bundle are DER end to end, the key is PKCS #8."""
    svid = _text(1, spiffe_id) + _field(2, chain) + _field(3, key) + _field(4, bundle)
    return _field(1, svid)


def x509_bundles_response(bundles: Mapping[str, bytes]) -> bytes:
    """X509BundlesResponse: DER end to end by SPIFFE ID of the trust domain."""
    return _map(2, bundles)


def jwt_svid_response(spiffe_id: str, svid: str) -> bytes:
    """JWTSVIDResponse with one SVID."""
    return _field(1, _text(1, spiffe_id) + _text(2, svid))


def jwt_bundles_response(bundles: Mapping[str, bytes]) -> bytes:
    """JWTBundlesResponse: JWK Sets by SPIFFE ID of the trust domain."""
    return _map(1, bundles)


def validate_jwt_svid_response(spiffe_id: str, claims: Mapping[str, Any]) -> bytes:
    """ValidateJWTSVIDResponse."""
    return _text(1, spiffe_id) + _field(2, _struct(claims))


def jwt_svid_request(data: bytes) -> tuple[tuple[str, ...], str]:
    """Audiences and SPIFFE ID of a JWTSVIDRequest; no ID is the empty one. Raises Malformed."""
    fields = _read(data)
    return tuple(_decoded(one) for one in fields.get(1, ())), _last(fields, 2)


def validate_jwt_svid_request(data: bytes) -> tuple[str, str]:
    """Audience and SVID of a ValidateJWTSVIDRequest. Raises Malformed."""
    fields = _read(data)
    return _last(fields, 1), _last(fields, 2)


def bundles(data: bytes, number: int) -> dict[str, bytes]:
    """The bundles by SPIFFE ID of the trust domain in a JWTBundlesResponse, where they stand under
    the number 1, or an X509BundlesResponse, 2. Raises Malformed.
    """
    entries = (_read(entry) for entry in _read(data).get(number, ()))
    return {_last(entry, 1): entry[2][-1] if 2 in entry else b"" for entry in entries}


def _read(data: bytes) -> dict[int, list[bytes]]:
    """The fields that say their length, by number; others are passed over, as readers must."""
    fields: dict[int, list[bytes]] = {}
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        number, wire = key >> 3, key & 7
        if wire == _BYTES:
            length, at = _number(data, at)
            fields.setdefault(number, []).append(data[at : at + length])
            at += length
        elif wire == 0:
            _, at = _number(data, at)
        elif wire in _SKIPPED:
            at += _SKIPPED[wire]
        else:
            raise Malformed("a wire type that is not in use")
        if number == 0 or at > len(data):
            raise Malformed("a field that does not end")
    return fields


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = 0
    for place, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise Malformed("a number that does not end")


def _last(fields: Mapping[int, Sequence[bytes]], number: int) -> str:
    return _decoded(fields[number][-1]) if number in fields else ""


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("text that is not UTF-8") from None


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _map(number: int, values: Mapping[str, bytes]) -> bytes:
    entries = (_text(1, key) + _field(2, value) for key, value in values.items())
    return b"".join(_field(number, entry) for entry in entries)


def _struct(members: Mapping[str, Any]) -> bytes:
    """google.protobuf.Struct: a JSON object."""
    return _map(1, {name: _value(value) for name, value in members.items()})


def _value(value: object) -> bytes:
    """google.protobuf.Value: any JSON value; numbers are doubles there."""
    match value:
        case None:
            return _varint(1 << 3) + _varint(0)
        case bool():
            return _varint(4 << 3) + _varint(value)
        case int() | float():
            return _varint(2 << 3 | 1) + struct.pack("<d", value)
        case str():
            return _text(3, value)
        case dict():
            return _field(5, _struct(cast("dict[str, Any]", value)))
        case list():
            items = cast("list[object]", value)
            return _field(6, b"".join(_field(1, _value(item)) for item in items))
        case _:
            raise TypeError("not a JSON value")
