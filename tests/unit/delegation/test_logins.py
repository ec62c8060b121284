from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from safeconduct.config.clients import ClientBlock
from safeconduct.config.users import Requires
from safeconduct.delegation import logins as module
from safeconduct.delegation.clients import Clients
from safeconduct.delegation.logins import CODE_S, LOGIN_S, Logins
from safeconduct.delegation.request import UserToken
from safeconduct.kit.jwk import encode
from safeconduct.ports import Attempt, LoginFailed, Person, SignedIn, TokenRefused
from tests.support.parties import configuration, profiled
from tests.support.worlds import AGENT

IDP = "https://idp.example"
HERE = "http://127.0.0.1:51234/callback"
VERIFIER = "v" * 43
CHALLENGE = encode(hashlib.sha256(VERIFIER.encode()).digest())
BROWSER = "b" * 43
ASKED = {
    "response_type": "code",
    "client_id": "desk",
    "redirect_uri": HERE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "state": "s-1",
}
REDEEMED = {"client_id": "desk", "redirect_uri": HERE, "code_verifier": VERIFIER}
JANE = Person(id="jane@crm.example", issuer=IDP, jti="j-1")


class SigningIn:
    """An issuer at which everybody is Jane."""

    def __init__(self) -> None:
        self.count = 0
        self.asked: list[tuple[tuple[str, ...], int | None]] = []
        self.fault: LoginFailed | None = None

    async def begin(
        self, *, acr: tuple[str, ...] = (), max_age_s: int | None = None
    ) -> tuple[str, Attempt]:
        self.count += 1
        self.asked.append((acr, max_age_s))
        return f"{IDP}/authorize", Attempt(f"state-{self.count}", "nonce", "verifier")

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now_ms: int) -> SignedIn:
        if self.fault is not None:
            raise self.fault
        assert answer["state"] == attempt.state
        return SignedIn(JANE, "id-token")


class World:
    def __init__(self, directory: Path, uri: str = HERE) -> None:
        requires = Requires(acr=("mfa",), max_age_s=300)
        self.config = profiled(configuration(directory), requires=requires)
        self.issuer = self.config.root.gateway.issuer
        self.now_s = 0.0
        self.sign_in = SigningIn()
        block = ClientBlock(agent=AGENT, profile="triage", redirect_uris=(uri,), name="Desk")
        self.logins = Logins(
            self.config,
            Clients({"desk": block, "other": replace(block, name="Other")}),
            self.sign_in,
            names=frozenset({self.issuer}),
            clock_ms=lambda: 1,
            clock=lambda: self.now_s,
        )

    async def question(self, **asked: str) -> str:
        await self.logins.begin({**ASKED, **asked}, BROWSER)
        back = {"state": f"state-{self.sign_in.count}", "code": "c"}
        return await self.logins.returned(back, BROWSER)

    async def code(self, purpose: str = "", **asked: str) -> str:
        question = await self.question(**asked)
        to = self.logins.answered(question, BROWSER, allowed=True, purpose=purpose)
        return told(to.url)["code"]


