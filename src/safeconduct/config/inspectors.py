"""What looks at arguments and results besides the built-in shapes, and who else judges a call."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from safeconduct.config.names import Name

EffectName = Literal["read", "write", "send", "delete", "execute", "pay"]
"""The effects of tools, as a manifest writes them."""

Region = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="two letters, such as DE")]
"""A country (ISO 3166-1 alpha-2)."""

Language = Annotated[
    str,
    Meta(pattern=r"^[a-z]{3}(_[a-z]{2,7}){0,2}$(?!\n)", description="a model's name, such as eng"),
]
"""A language and script that Tesseract has a model of, by the name of its file."""

Share = Annotated[float, Meta(gt=0, lt=1)]
Milliseconds = Annotated[int, Meta(ge=50, le=60_000)]


class InspectorBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block of the configuration that says what is looked for, or who else judges."""


class Pii(InspectorBlock, frozen=True):
    """Personal data. `region` is where telephone numbers without a country code are dialled,
    `kinds` narrows what is looked for; without any it is all that there is.
    """

    region: Region | None = None
    kinds: tuple[str, ...] = ()


class Dictionary(InspectorBlock, frozen=True):
    """Words and patterns (RE2) of the operator's own: what they find is `<family>.<name>`. `file`
    has one word or phrase a line.
    """

    family: Name
    file: str | None = None
    patterns: tuple[str, ...] = ()


class Match(InspectorBlock, frozen=True):
    """Salted hashes of the operator's own values: exactly these are found, as `<family>.<name>`."""

    family: Name
    file: str


class Documents(InspectorBlock, frozen=True):
    """How documents are unpacked, in processes of their own. `ocr`: letters in pictures are read,
    too, as those of these languages.
    """

    timeout_s: Annotated[int, Meta(ge=1, le=60)] = 10
    max_bytes: Annotated[int, Meta(ge=1024, le=67_108_864)] = 10_485_760
    ocr: bool = False
    ocr_languages: Annotated[tuple[Language, ...], Meta(min_length=1, max_length=8)] = ("eng",)


class Instructions(InspectorBlock, frozen=True):
    """From which score on a text counts as instructions to the agent."""

    above: Share = 0.9


class External(InspectorBlock, frozen=True):
    """Somebody else's inspection: what it finds is `external.<what it is called there>`. `when` are
    the effects of the calls whose arguments and results it sees; `credential` is a reference, as
    `file:<path>` or `env:<NAME>`. `application` is the id that the gateway has at Purview. The
    server's certificate is checked against the system's authorities, or those in the file `ca`.
    """

    wire: Literal["webhook", "purview", "shield"]
    url: str
    credential: str | None = None
    application: str | None = None
    ca: str | None = None
    timeout_ms: Milliseconds = 2000
    when: tuple[EffectName, ...] = ("send",)


class InspectorsBlock(InspectorBlock, frozen=True):
    """What is looked for. Secrets, code, personal data, prices and encodings are always; documents
    and instructions where they are configured.
    """

    pii: Pii = Pii()
    dictionaries: dict[Name, Dictionary] = {}
    matches: dict[Name, Match] = {}
    documents: Documents | None = None
    instructions: Instructions | None = None
    external: dict[Name, External] = {}


class ReviewerBlock(InspectorBlock, frozen=True):
    """A second model that compares calls of these effects with the user's request. `otherwise` is
    what happens to a call that it does not find consistent with it, or does not judge in time. `ca`
    is as for external inspections.
    """

    wire: Literal["openai", "anthropic"]
    url: str
    model: str
    credential: str | None = None
    ca: str | None = None
    timeout_ms: Milliseconds = 5000
    effects: tuple[EffectName, ...] = ("send", "delete", "execute", "pay")
    otherwise: Literal["refuse", "elevate"] = "refuse"
