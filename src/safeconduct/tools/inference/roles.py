"""What each argument steers: by its name, its schema, its description and what its tool does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from safeconduct.core.manifest import CONTROL_ROLES, SQL, Argument, Effect, Needs, Role
from safeconduct.tools.inference import nouns
from safeconduct.tools.inference.definition import Definition
from safeconduct.tools.inference.effects import is_sql, searches
from safeconduct.tools.inference.schema import Shape
from safeconduct.tools.inference.words import singular, split


class Said(msgspec.Struct, frozen=True):
    """An argument of a manifest, and why it is that."""

    argument: Argument
    reason: str


class Roles:
    """Says what the arguments of one tool of an upstream steer."""

    def __init__(self, upstream: str, tool: Definition, effect: Effect) -> None:
        self._upstream = upstream
        self._tool = tool
        self._effect = effect
        self._changes = effect.changes_state
        self._searches = not self._changes and searches(tool)
        self._about = nouns.spoken(tool)
        self._noun = nouns.noun(tool, upstream)

    def all(self) -> dict[str, Said]:
        """Every argument that the schema has."""
        return {name: self._of(name, said) for name, said in self._tool.arguments.items()}

    def _of(self, name: str, said: Shape) -> Said:
        words = split(name)
        if said.item is not None and not said.item.inner:
            said = msgspec.structs.replace(
                said.item, description=said.description or said.item.description
            )
        if said.inner or said.types & {"object", "array"}:
            return self._nested(said)
        for guess in (
            self._secret,
            self._switch,
            self._number,
            self._money,
            self._account,
            self._end,
            self._party,
            self._link,
            self._place,
            self._object,
            self._choice,
            self._text,
        ):
            if (found := guess(words, said)) is not None:
                return found
        if not self._changes:
            return _said("query", "chooses what is read, as far as can be seen")
        return _said(
            "content", "nothing says what it steers, so it needs a voucher", needs="vouched"
        )

    def _nested(self, said: Shape) -> Said:
        """Roles are for whole arguments: what steers inside makes all of it need a voucher."""
        if not self._changes:
            return _said("query", "an object that chooses what is read")
        steering = sorted(name for name in _names(said) if self._steers(name, said))
        if not said.inner and said.item is None:
            return _said("content", "an object with anything in it", needs="vouched")
        if steering:
            return _said(
                "content",
                f"something in it steers ({', '.join(map(nouns.shown, steering[:3]))})",
                needs="vouched",
            )
        return _said("content", "nothing in it steers, by its names")

    def _steers(self, name: str, said: Shape) -> bool:
        inner = _inside(said, name)
        argument = self._of(name, inner).argument
        return argument.role in CONTROL_ROLES or argument.needs == "vouched"

    def _secret(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if said.only("boolean") or not nouns.secret(words):
            if not self._changes or nouns.identifies(words):
                return None
            if nouns.widens(words):
                return _said("content", "it says who may do what", needs="vouched")
            if words[-1:] == ("value",) and nouns.SETTINGS.intersection(self._tool.words):
                return _said("content", "what a setting is set to", needs="vouched")
            return None
        return _said("content" if self._changes else "query", "a secret", needs="vouched")

    def _switch(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if not said.only("boolean"):
            return None
        if not self._changes:
            if nouns.EVERYTHING.intersection(words):
                return _said("query", "a switch that can widen what is read")
            return _said("query", "a switch", selects=False)
        if nouns.WIDENING_SWITCHES.intersection(words):
            return _said("content", "a switch that widens what happens", needs="vouched")
        return _said("content", "a switch")

    def _number(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if not said.only("integer", "number") or not nouns.SIZES.intersection(words):
            return None
        if nouns.identifies(words) or (self._changes and nouns.AMOUNTS.intersection(words)):
            return None
        if self._changes:
            return _said("content", "a size")
        return _said("query", "a size: it does not choose whose data is read", selects=False)

    def _money(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if not nouns.AMOUNTS.intersection(words) or nouns.identifies(words):
            return None
        if said.types and not said.types & {"integer", "number", "string"}:
            return None
        if not self._changes:
            return _said("query", "a condition on an amount", selects=not said.only(*_NUMBERS))
        if said.types & {"string"} or not said.types:
            if said.types & {"integer", "number"} or (not said.types):
                return _said("amount", "an amount")
            return _said("content", "an amount as text, which nobody can add up", needs="vouched")
        if "number" in said.types and not nouns.MINOR.intersection(words):
            return _said("amount", "an amount with a point; two digits after it", decimals=2)
        return _said("amount", "an amount in whole numbers")

    def _account(self, words: tuple[str, ...], said: Shape) -> Said | None:
        head = singular(words[-1]) if words else ""
        ours = head in nouns.FROM or (words[:1] == ("from",) and head in nouns.REACHED)
        if ours and self._changes:
            return _said("account", "in whose name it is done")
        if nouns.ACCOUNTS.intersection(words) and head not in nouns.NAMING:
            return _said("account", "named like an account")
        if nouns.says_iban(said.description) and not nouns.RECEIVERS.intersection(words):
            return _said("account", "described as an account")
        return None

    def _end(self, words: tuple[str, ...], said: Shape) -> Said | None:
        """`source`, `target`: places in a tool about files, elsewhere where something goes."""
        if not nouns.ENDS.intersection(words) or nouns.identifies(words) or said.choices:
            return None
        if self._about & nouns.FILES:
            return _said("path", "a place in a tool about files")
        return _said("destination", "where it goes") if self._changes else None

    def _party(self, words: tuple[str, ...], said: Shape) -> Said | None:
        head = singular(words[-1]) if words else ""
        mail = said.format in {"email", "idn-email"}
        if words[-1:] == ("to",) and self._about & nouns.TIMES and not mail:
            return None
        named = bool(nouns.RECEIVERS.intersection(words)) and head not in nouns.NOT_RECEIVERS
        if self._changes and (mail or named or self._is_party(words, head)):
            if nouns.identifies(words):
                kind = f"{self._upstream}.{nouns.resource(words, self._noun)}"
                return _said("recipient", "the id of who gets it", type=kind)
            return _said("recipient", "the format of an address" if mail else "who gets it")
        if self._searches and (mail or named):
            return _said("query", "an address to look for")
        return None

    def _link(self, words: tuple[str, ...], said: Shape) -> Said | None:
        formatted = said.format in nouns.LINK_FORMATS
        if formatted or (
            nouns.LINKS.intersection(words)
            and not nouns.PATHS.intersection(words)
            and not nouns.identifies(words)
        ):
            return _said("destination", "an address that is contacted or shown")
        return None

    def _is_party(self, words: tuple[str, ...], head: str) -> bool:
        """People and rooms that a message or an invitation goes to, by whatever id."""
        if head in nouns.CONTENT_HEADS:
            return False
        if nouns.ROOMS.intersection(words):
            return self._effect in (Effect.send, Effect.execute) or head in nouns.ROOMS
        given = self._effect not in (Effect.delete, Effect.execute)
        return head in nouns.PEOPLE and given

    def _place(self, words: tuple[str, ...], said: Shape) -> Said | None:
        head = singular(words[-1]) if words else ""
        if said.format == "uri-reference" or head in nouns.PATHS:
            return _said("path", "named like a path")
        if "path" in words and head not in nouns.CONTENT_HEADS and not nouns.identifies(words):
            return _said("path", "named like a path")
        return None

    def _object(self, words: tuple[str, ...], said: Shape) -> Said | None:
        kind = nouns.resource(words, self._noun)
        head = singular(words[-1]) if words else ""
        if nouns.identifies(words) or said.format == "uuid":
            if nouns.PAGING.intersection(words) and words[-1] in nouns.COUNTED:
                return None
            return self._typed(kind, "an id")
        if head in nouns.CONTAINERS and not said.choices:
            return self._typed(nouns.kind(head), "names the object that is meant")
        acts = self._effect in (Effect.delete, Effect.execute, Effect.pay)
        if head == "name" and (acts or nouns.changes_existing(self._tool)) and not said.choices:
            if len(words) > 1 and words[0] in nouns.FRESH:
                return None
            return self._typed(kind, "a name that chooses")
        about = head in {singular(word) for word in self._tool.words} and not said.choices
        if about and self._changes and head not in nouns.CONTENT_HEADS:
            return self._typed(nouns.kind(head), "names what the tool is about")
        if not self._searches and head in nouns.PEOPLE | nouns.ROOMS:
            return self._typed(nouns.kind(head), "names whose it is")
        return None

    def _typed(self, kind: str, reason: str) -> Said:
        return _said("object-id", reason, type=f"{self._upstream}.{kind}")

    def _choice(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if not said.choices:
            return None
        if not self._changes:
            return _said("query", "one of few values", selects=False)
        return _said("content", "one of few values")

    def _text(self, words: tuple[str, ...], said: Shape) -> Said | None:
        if is_sql(words, said, self._tool):
            return _said("query", "free SQL", type=SQL)
        if not self._changes:
            return None
        head = singular(words[-1]) if words else ""
        if words and words[-1] in nouns.PROGRAMS:
            return _said("content", "a program or a command", needs="vouched")
        if nouns.QUERIES.intersection(words):
            return _said("query", "a query")
        if head == "name":
            return _said("content", "the name of what is new")
        if head in nouns.CONTENT_HEADS or said.format in nouns.TIME_FORMATS:
            return _said("content", "what is written or said")
        if said.only("integer", "number"):
            return _said("content", "a number")
        return None


_NUMBERS: Final = ("integer", "number")


def _said(
    role: Role,
    reason: str,
    *,
    type: str | None = None,  # noqa: A002  the manifest's own word
    needs: Needs | None = None,
    selects: bool = True,
    decimals: int = 0,
) -> Said:
    argument = Argument(role=role, type=type, needs=needs, selects=selects, decimals=decimals)
    return Said(argument, reason)


def _names(said: Shape) -> Iterator[str]:
    for one in (said, *([said.item] if said.item is not None else [])):
        yield from one.inner


def _inside(said: Shape, name: str) -> Shape:
    held: Mapping[str, Shape] = said.item.inner if said.item is not None else said.inner
    return held.get(name) or said.inner.get(name) or Shape()
