from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
import pytest

from safeconduct.entrypoints.http import Site, doors
from safeconduct.entrypoints.login import LoginPages
from safeconduct.ports import LoginFailed
from tests.support.front import Reply, exchange

ISSUER = "https://gateway.example"
HOSTILE = '<script>alert("x")</script>&amp;'
BROWSER = "b" * 43


class Client(msgspec.Struct):
    name: str = "Desk"
    host: str = ""
    agent: str = "spiffe://crm.example/agents/copilot"
    profile: str = "triage"


class Question(msgspec.Struct):
    client: Client = msgspec.field(default_factory=Client)
    id: str = "q-1"
    user: str = "jane@crm.example"
    scopes: tuple[str, ...] = ("case:read",)
    redirect_uri: str = "http://127.0.0.1:5/callback"


class Kept(msgspec.Struct):
    id: str
    value: str = BROWSER


class Redirect(msgspec.Struct):
    url: str
    kept: Kept | None = None


class Logins:
    def __init__(self) -> None:
        self.heard: list[object] = []
        self.asked = Question()
        self.state = "s" * 43
        self.fault: LoginFailed | None = None

    def _hear(self, *what: object) -> None:
        self.heard.append(what)
        if self.fault is not None:
            raise self.fault

    async def begin(self, query: Mapping[str, str]) -> Redirect:
        self._hear("begin", dict(query))
        kept = Kept(self.state) if self.state else None
        return Redirect("https://idp.example/authorize?a=b", kept)

    async def returned(self, query: Mapping[str, str], kept: str) -> Kept:
        self._hear("returned", dict(query), kept)
        return Kept("q-1" + "x" * 40, "n" * 43)

    def question(self, question: str, browser: str) -> Question:
        self._hear("question", question, browser)
        return self.asked

    def answered(self, question: str, browser: str, *, allowed: bool, purpose: str) -> Redirect:
        self._hear("answered", question, browser, allowed, purpose)
        return Redirect('http://127.0.0.1:5/callback?code=c&state="')


@pytest.fixture
def logins() -> Logins:
    return Logins()


async def get(logins: Logins, path: str, cookie: str = "", issuer: str = ISSUER) -> Reply:
    fields = [("host", "gateway.example")]
    fields += [("cookie", cookie)] if cookie else []
    return await exchange(site(logins, issuer), fields=fields, path=path, method="GET").run()


async def post(
    logins: Logins,
    body: str,
    *,
    origin: str | None = ISSUER,
    kind: str = "application/x-www-form-urlencoded",
) -> Reply:
    fields = [("host", "gateway.example"), ("content-type", kind)]
    fields += [("cookie", f"other=1; __Host-safeconduct-q-1={BROWSER}")]
    fields += [] if origin is None else [("origin", origin)]
    return await exchange(site(logins), body.encode(), fields, path="/oauth/allow").run()


def site(logins: Logins, issuer: str = ISSUER) -> Site:
    entry = doors(issuer, "127.0.0.1:8700", ("https://console.example",))
    return Site(LoginPages(logins, issuer).routes(), entry)


class TestLeaving:
    async def test_for_the_issuer_with_a_cookie_of_this_browser(self, logins: Logins) -> None:
        reply = await get(logins, "/oauth/authorize?client_id=desk&state=a%20b")
        assert reply.status == 303
        assert reply.headers["location"] == "https://idp.example/authorize?a=b"
        cookie = reply.headers["set-cookie"]
        value, *flags = cookie.split("; ")
        assert value == f"__Host-safeconduct-{'s' * 16}={BROWSER}"
        assert flags == ["Path=/", "HttpOnly", "SameSite=Lax", "Secure", "Max-Age=600"]
        assert logins.heard == [("begin", {"client_id": "desk", "state": "a b"})]

    async def test_back_to_the_program_keeps_nothing(self, logins: Logins) -> None:
        logins.state = ""
        reply = await get(logins, "/oauth/authorize?a=b")
        assert reply.status == 303
        assert "set-cookie" not in reply.headers

    async def test_without_tls_has_a_cookie_of_another_name(self, logins: Logins) -> None:
        reply = await get(logins, "/oauth/authorize?a=b", issuer="http://gateway.example")
        assert reply.headers["set-cookie"].startswith("safeconduct-ssss")
        assert "Secure" not in reply.headers["set-cookie"]

    async def test_with_a_parameter_twice_is_refused(self, logins: Logins) -> None:
        assert (await get(logins, "/oauth/authorize?a=b&a=c")).status == 400
        assert logins.heard == []

    @pytest.mark.parametrize(
        "path", ["/oauth/authorize?a=b", "/oauth/signed-in?a=b", "/oauth/question/q"]
    )
    async def test_that_fails_is_told_to_the_person(self, logins: Logins, path: str) -> None:
        logins.fault = LoginFailed(f"No. {HOSTILE}", "secret reason")
        reply = await get(logins, path)
        assert reply.status == 400
        text = reply.body.decode()
        assert "No. &lt;script&gt;" in text
        assert "<script" not in text
        assert "secret reason" not in text
        assert "set-cookie" not in reply.headers


