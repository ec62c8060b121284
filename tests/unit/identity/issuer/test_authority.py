from __future__ import annotations

import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from safeconduct.config.trust import Trust
from safeconduct.identity.issuer.authority import Authority, AuthorityFault, own_authorities
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet, decode
from tests.support.svids import (
    COPILOT,
    DOMAIN,
    HOUR_MS,
    ISSUER,
    MINUTE_MS,
    NOW_MS,
    authority,
    config,
)

USES: frozenset[str | None] = frozenset({"jwt-svid"})


class Claims(jose.Claims, frozen=True, kw_only=True):
    sub: str
    jti: str


def published(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "trust.json").read_bytes())
    return document


def kids(directory: Path) -> set[str]:
    return set(KeySet.parse((directory / "trust.json").read_bytes(), uses=USES).keys)


def read(svid: str, directory: Path) -> Claims:
    """The claims, verified with nothing but what is published."""

    def keys(_: Mapping[str, Any]) -> KeySet:
        return KeySet.parse((directory / "trust.json").read_bytes(), uses=USES)

    return jose.verify(svid, keys, types=frozenset({"JWT"}), shape=Claims).claims


def leaf(made: Authority, now_ms: int) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (certificate,) = made.x509_svid(COPILOT, key, now_ms)
    return x509.load_der_x509_certificate(certificate)


def test_a_jwt_svid_holds_by_what_is_published(tmp_path: Path) -> None:
    made = authority(tmp_path)
    claims = read(made.jwt_svid(COPILOT, [ISSUER], NOW_MS), tmp_path)
    assert (claims.sub, claims.audiences) == (COPILOT, (ISSUER,))
    assert (claims.iat, claims.exp) == (NOW_MS / 1000, NOW_MS / 1000 + 300)
    # Two of one moment are two.
    assert read(made.jwt_svid(COPILOT, [ISSUER], NOW_MS), tmp_path).jti != claims.jti


def test_an_x509_svid_is_signed_by_an_authority_that_is_published(tmp_path: Path) -> None:
    made = authority(tmp_path)
    svid = leaf(made, NOW_MS)
    (known,) = made.bundle(NOW_MS).certificates
    svid.verify_directly_issued_by(x509.load_der_x509_certificate(known))
    assert svid.not_valid_after_utc.timestamp() == NOW_MS / 1000 + 3600


def test_the_bundle_is_one_of_the_standard(tmp_path: Path) -> None:
    made = authority(tmp_path)
    bundle = made.bundle(NOW_MS)
    document = published(tmp_path)
    assert (tmp_path / "trust.json").read_bytes() == bundle.document
    assert (document["spiffe_sequence"], document["spiffe_refresh_hint"]) == (1, 300)
    authorities, keys = (
        [key for key in document["keys"] if key["use"] == use] for use in ("x509-svid", "jwt-svid")
    )
    assert [sorted(key) for key in authorities] == [["crv", "kty", "use", "x", "x5c", "y"]]
    assert [sorted(key) for key in keys] == [["alg", "crv", "kid", "kty", "use", "x", "y"]]
    assert json.loads(bundle.jwks) == {"keys": keys}
    assert b'"d"' not in bundle.document + bundle.jwks


def test_keys_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    authority(tmp_path).bundle(NOW_MS)
    kept = tmp_path / "issuer"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}


def test_several_processes_have_the_same_keys(tmp_path: Path) -> None:
    one, two = authority(tmp_path), authority(tmp_path)
    assert one.bundle(NOW_MS).document == two.bundle(NOW_MS).document
    later = NOW_MS + 12 * HOUR_MS
    first = one.bundle(NOW_MS)
    assert two.bundle(later).document != first.document
    # The other one made a key meanwhile.
    assert one.bundle(later).document == two.bundle(later).document
    assert published(tmp_path)["spiffe_sequence"] == 2


def test_the_bundle_is_the_same_object_while_nothing_changes(tmp_path: Path) -> None:
    made = authority(tmp_path)
    bundle = made.bundle(NOW_MS)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS + MINUTE_MS)
    assert made.bundle(NOW_MS + HOUR_MS) is bundle
    assert made.bundle(NOW_MS + 12 * HOUR_MS) is not bundle