def told(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


class TestTheWholeWay:
    async def test_leads_to_what_the_person_allowed(self, world: World) -> None:
        to = await world.logins.begin({**ASKED, "scope": "case:read unknown"}, BROWSER)
        assert (to.url, to.id) == (f"{IDP}/authorize", "state-1")
        assert world.sign_in.asked == [(("mfa",), 300)]
        question = await world.logins.returned({"state": "state-1", "code": "c"}, BROWSER)
        asks = world.logins.question(question, BROWSER)
        assert world.logins.question(question, BROWSER) == asks
        assert (asks.user, asks.client.name, asks.redirect_uri) == (JANE.id, "Desk", HERE)
        assert asks.scopes == ("case:read",)
        back = world.logins.answered(asks.id, BROWSER, allowed=True, purpose=" Triage C-1. \n")
        assert back.url.startswith(f"{HERE}?")
        answer = told(back.url)
        assert answer.keys() == {"code", "state", "iss"}
        assert (answer["state"], answer["iss"]) == ("s-1", world.issuer)
        got = world.logins.redeem({**REDEEMED, "code": answer["code"]})
        assert (got.profile, got.purpose, got.user) == (
            "triage",
            "Triage C-1.",
            UserToken("id-token"),
        )
        assert got.scopes == frozenset({"case:read", "unknown"})
        assert got.program is not None
        assert (got.program.id, got.program.agent, got.program.jkt) == ("desk", AGENT, None)
        assert got.program.asked
        assert answer["code"] not in repr(got)

    async def test_without_words_of_the_person_s_the_agent_speaks_for_itself(
        self, world: World
    ) -> None:
        code = await world.code(purpose="  ", dpop_jkt="thumbprint")
        got = world.logins.redeem({**REDEEMED, "code": code})
        assert got.purpose == "Signed in with Desk."
        assert got.program is not None
        assert (got.program.asked, got.program.jkt) == (False, "thumbprint")

    async def test_shows_all_scopes_of_the_profile_where_none_are_asked_for(
        self, world: World
    ) -> None:
        asks = world.logins.question(await world.question(), BROWSER)
        assert asks.scopes == tuple(sorted(world.config.root.profiles["triage"].scopes))

    async def test_ends_with_a_no(self, world: World) -> None:
        question = await world.question()
        to = world.logins.answered(question, BROWSER, allowed=False, purpose="")
        assert told(to.url) == {"error": "access_denied", "state": "s-1", "iss": world.issuer}

    async def test_keeps_the_query_of_a_redirect_uri(self, tmp_path: Path) -> None:
        uri = "https://app.example/cb?x=y"
        asked = {**ASKED, "redirect_uri": uri, "response_type": "token"}
        to = await World(tmp_path, uri).logins.begin(asked, BROWSER)
        assert to.url.startswith(f"{uri}&error=unsupported_response_type&")


class TestNobodyIsSentBack:
    @pytest.mark.parametrize(
        "change",
        [
            {"client_id": ""},
            {"client_id": "https://evil.example/client.json"},
            {"redirect_uri": ""},
            {"redirect_uri": "https://evil.example/"},
            {"redirect_uri": f"{HERE}#"},
        ],
    )
    async def test_to_where_the_program_did_not_register(
        self, world: World, change: dict[str, str]
    ) -> None:
        with pytest.raises(LoginFailed):
            await world.logins.begin({**ASKED, **change}, BROWSER)
        assert world.sign_in.count == 0


class TestThePrograms:
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"response_type": "token"}, "unsupported_response_type"),
            ({"response_type": "code id_token"}, "unsupported_response_type"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"code_challenge_method": ""}, "invalid_request"),
            ({"code_challenge": ""}, "invalid_request"),
            ({"code_challenge": "x" * 44}, "invalid_request"),
            ({"code_challenge": "\u00e9" * 43}, "invalid_request"),
            ({"resource": "https://other.example"}, "invalid_target"),
        ],
    )
    async def test_faults_are_told_to_them(
        self, world: World, change: dict[str, str], error: str
    ) -> None:
        to = await world.logins.begin({**ASKED, **change}, BROWSER)
        answer = told(to.url)
        assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-1", world.issuer)
        assert to.id == ""
        assert world.sign_in.count == 0

    async def test_states_are_bounded(self, world: World) -> None:
        to = await world.logins.begin({**ASKED, "state": "x" * 2049}, BROWSER)
        assert told(to.url)["error"] == "invalid_request"


class TestAnotherBrowser:
    async def test_cannot_come_back(self, world: World) -> None:
        await world.logins.begin(ASKED, BROWSER)
        with pytest.raises(LoginFailed, match="not valid any more"):
            await world.logins.returned({"state": "state-1", "code": "c"}, "another")
        with pytest.raises(LoginFailed, match="not valid any more"):
            await world.logins.returned({"state": "state-1", "code": "c"}, BROWSER)

    async def test_cannot_see_what_is_asked(self, world: World) -> None:
        question = await world.question()
        for browser in ("", "another"):
            with pytest.raises(LoginFailed, match="not valid any more"):
                world.logins.question(question, browser)
        assert world.logins.question(question, BROWSER).id == question

    async def test_cannot_say_yes(self, world: World) -> None:
        question = await world.question()
        with pytest.raises(LoginFailed, match="not valid any more"):
            world.logins.answered(question, "", allowed=True, purpose="")


