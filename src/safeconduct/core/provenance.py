"""Provenance: where a value was seen, and whether that place may vouch for it.

No fact comes from the one it is about: an argument never vouches for itself, and a purpose that the
agent states is a claim of the agent. A value's provenance is the set of all places where it was
seen, compared exactly after normalisation: substrings would let a hostile channel name vouch for
every value inside it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase
from typing import Final, Literal

import msgspec

from safeconduct.core.manifest import Role

PurposeSource = Literal["user", "app", "agent"]
"""Who speaks for the user: the user's device, a registered front end, or the agent itself."""

Place = Literal[
    "user-request",
    "app-request",
    "policy-constant",
    "named-field",
    "sub-granted",
    "endorsed",
    "picked",
    "trusted-field",
    "bounded",
    "request-words",
    "on-file",
    "offered",
    "single-source",
    "named-source",
    "seen",
    "agent-request",
]
"""Where a value was seen, the strongest first.

A value is `sub-granted` where the user has the task do what its source says, with this very tool. A
trusted field is `named` where the request names what was read, or its row. A person may have
`endorsed` a value. What the task has made itself is `picked`, as is the first of its kind where the
request means the first. An amount is `bounded` by a larger one that is vouched for. A value is
`on-file` where a resolver has it. What anybody may have written was seen in a source that the
request names, in a field that offers it, as the only value of its shape (`single`) or among others;
or it was just seen.
"""

GRANTED: Final = frozenset[Place]({"sub-granted", "endorsed"})
"""Places by which a person lets a value steer some tool, so often, and no other."""

NAMED: Final = GRANTED | frozenset[Place](
    {"user-request", "app-request", "policy-constant", "named-field"}
)
"""Places by which the user chose the value: one among many that only exist is not chosen."""

PICKED: Final[Place] = "picked"
"""The place of a value that may be deleted, and shown to whom the request names: nothing follows
from it for anything else."""

VOUCHING: Final = NAMED | frozenset[Place]({PICKED, "trusted-field", "bounded"})
"""Places whose values may be used as control arguments."""

REQUESTS: Final[dict[PurposeSource, Place]] = {
    "user": "user-request",
    "app": "app-request",
    "agent": "agent-request",
}


QUOTED: Final = "quoted"
"""Where in the request a value stands that has quotes around it."""


class Origin(msgspec.Struct, frozen=True):
    """One place where a value was seen in this task; `where` is a tool and field path, if any."""

    place: Place
    where: str = ""


def vouched_for(origins: Iterable[Origin]) -> bool:
    """Whether one of these places may vouch for a control argument."""
    for origin in origins:  # noqa: SIM110  a generator costs several times as much
        if origin.place in VOUCHING:
            return True
    return False


def named(origins: Iterable[Origin]) -> bool:
    """Whether the user chose the value."""
    return any(origin.place in NAMED for origin in origins)


_SPEAKING: Final = VOUCHING - {PICKED}
_OFFERED: Final = VOUCHING | frozenset[Place]({"offered", "on-file"})
_SINGLE: Final = VOUCHING | frozenset[Place]({"single-source", "on-file"})


def picked(origins: Iterable[Origin]) -> bool:
    """Whether the user chose the value, or the task made it, or it is the first of its kind."""
    return any(origin.place in NAMED or origin.place == PICKED for origin in origins)


def speaks(origins: Iterable[Origin]) -> bool:
    """Whether a place vouches that does not depend on what the task did itself."""
    return any(origin.place in _SPEAKING for origin in origins)


def offered(origins: Iterable[Origin]) -> bool:
    """Whether the value stood as it is in a field that offers it: nobody composed it."""
    return any(origin.place in _OFFERED for origin in origins)


def single(origins: Iterable[Origin]) -> bool:
    """Whether the request points to this value and no other."""
    return any(origin.place in _SINGLE for origin in origins)


def requested(origins: tuple[Origin, ...]) -> bool:
    """Whether the request itself says the value, or the policy does."""
    return any(one.place in REQUESTED for one in origins)


REQUESTED: Final = frozenset({"user-request", "app-request", "policy-constant"})


Vouch = Literal["trusted-field", "picked", "named-field"]
"""As what a trusted field vouches, the weakest first."""

VOUCHES: Final[tuple[Vouch, ...]] = ("trusted-field", "picked", "named-field")