class TestComingBack:
    async def test_leads_to_the_question(self, logins: Logins) -> None:
        cookie = f"__Host-safeconduct-{'s' * 16}={BROWSER}"
        reply = await get(logins, f"/oauth/signed-in?state={logins.state}&code=c", cookie)
        assert logins.heard == [("returned", {"state": logins.state, "code": "c"}, BROWSER)]
        question = "q-1" + "x" * 40
        assert (reply.status, reply.headers["location"]) == (
            303,
            f"/oauth/question/{question}",
        )

    async def test_with_another_tab_s_cookie_is_as_without(self, logins: Logins) -> None:
        cookie = f"__Host-safeconduct-another={BROWSER}; __Host-safeconduct={BROWSER}"
        await get(logins, "/oauth/signed-in?state=s-1&code=c", cookie)
        await get(logins, "/oauth/question/q-1", cookie)
        assert logins.heard == [
            ("returned", {"state": "s-1", "code": "c"}, ""),
            ("question", "q-1", ""),
        ]


class TestTheQuestion:
    async def test_says_who_wants_what_for_whom(self, logins: Logins) -> None:
        reply = await get(logins, "/oauth/question/q-1", f"__Host-safeconduct-q-1={BROWSER}")
        assert reply.status == 200
        assert logins.heard == [("question", "q-1", BROWSER)]
        text = reply.body.decode()
        for told in ("jane@crm.example", "Desk", "triage", "case:read", "http://127.0.0.1:5/"):
            assert told in text
        assert 'name="question" value="q-1"' in text

    async def test_shows_hostile_text_as_text(self, logins: Logins) -> None:
        client = Client(name=HOSTILE, host=HOSTILE, agent=HOSTILE, profile=HOSTILE)
        logins.asked = Question(client, HOSTILE, HOSTILE, (HOSTILE,), HOSTILE)
        text = (await get(logins, "/oauth/question/q-1")).body.decode()
        assert "<script" not in text
        assert "&lt;script&gt;" in text

    async def test_lets_nothing_run_load_or_frame_it(self, logins: Logins) -> None:
        headers = (await get(logins, "/oauth/question/q-1")).headers
        policy = headers["content-security-policy"]
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/=]+'; "
            r"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            policy,
        )
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"

    @pytest.mark.parametrize(
        "cookie", ["", "other=1", "\x01", "__Host-safeconduct-q-1", "safeconduct-q-1=b"]
    )
    async def test_comes_without_the_cookie_for_nobody(self, logins: Logins, cookie: str) -> None:
        await get(logins, "/oauth/question/q-1", cookie)
        assert logins.heard in ([("question", "q-1", "")], [])


class TestTheAnswer:
    async def test_yes_in_ones_own_words(self, logins: Logins) -> None:
        reply = await post(logins, "question=q-1&purpose=Read%0D%0Aall.&answer=allow")
        assert reply.status == 200
        text = reply.body.decode()
        there = "http://127.0.0.1:5/callback?code=c&amp;state=&quot;"
        assert f'<meta http-equiv="refresh" content="0;url={there}">' in text
        assert f'<a href="{there}">' in text
        assert "Max-Age=0" in reply.headers["set-cookie"]
        assert logins.heard == [("answered", "q-1", BROWSER, True, "Read\nall.")]

    @pytest.mark.parametrize("answer", ["&answer=deny", "&answer=", "", "&answer=Allow"])
    async def test_anything_else_is_no(self, logins: Logins, answer: str) -> None:
        await post(logins, f"question=q-1{answer}")
        assert logins.heard == [("answered", "q-1", BROWSER, False, "")]

    @pytest.mark.parametrize(
        "origin",
        ["https://evil.example", "null", "https://console.example", "http://gateway.example"],
    )
    async def test_of_another_page_is_none(self, logins: Logins, origin: str) -> None:
        reply = await post(logins, "question=q-1&answer=allow", origin=origin)
        assert reply.status == 403
        assert logins.heard == []

    async def test_that_is_no_form_is_none(self, logins: Logins) -> None:
        assert (await post(logins, "question=q&question=r")).status == 400
        assert (await post(logins, "{}", kind="application/json")).status == 415
        assert logins.heard == []

    async def test_that_comes_too_late_is_told(self, logins: Logins) -> None:
        logins.fault = LoginFailed("Too late.", "late")
        reply = await post(logins, "question=q-1&answer=allow", origin=None)
        assert reply.status == 400
        assert b"Too late." in reply.body