class TestOnceAndInTime:
    async def test_a_sign_in(self, world: World) -> None:
        await world.logins.begin(ASKED, BROWSER)
        world.now_s = LOGIN_S + 1
        with pytest.raises(LoginFailed):
            await world.logins.returned({"state": "state-1"}, BROWSER)
        with pytest.raises(LoginFailed):
            await world.logins.returned({}, BROWSER)

    async def test_a_sign_in_that_failed(self, world: World) -> None:
        await world.logins.begin(ASKED, BROWSER)
        world.sign_in.fault = LoginFailed("No.", "no")
        with pytest.raises(LoginFailed, match="No"):
            await world.logins.returned({"state": "state-1"}, BROWSER)
        world.sign_in.fault = None
        with pytest.raises(LoginFailed):
            await world.logins.returned({"state": "state-1"}, BROWSER)

    async def test_a_yes(self, world: World) -> None:
        question = await world.question()
        world.logins.answered(question, BROWSER, allowed=True, purpose="")
        with pytest.raises(LoginFailed):
            world.logins.answered(question, BROWSER, allowed=True, purpose="")
        with pytest.raises(LoginFailed):
            world.logins.question(question, BROWSER)

    async def test_a_purpose_that_nobody_can_read_can_be_written_again(self, world: World) -> None:
        question = await world.question()
        for purpose in ("hidden \u202e text", "x" * 2001):
            with pytest.raises(LoginFailed, match="readable text"):
                world.logins.answered(question, BROWSER, allowed=True, purpose=purpose)
        assert world.logins.answered(question, BROWSER, allowed=True, purpose="Readable.").url

    async def test_a_code(self, world: World) -> None:
        code = await world.code()
        world.logins.redeem({**REDEEMED, "code": code})
        with pytest.raises(TokenRefused):
            world.logins.redeem({**REDEEMED, "code": code})

    async def test_a_code_ends_within_a_minute(self, world: World) -> None:
        code = await world.code()
        world.now_s += CODE_S + 1
        with pytest.raises(TokenRefused):
            world.logins.redeem({**REDEEMED, "code": code})

    @pytest.mark.parametrize(
        "change",
        [
            {"client_id": "other"},
            {"client_id": ""},
            {"redirect_uri": "http://127.0.0.1:51235/callback"},
            {"code_verifier": "w" * 43},
            {"code_verifier": ""},
            {"code_verifier": "v" * 129},
            {"code_verifier": CHALLENGE},
            {"code": "another"},
            {"code": ""},
        ],
    )
    async def test_a_code_in_other_hands_is_spent(
        self, world: World, change: dict[str, str]
    ) -> None:
        form = {**REDEEMED, "code": await world.code()}
        with pytest.raises(TokenRefused) as refused:
            world.logins.redeem({**form, **change})
        assert refused.value.error == "invalid_grant"
        if "code" not in change:
            with pytest.raises(TokenRefused):
                world.logins.redeem(form)

    async def test_a_code_for_another_resource(self, world: World) -> None:
        form = {**REDEEMED, "code": await world.code(), "resource": "https://other.example"}
        with pytest.raises(TokenRefused) as refused:
            world.logins.redeem(form)
        assert refused.value.error == "invalid_target"


async def test_a_flood_of_people_pushes_the_oldest_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    for _ in range(5):
        await world.logins.begin(ASKED, BROWSER)
    with pytest.raises(LoginFailed):
        await world.logins.returned({"state": "state-2"}, BROWSER)
    assert await world.logins.returned({"state": "state-3"}, BROWSER)
