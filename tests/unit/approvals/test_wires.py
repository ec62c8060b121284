"""What goes over each wire, to services that answer as they do."""

from __future__ import annotations

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final, cast

import orjson
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from safeconduct.approvals.notifying.notice import Settled
from safeconduct.approvals.notifying.notifier import To, Undelivered, Wire
from safeconduct.approvals.notifying.slack import Slack
from safeconduct.approvals.notifying.smtp import Mail, mail
from safeconduct.approvals.notifying.teams import Teams
from safeconduct.approvals.notifying.webhook import Webhook
from tests.support.certificates import Authority
from tests.support.facts import NOW_MS
from tests.support.notices import KIM, NOTICE, notice
from tests.support.web import Answer, Asked, Web, document, serving

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def web() -> Generator[Web]:
    with serving() as web:
        yield web


async def undelivered(wire: Wire, to: To = KIM) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await wire.tell(NOTICE, to, NOW_MS)
    return caught.value


# --- mail -----------------------------------------------------------------------------------------


class Mails:
    """What a mail server got, and whom it knows."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.greeted: list[str] = []
        self.users: list[str] = []

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("full"):
            return "452 try later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = cast("bytes", envelope.content)
        message = message_from_bytes(content, policy=policy.default)
        self.got.append((envelope.rcpt_tos, message))
        self.greeted.append(str(session.host_name))
        return "250 filed"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        self.users.append(data.login.decode())
        known = (data.login, data.password) == (b"gate", b"correct:horse")
        return AuthResult(success=known, handled=False)


@asynccontextmanager
async def mails(
    tls: ssl.SSLContext | None = None, *, wrapped: bool = False, auth: bool = False
) -> AsyncGenerator[tuple[Mails, int]]:
    """A mail server on this machine, with STARTTLS or TLS from the first byte."""
    loop, got = asyncio.get_running_loop(), Mails()

    def protocol() -> SMTP:
        return SMTP(
            got,
            hostname="mail.crm.example",
            loop=loop,
            tls_context=None if wrapped else tls,
            require_starttls=tls is not None and not wrapped,
            authenticator=got.authenticate if auth else None,
            auth_required=auth and tls is not None and not wrapped,
            auth_require_tls=not wrapped and tls is not None,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if wrapped else None)
    async with server:
        yield got, server.sockets[0].getsockname()[1]


def trusted(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """What a mail server shows, and the file of who signed it."""
    authority = Authority("crm.example")
    ca, _ = authority.write(directory, "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server().write(directory, "server"))
    return context, ca


class TestMail:
    @pytest.mark.parametrize("scheme", ["smtp", "smtps"])
    async def test_a_mail_goes_out_over_tls_to_who_is_asked(
        self, tmp_path: Path, scheme: str
    ) -> None:
        tls, ca = trusted(tmp_path)
        async with mails(tls, wrapped=scheme == "smtps", auth=True) as (got, port):
            wire = Mail(
                f"{scheme}://localhost:{port}",
                sender="Gate <gate@crm.example>",
                login=lambda: "gate:correct:horse",
                ca=ca,
            )
            assert await wire.tell(NOTICE, KIM, NOW_MS) is None
        ((to, message),) = got.got
        assert to == ["kim@crm.example"]
        assert got.greeted == ["[127.0.0.1]"]
        assert got.users == ["gate"]
        assert message["Subject"] == "Approval needed: Refund a customer"
        assert message["Auto-Submitted"] == "auto-generated"
        for kind in ("plain", "html"):
            body = message.get_body((kind,))
            assert body is not None
            assert NOTICE.link in body.get_content()
            assert "spiffe://crm.example/copilot" in body.get_content()

    async def test_a_server_that_is_not_the_one_gets_no_password(self, tmp_path: Path) -> None:
        tls, _ = trusted(tmp_path)
        async with mails(tls, auth=True) as (got, port):
            wire = Mail(
                f"smtp://localhost:{port}",
                sender="gate@crm.example",
                login=lambda: "gate:correct:horse",
            )
            fault = await undelivered(wire)
        assert (str(fault), fault.again) == ("SSLCertVerificationError", False)
        assert (got.users, got.got) == ([], [])

    async def test_nothing_is_said_to_another_machine_without_tls(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with mails(auth=True) as (got, port):
            wire = Mail(
                f"smtp://127.0.0.1:{port}",
                sender="gate@crm.example",
                login=lambda: "gate:correct:horse",
            )
            monkeypatch.setattr("safeconduct.approvals.notifying.smtp._LOCAL", frozenset[str]())
            fault = await undelivered(wire)
        assert str(fault) == "SMTPNotSupportedError"
        assert (got.users, got.got) == ([], [])

    @pytest.mark.parametrize(
        ("address", "why", "again"),
        [
            ("nobody@crm.example", "SMTP 550 for the recipient", False),
            ("full@crm.example", "SMTP 452 for the recipient", True),
        ],
    )
    async def test_who_gets_no_mail(self, address: str, why: str, *, again: bool) -> None:
        async with mails() as (got, port):
            wire = Mail(f"smtp://127.0.0.1:{port}", sender="gate@crm.example")
            fault = await undelivered(wire, To("kim", address))
        assert (str(fault), fault.again, got.got) == (why, again, [])

    async def test_a_password_that_is_wrong(self, tmp_path: Path) -> None:
        tls, ca = trusted(tmp_path)
        async with mails(tls, auth=True) as (got, port):
            wire = Mail(
                f"smtp://localhost:{port}", sender="g@crm.example", login=lambda: "gate:no", ca=ca
            )
            fault = await undelivered(wire)
        assert (str(fault), fault.again, got.got) == ("SMTP 535", False, [])

    async def test_a_server_that_is_down_or_says_nothing(self) -> None:
        async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail\r\n")
            lines.append(await _.readline())
            await _.read()
            writer.close()

        lines: list[bytes] = []
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            wire = Mail(f"smtp://127.0.0.1:{port}", sender="g@crm.example", longest_s=0.05)
            fault = await undelivered(wire)
            assert fault.again
        assert lines == [b"ehlo [127.0.0.1]\r\n"]
        assert (await undelivered(wire)).again

    @pytest.mark.parametrize("where", ["address", "sender"])
    def test_no_header_can_be_put_into_another(self, where: str) -> None:
        evil = "kim@x\r\nBcc: eve@evil.example"
        given = {"sender": "g@crm.example", "address": "kim@x", where: evil}
        with pytest.raises(ValueError, match=r"linefeed|newline|[Hh]eader|folded"):
            mail(NOTICE, given["sender"], given["address"], NOW_MS).as_bytes()

    def test_what_names_say_is_no_html(self) -> None:
        message = mail(notice(tool="<img src=x>&'"), "g@crm.example", "kim@x", NOW_MS)
        body = message.get_body(("html",))
        assert body is not None
        assert "&lt;img src=x&gt;&amp;&#x27;" in body.get_content()


# --- over HTTP ------------------------------------------------------------------------------------


class TestWebhook:
    async def test_an_event_that_is_signed_and_named_once(self, web: Web) -> None:
        web.pages["/hook"] = lambda _: Answer(204)
        wire = Webhook(
            f"{web.url}/hook", "https://gate.example", secret=lambda: SECRET, clock_s=lambda: 17.5
        )
        message = await wire.tell(NOTICE, To(), NOW_MS)
        assert message is not None
        await wire.tell(NOTICE, To(), NOW_MS)
        await wire.settle(NOTICE, To(), message, Settled("denied", "kim"))
        first, again, settled = web.asked
        assert first.headers["content-type"].startswith("application/cloudevents+json")
        name = first.headers["webhook-id"]
        assert name == again.headers["webhook-id"] == f"{NOTICE.approval}.requested"
        covered = f"{name}.17.".encode() + first.body
        mac = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), covered, "sha256")
        assert first.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
        assert first.headers["webhook-timestamp"] == "17"
        assert orjson.loads(first.body) == {
            "specversion": "1.0",
            "id": name,
            "source": "https://gate.example",
            "type": "dev.safeconduct.approval.requested",
            "subject": NOTICE.approval,
            "time": "2023-11-14T22:13:20.000Z",
            "datacontenttype": "application/json",
            "data": {
                "approval": NOTICE.approval,
                "title": "Refund a customer",
                "tool": "crm.refund",
                "agent": "spiffe://crm.example/copilot",
                "user": "jane@crm.example",
                "tenant": "crm.example",
                "parties": ["desk"],
                "link": NOTICE.link,
                "expires_ms": NOTICE.expires_ms,
            },
        }
        event = orjson.loads(settled.body)
        assert event["type"] == "dev.safeconduct.approval.settled"
        assert event["data"] == {"approval": NOTICE.approval, "choice": "denied", "by": "kim"}

    @pytest.mark.parametrize(
        ("answer", "again", "after_s"),
        [
            (Answer(400), False, 0.0),
            (Answer(307, headers={"Location": "https://elsewhere.example"}), False, 0.0),
            (Answer(503), True, 0.0),
            (Answer(429, headers={"Retry-After": "7"}), True, 7.0),
            (Answer(429, headers={"Retry-After": "-1"}), True, 0.0),
        ],
    )
    async def test_which_answers_are_worth_another_try(
        self, web: Web, answer: Answer, *, again: bool, after_s: float
    ) -> None:
        web.pages["/hook"] = lambda _: answer
        fault = await undelivered(Webhook(f"{web.url}/hook", "https://gate.example"))
        assert (fault.again, fault.after_s) == (again, after_s)

    async def test_a_server_that_is_not_there(self) -> None:
        assert (await undelivered(Webhook("http://127.0.0.1:9/", "https://gate.example"))).again

    async def test_without_a_secret_nothing_is_signed(self, web: Web) -> None:
        web.pages["/hook"] = lambda _: Answer(202)
        await Webhook(f"{web.url}/hook", "https://gate.example").tell(NOTICE, To(), NOW_MS)
        assert "webhook-signature" not in web.asked[0].headers


class TestSlack:
    async def test_a_message_that_can_be_changed_later(self, web: Web) -> None:
        web.pages["/api/chat.postMessage"] = lambda _: document(
            {"ok": True, "channel": "D1", "ts": "17.5", "message": {}}
        )
        web.pages["/api/chat.update"] = lambda _: document({"ok": True})
        wire = Slack(f"{web.url}/api", channel="C1", token=lambda: "xoxb-1")
        told = notice(tool="<!channel> <https://evil.example|x>")
        message = await wire.tell(told, To("kim", "U1"), NOW_MS)
        assert message == "D1 17.5"
        await wire.settle(told, To("kim", "U1"), message, Settled("granted", "kim"))
        await wire.tell(NOTICE, To(), NOW_MS)
        posted, changed, channel = (orjson.loads(one.body) for one in web.asked)
        assert web.asked[0].headers["authorization"] == "Bearer xoxb-1"
        assert (posted["channel"], channel["channel"]) == ("U1", "C1")
        assert {one["type"] for one in texts(posted)} == {"plain_text"}
        link = posted["blocks"][2]["elements"]
        assert [one["url"] for one in link] == [NOTICE.link]
        assert (changed["channel"], changed["ts"]) == ("D1", "17.5")
        assert changed["text"] == "Approved by kim: Refund a customer"
        assert "actions" not in [one["type"] for one in changed["blocks"]]

    @pytest.mark.parametrize(
        ("answer", "why", "again"),
        [
            (document({"ok": False, "error": "not_in_channel"}), "'not_in_channel'", False),
            (document({"ok": False, "error": "ratelimited"}), "'ratelimited'", True),
            (Answer(200, b"<html>"), "not Slack's", False),
            (document({"ok": "yes"}), "not Slack's", False),
            (document({}, 500), "HTTP 500", True),
        ],
    )
    async def test_what_slack_refuses(
        self, web: Web, answer: Answer, why: str, *, again: bool
    ) -> None:
        web.pages["/api/chat.postMessage"] = lambda _: answer
        wire = Slack(f"{web.url}/api", channel="C1", token=lambda: "xoxb-1")
        fault = await undelivered(wire)
        assert why in str(fault)
        assert fault.again is again


class TestTeams:
    async def test_a_card_to_a_workflow(self, web: Web) -> None:
        asked: list[Asked] = []

        def page(one: Asked) -> Answer:
            asked.append(one)
            return Answer(202)

        web.pages["/workflows/1"] = page
        wire = Teams(f"{web.url}/workflows/1", query=lambda: "?sp=x&sig=s3cret")
        assert await wire.tell(notice(tool="[x](https://evil.example)"), To(), NOW_MS) is None
        assert asked[0].path == "/workflows/1?sp=x&sig=s3cret"
        (attachment,) = orjson.loads(asked[0].body)["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert card["actions"] == [
            {"type": "Action.OpenUrl", "title": "Look and answer", "url": NOTICE.link}
        ]
        said = {one["title"]: one["value"] for one in card["body"][1]["facts"]}
        assert said["Tool"] == r"\[x\]\(https://evil\.example\)"

    async def test_a_fault_says_nothing_of_the_secret(self, web: Web) -> None:
        web.pages["/workflows/1"] = lambda _: Answer(401)
        wire = Teams(f"{web.url}/workflows/1", query=lambda: "sig=s3cret")
        assert str(await undelivered(wire)) == "HTTP 401"


def texts(value: object) -> list[dict[str, Any]]:
    """Every text object of Block Kit in a value."""
    if isinstance(value, list):
        return [found for one in cast("list[object]", value) for found in texts(one)]
    if not isinstance(value, dict):
        return []
    known = cast("dict[str, Any]", value)
    own = [known] if isinstance(known.get("text"), str) and "blocks" not in known else []
    return own + [found for one in known.values() for found in texts(one)]
