"""What a call changes: the strictest of all that a definition says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from safeconduct.core.manifest import Effect
from safeconduct.tools.inference import vocabulary as known
from safeconduct.tools.inference.definition import Definition
from safeconduct.tools.inference.schema import Shape
from safeconduct.tools.inference.verbs import Verb, of_description, of_name, strictest
from safeconduct.tools.inference.words import sentences, singular, split, these

_ACTIONS: Final = these("action actions command op operation operations verb")
_MODES: Final = these("method mode type")
_PROGRAMS: Final = these("bash cmd command commands javascript js python script shell")
_STATEMENTS: Final = these("sql statement statements")
_ASKED: Final = these("filter pattern prompt q query request statement")
_METHODS: Final = these("method verb")
_BODIES: Final = these("body data json payload")
_RECEIVERS: Final = these(
    "callback deliver deliver_to destination_email email_to mail_to notify recipient recipients "
    "send_to webhook"
)
_GUESTS: Final = these(
    "attendee attendees bcc cc guest guests invitee invitees participant participants recipient "
    "recipients"
)
_MONEY_WORDS: Final = these("amount sum")
_PAYEES: Final = these(
    "account beneficiary card currency iban payee recipient recipients to wallet"
)
_SWITCHED: Final = these("archive claim lock")
_LANGUAGES: Final = these("cypher gql graphql mutation mutations")
_SQL: Final = these("mssql mysql postgres postgresql sql sqlite")


class Guess(msgspec.Struct, frozen=True):
    """An effect, and why."""

    effect: Effect
    reason: str
    action: Effect
    """What its words alone say, which is what a scope for it is called."""


class Hit(msgspec.Struct, frozen=True):
    """One part of a definition that says something of the effect."""

    effect: Effect
    reason: str


def guess(tool: Definition) -> Guess:
    """The strictest effect that name, description, arguments and hints say; execution if none."""
    told = of_description(tool.description)
    named = of_name(tool.name, told)
    found: list[Hit] = []
    verb = strictest(named)
    if verb is not None:
        found.append(Hit(verb.effect, f"`{verb.word}` in the name"))
    else:
        found += _nameless(tool, told)
    verb = strictest(told)
    if verb is not None:
        why = f"`{verb.word}` in" if verb.word else "a verb that is not known begins"
        found.append(Hit(verb.effect, f"{why} the description"))
    found += _arguments(tool, max(_rank(one) for one in found))
    action = max(found, key=_rank).effect
    found += _hints(tool, action)
    best = max(found, key=_rank)
    return Guess(best.effect, best.reason, action)


def _rank(one: Hit) -> int:
    return known.STRICTNESS[one.effect]


def _nameless(tool: Definition, told: list[Verb]) -> Iterator[Hit]:
    """A name without a verb is read only if it names what is looked at, and nothing else is said
    of it.
    """
    last = singular(tool.words[-1]) if tool.words else ""
    if not told or last not in known.NOTHING_BUT_LOOKED_AT:
        why = "no verb that is known in the name" if tool.words else "no word in the name"
        yield Hit(Effect.execute, why)


def _arguments(tool: Definition, so_far: int) -> Iterator[Hit]:
    every: set[str] = set()
    for name, said in tool.arguments.items():
        words = split(name)
        every.update(words)
        yield from _choosing(words, said)
        yield from _switching(words, said)
        if words and (said.types & {"string", "array"} or not said.types):
            yield from _given(tool, words, said, so_far)
    addresses = every & {"url", "uri", "endpoint", "host"}
    if addresses and every & (_BODIES | _METHODS):
        yield Hit(Effect.send, "it sends what it is given to an address that it is given")
    if so_far > 0 and every & _MONEY_WORDS and every & _PAYEES:
        yield Hit(Effect.pay, "an amount, and whose it is")


def _given(tool: Definition, words: tuple[str, ...], said: Shape, so_far: int) -> Iterator[Hit]:
    """What an argument of text tells: programs and statements to run, and who is told."""
    if words[-1] in _PROGRAMS and not said.choices:
        yield Hit(Effect.execute, "an argument holds a program or a command")
    if is_sql(words, said, tool):
        yield Hit(Effect.execute, "free SQL can change data")
    elif words[-1] in _ASKED and _LANGUAGES & _about(said, tool):
        yield Hit(Effect.execute, "a query of this language can change data")
    told = {"_".join(words), *words} & _RECEIVERS
    if told and not known.SEARCHING.intersection(tool.words):
        yield Hit(Effect.send, "an argument says who is told")
    elif _GUESTS.intersection(words) and so_far == known.STRICTNESS[Effect.write]:
        yield Hit(Effect.send, "those whom an argument names are told")


def is_sql(words: tuple[str, ...], said: Shape, tool: Definition) -> bool:
    """Whether an argument is free SQL."""
    if not words or said.choices:
        return False
    if words[-1] in _STATEMENTS:
        return True
    return words[-1] in _ASKED and bool(_SQL & _about(said, tool))


def _about(said: Shape, tool: Definition) -> set[str]:
    return {*tool.words, *split(said.description), *split(tool.description)}


def _choosing(words: tuple[str, ...], said: Shape) -> Iterator[Hit]:
    """An argument that chooses what is done: the strictest of its choices."""
    if not words or words[-1] not in _ACTIONS | _MODES:
        return
    if not said.choices and words[-1] in _ACTIONS and not said.only("boolean", "integer", "number"):
        yield Hit(Effect.execute, "an argument chooses what is done, and anything can be chosen")
    for choice in said.choices:
        verb = strictest(of_name(choice, ()))
        if verb is not None and (words[-1] in _ACTIONS or verb.word not in known.NOUNS_TOO):
            yield Hit(verb.effect, f"an argument can choose `{verb.word}`")
        elif words[-1] in _ACTIONS:
            yield Hit(Effect.execute, "an argument can choose what has no verb that is known")


def _switching(words: tuple[str, ...], said: Shape) -> Iterator[Hit]:
    """A switch that makes a read do more: `mark_as_read`, `delete_after`."""
    if not said.only("boolean"):
        return
    for word in words:
        if word in known.SURE:
            yield Hit(known.SURE[word], f"a switch says `{word}`")
    first = words[0] if words else ""
    effect = known.NOUNS_TOO.get(first)
    if first in _SWITCHED or effect in (Effect.delete, Effect.pay):
        yield Hit(effect or Effect.write, f"a switch says `{first}`")


def _hints(tool: Definition, so_far: Effect) -> Iterator[Hit]:
    """Hints are claims: they raise an effect, and never lower one."""
    if tool.hints.get("readOnlyHint") is False:
        yield Hit(Effect.write, "the server's hint: it is not read-only")
    if tool.hints.get("destructiveHint") and so_far in {Effect.read, Effect.write}:
        yield Hit(Effect.delete, "the server's hint: it destroys what was there")


def searches(tool: Definition) -> bool:
    """Whether a reading tool chooses by conditions, so that its arguments are filters."""
    head = next((words for words in sentences(tool.description)), [""])[0]
    return bool(known.SEARCHING.intersection(tool.words)) or head in known.SEARCHING
