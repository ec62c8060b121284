"""What a person is shown of a question."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.approvals.shown import changes, shown
from safeconduct.core.canonical import canonical
from safeconduct.core.manifest import Argument
from safeconduct.core.provenance import Origin
from safeconduct.core.verdict import Requirement
from tests.support.facts import ASKED, ASKED_USER, CLAIMED, NOW_MS, call, facts, tool

CALL = call({"id": "D-7", "amount_minor": 600, "next_step": "go"})


def asked(**changed: Any) -> Requirement:
    known: dict[str, Any] = {
        "templates": ("refund",),
        "sources": ("policy:refund",),
        "ttl_s": 300,
        "parties": ASKED_USER,
        **changed,
    }
    return Requirement(**known)


def test_the_arguments_are_the_bytes_that_would_be_sent() -> None:
    seen = shown("a_1", CALL, facts(), asked())
    assert seen["arguments"] == canonical(CALL.arguments).decode()
    assert (seen["digest"], seen["user"]) == (CALL.digest, "jane@crm.example")
    assert (seen["asked_ms"], seen["expires_ms"]) == (NOW_MS, NOW_MS + 300_000)


def test_a_question_stands_as_long_as_its_template_says() -> None:
    assert shown("a_1", CALL, facts(), asked(wait_s=900))["expires_ms"] == NOW_MS + 900_000


def test_each_value_has_the_places_where_it_was_seen() -> None:
    field = Origin("trusted-field", "crm.get_deal:amount")
    known = facts(
        provenance={"id": ASKED, "amount_minor": (field, field), "next_step": CLAIMED, "no": ASKED}
    )
    seen = shown("a_1", CALL, known, asked(origins={"next_step": ("mail.read:body@d_1",)}))
    assert seen["origins"] == {
        "id": ["the user's request"],
        "amount_minor": ["crm.get_deal:amount"],
        "next_step": ["mail.read:body@d_1"],
    }


def test_a_value_of_which_no_place_is_known_has_none() -> None:
    assert shown("a_1", CALL, facts(provenance={}), asked())["origins"] == {}


@pytest.mark.parametrize(
    ("old", "told"),
    [
        (500, {"before": 500, "after": 600, "change_bps": 2_000}),
        (0, {"before": 0, "after": 600}),
        ("much", {"before": "much", "after": 600}),
    ],
)
def test_what_stands_there_now_is_shown_beside_what_would(old: object, told: Any) -> None:
    known = facts(resolved={"old_amount_minor": old, "owner": "jane"})
    assert changes(CALL, known) == {"amount_minor": told}


def test_a_change_in_words_has_no_share() -> None:
    known = facts(
        resolved={"old_next_step": "wait"},
        tool=tool(arguments={"next_step": Argument(role="content")}),
    )
    assert changes(CALL, known) == {"next_step": {"before": "wait", "after": "go"}}
    assert changes(CALL, facts(resolved={}, tool=tool(manifest=None))) == {}
