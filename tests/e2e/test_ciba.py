"""Questions on devices, pushed by an issuer that others wrote (npm oidc-provider)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from msgspec.structs import replace

from safeconduct.app.notifying import approver
from safeconduct.app.pushing import pushes
from safeconduct.approvals import ciba
from safeconduct.approvals.answers import NotProven
from safeconduct.approvals.ciba import YES, Pushes
from safeconduct.config.approvals import Ciba
from safeconduct.ports import JSON
from tests.e2e import backchannel
from tests.e2e.login import CLIENT, PASSWORD, SECRET, Issuer, oidc_provider
from tests.support import consoling
from tests.support.consoling import KIM, House
from tests.support.starting import asked

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

TEMPLATES: Final[JSON] = {"scope": {"title": "Change a deal", "ask": "desk", "means": ["ciba"]}}


@pytest.fixture
def issuer(tmp_path: Path) -> Generator[Issuer]:
    with oidc_provider({KIM: {"password": PASSWORD, "claims": {}}}, tmp_path / "log") as issuer:
        yield issuer


class Home(House):
    """A company whose people have devices."""

    def __init__(self, directory: Path, issuer: Issuer) -> None:
        super().__init__(directory, approvals={"templates": TEMPLATES})
        (directory / "secret").write_text(SECRET)
        root, known = self.rooms.config.root, self.rooms.config.users
        users = replace(
            root.users, issuer=issuer.url, jwks=None, untyped=True, algorithms=("RS256",)
        )
        block = Ciba(client_id=CLIENT, secret="file:secret", acr=("mfa",))
        self.rooms.config = replace(
            self.rooms.config,
            root=replace(root, users=users, approvals=replace(root.approvals, ciba=block)),
            directory=str(directory),
            users={KIM: known[KIM]},
        )
        made = pushes(self.rooms)
        assert made is not None
        self.pushes: Pushes = made
        self.provider = issuer

    async def shown(self) -> str:
        """What the device shows."""
        while not any(task.done() for task in self.pushes.tasks):
            found = await asyncio.to_thread(backchannel.shown, self.provider, KIM)
            if found:
                return found[0]
        raise AssertionError("nothing was pushed")

    async def says(self, message: str, word: str, signed_in_s: int) -> None:
        form = {"message": message, "says": word, "signed_in_s": str(signed_in_s)}
        answer = await asyncio.to_thread(asked, f"{self.provider.url}/device/{KIM}", form)
        assert answer.status == 200

    async def done(self) -> None:
        await asyncio.gather(*self.pushes.tasks)


@pytest_asyncio.fixture
async def home(
    tmp_path: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Home]:
    monkeypatch.setattr(consoling, "START_MS", int(time.time() * 1000))
    monkeypatch.setattr(ciba, "INTERVAL_S", 0.05)
    home = Home(tmp_path, issuer)
    yield home
    await home.pushes.close()


def now_s() -> int:
    return int(time.time())


@pytest.fixture
def tokens(home: Home, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every ID token that came back."""
    seen: list[str] = []
    verify: Callable[..., Any] = home.pushes.verify

    async def noting(approver: Any, challenge: bytes, evidence: JSON, at_ms: int) -> Any:
        seen.append(evidence["id_token"])
        return await verify(approver, challenge, evidence, at_ms)

    monkeypatch.setattr(home.pushes, "verify", noting)
    return seen


async def test_a_yes_on_the_device_runs_the_call_once(home: Home, tokens: list[str]) -> None:
    question = await home.asked()
    message = await home.shown()
    assert message == f"{home.rooms.desk.codes[question.id, KIM]}/crm.update"
    home.now_ms = int(time.time() * 1000)
    await home.says(message, "yes", now_s())
    await home.done()
    assert home.rooms.desk.pending() == []
    assert len(tokens) == 1
    assert (await home.call()).reason is None


async def test_a_no_on_the_device_is_a_no(home: Home) -> None:
    await home.asked()
    await home.says(await home.shown(), "no", 0)
    await home.done()
    assert (await home.call()).reason == "approval-denied"


async def test_a_sign_in_of_long_ago_is_no_yes(home: Home) -> None:
    await home.asked()
    message = await home.shown()
    home.now_ms = int(time.time() * 1000)
    await home.says(message, "yes", now_s() - 3600)
    await home.done()
    assert len(home.rooms.desk.pending()) == 1


async def test_a_push_that_nobody_answers_expires(home: Home) -> None:
    question = await home.asked()
    await home.shown()
    home.now_ms = question.expires_ms
    await home.done()
    assert (await home.call()).reason == "approval-required"


async def test_an_answer_that_was_given_is_good_for_no_other_question(
    home: Home, tokens: list[str]
) -> None:
    await home.asked()
    home.now_ms = int(time.time() * 1000)
    await home.says(await home.shown(), "yes", now_s())
    await home.done()
    again = await home.asked({**consoling.DEAL, "amount_minor": 901})
    await home.shown()
    kim = approver(home.rooms, KIM)
    assert kim is not None
    for request in [*home.pushes.requests, "r-0"]:
        home.rooms.desk.challenge(again.id, kim, YES)
        evidence = {"auth_req_id": request, "id_token": tokens[0]}
        with pytest.raises(NotProven):
            await home.rooms.desk.answer(again.id, kim, YES, evidence)
    assert home.rooms.desk.holds(again.id)
