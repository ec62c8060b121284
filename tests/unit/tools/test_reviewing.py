"""A review says how live definitions stand to the manifest, to the pins and to inference."""

from __future__ import annotations

import msgspec

from safeconduct.core.canonical import digest
from safeconduct.core.manifest import Argument, Effect, Manifest, ToolManifest
from safeconduct.core.pins import Accepted
from safeconduct.ports import JSON
from safeconduct.tools.reviewing import Reviewed, review

TEXT = {"type": "string"}
SEND: JSON = {
    "name": "send",
    "description": "Send a note.",
    "inputSchema": {"properties": {"to": TEXT, "password": TEXT, "cc": TEXT}},
    "outputSchema": {"properties": {"token": TEXT}},
}


def reviewed(tool: ToolManifest | None, live: JSON | None, *kept: JSON) -> Reviewed:
    manifest = Manifest(upstream="desk", tools={} if tool is None else {"send": tool})
    (found,) = review(
        "desk", manifest, [] if live is None else [live], {digest(one): one for one in kept}
    )
    return found


def described(pin: str | None = None, effect: Effect = Effect.send) -> ToolManifest:
    arguments = {"to": Argument(role="recipient"), "cc": Argument(role="recipient")}
    return ToolManifest(effect=effect, scopes=("desk:send",), arguments=arguments, pin=pin)


def test_states() -> None:
    pin = digest(SEND)
    assert reviewed(None, SEND).state == "new"
    assert reviewed(described(), SEND).state == "unreviewed"
    assert reviewed(described(pin), SEND).state == "reviewed"
    assert reviewed(described("sha256:" + "0" * 64), SEND).state == "changed"
    assert reviewed(described(pin), None).state == "gone"
    assert reviewed(described(), SEND).pin == pin


def test_what_an_operator_accepted_counts_while_the_manifest_says_what_it_said_then() -> None:
    before = SEND | {"description": "Send a note to a friend."}
    later = SEND | {"description": "Send all notes."}
    manifest = Manifest(upstream="desk", tools={"send": described(digest(before))})
    one = Accepted(pin=digest(SEND), by="ole", why="so", at_ms=1, manifest=digest(before))
    kept = {digest(SEND): SEND}
    (found,) = review("desk", manifest, [SEND], kept, accepted={"send": one})
    assert (found.state, found.accepted, found.diff) == ("accepted", one, ())
    (found,) = review("desk", manifest, [later], kept, accepted={"send": one})
    assert found.state == "changed"
    assert '- "description": "Send a note.",' in found.diff
    other = msgspec.structs.replace(one, manifest="sha256:" + "0" * 64)
    (found,) = review("desk", manifest, [SEND], kept, accepted={"send": other})
    assert (found.state, found.accepted) == ("changed", None)


def test_a_change_is_shown_line_by_line() -> None:
    before = SEND | {"description": "Send a note to a friend."}
    found = reviewed(described(digest(before)), SEND, before)
    assert found.state == "changed"
    assert [line for line in found.diff if line[0] in "+-"] == [
        '- "description": "Send a note to a friend.",',
        '+ "description": "Send a note.",',
    ]


def test_nothing_is_shown_that_was_not_the_pinned_definition() -> None:
    before, other = SEND | {"description": "x"}, SEND | {"description": "y"}
    assert reviewed(described(digest(before)), SEND, other).diff == ()


def test_a_long_line_is_broken_so_that_its_change_is_seen() -> None:
    before = SEND | {"description": "x" * 400}
    after = SEND | {"description": "x" * 399 + "y"}
    found = reviewed(described(digest(before)), after, before)
    assert max(map(len, found.diff)) <= 97


def test_the_manifest_in_one_line() -> None:
    assert reviewed(described(), SEND).says == (
        "send (to recipient, cc recipient); returns untrusted and restricted; takes public"
    )
    assert reviewed(None, SEND).says == "nothing"


def test_what_inference_would_say_more_strictly() -> None:
    laxer = ToolManifest(
        effect=Effect.read,
        scopes=("desk:read",),
        arguments={
            "to": Argument(role="content"),
            "password": Argument(role="content"),
            "gone": Argument(role="content"),
        },
    )
    assert reviewed(laxer, SEND).stricter == (
        "effect send, not read (`send` in the name)",
        "to steers: recipient, not content (who gets it)",
        "password needs a voucher (a secret)",
        "cc is not described, so no call may have it",
        "gone is described, but the definition has no such argument",
        "token is a secret (named like a secret)",
    )


def test_what_is_stricter_already_is_not_repeated() -> None:
    assert reviewed(described(effect=Effect.pay), SEND).stricter == (
        "password is not described, so no call may have it",
        "token is a secret (named like a secret)",
    )
