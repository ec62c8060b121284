"""Who has to say yes to a question: the user it is done for, or others who answer for it. Pure.

CSA AARM tells the two apart: a STEP_UP is confirmed by the delegating user, a DEFER is approved by
somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

USER: Final = "user"
"""The party that is the delegating user; every other party is a group, by its name."""

MAX_APPROVERS: Final = 5
"""How many distinct persons of a group one question may need."""

Keys = Literal["any", "device-bound"]
"""Which passkeys count: any, or those alone that cannot leave the device they were made on."""

Means = Literal["passkey", "sign-in", "ciba", "chat"]
"""How a person says yes: a passkey's signature of what was shown, a fresh sign-in at the issuer
(RFC 9470), a push by the issuer (OpenID Connect CIBA), or a click in a chat.
"""

PASSKEY: Final[tuple[Means, ...]] = ("passkey",)


class Party(msgspec.Struct, frozen=True):
    """So many distinct persons of whom each must say yes, by which means, and with which passkeys.

    A member of a group says yes for others: never to what is done for them.
    """

    who: str = USER
    count: Annotated[int, Meta(ge=1, le=MAX_APPROVERS)] = 1
    keys: Keys = "any"
    means: tuple[Means, ...] = PASSKEY

    def meets(self, other: Party) -> bool:
        """Whether the yes of this party is as good as that of the other."""
        bound = self.keys == "device-bound" or other.keys == "any"
        by = frozenset(self.means) <= frozenset(other.means)
        return self.who == other.who and self.count >= other.count and bound and by


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approver may give instead of one yes: an elevation for more calls of the same tool.

    With `same` objects only what steers the shown call steers the others too, and no amount is
    higher; `any` leaves all of them open but the amounts.
    """

    calls: Annotated[int, Meta(ge=2, le=100)]
    minutes: Annotated[int, Meta(ge=1, le=60)]
    objects: Literal["same", "any"] = "same"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What the name of a question stands for. `wait_s` is how long it stands, `ttl_s` how long a
    yes is good at most, in seconds.
    """

    title: str = ""
    parties: tuple[Party, ...] = (Party(),)
    ttl_s: int | None = None
    wait_s: int | None = None
    offers: Offer | None = None


Templates = Mapping[str, Template]

PLAIN: Final = Template()
"""What a name stands for that nobody explains: the user is asked."""


def together(parties: Iterable[Party]) -> tuple[Party, ...]:
    """All of these parties: of each the most persons, the strictest about passkeys, and the means
    that all of them accept; a passkey where there are none.
    """
    found: dict[str, Party] = {}
    for one in parties:
        known = found.get(one.who, one)
        bound = "device-bound" in (one.keys, known.keys)
        found[one.who] = Party(
            one.who,
            max(one.count, known.count),
            "device-bound" if bound else "any",
            tuple(means for means in known.means if means in one.means) or PASSKEY,
        )
    return tuple(found[who] for who in sorted(found))


def parties_of(named: Iterable[str], templates: Templates) -> tuple[Party, ...]:
    """Who has to say yes to a question of these names."""
    known = [templates.get(name, PLAIN) for name in named]
    return together(party for one in known or [PLAIN] for party in one.parties)


def meet(given: Iterable[Party], needed: Iterable[Party]) -> bool:
    """Whether those who said yes are all who have to."""
    said = tuple(given)
    return all(any(one.meets(other) for one in said) for other in needed)


def offer_of(named: Iterable[str], templates: Templates) -> Offer | None:
    """What may be given instead of one yes, where every name offers something: the least of it."""
    offers = [templates.get(name, PLAIN).offers for name in named]
    if not offers or None in offers:
        return None
    given = [one for one in offers if one is not None]
    return Offer(
        calls=min(one.calls for one in given),
        minutes=min(one.minutes for one in given),
        objects="any" if all(one.objects == "any" for one in given) else "same",
    )
