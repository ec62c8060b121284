"""The token request (RFC 8693 section 2.1) with our parameters, read and narrowed.

Parameters that we do not know are ignored, as RFC 6749 section 3.2 demands.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

import msgspec

from safeconduct.ports import TokenRefused

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"

_USER_TOKEN_TYPES: Final = frozenset(
    {ACCESS_TOKEN_TYPE, JWT_TYPE, "urn:ietf:params:oauth:token-type:id_token"}
)
_MAX_PURPOSE: Final = 2000
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_USEFUL: Final = frozenset("\n\t\u200c\u200d")  # the joiners shape letters of some scripts


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request in good form. `scopes` is None when the whole profile is asked for; `purpose` is
    empty when an attestation holds it.
    """

    subject_token: str
    actor_token: str
    client_id: str | None
    profile: str
    scopes: frozenset[str] | None
    purpose: str
    purpose_attestation: str | None


def parse(form: Mapping[str, str], gateway: frozenset[str]) -> Request:
    """Read a form. `gateway` lists the names under which tokens for this gateway can be asked for.

    Raises TokenRefused.
    """
    given = {name: value for name, value in form.items() if value}
    if given.get("grant_type") != GRANT_TYPE:
        raise TokenRefused("unsupported_grant_type", "Only token exchange is offered.")
    if given.get("subject_token_type") not in _USER_TOKEN_TYPES:
        raise TokenRefused("invalid_request", "subject_token_type must be a user's JWT.")
    if given.get("actor_token_type") != JWT_TYPE:
        raise TokenRefused("invalid_request", f"actor_token_type must be {JWT_TYPE}.")
    if given.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
        raise TokenRefused("invalid_request", "Only access tokens are issued.")
    for name in ("resource", "audience"):
        if name in given and given[name] not in gateway:
            raise TokenRefused("invalid_target", "Tokens are issued for this gateway only.")
    purpose, attestation = given.get("purpose"), given.get("purpose_attestation")
    if (purpose is None) == (attestation is None):
        raise TokenRefused(
            "invalid_request", "Give either a purpose or a purpose_attestation, not both."
        )
    return Request(
        subject_token=_required(given, "subject_token"),
        actor_token=_required(given, "actor_token"),
        client_id=given.get("client_id"),
        profile=_required(given, "task_profile"),
        scopes=frozenset(given["scope"].split(" ")) - {""} if "scope" in given else None,
        purpose=purpose or "",
        purpose_attestation=attestation,
    )


def readable(purpose: str) -> str:
    """A purpose that a person who reads it sees whole: nothing in it hides or reorders text.

    Raises TokenRefused.
    """
    hidden = any(
        unicodedata.category(character) in _HIDDEN and character not in _USEFUL
        for character in purpose
    )
    if not purpose.strip() or len(purpose) > _MAX_PURPOSE or hidden:
        raise TokenRefused(
            "invalid_request", f"A purpose is readable text of at most {_MAX_PURPOSE} characters."
        )
    return purpose


def _required(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise TokenRefused("invalid_request", f"{name} is missing.")
    return given[name]
