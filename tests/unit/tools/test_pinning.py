"""Pins are written into a manifest, and everything else in it stays."""

import pytest

from safeconduct.tools.pinning import NotPinned, pinned

PIN = "sha256:" + "a" * 64
OLD = "sha256:" + "b" * 64

BLOCK = f"""\
# About the desk.
upstream: desk
tools:
  get_ticket:   # the one that everybody uses

    # because it only looks
    effect: read
    scopes: [desk:read]   # one
  "close: it":
    pin: '{OLD}'  # in May
    effect: write
    scopes: [desk:write]
  flow: {{effect: read, scopes: [desk:read]}}  # short
  pinned: {{effect: read, pin: {OLD}, scopes: [desk:read]}}
"""


def test_a_block_gets_a_line() -> None:
    assert pinned(BLOCK, {"get_ticket": PIN}) == BLOCK.replace(
        "    effect: read\n    scopes: [desk:read]   # one",
        f"    pin: {PIN}\n    effect: read\n    scopes: [desk:read]   # one",
    )


def test_an_old_pin_is_replaced() -> None:
    assert pinned(BLOCK, {"close: it": PIN}) == BLOCK.replace(f"pin: '{OLD}'", f"pin: {PIN}")
    assert pinned(BLOCK, {"pinned": PIN}) == BLOCK.replace(f"pin: {OLD}", f"pin: {PIN}")


def test_braces_get_an_entry() -> None:
    assert pinned(BLOCK, {"flow": PIN}) == BLOCK.replace(
        "flow: {effect", f"flow: {{pin: {PIN}, effect"
    )


def test_several_at_once() -> None:
    text = pinned(BLOCK, {"get_ticket": PIN, "flow": PIN, "close: it": PIN})
    assert text.count(PIN) == 3
    assert [line for line in BLOCK.splitlines() if "#" in line and "pin" not in line] == [
        line
        for line in text.replace(f"pin: {PIN}, ", "").splitlines()
        if "#" in line and "pin" not in line
    ]


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        (BLOCK, "nobody"),
        ("upstream: desk\ntools:\n  a: {}\n", "a"),
        ("upstream: desk\ntools:\n  a:\n    {effect: read,\n    scopes: [x]}\n", "none"),
        ("upstream: desk\n", "a"),
        ("- a\n", "a"),
        ("a: [\n", "a"),
        ("upstream: desk\ntools:\n  a:\n    pin: later\n    effect: read\n", "a"),
        ("upstream: desk\ntools:\n  a: {\n    effect: read, scopes: [x]}\n", "a"),
    ],
)
def test_what_cannot_be_changed_alone_is_left(text: str, tool: str) -> None:
    with pytest.raises(NotPinned):
        pinned(text, {tool: PIN})


def test_lines_may_end_as_on_windows() -> None:
    text = BLOCK.replace("\n", "\r\n")
    assert pinned(text, {"flow": PIN}).count("\r\n") == text.count("\r\n")
