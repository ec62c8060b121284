"""docs/guides/users.md against tokens with the claims that those issuers document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.users import Requires, UserEntry, Users
from safeconduct.core.model import UserFacts
from safeconduct.delegation.access import check_access
from safeconduct.identity.users import UserTokens
from safeconduct.kit import yaml
from safeconduct.ports import Person, Unauthenticated
from tests.support.pages import DOCS, codes, marked, sections, tables
from tests.support.parties import NOW_MS, NOW_S, configuration
from tests.support.publishers import Publisher, public, publishing, rsa, signed

PAGE = DOCS / "guides" / "users.md"
KEY = rsa("one")
OID = "8f5b1c2e-6a0d-4f0e-9c39-0d6f5a4b7e11"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
JANE = "jane@crm.example"

ENTRA: dict[str, Any] = {
    "ver": "2.0",
    "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
    "oid": OID,
    "tid": TENANT,
    "uti": "fqiBqXLPj0eQa82S-IYFAA",
    "preferred_username": "someone@else.example",
    "email": "someone@else.example",
    "groups": ["0f6a1c2e-6a0d-4f0e-9c39-0d6f5a4b7e11"],
    "acrs": ["p1", "c1"],
    "auth_time": NOW_S - 60,
}
OKTA: dict[str, Any] = {
    "ver": 1,
    "sub": "00uid4BxXw6I6TV4m0g3",
    "jti": "ID.radCQMOQUmyvcTBmmIL0J6BaS60apUEiC7-vI7pOmkw",
    "amr": ["pwd", "mfa", "otp"],
    "acr": "urn:okta:loa:2fa:any",
    "idp": "00ok1u7AsAkrwdZL3z0g3",
    "auth_time": NOW_S - 60,
    "groups": ["sales"],
    "device_managed": True,
}
GOOGLE: dict[str, Any] = {
    "azp": "407408718192-example.apps.googleusercontent.com",
    "sub": "110169484474386276334",
    "hd": "crm.example",
    "email": JANE,
    "email_verified": True,
}
SHOWN = {
    "https://login.microsoftonline.com": (ENTRA, "JWT", UserEntry(scopes=(), subject=OID)),
    "https://example.okta.com": (OKTA, None, UserEntry(scopes=(), subject=str(OKTA["sub"]))),
    "https://accounts.google.com": (GOOGLE, "JWT", UserEntry(scopes=())),
}


def shown() -> dict[str, Users]:
    """The blocks of the page by the start of their issuer; of Okta's the one without others."""
    found: dict[str, Users] = {}
    for snippet in marked():
        block = yaml.load(snippet.text, "snippet").value if snippet.page == PAGE else None
        if isinstance(block, dict) and "users" in block and "others" not in snippet.text:
            users = msgspec.convert(block["users"], Users)
            found |= (
                {name: users for name in SHOWN if users.issuer.startswith(name)}
                if (not users.others)
                else {}
            )
    return found


def placed(directory: Path, users: Users, publisher: Publisher, entry: UserEntry) -> UserTokens:
    """What the page shows, at an issuer of this machine."""
    config: Config = configuration(directory)
    here = replace(users, issuer=publisher.url)
    return UserTokens(replace(config, root=replace(config.root, users=here), users={JANE: entry}))


def token(publisher: Publisher, users: Users, claims: dict[str, Any], typ: str | None) -> str:
    said = {"iss": publisher.url, "aud": users.audience, "iat": NOW_S, "exp": NOW_S + 300}
    return signed(KEY, said | claims, typ=typ)


async def person(directory: Path, name: str, **changes: object) -> Person:
    claims, typ, entry = SHOWN[name]
    users = shown()[name]
    async with publishing() as publisher:
        # As Entra ID publishes them: without the algorithm.
        publisher.publish(public(KEY, alg=None))
        held = placed(directory, users, publisher, entry)
        given = {k: v for k, v in {**claims, **changes}.items() if v is not None}
        return await held.verify(token(publisher, users, given, typ), NOW_MS)


