"""What holds of the words that a call says: no link hides, and more reading permits no more."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.checks.content import content
from safeconduct.core.copying import Held, copied
from safeconduct.core.fingerprints import GUARANTEED, Fingerprints, fingerprint, normalise
from safeconduct.core.labels import Confidentiality
from safeconduct.core.links import unvouched_links
from safeconduct.core.manifest import Effect
from safeconduct.core.verdict import Deny
from tests.laws.test_content_laws import ENCODINGS, KEY, passages, words
from tests.support.facts import TAINTED, call, facts, task, tool

SHOWN = [
    "percent", "references", "references, hexadecimal", "not seen", "base64", "hexadecimal", "gzip",
]  # fmt: skip
"""Encodings that programs take off when they show a text."""

encodings = st.sampled_from([str, *(ENCODINGS[name] for name in SHOWN)])
levels = st.sampled_from(Confidentiality)
hosts = st.lists(st.text("abcdef", min_size=1, max_size=9), min_size=1, max_size=4)
SENDING = facts(tool=tool(effect=Effect.send), task=task(labels=TAINTED))


@given(hosts, words, words, encodings)
def test_no_link_to_a_stranger_hides(
    labels: list[str], before: str, after: str, encode: Callable[[str], str]
) -> None:
    host = ".".join((*labels, "example"))
    text = f"{before} {encode(f'look: https://{host}/{labels[0]} there')} {after}"
    links = unvouched_links(call({"next_step": text}), SENDING)
    assert host in links.hosts or not links.whole
    assert isinstance(content(call({"next_step": text}), SENDING), Deny)


@given(levels, levels, levels)
def test_a_copy_of_what_is_more_confidential_is_permitted_no_sooner(
    clearance: Confidentiality, one: Confidentiality, other: Confidentiality
) -> None:
    less, more = (
        content(call(), facts(tool=tool(clearance=clearance), copied=level))
        for level in sorted((one, other))
    )
    assert less is None or more == less
    assert (more is None) == (max(one, other) <= clearance)


@given(passages, passages, st.data())
def test_a_copy_counts_with_whatever_else_was_read(
    secret: str, other: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(secret) - 1))
    piece = secret[start:]
    known = [
        Held(Fingerprints().added(level.name, fingerprint(text, KEY)), 1, level)
        for level, text in (
            (Confidentiality.confidential, secret),
            (Confidentiality.restricted, other),
        )
    ]
    alone = copied([piece], known[:1], KEY)
    assert copied([piece], known, KEY) >= alone
    assert copied([piece, other], known, KEY) >= alone
    assert copied([piece], known[:1], KEY, lost=True) >= alone
    if len(normalise(piece)) >= GUARANTEED:
        assert alone == Confidentiality.confidential
