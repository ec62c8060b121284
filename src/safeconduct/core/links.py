"""Links in what a call sends: those that nobody vouches for. Pure.

Who reads a message fetches what its links name, by a click or without one: the picture in a text,
the preview of a link. So a link carries data to whoever owns its host, also in a message to a
friend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from safeconduct.core.contents import contents, read
from safeconduct.core.decoding import Decoded, decoded
from safeconduct.core.egress import Address, egress
from safeconduct.core.labels import Confidentiality, Integrity
from safeconduct.core.lookalikes import visible
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Call, Facts, Gathered
from safeconduct.core.provenance import normalise, vouched_for
from safeconduct.core.request import request


class Links(msgspec.Struct, frozen=True):
    """The hosts of links that nobody vouches for, each once; empty where a link has none that can
    be read. `whole` is False where there may be more.
    """

    hosts: tuple[str, ...] = ()
    whole: bool = True


NONE: Final = Links()


def unvouched_links(call: Call, facts: Facts) -> Links:
    """The links of a call that others see, in a task that has read what others wrote.

    A link is vouched for by the request that names it or its host, by the sink's lists, and by what
    vouches for the whole argument.
    """
    gathered = facts.gathered
    manifest = gathered.tool.manifest
    if manifest is None or manifest.sink.links == "any" or not _shown(gathered):
        return NONE
    task, listed = gathered.task, frozenset[str]().union(*facts.allowed.values())
    hosts, links = _NOBODY if task.purpose_source == "agent" else _named(task.purpose)
    strange: dict[str, None] = {}
    whole = True
    texts = [
        text
        for name, text in contents(call, gathered.tool).items()
        if not vouched_for(facts.provenance.get(name, ()))
    ]
    for said in read(texts, turned=False):
        found = _found(said)
        whole = whole and found.whole
        for one in found.addresses:
            known = one.host in hosts or _plain(one.text) in links
            if not (known or one.host in listed or one.text in listed):
                strange[one.host] = None
    return Links(tuple(strange), whole)


def _shown(gathered: Gathered) -> bool:
    """Whether others see what this call says, and others may have chosen it."""
    tool = gathered.tool
    return gathered.task.labels.integrity is Integrity.untrusted and (
        tool.effect is Effect.send
        or tool.pin != "reviewed"
        or (tool.effect is Effect.write and tool.clearance is Confidentiality.public)
    )


class _Found(msgspec.Struct, frozen=True):
    addresses: tuple[Address, ...]
    whole: bool


_SIGN: Final = re.compile(r"[/\\?#]|www[.\u3002\uff0e\uff61]|(?:https?|wss?|ftp):", re.IGNORECASE)
"""What every link has; looking for it costs a fraction of looking for links."""


def _found(said: Decoded) -> _Found:
    """The links in a text, and in what programs read that it holds encoded."""
    found: dict[Address, None] = {}
    whole = said.whole
    for one in said.texts:
        if _SIGN.search(visible(one)):
            addresses = egress(one)
            whole = whole and addresses.whole
            found.update(dict.fromkeys(filter(_links, addresses.addresses)))
    return _Found(tuple(found), whole)


_NUMBER: Final = re.compile(r"\d+(?:\.\d+){1,2}(?![.\d])")


def _links(address: Address) -> bool:
    """Whether programs make a link of it, and one that says something: a name needs a path."""
    if address.kind != "name":
        return address.kind == "url"
    text = address.text
    if _NUMBER.match(text):
        return False  # 4.5/5
    return text[:4].lower() == "www." or any(map(text.__contains__, "/?#"))


_FILES: Final = (".zip", ".mov", ".md", ".sh", ".py", ".pl", ".rs", ".ps", ".cc", ".so")
"""Ends of names of files that are top-level domains, too: who names such a file names no host."""

_NOBODY: Final = (frozenset[str](), frozenset[str]())


@lru_cache(maxsize=256)
def _named(purpose: str) -> tuple[frozenset[str], frozenset[str]]:
    """The hosts that a request names as such, and its links."""
    words = request(purpose).words
    hosts = frozenset(
        [word for one in words if "." in (word := one.casefold()) and not word.endswith(_FILES)]
    )
    return hosts, frozenset(map(_plain, (*words, *_spoken(purpose))))


def _spoken(purpose: str) -> Iterator[str]:
    for one in _found(decoded(purpose, turned=False)).addresses:
        yield one.text


_SCHEME: Final = re.compile(r"https?://")


def _plain(text: str) -> str:
    """A link in the form in which links are compared: the two schemes of the web are one."""
    return _SCHEME.sub("", normalise(text, "destination") or "", count=1).rstrip("/")
