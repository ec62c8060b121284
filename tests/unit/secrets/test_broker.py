"""Credentials come from where the configuration points, anew for every call, or not at all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from safeconduct.config.schema import CredentialBlock
from safeconduct.ports import Credential, CredentialUnavailable, Errand
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.references import MAX_SECRET
from tests.support.credentials import with_credential

HIDDEN = "hunter2-hunter2"
CRM = Errand(upstream="crm")


def broker(directory: Path, block: CredentialBlock) -> Broker:
    return Broker(with_credential(directory, block), clock_ms=lambda: 0)


def brokered(value: str | None) -> CredentialBlock:
    return CredentialBlock(kind="brokered", header="Authorization", value=value)


async def refusal(directory: Path, value: str | None) -> str:
    """What the refusal says, to whoever reads the gateway's own log."""
    with pytest.raises(CredentialUnavailable) as caught:
        await broker(directory, brokered(value)).credential(CRM)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_an_upstream_that_needs_no_credential_gets_none(tmp_path: Path) -> None:
    assert await broker(tmp_path, CredentialBlock(kind="none")).credential(CRM) is None


async def test_a_file_is_read_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "crm.token").write_text(f"{HIDDEN}\n", encoding="ascii")
    credential = await broker(tmp_path, brokered("file:crm.token")).credential(CRM)
    assert credential == Credential("brokered", {"Authorization": f"Bearer {HIDDEN}"})


async def test_a_variable_of_the_environment_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", HIDDEN)
    credential = await broker(tmp_path, brokered("env:CRM_TOKEN")).credential(CRM)
    assert credential == Credential("brokered", {"Authorization": f"Bearer {HIDDEN}"})


@pytest.mark.parametrize(
    ("parts", "headers"),
    [
        ({"scheme": "Basic"}, {"Authorization": f"Basic {HIDDEN}"}),
        ({"scheme": ""}, {"Authorization": HIDDEN}),
        ({"header": "X-Api-Key", "scheme": ""}, {"X-Api-Key": HIDDEN}),
    ],
)
async def test_header_and_scheme_are_the_configuration_s(
    tmp_path: Path, parts: dict[str, str], headers: dict[str, str]
) -> None:
    (tmp_path / "token").write_text(HIDDEN, encoding="ascii")
    given = {"kind": "brokered", "header": "Authorization", "value": "file:token", **parts}
    block = msgspec.convert(given, CredentialBlock)
    credential = await broker(tmp_path, block).credential(CRM)
    assert credential == Credential("brokered", headers)


async def test_a_rotated_secret_is_used_by_the_next_call(tmp_path: Path) -> None:
    file = tmp_path / "token"
    held = broker(tmp_path, brokered("file:token"))
    for secret in ("first", "second"):
        file.write_text(secret, encoding="ascii")
        credential = await held.credential(CRM)
        assert credential is not None
        assert credential.headers == {"Authorization": f"Bearer {secret}"}
    file.unlink()
    with pytest.raises(CredentialUnavailable):
        await held.credential(CRM)


@pytest.mark.parametrize("value", [None, "", HIDDEN, f"literal:{HIDDEN}", f"FILE:{HIDDEN}"])
async def test_only_a_reference_leads_to_a_credential(tmp_path: Path, value: str | None) -> None:
    said = await refusal(tmp_path, value)
    assert said == "a credential is a `file:` or `env:` reference"


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (f"file:{HIDDEN}", "FileNotFoundError"),
        ("file:.", "IsADirectoryError"),
        ("file:", "IsADirectoryError"),
        (f"env:{HIDDEN}", "KeyError"),
        ("env:", "KeyError"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_refused_without_being_told(
    tmp_path: Path, value: str, fault: str
) -> None:
    assert await refusal(tmp_path, value) == fault


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n\t",
        b"a\nb",
        b"a\r\nX-Injected: 1",
        b"a\x00b",
        b"a\x7f",
        b"x" * (MAX_SECRET + 1),
    ],
)
async def test_what_cannot_stand_in_a_header_is_no_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    said = await refusal(tmp_path, "file:token")
    assert said == "the secret is empty, too long or not printable"


async def test_a_secret_beyond_ascii_is_refused_without_being_told(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("geheim-ü", encoding="utf-8")
    assert await refusal(tmp_path, "file:token") == "UnicodeDecodeError"


async def test_the_longest_secret_passes(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"x" * MAX_SECRET + b"\n")
    credential = await broker(tmp_path, brokered("file:token")).credential(CRM)
    assert credential is not None


async def test_a_credential_that_is_printed_shows_no_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(HIDDEN, encoding="ascii")
    credential = await broker(tmp_path, brokered("file:token")).credential(CRM)
    assert repr(credential) == f"{credential}" == "Credential(kind='brokered')"


async def test_secrets_are_told_of_before_the_first_is_used_and_as_they_change(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    token = tmp_path / "token"
    token.write_text(HIDDEN)
    made = with_credential(tmp_path, brokered("file:token"))
    room = Broker(made, clock_ms=lambda: 0, note=told.append)
    assert told == [HIDDEN]
    token.write_text("rotated-since-then")
    await room.credential(CRM)
    assert told == [HIDDEN, "Bearer rotated-since-then"]
    token.unlink()
    Broker(made, clock_ms=lambda: 0, note=told.append)
    assert len(told) == 2
