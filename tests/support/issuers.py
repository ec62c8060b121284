"""Issuers of users' tokens as the configuration names them, on a clock that stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.users import UserEntry, UserIssuer, Users
from safeconduct.identity.users import UserTokens
from tests.support.parties import NOW_S, configuration
from tests.support.publishers import Publisher
from tests.support.worlds import SCOPES

AUDIENCE: Final = "copilot"


def issuer(url: str, **changes: Any) -> UserIssuer:
    """An issuer that signs with RSA keys and whose keys are discovered."""
    given: dict[str, Any] = {"audience": AUDIENCE, "algorithms": ("RS256", "PS256"), **changes}
    return UserIssuer(issuer=url, **given)


def believing(
    directory: Path, *issuers: UserIssuer, users: dict[str, UserEntry] | None = None
) -> Config:
    """The company's configuration with these issuers, the main one first."""
    config = configuration(directory)
    main, *others = issuers
    given = {name: getattr(main, name) for name in main.__struct_fields__}
    block = Users(**given, entitlements="unused.yaml", others=tuple(others))
    return replace(
        config,
        root=replace(config.root, users=block),
        users=config.users if users is None else users,
    )


def tokens(
    directory: Path, *issuers: UserIssuer, users: dict[str, UserEntry] | None = None
) -> UserTokens:
    """Verifies the tokens of these issuers."""
    return UserTokens(believing(directory, *issuers, users=users))


def entry(**given: Any) -> UserEntry:
    return UserEntry(scopes=SCOPES, **given)


def claims(publisher: Publisher, subject: str = "jane@crm.example", **more: object) -> Any:
    """What a token says at least; None takes a claim out."""
    given = {
        "iss": publisher.url,
        "sub": subject,
        "aud": AUDIENCE,
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "jti": "j-1",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}
