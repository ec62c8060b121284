"""Consents of users: how they come about, how they are kept, and how they end."""

from __future__ import annotations

import asyncio
import hashlib
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import CredentialUnavailable, LedgerFault, NoConsent
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.consents import MAX_TICKETS, TICKET_MS
from tests.support.credentials import (
    Clock,
    authorization_server,
    errand,
    issued,
    oauth,
    signer,
    with_credential,
)
from tests.support.web import Answer, Asked, Web, document
from tests.support.worlds import AGENT, USER

KEY = PrivateKey.generate()
CALLBACK = "http://127.0.0.1:8700/oauth/callback"
BROKERED = {"kind": "consent", "upstream": "crm", "user": USER, "at_ms": Clock().now_ms}


class Company:
    """A broker whose CRM wants consent, and what it has put on record."""

    def __init__(self, directory: Path, web: Web, clock: Clock, **more: Any) -> None:
        self.web = web
        self.records: list[dict[str, Any]] = []
        self.broken = False
        self.directory = directory / "state" / "consents"
        block = oauth(web.url, "authorization-code", lists_as=USER, **more)
        self.broker = Broker(
            with_credential(directory, block),
            clock_ms=clock,
            sign=signer(KEY),
            record=self.record,
        )
        self.tickets = self.broker.tickets
        self.claims: dict[str, Any] = {}
        self.refresh: str | None = "refresh-0"
        web.pages["/token"] = self.token

    async def record(self, record: Mapping[str, Any]) -> None:
        if self.broken:
            raise LedgerFault
        self.records.append(dict(record))

    def token(self, asked: Asked) -> Answer:
        number = self.web.count("/token")
        if asked.form["grant_type"] == "authorization_code":
            id_token = jose.sign(self.claims, KEY, "JWT") if self.claims else None
            return issued("by-code", refresh_token=self.refresh, id_token=id_token)
        return issued(f"issued-{number}", refresh_token=f"refresh-{number}")

    async def sent(self) -> tuple[dict[str, str], str]:
        """What the browser of a new ticket is sent away with, and what it must bring back."""
        url, browser = await self.tickets.leave(self.tickets.make("crm", USER))
        query = parse_qs(urlsplit(url).query, strict_parsing=True)
        return {name: values[0] for name, values in query.items()}, browser

    async def consent(self, **answer: str) -> tuple[str, str]:
        asked, browser = await self.sent()
        given = {"code": "c-1", "state": asked["state"], **answer}
        return await self.tickets.arrive(given, browser)

    async def bearer(self, **of: Any) -> str:
        credential = await self.broker.credential(errand(**of))
        assert credential is not None
        return credential.headers["Authorization"]


@pytest.fixture
def company(tmp_path: Path, web: Web, clock: Clock) -> Company:
    return Company(tmp_path, web, clock)


async def refusal(company: Company, **answer: str) -> str:
    with pytest.raises(NoConsent) as caught:
        await company.consent(**answer)
    assert company.records == []
    assert not company.directory.exists()
    return str(caught.value)


# --- how they come about --------------------------------------------------------------------------


async def test_a_user_is_asked_for_everything_at_once(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    company = Company(tmp_path, web, clock, tool_scopes={"send": ["write", "read"]})
    name = company.tickets.make("crm", USER)
    assert company.tickets.find(name) == ("crm", USER)
    url, browser = await company.tickets.leave(name)
    assert url.startswith(f"{web.url}/authorize?")
    asked, _ = await company.sent()
    assert len({asked.pop("state"), asked.pop("nonce"), browser}) == 3
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": "gateway",
        "redirect_uri": CALLBACK,
        "code_challenge_method": "S256",
        "resource": "http://127.0.0.1:9/mcp",
        "scope": "read write",
    }


