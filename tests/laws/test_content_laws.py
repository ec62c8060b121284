"""What content says and where it reaches: nothing hides by being encoded, nothing is unbounded."""

from __future__ import annotations

import base64
import codecs
import gzip
import zlib
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.core.decoding import MAX_CHARACTERS, MAX_TEXTS, decoded
from safeconduct.core.egress import MAX_ADDRESSES, egress
from safeconduct.core.fingerprints import (
    CAPACITY,
    GUARANTEED,
    Fingerprints,
    fingerprint,
    normalise,
)
from safeconduct.core.lookalikes import folded, visible

KEY: Final = b"a key of the laws"

texts = st.text(max_size=300)
words = st.text("abcdefghijklmnopqrstuvwxyz ,.0123456789ABC", min_size=0, max_size=120)
passages = st.text("abcdefghijklmnopqrstuvwxyz, .", min_size=200, max_size=300).filter(
    lambda text: len(normalise(text)) > GUARANTEED
)

Encode = Callable[[str], str]


def _of_bytes(encode: Callable[[bytes], str]) -> Encode:
    return lambda text: encode(text.encode())


ENCODINGS: Final[dict[str, Encode]] = {
    "base64": _of_bytes(lambda data: base64.b64encode(data).decode()),
    "base64 for URLs": _of_bytes(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")),
    "base64 in lines": _of_bytes(lambda data: base64.encodebytes(data).decode()),
    "hexadecimal": _of_bytes(bytes.hex),
    "hexadecimal, spaced": _of_bytes(lambda data: data.hex(" ").upper()),
    "percent": _of_bytes(lambda data: "".join(f"%{byte:02X}" for byte in data)),
    "references": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "references, hexadecimal": lambda text: "".join(f"&#x{ord(char):x};" for char in text),
    "gzip": _of_bytes(lambda data: base64.b64encode(gzip.compress(data, mtime=0)).decode()),
    "zlib": _of_bytes(lambda data: zlib.compress(data).hex()),
    "deflate": _of_bytes(lambda data: base64.b64encode(zlib.compress(data, wbits=-15)).decode()),
    "not seen": "\u200b".join,
    "look-alikes": lambda text: text.translate(
        str.maketrans("aeopcxyABEHKMOPTX", "аеорсхуАВЕНКМОРТХ")
    ),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "backwards": lambda text: text[::-1],
}

# A look-alike that stood for one letter before rot13 stands for another one after it. What was
# folded to a letter of a wrong alphabet is not to be told from what was meant.
chains = st.lists(st.sampled_from(sorted(ENCODINGS)), max_size=3).filter(
    lambda chain: "look-alikes" not in chain or "rot13" not in chain
)


def encoded(text: str, chain: Sequence[str]) -> str:
    for name in chain:
        text = ENCODINGS[name](text)
    return text


@given(passages, words, words, chains)
@settings(max_examples=25, deadline=None)
def test_a_copy_is_found_through_any_three_encodings(
    passage: str, before: str, after: str, chain: list[str]
) -> None:
    index = Fingerprints().added("mail", fingerprint(passage, KEY))
    sent = encoded(f"{before} {passage} {after}", chain)
    assert any(index.match(text, KEY) for text in decoded(sent).texts)


run = st.text("abcde", min_size=GUARANTEED, max_size=GUARANTEED)
gaps = st.lists(st.sampled_from(["", " ", "\n", "-", "\u200b"]), min_size=1, max_size=9)


@given(run, st.lists(words, min_size=4, max_size=4), gaps)
@settings(max_examples=300)
def test_a_shared_run_of_the_guaranteed_length_is_always_found(
    shared: str, around: list[str], between: list[str]
) -> None:
    index = Fingerprints().added("mail", fingerprint(f"{around[0]}{shared}{around[1]}", KEY))
    spread = "".join(char + gap for char, gap in zip(shared, cycle(between), strict=False))
    (match,) = index.match(f"{around[2]}{spread.upper()}{around[3]}", KEY)
    assert 0 < match.share_bps <= 10_000
    assert match.run > 0


@given(texts)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once.decode()) == once
    assert folded(folded(text)) == folded(text)
    assert visible(visible(text)) == visible(text)
    assert normalise(folded(text)) == once


@given(texts)
def test_any_text_is_read_within_the_bounds(text: str) -> None:
    found = decoded(text)
    assert found.texts[0] == text
    assert len(set(found.texts)) == len(found.texts) <= MAX_TEXTS
    assert sum(map(len, found.texts)) <= MAX_CHARACTERS
    assert decoded(text) == found
    for one in found.texts[:8]:
        assert len(egress(one).addresses) <= MAX_ADDRESSES
        assert all(address.host.isascii() for address in egress(one).addresses)
        assert all(0 <= number < 1 << 48 for number in fingerprint(one, KEY))


signs = st.text("a0%41&#x;=\\/+-_ :.@<>\"'()[]!http\u200bа\ud800", max_size=200)


@given(signs)
def test_nor_does_what_is_made_of_signs_stop_anything(text: str) -> None:
    for one in decoded(text).texts[:8]:
        egress(one)
        fingerprint(one, KEY)


labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
around = st.text(" \n.,:;!?abcé", max_size=30)


@given(st.lists(labels, min_size=1, max_size=4), words, around, around, st.data())
def test_a_url_is_found_wherever_it_stands(
    names: list[str], path: str, before: str, after: str, data: st.DataObject
) -> None:
    host = ".".join([*names, "example"])
    head = data.draw(st.sampled_from(["https://", "//", "HTTP:\\\\", "https:/", "https://u:p@"]))
    written = f"{head}{host}/{path.replace(' ', '/')}"
    for text in (
        f"{before} {written} {after}",
        f"![{before}]({written})",
        f'{before}<a href="{written}">',
    ):
        if head == "//" and not text.startswith("!["):
            continue
        assert host in [address.host for address in egress(text).addresses]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.frozensets(st.integers(0, 99)))))
def test_an_index_only_grows_and_says_what_it_holds(
    added: list[tuple[str, frozenset[int]]],
) -> None:
    index = Fingerprints()
    held: set[tuple[str, int]] = set()
    for source, prints in added:
        before, index = index, index.added(source, prints)
        held |= {(source, one) for one in prints}
        assert index.sources[: len(before.sources)] == before.sources
        assert len(index.entries) == 8 * len(held) <= 8 * CAPACITY
        assert not index.full
    assert set(index.sources) == {source for source, _ in held}
