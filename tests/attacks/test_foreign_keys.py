"""Tokens and keys of others, bent in every way that RFC 8725 knows: none of them is anybody."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.trust import Trust
from safeconduct.identity import keys
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.evidence import ConfiguredEvidence
from safeconduct.kit.jwk import KeySet, PublicKey, decode, encode
from safeconduct.ports import Unauthenticated
from tests.support.issuers import believing, claims, entry, issuer
from tests.support.parties import ISSUER, NOW_MS, NOW_S, configuration
from tests.support.publishers import (
    KEYS,
    METADATA,
    Publisher,
    ec,
    public,
    publishing,
    rsa,
    signed,
)

JANE, BOB = "jane@crm.example", "bob@partner.example"
KEY, THEIRS = rsa("one"), rsa("two")
MISTRUSTED = "The subject token is not valid here."


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may be fetched at any time."""
    monkeypatch.setattr(keys, "GAP_S", 0.0)


@pytest.fixture
async def idp() -> AsyncGenerator[Publisher]:
    async with publishing() as served:
        served.publish(public(KEY))
        yield served


@pytest.fixture
async def partner() -> AsyncGenerator[Publisher]:
    async with publishing() as served:
        served.publish(public(THEIRS))
        yield served


@pytest.fixture
def evidence(tmp_path: Path, idp: Publisher, partner: Publisher) -> ConfiguredEvidence:
    """Believes two issuers, each for its own user; the partner's also take ES256."""
    users = {JANE: entry(), BOB: entry(issuer=partner.url)}
    algorithms = ("RS256", "PS256", "ES256")
    config = believing(
        tmp_path, issuer(idp.url), issuer(partner.url, algorithms=algorithms), users=users
    )
    files(tmp_path, config)
    return ConfiguredEvidence(config, Proofs(since_ms=0))


def files(directory: Path, config: Config) -> None:
    """Key files of the parties that have some."""
    root = config.root
    for jwks in ("state/desk.json", "state/jane.json"):
        write(directory / jwks, public(ec(jwks)))
    for trust in root.trust.values():
        if trust.jwks is not None:
            write(directory / trust.jwks, public(ec(trust.jwks), use="jwt-svid"))


def write(path: Path, *jwks: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps({"keys": jwks}))


async def nobody(evidence: ConfiguredEvidence, *tokens: str) -> None:
    for token in tokens:
        with pytest.raises(Unauthenticated) as refused:
            await evidence.person(token, NOW_MS)
        assert refused.value.sentence == MISTRUSTED


def bent(token: str, **header: object) -> str:
    """The same token with another header, and the signature that it had."""
    first, payload, signature = token.split(".")
    members = orjson.loads(decode(first)) | header
    return f"{encode(orjson.dumps(members))}.{payload}.{signature}"


def signed_with(key: RSAKey, said: dict[str, Any], header: dict[str, Any]) -> str:
    """A token with a good signature over whatever header."""
    members = {"alg": "RS256", "typ": "JWT", "kid": key.kid, **header}
    message = f"{encode(orjson.dumps(members))}.{encode(orjson.dumps(said))}"
    private = key.private_key
    assert private is not None
    return f"{message}.{encode(private.sign(message.encode(), PKCS1v15(), SHA256()))}"


async def test_who_is_bent_here_is_good_as_they_are(
    evidence: ConfiguredEvidence, idp: Publisher, partner: Publisher
) -> None:
    assert (await evidence.person(signed(KEY, claims(idp)), NOW_MS)).id == JANE
    assert (await evidence.person(signed(THEIRS, claims(partner, BOB)), NOW_MS)).id == BOB


# --- algorithms -----------------------------------------------------------------------------------


async def test_no_algorithm(evidence: ConfiguredEvidence, idp: Publisher) -> None:
    token = signed(KEY, claims(idp))
    for alg in ("none", "None", "nOnE", "", None, ["none"]):
        head, payload, _ = bent(token, alg=alg).split(".")
        await nobody(evidence, f"{head}.{payload}.", f"{head}.{payload}")


