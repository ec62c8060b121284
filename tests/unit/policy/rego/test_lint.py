import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.lint import check
from tests.support.bundles import GUARDED, PACKAGE, bundle


def lint(*texts: str) -> None:
    check(Evaluator(bundle(*texts)).modules, "agent.tools")


def refused(*texts: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        lint(*texts)
    assert caught.value.fix
    return caught.value


def test_rules_of_the_contract_pass() -> None:
    lint(
        GUARDED + 'deny contains {"id": "no"} if input.labels.integrity == "untrusted"\n'
        'elevate contains {"id": "ask", "template": t, "ttl_s": 60} if { t := sprintf("%s", [1]) }',
        "package lib\n\nf(x) := lower(x)",
    )


@pytest.mark.parametrize(
    "text",
    [
        "permit contains 1",
        'permit contains "read"',
        "permit contains x if { x := input.x }",
        "permit contains {}",
        'permit contains {"name": "read"}',
        'permit contains {"id": input.x}',
        'permit contains {"id": 1}',
        'permit contains {"id": ""}',
        'permit contains {"id": "Read"}',
        'permit contains {"id": "a b"}',
        'elevate contains {"template": "x", "ttl_s": 1}',
    ],
)
def test_every_rule_that_answers_carries_an_id(text: str) -> None:
    found = refused(GUARDED + text)
    assert ("without an id" in found.sentence, found.line) == (True, 6)


@pytest.mark.parametrize(
    "text",
    [
        'deny contains {"id": "x", "reason": "y"}',
        'elevate contains {"id": "x"}',
        'elevate contains {"id": "x", "template": "y"}',
        'elevate contains {"id": "x", "template": "y", "ttl_s": 1, "objects": []}',
        'permit contains {"id": "x", input.x: 1}',
        'permit contains {"id": "x", "id": "y"}',
    ],
)
def test_elements_have_the_keys_of_the_contract(text: str) -> None:
    found = refused(GUARDED + text)
    assert ("have id" in found.sentence, found.line) == (True, 6)


def test_an_id_stands_for_one_rule() -> None:
    second = PACKAGE + 'deny contains {"id": "read"} if true'
    found = refused(GUARDED, second)
    assert (found.file, found.line) == ("1.rego", 5)
    assert "0.rego:5" in found.sentence


@pytest.mark.parametrize(
    ("package", "text"),
    [
        ("agent.tools", 'deny := {{"id": "x"}}'),
        ("agent.tools", "default deny := set()"),
        ("agent.tools", 'deny.x contains {"id": "x"}'),
        ("agent.tools", "deny[x] := 1 if some x in [1]"),
        ("agent.tools", "deny(x) := x"),
        ("agent.tools", "p[x] := 1 if some x in [1]\ndeny[x] := 1 if some x in [1]"),
        ("agent.tools.deny", 'x contains {"id": "x"}'),
        ("agent", 'tools.deny contains {"id": "x", "reason": 1}'),
        ("agent", "tools := 1"),
        ("agent", "tools[x] := {1} if some x in [1]"),
    ],
)
def test_the_sets_are_reached_in_one_way_only(package: str, text: str) -> None:
    found = refused(GUARDED, f"package {package}\n\nimport rego.v1\n\n{text}")
    assert found.file == "1.rego"


def test_a_bundle_that_permits_nothing_at_all_is_refused() -> None:
    found = refused(PACKAGE + 'deny contains {"id": "x"} if true')
    assert ("no rule adds to agent.tools.permit" in found.sentence) is True


def test_the_gateways_own_package_is_refused() -> None:
    assert "gateway's own" in refused(GUARDED, "package safeconduct.answer\n\nx := 1").sentence


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('a := http.send({"url": "x"})', "http.send"),
        ("a if not opa.runtime()", "opa.runtime"),
        ('a if { some x in [rand.intn("a", 9)] }', "rand.intn"),
        ("a := [x | x := numbers.range(1, 1000000000)]", "numbers.range"),
        ('a := strings.count("x", "")', "strings.count"),
        ('a := {"k": net.cidr_merge([])}', "net.cidr_merge"),
        ("a := nothing(1)", "nothing"),
        ("a := data.lib.g(1)", "data.lib.g"),
        ("f(x) := y if { y := trace(x) }", "trace"),
        ('a if print("x")', "print"),
        ("a if true else := walk(1) if false", "walk"),
        ("a[x] := 1 if { x := uuid.rfc4122(1) }", "uuid.rfc4122"),
        ("a if every x in f(1) { x }", "f"),
        ("a[numbers.range(1, 3)[0]] := 1", "numbers.range"),
        ("a[http.send({}).status_code].b contains 1", "http.send"),
        ('permit contains {"id": "x"} if io.jwt.encode_sign({}, {}, {})', "io.jwt.encode_sign"),
    ],
)
def test_functions_off_the_table_are_refused_wherever_they_stand(text: str, name: str) -> None:
    found = refused(GUARDED + text, "package lib\n\nf(x) := x")
    assert (f"`{name}`" in found.sentence, found.line) == (True, 6), str(found)


def test_the_line_of_a_call_is_named() -> None:
    assert refused(GUARDED + 'a if {\n\ttrue\n\thttp.send({"url": "x"})\n}').line == 8


def test_functions_of_the_bundle_may_be_called() -> None:
    imports = "import data.lib\nimport data.lib as l\n"
    lint(
        GUARDED.replace("import rego.v1\n", "import rego.v1\n" + imports)
        + "a := data.lib.f(1)\nb := lib.f(1)\nc := l.f(1)\nd := f(1)\nf(x) := x",
        "package lib\n\nf(x) := x",
    )


def test_facts_cannot_be_replaced() -> None:
    text = 'permit contains {"id": "x"} if {\n\tokay with input as {"call": 1}\n}\nokay if true'
    found = refused(GUARDED + text)
    assert ("`with`" in found.sentence, found.line) == (True, 7)


def test_facts_cannot_be_replaced_in_the_name_of_a_rule() -> None:
    found = refused(GUARDED + "a[[1 | input.call with input as 1][0]] := 1")
    assert ("`with`" in found.sentence, found.line) == (True, 6)


@pytest.mark.parametrize("text", ["a := 1" + " + 1" * 130, "a := input" + ".x" * 140])
def test_long_expressions_are_refused(text: str) -> None:
    assert "nested too deep, or too long" in refused(GUARDED + text).sentence


@pytest.mark.parametrize("text", ["f(x) := f(x)", "f(x) := a[x]\na[f(input.x)] := 1"])
def test_recursion_is_refused(text: str) -> None:
    assert "needs it in turn" in refused(GUARDED + text).sentence
