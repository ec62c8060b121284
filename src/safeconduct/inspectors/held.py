"""Finds the credentials that this gateway itself uses, which may have no shape to know them by.

It is for what is kept, not for what passes: what an agent sends or gets is the work of others.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import orjson

from safeconduct.core.model import Finding
from safeconduct.inspectors.secrets import Span, in_json, look

KIND: Final = "secret.held"

MAX_HELD: Final = 64
"""How many are known, the last used."""

MIN_CHARACTERS: Final = 8
"""What is shorter is found in texts that have nothing to do with it."""

_BASIC: Final = "Basic "


class HeldSecrets:
    """Knows the credentials it is told of, and finds them in the strings and keys of a JSON value
    (`safeconduct.ports.Inspector`): as they are, in base64 and in hexadecimal.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, tuple[tuple[str, bytes], ...]] = OrderedDict()

    def note(self, value: str) -> None:
        """Remembers a credential: a header field's value, or the bare secret."""
        for secret in _secrets(value):
            if len(secret) < MIN_CHARACTERS:
                continue
            if secret not in self._held:
                self._held[secret] = tuple([(one, _in_json(one)) for one in _forms(secret)])
            self._held.move_to_end(secret)
            if len(self._held) > MAX_HELD:
                self._held.popitem(last=False)

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        if not self._held:
            return ()
        data = data or in_json(value)
        found = [
            form
            for forms in self._held.values()
            for form, written in forms
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


def _in_json(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
