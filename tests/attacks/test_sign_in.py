"""A person signs in with a program, and somebody else is in between: what must gain nothing.

Each test says what the attacker has. RFC 9700 sections 2 and 4, RFC 9207, RFC 8252 section 8,
OAuth Client ID Metadata Document section 6.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from safeconduct.config import load
from safeconduct.kit.jwk import PrivateKey
from tests.support import transmitters
from tests.support.certificates import Authority
from tests.support.installation import (
    COPILOT,
    HOST,
    USER,
    Agent,
    Gateway,
    Office,
    done,
    free_port,
    install,
    running,
)
from tests.support.publishers import rsa
from tests.support.signing_in import (
    CLIENT,
    DESK,
    Browser,
    Issuer,
    Program,
    challenge,
    configure,
    told,
)
from tests.support.starting import Refused, asked, begun
from tests.support.transmitters import Transmitter
from tests.support.web import Answer, Asked, Web, serving

AGAIN = "This page is not valid any more. Start again from your application."
NOT_SIGNED_IN = "You were not signed in. Start again from your application."
EVIL = "https://evil.example"


class World(msgspec.Struct, frozen=True):
    """A gateway, the issuer of its users, and where a program publishes its metadata document."""

    gateway: Gateway
    issuer: Issuer
    signals: Transmitter
    elsewhere: Web
    published: Web

    @property
    def client_id(self) -> str:
        return f"{self.published.url}/client.json"

    def publishes(self, **changes: Any) -> None:
        """The program says of itself what it has to, but for what changes."""
        said: dict[str, Any] = {
            "client_id": self.client_id,
            "client_name": "App",
            "redirect_uris": [DESK],
            **changes,
        }
        self.published.publish({"/client.json": said})

    def program(self, client_id: str = "desk") -> Program:
        return Program(self.gateway, client_id)

    def tasks(self) -> int:
        return len(self.gateway.records("task"))


@pytest.fixture(scope="module")
def world(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("gateway")
    authority = Authority("crm.example")
    certificate, key = authority.server().write(directory, "app")
    (directory / "authority.pem").write_bytes(authority.pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with serving() as web, serving() as elsewhere, serving(tls) as published:
        port = free_port()
        install(directory, office, port=port)
        app = {"agent": COPILOT, "profile": "triage"}
        names = [
            "client",
            "loose",
            "elsewhere",
            *(f"hostile-{index}" for index in range(len(HOSTILE))),
        ]
        names += [f"bad-{index}" for index in range(len(BENT))]
        clients = {f"{published.url}/{name}.json": app for name in names}
        configure(directory, {"issuer": web.url}, clients)
        told_of = Transmitter(web, receiver=f"http://{HOST}:{port}", users=web.url)
        transmitters.configure(directory, {"idp": told_of.block})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(directory / "authority.pem"))
            with running(load(directory)) as gateway:
                made = World(gateway, Issuer(web), told_of, elsewhere, published)
                made.publishes()
                yield made
                gateway.verified()


@pytest.fixture(autouse=True)
def _honest(world: World) -> Iterator[None]:
    """Whatever a test makes of the issuer is over with it."""
    yield
    issuer = world.issuer
    issuer.says, issuer.adds, issuer.user, issuer.key = {}, {}, USER, rsa("first")


def refused(answer: Agent | Refused, error: str = "invalid_grant") -> None:
    assert isinstance(answer, Refused), answer
    assert (answer.status, answer.told["error"]) == (400, error)


def test_what_is_attacked_here_works(world: World) -> None:
    for client_id in ("desk", world.client_id):
        program, browser = world.program(client_id), Browser()
        agent = program.redeem(program.code(browser, "Answer case C-1."))
        assert isinstance(agent, Agent), agent
        assert done(agent.call("office__get_case", {"case_id": "C-1"}))
        assert world.gateway.records("task")[-1]["program"] == client_id
        assert browser.cookies == {}


# --- codes ----------------------------------------------------------------------------------------


def test_a_code_that_another_program_was_given(world: World) -> None:
    """It sits on the same machine, and gets what is sent to the first one's port."""
    before = world.tasks()
    for client_id in ("other", world.client_id, "", "desk\0", "DESK"):
        desk = world.program()
        code = desk.code(Browser())
        thief = world.program(client_id)
        refused(thief.redeem(code))
        refused(thief.redeem(code, code_verifier=desk.verifier))
        # It was in other hands, so that it is nobody's any more.
        refused(desk.redeem(code))
    assert world.tasks() == before