async def test_access_that_lasts_is_asked_for_in_so_many_words(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    company = Company(tmp_path, web, clock, scopes=["offline_access"])
    authorization_server(web, authorization_endpoint=f"{web.url}/authorize?tenant=a")
    asked, _ = await company.sent()
    assert (asked["tenant"], asked["prompt"]) == ("a", "consent")


async def test_a_consent_is_on_record_and_then_kept(company: Company, web: Web) -> None:
    asked, browser = await company.sent()
    answer = {"code": "c-1", "state": asked["state"], "iss": web.url}
    assert await company.tickets.arrive(answer, browser) == ("crm", USER)
    assert company.records == [{**BROKERED, "phase": "given"}]
    form = web.asked[-1].form
    assert (form["grant_type"], form["code"]) == ("authorization_code", "c-1")
    assert form["redirect_uri"] == CALLBACK
    challenge = encode(hashlib.sha256(form["code_verifier"].encode()).digest())
    assert challenge == asked["code_challenge"]
    (file,) = company.directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(company.directory.stat().st_mode) == 0o700


async def test_who_has_to_hears_of_a_consent_that_stands(company: Company) -> None:
    heard: list[tuple[str, str]] = []

    async def given(upstream: str) -> None:
        heard.append((upstream, await company.bearer()))

    company.tickets.given = given
    await company.consent()
    assert heard == [("crm", "Bearer issued-2")]


async def test_what_is_not_on_record_is_not_kept(company: Company) -> None:
    company.broken = True
    assert await refusal(company) == "The consent could not be kept."


async def test_a_ticket_is_good_once_and_for_a_while(company: Company, clock: Clock) -> None:
    asked, browser = await company.sent()
    answer = {"code": "c-1", "state": asked["state"]}
    await company.tickets.arrive(answer, browser)
    with pytest.raises(NoConsent, match="Nobody was sent away"):
        await company.tickets.arrive(answer, browser)
    name = company.tickets.make("crm", USER)
    clock.now_ms += TICKET_MS - 1
    assert company.tickets.find(name) == ("crm", USER)
    clock.now_ms += 1
    for use in (company.tickets.find, lambda _: company.tickets.find("forged")):
        with pytest.raises(NoConsent, match="no such ticket"):
            use(name)
    with pytest.raises(NoConsent, match="no such ticket"):
        await company.tickets.leave(name)


async def test_only_so_many_tickets_are_open(company: Company) -> None:
    for _ in range(MAX_TICKETS):
        company.tickets.make("crm", USER)
    with pytest.raises(NoConsent, match="Too many"):
        company.tickets.make("crm", USER)


async def test_elsewhere_nobody_is_asked(company: Company) -> None:
    with pytest.raises(NoConsent, match="Nobody is asked for consent at mail"):
        company.tickets.make("mail", USER)


@pytest.mark.parametrize("browser", ["", "another"])
async def test_another_browser_is_not_believed(company: Company, browser: str) -> None:
    asked, mine = await company.sent()
    answer = {"code": "c-1", "state": asked["state"]}
    with pytest.raises(NoConsent, match="another browser"):
        await company.tickets.arrive(answer, browser)
    await company.tickets.arrive(answer, mine)  # it did not use up the ticket


async def test_an_answer_of_another_server_is_not_passed_on(company: Company, web: Web) -> None:
    said = await refusal(company, iss="https://evil.example")
    assert said == "Another server than the one that was asked has answered."
    assert web.count("/token") == 0


async def test_a_server_that_names_itself_must_do_so(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    authorization_server(web, authorization_response_iss_parameter_supported=True)
    company = Company(tmp_path, web, clock)
    assert await refusal(company) == "Another server than the one that was asked has answered."
    assert await company.consent(iss=web.url) == ("crm", USER)


async def test_no_is_no(company: Company, web: Web) -> None:
    asked, browser = await company.sent()
    answer = {"error": "access_denied", "state": asked["state"]}
    with pytest.raises(NoConsent, match="there is no consent"):
        await company.tickets.arrive(answer, browser)
    assert web.count("/token") == 0


async def test_a_code_that_the_server_does_not_take_is_no_consent(
    company: Company, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    web.pages["/token"] = lambda _: document({"error": "invalid_grant"}, 400)
    assert await refusal(company) == "The server gave no token; the gateway's log says why."
    assert caplog.messages == [f"no consent at crm: {web.url} says invalid_grant"]


async def test_without_a_refresh_token_a_consent_lasts_as_long_as_its_token(
    company: Company, web: Web, clock: Clock
) -> None:
    company.refresh = None
    await company.consent()
    clock.now_ms += 299_999
    assert await company.bearer() == "Bearer by-code"
    clock.now_ms += 1
    with pytest.raises(CredentialUnavailable, match="consent has ended"):
        await company.bearer()
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer()
    assert web.count("/token") == 1


async def test_where_nobody_can_log_in_nobody_is_sent(
    company: Company, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    authorization_server(web, authorization_endpoint=None)
    name = company.tickets.make("crm", USER)
    with pytest.raises(NoConsent, match="cannot be asked now"):
        await company.tickets.leave(name)
    assert "nobody can log in there" in caplog.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"email": "eve@evil.example"}, f"Somebody else than {USER} logged in."),
        ({"email": None}, f"Somebody else than {USER} logged in."),
        ({"iss": "https://evil.example"}, "is for somebody else"),
        ({"aud": "another"}, "is for somebody else"),
        ({"aud": ["gateway", "another"]}, "is for somebody else"),
        ({"nonce": "old"}, "is for somebody else"),
    ],
)
async def test_whoever_logs_in_is_the_user(
    tmp_path: Path, web: Web, clock: Clock, changed: dict[str, Any], said: str
) -> None:
    company = Company(tmp_path, web, clock, user_claim="email")
    assert await refusal(company) == "The server does not say who logged in."
    for claims, refused in (({}, None), (changed, said)):
        asked, browser = await company.sent()
        good = {"iss": web.url, "aud": ["gateway"], "nonce": asked["nonce"], "email": USER}
        company.claims = {**good, **claims}
        answer = {"code": "c-1", "state": asked["state"]}
        if refused is None:
            await company.tickets.arrive(answer, browser)
        else:
            with pytest.raises(NoConsent, match=refused):
                await company.tickets.arrive(answer, browser)
    assert len(company.records) == 1