def test_through_days_no_svid_is_refused_by_what_was_published_when_it_was_made(
    tmp_path: Path,
) -> None:
    made = authority(tmp_path)
    seen = set[str]()
    valid: list[tuple[str, int]] = []
    for hour in range(96):
        now_ms = NOW_MS + hour * HOUR_MS
        # What a verifier read up to eleven hours ago is enough for what is signed now.
        before = kids(tmp_path) if hour else set[str]()
        svid = made.jwt_svid(COPILOT, [ISSUER], now_ms)
        read(svid, tmp_path)
        kid = json.loads(decode(svid.partition(".")[0]))["kid"]
        assert not hour or kid in before
        seen.add(kid)
        valid = [(one, end) for one, end in valid if now_ms <= end]
        for one, _ in valid:
            read(one, tmp_path)
        valid.append((svid, now_ms + 5 * MINUTE_MS))
    assert len(seen) == 4
    assert len(kids(tmp_path)) <= 2


def test_it_signs_for_its_own_trust_domain_and_for_somebody(tmp_path: Path) -> None:
    made = authority(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    for other in ("spiffe://other.example/agents/copilot", "spiffe://crm.example.evil/a", "x"):
        with pytest.raises(ValueError, match="another trust domain"):
            made.jwt_svid(other, [ISSUER], NOW_MS)
        with pytest.raises(ValueError, match="another trust domain"):
            made.x509_svid(other, key, NOW_MS)
    with pytest.raises(ValueError, match="for somebody"):
        made.jwt_svid(COPILOT, [], NOW_MS)


def test_a_clock_that_goes_back_signs_nothing_until_it_has_caught_up(tmp_path: Path) -> None:
    authority(tmp_path).bundle(NOW_MS - HOUR_MS)
    made = authority(tmp_path)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS - 5_000)
    for back in (5_001, HOUR_MS, 24 * HOUR_MS):
        with pytest.raises(AuthorityFault, match="the clock went back"):
            made.jwt_svid(COPILOT, [ISSUER], NOW_MS - back)
        with pytest.raises(AuthorityFault, match="the clock went back"):
            leaf(made, NOW_MS - back)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS)


def test_a_process_that_starts_before_the_time_of_all_keys_signs_nothing(tmp_path: Path) -> None:
    authority(tmp_path).bundle(NOW_MS)
    with pytest.raises(AuthorityFault, match="see the clock"):
        authority(tmp_path).jwt_svid(COPILOT, [ISSUER], NOW_MS - HOUR_MS)
    assert len(kids(tmp_path)) == 1


def test_a_clock_that_was_an_hour_ahead_extends_nothing(tmp_path: Path) -> None:
    made = authority(tmp_path)
    ahead = made.jwt_svid(COPILOT, [ISSUER], NOW_MS + HOUR_MS)
    claims = read(ahead, tmp_path)
    with pytest.raises(JoseError):
        jose.check_times(claims, NOW_MS)  # from the future
    with pytest.raises(AuthorityFault):
        made.jwt_svid(COPILOT, [ISSUER], NOW_MS)


def unreadable(file: Path) -> None:
    file.unlink()
    file.mkdir()


def linked(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/null")


SPOILT: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: file.write_bytes(b"\0garbage"), "these are no keys"),
    (lambda file: file.write_bytes(b"{}"), "these are no keys"),
    (lambda file: file.write_bytes(b""), "these are no keys"),
    (lambda file: file.chmod(0o644), "others can read"),
    (lambda file: file.unlink(), "the keys are gone"),
    (unreadable, "Is a directory"),
    (linked, "symbolic links"),
]


