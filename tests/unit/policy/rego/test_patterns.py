import pytest

from safeconduct.policy.rego.patterns import PATTERNS

EXPRESSION = PATTERNS["regex.match"][0]
GLOB = PATTERNS["glob.match"][0]


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^[A-Za-z0-9_]+$",
        "(?i)^crm|(?:a|b)(?P<rest>c)(d)$",
        "(?i:a)(?ms)b",
        r"a\.b\-c\\\n\x41\Az\z",
        "[[:alpha:]_][[:^digit:]]",
        r"[\]\[a\-z]",
        "[a&b~c-]",
        "a*b+?c??d{2}e{2,}f{2,13}?",
        "é.",
    ],
)
def test_what_both_engines_read_alike_is_an_expression(pattern: str) -> None:
    assert EXPRESSION.fullmatch(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *(rf"a\{letter}" for letter in "wWdDsSbBpPCQ1u<>"),
        r"[\w]", r"[^\d]", "[a&&b]", "[a--b]", "[a~~b]", "[[a]b]", "[]a]", "[^]a]", "[[:odd:]]",
        "(?u)a", "(?x)a b", "(?U)a", "(?-i)a", "(?i)*", "(?<n>a)", "(?=a)",
        "a**", "a*?+", "a{2}{3}", "a{,2}", "a{100}", "a{", "a}", "a]", "a\\",
    ],
)  # fmt: skip
def test_what_they_read_differently_is_none(pattern: str) -> None:
    assert not EXPRESSION.fullmatch(pattern)


def test_a_glob_has_stars_and_choices() -> None:
    for pattern in ("*.example.com", "**", "{a,b}*", r"a\*b"):
        assert GLOB.fullmatch(pattern)
    for pattern in ("?", "[a-z]", "[!a]", "ä*"):
        assert not GLOB.fullmatch(pattern)
