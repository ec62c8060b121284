import pytest

from safeconduct.policy import preflight
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar.judging import findings
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import READS, SCHEMA, cedar

UPDATE = 'principal, action == Action::"crm.update", resource'


def found(bundle: Bundle) -> list[tuple[str, int, str]]:
    assert all(finding.fix for finding in findings(bundle))
    return [(finding.file, finding.line, finding.sentence) for finding in findings(bundle)]


def rule(text: str) -> list[tuple[str, int, str]]:
    """What is found in a rule that stands in the second line of the second file."""
    return found(cedar(READS, f"\n{text}"))


def test_rules_without_findings_pass() -> None:
    text = f"""
    @id("small") @elevate("t") @ttl_s("60") permit ({UPDATE}) when {{
      context.facts has delta_bps && context.facts.delta_bps < 1000 && principal.tier >= 2 &&
      !(context has approval && context.approval.digest == context.call.digest)
    }};
    @id("tainted") forbid (principal, action, resource)
    when {{ context.labels.integrity == "untrusted" }}
    unless {{ action in Action::"effect:read" }};
    @id("sales") permit (principal, action in Action::"effect:read", resource)
    when {{ resource.upstream == "crm" && resource.scopes.contains("crm:case:read") }};
    """
    assert found(cedar(READS, text)) == []
    preflight.run(cedar(READS, text))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("context.facts.delta_bps < 1000", "unable to guarantee safety"),
        ("context.approval.digest == context.call.digest", "unable to guarantee safety"),
        ('context.now_ms == "now"', "not compatible"),
        ("principal.tier < 1.5", "not Cedar"),
        ("principal.level == 1", "`level`"),
        ("context.labels.integrity > 1", "expected Long"),
        ('ip("10.0.0.300").isIpv4()', ""),
        ('principal == User::"jane"', "`User`"),
        ('action == Action::"crm.unknown"', "`Action::"),
    ],
)
def test_types_are_checked(condition: str, words: str) -> None:
    try:
        sentences = [one[2] for one in rule(f'@id("a") permit ({UPDATE}) when {{ {condition} }};')]
    except PolicyRefused as refused:
        sentences = [refused.sentence]
    assert sentences
    assert any(words in sentence for sentence in sentences), sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"forbid ({UPDATE}) when {{ false }};", "never applies"),
        (f"forbid ({UPDATE}) when {{ true }} unless {{ 1 == 1 }};", "never applies"),
        (f"permit ({UPDATE}) when {{ principal.tier == 1 && false }};", "never applies"),
        (f"permit ({UPDATE}) when {{ !(context.now_ms == context.now_ms) }};", "never applies"),
        ('permit (principal, action == Action::"effect:read", resource);', "does not fit"),
        ('permit (principal, action == Action::"crm.updat", resource);', "does not fit"),
        ('forbid (principal, action in Action::"efect:read", resource);', "does not fit"),
        ('forbid (principal, action, resource == Tool::"crm.updat");', "does not have"),
        (
            'forbid (principal, action == Action::"crm.get_case", resource == Tool::"crm.update");',
            "does not have",
        ),
        (
            f"forbid ({UPDATE}) when {{ context.facts has delta && context.facts.delta > 1 }};",
            "no `context.facts.delta`",
        ),
        (f"forbid ({UPDATE}) when {{ context has task }};", "no `context.task`"),
        (f"forbid ({UPDATE}) when {{ principal has level }};", "no `principal.level`"),
        (f"forbid ({UPDATE}) when {{ resource has owner }};", "no `resource.owner`"),
        (
            f'forbid ({UPDATE}) when {{ principal == Agent::"a" && Agent::"a".tier == 1 }};',
            "the attribute `tier` of an entity that is named",
        ),
        (f'forbid ({UPDATE}) when {{ resource == Tool::"crm.updat" }};', "no tool `crm.updat`"),
    ],
)
def test_a_rule_that_never_applies_is_refused(text: str, words: str) -> None:
    file, line, sentence = rule('@id("dead") ' + text)[0]
    assert (file, line) == ("rules/1.cedar", 2)
    assert words in sentence


