"""Learned records are found where enough of one stands together, and the file holds none."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import Finding
from safeconduct.core.redact import redact
from safeconduct.inspectors.matches import MAX_ALIKE, NEAR, MatchInspector, learn

COLUMNS = ["name", "mail", "id"]
ROWS = [
    {"name": "Anna-Maria Keller", "mail": "am.keller@example.com", "id": "K-20391"},
    {"name": "Jörg Straße", "mail": "js@example.com", "id": "K-20392"},
    {"name": "Nobody Else", "mail": "", "id": ""},
    {"name": "Wei Chen", "id": "K-77"},
]
LEARNED = learn(ROWS, COLUMNS)
INSPECTOR = MatchInspector("pii.customers", LEARNED)


def found(text: str) -> list[str]:
    findings = INSPECTOR.inspect([text])
    assert {one.kind for one in findings} <= {"pii.customers"}
    return [text[one.start : one.end] for one in findings]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ANNA-MARIA  keller (k-20391)", ["ANNA-MARIA  keller", "k-20391"]),
        ("write js@Example.com, Jörg\nSTRASSE", ["js@Example.com", "Jörg\nSTRASSE"]),
        ("Wei Chen has K-77", ["Wei Chen", "K-77"]),
        ("Wei Chen has K-20392", []),
        ("Wei Chen", []),
        ("Wei Chen and Wei Chen", []),
        ("Nobody Else", []),
        ("Wei Chens K-77", []),
        (f"Wei Chen{' ' * NEAR}K-77", []),
        (f"Wei Chen{' ' * (NEAR - 20)}K-77", ["Wei Chen", "K-77"]),
        ("Wei%20Chen K-77", ["Wei%20Chen", "K-77"]),
    ],
)
def test_enough_of_one_row_has_to_stand_near(text: str, values: list[str]) -> None:
    assert found(text) == values


@pytest.mark.parametrize(
    ("learned", "texts"),
    [
        ("+49 30 901820-14", ["+493090182014", "+49 (30) 90 18 20 14", "49-30-901820-14"]),
        ("4111111111111111", ["4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111"]),
        ("DE89 3704 0044 0532 0130 00", ["DE89370400440532013000", "de89-3704-0044-0532-0130-00"]),
        ("078-05-1120", ["078051120", "078 05 1120"]),
        ("K-20391", ["K20391", "k 20391", "K/20391"]),
        ("20391 A", ["20391A", "20391-a"]),
        ("20391", ["20391", "20 391", "20,391"]),
    ],
)
def test_numbers_are_the_same_however_their_digits_are_grouped(
    learned: str, texts: list[str]
) -> None:
    rows = [{"name": "Wei Chen", "number": learned}, {"name": "Anna Keller", "number": "99 77 88"}]
    inspector = MatchInspector("pii.customers", learn(rows, ["name", "number"]))
    for text in (learned, *texts):
        for value in (f"Wei Chen, {text}.", f"({text}) Wei Chen", f"x{text}y 1: Wei Chen {text}"):
            [first, second] = inspector.inspect([value])
            assert {value[one.start : one.end] for one in (first, second)} == {
                "Wei Chen",
                text.lstrip("+"),
            }
        assert inspector.inspect([f"Wei Chen {text}5"]) == ()
        assert inspector.inspect([f"Wei Chen 5{text.lstrip('+')}"]) == ()
        assert inspector.inspect([f"Anna Keller {text}"]) == ()
        assert len(inspector.inspect({"name": "Wei Chen", "number": text})) == 2


@pytest.mark.parametrize("text", ["3 7 7", "12:30:15 Wei Chen", "K, 7 apples: 7"])
def test_what_has_few_digits_is_words(text: str) -> None:
    assert found(f"Wei Chen {text}") == []


def test_values_may_stand_in_several_texts() -> None:
    assert INSPECTOR.inspect({"n": "Wei Chen", "x": {"id": ["K-77"]}}) == (
        Finding("pii.customers", ("n",), 0, 8),
        Finding("pii.customers", ("x", "id", 0), 0, 4),
    )
    coded = base64.b64encode(b"Wei Chen's number is K-77, he says").decode()
    assert found(coded) == [coded]


def test_one_column_may_be_enough() -> None:
    inspector = MatchInspector("pii.ids", learn(ROWS, ["id"], min_columns=1))
    assert len(inspector.inspect(["K-77 and K-20391"])) == 2


def test_what_many_rows_have_in_common_tells_nobody() -> None:
    rows = [{"city": "Berlin", "id": f"P-{number}"} for number in range(MAX_ALIKE + 1)]
    with pytest.raises(ValueError, match="no row"):
        learn(rows, ["city", "id"])
    assert MatchInspector("a.b", learn(rows[1:], ["city", "id"])).inspect(["Berlin P-7"])


def test_the_file_holds_no_value_and_no_two_are_alike() -> None:
    for value in ("Anna", "anna", "keller", "K-20391", "20391"):
        assert value.encode() not in LEARNED
    assert learn(ROWS, COLUMNS) != LEARNED


@pytest.mark.parametrize(
    ("columns", "least"), [([], 1), (["name"], 2), (["name"], 0), (["name", "name"], 1)]
)
def test_without_enough_columns_nothing_is_learned(columns: list[str], least: int) -> None:
    with pytest.raises(ValueError, match="columns"):
        learn(ROWS, columns, min_columns=least)


def changed(**members: object) -> bytes:
    return msgspec.msgpack.encode({**msgspec.msgpack.decode(LEARNED), **members})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"name,mail\nanna,x",
        LEARNED[:-1],
        LEARNED + b"\x00",
        changed(format="safeconduct-match-2"),
        changed(values=b""),
        changed(min_columns=1),
        changed(more=1),
    ],
)
def test_what_is_no_file_of_matches_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="file of matches"):
        MatchInspector("a.b", data)


@given(st.binary(max_size=64), st.integers(0, len(LEARNED) - 1))
def test_a_damaged_file_is_refused(octets: bytes, at: int) -> None:
    data = LEARNED[:at] + octets + LEARNED[at + len(octets) :]
    if data != LEARNED:
        with pytest.raises(ValueError, match="file of matches"):
            MatchInspector("a.b", data)


_PIECES = ["Wei Chen", "K-77", "Anna-Maria Keller", "am.keller@example.com", "x", ", ", "\n", "é"]


@given(st.lists(st.sampled_from(_PIECES), max_size=8))
def test_after_a_redaction_nothing_is_left(parts: list[str]) -> None:
    value = {"a": " ".join(parts)}
    once = redact(value, INSPECTOR.inspect(value))
    assert INSPECTOR.inspect(once) == ()