# --- how they are used, and end -------------------------------------------------------------------


async def test_without_consent_there_is_no_credential(company: Company, web: Web) -> None:
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer()
    assert web.count("/token") == 0


async def test_a_consent_is_the_user_s_own(company: Company, web: Web) -> None:
    await company.consent()
    assert await company.bearer() == "Bearer issued-2"
    form = web.asked[-1].form
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "refresh-0")
    assert await company.bearer(user=None, agent=None) == "Bearer issued-3"  # for the lists
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer(user="john@crm.example", agent=AGENT)


async def test_a_refresh_token_that_was_changed_is_used_the_next_time(
    company: Company, web: Web, clock: Clock
) -> None:
    await company.consent()
    for number in (2, 3):
        assert await company.bearer() == f"Bearer issued-{number}"
        clock.now_ms += 300_000
    assert [one.form.get("refresh_token") for one in web.asked if one.path == "/token"] == [
        None,
        "refresh-0",
        "refresh-2",
    ]


async def test_a_server_may_leave_the_refresh_token_as_it_is(
    company: Company, web: Web, clock: Clock
) -> None:
    await company.consent()
    web.pages["/token"] = lambda _: issued("issued")
    for _ in range(2):
        await company.bearer()
        assert web.asked[-1].form["refresh_token"] == "refresh-0"
        clock.now_ms += 300_000