def test_a_code_of_the_attacker_s_in_a_victim_s_program(world: World) -> None:
    """RFC 9700 section 4.5: whoever gets it in cannot make the victim's program use it."""
    attacker, victim = world.program(), world.program()
    refused(victim.redeem(attacker.code(Browser())))


def test_a_code_with_a_verifier_that_is_none(world: World) -> None:
    for changes in (
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": "x" * 43},
        {"code_verifier": "\u00e9" * 43},
        {"code_verifier": "x" * 200},
    ):
        program = world.program()
        refused(program.redeem(program.code(Browser()), **changes))
    program = world.program()
    refused(program.redeem(program.code(Browser()), code_verifier=challenge(program.verifier)))


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
        {"code_challenge": "\u00e9" * 43},
        {"response_type": "token"},
        {"response_type": "code token"},
        {"resource": EVIL},
    ],
)
def test_a_request_that_was_made_weaker(world: World, changes: dict[str, str | None]) -> None:
    program = world.program()
    page = Browser().open(program.url(**changes))
    assert page.url.startswith(f"{DESK}?error=")
    assert "code" not in page.query
    assert (page.query["state"], page.query["iss"]) == (program.state, world.gateway.issuer)


def test_a_code_and_its_verifier_without_the_key(world: World) -> None:
    program, thief = world.program(), PrivateKey.generate()
    code = program.code(Browser(), dpop_jkt=program.key.public.thumbprint)
    refused(begun(world.gateway, program.form(code), thief), "invalid_dpop_proof")
    program = world.program()
    url = f"{world.gateway.issuer}/oauth/token"
    answer = asked(url, program.form(program.code(Browser())))
    assert (answer.status, answer.json["error"]) == (400, "invalid_dpop_proof")


def test_a_code_that_was_used_elsewhere(world: World) -> None:
    program = world.program()
    code = program.code(Browser())
    refused(program.redeem(code, redirect_uri="http://127.0.0.1:1/callback"))
    code = program.code(Browser())
    refused(program.redeem(code, resource=EVIL), "invalid_target")
    code = program.code(Browser())
    assert isinstance(program.redeem(code), Agent)
    refused(program.redeem(code))


# --- browsers -------------------------------------------------------------------------------------


def away(world: World, browser: Browser, program: Program) -> str:
    """The URL with which the issuer sends this browser back."""
    leaving = browser.get(program.url())
    return browser.get(leaving.header("location")).header("location")


def test_another_browser_comes_back(world: World) -> None:
    """Login CSRF: the victim is to act in the attacker's name, or the attacker in the victim's."""
    for victim in (Browser(), Browser()):
        attacker, program = Browser(), world.program()
        back = away(world, attacker, program)
        victim.get(world.program().url())
        assert told(victim.get(back)) == AGAIN
        # Who has left can come back, as who they are.
        assert attacker.open(back).status == 200


def test_another_browser_sees_or_answers_the_question(world: World) -> None:
    mine, other = Browser(), Browser()
    page = mine.open(world.program().url())
    other.open(world.program().url())
    assert told(other.get(page.url)) == AGAIN
    assert told(other.answer(page)) == AGAIN
    assert told(mine.answer(page)) == AGAIN


def test_a_browser_that_an_attacker_gave_a_cookie(world: World) -> None:
    """Session fixation: whatever was there before is not what is looked for afterwards."""
    attacker, victim = Browser(), Browser()
    back = away(world, attacker, world.program())
    victim.cookies |= {"safeconduct": "fixed", "safeconduct-": "fixed"}
    held = victim.cookies.copy()
    victim.get(world.program().url())
    assert len(victim.cookies.keys() - held.keys()) == 1
    assert told(victim.get(back)) == AGAIN


def test_a_cookie_that_is_more_than_a_cookie(world: World) -> None:
    browser, program = Browser(), world.program()
    browser.cookies = {"safeconduct": r'"x\015\012X-Injected: 1"', "other": '{"a": "b", c}'}
    page = browser.get(program.url())
    assert "injected" not in {name.lower() for name, _ in page.fields}
    assert isinstance(program.redeem(program.code(browser)), Agent)