async def test_entra_id(tmp_path: Path) -> None:
    user = await person(tmp_path, "https://login.microsoftonline.com")
    assert (user.id, user.jti, user.acr) == (JANE, ENTRA["uti"], "p1 c1")
    assert (user.groups, user.auth_time_s) == (tuple(ENTRA["groups"]), NOW_S - 60)
    for change in ({"tid": "another"}, {"oid": None}):
        with pytest.raises(Unauthenticated):
            await person(tmp_path, "https://login.microsoftonline.com", **change)


async def test_okta(tmp_path: Path) -> None:
    user = await person(tmp_path, "https://example.okta.com")
    assert (user.id, user.jti, user.acr) == (JANE, OKTA["jti"], OKTA["acr"])
    assert (user.amr, user.groups, user.device) == (
        ("pwd", "mfa", "otp"), ("sales",), ("device_managed",),
    )  # fmt: skip


async def test_google_workspace(tmp_path: Path) -> None:
    user = await person(tmp_path, "https://accounts.google.com")
    assert (user.id, user.groups, user.acr) == (JANE, (), None)
    assert user.jti.startswith("sha256:")
    for change in ({"hd": "other.example"}, {"hd": None}, {"email_verified": False}):
        with pytest.raises(Unauthenticated):
            await person(tmp_path, "https://accounts.google.com", **change)


async def test_placeholders_are_no_issuer(tmp_path: Path) -> None:
    users = shown()["https://login.microsoftonline.com"]
    async with publishing() as common:
        common.publish(public(KEY))
        common.say(
            "/.well-known/openid-configuration",
            {"issuer": f"{common.url}/{{tenantid}}/v2.0", "jwks_uri": f"{common.url}/keys"},
        )
        held = placed(tmp_path, users, common, UserEntry(scopes=()))
        with pytest.raises(Unauthenticated):
            await held.verify(token(common, users, ENTRA, "JWT"), NOW_MS)


async def test_the_operator_sees_what_the_caller_does_not_learn(tmp_path: Path) -> None:
    seen = set[str]()
    (table,) = tables(sections(PAGE)["When it is refused"])
    users = replace(shown()["https://example.okta.com"], required={"ver": "1"}, untyped=False)
    async with publishing() as publisher:
        publisher.publish(public(KEY))
        entries = {JANE: UserEntry(scopes=(), subject="somebody")}
        config = configuration(tmp_path)
        here = replace(users, issuer=publisher.url)
        held = UserTokens(replace(config, root=replace(config.root, users=here), users=entries))
        good = {"sub": "x", "ver": "1", "jti": "j"}
        for change, typ in (
            ({"iss": publisher.url + "/"}, "JWT"),
            ({"aud": "another"}, "JWT"),
            ({}, None),
            ({"sub": 7}, "JWT"),
            ({"ver": "2"}, "JWT"),
            ({"groups": [OID] * 200}, "JWT"),
            ({"sub": JANE}, "JWT"),
        ):
            with pytest.raises(Unauthenticated) as refused:
                await held.verify(token(publisher, users, good | change, typ), NOW_MS)
            seen.add(refused.value.why)
        bad = token(publisher, users, good, "JWT")
        with pytest.raises(Unauthenticated) as refused:
            await held.verify(bad[:-8] + "AAAAAAAA", NOW_MS)
        seen.add(refused.value.why)
    assert seen == {codes(row[0])[0] for row in table[1:]}


def test_what_is_asked_for_where_more_is_at_stake() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.strip().startswith("requires:")]
    value = yaml.load(line.strip(), "snippet").value
    assert isinstance(value, dict)
    requires = msgspec.convert(value["requires"], Requires)
    user = UserFacts(id=JANE, acr="p1 c1", auth_time_s=NOW_S - 60)
    check_access(requires, user, now_ms=NOW_MS)
