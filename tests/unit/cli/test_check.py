"""`check` names every mistake with file, line and fix."""

import json
import os
import shutil
from pathlib import Path

import pytest

from safeconduct.cli.main import main
from tests.support.configs import Gateway
from tests.support.enforcing import FIXTURE

SEED = sorted(str(file) for file in (Path(__file__).parents[2] / "data" / "seed").glob("*.yaml"))


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "gateway")


def test_a_sound_directory(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(gateway.directory)]) == 0
    assert capsys.readouterr().out == (
        f"ok: {gateway.directory} (1 agent, 1 zone, 1 user, 2 scopes, 2 upstreams)\n"
        "unsafe: unsafe_dev_identity, upstreams.mail.unsafe_no_sandbox\n"
    )


def test_its_main_file_stands_for_the_directory(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(gateway.directory), str(gateway.directory / "safeconduct.yaml")]
    assert main(["check", *files]) == 0
    assert capsys.readouterr().out.count("ok: ") == 1


def test_the_seeds_files_on_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *SEED]) == 0
    assert capsys.readouterr().out == f"ok: {', '.join(SEED)} (on their own)\n"


def test_a_mistake_has_file_line_and_fix(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.change("zones.yaml", "egress: [crm, mail, crm-api]", "egress: []")
    assert main(["check", str(gateway.directory)]) == 1
    assert capsys.readouterr().out == (
        f"{gateway.directory}/zones.yaml:3: the zone `office` has an empty egress list "
        "(fix: name every destination that agents in this zone may reach)\n"
    )


def test_a_mistake_in_one_file_on_its_own(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.change("agents/copilot.yaml", "    audience: crm-api\n", "")
    file = str(gateway.directory / "agents/copilot.yaml")
    assert main(["check", file]) == 1
    assert capsys.readouterr().out.startswith(f"{file}:5: `agent.delegation` has no `audience`")


def test_warnings_alone_are_fine(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.change("zones.yaml", "egress: [crm, ", "egress: [kb-api, crm, ")
    assert main(["check", str(gateway.directory)]) == 0
    shown = capsys.readouterr().out
    assert "zones.yaml:3: warning: `kb-api` denotes no destination" in shown
    assert "\nok: " in shown


WORDS = "  dictionaries:\n    prices: {family: crm, file: words}\n"
MATCHES = "  matches:\n    customers: {family: crm, file: words}\n"
PATTERNS = "  dictionaries:\n    prices:\n      family: crm\n      patterns: ['((']\n"


@pytest.mark.parametrize(
    ("block", "data", "line", "said"),
    [
        (WORDS, None, 3, "`words`: it is no file"),
        (WORDS, b"\xff\xfe", 3, "`words`: it is no text in UTF-8"),
        (WORDS, b"# a comment\n", 3, "`words`: a dictionary has no terms"),
        (MATCHES, None, 3, "`words`: it is no file"),
        (MATCHES, b"garbage", 3, "`words`: this is no file of matches"),
        (PATTERNS, b"", 5, "not a pattern of RE2 over ASCII: (("),
    ],
)
def test_what_looks_is_built(
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    block: str,
    data: bytes | None,
    line: int,
    said: str,
) -> None:
    before = len((gateway.directory / "safeconduct.yaml").read_text().splitlines())
    gateway.add("safeconduct.yaml", f"inspectors:\n{block}")
    file = gateway.directory / "words"
    file.mkdir() if data is None else file.write_bytes(data)
    assert main(["check", str(gateway.directory)]) == 1
    place = f"{gateway.directory / 'safeconduct.yaml'}:{before + line}: "
    assert f"{place}what looks cannot be built: {said} (fix: " in capsys.readouterr().out


def test_a_file_that_never_ends_is_not_read(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.add("safeconduct.yaml", f"inspectors:\n{WORDS}")
    os.mkfifo(gateway.directory / "words")
    assert main(["check", str(gateway.directory)]) == 1
    assert "it is no file" in capsys.readouterr().out


def test_the_policy_is_asked_too(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    rules = gateway.directory / "policy" / "rules" / "tools.rego"
    rules.write_text('package agent.tools\n\npermit contains {"id" if true\n', encoding="utf-8")
    assert main(["check", str(gateway.directory)]) == 1
    assert capsys.readouterr().out.startswith(f"{rules}:3: ")


def test_a_demand_that_no_manifest_meets_is_a_mistake(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.add("policy/policy.yaml", "obligations:\n  hide: {redact: [ppi]}\n")
    assert main(["check", str(gateway.directory)]) == 1
    assert capsys.readouterr().out.startswith(
        f"{gateway.directory}/policy/policy.yaml:5: `obligations.hide` redacts `ppi`, which no "
        "manifest has (fix: "
    )


def test_a_rule_about_a_tool_that_no_manifest_has_is_a_warning(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    deny = 'deny contains {"id": "no"} if input.call.tool == "crm.gte_case"\n'
    gateway.add("policy/rules/tools.rego", deny)
    assert main(["check", str(gateway.directory)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        f"{gateway.directory}/policy/rules/tools.rego:6: warning: this is about `crm.gte_case`, a "
        "tool that no manifest has (fix: did you mean `crm.get_case`?)\n"
    )
    assert "\nok: " in shown


def test_the_policy_for_other_enforcement_points_is_asked_too(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(FIXTURE, gateway.directory / "records")
    block = "authzen: {callers: ['spiffe://crm.example/peps/mesh'], bundle: records}\n"
    gateway.add("safeconduct.yaml", block)
    assert main(["check", str(gateway.directory)]) == 0
    path = gateway.directory / "records" / "data" / "candidates.json"
    path.write_text('{"people": {}}', encoding="utf-8")
    assert main(["check", str(gateway.directory)]) == 1
    assert f"{path}:1: this is not what a search" in capsys.readouterr().out


def test_a_policy_is_not_asked_while_the_rest_is_wrong(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    (gateway.directory / "policy" / "policy.yaml").unlink()
    gateway.change("zones.yaml", "id: office", "id: Office")
    assert main(["check", str(gateway.directory)]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_json(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--format", "json", str(gateway.directory), *SEED]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "problems": [],
        "unsafe": ["unsafe_dev_identity", "upstreams.mail.unsafe_no_sandbox"],
    }
    gateway.change("users.yaml", "mail:send", "mail:sent")
    assert main(["check", "--format", "json", str(gateway.directory)]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "problems": [
            {
                "file": str(gateway.directory / "users.yaml"),
                "line": 3,
                "sentence": "the scope `mail:sent` is not registered",
                "fix": "did you mean `mail:send`?",
                "warning": False,
            }
        ],
        "unsafe": [],
    }


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_nothing_there(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", name]) == 1
    assert ":1: there is no " in capsys.readouterr().out


WITNESSED = "audit:\n  directory: state/audit\n  witnesses: { policy: witnesses.policy }\n"


@pytest.mark.parametrize(
    ("policy", "line", "said"),
    [
        (None, 1, "the policy of witnesses cannot be read: No such file or directory"),
        (b"# none\nquorum nobody\n", 2, "no line before this one names 'nobody'"),
        (b"# none\n", 1, "no line `quorum <name>`"),
        (b"\xff", 1, "not UTF-8"),
    ],
)
def test_a_policy_of_witnesses_that_cannot_be_followed(
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    policy: bytes | None,
    line: int,
    said: str,
) -> None:
    gateway.change("safeconduct.yaml", "audit: {directory: state/audit}\n", WITNESSED)
    file = gateway.directory / "witnesses.policy"
    if policy is not None:
        file.write_bytes(policy)
    assert main(["check", str(gateway.directory)]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith(f"{file}:{line}: ")
    assert said in shown
    assert "(fix: " in shown
    assert main(["serve", "--config", str(gateway.directory)]) == 3
    shown = capsys.readouterr().err
    assert f"{file}:{line}: " in shown
    assert said in shown
    file.write_text("quorum none\n")
    assert main(["check", str(gateway.directory)]) == 0


def test_secrets_that_exports_lack_are_told(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    block = """\
audit:
  directory: state/audit
  exports:
    siem:
      kind: cloudevents
      url: https://siem.example
      credential: file:token
      signing_key: env:SAFECONDUCT_ABSENT
      ca: ca.pem
"""
    gateway.change("safeconduct.yaml", "audit: {directory: state/audit}\n", block)
    assert main(["check", str(gateway.directory)]) == 0
    root = gateway.directory / "safeconduct.yaml"
    first = root.read_text().split("\n").index("      credential: file:token") + 1
    shown = capsys.readouterr().out
    for at, said in enumerate(("`credential` at file:token", "`signing_key` at env:", "ca.pem")):
        (line,) = [one for one in shown.split("\n") if said in one]
        assert line.startswith(f"{root}:{first + at}: warning: ")


TOLD = """\
console: {listen: "127.0.0.1:8790", url: "http://localhost:8790"}
approvals:
  ciba:
    client_id: gate
    secret: file:secrets/ciba
  notify:
    mail:
      wire: smtp
      url: smtps://mail.example
      sender: gate@crm.example
      credential: file:secrets/mail
      ca: secrets/ca.pem
      people: {jane@crm.example: jane@crm.example}
    chat:
      wire: slack
      url: https://slack.example/api
      clicks: true
      credential: env:SAFECONDUCT_ABSENT
      signing: file:secrets/signing
      workspace: T1
      channel: C1
"""

SECRETS = ("ciba", "mail", "signing")


def test_secrets_that_telling_people_lacks_are_told(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they are missed when somebody has to be asked."""
    gateway.add("safeconduct.yaml", TOLD)
    root = gateway.directory / "safeconduct.yaml"
    lines = root.read_text().split("\n")
    assert main(["check", str(gateway.directory)]) == 0
    *warned, summary = capsys.readouterr().out.splitlines()[:-1]
    assert summary.startswith("ok: ")
    for shown, (key, said) in zip(
        warned,
        [
            ("secret: file:secrets/ciba", "who pushes to devices has no `secret` at file:"),
            ("credential: file:secrets/mail", "the notifier `mail` has no `credential` at file:"),
            ("ca: secrets/ca.pem", f"there is no file {gateway.directory / 'secrets/ca.pem'}"),
            ("credential: env:SAFECONDUCT_ABSENT", "the notifier `chat` has no `credential` at"),
            ("signing: file:secrets/signing", "the notifier `chat` has no `signing` at file:"),
        ],
        strict=True,
    ):
        (line,) = [number for number, one in enumerate(lines, 1) if key in one]
        assert shown.startswith(f"{root}:{line}: warning: {said}")
    secrets = gateway.directory / "secrets"
    secrets.mkdir()
    for name in SECRETS:
        (secrets / name).write_text("\n")
    assert main(["check", str(gateway.directory)]) == 0
    assert capsys.readouterr().out.count("the secret is empty") == len(SECRETS)
    for name in (*SECRETS, "ca.pem"):
        (secrets / name).write_text("secret\n")
    monkeypatch.setenv("SAFECONDUCT_ABSENT", "secret")
    assert main(["check", str(gateway.directory)]) == 0
    assert capsys.readouterr().out.startswith("ok: ")


def test_a_template_by_which_nothing_asks_is_a_warning(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.add("safeconduct.yaml", "approvals: {templates: {large-mial: {}}}\n")
    gateway.add("manifests/mail.yaml", "    asks: [{template: large-mail, calls: 3}]\n")
    root = gateway.directory / "safeconduct.yaml"
    line = len(root.read_text().splitlines())
    assert main(["check", str(gateway.directory)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        f"{root}:{line}: warning: nothing asks by `large-mial`: no scope, threshold or rule names "
        "it (fix: did you mean `large-mail`?)\n"
    )
    assert "\nok: " in shown


ELEVATE = """\
elevate contains {"id": "a", "template": "large", "ttl_s": 60} if input.call.tool == "mail.send"
"""
REVIEWER = """\
reviewer: {wire: openai, url: "https://model.example", model: m, otherwise: elevate}
"""


@pytest.mark.parametrize(
    ("template", "file", "text"),
    [
        ("mail:send", None, ""),
        ("scope", None, ""),
        ("control-argument", None, ""),
        ("review", "safeconduct.yaml", REVIEWER),
        ("many", "manifests/mail.yaml", "    asks: [{template: many, calls: 3}]\n"),
        ("large", "policy/rules/tools.rego", ELEVATE),
        ("large", "policy/data/limits.json", '{"ask": "large"}'),
    ],
)
def test_a_template_by_which_something_asks(
    gateway: Gateway,
    capsys: pytest.CaptureFixture[str],
    template: str,
    file: str | None,
    text: str,
) -> None:
    gateway.add("safeconduct.yaml", f"approvals: {{templates: {{'{template}': {{}}}}}}\n")
    if file is not None:
        gateway.add(file, text)
    assert main(["check", str(gateway.directory)]) == 0
    assert capsys.readouterr().out.startswith("ok: ")


@pytest.mark.parametrize(
    ("templates", "unasked"),
    [
        ("{'mail:send': {}, scope: {}}", ["scope"]),
        ("{review: {}}", ["review"]),
        ("{large: {}, scope: {}}", ["large"]),
    ],
)
def test_a_template_that_stands_for_nothing_here(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], templates: str, unasked: list[str]
) -> None:
    """`scope` is asked by for scopes without a template of their own, `review` by a reviewer."""
    gateway.add("safeconduct.yaml", f"approvals: {{templates: {templates}}}\n")
    assert main(["check", str(gateway.directory)]) == 0
    lines = [one for one in capsys.readouterr().out.splitlines() if "warning" in one]
    assert len(lines) == len(unasked)
    assert all(f"asks by `{name}`" in one for name, one in zip(unasked, lines, strict=True))


def test_templates_of_rules_that_are_elsewhere_are_not_known(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.add("safeconduct.yaml", "approvals: {templates: {large: {}}}\n")
    shutil.rmtree(gateway.directory / "policy" / "rules")
    (gateway.directory / "policy" / "policy.yaml").write_text(
        "name: ours\nengine: opa\nentrypoint: agent.tools\n"
        "remote: {url: 'https://opa.example/v1/data'}\n"
    )
    assert main(["check", str(gateway.directory)]) == 0
    assert capsys.readouterr().out.startswith("ok: ")
