from __future__ import annotations

import pytest

from safeconduct.entrypoints.refusals import KEPT, Refusals
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey

KEY = PrivateKey.generate()


def test_a_refusal_says_why_where_there_is_more_to_say() -> None:
    refusals = Refusals(lambda: 7)
    refusals.note("/mcp", "The proof was used before.", "", token=None)
    refusals.note("/mcp", "The token is not valid here.", "for another gateway", token="")
    first, second = refusals.last()
    assert (first.at_ms, first.path, first.why) == (7, "/mcp", "The proof was used before.")
    assert (second.told, second.why) == ("The token is not valid here.", "for another gateway")
    assert first.claims == second.claims == {}


@pytest.mark.parametrize(
    ("claims", "claimed"),
    [
        ({"sub": "jane", "iss": "https://idp.example"}, "jane by https://idp.example"),
        ({"sub": "spiffe://crm.example/a"}, "spiffe://crm.example/a"),
        ({}, "nobody"),
        ({"sub": ["x"]}, "['x']"),
        ({"sub": "x" * 999}, "x" * 256),
    ],
)
def test_names_are_those_that_a_token_claims(claims: dict[str, object], claimed: str) -> None:
    refusals = Refusals(lambda: 7)
    refusals.note("/mcp", "No.", "", actor=jose.sign(claims, KEY, "JWT"))
    assert refusals.last()[0].claims == {"actor": claimed}


def test_what_is_no_token_claims_nothing() -> None:
    refusals = Refusals(lambda: 7)
    refusals.note("/mcp", "No.", "", actor="garbage", subject="a.b.c")
    assert refusals.last()[0].claims == {"actor": "not a token", "subject": "not a token"}


def test_the_last_ones_are_kept() -> None:
    refusals = Refusals(lambda: 7)
    for number in range(KEPT + 3):
        refusals.note(f"/{number}", "No.", "")
    paths = [one.path for one in refusals.last()]
    assert (len(paths), paths[0], paths[-1]) == (KEPT, "/3", f"/{KEPT + 2}")
