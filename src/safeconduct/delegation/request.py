"""Token requests, read and narrowed: what is shown, and which of four things is asked for.

| what         | `subject_token`                | besides the agent's SVID                        |
|--------------|--------------------------------|-------------------------------------------------|
| a start      | the user's, or an ID-JAG       | `task_profile`, `purpose` or its attestation    |
| a renewal    | of the same kind as the start  | `task`                                          |
| an amendment | the task's own token           | `purpose_attestation`                           |
| a child      | the parent's, with a proof     | `task_profile`                                  |

A start by a program that a person signed in with is asked for by a code instead: `logins`.

Parameters that we do not know are ignored, as RFC 6749 section 3.2 demands.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from safeconduct.delegation import details
from safeconduct.delegation.details import Details
from safeconduct.kit.resources import ours
from safeconduct.ports import TokenRefused

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
AUTHORIZATION_CODE: Final = "authorization_code"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"
JWT_TYPE: Final = "urn:ietf:params:oauth:token-type:jwt"
TASK_TOKEN_TYPE: Final = "urn:safeconduct:token-type:task"
"""A task token of this gateway as the subject of a request."""
JWT_SVID: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
"""A JWT-SVID that authenticates a client (draft-ietf-oauth-spiffe-client-auth)."""

_USER_TOKEN_TYPES: Final = frozenset(
    {ACCESS_TOKEN_TYPE, JWT_TYPE, "urn:ietf:params:oauth:token-type:id_token"}
)
_MAX_PURPOSE: Final = 2000
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_USEFUL: Final = frozenset("\n\t\u200c\u200d")  # the joiners shape letters of some scripts


class UserToken(msgspec.Struct, frozen=True):
    """A user's live token; `grant`: the identity provider's word that an agent may act for them."""

    token: str
    grant: bool = False


class HandedOver(msgspec.Struct, frozen=True):
    """A task token, and the proof by its key that it was handed to another agent."""

    token: str
    proof: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What every request shows: the agent's SVIDs, as actor, as client or as both. `scopes` is None
    when all that can be had is asked for.
    """

    svids: tuple[str, ...]
    client_id: str | None
    scopes: frozenset[str] | None
    details: Details | None


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A program that a person signed in with, in the place of an agent's SVID.

    `code` names the code that it traded in, which does so once; `jkt` is the key that it said it
    would have. `asked` is whether the person said themselves what for, on our page.
    """

    id: str
    agent: str
    code: str
    jkt: str | None
    asked: bool


class Start(Shown, frozen=True, kw_only=True):
    """A task. `purpose` is empty when an attestation holds it."""

    user: UserToken
    profile: str
    purpose: str
    attestation: str | None
    program: Program | None = None


class Child(Shown, frozen=True, kw_only=True):
    """A part of a task. Without a `purpose` of its own it has its parent's."""

    parent: HandedOver
    profile: str
    purpose: str


class Renewal(Shown, frozen=True, kw_only=True):
    """A further token of a task."""

    task: str
    subject: UserToken | HandedOver


class Amendment(Shown, frozen=True, kw_only=True):
    """What the user said later."""

    token: str
    attestation: str


Request = Start | Child | Renewal | Amendment


def parse(form: Mapping[str, str], gateway: frozenset[str]) -> Request:
    """Read a form. `gateway` lists the names under which tokens for this gateway can be asked for.

    Raises TokenRefused.
    """
    given = {name: value for name, value in form.items() if value}
    _check(given, gateway)
    subject = _subject(given)
    shown = _shown(given)
    if shown["details"] is not None and (isinstance(subject, str) or "task" in given):
        raise TokenRefused(
            "invalid_authorization_details", "The details of a task are fixed when it starts."
        )
    if isinstance(subject, str):
        attestation = _required(given, "purpose_attestation")
        return Amendment(**shown, token=subject, attestation=attestation)
    if "task" in given:
        return Renewal(**shown, task=given["task"], subject=subject)
    profile = _required(given, "task_profile")
    asked: Details | None = shown["details"]
    words = [text for text in (given.get("purpose"), asked and asked.purpose) if text]
    if isinstance(subject, HandedOver):
        if len(words) > 1 or "purpose_attestation" in given:
            raise TokenRefused("invalid_request", "A child task has its parent's purpose, or one.")
        return Child(**shown, parent=subject, profile=profile, purpose="".join(words))
    vouched = given.get("purpose_attestation")
    if len(words) + (vouched is not None) != 1:
        raise TokenRefused(
            "invalid_request", "Give either a purpose or a purpose_attestation, not both."
        )
    return Start(
        **shown, user=subject, profile=profile, purpose="".join(words), attestation=vouched
    )


def _check(given: Mapping[str, str], gateway: frozenset[str]) -> None:
    """What holds of every request."""
    if given.get("grant_type") not in {TOKEN_EXCHANGE, JWT_BEARER}:
        raise TokenRefused("unsupported_grant_type", "This grant type is not offered.")
    if given.get("requested_token_type", ACCESS_TOKEN_TYPE) != ACCESS_TOKEN_TYPE:
        raise TokenRefused("invalid_request", "Only access tokens are issued.")
    for name in ("resource", "audience"):
        if name in given and not ours(given[name], gateway):
            raise TokenRefused("invalid_target", "Tokens are issued for this gateway only.")


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


def client_svid(form: Mapping[str, str]) -> str | None:
    """The JWT-SVID that authenticates a client, if it shows one. Raises TokenRefused."""
    if not form.get("client_assertion"):
        return None
    if form.get("client_assertion_type") != JWT_SVID:
        raise TokenRefused(
            "invalid_client", f"client_assertion_type must be {JWT_SVID}.", status=401
        )
    return form["client_assertion"]


def _subject(given: Mapping[str, str]) -> UserToken | HandedOver | str:
    """Whose token is shown; a string is the task token of the agent itself."""
    if given["grant_type"] == JWT_BEARER:
        certified = "client_id" in given and "actor_token" not in given
        if "client_assertion" not in given and not certified:
            raise TokenRefused(
                "invalid_client", "This grant needs the agent's SVID as client authentication.",
                status=401,
            )  # fmt: skip
        return UserToken(_required(given, "assertion"), grant=True)
    kind = given.get("subject_token_type")
    if kind in _USER_TOKEN_TYPES:
        return UserToken(_required(given, "subject_token"))
    if kind != TASK_TOKEN_TYPE:
        raise TokenRefused("invalid_request", "subject_token_type must be a user's or task's JWT.")
    token = _required(given, "subject_token")
    return (
        HandedOver(token, given["subject_token_proof"]) if "subject_token_proof" in given else token
    )


def _shown(given: Mapping[str, str]) -> dict[str, Any]:
    svids = [client] if (client := client_svid(given)) is not None else []
    # With a client_id alone, the certificate of the connection has to say the same (RFC 8705).
    if "actor_token" in given or not (svids or "client_id" in given):
        if given.get("actor_token_type") != JWT_TYPE:
            raise TokenRefused("invalid_request", f"actor_token_type must be {JWT_TYPE}.")
        svids.append(_required(given, "actor_token"))
    text = given.get("authorization_details")
    return {
        "svids": tuple(dict.fromkeys(svids)),
        "client_id": given.get("client_id"),
        "scopes": frozenset(given["scope"].split(" ")) - {""} if "scope" in given else None,
        "details": None if text is None else details.parse(text),
    }


def _required(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise TokenRefused("invalid_request", f"{name} is missing.")
    return given[name]
