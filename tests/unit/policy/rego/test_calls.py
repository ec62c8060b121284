import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.lint import findings
from tests.support.bundles import GUARDED, bundle

LIB = "package lib\n\nf(x) := x\n\ng(x, y) := x + y\n\ndefault h(_) := 1"


def found(text: str) -> list[PolicyRefused]:
    return list(findings(Evaluator(bundle(GUARDED + text, LIB)).modules, "agent.tools"))


def refused(text: str) -> PolicyRefused:
    (one,) = found(text)
    assert one.fix
    return one


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("startswith(input.user.id)", "`startswith` is called with 1 arguments, and takes 2"),
        ('startswith(input.user.id, "a", x, y)', "`startswith` is called with 4 arguments"),
        ('x := startswith(input.user.id, "a", y)', "`startswith` is called with 3 arguments"),
        ('not startswith("", "a", true, 1)', "`startswith` is called with 4 arguments"),
        ("time.now_ns(1) > 1", "`time.now_ns` is called with 1 arguments, and takes 0"),
        ("data.lib.f() == 1", "`data.lib.f` is called with 0 arguments, and takes 1"),
        ("data.lib.g(1) == 1", "`data.lib.g` is called with 1 arguments, and takes 2"),
        ("own(1, 2, 3)", "`own` is called with 3 arguments, and takes 1"),
        ("count([1 | own()]) == 0", "`own` is called with 0 arguments, and takes 1"),
    ],
)
def test_a_call_has_as_many_arguments_as_the_function_takes(text: str, sentence: str) -> None:
    one = refused(f"own(x) if x\na if {{\n\ttrue\n\t{text}\n}}")
    assert sentence in one.sentence
    assert one.line == 9


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("startswith(input.user.id, 3)", "a string"),
        ("startswith([input.user.id], `a`)", "a string"),
        ("lower(null)", "a string"),
        ("regex.match(1, input.user.id)", "a string"),
        ('abs("1")', "a number"),
        ("substring(input.user.id, 0, {})", "a number"),
        ("format_int(true, 10)", "a number"),
    ],
)
def test_a_literal_has_the_type_that_the_function_takes(call: str, what: str) -> None:
    assert f"a literal where it takes {what}" in found(f"a := {call}")[0].sentence


def test_calls_of_the_right_form_pass() -> None:
    text = """
a := startswith(input.user.id, "a")
b := data.lib.g(data.lib.f(1), 2)
c := sprintf("%v", [substring(lower(`A`), 0, -1)])
d := time.clock([time.now_ns(), `UTC`])
e if regex.match(`^[a-z]+$`, input.user.id)
g if glob.match("*.example.com", ["."], input.user.id)
h := array.slice([1], 0, 1)
i if { data.lib.f(1, x); lower("A", y); x == y; not own(1, 2) }
own(x) if x
"""
    assert not found(text)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (r"regex.match(`\W`, input.user.id)", "reads in another way"),
        (r'regex.match("^\\d+$", input.user.id)', "reads in another way"),
        ("regex.find_n(`[a-z&&b]`, input.user.id, 1)", "reads in another way"),
        (
            "regex.find_all_string_submatch_n(`(?x)a`, input.user.id, 1)",
            "reads in another way",
        ),
        ("regex.match(input.facts.pattern, input.user.id)", "is no literal"),
        ("regex.match(pattern, input.user.id)", "is no literal"),
        ("glob.match(`?`, [], input.user.id)", "reads in another way"),
    ],
)
def test_a_pattern_is_a_literal_that_both_engines_read_alike(call: str, sentence: str) -> None:
    one = refused(f"pattern := `a`\na := {call}")
    assert sentence in one.sentence
    assert one.line == 7
