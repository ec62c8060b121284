"""What an agent holds in the place of a value, and which tool gets the value."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from safeconduct import tokens
from safeconduct.ports import Caller
from safeconduct.simulation import SimulatedTask
from safeconduct.tokens import Tokens
from tests.support.inspecting import DANA, EVE, inspected
from tests.support.recorded import recorded

SECRET = b"s" * 32
CRM = {"get_case": {"returns": {"tokenise": ["pii.email"], "redact": ["pii.card"]}}}
MAIL = {"send": {"sink": {"reveals": ["pii.email"]}}}


class Sends:
    """A mail tool that notes what it gets, and says what it did."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    def __call__(self, **given: Any) -> dict[str, Any]:
        self.got.append(given)
        return {"sent": f"to {given['to']}"}


def case(**more: Any) -> dict[str, Any]:
    return {"id": "C-1", "customer_email": DANA, "deal_id": "D-7", **more}


async def read(made: SimulatedTask, **more: Any) -> dict[str, Any]:
    step = await made.call("crm.get_case", {"case_id": "C-1"}, lambda **_: case(**more))
    return cast("dict[str, Any]", step.value)


def records(made: SimulatedTask, kind: str) -> list[dict[str, Any]]:
    return recorded(Path(made.config.directory) / made.config.root.audit.directory, kind)


async def test_the_agent_sees_a_token_and_the_tool_that_may_have_it_gets_the_value(
    tmp_path: Path,
) -> None:
    async with inspected(tmp_path, crm=CRM, mail=MAIL) as made:
        value = await read(made, note=f"Write to {DANA}.")
        token = value["customer_email"]
        assert token.startswith("<email:")
        assert DANA not in str(value)
        # The same value has the same token, wherever it stands.
        assert value["note"] == f"Write to {token}."
        mail = Sends()
        step = await made.call("mail.send", {"to": token, "body": f"Dear {token}"}, mail)
        assert mail.got == [{"to": DANA, "body": f"Dear {DANA}"}]
        # What it says of the address, it says of the token.
        assert step.value == {"sent": f"to {token}"}
        decision = records(made, "decision")[-1]
        assert "named-field" in decision["provenance"]["to"]


async def test_no_other_tool_gets_the_value(tmp_path: Path) -> None:
    async with inspected(tmp_path, crm=CRM, mail=MAIL) as made:
        token = (await read(made))["customer_email"]
        got: list[Any] = []
        step = await made.call(
            "crm.update_deal", {"id": "D-7", "next_step": f"Ask {token}"}, lambda **v: got.append(v)
        )
        assert step.reason is None
        assert got == [{"id": "D-7", "next_step": f"Ask {token}"}]


async def test_a_token_is_nothing_in_another_task(tmp_path: Path) -> None:
    async with inspected(tmp_path, crm=CRM, mail=MAIL) as made:
        token = (await read(made))["customer_email"]
        await made.begin()
        mail = Sends()
        step = await made.call("mail.send", {"to": token, "body": "Hello"}, mail)
        assert (step.reason, mail.got) == ("destination-not-allowed", [])


async def test_a_value_that_nobody_vouches_for_is_no_better_for_its_token(tmp_path: Path) -> None:
    async with inspected(tmp_path, crm=CRM, mail=MAIL) as made:
        value = await read(made, messages=[{"body": f"Write to {EVE}"}])
        token = value["messages"][0]["body"].removeprefix("Write to ")
        mail = Sends()
        step = await made.call("mail.send", {"to": token, "body": "Hello"}, mail)
        assert (step.reason, mail.got) == ("destination-not-allowed", [])


async def test_what_is_cut_has_no_token(tmp_path: Path) -> None:
    async with inspected(tmp_path, crm=CRM) as made:
        value = await read(made, card="4111111111111111")
        assert value["card"] == "[redacted: pii.card]"


async def test_a_tool_gets_no_value_once_its_definition_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inspected(tmp_path, crm=CRM, mail=MAIL) as made:
        token = (await read(made))["customer_email"]
        finder = made.rooms.facts
        tool = finder.catalogue.facts("tools/call", "mail", "send")
        changed = msgspec.structs.replace(tool, pin="changed")
        monkeypatch.setattr(finder.catalogue, "facts", lambda *_: changed)
        bearer = made.verify(Caller(http_method="POST", url="", authorization=None), 0)
        params = {"name": "send", "arguments": {"to": token}}
        call, _ = finder.gather(bearer, "tools/call", "mail", "send", params)
        assert (call.arguments, call.revealed) == ({"to": token}, ())


def test_a_token_opens_as_its_kind_in_its_task_alone() -> None:
    tokens = Tokens(SECRET)
    sealed = tokens.seal("t_1", "pii.email", DANA)
    assert sealed == tokens.seal("t_1", "pii.email", DANA)
    assert tokens.open("t_1", "pii.email", sealed) == DANA
    assert tokens.open("t_2", "pii.email", sealed) is None
    assert tokens.open("t_1", "pii.card", sealed) is None
    assert Tokens(b"o" * 32).open("t_1", "pii.email", sealed) is None


def test_what_is_no_token_opens_as_nothing() -> None:
    tokens = Tokens(SECRET)
    for text in ("", "A", "AAAA", "A" * 30, "é" * 30):
        assert tokens.open("t_1", "pii.email", text) is None


@pytest.mark.parametrize("text", [DANA, f"{DANA}m", f"{DANA}mu"])
def test_a_token_has_one_spelling(text: str) -> None:
    vault = Tokens(SECRET)
    sealed = vault.seal("t_1", "pii.email", text)
    others = {sealed[:-1] + last for last in string.ascii_letters + string.digits + "-_"} - {sealed}
    assert len(others) == 63
    for other in (*others, f"{sealed}=", f"{sealed}==", f" {sealed}", f"{sealed[:9]}.{sealed[9:]}"):
        assert vault.open("t_1", "pii.email", other) is None


def test_the_key_of_a_task_is_derived_once_for_all_its_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    derived: list[object] = []

    def noted(*given: Any, **named: Any) -> HKDF:
        derived.append(named["info"])
        return HKDF(*given, **named)

    monkeypatch.setattr(tokens, "HKDF", noted)
    vault = Tokens(b"k" * 32)
    sealed = {vault.seal(task, "pii.email", f"{at}@b.example") for at in range(9) for task in "ab"}
    assert len(sealed) == 18
    assert derived == [b"token|a", b"token|b"]
