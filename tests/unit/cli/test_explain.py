from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.cli import main, output
from safeconduct.config.policy import PolicyBlock
from safeconduct.core.recorded_input import parted
from safeconduct.core.review import Reviewed
from safeconduct.policy.at_hand import configured, rules
from safeconduct.policy.bundles import archive
from safeconduct.policy.bundles.reading import read
from safeconduct.policy.contract import RuleAt
from safeconduct.policy.keeping import KEPT
from safeconduct.policy.loading import load
from tests.support import worlds
from tests.support.bundles import HEADER, write
from tests.support.decisions import decided
from tests.support.facts import call, facts
from tests.support.logs import outcome, permit, written

RULES = """
elevate contains {"id": "ask", "template": "t", "ttl_s": 60, "obligations": ["own"]} if {
\tinput.call.tool == "crm.update_deal"
}
deny contains {"id": "large"} if input.facts.delta_bps > 100
deny contains {"id": "strict"} if input.facts.owner != "Sam"
"""
MODES = (
    HEADER
    + """modes: {strict: log_only}
obligations: {own: {redact: [pii]}}
"""
)


def explained(
    directory: Path, name: str, *more: str, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    assert main.main(["explain", name, "--log", str(directory / "log"), *more]) == output.OK
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("asked", "hinted"), [("foo", True), ("d_2", False)])
def test_an_unknown_decision_is_named_and_its_form_where_it_has_another(
    asked: str, hinted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, [permit("d_1")])
    assert main.main(["explain", asked, "--log", str(tmp_path)]) == output.FOUND
    said = capsys.readouterr().err
    assert f"the log knows no decision {asked}" in said
    assert ("has the form d_…" in said) is hinted


def test_every_rule_that_spoke_is_shown_where_it_stands_with_what_it_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = load(write(tmp_path / "policy", RULES, header=MODES))
    known = facts(resolved={"delta_bps": 150, "owner": "Dana"}, failures=("resolver",))
    written(tmp_path / "log", [decided(engine, call(), known)])
    lines = explained(tmp_path, "d_1", "--bundle", str(tmp_path / "policy"), capsys=capsys)
    assert lines[0] == "d_1: deny, facts-unavailable"
    start = lines.index("  checks") + 11
    assert lines[start : start + 7] == [
        f"  policy     bundle {engine.digest}",
        "    permit     none",
        "    elevate    ask (rules/test.rego:7)",
        "    deny       large (rules/test.rego:10)",
        "    log only   strict (rules/test.rego:11); if they counted: deny",
        "    demands    own",
        "  rules saw",
    ]
    assert [line.split()[0] for line in lines[start + 7 : start + 13]] == [
        "agent", "call", "facts", "provenance", "task", "user",
    ]  # fmt: skip
    assert "    facts      delta_bps 150, owner Dana" in lines
    assert lines[start + 13] == "  failures   resolver"


def test_where_the_bundle_is_not_at_hand_the_rules_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = load(write(tmp_path / "policy", RULES, header=MODES))
    written(tmp_path / "log", [decided(engine, call(), facts())])
    write(tmp_path / "other", "")
    for more in ((), ("--bundle", str(tmp_path / "other"))):
        lines = explained(tmp_path, "d_1", *more, capsys=capsys)
        assert "    elevate    ask" in lines


def test_what_a_record_does_not_show_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = load(write(tmp_path / "policy"))
    record = decided(engine, call(), facts(resolved={"delta_bps": 5, "owner": "Dana"}))
    shorter, _ = parted(record)
    shorter["policy"]["masked"] = [""]
    shorter["policy"]["error"] = "the engine crashed"
    written(tmp_path / "log", [shorter])
    lines = explained(tmp_path, "d_1", capsys=capsys)
    assert lines[lines.index("    deny       none") + 1 :][:4] == [
        "    error      the engine crashed",
        "  provenance id (user-request)",
        "  facts      delta_bps 5",
        "  masked     all of it",
    ]
    assert not any("Dana" in line for line in lines)


def test_a_program_gets_the_record_what_the_rules_saw_and_where_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowing = 'permit contains {"id": "all"} if input.call.tool == "crm.update_deal"\n'
    engine = load(write(tmp_path / "policy", allowing))
    record = decided(engine, call(), facts())
    done = {**outcome("d_1"), "may_have_happened": True}
    written(tmp_path / "log", [record, done])
    bundle = str(tmp_path / "policy")
    (line,) = explained(tmp_path, "d_1", "--bundle", bundle, "--format", "json", capsys=capsys)
    value = json.loads(line)
    assert value["decision"] == record | {"n": 0, "task_n": 1, "pair_n": 1}
    assert value["outcome"] == done | {"n": 1}
    assert value["input"]["call"]["fields"] == ["next_step"]
    assert value["rules"] == {"all": "rules/test.rego:6"}


def test_what_was_withheld_names_what_the_policy_demands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    permitting = RULES.replace("elevate", "permit").replace(', "template": "t", "ttl_s": 60', "")
    engine = load(write(tmp_path / "policy", permitting, header=MODES))
    known = facts(resolved={"delta_bps": 5, "owner": "Sam"})
    record = decided(engine, call(target="crm.update_deal"), known)
    assert record["verdict"] == "permit"
    withheld = {"status": "withheld", "reason": "result-withheld", "may_have_happened": True}
    written(tmp_path / "log", [record, {**outcome("d_1"), **withheld}])
    assert explained(tmp_path, "d_1", capsys=capsys)[-1] == (
        "  outcome    withheld, result-withheld; may have taken effect; "
        "what own hides is found in a structured result alone"
    )


def test_what_a_second_model_said_and_what_was_found_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allowing = 'permit contains {"id": "all"} if input.call.tool == "crm.update_deal"\n'
    engine = load(write(tmp_path / "policy", allowing))
    known = facts(review=Reviewed("consistent", "matches-request", "refuse"))
    done = {**outcome("d_1"), "may_have_happened": True, "findings": ["pii.email"]}
    written(tmp_path / "log", [decided(engine, call(), known), done])
    lines = explained(tmp_path, "d_1", capsys=capsys)
    assert "  review     consistent: matches-request; otherwise refuse" in lines
    assert lines[-1] == "  outcome    ok; may have taken effect; found pii.email"


def test_the_bundle_that_was_accepted_last_is_at_hand_and_the_configured_one(
    tmp_path: Path,
) -> None:
    config = worlds.config(tmp_path)
    root = replace(config.root, policy=PolicyBlock(bundle="policy"))
    config = replace(config, root=root, directory=str(tmp_path))
    assert list(configured(config)) == []
    now = read(write(tmp_path / "policy", RULES, header=MODES))
    assert list(configured(config)) == [now]
    before = write(tmp_path / "before")
    state = tmp_path / config.root.gateway.state
    state.mkdir(exist_ok=True)
    packed = {path: (before / path).read_bytes() for path in ("policy.yaml", "rules/test.rego")}
    (state / KEPT).write_bytes(archive.pack(packed))
    kept, configured_now = configured(config)
    assert configured_now == now
    assert rules(kept.digest, configured(config)) == (
        RuleAt("read", "permit", "rules/test.rego", 5),
    )
    assert rules("0" * 64, configured(config)) == ()


def test_rules_of_a_decision_point_elsewhere_stand_nowhere(tmp_path: Path) -> None:
    remote = "name: far\nengine: opa\nremote: {url: 'http://127.0.0.1:8181'}\nentrypoint: a.b\n"
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/policy.yaml").write_text(remote)
    bundle = read(tmp_path / "policy")
    assert rules(bundle.digest, iter([bundle])) == ()
