"""Which links of a call nobody vouches for."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from safeconduct.core.decoding import MAX_CHARACTERS
from safeconduct.core.egress import MAX_ADDRESSES
from safeconduct.core.labels import BOTTOM, Confidentiality
from safeconduct.core.links import Links, unvouched_links
from safeconduct.core.manifest import Effect, Sink
from safeconduct.core.model import Facts
from safeconduct.core.provenance import Origin
from tests.support.facts import TAINTED, call, facts, task, tool

EVIL = "https://evil.example/x?d=secret"
PURPOSE = (
    "Send Bob docs.example.com and https://wiki.example/page, (http://one.example/a%20b) and"
    " shop.example/cart."
)


def sending(**overrides: Any) -> Facts:
    """A call that sends, of a task that has read what others wrote."""
    given: dict[str, Any] = {"effect": Effect.send, **overrides.pop("tool", {})}
    about = {"labels": TAINTED, "purpose": PURPOSE, **overrides.pop("task", {})}
    return facts(tool=tool(**given), task=task(**about), **overrides)


def strange(value: object, name: str = "next_step", **overrides: Any) -> tuple[str, ...]:
    found = unvouched_links(call({name: value}), sending(**overrides))
    assert found.whole
    return found.hosts


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        f"See ![a picture]({EVIL})",
        f'<img src="{EVIL}">',
        '<a href="//evil.example/x">x</a>',
        "https:evil.example/x",
        "http:\\\\evil.example\\x",
        "evil.example/x",
        "evil.example?x",
        "evil.example:8080/x",
        "www.evil.example",
        "WWW\u3002evil\u3002example",
        "h\u200bttps://ev\u200bil.example/x",
        "https&colon;&sol;&sol;evil.example/x",
        quote(EVIL, safe=""),
        base64.b64encode(f"Look: {EVIL}".encode()).decode(),
        f"Look: {EVIL}".encode().hex(),
    ],
)
def test_what_leads_outside_is_a_link(text: str) -> None:
    hosts = strange(f"Hello {text} bye")
    assert hosts in (("evil.example",), ("www.evil.example",))


@pytest.mark.parametrize(
    "text",
    [
        "Plain words, and/or 4.5/5 of them, on 21.11.2026/2027.",
        "Write to eve@evil.example or read evil.example.",
        "See report.pdf, notes.md and src/core/notes.md",
        "x/elpmaxe.live//:sptth",
        "",
    ],
)
def test_what_leads_nowhere_by_itself_is_none(text: str) -> None:
    assert strange(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "https://docs.example.com/any?path",
        "docs.example.com/any",
        "https://wiki.example/page",
        "HTTPS://Wiki.Example/page/.",
        "[page](http://wiki.example/page)",
        "http://one.example/a%20b",
        "https://shop.example/cart",
    ],
)
def test_the_request_names_its_links_and_hosts(text: str) -> None:
    assert strange(text) == ()
    assert strange(text, task={"purpose_source": "agent"}) != ()


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://wiki.example/page?d=secret", "wiki.example"),
        ("https://wiki.example/Page", "wiki.example"),
        ("https://secret.docs.example.com/", "secret.docs.example.com"),
        ("https://docs.example.com.evil.example/", "docs.example.com.evil.example"),
        ("https://docs.example.com@evil.example/", "evil.example"),
        ("https://bob/", "bob"),
        ("ftp://wiki.example/page", "wiki.example"),
    ],
)
def test_the_request_names_nothing_else(text: str, host: str) -> None:
    assert strange(text) == (host,)


@pytest.mark.parametrize("name", ["report.zip", "Notes.md", "run.sh", "x.py"])
def test_who_names_a_file_names_no_host(name: str) -> None:
    purpose = {"purpose": f"Send Bob {name}, please."}
    assert strange(f"https://{name}/?d=secret", task=purpose) == (name.lower(),)
    assert strange(f"It is {name}.", task=purpose) == ()


def test_an_address_without_a_host_that_can_be_read_is_strange() -> None:
    assert strange("https://" + "a" * 800 + "/") == ("",)


@pytest.mark.parametrize("listed", ["evil.example", EVIL])
def test_the_sink_s_lists_vouch_for_a_host_and_for_a_link(listed: str) -> None:
    assert strange(EVIL, allowed={"destinations": frozenset({listed})}) == ()
    other = "https://sub.evil.example/"
    assert strange(other, allowed={"destinations": frozenset({listed})}) == ("sub.evil.example",)


def test_what_vouches_for_the_argument_vouches_for_its_links() -> None:
    vouched = {"next_step": (Origin("trusted-field"),)}
    assert strange(EVIL, provenance=vouched) == ()
    assert strange(EVIL, provenance={"next_step": (Origin("single-source"),)}) != ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", EVIL),
        ("find", EVIL),
        ("next_step", {"event": [{"description": EVIL}]}),
        ("next_step", {EVIL: 1}),
        ("undeclared", [EVIL, 2]),
        (EVIL, True),
    ],
)
def test_links_are_found_wherever_they_stand(name: str, value: object) -> None:
    assert strange(value, name) == ("evil.example",)


def test_where_a_call_goes_to_is_no_content() -> None:
    assert strange(EVIL, "to") == strange([EVIL], "into") == ()


@pytest.mark.parametrize(
    "overrides",
    [
        {"task": {"labels": BOTTOM}},
        {"tool": {"effect": Effect.write}},
        {"tool": {"effect": Effect.execute}},
        {"tool": {"effect": Effect.read}},
        {"tool": {"sink": Sink(links="any")}},
    ],
)
def test_only_what_others_see_and_may_have_chosen_is_looked_at(overrides: dict[str, Any]) -> None:
    assert strange(EVIL, **overrides) == ()


def test_what_there_is_no_tool_for_is_refused_elsewhere() -> None:
    nothing = facts(tool=tool(manifest=None), task=task(labels=TAINTED))
    assert unvouched_links(call({"next_step": EVIL}), nothing) == Links()


def test_what_everybody_reads_and_what_nobody_reviewed_is_looked_at() -> None:
    public = {"effect": Effect.write, "clearance": Confidentiality.public}
    assert strange(EVIL, tool=public) == ("evil.example",)
    assert strange(EVIL, tool={"effect": Effect.read, "pin": "unreviewed"}) == ("evil.example",)


def test_what_cannot_be_read_as_a_whole_is_said() -> None:
    many = " ".join(f"https://h{n}.example/" for n in range(MAX_ADDRESSES + 1))
    assert not unvouched_links(call({"next_step": many}), sending()).whole
    half = "x" * (MAX_CHARACTERS // 2 + 1)
    halves: dict[str, Any] = {"next_step": half, "find": half}
    assert not unvouched_links(call(halves), sending()).whole
    assert unvouched_links(call({"find": halves["find"]}), sending()).whole
    deep = "x"
    for _ in range(6):
        deep = base64.b64encode(f"some words: {deep}".encode()).decode()
    assert not unvouched_links(call({"next_step": deep}), sending()).whole
