import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.text import MAX_NESTING, check_text


def nested(depth: int) -> str:
    return "a := " + "[" * depth + "]" * depth


def refused(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        check_text(text, "rules/a.rego")
    return caught.value


def test_nesting_is_bounded_before_any_parser_sees_it() -> None:
    check_text(nested(MAX_NESTING), "rules/a.rego")
    assert refused("\n\n" + nested(MAX_NESTING + 1)).line == 3


@pytest.mark.parametrize("bracket", ["(", "[", "{"])
def test_all_brackets_nest(bracket: str) -> None:
    assert "nested deeper" in refused(bracket * (MAX_NESTING + 1)).sentence


@pytest.mark.parametrize(
    "filler",
    ['"]"', '"\\"]"', "`]`", "`\n]\n`", "#]\n", '"\n]"', '"#" #]\n', "`\\` #`]\n"],
    ids=["string", "quote", "raw", "raw-lines", "comment", "broken-string", "hash", "backslash"],
)
def test_brackets_that_are_text_close_nothing(filler: str) -> None:
    assert "nested deeper" in refused(f"[{filler}," * (MAX_NESTING + 1)).sentence


def test_brackets_that_are_text_open_nothing() -> None:
    check_text('a := "[[[[[[[[[[[[[[[["\n# ((((((((((((((((((((\nb := `{{{{{{{{{{{{{{`', "a")


@pytest.mark.parametrize("character", "\x00\x0b\x1b\x85\u200b\u202e\u2028\ufeff")
def test_text_that_looks_different_from_what_it_is_is_refused(character: str) -> None:
    found = refused(f"a := 1\nb := 2 {character}")
    assert f"U+{ord(character):04X}" in found.sentence
    assert found.line == 2


def test_a_return_alone_is_no_line_end() -> None:
    check_text("# a\r\nb := 1", "a")
    assert "U+000D" in refused("# a\rb := 1").sentence