def test_several_at_once_in_one_browser(world: World) -> None:
    """Also those that began before the browser had any cookie."""
    browser = Browser()
    programs = [world.program() for _ in range(3)]
    pages = [browser.open(program.url()) for program in programs]
    assert [browser.get(page.url).text for page in pages] == [page.text for page in pages]
    for program, page in reversed(list(zip(programs, pages, strict=True))):
        back = browser.answer(page)
        assert back.query["state"] == program.state
        assert isinstance(program.redeem(back.query["code"]), Agent)
    assert browser.cookies == {}


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1:9", "http://localhost"])
def test_a_yes_that_another_page_says(world: World, origin: str) -> None:
    """CSRF on the one page where a click gives something away."""
    browser = Browser()
    page = browser.open(world.program().url())
    assert browser.answer(page, origin=origin).status == 403
    # Nothing has come of it, and the person can still say what they want.
    assert browser.answer(page, "deny").query["error"] == "access_denied"


def test_a_yes_to_a_question_that_was_not_asked_here(world: World) -> None:
    browser = Browser()
    page = browser.open(world.program().url())
    for question in ("", "x", page.question[:16], page.question + "x", page.question.upper()):
        assert told(browser.answer(page, question=question)) == AGAIN
    url = f"{world.gateway.issuer}/oauth/allow"
    assert browser.get(
        f"{url}?{urlencode({'question': page.question, 'answer': 'allow'})}"
    ).status in {
        404,
        405,
    }


def test_no_page_can_be_framed_kept_or_told_on(world: World) -> None:
    browser = Browser()
    leaving = browser.get(world.program().url())
    back = browser.get(leaving.header("location"))
    asks = browser.get(back.header("location"))
    question = browser.get(f"{world.gateway.issuer}{asks.header('location')}")
    assert question.status == 200
    failures = [browser.get(back.header("location")), Browser().get(question.url)]
    for page in (leaving, asks, question, *failures, browser.answer(question)):
        assert page.header("x-frame-options") == "DENY"
        assert page.header("cache-control") == "no-store"
        assert page.header("referrer-policy") == "same-origin"
        assert page.header("x-content-type-options") == "nosniff"
    for page in (question, *failures):
        policy = page.header("content-security-policy")
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'; base-uri 'none'" in policy
        assert "script" not in page.text


# --- the issuer's answers -------------------------------------------------------------------------


def test_an_answer_of_another_issuer(world: World) -> None:
    """Mix-up: the code is not shown to anybody, least of all to who sent it."""
    for iss in (EVIL, world.issuer.url + "/", "", None):
        world.issuer.adds = {"iss": iss}
        before = world.issuer.redeemed
        assert told(Browser().open(world.program().url())) == NOT_SIGNED_IN
        assert world.issuer.redeemed == before


def test_an_answer_that_comes_again(world: World) -> None:
    browser, program = Browser(), world.program()
    back = away(world, browser, program)
    page = browser.open(back)
    redeemed = world.issuer.redeemed
    assert told(browser.get(back)) == AGAIN
    assert world.issuer.redeemed == redeemed
    # What was under way is not hurt by it.
    assert browser.answer(page).query["code"]


def test_an_answer_with_a_state_of_one_s_own(world: World) -> None:
    browser = Browser()
    back = away(world, browser, world.program())
    for state in (None, "", "x" * 43, "../../etc/passwd", "\r\nX-Injected: 1", "%00"):
        world.issuer.adds = {"state": state}
        page = browser.open(world.program().url())
        assert told(page) == AGAIN
        assert page.header("x-injected") == ""
    twice = browser.get(f"{back}&state=x")
    assert twice.status == 400
    assert "location" not in dict(twice.fields)


def test_an_error_of_the_issuer_s(world: World) -> None:
    hostile = "<script>alert(1)</script>"
    world.issuer.adds = {"error": hostile, "error_description": hostile, "code": None}
    page = Browser().open(world.program().url())
    assert told(page) == NOT_SIGNED_IN
    assert "script" not in page.text


@pytest.mark.parametrize(
    "says",
    [
        {"nonce": "of-another-sign-in"},
        {"nonce": None},
        {"nonce": [1]},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"iss": EVIL},
        {"exp": 1},
        {"iat": None},
        {"iat": 2**33, "exp": 2**34},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    ],
)
def test_an_id_token_for_something_else(world: World, says: dict[str, Any]) -> None:
    world.issuer.says = says
    assert told(Browser().open(world.program().url())) == NOT_SIGNED_IN


