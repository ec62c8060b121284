"""Whatever a text is, looking at it ends, and a search that fails says so."""

from __future__ import annotations

import random
import string
import sys

import pytest
import re2

from safeconduct.core.redact import redact
from safeconduct.inspectors.code import CodeInspector
from safeconduct.inspectors.dictionaries import DictionaryInspector
from safeconduct.inspectors.matches import MatchInspector, learn
from safeconduct.inspectors.patterns import any_of
from safeconduct.inspectors.pii.inspector import PiiInspector
from safeconduct.inspectors.pii.search import MAX_REFUSED
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.ports import Inspector

pytestmark = pytest.mark.faults

MEGABYTE = 1 << 20
OF_WORDS = 1 << 16
"""How much those get that cut texts into words, which takes them ten times as long."""
INSPECTORS = (
    (SecretInspector(), MEGABYTE),
    (CodeInspector(), MEGABYTE),
    (DictionaryInspector("plans.names", ["project falcon", "a a a a b", "( ( ("]), OF_WORDS),
    (MatchInspector("pii.a", learn([{"a": "a a b", "b": "( ( ("}], ["a", "b"])), OF_WORDS),
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "part",
    [
        *[
            "AKIA",
            "EAAA",
            "eyJ",
            "-----BEGIN RSA PRIVATE KEY-----",
            "password: ",
            "token is ",
            "://a:",
        ],
        *[
            "twitter = ",
            "%25",
            "&#65;",
            "QUJD",
            "4142",
            "41 42 ",
            "H4sI",
            "A\n",
            "a\u200b",
            "\u0301",
        ],
        *["a ", "(", "```\n", "def x():\n", "import a\n", "\\u0041", "sk-", "password\n\n"],
    ],
)
def test_a_megabyte_of_one_thing_is_looked_through(part: str) -> None:
    text = (part * (MEGABYTE // len(part) + 1))[:MEGABYTE]
    for inspector, length in INSPECTORS:
        assert all(one.end <= length for one in inspector.inspect([text[:length]]))


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "alphabet", [string.ascii_letters + string.digits + "+/", "ab01\n{};: \"'"]
)
def test_a_megabyte_of_chance_is_looked_through(alphabet: str) -> None:
    text = "".join(random.Random(4).choices(alphabet, k=MEGABYTE))  # noqa: S311 the same each time
    for inspector, length in INSPECTORS:
        assert all(one.end <= length for one in inspector.inspect({"a": text[:length]}))


def work(inspector: Inspector, value: object) -> int:
    """How many functions are called to look at a value."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        inspector.inspect(value)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "part",
    [
        *["4111 ", "4111", "4111 1111 1111 1111 ", "4111&#32;", "1 ", "12 ", "12-", "078-05-"],
        *["AB12 ", "DE89 ", "+49 30 ", "(030) ", "a@b.io ", "a@", "999-", "1:1:", "1.", "99/"],
        *["ssn 12345678 ", "born 1.1.80 ", "phone 1234567 ", "12 March 1980 ", "41 42 ", "1<b>"],
        *["AKIA", "A\n", "password=Abc123!x\n", "token is ", "://a:b@", "price 12 EUR ", "sk-"],
        *["%25", "QUJD", "\u200b1", "def x():\n", "```\n", "Bearer abc", "eyJ"],
    ],
)
def test_twice_as_much_of_one_thing_is_twice_the_work(part: str) -> None:
    def some(length: int) -> dict[str, str]:
        text = (part * (length // len(part) + 1))[:length]
        return {"password": text, "phone": text[: length // 2]}

    for inspector in (SecretInspector(), PiiInspector(region="DE"), CodeInspector()):
        work(inspector, some(2_000))
        once, twice = work(inspector, some(20_000)), work(inspector, some(40_000))
        assert twice <= 2.2 * once + 2_000
        assert twice <= 40_000 * 30


@pytest.mark.parametrize("part", ["4111 ", "4111-", "12.", "0711 55 "])
def test_a_run_in_which_too_much_only_looks_like_a_number_is_one(part: str) -> None:
    text = part * 40_000
    inspector = PiiInspector(region="DE", kinds=["pii.card", "pii.phone"])
    assert work(inspector, {"phone": text}) <= MAX_REFUSED * 400
    value = {"phone": f"before: {text}"}
    found = inspector.inspect(value)
    assert all(one.end <= len(value["phone"]) for one in found)
    assert inspector.inspect(redact(value, found)) == ()


def test_a_search_without_memory_is_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    search = any_of(["AKIA"])
    assert search(b"see AKIA") == {0}
    # What RE2 says of a set whose automaton has no room left is what it says of no match.
    monkeypatch.setattr(re2.Set, "Match", lambda self, data: None)
    with pytest.raises(MemoryError):
        search(b"see AKIA")
