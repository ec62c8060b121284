"""Several issuers of users, each with its own keys, names of claims, and users."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.config.users import ClaimNames
from safeconduct.identity.users import UserTokens
from safeconduct.ports import Person, Unauthenticated
from tests.support.issuers import claims, entry, issuer, tokens
from tests.support.parties import NOW_MS, NOW_S
from tests.support.publishers import KEYS, Publisher, public, publishing, rsa, signed

JANE = "jane@crm.example"
KEY = rsa("one")


@pytest.fixture
async def idp() -> AsyncGenerator[Publisher]:
    async with publishing() as served:
        served.publish(public(KEY))
        yield served


async def person(held: UserTokens, token: str) -> Person:
    return await held.verify(token, NOW_MS)


async def refused(held: UserTokens, token: str) -> None:
    with pytest.raises(Unauthenticated) as fault:
        await held.verify(token, NOW_MS)
    assert fault.value.sentence == "The subject token is not valid here."


async def test_keys_are_discovered(idp: Publisher, tmp_path: Path) -> None:
    user = await person(tokens(tmp_path, issuer(idp.url)), signed(KEY, claims(idp)))
    assert (user.id, user.issuer, user.jti) == (JANE, idp.url, "j-1")


async def test_keys_at_a_url_and_another_algorithm(idp: Publisher, tmp_path: Path) -> None:
    idp.publish(public(KEY, alg="PS256"))
    held = tokens(tmp_path, issuer(idp.url, jwks=idp.url + KEYS))
    assert (await person(held, signed(KEY, claims(idp), alg="PS256"))).id == JANE
    await refused(held, signed(KEY, claims(idp)))


async def test_an_algorithm_that_is_not_named_is_not_taken(idp: Publisher, tmp_path: Path) -> None:
    await refused(
        tokens(tmp_path, issuer(idp.url, algorithms=("ES256", "Ed25519"))), signed(KEY, claims(idp))
    )


async def test_a_token_without_a_name_is_known_by_what_was_signed(
    idp: Publisher, tmp_path: Path
) -> None:
    held = tokens(tmp_path, issuer(idp.url))
    one, two = claims(idp, jti=None), claims(idp, jti=None, exp=NOW_S + 301)
    names = [(await person(held, signed(KEY, said))).jti for said in (one, one, two)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("sha256:")


ENTRA = ClaimNames(
    user="oid", jti="uti", tenant="no", groups="groups", acr="acrs", device="deviceid"
)


async def test_claims_have_the_names_that_an_issuer_gives_them(
    idp: Publisher, tmp_path: Path
) -> None:
    held = tokens(
        tmp_path,
        issuer(idp.url, claims=ENTRA, required={"tid": "t-1"}),
        users={JANE: entry(subject="o-1")},
    )
    said = claims(
        idp,
        "pairwise",
        oid="o-1",
        tid="t-1",
        uti="u-1",
        jti=None,
        acrs=["p1", "c1"],
        amr=["pwd", "mfa"],
        groups=["g-1"],
        deviceid="d-1",
        auth_time=NOW_S - 5,
        tenant="somebody else's word",
    )
    user = await person(held, signed(KEY, said))
    assert (user.id, user.jti, user.acr, user.amr) == (JANE, "u-1", "p1 c1", ("pwd", "mfa"))
    assert (user.groups, user.device, user.auth_time_s) == (("g-1",), ("d-1",), NOW_S - 5)
    assert user.tenant is None
    for change in ({"tid": "t-2"}, {"tid": None}, {"tid": ["t-1"]}, {"oid": None}, {"oid": 7}):
        await refused(held, signed(KEY, {**said, **change}))


@pytest.mark.parametrize(
    ("device", "known"),
    [
        (True, ("managed",)),
        (False, ()),
        (None, ()),
        ("laptop", ("laptop",)),
        (["laptop", "compliant"], ("laptop", "compliant")),
    ],
)
async def test_what_is_said_of_a_device(
    idp: Publisher, tmp_path: Path, device: object, known: tuple[str, ...]
) -> None:
    held = tokens(tmp_path, issuer(idp.url, claims=ClaimNames(device="managed")))
    said = claims(idp, managed=device)
    assert (await person(held, signed(KEY, said))).device == known


@pytest.mark.parametrize(
    "change",
    [
        {"acr": 1},
        {"acr": [1]},
        {"acr": {"v": 1}},
        {"amr": "pwd"},
        {"amr": [None]},
        {"device": 1},
        {"device": [""]},
        {"groups": {"g": 1}},
        {"auth_time": "now"},
    ],
)
async def test_claims_of_another_type(
    idp: Publisher, tmp_path: Path, change: dict[str, Any]
) -> None:
    await refused(tokens(tmp_path, issuer(idp.url)), signed(KEY, claims(idp, **change)))


async def test_an_address_must_be_verified(idp: Publisher, tmp_path: Path) -> None:
    held = tokens(tmp_path, issuer(idp.url, claims=ClaimNames(user="email")))
    said = claims(idp, "1234", email=JANE, email_verified=True)
    assert (await person(held, signed(KEY, said))).id == JANE
    for unverified in (False, None, "true", 1):
        await refused(held, signed(KEY, {**said, "email_verified": unverified}))


async def test_a_token_without_type_where_that_is_allowed(idp: Publisher, tmp_path: Path) -> None:
    untyped = signed(KEY, claims(idp), typ=None)
    assert (await person(tokens(tmp_path, issuer(idp.url, untyped=True)), untyped)).id == JANE
    await refused(tokens(tmp_path, issuer(idp.url)), untyped)
    await refused(
        tokens(tmp_path, issuer(idp.url, untyped=True)), signed(KEY, claims(idp), typ="logout+jwt")
    )


async def test_each_user_has_one_issuer(idp: Publisher, tmp_path: Path) -> None:
    async with publishing() as partner:
        theirs = rsa("two")
        partner.publish(public(theirs))
        users = {
            JANE: entry(),
            "bob": entry(issuer=partner.url, subject="1234"),
            "eve": entry(issuer=partner.url),
        }
        held = tokens(tmp_path, issuer(idp.url), issuer(partner.url), users=users)
        assert (await person(held, signed(KEY, claims(idp)))).id == JANE
        assert (await person(held, signed(theirs, claims(partner, "1234")))).id == "bob"
        assert (await person(held, signed(theirs, claims(partner, "eve")))).id == "eve"
        # What the other says of a user, in either's words, is nobody's.
        for other in (
            signed(theirs, claims(partner)),
            signed(theirs, claims(partner, "bob")),
            signed(KEY, claims(idp, "eve")),
            signed(KEY, claims(idp, "bob")),
        ):
            await refused(held, other)
        assert (await person(held, signed(KEY, claims(idp, "1234")))).id == "1234"


async def test_nobody_is_asked_for_the_keys_of_strangers(idp: Publisher, tmp_path: Path) -> None:
    held = tokens(tmp_path, issuer(idp.url))
    for stranger in ("https://attacker.example", f"{idp.url}/", "", None, 7):
        await refused(held, signed(KEY, claims(idp, iss=stranger)))
    await refused(held, "garbage")
    assert idp.asked == []
