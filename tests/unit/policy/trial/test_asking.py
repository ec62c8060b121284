"""Rules that ask a person for ever."""

from pathlib import Path

import pytest

from safeconduct.policy.trial.checking import check
from tests.support.bundles import write

LIBRARY = Path(__file__).parents[4] / "src/safeconduct/library/policies/mass-update/cedar"
ASK = 'elevate contains {"id": "ask", "template": "t", "ttl_s": 9} if '
SETTING = 'permit contains {"id": "set"} if input.call.tool == "crm.set"'
DEAF = "this asks for ever: it does not look at the approval, so a yes changes nothing"
LONE = "this asks for ever: no rule permits the call after a yes"


def sentences(directory: Path) -> list[str]:
    return [one.sentence for one in check(directory)]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ('{ input.call.tool == "crm.get_case"; input.agent.tier == 1 }', [DEAF]),
        ('{ input.call.tool == "crm.get_case"; old }\nold if input.user.id == "x"', [DEAF]),
        ('{ input.call.tool == "crm.get_case"; not input.approval }', []),
        ('{ input.call.tool == "crm.get_case"; not yes }\nyes if input.approval.digest', []),
        ('{ input.call.effect == "read"; not yes }\nyes if { some k; input[k].digest }', []),
        ('{ input.call.tool == "crm.set"; not input.approval }', [LONE]),
        ('{ input.call.tool == "crm.set"; not input.approval }\n' + SETTING, []),
    ],
)
def test_in_rego(tmp_path: Path, rules: str, found: list[str]) -> None:
    assert sentences(write(tmp_path, ASK + rules + "\n")) == found


def test_what_a_rule_imports_counts(tmp_path: Path) -> None:
    text = "package agent.tools\n\nimport rego.v1\nimport input.approval as yes\n\n"
    rule = ASK + '{ input.call.tool == "crm.get_case"; not yes }\n'
    assert sentences(write(tmp_path, files={"rules/ask.rego": text + rule})) == []


@pytest.mark.parametrize(
    ("asking", "permit", "found"),
    [
        ("unless { context has approval }", "crm.update_many", []),
        ("when { context.facts has matching }", "crm.update_many", [DEAF]),
        ("unless { context has approval }", "crm.other", [LONE]),
    ],
)
def test_in_cedar(tmp_path: Path, asking: str, permit: str, found: list[str]) -> None:
    schema = (LIBRARY / "schema.cedarschema").read_text(encoding="utf-8")
    schema = schema.replace('"crm.update_many" app', '"crm.update_many", "crm.other" app')
    (tmp_path / "schema.cedarschema").write_text(schema, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("name: test\nengine: cedar\n", encoding="utf-8")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.cedar").write_text(
        '@id("ask")\n@elevate("t")\n@ttl_s("60")\n'
        f'permit (principal, action == Action::"crm.update_many", resource) {asking};\n'
        f'@id("yes")\npermit (principal, action == Action::"{permit}", resource)\n'
        "when { context has approval && context.approval.digest == context.call.digest };\n",
        encoding="utf-8",
    )
    assert sentences(tmp_path) == found
