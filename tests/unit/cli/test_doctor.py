"""`safeconduct doctor`: what it found comes with what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app import following, inspecting, witnessed
from safeconduct.app.witnessed import Seen, Unusable
from safeconduct.cli import doctor, main, output
from safeconduct.demo.serving import free_port
from safeconduct.inspectors.documents.limits import Unread, unreadable

PINS = [
    {"upstream": "crm", "tool": "comment", "state": "unreviewed", "pin": "sha256:01", "found": []},
    {"upstream": "crm", "tool": "extra", "state": "changed", "pin": "sha256:02", "found": []},
    {"upstream": "crm", "tool": "get_case", "state": "unreviewed", "pin": "sha256:03", "found": []},
]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that nobody serves, for somebody without MCP clients."""
    made = tmp_path / "gateway"
    assert main.main(["init", str(made)]) == 0
    root = made / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8")
    for port in ("8700", "9101"):
        text = text.replace(f":{port}", f":{free_port()}")
    root.write_text(text.replace("unsafe_dev_identity: true", ""), encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return made


def _doctor(directory: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main.main(["doctor", "--config", str(directory)]) == output.FOUND
    return capsys.readouterr().out


def _answers(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    status = {"issuer": "http://x", "records": 1, "unreachable": {}, "pins": []}
    status |= {"notifiers": {}, "bypasses": []}
    policy = {"source": "policy", "digest": "0a", "refused": None, "release": None}
    status |= {"policy": {**policy, "ends_ms": None}, **changes}

    def ask(path: Path, verb: str, **request: object) -> Mapping[str, Any]:
        del path, request
        assert verb == "status"
        return status

    monkeypatch.setattr(doctor, "ask", ask)


def test_one_problem_is_one_problem(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _doctor(directory, capsys)
    assert "no gateway answers its operator" in said
    assert said.endswith("\n1 problem\n")


def test_a_dead_upstream_is_to_be_started(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answers(monkeypatch, unreachable={"crm": "nobody there"})
    said = _doctor(directory, capsys)
    assert "answers as http://x: 1 record\n" in said
    assert "problem upstream crm does not answer the gateway: nobody there\n" in said
    assert "fix: start it, or correct upstreams.crm.mcp; it is asked again every 30 s\n" in said


def test_who_was_not_told_and_what_is_not_asked_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = {"told": 3, "failed": 0, "fault": ""}
    notifiers = {"mail": {"told": 1, "failed": 2, "fault": "SMTP 550"}, "chat": fine}
    bypasses = [{"bypass": "b_1", "templates": ["refund"], "until_ms": 2**42}]
    _answers(monkeypatch, notifiers=notifiers, bypasses=bypasses)
    said = _doctor(directory, capsys)
    assert "problem notifier mail lost 2 messages: SMTP 550\n" in said
    assert "chat" not in said
    assert "nobody is asked about refund (bypass b_1)\n" in said


def test_newer_rules_that_were_refused_are_a_problem(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = {"source": "policy", "digest": "0a", "refused": None, "release": 7, "ends_ms": 2**42}
    _answers(monkeypatch, policy=policy)
    said = _doctor(directory, capsys)
    assert "ok      calls are judged by 0a from policy\n" in said
    assert "release 7" not in said
    _answers(monkeypatch, policy={**policy, "refused": "policy.yaml:1: no", "ends_ms": 0})
    said = _doctor(directory, capsys)
    assert "as what is there now was refused: policy.yaml:1: no\n" in said
    assert "release 7 of the policy is good to 1970-01-01T00:00:00+00:00\n" in said


def _behind(
    directory: Path, patch: pytest.MonkeyPatch, lag: tuple[int, int, int] | Exception
) -> None:
    root = directory / "safeconduct.yaml"
    export = "exports: {siem: {kind: ocsf, url: 'https://lake.example'}}"
    text = root.read_text(encoding="utf-8")
    assert text.count("audit: {") == 1
    root.write_text(text.replace("audit: {", f"audit: {{ {export},"), encoding="utf-8")

    def behind(*_: object) -> dict[str, tuple[int, int, int]]:
        if isinstance(lag, Exception):
            raise lag
        return {"siem": lag}

    patch.setattr(following, "behind", behind)


@pytest.mark.parametrize(
    ("lag", "said"),
    [
        ((0, 0, 0), "ok      export siem is 0 records behind\n"),
        ((7, 900, 0), "ok      export siem is 7 records behind\n"),
        ((7, 61_000, 0), "problem export siem is 7 records behind, for 61 s\n"),
        ((0, 0, 1), "problem the sink of export siem refused 1 record\n"),
        ((0, 0, 1), "fix: cursors/siem.refused below the state directory lists them; remove it"),
        (PermissionError("cursors"), "problem nobody can say how far the exports are: cursors\n"),
    ],
)
def test_exports_that_lag_or_lose_are_a_problem(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lag: tuple[int, int, int] | Exception,
    said: str,
) -> None:
    _behind(directory, monkeypatch, lag)
    assert said in _doctor(directory, capsys)


def _witnessed(directory: Path, patch: pytest.MonkeyPatch, found: object) -> None:
    root = directory / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8")
    assert text.count("audit: {") == 1
    block = "witnesses: {policy: witnesses.policy}"
    root.write_text(text.replace("audit: {", f"audit: {{ {block},"), encoding="utf-8")

    def seen(*_: object) -> object:
        if isinstance(found, Exception):
            raise found
        return found

    patch.setattr(witnessed, "seen", seen)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Seen(63, True, "cosigned by w1", 12, 2, 900),
            "ok      63 records of the log: cosigned by w1, 12 s ago\n",
        ),
        (Seen(63, True, "cosigned by nobody", None, 0, 0), "ok      63 records of the log: "),
        (
            Seen(63, True, "cosigned by w1", 99, 2, 61_000),
            "w1, 99 s ago; the quorum is not met for 2 records since, for 61 s\n",
        ),
        (
            Seen(63, False, "cosigned by w1, which is not 'G'", None, 0, 0),
            "problem 63 records of the log: cosigned by w1, which is not 'G'\n",
        ),
        (None, "problem no checkpoint of the log was witnessed yet\n"),
        (PermissionError("there"), "problem nobody can say what is witnessed: there\n"),
        (Unusable(Path("p"), 3, "no", "yes"), "problem p:3: no\n        fix: yes\n"),
    ],
)
def test_witnesses_that_do_not_keep_up_are_a_problem(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: object,
    said: str,
) -> None:
    _witnessed(directory, monkeypatch, found)
    assert said in _doctor(directory, capsys)


def test_lines_to_paste_come_in_the_order_of_the_manifest(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answers(monkeypatch, pins=PINS)
    lines = _doctor(directory, capsys).splitlines()
    pasted = [line for line in lines if line.startswith("    pin:")]
    assert pasted == [f"    pin: sha256:{end}" for end in ("03", "01", "02")]
    assert lines[lines.index(pasted[0]) - 1].endswith("below `get_case:` in manifests/crm.yaml")
    assert "note    crm.extra is changed and is refused" in lines


def test_a_definition_that_speaks_to_the_agent_is_to_be_read_and_not_pasted(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ["instruction.model", "instruction.override"]
    _answers(monkeypatch, pins=[{**PINS[1], "found": found}])
    said = _doctor(directory, capsys)
    what = "the definition of crm.extra speaks to the agent: instruction.model, instruction.over"
    assert f"problem {what}" in said
    assert "safeconduct tools review --upstream crm --tool extra" in said
    assert "sha256:02" not in said


REFUSED = {
    "at_ms": 1_800_000_000_000,
    "path": "/oauth/token",
    "told": "The actor token is not valid here.",
    "why": "not signed by a key\n that is trusted for it",
    "claims": {"actor": "spiffe://crm.example/a\x1b[31m"},
}


def _explains(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *refused: object,
) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "ask", lambda _path, verb: {verb: list(refused)})
    capsys.readouterr()
    code = main.main(["doctor", "--refused", "--config", str(directory)])
    return code, capsys.readouterr().out


def test_a_refusal_is_explained_with_all_that_its_caller_does_not_get(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _explains(directory, monkeypatch, capsys, REFUSED)
    assert code == output.FOUND
    first, told, why = said.splitlines()
    assert first.startswith("2027-01-15T08:00:00+00:00 /oauth/token, actor spiffe://crm.example/a")
    assert told == "    told: The actor token is not valid here."
    assert why.startswith("    why:  not signed by a key")
    assert "\x1b" not in said


def test_what_was_told_is_not_said_twice(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = _explains(directory, monkeypatch, capsys, {**REFUSED, "why": REFUSED["told"]})
    assert len(said.splitlines()) == 2


def test_nobody_was_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _explains(directory, monkeypatch, capsys)
    assert (code, said) == (output.OK, "nobody was refused since the gateway started\n")


def test_without_a_gateway_there_is_nobody_to_ask(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main.main(["doctor", "--refused", "--config", str(directory)]) == output.FAULT
    assert "no gateway answers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        ("{kind: none}", "credential kind none"),
        (
            "{kind: none, tenant: example}",
            "credential kind none, said to open the data of example alone",
        ),
        (
            "{kind: brokered, header: Authorization, value: 'env:CRM_TOKEN'}",
            "credential kind brokered: one secret for everybody",
        ),
        (
            "{kind: tool-token, audience: crm}",
            "credential kind tool-token: made for each message, for crm",
        ),
        (
            "{kind: upstream-oauth, oauth: {issuer: 'https://as.example', grant: jwt-bearer}}",
            "credential kind upstream-oauth: jwt-bearer at https://as.example",
        ),
    ],
)
def test_the_kind_of_every_credential_is_shown(
    directory: Path, capsys: pytest.CaptureFixture[str], credential: str, said: str
) -> None:
    change(directory, credential)
    assert f"note    crm: {said}\n" in _doctor(directory, capsys)


def test_a_client_secret_is_looked_at_like_any_other(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    oauth = "issuer: 'https://as.example', grant: jwt-bearer, client_id: gateway"
    change(directory, f"{{kind: upstream-oauth, oauth: {{{oauth}, secret: 'env:AS_SECRET'}}}}")
    assert "in this environment" not in _doctor(directory, capsys)
    monkeypatch.setenv("AS_SECRET", "hunter2")
    told = _doctor(directory, capsys)
    assert "crm: its credential is in this environment" in told
    assert "hunter2" not in told


def change(directory: Path, credential: str) -> None:
    """Gives the CRM another credential."""
    root = directory / "safeconduct.yaml"
    lines = root.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = [at for at, line in enumerate(lines) if line.strip().startswith("credential:")]
    indentation = lines[at].partition("credential:")[0]
    lines[at] = f"{indentation}credential: {credential}\n"
    root.write_text("".join(lines), encoding="utf-8")


def test_every_secret_of_the_gateway_is_looked_for(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = directory / "safeconduct.yaml"
    text = root.read_text(encoding="utf-8")
    issuer = text.split("users:")[1].split("issuer: ")[1].split("\n")[0].split(",")[0].strip(' "{}')
    text += (
        f'signals: {{idp: {{issuer: "{issuer}", jwks: k.json, authorization: "file:no-push"}}}}\n'
    )
    root.write_text(text, encoding="utf-8")
    assert "signals.idp" in _doctor(directory, capsys)


class _Examiner:
    """Reads nothing; says what confines it."""

    held: tuple[str, ...] | Unread = ()

    def __init__(self, _: object) -> None: ...

    async def confined(self) -> tuple[str, ...]:
        if isinstance(self.held, Unread):
            raise self.held
        return self.held

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (
            ("memory limited", "no file by Landlock 4"),
            "ok      who reads documents is confined: memory limited; no file by Landlock 4\n",
        ),
        (
            ("memory limited",),
            "problem who reads documents is confined: memory limited; neither Landlock nor",
        ),
        (
            unreadable("no process"),
            "problem nobody reads documents here: document.unreadable: no process\n",
        ),
    ],
)
def test_what_confines_who_reads_documents(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    held: tuple[str, ...] | Unread,
    said: str,
) -> None:
    assert "who reads documents" not in _doctor(directory, capsys)
    with (directory / "safeconduct.yaml").open("a", encoding="utf-8") as stream:
        stream.write("inspectors: {documents: {}}\n")
    assert "who reads documents is confined: memory, processor time and file size limited" in (
        _doctor(directory, capsys)
    )
    monkeypatch.setattr(_Examiner, "held", held)
    monkeypatch.setattr(inspecting, "DocumentExaminer", _Examiner)
    assert said in _doctor(directory, capsys)
