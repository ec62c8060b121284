"""External inspections that speak as documented: webhook, Microsoft Graph, Salesforce action."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.web import Answer, Asked, Web, document

JSON = dict[str, Any]

WEBHOOK = "/dlp"
ACTION = "/services/data/v66.0/actions/custom/apex/SafeconductInspection"
GRAPH = "/v1.0/users/{user}/dataSecurityAndGovernance/processContent"

CARD = "4532667785213500"
"""What all of them look for."""


def finding(one: Asked) -> JSON:
    """What a webhook that finds cards answers, by our contract."""
    body = json.loads(one.body)
    found = [
        {"kind": "payment-card", "text": n, "start": at, "end": at + len(CARD)}
        for n, text in enumerate(body["texts"])
        if (at := text.find(CARD)) >= 0
    ]
    return {"version": 1, "id": body["id"], "findings": found}


def processed(one: Asked, *actions: JSON, **changed: Any) -> JSON:
    """What Graph answers to `processContent`: as the page of that action shows it."""
    (entry,) = json.loads(one.body)["contentToProcess"]["contentEntries"]
    assert entry["content"]["@odata.type"] == "microsoft.graph.textContent"
    block = {
        "@odata.type": "#microsoft.graph.restrictAccessAction",
        "action": "restrictAccess",
        "restrictionAction": "block",
    }
    found = [block] if CARD in entry["content"]["data"] else []
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.processContentResponse",
        "protectionScopeState": "notModified",
        "policyActions": [*found, *actions],
        "processingErrors": [],
        **changed,
    }


def result(kinds: Iterable[str], **changed: Any) -> JSON:
    """One result of an invocable action, as the Actions Developer Guide shows it."""
    return {
        "actionName": "SafeconductInspection",
        "errors": None,
        "isSuccess": True,
        "outputValues": {"kinds": list(kinds)},
        **changed,
    }


def acted(one: Asked) -> list[JSON]:
    """What an action that finds cards answers: a result for each input."""
    inputs = json.loads(one.body)["inputs"]
    return [result(["payment-card"] if CARD in given["text"] else []) for given in inputs]


def answering(web: Web, path: str, answer: Callable[[Asked], Any]) -> None:
    """Has a web server answer with JSON, or as told."""

    def page(one: Asked) -> Answer:
        said = answer(one)
        return said if isinstance(said, Answer) else document(said)

    web.pages[path] = page