@pytest.mark.parametrize(("spoil", "why"), SPOILT)
def test_a_dead_key_file_signs_nothing_and_is_never_replaced(
    tmp_path: Path, spoil: Callable[[Path], object], why: str
) -> None:
    made = authority(tmp_path)
    before = made.bundle(NOW_MS)
    file = tmp_path / "issuer" / f"{DOMAIN}.json"
    content = file.read_bytes()
    spoil(file)
    for _ in range(2):
        with pytest.raises(AuthorityFault, match=why):
            made.jwt_svid(COPILOT, [ISSUER], NOW_MS)
        with pytest.raises(AuthorityFault):
            authority(tmp_path).bundle(NOW_MS)
    assert (tmp_path / "trust.json").read_bytes() == before.document
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    file.chmod(0o600)
    # Restored, it goes on where it was.
    assert made.bundle(NOW_MS).document == before.document
    read(made.jwt_svid(COPILOT, [ISSUER], NOW_MS), tmp_path)


def test_keys_that_parse_and_are_none_are_told(tmp_path: Path) -> None:
    made = authority(tmp_path)
    made.bundle(NOW_MS)
    file = tmp_path / "issuer" / f"{DOMAIN}.json"
    kept = msgspec.json.decode(file.read_bytes())
    kept["generations"][0]["jwt_key"]["x"] = "AAAA"
    file.write_bytes(msgspec.json.encode(kept))
    with pytest.raises(AuthorityFault, match="of the wrong length"):
        made.bundle(NOW_MS)


def test_keys_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_bytes(b'{"keys": []}')
    with pytest.raises(AuthorityFault, match="not ours"):
        authority(tmp_path).bundle(NOW_MS)
    assert (tmp_path / "trust.json").read_bytes() == b'{"keys": []}'
    assert not (tmp_path / "issuer" / f"{DOMAIN}.json").exists()


def test_a_bundle_that_was_removed_or_spoiled_is_published_again(tmp_path: Path) -> None:
    made = authority(tmp_path)
    document = made.bundle(NOW_MS).document
    (tmp_path / "trust.json").unlink()
    made.bundle(NOW_MS)
    assert (tmp_path / "trust.json").read_bytes() == document
    (tmp_path / "trust.json").write_bytes(b"")
    read(made.jwt_svid(COPILOT, [ISSUER], NOW_MS), tmp_path)
    assert (tmp_path / "trust.json").read_bytes() == document


def test_a_key_that_cannot_be_published_does_not_sign(tmp_path: Path) -> None:
    made = authority(tmp_path)
    made.bundle(NOW_MS)
    (tmp_path / "trust.json").unlink()
    (tmp_path / "trust.json").mkdir()
    with pytest.raises(AuthorityFault):
        made.jwt_svid(COPILOT, [ISSUER], NOW_MS)
    (tmp_path / "trust.json").rmdir()
    read(made.jwt_svid(COPILOT, [ISSUER], NOW_MS), tmp_path)


def test_it_describes_its_keys_and_makes_none_for_that(tmp_path: Path) -> None:
    made = authority(tmp_path)
    assert made.described(NOW_MS) == []
    assert not (tmp_path / "issuer").exists()
    made.bundle(NOW_MS)
    made.bundle(NOW_MS + 12 * HOUR_MS)
    signs, verifies = made.described(NOW_MS + 12 * HOUR_MS)
    assert (signs["state"], signs["from_ms"]) == ("signs", NOW_MS)
    assert (verifies["state"], verifies["from_ms"]) == ("verifies", NOW_MS + 24 * HOUR_MS)
    assert {signs["kid"], verifies["kid"]} == kids(tmp_path)


def test_trust_domains_with_workloads_have_an_authority(tmp_path: Path) -> None:
    made = own_authorities(config(tmp_path / "gateway"))
    assert list(made) == [DOMAIN]
    made[DOMAIN].bundle(NOW_MS)
    state = tmp_path / "gateway" / "state"
    assert (state / "trust.json").exists()
    assert sorted(file.name for file in (state / "issuer").iterdir()) == [
        f"{DOMAIN}.json",
        f"{DOMAIN}.lock",
    ]


def test_a_trust_domain_that_is_somebody_elses_has_none(tmp_path: Path) -> None:
    loaded = config(tmp_path / "gateway")
    elsewhere = {DOMAIN: Trust(bundle="https://spire.example/bundle")}
    foreign = replace(loaded, root=replace(loaded.root, trust=elsewhere))
    with pytest.raises(AuthorityFault, match="fetched from elsewhere"):
        own_authorities(foreign)
