"""Canaries: what must not be on disk is in no byte of any file, whatever form it could have."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from safeconduct.config.schema import CredentialBlock
from safeconduct.core.masks import Mask
from safeconduct.core.policy import PolicyAnswer
from safeconduct.simulation import SimulatedTask
from tests.support.recorded import payloads, recorded
from tests.support.worlds import USER, Rules, config

CREDENTIAL = 'canary-credential-"Zq7\\x9'
DETECTED = "AKIA" + "CANARYQWERTYUIOP"
MASKED = "canary-masked-iban-DE02"
WITHHELD = "canary-masked-result-0815"
PERSONAL = "canary-user-data Dana Müller"
CANARIES = (CREDENTIAL, DETECTED, MASKED, WITHHELD, PERSONAL, USER)

MASKS = (Mask("arguments", "next_step", "erase"), Mask("result", "iban", "hash"))


def forms(text: str) -> list[bytes]:
    """Every form in which somebody who looks through files would know a text again."""
    data = text.encode()
    encoded = [base64.b64encode(data[skip:])[2:-4] for skip in range(3)]
    return [
        data,
        data.hex().encode(),
        data.hex().upper().encode(),
        orjson.dumps(text)[1:-1],
        text.encode("utf-16-le"),
        quote(text).encode(),
        *encoded,
        *(one.replace(b"+", b"-").replace(b"/", b"_") for one in encoded),
    ]


def found(directory: Path, canary: str) -> set[str]:
    """The files in which a canary stands, in any form."""
    return {
        path.name
        for path in directory.rglob("*")
        if path.is_file()
        for form in forms(canary)
        if form in path.read_bytes()
    }


def echo(**_: object) -> dict[str, Any]:
    return {
        "id": "C-1",
        "iban": WITHHELD,
        "note": f"{PERSONAL}, {CREDENTIAL}, {base64.b64encode(CREDENTIAL.encode()).decode()}",
    }


@pytest.fixture(params=[False, True], ids=["stopped", "running"])
async def directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Path]:
    """Where a gateway lived through calls with canaries in everything, and where it lives on."""
    monkeypatch.setenv("CANARY", CREDENTIAL)
    block = CredentialBlock(kind="brokered", value="env:CANARY", header="x-api-key")
    monkeypatch.setattr("safeconduct.simulation.NO_CREDENTIAL", block)
    async with SimulatedTask(
        config(tmp_path),
        "Set D-7 on.",
        policy=Rules(PolicyAnswer(permit=("all",), masks=MASKS)),
        directory=tmp_path,
        resolvers={"crm.get_deal": lambda id: {"id": id, "amount_minor": 100}},
    ) as task:
        # Before the gateway used its credential, and after.
        for _ in range(2):
            await task.begin()
            await task.call("crm.get_case", {"case_id": PERSONAL}, echo)
            await task.begin()
            await task.call("crm.update_deal", {"id": "D-7", "next_step": MASKED}, echo)
            await task.call("crm.get_case", {"case_id": CREDENTIAL}, echo)
            await task.call("crm.get_case", {"case_id": DETECTED}, echo)
            await task.call("crm.get_case", {DETECTED: CREDENTIAL}, echo)
            await task.call("crm.absent", {CREDENTIAL: DETECTED}, echo)
        if request.param:
            yield tmp_path
    if not request.param:
        yield tmp_path


def test_secret_canaries_are_in_no_byte_on_disk(directory: Path) -> None:
    names = {path.name for path in directory.rglob("*") if path.is_file()}
    assert {"segment-00000000.log", "payload-00000000.blob", "keystore.sqlite3"} <= names
    for canary in (CREDENTIAL, DETECTED, MASKED, WITHHELD):
        assert found(directory, canary) == set(), canary


def test_user_data_canaries_are_on_disk_sealed_alone(directory: Path) -> None:
    assert found(directory, PERSONAL) == set()
    # The state that is derived from the log knows its users, and nothing else does.
    assert found(directory, USER) <= {"state.sqlite3", "state.sqlite3-wal"}
    audit = directory / "audit"
    assert PERSONAL in str(payloads(audit, "decision"))
    assert PERSONAL in str(payloads(audit, "outcome"))


def test_secret_canaries_are_not_in_what_the_key_opens_either(directory: Path) -> None:
    audit = directory / "audit"
    decisions, outcomes = payloads(audit, "decision"), payloads(audit, "outcome")
    assert len(decisions) == 12
    assert len(outcomes) == 4
    opened = orjson.dumps([decisions, outcomes, recorded(audit)])
    for canary in (CREDENTIAL, DETECTED, MASKED, WITHHELD):
        assert not any(form in opened for form in forms(canary)[:4]), canary
    kinds = {kind for kind in ("secret.held", "secret.aws", "masked") if kind.encode() in opened}
    assert kinds == {"secret.held", "secret.aws", "masked"}


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Who finds nothing has to be able to find something."""
    for number, canary in enumerate(CANARIES):
        for at, form in enumerate(forms(canary)[:4]):
            (tmp_path / f"{number}-{at}").write_bytes(b"\0" + form + b"\xff")
        for skip in range(3):
            padded = base64.b64encode(b"xyz"[:skip] + canary.encode() + b"more")
            (tmp_path / f"{number}-b{skip}").write_bytes(padded)
        assert len(found(tmp_path, canary)) == 7, canary
    db = sqlite3.connect(tmp_path / "db")
    db.execute("CREATE TABLE t (x)")
    db.execute("INSERT INTO t VALUES (?)", (DETECTED,))
    db.commit()
    assert "db" in found(tmp_path, DETECTED)
    db.close()