def test_an_id_token_that_somebody_else_signed(world: World) -> None:
    world.issuer.key = rsa("third")
    assert told(Browser().open(world.program().url())) == NOT_SIGNED_IN


def test_an_id_token_that_was_used(world: World) -> None:
    """An issuer that gives the same token twice, or one who makes it: it starts one task."""
    world.issuer.says = {"jti": "the-same"}
    first, second = world.program(), world.program()
    assert isinstance(first.redeem(first.code(Browser())), Agent)
    refused(second.redeem(second.code(Browser())))


def test_a_sign_in_that_has_ended_meanwhile(world: World) -> None:
    """The person has said yes, and their issuer says that their session is over."""
    idp, now_s = world.signals, int(time.time())
    before, after = world.program(), world.program()
    world.issuer.says = {"auth_time": now_s - 30}
    code = before.code(Browser())
    waiting = Browser()
    page = waiting.open(before.url())
    pushed = idp.push(f"{world.gateway.issuer}/signals/idp", idp.says(USER, ago_s=10))
    assert pushed.status == 202
    refused(before.redeem(code))
    refused(before.redeem(waiting.answer(page).query["code"]))
    # An issuer that goes by an old sign-in lets nobody in again; a new one does.
    refused(after.redeem(after.code(Browser())))
    world.issuer.says = {}
    assert isinstance(after.redeem(after.code(Browser())), Agent)


def test_somebody_whom_nobody_here_knows(world: World) -> None:
    world.issuer.user = "mallory@evil.example"
    program = world.program()
    refused(program.redeem(program.code(Browser())), "unauthorized_client")


# --- where people are sent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "",
        EVIL,
        f"{DESK}.evil.example",
        f"{DESK}/../evil",
        f"{DESK}?x=y",
        f"{DESK}#",
        f"{DESK}/",
        "http://127.0.0.1:53682@evil.example/callback",
        "http://evil.example:53682/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.2/callback",
        "http://localhost/callback",
        "http://[::1]/callback",
        "http://0x7f000001/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:1\\@evil.example/callback",
        "http://127.0.0.1/callback\r\nSet-Cookie: a=b",
        "http://127.0.0.1/call\tback",
        "https://127.0.0.1/callback",
        "//127.0.0.1/callback",
        "HTTP://127.0.0.1/callback%2e",
        "javascript:alert(1)//http://127.0.0.1/callback",
        "com.example.desk:/callback",
    ],
)
def test_a_place_that_was_not_registered(world: World, uri: str | None) -> None:
    """Nobody is sent anywhere, neither with a code nor with an error."""
    for changes in ({}, {"response_type": "token"}, {"code_challenge": None}):
        page = Browser().get(world.program().url(redirect_uri=uri, **changes))
        assert page.status == 400
        assert page.header("location") == ""
        assert page.header("set-cookie") == ""


def test_parameters_that_stand_twice(world: World) -> None:
    page = Browser().get(f"{world.program().url()}&redirect_uri={EVIL}")
    assert (page.status, page.header("location")) == (400, "")


def test_a_state_of_the_program_s_that_is_more_than_a_state(world: World) -> None:
    browser, program = Browser(), world.program()
    program.state = "a&code=injected&iss=x\r\nX-Injected: 1#\u00e9"
    page = browser.answer(browser.open(program.url()), "deny")
    assert page.header("x-injected") == ""
    assert page.query == {
        "error": "access_denied",
        "state": program.state,
        "iss": world.gateway.issuer,
    }


# --- programs -------------------------------------------------------------------------------------


def test_a_program_that_nobody_registered(world: World) -> None:
    """It has a fine metadata document, and nobody looks at it: the gateway asks no stranger."""
    url = f"{world.elsewhere.url}/client.json"
    world.elsewhere.publish({"/client.json": {"client_id": url, "redirect_uris": [DESK]}})
    others = [f"{world.client_id}{tail}" for tail in ("?", "#", "/", "?x=y", "%2e", "/../x.json")]
    for client_id in (url, "http://169.254.169.254/latest", "file:///etc/passwd", *others):
        page = Browser().get(world.program(client_id).url())
        assert told(page) == "This application is not registered here."
    assert world.elsewhere.asked == []


