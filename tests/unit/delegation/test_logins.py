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
from safeconduct.delegation.logins import ANSWER_S, CODE_S, Kept, Logins
from safeconduct.delegation.request import UserToken
from safeconduct.kit.jwk import encode
from safeconduct.kit.seal import TTL_MS
from safeconduct.ports import Attempt, LoginFailed, Person, SignedIn, TokenRefused
from tests.support.parties import configuration, profiled
from tests.support.worlds import AGENT

IDP = "https://idp.example"
HERE = "http://127.0.0.1:51234/callback"
VERIFIER = "v" * 43
CHALLENGE = encode(hashlib.sha256(VERIFIER.encode()).digest())
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
        self, *, acr: tuple[str, ...] = (), max_age_s: int | None = None, nonce: str | None = None
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
            names=frozenset({self.issuer, f"{self.issuer}/mcp"}),
            clock_ms=lambda: int(self.now_s * 1000) + 1,
            clock=lambda: self.now_s,
        )

    async def away(self, **asked: str) -> Kept:
        """What the browser keeps of somebody who has left for their issuer."""
        kept = (await self.logins.begin({**ASKED, **asked})).kept
        assert kept is not None
        return kept

    async def back(self, kept: Kept) -> Kept:
        """The same of somebody who has come back."""
        return await self.logins.returned({"state": kept.id, "code": "c"}, kept.value)

    async def question(self, **asked: str) -> Kept:
        return await self.back(await self.away(**asked))

    async def code(self, purpose: str = "", **asked: str) -> str:
        question = await self.question(**asked)
        to = self.logins.answered(question.id, question.value, allowed=True, purpose=purpose)
        return told(to.url)["code"]


def told(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


class TestTheWholeWay:
    async def test_leads_to_what_the_person_allowed(self, world: World) -> None:
        to = await world.logins.begin({**ASKED, "scope": "case:read unknown"})
        assert to.url == f"{IDP}/authorize"
        assert to.kept is not None
        assert to.kept.id == "state-1"
        assert world.sign_in.asked == [(("mfa",), 300)]
        kept = await world.back(to.kept)
        asks = world.logins.question(kept.id, kept.value)
        assert world.logins.question(kept.id, kept.value) == asks
        assert (asks.user, asks.client.name, asks.redirect_uri) == (JANE.id, "Desk", HERE)
        assert asks.scopes == ("case:read",)
        back = world.logins.answered(asks.id, kept.value, allowed=True, purpose=" Triage C-1. \n")
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
        kept = await world.question()
        asks = world.logins.question(kept.id, kept.value)
        assert asks.scopes == tuple(sorted(world.config.root.profiles["triage"].scopes))

    async def test_ends_with_a_no(self, world: World) -> None:
        question = await world.question()
        to = world.logins.answered(question.id, question.value, allowed=False, purpose="")
        assert told(to.url) == {"error": "access_denied", "state": "s-1", "iss": world.issuer}

    async def test_keeps_the_query_of_a_redirect_uri(self, tmp_path: Path) -> None:
        uri = "https://app.example/cb?x=y"
        asked = {**ASKED, "redirect_uri": uri, "response_type": "token"}
        to = await World(tmp_path, uri).logins.begin(asked)
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
            await world.logins.begin({**ASKED, **change})
        assert world.sign_in.count == 0


@pytest.mark.parametrize("path", ["", "/mcp", "/mcp/crm"])
async def test_a_program_may_name_the_endpoint_that_it_wants(world: World, path: str) -> None:
    resource = f"{world.issuer}{path}"
    code = await world.code(resource=resource)
    assert world.logins.redeem({**REDEEMED, "code": code, "resource": resource}).profile


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
        to = await world.logins.begin({**ASKED, **change})
        answer = told(to.url)
        assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-1", world.issuer)
        assert to.kept is None
        assert world.sign_in.count == 0

    async def test_states_are_bounded(self, world: World) -> None:
        to = await world.logins.begin({**ASKED, "state": "x" * 2049})
        assert told(to.url)["error"] == "invalid_request"

    async def test_what_a_browser_has_to_keep_is_bounded(self, world: World) -> None:
        for scope, fine in (("x" * 100, True), ("x" * 4000, False)):
            to = await world.logins.begin({**ASKED, "scope": scope})
            assert (to.kept is not None) is fine
            assert told(to.url).get("error") == (None if fine else "invalid_request")


class TestAnotherBrowser:
    async def test_cannot_come_back(self, world: World) -> None:
        mine, other = await world.away(), await world.away()
        for value in ("", "another", other.value, mine.value[:-1], mine.value + "A"):
            with pytest.raises(LoginFailed, match="not valid any more"):
                await world.back(Kept(mine.id, value))
        # It does not keep the one that left from coming back.
        assert (await world.back(mine)).id

    async def test_cannot_see_what_is_asked(self, world: World) -> None:
        kept = await world.question()
        for browser in ("", "another"):
            with pytest.raises(LoginFailed, match="not valid any more"):
                world.logins.question(kept.id, browser)
        assert world.logins.question(kept.id, kept.value).id == kept.id

    async def test_cannot_say_yes(self, world: World) -> None:
        kept = await world.question()
        with pytest.raises(LoginFailed, match="not valid any more"):
            world.logins.answered(kept.id, "", allowed=True, purpose="")


class TestOnceAndInTime:
    async def test_a_sign_in(self, world: World) -> None:
        kept = await world.away()
        world.now_s = TTL_MS / 1000 + 1
        with pytest.raises(LoginFailed):
            await world.back(kept)
        with pytest.raises(LoginFailed):
            await world.logins.returned({}, kept.value)

    async def test_a_sign_in_that_failed(self, world: World) -> None:
        world.sign_in.fault = LoginFailed("No.", "no")
        with pytest.raises(LoginFailed, match="No"):
            await world.question()

    async def test_a_question(self, world: World) -> None:
        kept = await world.question()
        world.now_s = ANSWER_S + 1
        with pytest.raises(LoginFailed):
            world.logins.question(kept.id, kept.value)

    async def test_a_yes(self, world: World) -> None:
        kept = await world.question()
        world.logins.answered(kept.id, kept.value, allowed=True, purpose="")
        with pytest.raises(LoginFailed):
            world.logins.answered(kept.id, kept.value, allowed=True, purpose="")
        with pytest.raises(LoginFailed):
            world.logins.question(kept.id, kept.value)

    async def test_a_purpose_that_nobody_can_read_can_be_written_again(self, world: World) -> None:
        kept = await world.question()
        for purpose in ("hidden \u202e text", "x" * 2001):
            with pytest.raises(LoginFailed, match="readable text"):
                world.logins.answered(kept.id, kept.value, allowed=True, purpose=purpose)
        to = world.logins.answered(kept.id, kept.value, allowed=True, purpose="Readable.")
        assert to.url

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
    kept = [await world.question() for _ in range(5)]
    with pytest.raises(LoginFailed):
        world.logins.question(kept[1].id, kept[1].value)
    assert world.logins.question(kept[2].id, kept[2].value).user == JANE.id
    # Who has not signed in yet takes no place here.
    left = [await world.away() for _ in range(5)]
    assert world.logins.question(kept[2].id, kept[2].value).user == JANE.id
    assert (await world.back(left[0])).id
