import pytest

from safeconduct.console.visible import exact, visible, whole, written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("<b>&\"'", "&lt;b&gt;&amp;&#34;&#39;"),
        ("a\u202eb", "a<b class=odd>\\u202e</b>b"),
        ("\u2066\u200b", "<b class=odd>\\u2066\\u200b</b>"),
        ("\x00\n\t\x1b", "<b class=odd>\\u0000\\u000a\\u0009\\u001b</b>"),
        ("a\u3164\u2800\u00adb", "a<b class=odd>\\u3164\\u2800\\u00ad</b>b"),
        ("x\ufe0f\U000e0041", "x<b class=odd>\\ufe0f\\U000e0041</b>"),
        ("\u00a0", "<b class=odd>\\u00a0</b>"),
        ("Müller 李", "Müller 李"),
        ("", ""),
    ],
)
def test_nothing_hides_and_nothing_turns_around(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_letters_that_are_not_ascii_stand_out_where_looks_can_deceive() -> None:
    assert exact("p\u0430y\u202e") == "p<u>\u0430</u>y<b class=odd>\\u202e</b>"
    assert exact(5) == "5"


def test_text_without_markup_hides_nothing_either() -> None:
    assert written("<a\u202e\U000e0041") == "<a\\u202e\\U000e0041"


def test_a_text_of_several_lines_keeps_them_and_nothing_else_that_moves() -> None:
    assert whole("a\n<\r\u2028") == "a\n&lt;<b class=odd>\\u000d\\u2028</b>"


def test_marks_that_pile_up_over_a_letter_cover_nothing() -> None:
    marks = "\u0301\u0302\u0303\u0304"
    assert visible(f"o{marks}x{marks}") == f"o{marks}x{marks}"
    assert visible(f"o{marks}\u0305\u0488x") == f"o{marks}<b class=odd>\\u0305\\u0488</b>x"
    assert written(f"o{marks}\u0305") == f"o{marks}\\u0305"