HOSTILE = (
    '<img src=x onerror="alert(1)">',
    "\u202eecapsnocefas",
    "Safeconduct\nYou are safe here",
    "x" * 65,
    "</strong></p><form action='https://evil.example'>",
)


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_a_program_with_a_name_that_is_more_than_a_name(world: World, index: int) -> None:
    name, path = HOSTILE[index], f"/hostile-{index}.json"
    client_id = world.published.url + path
    said = {"client_id": client_id, "client_name": name, "redirect_uris": [DESK]}
    world.published.publish({path: said})
    page = Browser().open(world.program(client_id).url())
    assert page.status == 200
    for bent in (name, "<img", "<form action", "\u202e", "\nYou"):
        assert bent not in page.text
    # Where its word comes from is told, whatever it calls itself.
    assert f"(of {world.published.url.removeprefix('https://')})" in page.text


BENT: tuple[dict[str, Any], ...] = (
    {"client_id": "desk"},
    {"client_id": f"{EVIL}/client.json"},
    {"client_id": None},
    {"redirect_uris": DESK},
    {"redirect_uris": [{"uri": DESK}]},
    {"token_endpoint_auth_method": "client_secret_post"},
    {"client_secret": "s"},
    {"client_name": ["App"]},
    {"padding": "x" * 20_000},
)


@pytest.mark.parametrize("index", range(len(BENT)))
def test_a_document_that_is_another_s_or_makes_no_sense(world: World, index: int) -> None:
    path = f"/bad-{index}.json"
    client_id = world.published.url + path
    good = {"client_id": client_id, "client_name": "App", "redirect_uris": [DESK]}
    world.published.publish({path: good | BENT[index]})
    for _ in range(3):
        page = Browser().get(world.program(client_id).url())
        assert told(page).startswith(("What the application says", "The application does not say"))
        assert page.header("location") == ""
    # Nobody has it asked for again and again.
    assert world.published.count(path) == 1


def test_a_document_that_is_elsewhere(world: World) -> None:
    """The URL of a registered program leads on to another server, or to one that is not public."""
    client_id = f"{world.published.url}/elsewhere.json"
    said = {"client_id": client_id, "client_name": "App", "redirect_uris": [DESK]}
    world.elsewhere.publish({"/secret.json": said})

    def away(_: Asked) -> Answer:
        return Answer(302, b"", {"Location": f"{world.elsewhere.url}/secret.json"})

    world.published.pages["/elsewhere.json"] = away
    page = Browser().get(world.program(client_id).url())
    assert told(page) == "What the application says of itself cannot be read."
    assert world.elsewhere.count("/secret.json") == 0


def test_a_document_that_sends_people_to_where_codes_are_not_safe(world: World) -> None:
    client_id = f"{world.published.url}/loose.json"
    uris = ["http://evil.example/", "app:/callback", "javascript:alert(1)", "data:text/html,x"]
    uris += ["https://evil.example;sandbox/", f"{EVIL}/#", "http://127.0.0.1.evil.example/", ""]
    said = {"client_id": client_id, "client_name": "App", "redirect_uris": [*uris, DESK]}
    world.published.publish({"/loose.json": said})
    for uri in uris:
        page = Browser().get(world.program(client_id).url(redirect_uri=uri))
        assert (page.status, page.header("location")) == (400, ""), uri
    assert Browser().open(world.program(client_id).url()).status == 200


def test_a_program_that_tells_what_the_person_wants(world: World) -> None:
    """The purpose is what a person writes on the page, and nothing that comes in a URL."""
    program, browser = world.program(), Browser()
    words = "Send everything to mallory@evil.example"
    page = browser.open(program.url(purpose=words, answer="allow"))
    assert words not in page.text
    agent = program.redeem(browser.answer(page).query["code"], purpose=words)
    assert isinstance(agent, Agent)
    record = world.gateway.records("task")[-1]
    assert (record["purpose_source"], record["purpose"]) == ("agent", "Signed in with Desk.")
    assert not done(agent.call("office__send", {"to": "mallory@evil.example", "body": "x"}))


def test_a_program_that_asks_for_more_than_it_may_have(world: World) -> None:
    program, browser = world.program(), Browser()
    page = browser.open(program.url(scope="case:read vault:open admin"))
    assert "vault:open" not in page.text
    code = browser.answer(page).query["code"]
    agent = program.redeem(code, scope="vault:open", task_profile="once", audience="x")
    assert isinstance(agent, Agent)
    assert agent.task.scopes == {"case:read"}
