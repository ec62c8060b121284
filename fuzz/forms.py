"""The target that reads token requests: a form, and the JSON within it."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlencode, urlsplit

from safeconduct.delegation.details import Details
from safeconduct.delegation.request import Amendment, Renewal, Request, Start, parse
from safeconduct.entrypoints.oauth import parse_form
from safeconduct.ports import TokenRefused

GATEWAY: Final = frozenset({"https://gateway.example", "https://gateway.example/mcp"})


def token_requests(data: bytes) -> None:
    """What is asked for is what the form says, spelt in any way, and says one thing."""
    try:
        form = parse_form(data)
    except TokenRefused:
        return
    assert parse_form(urlencode(form).encode()) == form
    try:
        request = parse(form, GATEWAY)
    except TokenRefused:
        return
    assert parse({name: value for name, value in form.items() if value}, GATEWAY) == request
    assert request.svids
    assert set(request.svids) <= {form.get("actor_token"), form.get("client_assertion")}
    assert urlsplit(form.get("resource", "")).netloc in {"", "gateway.example"}
    assert request.scopes is None or request.scopes <= set(form["scope"].split(" "))
    _one_thing(request, form)
    _details(request.details, form.get("authorization_details", ""))


def _one_thing(request: Request, form: dict[str, str]) -> None:
    """A start has one purpose, and what lets a task go on starts none."""
    match request:
        case Start():
            assert (request.attestation is None) == bool(request.purpose)
            assert not form.get("task")
        case Renewal() | Amendment():
            assert not isinstance(request, Renewal) or request.task == form["task"]
        case _:
            assert not form.get("purpose_attestation")


def _details(details: Details | None, text: str) -> None:
    """Another reader of JSON finds the same in it."""
    if details is None:
        assert not text
        return
    (said,) = json.loads(text)
    assert said.get("counts", {}) == details.counts
    assert (said.get("case"), said.get("purpose")) == (details.case, details.purpose)
