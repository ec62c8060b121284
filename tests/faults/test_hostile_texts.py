"""Whatever a text is, looking at it ends, and a search that fails says so."""

from __future__ import annotations

import random
import string

import pytest
import re2

from safeconduct.inspectors.code import CodeInspector
from safeconduct.inspectors.dictionaries import DictionaryInspector
from safeconduct.inspectors.matches import MatchInspector, learn
from safeconduct.inspectors.patterns import any_of
from safeconduct.inspectors.secrets import SecretInspector

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


def test_a_search_without_memory_is_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    search = any_of(["AKIA"])
    assert search(b"see AKIA") == {0}
    # What RE2 says of a set whose automaton has no room left is what it says of no match.
    monkeypatch.setattr(re2.Set, "Match", lambda self, data: None)
    with pytest.raises(MemoryError):
        search(b"see AKIA")