@pytest.mark.parametrize(
    ("condition", "when"),
    [
        ("", "for a call that does not exist"),
        ("when { context.facts has delta_bps && context.facts.delta_bps < 1000 }", "fact is -1"),
        ('when { context.labels.integrity != "untrusted" }', "for a call that does not exist"),
        ("when { principal.tier >= 2 }", "for a call that does not exist"),
        ("when { principal.tier <= 2 }", "fact is -1"),
        ("when { context.call.fields.isEmpty() }", "fact is -1"),
        ('when { resource.upstream == "" }', "fact is -1"),
        ("when { context.facts has owner }", "for a call that does not exist"),
        ("when { context.facts has nested && context.facts.nested.inner == 1 }", "fact is 1"),
        ("unless { context has approval && principal.tier == 7777 }", "fact is -1"),
    ],
)
def test_a_permit_that_names_no_tool_is_refused(condition: str, when: str) -> None:
    text = f'@id("loose") permit (principal, action, resource) {condition};'
    ((file, line, sentence),) = rule(text)
    assert (file, line) == ("rules/1.cedar", 2)
    assert "`loose` permits" in sentence
    assert when in sentence
    assert found(cedar(READS, text, unsafe_permit_all=True)) == []


@pytest.mark.parametrize(
    "text",
    [
        'permit (principal, action, resource == Tool::"crm.update");',
        'permit (principal, action in Action::"upstream:crm", resource);',
        'permit (principal, action, resource) when { resource.upstream == "crm" };',
        'permit (principal, action, resource) when { action == Action::"crm.update" };',
        "forbid (principal, action, resource);",
    ],
)
def test_a_rule_that_names_what_it_is_for_passes(text: str) -> None:
    assert rule('@id("named") ' + text) == []


def test_a_question_needs_no_tool_as_it_permits_nothing() -> None:
    assert rule('@id("q") @elevate("t") @ttl_s("60") permit (principal, action, resource);') == []


def test_a_bundle_that_permits_nothing_is_refused() -> None:
    ask = '@id("q") @elevate("t") @ttl_s("60") permit (principal, action, resource);'
    assert [one[2] for one in found(cedar(ask))] == [
        "no rule permits, so every call would be refused"
    ]


def test_data_that_no_rule_sees_is_refused() -> None:
    assert found(cedar(READS, data='{"crm":1}'))[0][0] == "data"


def test_all_is_found_at_once() -> None:
    text = f'@id("a") forbid ({UPDATE}) when {{ false }};\n@id("b") forbid ({UPDATE}) when {{ 1 }};'
    assert [
        (line, "`a`" in said, "`b`" in said) for _, line, said in found(cedar(READS, text))
    ] == [
        (1, True, False),
        (2, False, True),
    ]


@pytest.mark.parametrize(
    "bundle",
    [
        cedar(READS, "permit"),
        cedar(READS, READS),
        cedar(READS, schema=None),
        cedar(READS, schema=SCHEMA.replace("Long", "Agent")),
    ],
    ids=["syntax", "twice", "missing", "schema"],
)
def test_what_cannot_be_read_is_refused_in_the_child_too(bundle: Bundle) -> None:
    with pytest.raises(PolicyRefused) as here:
        raise next(findings(bundle))
    with pytest.raises(PolicyRefused) as there:
        preflight.run(bundle)
    assert str(there.value) == str(here.value)


def test_a_parser_that_crashes_ends_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of a bundle are looked at when they are read; here nobody did."""
    deep = "permit (principal, action, resource) when { " + "(" * 30 + "1 == 1" + ")" * 30 + " };"
    assert rule(f'@id("deep") @elevate("t") @ttl_s("1") {deep}') == []
    with pytest.raises(PolicyRefused, match="nested deeper"):
        preflight.run(cedar(READS, deep.replace("(" * 30, "(" * 5000)))


@pytest.mark.parametrize("type_", ["Set<{ id: String, n?: Long }>", "Set<Set<String>>"])
def test_facts_may_be_sets_of_what_has_parts(type_: str) -> None:
    schema = SCHEMA.replace("owner?: String", f"owner?: {type_}")
    named = '@id("named") permit (principal, action, resource) when { context.facts has owner'
    tool = '&& resource.upstream == "crm"'
    assert found(cedar(READS, f"{named} {tool} }};", schema=schema)) == []
    (loose,) = found(cedar(READS, f"{named} }};", schema=schema))
    assert "`named` permits for a call that does not exist" in loose[2]