async def test_a_public_key_as_a_shared_secret(
    evidence: ConfiguredEvidence, idp: Publisher
) -> None:
    der = KEY.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = KEY.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = orjson.dumps(public(KEY))
    modulus = decode(str(KEY.as_dict(private=False)["n"]))
    for secret in (der, pem, pem.strip(), jwk, modulus, b""):
        for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
            head, payload, _ = bent(signed(KEY, claims(idp)), alg=alg).split(".")
            mac = hmac.new(secret, f"{head}.{payload}".encode(), digest).digest()
            await nobody(evidence, f"{head}.{payload}.{encode(mac)}")


async def test_another_algorithm_than_the_keys(
    evidence: ConfiguredEvidence, idp: Publisher
) -> None:
    good = signed(KEY, claims(idp))
    await nobody(evidence, signed(KEY, claims(idp), alg="PS256"))
    for alg in ("PS256", "RS384", "RS512", "ES256", "EdDSA", "rs256", "RSA-OAEP", "RS256 "):
        await nobody(evidence, bent(good, alg=alg))


async def test_a_signature_of_zeros(evidence: ConfiguredEvidence, partner: Publisher) -> None:
    key = ec("zeros")
    partner.publish(public(key))
    token = signed(key, claims(partner, BOB), alg="ES256")
    assert (await evidence.person(token, NOW_MS)).id == BOB
    message, _, _ = token.rpartition(".")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for number in (0, order):
        await nobody(evidence, f"{message}.{encode(number.to_bytes(32) * 2)}")
    await nobody(evidence, f"{message}.", f"{message}.{encode(bytes(256))}")


def test_a_signature_that_is_a_cube_root() -> None:
    """Bleichenbacher 2006: padding that is only looked at from the left can be forged for e = 3."""
    n = int.from_bytes(decode(str(KEY.as_dict(private=False)["n"])))
    jwk = {
        "kty": "RSA",
        "n": encode(n.to_bytes(256)),
        "e": encode(b"\3"),
    }
    weak = PublicKey.parse(jwk, algorithms=frozenset({"RS256"}))
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\0\1\xff\0" + prefix + hashlib.sha256(b"message").digest()
    wanted = int.from_bytes(block + bytes(256 - len(block)))
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if middle**3 >= wanted else (middle + 1, high)
    forged = low.to_bytes(256)
    assert pow(low, 3, n).to_bytes(256).startswith(block)
    assert RSAPublicNumbers(3, n).public_key().key_size == 2048
    assert not weak.verify(b"message", forged)


# --- keys that a token brings or names ------------------------------------------------------------


async def test_a_key_that_the_token_brings_along(
    evidence: ConfiguredEvidence, idp: Publisher, partner: Publisher
) -> None:
    own = rsa("own")
    partner.documents["/own"] = orjson.dumps({"keys": [public(own)]})
    said = claims(idp)
    der = base64.b64encode(own.public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    for header in (
        {"jwk": public(own)},
        {"jku": f"{partner.url}/own"},
        {"jku": idp.url + KEYS},
        {"x5u": f"{partner.url}/own"},
        {"x5c": [der]},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
    ):
        for key in (own, KEY):
            await nobody(
                evidence, signed_with(key, said, header), bent(signed(key, said), **header)
            )
    assert "/own" not in [path for path, _ in partner.asked]


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "two",
        "ONE",
        "one\0",
        "one ",
        "../../state/desk.json",
        "/dev/null",
        "file:///etc/passwd",
        "https://attacker.example/keys",
        "' OR 1=1 --",
        "{{7*7}}",
        "one,two",
        "x" * 4000,
        7,
        None,
        True,
        ["one"],
        {"kid": "one"},
    ],
)
async def test_a_key_that_the_token_names(
    evidence: ConfiguredEvidence, idp: Publisher, kid: object
) -> None:
    forged = signed(rsa("own"), claims(idp), kid="one")
    await nobody(evidence, forged, bent(forged, kid=kid))
    # The right signature under another name is no better, unless it names nothing at all.
    if kid is not None:
        await nobody(evidence, bent(signed(KEY, claims(idp)), kid=kid))


