"""docs/guides/external-dlp.md and review-model.md against what is sent, accepted and bounded."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.core.review import Review
from safeconduct.inspectors import service
from safeconduct.inspectors.external.texts import MAX_NAME
from safeconduct.inspectors.reviewing import reviewer
from safeconduct.inspectors.reviewing.question import WHYS, Question
from safeconduct.kit.http1 import asking
from safeconduct.ports import Matter
from tests.support.inspections import WEBHOOK, acted, answering
from tests.support.pages import DOCS, FENCE, codes, sections, tables
from tests.support.web import Asked, serving
from tests.unit.inspectors.external.test_external import examined, made

DLP = DOCS / "guides" / "external-dlp.md"
REVIEW = DOCS / "guides" / "review-model.md"


def fenced(page: Any, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [found[2] for found in FENCE.findall(text) if found[1] == language]


async def test_the_webhook_of_the_guide_is_asked_and_understood() -> None:
    question, answer = (json.loads(text) for text in fenced(DLP, "json"))
    _, to, _, body = question["texts"]
    matter = Matter(
        effect=Effect(question["effect"]),
        target=question["tool"],
        **{name: question[name] for name in ("direction", "tenant", "user", "agent", "task")},
    )
    with serving() as web:
        answering(web, WEBHOOK, lambda one: answer | {"id": json.loads(one.body)["id"]})
        one = made("webhook", web.url)
        found = await one.examine({"to": to, "body": body}, matter)
        await one.close()
        sent = json.loads(web.asked[0].body)
    assert sent == question | {"id": sent["id"]}
    (said,) = answer["findings"]
    assert found == (Finding("external.payment-card", ("body",), said["start"], said["end"]),)
    assert body[said["start"] : said["end"]] == "4532667785213500"
    assert f"up to {MAX_NAME} lower-case letters" in DLP.read_text(encoding="utf-8")


async def test_the_class_of_the_guide_has_what_is_sent_and_wanted() -> None:
    (text,) = fenced(DLP, "apex")
    _, (asked,) = await examined("shield", acted)
    (first, *_) = json.loads(asked.body)["inputs"]
    assert all(f"public String {name};" in text for name in first)
    assert "public List<String> kinds" in text


def test_the_bounds_are_those_of_the_code() -> None:
    (rows,) = tables(sections(DLP)["When it does not answer"])
    said = [row[1].removesuffix(" bytes") for row in rows[1:]]
    assert said == [
        "`timeout_ms`",
        *map(
            str,
            (
                service.MAX_QUESTION_BYTES,
                asking.MAX_ANSWER_BYTES,
                service.MAX_AT_ONCE,
                service.MAX_OF_AGENT,
                service.FAILURES,
                int(service.PAUSE_S),
            ),
        ),
    ]
    kept = sections(REVIEW)["The same question has the same answer"]
    assert reviewer.KEPT_S == 3600
    assert f"For an hour at most, of the last {reviewer.MAX_KEPT} questions" in kept


def test_the_answer_of_the_guide_is_one() -> None:
    (answer,) = fenced(REVIEW, "json")
    question = Question(json.loads(answer)["mark"], "", "")
    assert question.read_text(answer) == Review("inconsistent", "other-recipient")
    (rows,) = tables(sections(REVIEW)["What it may say"])
    members = {codes(row[0])[0]: codes(row[1]) for row in rows[1:]}
    assert list(members) == question.schema["required"]
    assert members["answer"] == question.schema["properties"]["answer"]["enum"]
    assert [name for name in members["why"] if name != "consistent"] == list(WHYS)


@pytest.mark.parametrize("activity", ["uploadText", "downloadText"])
async def test_what_the_guide_says_of_purview_is_sent(activity: str) -> None:
    assert f"`{activity}`" in sections(DLP)["Microsoft Purview"]
    direction: Literal["argument", "result"] = "result"
    if activity == "uploadText":
        direction = "argument"
    sent: list[Asked] = []

    def answer(one: Asked) -> dict[str, Any]:
        sent.append(one)
        return {"policyActions": [], "processingErrors": []}

    matter = Matter(
        direction=direction,
        target="mail.send",
        effect=Effect.send,
        tenant="t",
        user="jane@crm.example",
        agent="a",
        task="t_1",
    )
    await examined("purview", answer, matter=matter)
    assert sent[0].path == "/v1.0/users/jane@crm.example/dataSecurityAndGovernance/processContent"
    assert json.loads(sent[0].body)["contentToProcess"]["activityMetadata"]["activity"] == activity
