"""Passkeys: registered, signed in with, signed with; and everything that is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from fido2.utils import websafe_encode

from safeconduct.approvals.answers import Approver, NotProven
from safeconduct.approvals.passkeys import CEREMONY_MS, MAX_CEREMONIES, Passkeys, verified
from safeconduct.ports import LedgerConflict
from safeconduct.tasks.state import TaskState
from tests.support.authenticator import Authenticator
from tests.support.facts import NOW_MS

URL: Final = "http://localhost:8790"
KIM: Final = Approver(user="kim", tenant="crm.example")
SIGNED: Final = b"c" * 32


class Booth:
    """Passkeys over real task state, with a clock that stands still."""

    def __init__(self, state: TaskState) -> None:
        self.state = state
        self.now_ms = NOW_MS
        self.records: list[Mapping[str, Any]] = []
        self.passkeys = Passkeys(state, self, URL, "crm.example", lambda: self.now_ms)

    async def append(self, *records: Mapping[str, Any]) -> int:
        for record in records:
            said = self.state.apply(self.state.applied(), record, replay=False)
            if said is not None:
                self.state.rollback()
                raise LedgerConflict(said)
            self.state.commit()
            self.records.append(record)
        return len(self.records)

    async def register(self, key: Authenticator, user: str = "kim") -> str:
        ceremony, asked = self.passkeys.register(user)
        return await self.passkeys.registered(
            ceremony, user, key.register(asked), label="phone", by=user
        )


@pytest.fixture
def booth(tmp_path: Path) -> Iterator[Booth]:
    state = TaskState(tmp_path / "state.sqlite3")
    yield Booth(state)
    state.close()


@pytest.fixture
def key() -> Authenticator:
    return Authenticator(URL, "localhost")


async def test_a_passkey_is_registered_and_its_user_signs_in_with_it(
    booth: Booth, key: Authenticator
) -> None:
    credential = await booth.register(key)
    ceremony, asked = booth.passkeys.sign_in()
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "required")
    assert booth.passkeys.signed_in(ceremony, key.sign(asked)).user == "kim"
    (record,) = booth.records
    assert record["credential"] == credential == websafe_encode(key.id)
    assert (record["user"], record["label"], record["synced"]) == ("kim", "phone", False)


async def test_what_is_asked_wants_a_verified_user_and_a_key_that_can_be_found(
    booth: Booth, key: Authenticator
) -> None:
    await booth.register(key)
    _, asked = booth.passkeys.register("kim")
    wanted = asked["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"]) == ("required", "required")
    assert [one["id"] for one in asked["excludeCredentials"]] == [websafe_encode(key.id)]
    assert asked["user"]["name"] == "kim"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "https://evil.example"),
        ("origin", "http://localhost:8791"),
        ("origin", "http://localhost"),
        ("rp_id", "evil.example"),
        ("verified", False),
        ("cross_origin", True),
    ],
)
async def test_no_other_page_and_no_unverified_user_registers_or_signs(
    booth: Booth, key: Authenticator, name: str, value: object
) -> None:
    honest = getattr(key, name)
    setattr(key, name, value)
    with pytest.raises(NotProven):
        await booth.register(key)
    setattr(key, name, honest)
    await booth.register(key)
    setattr(key, name, value)
    ceremony, asked = booth.passkeys.sign_in()
    with pytest.raises(NotProven):
        booth.passkeys.signed_in(ceremony, key.sign(asked))
    asked = booth.passkeys.options(KIM, SIGNED)
    with pytest.raises(NotProven):
        await booth.passkeys.verify(KIM, SIGNED, key.sign(asked), NOW_MS)


async def test_a_yes_is_a_signature_of_its_challenge(booth: Booth, key: Authenticator) -> None:
    await booth.register(key)
    asked = booth.passkeys.options(KIM, SIGNED)
    assert asked["challenge"] == websafe_encode(SIGNED)
    evidence = key.sign(asked)
    proof = await booth.passkeys.verify(KIM, SIGNED, evidence, NOW_MS)
    assert proof.device_bound
    verified(booth.records[0], proof.kept, SIGNED, URL)
    with pytest.raises(NotProven):
        await booth.passkeys.verify(KIM, b"d" * 32, evidence, NOW_MS)


async def test_a_synced_key_is_not_bound_to_its_device(booth: Booth, key: Authenticator) -> None:
    key.synced = True
    await booth.register(key)
    asked = booth.passkeys.options(KIM, SIGNED)
    assert booth.records[0]["synced"]
    assert not (await booth.passkeys.verify(KIM, SIGNED, key.sign(asked), NOW_MS)).device_bound


async def test_nobody_signs_with_another_s_key(booth: Booth, key: Authenticator) -> None:
    await booth.register(key, "lee")
    with pytest.raises(NotProven, match="register one"):
        booth.passkeys.options(KIM, SIGNED)
    evidence = key.sign({"challenge": websafe_encode(SIGNED)})
    with pytest.raises(NotProven, match="somebody else"):
        await booth.passkeys.verify(KIM, SIGNED, evidence, NOW_MS)


async def test_a_forged_signature_or_garbage_is_refused(booth: Booth, key: Authenticator) -> None:
    await booth.register(key)
    asked = booth.passkeys.options(KIM, SIGNED)
    forged = Authenticator(URL, "localhost")
    forged.id = key.id
    for evidence in (forged.sign(asked), {}, {"rawId": 5}, {"rawId": "AA", "response": []}):
        with pytest.raises(NotProven):
            await booth.passkeys.verify(KIM, SIGNED, evidence, NOW_MS)


async def test_a_copy_that_counts_anew_is_refused(booth: Booth, key: Authenticator) -> None:
    key.count = 5
    await booth.register(key)
    asked = booth.passkeys.options(KIM, SIGNED)
    with pytest.raises(NotProven, match="copy"):
        await booth.passkeys.verify(KIM, SIGNED, key.sign(asked), NOW_MS)
    key.count = 6
    proof = await booth.passkeys.verify(KIM, SIGNED, key.sign(asked), NOW_MS)
    assert proof.kept["sign_count"] == 6


async def test_a_ceremony_is_one_user_s_once_and_ends(booth: Booth, key: Authenticator) -> None:
    ceremony, asked = booth.passkeys.register("kim")
    answer = key.register(asked)
    with pytest.raises(NotProven, match="somebody else"):
        await booth.passkeys.registered(ceremony, "lee", answer, label="x", by="lee")
    with pytest.raises(NotProven, match="Start again"):
        await booth.passkeys.registered(ceremony, "kim", answer, label="x", by="kim")
    ceremony, asked = booth.passkeys.register("kim")
    booth.now_ms += CEREMONY_MS
    with pytest.raises(NotProven, match="too long"):
        await booth.passkeys.registered(ceremony, "kim", key.register(asked), label="x", by="kim")
    assert booth.records == []


async def test_ceremonies_are_bounded(booth: Booth) -> None:
    first, _ = booth.passkeys.sign_in()
    for _ in range(MAX_CEREMONIES):
        booth.passkeys.sign_in()
    with pytest.raises(NotProven):
        booth.passkeys.signed_in(first, {})


async def test_a_key_is_registered_once_and_removed_by_its_user(
    booth: Booth, key: Authenticator
) -> None:
    credential = await booth.register(key)
    with pytest.raises(NotProven):
        await booth.register(key)
    with pytest.raises(NotProven):
        await booth.passkeys.remove("lee", credential, by="lee")
    await booth.passkeys.remove("kim", credential, by="kim")
    ceremony, asked = booth.passkeys.sign_in()
    with pytest.raises(NotProven):
        booth.passkeys.signed_in(ceremony, key.sign(asked))


async def test_long_after_only_the_whole_truth_verifies(booth: Booth, key: Authenticator) -> None:
    await booth.register(key)
    asked = booth.passkeys.options(KIM, SIGNED)
    proof = (await booth.passkeys.verify(KIM, SIGNED, key.sign(asked), NOW_MS)).kept
    record = booth.records[0]
    other = {**record, "credential": "AA"}
    for told in (
        (record, proof, b"d" * 32, URL),
        (record, proof, SIGNED, "http://localhost:1"),
        (record, {**proof, "signature": "AA"}, SIGNED, URL),
        (record, {}, SIGNED, URL),
        (other, proof, SIGNED, URL),
    ):
        with pytest.raises(NotProven):
            verified(*told)