class Vouched(msgspec.Struct, frozen=True):
    """A value that a trusted field of a result vouches for, as it is remembered in the task.

    `key` is the role it may have, with the resource type of an object id.
    """

    key: str
    value: str
    where: str
    place: Vouch = "trusted-field"


Chosen = Literal["named-object", "named-query", "named-field", "trusted-field"]
"""What chose that which was read: an object that the request names exactly, what it has in quotes,
words of the request, or nothing but what is on file.
"""


def value_digest(value: str) -> str:
    """How a remembered value is looked up: the first 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a result came about, as far as its values are concerned.

    `chosen` is how a vouched field counts, None where somebody may have chosen what was read;
    `names` says whether the request names an object by this value, `mentions` whether it says the
    value at all, and `ranks` whether it means the first by a word among things of a kind;
    `written` says whether an agent wrote the value to the same system without a voucher, `touched`
    whether one wrote to the object of this type and id, and `user` who may own rows. `sought` is
    what was looked for in quotes.
    """

    chosen: Chosen | None = None
    sought: frozenset[str] = frozenset()
    names: Callable[[str], bool] = lambda _value: False
    mentions: Callable[[str], bool] = lambda _value: False
    ranks: Callable[[str, str], bool] = lambda _word, _kind: False
    written: Callable[[str], bool] = lambda _value: False
    touched: Callable[[str, str], bool] = lambda _type, _id: False
    user: str = ""


UNVOUCHED: Final = Reading()
"""A reading that vouches for nothing."""


def vouching_key(role: Role, resource_type: str | None) -> str:
    """Ids of one type never stand for those of another."""
    return role if resource_type is None else f"{role} {resource_type}"


def normalise(value: object, role: Role = "content") -> str | None:
    """The form in which values of a role are compared; None if it is not a scalar.

    Case and inner spaces are kept: a look-alike is another value. What is the same by the rules of
    its kind is one value: spaces in an account number (ISO 13616), the case of a mail domain (RFC
    5321) and of a URL's scheme and host (RFC 3986), zeros behind the point of an amount.
    """
    if isinstance(value, str):
        form = _FORMS.get(role)
        return value if form is None else form(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return decimal(repr(value))
    return None


def decimal(text: str) -> str | None:
    """A number in its shortest decimal form, or None: `12.50` is `12.5`, `1,250.00` is `1250`."""
    # What is kept of a text at all is short.
    return _decimal(text) if len(text) <= 2 * MAX_NUMBER else None


@lru_cache(maxsize=4096)
def _decimal(text: str) -> str | None:
    whole, point, rest = text.partition(".")
    groups = whole.lstrip("-").split(",")
    if len(groups) > 1 and not (
        1 <= len(groups[0]) <= GROUP
        and all(len(one) == GROUP for one in groups[1:])
        and "".join(groups).isdigit()
    ):
        return None
    plain = f"{whole.replace(',', '')}{point}{rest}"
    if len(plain) > MAX_NUMBER or not plain.isascii():
        return None
    number = _EXACT.create_decimal(plain).normalize(_EXACT)
    exponent = number.as_tuple().exponent
    # `1e999999` is a number that nobody can write out.
    if not isinstance(exponent, int) or "_" in plain or abs(exponent) > MAX_NUMBER:
        return None
    return f"{number:f}" if number else "0"


GROUP: Final = 3
"""Digits between the commas of a number."""

MAX_NUMBER: Final = 40
"""How many characters a number may have."""

_EXACT: Final = Context(prec=2 * MAX_NUMBER, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
"""Nothing is rounded, and what is no number, or too large for one, is not finite."""


def _amount(text: str) -> str:
    return decimal(text) or text


def _account(text: str) -> str:
    bare = "".join(text.split())
    return bare.upper() if bare.isascii() and bare.isalnum() else text


def _recipient(text: str) -> str:
    local, at, domain = text.rpartition("@")
    return f"{local}@{_lower(domain)}" if at else text


def _lower(text: str) -> str:
    """With ASCII letters in lower case: some others become letters that they only look like."""
    return text.translate(_LOWER)


_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@]+)((?:[/?#].*)?)", re.DOTALL)


def _destination(text: str) -> str:
    url = _URL.fullmatch(text)
    return text if url is None else f"{_lower(url[1])}://{_lower(url[2])}{url[3]}"


_FORMS: Final[dict[Role, Callable[[str], str]]] = {
    "amount": _amount,
    "account": _account,
    "recipient": _recipient,
    "destination": _destination,
}
"""The form of a text by role, where it is not the text itself."""
