"""`safeconduct identity attest`, against a gateway that says what a test says."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Generator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from safeconduct.cli import main, output
from safeconduct.kit import keyfile
from tests.support.web import Answer, Asked, Web, document, serving

PATH = "/identity/svid"
ISSUED = {
    "spiffe_id": "spiffe://crm.example/agents/copilot",
    "x509_svid": [base64.b64encode(b"one").decode(), base64.b64encode(b"two").decode()],
    "jwt_svid": "a.b.c",
}


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as served:
        yield served


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("the.kubelet.s\n")
    return path


def run(url: str, evidence: Path, out: Path, *more: str) -> int:
    return main.main(
        [
            "identity", "attest", "--gateway", url, "--kind", "kubernetes-sa",
            "--evidence", str(evidence), "--out", str(out), *more,
        ]
    )  # fmt: skip


def test_svids_are_written_for_their_owner_alone(
    web: Web, evidence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.pages[PATH] = lambda _: document(ISSUED)
    out = tmp_path / "svid"
    assert run(web.url, evidence, out) == output.OK
    names = ["svid.jwt", "svid.pem", "key.pem"]
    assert capsys.readouterr().out.split() == [str(out / name) for name in names]
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}
    assert (out / "svid.jwt").read_text() == "a.b.c"
    assert (out / "svid.pem").read_text().count("BEGIN CERTIFICATE") == 2
    key = load_pem_private_key((out / "key.pem").read_bytes(), None)
    assert key.public_key() == keyfile.load(out / "key.jwk").public.key


def test_evidence_is_shown_again_with_the_same_key(
    web: Web, evidence: Path, tmp_path: Path
) -> None:
    web.pages[PATH] = lambda _: document(ISSUED)
    for _ in range(2):
        assert run(web.url + "/", evidence, tmp_path / "svid", "--audience", "x") == output.OK
    first, second = (one.headers["dpop"].split(".") for one in web.asked)
    assert first[0] == second[0], "the key stands in the header"
    assert first[1] != second[1]
    assert json.loads(web.asked[0].body) == {
        "attestor": "kubernetes-sa",
        "evidence": "the.kubelet.s",
        "audience": "x",
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            document({"error": "invalid_grant", "error_description": "Not accepted here."}, 400),
            "invalid_grant: Not accepted here.",
        ),
        (document({"spiffe_id": "x"}), "makes no sense"),
        (Answer(502, b"<html>"), "makes no sense"),
    ],
)
def test_a_refusal_writes_nothing(
    web: Web,
    evidence: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: Answer,
    said: str,
) -> None:
    def page(_: Asked) -> Answer:
        return answer

    web.pages[PATH] = page
    assert run(web.url, evidence, tmp_path / "svid") == output.FOUND
    assert said in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "svid").iterdir()] == ["key.jwk"]


def test_evidence_is_shown_in_private(
    evidence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("http://gateway.example", evidence, tmp_path / "svid") == output.FOUND
    assert "not an HTTPS URL" in capsys.readouterr().err


def test_no_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("https://gateway.example", tmp_path / "none", tmp_path / "svid") == output.FAULT
    assert "No such file" in capsys.readouterr().err
