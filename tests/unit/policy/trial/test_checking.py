"""`policy check` finds what a gateway would load and a reader would stumble over."""

import shutil
from pathlib import Path

import pytest

from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.trial import checking
from safeconduct.policy.trial.checking import check, findings
from tests.support.bundles import GUARDED, HEADER, PACKAGE, bundle, write

LIBRARY = Path(checking.__file__).parents[2] / "library" / "policies"


def sentences(rules: str, data: str = "{}") -> list[str]:
    return [
        f"{one.line}: {one.sentence}" for one in found(bundle(GUARDED, PACKAGE + rules, data=data))
    ]


def found(of: Bundle) -> list[PolicyRefused]:
    return list(findings(of))


def test_a_sound_bundle_has_nothing_to_find(tmp_path: Path) -> None:
    assert check(write(tmp_path)) == []


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("input.agent.teir == 1", "the policy input has no `agent.teir`"),
        ("input.agnet.tier.x == 1", "the policy input has no `agnet`"),
        ("input.agent.tier.x == 1", "the policy input has no `agent.tier.x`"),
        ('input["agent"]["teir"] == 1', "the policy input has no `agent.teir`"),
        ("input.user.groups.sales", "the policy input has no `user.groups.sales`"),
        ('input.agent.tier == "2"', '`input.agent.tier` is compared with "2", which it never is'),
        ('"2" == input.agent.tier', '`input.agent.tier` is compared with "2", which it never is'),
        ("input.agent.tier < 2.5", "`input.agent.tier` is compared with 2.5, which it never is"),
        ("input.facts.delta < 0.1", "`input.facts.delta` is compared with 0.1, which it never is"),
        ("input.agent.zone != 2", "`input.agent.zone` is compared with 2, which it never is"),
        ('input.call.effect == "reed"', '`input.call.effect` is compared with "reed", which'),
        ('input.call.effect in {"read", "reed"}', '`input.call.effect` is compared with "reed"'),
        ('input.call.effect in ["reed"]', '`input.call.effect` is compared with "reed"'),
        ('input.agent.stateless == "yes"', '`input.agent.stateless` is compared with "yes"'),
        ("input.user.acr == false", "`input.user.acr` is compared with false"),
        ("input.call.fields == null", "`input.call.fields` is compared with null"),
        ("input.call.sizes == 1", "`input.call.sizes` is compared with 1"),
        ("1 in input.call.fields", "`input.call.fields.[…]` is compared with 1"),
        ("input.call.fields[_] == 1", "`input.call.fields.[…]` is compared with 1"),
        ('"user" in input.provenance.to', '`input.provenance.to.[…]` is compared with "user"'),
        ("false", "this never holds: `false` is one of its conditions"),
        ('input.call.tool == "b"', "this never holds: `input.call.tool` would have to be several"),
        ('"b" == input.call.tool', "this never holds: `input.call.tool` would have to be several"),
        ('input.call.tool in {"b", "c"}', "this never holds: `input.call.tool` would have to be"),
        ('input.call.upstream == "x"; other', "this never holds: its conditions name no tool"),
        ("data.limits.mots == 1", "there is no `data.limits.mots`"),
        ("data.nothing", "there is no `data.nothing`"),
        ("limits.mots.x", "there is no `data.limits.mots`"),
    ],
)
def test_a_condition_that_makes_no_sense(condition: str, sentence: str) -> None:
    rules = (
        "import data.limits\n"
        f'permit contains {{"id": "x"}} if {{ input.call.tool == "a"; {condition} }}\n'
        'other if input.call.upstream == "y"\n'
        'deny contains {"id": "o"} if { other; input.call.tool == "o" }\n'
    )
    first, *more = sentences(rules, '{"limits":{"most":[3]}}')
    assert first.startswith(f"6: {sentence}")
    assert more == []


@pytest.mark.parametrize(
    "condition",
    [
        "input.agent.tier in {1, 2}",
        "input.agent.tier != 3",
        "input.facts.amount_minor < 1e6",
        'input.user.acr == "mfa"',
        "input.user.acr != null",
        'input.call.effect in {"read", "write"}',
        'input.call.tool in {"a", "b"}',
        'input.labels.readers[_] == "jane"',
        'input.provenance.to[_] == "user-request"',
        'input.provenance[_][_] == "user-request"',
        "some field in input.call.fields; field == 1",
        "input.facts.anything.at.all == {1}",
        'input.facts.x == "text"; input.facts.x == 1 + 1',
        "input.task.counts.calls < 3",
        "not input.approval.digest",
        "input.approval.granted_at_ms < input.now_ms",
        "input[input.call.tool]",
        "count(input) == 3",
        "input.call.sizes[_] == 3",
        "data.limits.most[0] == 3",
        "data.limits.most.x.y",
        "data.limits[input.call.tool] == 3",
        'x := input.call.tool; x == "a"',
        "input.agent.tier > 1; input.agent.tier < 3",
        'every field in input.call.fields { field in {"a", "b"} }',
    ],
)
def test_a_condition_that_could_hold(condition: str) -> None:
    rules = f'deny contains {{"id": "x"}} if {{ input.call.tool == "a"; {condition} }}\n'
    assert sentences(rules, '{"limits":{"most":[3]}}') == []


