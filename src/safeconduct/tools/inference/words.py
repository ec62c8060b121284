"""Whole words: `sendHTMLEmails` is send, html, emails, and never `ends`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final


def these(words: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(words.split())


_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+")
_SENTENCE: Final = re.compile(r"(?<=[.!?;:])\s+|[\r\n]+|\s+[-–—•*]\s+")  # noqa: RUF001 letters that look alike are meant
_SPOKEN: Final = re.compile(r"\w[\w']*|[,(]")
_LINK: Final = re.compile(r"https?://\S+")
_BOTH: Final = re.compile(r"[&+/]")

_SAME: Final = these(
    "access address alias analysis basis bus business canvas class cors css dns gas https "
    "dataset headers news os process progress series sms sms status success tls us https"
)
"""Words that end in s and are no plurals."""

_STEMS: Final = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"))

MAX_TEXT: Final = 4_000
"""How much of a description is read, in characters."""


def split(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case."""
    return tuple(word.lower() for word in _WORD.findall(name))


def singular(word: str) -> str:
    """A noun in the singular, as far as its ending tells."""
    if word in _SAME or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    for ending, stem in _STEMS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word.removesuffix(ending) + stem
    return word[:-1] if len(word) > 2 else word


def verb_forms(word: str) -> Iterator[str]:
    """The infinitives that a word may be a form of: itself, `sends`, `sending`."""
    yield word
    if word.endswith("s"):
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-2]
        if word.endswith("ies"):
            yield word[:-3] + "y"
    if word.endswith("ing"):
        stem = word[:-3]
        yield stem
        yield stem + "e"
        if stem[-2:-1] == stem[-1:]:
            yield stem[:-1]


def participle_forms(word: str) -> Iterator[str]:
    """The infinitives whose participle a word may be: `sent`, `deleted`, `notified`."""
    if word in _IRREGULAR:
        yield _IRREGULAR[word]
    if word.endswith("ed"):
        stem = word[:-2]
        yield stem
        yield word[:-1]
        if stem[-2:-1] == stem[-1:]:
            yield stem[:-1]
        if stem.endswith("i"):
            yield stem[:-1] + "y"


_IRREGULAR: Final = {
    "sent": "send", "paid": "pay", "written": "write", "overwritten": "overwrite",
    "withdrawn": "withdraw", "bought": "buy", "sold": "sell", "run": "run", "put": "put",
    "reset": "reset", "set": "set", "built": "build", "forwarded": "forward", "shut": "shutdown",
}  # fmt: skip


def sentences(text: str) -> list[list[str]]:
    """The words of each sentence, in lower case; commas and opening brackets stay as words."""
    plain = _LINK.sub(" ", text[:MAX_TEXT].lower().replace("e-mail", "email"))
    plain = _BOTH.sub(" and ", plain)  # `create/update`
    found = (_SPOKEN.findall(part) for part in _SENTENCE.split(plain))
    return [words for words in found if words]