async def test_one_name_for_two_keys(evidence: ConfiguredEvidence, idp: Publisher) -> None:
    own = rsa("own")
    for pair in ((KEY, own), (own, KEY)):
        idp.publish(*(public(key, kid="same") for key in pair))
        await nobody(evidence, *(signed(key, claims(idp), kid="same") for key in pair))


async def test_a_token_that_names_no_key_where_there_are_several(
    evidence: ConfiguredEvidence, idp: Publisher
) -> None:
    idp.publish(public(KEY), public(rsa("own")))
    await nobody(evidence, signed(KEY, claims(idp), kid=None))


# --- keys that are none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "published",
    [
        [public(rsa("weak", 1024))],
        [public(KEY, e="AQ")],
        [public(KEY, e="AA")],
        [public(KEY, e="AQAA")],
        [KEY.as_dict(private=True)],
        [KEY.as_dict(private=True), public(KEY)],
        [public(KEY, use="enc")],
        [public(KEY, alg="RS512")],
        [public(KEY, alg="HS256")],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, public(KEY)],
        [],
    ],
)
async def test_what_is_published_and_no_key_to_trust(
    evidence: ConfiguredEvidence, idp: Publisher, published: list[dict[str, Any]]
) -> None:
    idp.publish(*published)
    await nobody(evidence, signed(KEY, claims(idp)))
    if published and published[0].get("kid") == "weak":
        message = signed(rsa("weak", 1024), claims(idp), kid="weak")
        await nobody(evidence, message)


async def test_a_key_whose_private_half_was_published_later(
    evidence: ConfiguredEvidence, idp: Publisher
) -> None:
    good = signed(KEY, claims(idp))
    assert (await evidence.person(good, NOW_MS)).id == JANE
    idp.publish(KEY.as_dict(private=True))
    await nobody(evidence, signed(rsa("own"), claims(idp)))  # which has the keys fetched again
    await nobody(evidence, good)


# --- issuers --------------------------------------------------------------------------------------


async def test_an_issuer_that_speaks_for_another(
    evidence: ConfiguredEvidence, idp: Publisher, partner: Publisher
) -> None:
    for subject in (JANE, BOB):
        await nobody(
            evidence,
            signed(THEIRS, claims(idp, subject)),
            signed(THEIRS, claims(idp, subject), kid="one"),
            signed(KEY, claims(partner, subject)),
            signed(KEY, claims(partner, subject), kid="two"),
        )
    await nobody(evidence, signed(THEIRS, claims(partner, JANE)), signed(KEY, claims(idp, BOB)))


async def test_two_issuers_with_one_key(
    evidence: ConfiguredEvidence, idp: Publisher, partner: Publisher
) -> None:
    partner.publish(public(KEY))
    assert (await evidence.person(signed(KEY, claims(idp)), NOW_MS)).id == JANE
    assert (await evidence.person(signed(KEY, claims(partner, BOB)), NOW_MS)).id == BOB
    await nobody(evidence, signed(KEY, claims(idp, BOB)), signed(KEY, claims(partner, JANE)))


async def test_an_issuer_that_takes_anothers_name(
    evidence: ConfiguredEvidence, idp: Publisher, partner: Publisher
) -> None:
    partner.say(METADATA, {"issuer": idp.url, "jwks_uri": partner.url + KEYS})
    await nobody(evidence, signed(THEIRS, claims(partner, BOB)))
    partner.say(METADATA, {"issuer": partner.url, "jwks_uri": "file:///etc/passwd"})
    await nobody(evidence, signed(THEIRS, claims(partner, BOB)))


@pytest.mark.parametrize(
    "name", ["{url}/", "{url}#", "{url}?", " {url}", "HTTP{rest}", "", None, 7, ["{url}"]]
)
async def test_an_issuer_by_almost_its_name(
    evidence: ConfiguredEvidence, idp: Publisher, name: object
) -> None:
    def spelt(text: object) -> object:
        if isinstance(text, list):
            return [spelt(one) for one in text]
        if not isinstance(text, str):
            return text
        return text.replace("{url}", idp.url).replace("{rest}", idp.url.removeprefix("http"))

    await nobody(evidence, signed(KEY, claims(idp, iss=spelt(name))))


# --- tokens of another purpose --------------------------------------------------------------------


