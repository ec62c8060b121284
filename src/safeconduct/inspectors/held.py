"""Finds the credentials that this gateway itself uses, which may have no shape to know them by.

It is for what is kept, not for what passes: what an agent sends or gets is the work of others.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, NamedTuple

import orjson

from safeconduct.core.model import Finding
from safeconduct.inspectors.texts import Span, in_json, look

KIND: Final = "secret.held"

MAX_HELD: Final = 64
"""How many are known, the last used."""

MIN_CHARACTERS: Final = 8
"""What is shorter is found in texts that have nothing to do with it."""

_BASIC: Final = "Basic "
_WORD: Final = 8
_STRIDE: Final = 2 * _WORD
"""Every other word of a text is looked at."""
_TAIL: Final = _STRIDE + _WORD - 1
"""Wherever so many bytes lie in a text, one of the words that are looked at is whole in them."""


class _Credential(NamedTuple):
    """What is looked for: by form of a credential how JSON writes it, and where to look closer."""

    forms: dict[str, bytes]
    short: list[bytes]
    words: frozenset[int]


class HeldSecrets:
    """Knows the credentials it is told of, and finds them in the strings and keys of a JSON value
    (`safeconduct.ports.Inspector`): as they are, in base64 and in hexadecimal.

    A text without one is cut into words, and no other word of it is found among those in which a
    credential may end: so it is of no account how many are held.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, _Credential] = OrderedDict()
        self._short: list[bytes] = []  # what words say nothing of
        self._words: frozenset[int] = frozenset()

    def note(self, value: str) -> None:
        """Remembers a credential: a header field's value, or the bare secret."""
        for secret in _secrets(value):
            if len(secret) < MIN_CHARACTERS:
                continue
            if secret not in self._held:
                self._held[secret] = _credential(secret)
                if len(self._held) > MAX_HELD:
                    self._held.popitem(last=False)
                self._short = [short for one in self._held.values() for short in one.short]
                self._words = frozenset().union(*[one.words for one in self._held.values()])
            self._held.move_to_end(secret)

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        if not self._held:
            return ()
        data = data or in_json(value)
        if data and not self._may_hold(data):
            return ()
        found = [
            form
            for one in self._held.values()
            for form, written in one.forms.items()
            if data is None or written in data
        ]
        if not found:
            return ()

        def spans(text: str) -> Iterator[Span]:
            for form in found:
                start = text.find(form)
                while start >= 0:
                    yield KIND, start, start + len(form)
                    start = text.find(form, start + 1)

        return tuple(look(value, spans))

    def _may_hold(self, data: bytes) -> bool:
        return not self._words.isdisjoint(_words(data)) or any(one in data for one in self._short)


def _credential(secret: str) -> _Credential:
    forms = {one: _in_json(one) for one in _forms(secret)}
    tails = [one[-_TAIL:] for one in forms.values() if len(one) >= _TAIL]
    words = frozenset(
        word for tail in tails for at in range(_STRIDE) for word in _words(tail[at : at + _WORD])
    )
    return _Credential(forms, [one for one in forms.values() if len(one) < _TAIL], words)


def _secrets(value: str) -> Iterator[str]:
    scheme, _, bare = value.rpartition(" ")
    yield bare
    if scheme and value.startswith(_BASIC):
        try:
            pair = base64.b64decode(bare, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield pair.partition(":")[2]


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode()
    yield secret
    yield base64.b64encode(data).decode().rstrip("=")
    yield base64.urlsafe_b64encode(data).decode().rstrip("=")
    yield data.hex()


def _words(data: bytes) -> memoryview[int]:
    whole = len(data) - len(data) % _WORD
    return memoryview(data)[:whole].cast("Q")[:: _STRIDE // _WORD]


def _in_json(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