async def test_a_consent_that_is_withdrawn_ends_at_once(company: Company) -> None:
    await company.consent()
    await company.bearer()
    assert await company.tickets.withdraw("crm", USER, "uid:0") is True
    assert company.records[1:] == [{**BROKERED, "phase": "withdrawn", "by": "uid:0"}]
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer()
    assert await company.tickets.withdraw("crm", USER, "uid:0") is False
    assert len(company.records) == 2
    await company.consent()
    company.broken = True
    with pytest.raises(LedgerFault):
        await company.tickets.withdraw("crm", USER, "uid:0")
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer()


async def test_a_new_consent_may_be_for_another_account(company: Company) -> None:
    await company.consent()
    assert await company.bearer() == "Bearer issued-2"
    await company.consent()
    assert await company.bearer() == "Bearer issued-4"


@pytest.mark.parametrize("said", ["issued", "invalid_grant"])
async def test_a_new_consent_is_not_undone_by_what_the_old_one_was_asked_for(
    company: Company, web: Web, said: str
) -> None:
    """The old account's answer comes after the user has chosen another account."""
    await company.consent()
    asked, answered = threading.Event(), threading.Event()

    def slow(request: Asked) -> Answer:
        if request.form.get("refresh_token") != "refresh-0":
            return company.token(request)
        asked.set()
        answered.wait(5)
        if said == "issued":
            return issued("of-the-old", refresh_token="of-the-old")
        return document({"error": said}, 400)

    web.pages["/token"] = slow
    company.refresh = "of-the-new"
    call = asyncio.create_task(company.bearer())
    assert await asyncio.to_thread(asked.wait, 5)
    await company.consent()
    answered.set()
    await asyncio.wait([call])
    assert (call.exception() is None) == (said == "issued")
    assert await company.bearer() == f"Bearer issued-{web.count('/token')}"
    assert web.asked[-1].form["refresh_token"] == "of-the-new"


async def test_a_consent_that_the_server_no_longer_knows_has_ended(
    company: Company, web: Web
) -> None:
    await company.consent()
    web.pages["/token"] = lambda _: document({"error": "invalid_client"}, 401)
    with pytest.raises(CredentialUnavailable, match="says invalid_client"):
        await company.bearer()
    web.pages["/token"] = lambda _: document({"error": "invalid_grant"}, 400)
    with pytest.raises(CredentialUnavailable, match="says invalid_grant"):
        await company.bearer()
    web.pages["/token"] = company.token
    with pytest.raises(CredentialUnavailable, match="has not consented"):
        await company.bearer()


@pytest.mark.parametrize("content", [b"", b"{}", b"garbage"])
async def test_a_file_that_is_no_consent_is_none(company: Company, content: bytes) -> None:
    await company.consent()
    (file,) = company.directory.iterdir()
    file.write_bytes(content)
    with pytest.raises(CredentialUnavailable, match="a consent: "):
        await company.bearer()


async def test_a_file_of_another_user_is_no_consent(company: Company) -> None:
    await company.consent()
    (file,) = company.directory.iterdir()
    file.write_bytes(file.read_bytes().replace(USER.encode(), b"john@crm.example"))
    with pytest.raises(CredentialUnavailable, match="a consent for something else"):
        await company.bearer()


async def test_without_a_log_there_is_no_consent(tmp_path: Path, web: Web, clock: Clock) -> None:
    company = Company(tmp_path, web, clock)
    block = oauth(web.url, "authorization-code", lists_as=USER)
    company.broker = Broker(with_credential(tmp_path, block), clock_ms=clock, sign=signer(KEY))
    company.tickets = company.broker.tickets
    assert await refusal(company) == "The consent could not be kept."


async def test_a_consent_that_is_printed_shows_nothing(company: Company) -> None:
    await company.consent()
    consents = vars(company.broker)["_asked"]["crm"]
    assert repr(consents._read(USER)) == f"Consent(upstream='crm', user='{USER}')"  # noqa: SLF001 what nothing else shows
