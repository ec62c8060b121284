import pytest

from safeconduct.core import fingerprints
from safeconduct.core.fingerprints import (
    CAPACITY,
    GRAM,
    GUARANTEED,
    WINDOW,
    Fingerprints,
    Match,
    fingerprint,
    normalise,
)

KEY = b"k" * 32
MERGER = "The merger with Northwind closes on the ninth of May; only legal may know before that."
PAYROLL = (
    "Salaries of the board, in thousands: Abel 310, Baker 290, Castro 275, Dumont 260, Eder 255."
)
OTHER = (
    "Lunch on Friday moves to the garden, weather permitting. Bring a dish, and tell Ines which."
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", b""),
        ("  .,;_-\n", b""),
        ("The Merger, 12 May!", b"themergerl2may"),
        ("O0 I1l i", b"oolllll"[:6]),
        ("раѕѕwоrd", b"password"),
        ("STRASSE straße", b"strassestrasse"),
        ("e\u0301t\u00e9", b"ete"),
        ("Жук", "жyk".encode()),
        ("\ud800a", b"a"),
    ],
)
def test_only_letters_and_digits_count_in_one_form(text: str, plain: bytes) -> None:
    assert normalise(text) == plain


def test_normalising_twice_is_normalising_once_for_every_kind_of_character() -> None:
    for page in (*range(0, 0x20000, 64), *range(0x2F800, 0x2FA40, 64), 0xE0000, 0xE0040):
        once = normalise("".join(map(chr, range(page, page + 64))))
        assert normalise(once.decode()) == once


def test_a_text_shorter_than_a_gram_has_no_fingerprint() -> None:
    assert not fingerprint("x" * (GRAM - 1), KEY)
    assert len(fingerprint("x" * GRAM, KEY)) == 1


def test_a_text_of_one_gram_or_more_is_found_in_itself() -> None:
    for size in range(GRAM, GUARANTEED + 1):
        text = normalise(MERGER)[:size].decode()
        (match,) = Fingerprints().added("mail", fingerprint(text, KEY)).match(text, KEY)
        assert match.share_bps == 10_000


def test_fingerprints_are_of_their_key_and_of_48_bits() -> None:
    ours, theirs = fingerprint(MERGER, KEY), fingerprint(MERGER, b"other")
    assert len(ours) == len(theirs)
    assert not ours & theirs
    assert all(0 <= one < 1 << 48 for one in ours)


def test_about_two_of_a_window_and_one_are_kept() -> None:
    text = "".join(chr(ord("a") + number * number % 23) for number in range(97)) + MERGER * 2
    grams = len(normalise(text)) - GRAM + 1
    assert grams / (WINDOW + 1) < len(fingerprint(text, KEY)) < 4 * grams / (WINDOW + 1)


def test_a_copied_stretch_is_found_with_its_source_and_length() -> None:
    index = Fingerprints().added("mail", fingerprint(MERGER, KEY))
    index = index.added("sheet", fingerprint(PAYROLL, KEY))
    assert index.sources == ("mail", "sheet")
    assert index.match(OTHER, KEY) == ()
    assert index.match("", KEY) == ()
    first, second = index.match(f"{OTHER} {MERGER} {OTHER} {PAYROLL[:60]}", KEY)
    assert (first.source, second.source) == ("mail", "sheet")
    assert len(normalise(MERGER)) - 2 * WINDOW < first.run <= len(normalise(MERGER))
    assert GRAM <= second.run <= len(normalise(PAYROLL[:60]))
    assert 0 < second.share_bps < first.share_bps < 10_000


def test_a_stretch_of_something_else_ends_a_run() -> None:
    index = Fingerprints().added("mail", fingerprint(MERGER, KEY))
    (whole,) = index.match(MERGER, KEY)
    (parted,) = index.match(f"{MERGER[:43]} {OTHER} {MERGER[43:]}", KEY)
    assert whole == Match("mail", 10_000, whole.run)
    assert parted.run < whole.run / 2 + GRAM


def test_what_is_repeated_counts_once() -> None:
    index = Fingerprints().added("mail", fingerprint(MERGER * 2, KEY))
    (once,) = index.match(MERGER, KEY)
    (often,) = index.match(MERGER * 50, KEY)
    assert often.run < 3 * len(normalise(MERGER))
    assert often.share_bps == once.share_bps == 10_000


def test_what_two_sources_share_is_found_in_both() -> None:
    index = Fingerprints()
    for source in ("b", "a"):
        index = index.added(source, fingerprint(MERGER, KEY))
    assert [match.source for match in index.match(MERGER, KEY)] == ["a", "b"]


def test_more_of_a_source_joins_what_it_has() -> None:
    index = Fingerprints().added("mail", fingerprint(MERGER, KEY))
    assert index.added("mail", fingerprint(MERGER, KEY)) == index
    more = index.added("mail", fingerprint(PAYROLL, KEY))
    assert more.sources == ("mail",)
    assert more.match(PAYROLL, KEY)
    assert more.match(MERGER, KEY)


def test_a_text_without_fingerprints_makes_no_source() -> None:
    assert Fingerprints().added("mail", frozenset()) == Fingerprints()


def test_eight_bytes_a_fingerprint_and_no_more_than_the_capacity() -> None:
    index = Fingerprints().added("all", frozenset(range(CAPACITY)))
    assert not index.full
    assert len(index.entries) == 8 * CAPACITY == 512 * 1024
    assert not index.added("all", frozenset(range(9))).full


def test_what_finds_no_room_is_said_and_costs_nothing_of_what_was_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = fingerprint(MERGER, KEY), fingerprint(PAYROLL, KEY)
    monkeypatch.setattr(fingerprints, "CAPACITY", len(first) + 2)
    index = Fingerprints().added("mail", first).added("sheet", second)
    assert index.full
    assert len(index.entries) == 8 * (len(first) + 2)
    assert index.match(MERGER, KEY)[0].share_bps == 10_000
    # It stays said, and a source that found no room at all is not named.
    later = index.added("page", fingerprint(OTHER, KEY))
    assert later == index
    assert later.added("mail", first).full