def test_a_branch_that_never_holds() -> None:
    rules = (
        "level := 1 if {\n\tinput.agent.tier == 1\n} else := 2 if {\n\tinput.agent.tier == 2\n"
        "\tinput.agent.tier == 3\n}\n"
        'deny contains {"id": "x"} if { input.call.tool == "a"; level == 1 }\n'
    )
    assert sentences(rules) == [
        "5: this never holds: `input.agent.tier` would have to be several things at once"
    ]


@pytest.mark.parametrize("condition", ["", " if true", " if { true; true }"])
def test_a_rule_without_a_condition(condition: str) -> None:
    assert sentences(f'deny contains {{"id": "x"}}{condition}\n') == [
        "5: this has no condition, so every call is refused"
    ]
    assert sentences(
        f'elevate contains {{"id": "x", "template": "t", "ttl_s": 9}}{condition}\n'
    ) == [
        "5: this asks for ever: it does not look at the approval, so a yes changes nothing",
        "5: this has no condition, so a person is asked for every call",
    ]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", 1),
        ("when { true } unless { false }", 1),
        ('when { context.task.tenant == "x" }', 0),
        ('unless { action == Action::"crm.get_account" }', 0),
    ],
)
def test_a_cedar_rule_without_a_condition(tmp_path: Path, condition: str, found: int) -> None:
    shutil.copytree(LIBRARY / "tenant-isolation" / "cedar", tmp_path, dirs_exist_ok=True)
    rule = f'@id("x")\nforbid (principal, action, resource) {condition};\n'
    (tmp_path / "rules" / "more.cedar").write_text(rule, encoding="utf-8")
    told = [one.sentence for one in check(tmp_path)]
    assert told == ["this has no condition, so every call is refused"] * found


def test_rules_that_nothing_needs() -> None:
    rules = (
        "unused if helper\n"
        "helper if input.agent.tier == 1\n"
        "used(x) if x == used_too\n"
        "default used_too := 2\n"
        "used_too := 3 if input.agent.tier == 3\n"
        'deny contains {"id": "x"} if { input.call.tool == "a"; used(2) }\n'
    )
    assert sentences(rules) == [
        "5: nothing that answers needs `agent.tools.unused`",
        "6: nothing that answers needs `agent.tools.helper`",
    ]


def test_what_bundles_share_need_not_be_used(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "lib/shared.rego": "package shared\n\nimport rego.v1\n\nhelper if input.agent.tier == 1\n",
        "rules/other.rego": "package other\n\nimport rego.v1\n\nhelper if data.shared.helper\n",
    }
    (only,) = check(write(tmp_path, files=files))
    assert (only.file, only.line) == ("rules/other.rego", 5)
    assert only.fix == "remove it"


def test_a_package_that_is_named_as_a_whole_is_needed(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "rules/other.rego": "package other\n\nimport rego.v1\n\nhelper if input.agent.tier == 1\n",
    }
    rules = 'deny contains {"id": "x"} if { input.call.tool == "a"; data.other[input.agent.zone] }'
    assert check(write(tmp_path, rules, files=files)) == []


def test_a_mode_of_no_rule(tmp_path: Path) -> None:
    header = HEADER + "modes: {read: log_only, raed: log_only}\n"
    (only,) = check(write(tmp_path, header=header))
    assert str(only) == (
        "policy.yaml:1: `modes` names `raed`, which is nothing that a rule is called "
        "(fix: correct it, or remove it)"
    )


@pytest.mark.parametrize("engine", ["rego", "cedar"])
def test_obligations_are_explained_and_demanded(tmp_path: Path, engine: str) -> None:
    obligations = (
        "obligations: {own: {constrain: {tenant_id: task.tenant}}, odd: {redact: [pii]}}\n"
    )
    if engine == "rego":
        rules = 'elevate contains {"id": "x", "template": "t", "ttl_s": 1, "obligations": ["own", '
        rules += '"onw"]} if { input.call.tool == "crm.get_case"; not input.approval }\n'
        write(tmp_path, rules, header=HEADER + obligations)
    else:
        shutil.copytree(LIBRARY / "tenant-isolation" / "cedar", tmp_path, dirs_exist_ok=True)
        header = f"name: test\nengine: cedar\n{obligations}"
        (tmp_path / "policy.yaml").write_text(header, encoding="utf-8")
        path = tmp_path / "rules" / "tenant_isolation.cedar"
        text = path.read_text(encoding="utf-8").replace('"own-tenant"', '"own, onw"')
        path.write_text(text, encoding="utf-8")
    assert [one.sentence for one in check(tmp_path)] == [
        "`obligations` names `odd`, which is nothing that a rule demands",
        "this demands `onw`, which policy.yaml does not explain, so it refuses",
    ]


