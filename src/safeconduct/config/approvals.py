"""Who says yes to what, by which means, and how they are told that they are asked."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from safeconduct.config.names import Name
from safeconduct.core.approvers import (
    MAX_APPROVERS,
    PASSKEY,
    USER,
    Keys,
    Means,
    Offer,
    Party,
    Template,
)

Role = Literal["analyst", "operator"]
"""What somebody may do at the console besides answering: an analyst reads the evidence, an operator
sees and changes how the gateway stands."""

Seconds = Annotated[int, Meta(ge=10, le=86_400)]
TemplateName = Annotated[str, Meta(min_length=1, max_length=64)]


class ApprovalBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block of the configuration that is about people who say yes."""


class Persons(ApprovalBlock, frozen=True):
    """Users by their id, and all who are in one of these `groups` of the entitlements."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class TemplateBlock(ApprovalBlock, frozen=True):
    """What the name of a question stands for. `ask` are those who each have to say yes: `user`, who
    delegated the task, or groups of approvers, of each `count` persons.

    `ttl_s` is how long a yes is good at most, `wait_s` how long the question stands. `offers` is
    what may be given instead of one yes.
    """

    title: Annotated[str, Meta(max_length=120)] = ""
    # A pattern in a union ends the process in msgspec 0.22; the names are held to groups anyway.
    ask: str | tuple[str, ...] = USER
    count: Annotated[int, Meta(ge=1, le=MAX_APPROVERS)] = 1
    keys: Keys = "any"
    means: tuple[Means, ...] = PASSKEY
    ttl_s: Annotated[int, Meta(ge=10, le=3600)] | None = None
    wait_s: Seconds | None = None
    offers: Offer | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """The names in `ask`."""
        return (self.ask,) if isinstance(self.ask, str) else self.ask


class StepUp(ApprovalBlock, frozen=True):
    """How a fresh sign-in has to be that counts as a yes (RFC 9470): one of these `acr`, at most so
    long ago.
    """

    acr: tuple[str, ...]
    max_age_s: Annotated[int, Meta(ge=1, le=600)] = 60


class Notifier(ApprovalBlock, frozen=True):
    """One way to tell people that they are asked. `url` is where the message goes, or for `smtp`
    the server (`smtp://host:port`, `smtps://`), `ca` a file of authorities to trust instead of the
    system's; `credential` refers to what proves who sends it.

    `people` are users and what they are called there: a mail address, or an id of a chat. `channel`
    is where it is said when nobody of them is asked. `groups` narrows whose questions are told.
    With `clicks` a click there may be an answer, for templates that accept the means `chat`;
    `signing` refers to what proves that a click comes from there, from this `workspace`.
    """

    wire: Literal["smtp", "slack", "teams", "webhook"]
    url: str
    ca: str | None = None
    credential: str | None = None
    signing: str | None = None
    workspace: str | None = None
    sender: str | None = None
    channel: str | None = None
    people: dict[str, str] = {}
    groups: tuple[Name, ...] = ()
    clicks: bool = False


class Ciba(ApprovalBlock, frozen=True):
    """The issuer of the users pushes the question to their device (OpenID Connect CIBA Core 1.0).

    `client_id` and `secret` are ours there. A yes has to have one of these `acr`, if there are any,
    and the sign-in on the device may be so long ago.
    """

    client_id: str
    secret: str | None = None
    scope: str = "openid"
    acr: tuple[str, ...] = ()
    max_age_s: Annotated[int, Meta(ge=1, le=600)] = 120


class ApprovalsBlock(ApprovalBlock, frozen=True):
    """Who is asked, and how. Names that no template explains are put to the user.

    `bypass_minutes` is for how long at most an approver may have a template not asked about at all;
    without it nobody may. `unsafe_terminal` lets whoever can open the operator socket say yes,
    `unsafe_enrolment` has them make links by which a user registers a passkey.
    """

    groups: dict[Name, Persons] = {}
    templates: dict[TemplateName, TemplateBlock] = {}
    step_up: StepUp | None = None
    ciba: Ciba | None = None
    notify: dict[Name, Notifier] = {}
    bypass_minutes: Annotated[int, Meta(ge=1, le=240)] | None = None
    unsafe_terminal: bool = False
    unsafe_enrolment: bool = False


class ConsoleBlock(ApprovalBlock, frozen=True):
    """Where people look and answer: a listener of its own. `url` is what browsers call it; passkeys
    belong to its host, which is a domain or `localhost`. `roles` says who may do more than answer.
    `unsafe_visits` lets whoever can open the operator socket make links by which somebody looks
    around as a user, without a sign-in.
    """

    listen: str
    url: str
    roles: dict[Role, Persons] = {}
    unsafe_visits: bool = False

    def page(self, approval: str) -> str:
        """Where a question is shown and answered. The link is no secret: the page needs a sign-in
        of its own.
        """
        return f"{self.url.rstrip('/')}/approvals/{approval}"


def templates(block: ApprovalsBlock) -> dict[str, Template]:
    """What the names of questions stand for."""
    return {
        name: Template(
            title=one.title,
            parties=tuple(
                Party(who, 1 if who == USER else one.count, one.keys, one.means)
                for who in one.asked
            ),
            ttl_s=one.ttl_s,
            wait_s=one.wait_s,
            offers=one.offers,
        )
        for name, one in block.templates.items()
    }