@pytest.mark.parametrize(
    "typ", ["logout+jwt", "secevent+jwt", "dpop+jwt", "oauth-id-jag+jwt", "jwt", "at+JWT", "JOSE"]
)
async def test_a_token_of_another_type(
    evidence: ConfiguredEvidence, idp: Publisher, typ: str
) -> None:
    await nobody(evidence, signed(KEY, claims(idp), typ=typ))


async def test_a_security_event_without_a_type_of_its_own(
    evidence: ConfiguredEvidence, idp: Publisher
) -> None:
    logout = "http://schemas.openid.net/event/backchannel-logout"
    every: list[object] = [{logout: {}}, {}, None, []]
    for events in every:
        said = {**claims(idp), "events": events}
        await nobody(evidence, signed(KEY, said))


async def test_a_token_in_another_form(evidence: ConfiguredEvidence, idp: Publisher) -> None:
    good = signed(KEY, claims(idp))
    head, payload, signature = good.split(".")
    general = orjson.dumps(
        {"payload": payload, "signatures": [{"protected": head, "signature": signature}]}
    ).decode()
    nested = signed(KEY, {"jwt": good}, cty="JWT")
    long = signed(KEY, claims(idp, filler="x" * 8192))
    twice = f'{{"iss": "{idp.url}", "sub": "{JANE}", "sub": "{BOB}"}}'
    await nobody(
        evidence,
        general,
        nested,
        long,
        f"{good}.x.y",
        f"{good}\n",
        f"{good}=",
        f"{head}.{encode(twice.encode())}.{signature}",
        f"{head}.{payload}.{signature[:-1]}",
    )


async def test_a_token_for_somebody_else(evidence: ConfiguredEvidence, idp: Publisher) -> None:
    for audience in ("another", [], ["another"], "copilot ", f"{ISSUER}", None, {"a": "copilot"}):
        await nobody(evidence, signed(KEY, claims(idp, aud=audience)))


# --- trust domains --------------------------------------------------------------------------------


async def test_a_federated_domain_speaks_for_itself_alone(tmp_path: Path) -> None:
    ours, theirs = ec("ours"), ec("theirs")
    async with publishing() as partner:
        partner.documents[KEYS] = orjson.dumps({"keys": [public(theirs, use="jwt-svid")]})
        write(tmp_path / "ours.json", public(ours, use="jwt-svid"))
        config = configuration(tmp_path)
        trust = {
            "crm.example": Trust(jwks="ours.json"),
            "partner.example": Trust(bundle=partner.url + KEYS),
        }
        for name in ("state/desk.json", "state/jane.json", "state/users.json"):
            write(tmp_path / name, public(ec(name)))
        evidence = ConfiguredEvidence(
            replace(config, root=replace(config.root, trust=trust)), Proofs(since_ms=0)
        )

        def svid(key: ECKey, domain: str, **header: Any) -> str:
            said = {
                "sub": f"spiffe://{domain}/agents/copilot",
                "aud": [ISSUER],
                "exp": NOW_S + 60,
                "iat": NOW_S,
            }
            return signed(key, said, alg="ES256", **header)

        for key, domain in ((ours, "crm.example"), (theirs, "partner.example")):
            workload = await evidence.workload(svid(key, domain), NOW_MS)
            assert workload.id == f"spiffe://{domain}/agents/copilot"
        for forged in (
            svid(theirs, "crm.example"),
            svid(theirs, "crm.example", kid="ours"),
            svid(ours, "partner.example"),
            svid(ours, "partner.example", kid="theirs"),
            svid(theirs, "partner.example.crm.example"),
            svid(theirs, "stranger.example"),
            svid(ours, "sub.crm.example"),
            svid(ours, "CRM.example"),
        ):
            with pytest.raises(Unauthenticated):
                await evidence.workload(forged, NOW_MS)


async def test_a_key_of_a_bundle_for_another_use(tmp_path: Path) -> None:
    key = ec("authority")
    for use in ("x509-svid", "sig", "wit-svid", None):
        data = orjson.dumps({"keys": [public(key, use=use)]})
        assert KeySet.published(data, uses=frozenset({"jwt-svid"})) == KeySet({})
