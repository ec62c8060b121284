"""Finds credentials: an agent must never hold one.

They are known by the formats that issuers document, by the words that stand before them, and by
the places where protocols put them. This is the looking, not the boundary: a secret that nothing
tells passes, and keeping it away from agents is the broker's work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safeconduct.inspectors.assignments import ASSIGNMENTS
from safeconduct.inspectors.issuers import NAMED, TOKENS, Named, Token
from safeconduct.inspectors.protocols import PROTOCOLS
from safeconduct.inspectors.scan import Scan
from safeconduct.inspectors.secrecy import in_blob, is_identifier, mixed, random, stands_for
from safeconduct.inspectors.shapes import Shape

_SEPARATOR: Final = r"""["'`\s\v\\]{0,4}(?:=>|:{1,3}=|:=>|\?=|\|\||[=:>,]=?)[\s\v"'`=\\]{0,6}"""
_BETWEEN: Final = r"""(?:[\w .-]|\\[tnrf]|\\u00..)*(?:["'`\s\\]|\\[tnrf]|\\u00..)*[=:>,?|]"""
"""What stands between a name and its value, in JSON."""


def _token(one: Token) -> Shape:
    def check(text: str, start: int, end: int) -> bool:
        value = text[start:end]
        if stands_for(value):
            return False
        return not one.weak or (random(value, one.weak) and not in_blob(text, start, end))

    return Shape(f"secret.{one.issuer}", rf"\b{one.pattern}", one.sign, check, distinct=True)


def _named(one: Named) -> Shape:
    def check(text: str, start: int, end: int) -> bool:
        value = text[start:end]
        return mixed(value) and not stands_for(value) and not is_identifier(text, start)

    return Shape(
        f"secret.{one.issuer}",
        rf"(?i)(?:{one.name})[\w .\t-]{{0,20}}{_SEPARATOR}({one.value})(?:[^\w-]|$)",
        rf"(?i:{one.name}){_BETWEEN}",
        check,
        keyed=True,
    )


def _shapes() -> Iterator[Shape]:
    yield from map(_token, TOKENS)
    yield from map(_named, NAMED)
    yield from PROTOCOLS
    yield from ASSIGNMENTS


SHAPES: Final = tuple(_shapes())
"""All of them; what is surer stands first."""

KINDS: Final = tuple(dict.fromkeys(shape.kind for shape in SHAPES))


class SecretInspector(Scan):
    """Reports credentials in the strings and keys of a JSON value (`safeconduct.ports.Inspector`).

    A credential in an object's key is reported at the key's place.
    """

    def __init__(self) -> None:
        super().__init__(SHAPES)
