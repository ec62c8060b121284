import pytest

from safeconduct.policy.bundles.header import read_header
from safeconduct.policy.refusal import PolicyRefused

GOOD = "name: test\nengine: rego\nentrypoint: agent.tools\n"


def refused(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        read_header(text)
    assert caught.value.file == "policy.yaml"
    return caught.value


def test_a_header_names_the_package_that_answers() -> None:
    header = read_header(GOOD)
    assert (header.name, header.entrypoint) == ("test", "agent.tools")
    assert not header.unsafe_permit_all


def test_the_unsafe_switch_must_be_thrown_on_purpose() -> None:
    assert read_header(GOOD + "unsafe_permit_all: true\n").unsafe_permit_all
    assert refused(GOOD + "unsafe_permit_all: 'true'\n").line == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD + "entry: x\n", 4, "`entry` is an unknown key"),
        (GOOD + "name: again\n", 4, "twice"),
        ("name: test\nentrypoint: agent.tools\n", 1, "`engine`"),
        (GOOD.replace("rego", "polar"), 2, "polar"),
        (GOOD.replace("rego", "cedar"), 3, "an entrypoint, which this engine does not have"),
        (GOOD.replace("test", "1"), 1, "`name`: expected `str`"),
        ("", 1, "the file is empty"),
        ("- name\n", 1, "expected keys with values"),
        ("name: [\n", 2, "not YAML"),
    ],
    ids=["unknown", "twice", "missing", "engine", "cedar", "type", "empty", "list", "broken"],
)
def test_a_header_that_is_not_understood_is_refused(text: str, line: int, words: str) -> None:
    found = refused(text)
    assert (found.line, words in found.sentence) == (line, True), str(found)
    assert found.fix


@pytest.mark.parametrize(
    ("text", "line", "words", "fix"),
    [
        ("redact: [pii]", 6, "", ""),
        ("redat: [pii]", 6, "`obligations.hide.redat` is an unknown key", "mean `redact`?"),
        ("redact: [pii, 9]", 6, "`obligations.hide.redact[1]`: expected `str`", "a category, such"),
        ("constrain: {a: task.tenent}", 6, "`obligations.hide.constrain.a`", "mean `task.tenant`?"),
        ("constrain: {a: me}", 6, "invalid enum", "one of: task.tenant, user.id, agent.id"),
        ("constrain: {a: {const: 0.5}}", 6, "constrain.a.const`: expected `bool", "write text"),
        ("constrain: {a b: user.id}", 6, "`obligations.hide.constrain.a b`", "names of arguments"),
        ("spotlight: encode", 6, "spotlight`: invalid enum", "one of: delimit"),
        ("{}", 5, "`obligations.hide` demands nothing", "write `constrain`, `redact` or"),
    ],
)
def test_a_mistake_in_an_obligation_has_its_line_and_a_fix(
    text: str, line: int, words: str, fix: str
) -> None:
    indented = f"{GOOD}obligations:\n  hide:{' ' if text == '{}' else chr(10) + '    '}{text}\n"
    if not words:
        assert read_header(indented).obligations
        return
    found = refused(indented)
    assert (found.line, words in found.sentence, fix in found.fix) == (line, True, True), str(found)


@pytest.mark.parametrize(
    ("text", "line", "words", "fix"),
    [
        ("modes:\n  crm: logonly\n", 5, "`modes.crm`: invalid enum", "mean `log_only`?"),
        ("modes:\n  CRM Read: log_only\n", 5, "`modes.CRM Read`", "lower-case letters, digits"),
        ("modes: log_only\n", 4, "`modes`: expected names", "write `name: value`"),
        ("remote:\n  url: x\n  timeout_ms: 0\n", 6, "`remote.timeout_ms`", "from 1 to 5000"),
    ],
)
def test_a_mistake_in_a_value_has_its_line_and_a_fix(
    text: str, line: int, words: str, fix: str
) -> None:
    found = refused(GOOD + text)
    assert (found.line, words in found.sentence, fix in found.fix) == (line, True, True), str(found)


def test_what_is_missing_is_said_with_what_there_is() -> None:
    found = refused("name: test\n")
    assert found.fix == "add `engine: ...`, one of: rego, cedar, opa, authzen"


@pytest.mark.parametrize(
    "entrypoint",
    ["Agent.tools", "agent..tools", "agent tools", "data.agent", "input", "safeconduct.x", '""'],
)
def test_an_entrypoint_is_a_package_of_the_operators(entrypoint: str) -> None:
    assert refused(GOOD.replace("agent.tools", entrypoint)).line == 3


REMOTE = "remote: {url: 'https://pdp.example'}\n"


def test_rules_may_be_evaluated_elsewhere() -> None:
    opa = read_header(GOOD.replace("rego", "opa") + REMOTE)
    assert opa.is_remote
    assert opa.remote is not None
    assert (opa.remote.url, opa.remote.timeout_ms, opa.remote.ca) == (
        "https://pdp.example",
        500,
        None,
    )
    assert read_header(f"name: test\nengine: authzen\n{REMOTE}").is_remote
    assert not read_header(GOOD).is_remote


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (GOOD + REMOTE, 4),
        ("name: test\nengine: cedar\n" + REMOTE, 3),
        (GOOD.replace("rego", "opa"), 2),
        ("name: test\nengine: authzen\n", 2),
        (GOOD.replace("rego", "authzen") + REMOTE, 3),
        ("name: test\nengine: opa\n" + REMOTE, 1),
        (GOOD.replace("rego", "opa") + "remote: {url: x, more: 1}\n", 4),
        (GOOD.replace("rego", "opa") + "remote: {url: x, timeout_ms: 0}\n", 4),
    ],
)
def test_a_decision_point_is_named_where_there_is_one(text: str, line: int) -> None:
    assert refused(text).line == line


def test_a_bundle_for_a_later_gateway_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.policy.bundles.header.__version__", "1.10.2.dev3")
    for version in ("1.10.2", "1.9.9", "0.99.0"):
        assert read_header(f'{GOOD}min_gateway: "{version}"\n').min_gateway == version
    for version in ("1.10.3", "1.11.0", "2.0.0"):
        found = refused(f'{GOOD}min_gateway: "{version}"\n')
        assert (found.line, f"Safeconduct {version} or later" in found.sentence) == (4, True)


@pytest.mark.parametrize("key", ["version", "min_gateway"])
@pytest.mark.parametrize(
    "version",
    ["1", "1.2", "01.2.3", "1.2.3-rc1", "v1.2.3", "", f"0.0.{'1' * 10}", f"0.0.{'1' * 5000}",
     "1.2.\N{ARABIC-INDIC DIGIT THREE}"],
)  # fmt: skip
def test_a_version_is_three_numbers(key: str, version: str) -> None:
    found = refused(f'{GOOD}{key}: "{version}"\n')
    assert (found.line, found.fix) == (4, "write three numbers, such as 1.0.0")
