"""YAML 1.2 as plain values with positions, and nothing else."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.kit.yaml import MAX_BYTES, MAX_DEPTH, Value, YamlError, load

_SPECIAL = st.text(alphabet="ab01.-+~:,[]{}#&*!|>'\"%@`?\\<=xou \t\n\r\0\ufeff\u2028\ud800é")
_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text("ab 1:-"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=12,
)


def _refused(text: str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        load(text, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{caught.value.line}: ")
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("NULL", None),
        ("17", 17),
        ("017", 17),
        ("-17", -17),
        ("+17", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("=", "="),
        ("'17'", "17"),
        ('"true"', "true"),
        ("crm:case:read", "crm:case:read"),
        ("|\n  x\n  y", "x\ny"),
        ("9007199254740991", 2**53 - 1),
        ("-0x1F", "-0x1F"),
    ],
)
def test_scalars_mean_what_the_core_schema_says(written: str, meant: Value) -> None:
    value = load(f"a: {written}", "f.yaml").value
    assert value == {"a": meant}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(meant)


def test_keys_and_items_have_positions() -> None:
    document = load("# comment\na:\n  b: [x, y]\n  'c d':\n    - 1\n    - e: 2\n", "f.yaml")
    assert document.value == {"a": {"b": ["x", "y"], "c d": [1, {"e": 2}]}}
    assert document.positions == {
        (): (1, 1),
        ("a",): (2, 1),
        ("a", "b"): (3, 3),
        ("a", "b", 0): (3, 7),
        ("a", "b", 1): (3, 10),
        ("a", "c d"): (4, 3),
        ("a", "c d", 0): (5, 7),
        ("a", "c d", 1): (6, 7),
        ("a", "c d", 1, "e"): (6, 7),
    }


def test_a_place_that_is_not_written_has_the_line_of_what_holds_it() -> None:
    document = load("x: 1\na:\n  b: 1\n", "f.yaml")
    assert document.line(("a", "missing", 3)) == 2
    assert document.line(("missing",)) == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_file_is_none(text: str) -> None:
    assert load(text, "f.yaml").value is None


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "twice (first in line 1)"),
        ("a: {b: 1, b: 2}", 1, "twice"),
        ("a: 1\nb: &x 2\n", 2, "anchors"),
        ("a: 1\nb: *x\n", 2, "anchors"),
        ("a: 1\n<<: {b: 2}\n", 2, "merge"),
        ("a: !!str 1", 1, "tags"),
        ("a:\n  - !secret x", 2, "tags"),
        ("1: a", 1, "not a string"),
        ("a: 1\ntrue: a", 2, "not a string"),
        ("? [a]\n: b", 1, "not a string"),
        ("? {a: b}\n: b", 1, "not a string"),
        (": a", 1, "not a string"),
        ("a: 1\n--- \nb: 2", 2, "second document"),
        ("%YAML 1.1\n---\na: on", 2, "directive"),
        ("%TAG ! tag:x,2000:\n---\na: b", 2, "directive"),
        ("a:\n\tb: 1", 2, "tab"),
        ("a:\n  b: [1,\n\t2]", 3, "tab"),
        ("a:\tb", 1, "tab"),
        ("a: b\n- c", 2, "not YAML"),
        ("a: [1,\nb: 2", 2, "not YAML"),
        ("a: 'x\n\n", 3, "not YAML"),
        ("a: 1\nb: \x07", 1, "not YAML"),
        ('a: "\\UFFFFFFFF"', 1, "not YAML"),
        ('a: 1\nb: "\\ud800"', 2, "half a character"),
        ("a: 1\nb: \ud800", 2, "half a character"),
        ("a: 9007199254740992", 1, "2^53"),
        ("a: -9007199254740992", 1, "2^53"),
        ("a: " + "9" * 10_000, 1, "2^53"),
        ("a: 0x" + "f" * 10_000, 1, "2^53"),
        ("a: 1e999", 1, "too large"),
        ("a: .inf", 1, "infinity"),
        ("a: .NaN", 1, "infinity"),
        ("[" * 100_000, 1, "levels"),
        ("- " * 100_000, 1, "levels"),
    ],
)
def test_refused_with_the_line(text: str, line: int, word: str) -> None:
    error = _refused(text)
    assert error.line == line
    assert word in error.sentence


def test_depth_and_size_end_exactly_at_their_bounds() -> None:
    nested = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert load(nested, "f.yaml").value is not None
    assert "levels" in _refused(f"[{nested}]").sentence
    assert load("#" * MAX_BYTES, "f.yaml").value is None
    assert "larger" in _refused("#" * (MAX_BYTES + 1)).sentence


@given(st.text() | _SPECIAL)
def test_any_text_is_a_value_or_an_error_with_a_line(text: str) -> None:
    line = 1
    try:
        load(text, "f.yaml")
    except YamlError as error:
        line = error.line
    assert 1 <= line <= len(text) + 1


@given(_PLAIN)
def test_what_is_written_as_json_reads_as_itself(value: Value) -> None:
    import json

    assert load(json.dumps(value), "f.yaml").value == value


def test_the_parser_is_loaded_only_when_something_is_read() -> None:
    probe = "import safeconduct.kit.yaml, sys; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
