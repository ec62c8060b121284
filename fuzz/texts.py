"""Targets that read single texts: origins, sealed states, tokens; and headers against a body."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import jwt
import msgspec
import orjson

from fuzz import judges
from safeconduct.audit import notes, proving
from safeconduct.core.elicitation import origin_of
from safeconduct.core.trace import claimed
from safeconduct.entrypoints import envelope, wire
from safeconduct.entrypoints.http import Fields, Peer, Request
from safeconduct.kit import jose, jwk, strictjson
from safeconduct.kit.seal import Seal, Unsealed

JSON = dict[str, Any]


def origin(data: bytes) -> None:
    """An origin that is found is the one that other readers of URLs find."""
    url = data.decode("utf-8", "replace")
    found = origin_of(url)
    if found is None:
        return
    try:
        (where,) = judges.origins(url)
    except judges.Unfit:
        assert "xn--" in url.lower()  # letters that no browser would show lead nowhere
        return
    host = f"[{where.host}]" if ":" in where.host else where.host
    default = {"https": 443, "http": 80}[where.scheme]
    port = "" if where.port == default else f":{where.port}"
    assert found == f"{where.scheme}://{host}{port}"
    assert origin_of(found) == found
    assert where.scheme == "https" or host in {"localhost", "127.0.0.1", "[::1]"}


# --- sealed states --------------------------------------------------------------------------------

_SEAL: Final = Seal(JSON, lambda: 1)
_SEALED: Final = _SEAL.seal({"who": "me"}, b"here")


def sealed(data: bytes) -> None:
    """A state opens only as it was sealed. The bytes are a text, or where they begin with an `=`
    changes to one that was sealed: pairs of a place and a new character.
    """
    text, binding = data.decode("latin-1"), b"here"
    if data.startswith(b"="):
        letters = [*_SEALED]
        for at, new in zip(data[1::2], data[2::2], strict=False):
            letters[at % len(letters)] = chr(new)
        text = "".join(letters)
    try:
        opened = _SEAL.open(text, binding)
    except Unsealed:
        return
    assert text == _SEALED
    assert opened == {"who": "me"}


# --- tokens ---------------------------------------------------------------------------------------

_KEY: Final = jwk.PrivateKey.generate()
_KEYS: Final = jwk.KeySet({_KEY.public.kid: _KEY.public})
_TYP: Final = "at+jwt"
_NAMES: Final = frozenset({"crit", "b64", "jku", "x5u", "x5c", "jwk"})


class _Shape(msgspec.Struct, frozen=True):
    sub: str


def tokens(data: bytes) -> None:
    """A token that is verified is one to PyJWT too. The bytes are a token, or a header and claims
    on two lines that are signed here; an empty header is one that fits.
    """
    header, line_feed, claims = data.partition(b"\n")
    if line_feed:
        fits = {"typ": _TYP, "alg": "ES256", "kid": _KEY.public.kid}
        message = f"{jwk.encode(header or orjson.dumps(fits))}.{jwk.encode(claims)}"
        token = f"{message}.{jwk.encode(_KEY.sign(message.encode()))}"
    else:
        token = data.decode("latin-1")
    try:
        signed = jose.verify(token, lambda _: _KEYS, types=frozenset({_TYP}), shape=_Shape)
    except jwk.JoseError:
        pass
    else:
        assert line_feed, "a token that nobody signed"
        said = jwt.get_unverified_header(token)
        assert said["typ"] == _TYP
        assert _NAMES.isdisjoint(said)
        assert said.get("kid") in {None, _KEY.public.kid}
        other = jwt.PyJWK(_KEY.public.jwk()).key
        options: Any = {"verify_sub": True, "verify_exp": False, "verify_nbf": False}
        options |= {"verify_iat": False, "verify_aud": False, "verify_jti": False}
        told = jwt.decode(token, other, algorithms=["ES256"], options=options)
        assert told["sub"] == signed.claims.sub
    try:
        jose.verify_embedded(token, typ=_TYP, shape=_Shape)
    except jwk.JoseError:
        return
    assert "jwk" in jwt.get_unverified_header(token)


def spellings(data: bytes) -> None:
    """Base64url and keys: what is read is read in its one spelling, and agrees with the standard
    library.
    """
    text = data.decode("latin-1")
    try:
        read = jwk.decode(text)
    except jwk.JoseError:
        assert base64.urlsafe_b64encode(_loosely(text)).rstrip(b"=").decode() != text
    else:
        assert base64.urlsafe_b64encode(read).rstrip(b"=").decode() == text
    try:
        key = jwk.PublicKey.parse(strictjson.loads(data))
    except (jwk.JoseError, strictjson.StrictJSONError):
        return
    assert jwk.PublicKey.parse(key.jwk()).thumbprint == key.thumbprint
    assert not key.members.keys() & {"d", "k"}


def _loosely(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b"\xff"


# --- headers and body -----------------------------------------------------------------------------

_ONCE: Final = (b"mcp-protocol-version", b"mcp-method", b"mcp-name")
_NAMED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class _NoWire:
    peer = Peer()

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> None:
        raise AssertionError

    async def send(self, request: Request, data: bytes) -> None:
        raise AssertionError

    def finish(self, request: Request, *, close: bool) -> None:
        raise AssertionError

    def when_gone(self, request: Request, call: object) -> None:
        raise AssertionError


def traces(data: bytes) -> None:
    """A trace context that is taken is the one that OpenTelemetry finds. The bytes are the two
    fields, on a line each.
    """
    parent, _, state = data.decode("latin-1").partition("\n")
    found = claimed(parent, state)
    if found is None:
        return
    trace, span, sampled, members = judges.trace_context(parent, found.state)
    assert (found.id, found.parent, found.sampled) == (trace, span, sampled)
    assert found.state == ",".join(f"{name}={value}" for name, value in members)
    assert len(found.state) <= len(state)


def mirrored(data: bytes) -> None:
    """No header says another thing than the body. The bytes are fields on lines, an empty line, and
    a body.
    """
    head, _, body = data.partition(b"\n\n")
    fields: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        name, _, value = line.partition(b":")
        fields.append((name.strip().lower(), value.strip()))
    try:
        message = wire.parse(body, 65_536)
        if isinstance(message, wire.Reply):
            return  # the reply to a question is of the revision that the question was of
        request = Request("POST", "/mcp", fields, _NoWire())
        revision = envelope.revision(request, message)
    except wire.Rejected:
        return
    said = orjson.loads(body)
    for name in _ONCE:
        values = [value.decode("latin-1") for field, value in fields if field == name]
        assert len(values) < 2, "two of a kind"
        if values or (revision == "2026-07-28" and "id" in said and name != b"mcp-name"):
            _agrees(name, values[0], said)
    assert (revision == "2026-07-28") == ((b"mcp-protocol-version", b"2026-07-28") in fields)
    for field, value in fields:
        if field.startswith(b"mcp-param-"):
            text = _plain(value.decode("latin-1"))
            assert text in _scalars(said["params"]["arguments"]), "it mirrors no argument"


def _agrees(name: bytes, told: str, said: JSON) -> None:
    """Raises unless a header tells what the body says."""
    params = said.get("params", {})
    meta = params.get("_meta", {})
    match name:
        case b"mcp-protocol-version":
            assert meta.get("io.modelcontextprotocol/protocolVersion") in {None, told}
            if told == "2026-07-28" and "id" in said:
                assert isinstance(meta["io.modelcontextprotocol/clientCapabilities"], dict)
        case b"mcp-method":
            assert told == said["method"]
        case _:
            assert _plain(told) == params[_NAMED.get(said["method"], "name")]


def _plain(value: str) -> str:
    if value.startswith("=?base64?") and value.endswith("?="):
        return base64.b64decode(value[9:-2]).decode()
    return value


def _scalars(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _scalars(item)]
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(value)] if isinstance(value, str | int | float) else []


# --- signed notes ---------------------------------------------------------------------------------

_NOTE_KEY: Final = notes.parse_key(
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
)
_NOTE_TEXT: Final = "This is an example message.\n"


def signed_notes(data: bytes) -> None:
    """A note is written as it is read, and under the key of the specification's example stands
    its text and no other.
    """
    try:
        note = notes.parse(data)
        assert str(note).encode() == data
        notes.verify(note, [_NOTE_KEY])
    except notes.BadNote:
        return
    assert note.text == _NOTE_TEXT


def proofs(data: bytes) -> None:
    """A proof without data of others is written as it is read, and proves nothing of nothing."""
    try:
        proof = proving.parse(data)
        holds = proof.holds(b"never written")
    except ValueError:
        return
    assert not holds
    if b"\nextra " not in data:
        assert str(proof).encode() == data