def test_a_set_that_is_misspelt_is_told_what_it_may_mean(tmp_path: Path) -> None:
    rules = 'permits contains {"id": "x"} if input.call.tool == "a"\nunused := 1\n'
    one, other = check(write(tmp_path, rules))
    assert (one.sentence, one.fix) == (
        "nothing that answers needs `agent.tools.permits`",
        "did you mean `permit`?",
    )
    assert other.fix == "remove it"


def test_an_empty_folder_of_tests_is_none(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / ".keep").write_bytes(b"")
    assert check(tmp_path) == []


def test_all_findings_are_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    rules = 'deny contains {"id": "x"} if { input.agent.teir == 1; input.call.effect == "reed" }\n'
    header = HEADER + "modes: {raed: log_only}\n"
    files: dict[str, str | bytes] = {"tests/a.yaml": "cases: {'': maybe}\n"}
    places = [
        (one.file, one.line) for one in check(write(tmp_path, rules, header=header, files=files))
    ]
    assert places == [
        ("policy.yaml", 1),
        ("rules/test.rego", 6),
        ("rules/test.rego", 6),
        ("tests/a.yaml", 1),
    ]


def test_what_a_gateway_refuses_is_found_with_the_rest(tmp_path: Path) -> None:
    rules = 'permit contains {"id": "all"} if { input.agent.tier != 77; input.call.teir != 1 }\n'
    first, second = check(write(tmp_path, rules))
    assert "`all` permits" in second.sentence or "`all` permits" in first.sentence
    assert "no `call.teir`" in first.sentence + second.sentence


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ("a :=", "not Rego"),
        ("f(x) := f(x)", "which needs it in turn"),
        ("a := 1" + " +\n1" * 600, "nested too deep"),
    ],
)
def test_what_no_engine_takes_is_found_once(tmp_path: Path, rules: str, sentence: str) -> None:
    assert sentence in " ".join(one.sentence for one in check(write(tmp_path, rules)))


def test_a_directory_that_is_no_bundle(tmp_path: Path) -> None:
    (only,) = check(tmp_path)
    assert only.file == "policy.yaml"


def test_every_finding_of_the_preflight_is_told(tmp_path: Path) -> None:
    rules = (
        'permit contains {"id": "one"} if input.agent.tier != 77\n'
        'permit contains {"id": "two"} if input.agent.zone != "x"\n'
    )
    assert [one.line for one in check(write(tmp_path / "loose", rules))] == [6, 7]
    rules = (
        'deny contains {"id": "read"} if { input.call.tool == "a"; http.send({}) }\n'
        'deny contains {"name": "x"} if input.call.tool == "a"\n'
        "f(x) if numbers.range(1, x) with input as {}\n"
    )
    told = [(one.line, one.sentence) for one in check(write(tmp_path / "unsafe", rules))]
    assert told == [
        (6, "`http.send` is not among the functions that a rule may call"),
        (6, "the id `read` stands at rules/test.rego:5 too"),
        (7, "an element of `deny` without an id"),
        (8, "`numbers.range` is not among the functions that a rule may call"),
        (8, "`with` replaces facts"),
        (8, "nothing that answers needs `agent.tools.f`"),
    ]


def test_rules_that_do_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.policy.preflight.CPU_S", 1)
    rules = "a if { x := [1, 2, 3, 4, 5, 6, 7, 8, 9]; " + "x[_] > 1; " * 9 + "false }\n"
    (only,) = check(write(tmp_path, rules))
    assert (only.file, only.line) == ("policy.yaml", 1)
    assert only.sentence == "the rules did not come back within 1 s"


def test_a_chain_of_rules_that_is_too_long_is_found(tmp_path: Path) -> None:
    rules = "".join(f"r{number} if r{number + 1}\n" for number in range(1500))
    told = check(write(tmp_path, rules + "r1500 if true\n"))
    assert "a chain of more than 16 rules" in {one.sentence for one in told}


def test_a_decision_point_elsewhere_has_no_rules_here(tmp_path: Path) -> None:
    header = "name: test\nengine: opa\nentrypoint: agent.tools\nremote: {url: http://127.0.0.1:1}\n"
    (tmp_path / "policy.yaml").write_text(header, encoding="utf-8")
    assert check(tmp_path) == []
