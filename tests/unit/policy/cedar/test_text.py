import pytest

from safeconduct.policy.cedar.text import (
    MAX_NESTING,
    MAX_OPERATORS,
    MAX_STRING,
    check_text,
    statements,
)
from safeconduct.policy.refusal import PolicyRefused


def refused(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        check_text(text, "rules/a.cedar")
    assert caught.value.file == "rules/a.cedar"
    return caught.value


def test_statements_end_where_the_engine_ends_them() -> None:
    text = '// a; b\n@id("a;\\"b")\npermit (x) when { {"k;": 1} };  forbid(y);\n\n rest'
    assert [(one.line, one.text) for one in statements(text, "f")] == [
        (2, '@id("a;\\"b")\npermit (x) when { {"k;": 1} };'),
        (3, "forbid(y);"),
        (5, "rest"),
    ]


def test_a_text_without_statements_has_none() -> None:
    assert statements(" // nothing; here\n", "f") == ()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000,
        "[" * 5000,
        '{"a":' * 5000,
        "1" + "+1" * 5000,
        "true" + "||true" * 5000,
        "context" + ".a" * 5000,
        "if true then true else " * 5000,
        "a in " * 5000,
        "\n".join(["a &&"] * 5000),
    ],
    ids=["parens", "brackets", "braces", "sum", "or", "path", "if", "in", "lines"],
)
def test_what_would_exhaust_the_stack_is_refused_before_the_parser(text: str) -> None:
    assert "nested deeper" in refused(text).sentence


def test_what_is_allowed_is_enough() -> None:
    check_text("(" * MAX_NESTING + ")" * MAX_NESTING + ";", "f")
    check_text(("a" + " && a" * MAX_OPERATORS + ";") * 3, "f")
    check_text("context.x == [" + ", ".join(["1"] * 5000) + "];", "f")
    check_text('"' + "(" * (MAX_STRING - 2) + '" // ' + "(" * 5000, "f")


def test_a_string_that_is_too_long_is_refused_at_its_line() -> None:
    found = refused('permit\n("' + "a" * (MAX_STRING - 1) + '");')
    assert (found.line, str(MAX_STRING) in found.sentence) == (2, True)


@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\x00", "\ufeff", "\x1b", "\r"])
def test_a_text_that_looks_different_from_what_it_is_is_refused(character: str) -> None:
    found = refused(f"permit\n(a{character}b);")
    assert (found.line, f"U+{ord(character):04X}" in found.sentence) == (2, True)
