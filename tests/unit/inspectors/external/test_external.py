"""The external inspections, each against a server that speaks as documented, or does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from safeconduct.core.manifest import Effect
from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.external.purview import Purview
from safeconduct.inspectors.external.shield import Shield
from safeconduct.inspectors.external.texts import Nonsense, Text
from safeconduct.inspectors.external.webhook import Webhook
from safeconduct.kit.http1.asking import Unanswered
from safeconduct.ports import Matter
from tests.support.inspections import (
    ACTION,
    CARD,
    GRAPH,
    WEBHOOK,
    acted,
    answering,
    finding,
    processed,
    result,
)
from tests.support.web import Answer, Asked, document, serving

Name = Literal["webhook", "purview", "shield"]
NAMES: tuple[Name, ...] = ("webhook", "purview", "shield")

MATTER = Matter(
    direction="argument",
    target="mail.send",
    effect=Effect.send,
    tenant="crm.example",
    user="jane@crm.example",
    agent="spiffe://crm.example/agents/copilot",
    task="t_1",
)
VALUE = {"to": "dana@quay.example", "parts": ["", 7, None, f"Card: {CARD}."]}
TEXTS = ["to", "dana@quay.example", "parts", f"Card: {CARD}."]
CARD_AT = ("parts", 3)

PATHS = {
    "webhook": WEBHOOK,
    "purview": GRAPH.format(user="jane@crm.example"),
    "shield": ACTION,
}
GOOD: dict[Name, Callable[[Asked], Any]] = {
    "webhook": finding,
    "purview": processed,
    "shield": acted,
}

each = pytest.mark.parametrize("name", NAMES)


def made(name: Name, url: str, **changed: Any) -> Webhook | Purview | Shield:
    given: dict[str, Any] = {
        "effects": [Effect.send],
        "credential": lambda: "token-1",
        "timeout_ms": 5000,
        **changed,
    }
    match name:
        case "webhook":
            return Webhook(f"{url}{WEBHOOK}", **given)
        case "purview":
            given.setdefault("application", "83ef208a-0396-4893-9d4f-d36efbffc8bd")
            return Purview(f"{url}/v1.0/", **given)
        case "shield":
            return Shield(f"{url}{ACTION}", **given)


async def examined(
    name: Name,
    answer: Callable[[Asked], Any],
    value: object = VALUE,
    matter: Matter = MATTER,
    **changed: Any,
) -> tuple[tuple[Finding, ...], list[Asked]]:
    """What an inspection finds at a server that answers so, and what that was asked."""
    with serving() as web:
        answering(web, PATHS[name], answer)
        one = made(name, web.url, **changed)
        try:
            return await one.examine(value, matter), web.asked
        finally:
            await one.close()


# --- what is found --------------------------------------------------------------------------------


async def test_a_webhook_says_where_in_which_text() -> None:
    found, (asked,) = await examined("webhook", finding)
    assert found == (Finding("external.payment-card", CARD_AT, 6, 22),)
    body = json.loads(asked.body)
    assert len(body.pop("id")) == 36
    assert body == {
        "version": 1,
        "direction": "argument",
        "tool": "mail.send",
        "effect": "send",
        "tenant": "crm.example",
        "user": "jane@crm.example",
        "agent": "spiffe://crm.example/agents/copilot",
        "task": "t_1",
        "texts": TEXTS,
    }
    assert asked.headers["authorization"] == "Bearer token-1"


async def test_purview_judges_the_whole_for_the_user() -> None:
    found, (asked,) = await examined(
        "purview", processed, now=lambda: datetime(2026, 11, 21, 12, tzinfo=UTC)
    )
    places = [(("to", KEY), 2), (("to",), 17), (("parts", KEY), 5), (CARD_AT, 23)]
    assert found == tuple(Finding("external.block", where, 0, end) for where, end in places)
    assert asked.headers["authorization"] == "Bearer token-1"
    content = json.loads(asked.body)["contentToProcess"]
    (entry,) = content.pop("contentEntries")
    assert len(entry.pop("identifier")) == 36
    assert entry == {
        "@odata.type": "microsoft.graph.processConversationMetadata",
        "content": {"@odata.type": "microsoft.graph.textContent", "data": "\n".join(TEXTS)},
        "name": "mail.send",
        "correlationId": "t_1",
        "sequenceNumber": 0,
        "isTruncated": False,
        "createdDateTime": "2026-11-21T12:00:00+00:00",
        "modifiedDateTime": "2026-11-21T12:00:00+00:00",
    }
    app = {"name": "Safeconduct", "version": "1.0"}
    location = {
        "@odata.type": "microsoft.graph.policyLocationApplication",
        "value": "83ef208a-0396-4893-9d4f-d36efbffc8bd",
    }
    assert content == {
        "activityMetadata": {"activity": "uploadText"},
        "deviceMetadata": {"deviceType": "Unmanaged"},
        "protectedAppMetadata": {**app, "applicationLocation": location},
        "integratedAppMetadata": app,
    }


async def test_what_comes_back_is_a_download_to_purview() -> None:
    _, (asked,) = await examined("purview", processed, matter=replace(MATTER, direction="result"))
    activity = json.loads(asked.body)["contentToProcess"]["activityMetadata"]
    assert activity == {"activity": "downloadText"}


async def test_a_user_of_a_strange_name_is_one_segment_of_the_path() -> None:
    with serving() as web:
        answering(
            web, "/v1.0/users/a%2F..%2Fb%3Fc/dataSecurityAndGovernance/processContent", processed
        )
        one = made("purview", web.url)
        assert await one.examine("nothing", replace(MATTER, user="a/../b?c")) == ()
        await one.close()


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ({"action": "restrictAccess", "restrictionAction": "warn"}, "external.warn"),
        ({"action": "restrictAccess"}, "external.restrict-access"),
        ({"action": "notifyUser"}, "external.notify-user"),
    ],
)
async def test_an_action_of_purview_is_a_kind(action: dict[str, str], kind: str) -> None:
    found, _ = await examined("purview", lambda one: processed(one, action, action), "nothing")
    assert found == (Finding(kind, (), 0, 7),)


async def test_an_action_of_salesforce_judges_each_text() -> None:
    found, (asked,) = await examined("shield", acted)
    assert found == (Finding("external.payment-card", CARD_AT, 0, 23),)
    about = {"direction": "argument", "tool": "mail.send", "user": "jane@crm.example"}
    assert json.loads(asked.body) == {"inputs": [{"text": text, **about} for text in TEXTS]}
    assert asked.headers["authorization"] == "Bearer token-1"


@each
async def test_nothing_is_found_where_nothing_is(name: Name) -> None:
    found, asked = await examined(name, GOOD[name], {"note": "hello"})
    assert (found, len(asked)) == ((), 1)


@each
async def test_who_has_nothing_to_see_is_not_asked(name: Name) -> None:
    assert await examined(name, GOOD[name], {}) == ((), [])
    read = replace(MATTER, effect=Effect.read)
    assert await examined(name, GOOD[name], matter=read) == ((), [])


# --- who asks -------------------------------------------------------------------------------------


async def test_a_webhook_can_tell_who_asks_and_that_it_is_new() -> None:
    key = bytes(range(32))
    secret = f"whsec_{base64.b64encode(key).decode()}"
    _, (asked,) = await examined(
        "webhook", finding, credential=lambda: secret, clock_s=lambda: 1_795_000_000.9
    )
    name, at = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    assert (name, at) == (json.loads(asked.body)["id"], "1795000000")
    signed = hmac.digest(key, f"{name}.{at}.".encode() + asked.body, hashlib.sha256)
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"
    assert "authorization" not in asked.headers


async def test_a_webhook_may_know_nobody() -> None:
    _, (asked,) = await examined("webhook", finding, credential=None)
    assert not {"authorization", "webhook-signature"} & asked.headers.keys()


@pytest.mark.parametrize("secret", ["whsec_", "whsec_!", "whsec_c2hvcnQ="])
async def test_a_secret_that_is_none_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="24 bytes"):
        await examined("webhook", finding, credential=lambda: secret)


@each
async def test_a_credential_that_cannot_be_read_asks_nobody(name: Name) -> None:
    def gone() -> str:
        raise LookupError

    with serving() as web:
        one = made(name, web.url, credential=gone)
        with pytest.raises(LookupError):
            await one.examine(VALUE, MATTER)
        await one.close()
        assert web.asked == []


# --- what is no answer ----------------------------------------------------------------------------


def of_a_webhook(**changed: Any) -> Callable[[Asked], Any]:
    return lambda one: {**finding(one), **changed}


def found(**changed: Any) -> Callable[[Asked], Any]:
    one = {"kind": "payment-card", "text": 0, "start": 0, "end": 1, **changed}
    return of_a_webhook(findings=[one])


def of_an_action(**changed: Any) -> Callable[[Asked], Any]:
    return lambda one: [result([], **changed), *acted(one)[1:]]


NONSENSE: list[tuple[Name, Callable[[Asked], Any]]] = [
    *((name, lambda _: {}) for name in NAMES),
    *((name, lambda _: None) for name in NAMES),
    *((name, lambda _: "ok") for name in NAMES),
    *((name, lambda _: [[]]) for name in NAMES),
    ("webhook", of_a_webhook(version=2)),
    ("webhook", of_a_webhook(id="another")),
    ("webhook", of_a_webhook(findings=None)),
    ("webhook", of_a_webhook(verdict="allow")),
    ("webhook", found(kind="")),
    ("webhook", found(kind="pii.card")),
    ("webhook", found(kind="Card")),
    ("webhook", found(kind="card\n")),
    ("webhook", found(kind="c" * 41)),
    ("webhook", found(text=4)),
    ("webhook", found(text=-1)),
    ("webhook", found(start=-1)),
    ("webhook", found(start=1)),
    ("webhook", found(end=3)),
    ("webhook", found(start=None)),
    ("webhook", found(more=1)),
    ("purview", lambda one: processed(one, processingErrors=[{"code": "x"}])),
    ("purview", lambda one: processed(one, policyActions=None)),
    ("purview", lambda one: processed(one, {"action": ""})),
    ("purview", lambda one: processed(one, {"action": "a b"})),
    ("purview", lambda one: {"error": {"code": "Forbidden"}}),
    ("shield", lambda one: acted(one)[1:]),
    ("shield", lambda one: [*acted(one), result([])]),
    ("shield", lambda one: []),
    ("shield", of_an_action(isSuccess=False)),
    ("shield", of_an_action(errors=[{"statusCode": "X", "message": "no", "fields": []}])),
    ("shield", of_an_action(outputValues=None)),
    ("shield", of_an_action(outputValues={})),
    ("shield", of_an_action(outputValues={"kinds": "payment-card"})),
    ("shield", of_an_action(outputValues={"kinds": ["a b"]})),
]


@pytest.mark.parametrize(("name", "answer"), NONSENSE)
async def test_nonsense_is_raised(name: Name, answer: Callable[[Asked], Any]) -> None:
    with pytest.raises(Nonsense):
        await examined(name, answer)


BROKEN: dict[str, Callable[[Any], Answer]] = {
    "an error": lambda said: document(said, 500),
    "too many requests": lambda said: document(said, 429),
    "nothing to say": lambda said: document(said, 204),
    "elsewhere": lambda _: Answer(302, b"", {"Location": "/"}),
    "a page": lambda said: Answer(200, json.dumps(said).encode(), {"Content-Type": "text/html"}),
    "half": lambda said: Answer(
        200, json.dumps(said).encode()[:-1], {"Content-Type": "application/json"}
    ),
    "too long": lambda said: Answer(
        200, json.dumps(said).encode() + b" " * 70_000, {"Content-Type": "application/json"}
    ),
}


@each
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_answer_is_raised(name: Name, broken: Callable[[Any], Answer]) -> None:
    with pytest.raises(Unanswered):
        await examined(name, lambda one: broken(GOOD[name](one)))


@each
async def test_one_that_is_late_is_raised(name: Name) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        one = made(name, url, timeout_ms=50)
        with pytest.raises(Unanswered, match="in time"):
            await one.examine(VALUE, MATTER)
        await one.close()


@each
async def test_too_much_is_not_sent(name: Name) -> None:
    with serving() as web:
        one = made(name, web.url)
        with pytest.raises(Unanswered, match="too much"):
            await one.examine("x" * 1_100_000, MATTER)
        await one.close()
        assert web.asked == []


@each
@pytest.mark.parametrize("url", ["http://dlp.example", "ftp://127.0.0.1", "dlp"])
def test_only_https_or_this_machine_is_asked(name: Name, url: str) -> None:
    with pytest.raises(ValueError, match="HTTPS"):
        made(name, url)


def test_a_finding_lies_in_its_text() -> None:
    assert Text(("a",), "abc").found("x") == Finding("external.x", ("a",), 0, 3)
    with pytest.raises(Nonsense):
        Text((), "").found("x")
