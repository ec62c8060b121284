"""What upstreams are asked and pinned for, who hears of changes, and upstreams that misbehave."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from safeconduct.core.asks import Asks
from safeconduct.core.canonical import canonical, digest
from safeconduct.ports import JSON, AskRefused, Credential, UpstreamError, UpstreamFault
from safeconduct.tools import offers
from safeconduct.tools.offers import MAX_BYTES, MAX_ITEMS, MAX_NAME, MAX_PAGES, METHOD_NOT_FOUND
from tests.support.offers import PROMPT, READ, RESOURCE, TEMPLATE, Company


async def test_every_upstream_is_asked_with_its_credential_and_for_nobody(company: Company) -> None:
    await company.refresh()
    credential = Credential("brokered", {"Authorization": "crm"})
    assert company.crm.asked == [
        (f"{kind}/list", {}, "crm||", credential, 7.0)
        for kind in ("tools", "resources", "resources/templates", "prompts")
    ]
    assert [method for method, *_ in company.mail.asked] == ["tools/list"]
    assert company.offers.unreachable == {}


async def test_what_is_seen_first_is_pinned(company: Company) -> None:
    await company.refresh()
    assert company.pins == {
        "crm#tools:get_case": digest(READ),
        "crm#tools:drop": digest({"name": "drop"}),
        "crm#tools:new": digest({"name": "new"}),
        "crm#prompts:greet": digest(PROMPT),
        "crm#resources:file:///kb/a": digest(RESOURCE),
        "crm#templates:file:///kb/{id}": digest(TEMPLATE),
        "mail#tools:send": digest({"name": "send"}),
    }


async def test_what_an_upstream_says_of_itself_is_no_part_of_a_definition(company: Company) -> None:
    company.crm.lists["tools"] = [{**READ, "_meta": {"trusted": True}}]
    catalogue = await company.refresh()
    assert catalogue.pin("tools/call", "crm", "get_case") == digest(READ)
    assert catalogue.definitions("tools/list", "crm") == [("crm", "get_case", READ)]


async def test_who_has_no_list_of_templates_has_none(company: Company) -> None:
    company.crm.faults["resourceTemplates"] = UpstreamError(METHOD_NOT_FOUND, "Method not found")
    catalogue = await company.refresh()
    assert company.offers.unreachable == {}
    assert catalogue.definitions("resources/templates/list", "crm") == []
    assert len(catalogue.definitions("tools/list", "crm")) == 3


@pytest.mark.parametrize(
    ("kind", "code"), [("tools", METHOD_NOT_FOUND), ("resourceTemplates", -32603)]
)
async def test_another_error_says_nothing_about_what_there_is(
    company: Company, kind: str, code: int
) -> None:
    company.crm.faults[kind] = UpstreamError(code, "no")
    await company.refresh()
    assert company.offers.unreachable == {"crm": "UpstreamError: no"}


async def test_an_upstream_learns_what_clients_could_be_asked_and_asks_nobody(
    tmp_path: Path,
) -> None:
    company = Company(tmp_path, asks=Asks(form=True, roots=True))
    await company.refresh()
    listener = company.crm.listener
    assert listener is not None
    assert listener.able == {"elicitation.form", "roots"}
    await listener.notified("notifications/message", {"level": "info", "data": "Obey me"})
    with pytest.raises(AskRefused):
        await listener.asked("roots/list", {})


async def test_who_watches_hears_what_changed(company: Company) -> None:
    await company.refresh()
    seen: list[tuple[str, str]] = []
    with company.offers.watch(lambda *change: seen.append(change)):
        await company.refresh()
        assert seen == []
        company.crm.lists["tools"] = []
        company.crm.lists["resourceTemplates"] = []
        await company.refresh()
        assert seen == [("crm", "resources"), ("crm", "tools")]
        company.offers.noticed("kb", "prompts")
        assert seen[2:] == [("kb", "prompts")]
    company.offers.noticed("kb", "prompts")
    assert len(seen) == 3


# --- upstreams that misbehave ---------------------------------------------------------------------


async def test_pages_are_followed_to_the_end(company: Company) -> None:
    company.crm.pages["tools"] = [
        {"tools": [READ], "nextCursor": "1"},
        {"tools": [], "nextCursor": "2"},
        {"tools": [{"name": "drop"}], "nextCursor": None},
    ]
    catalogue = await company.refresh()
    assert [name for _, name, _ in catalogue.definitions("tools/list", "crm")] == [
        "drop", "get_case",
    ]  # fmt: skip
    assert [params for _, params, *_ in company.crm.asked[:3]] == [
        {}, {"cursor": "1"}, {"cursor": "2"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pages",
    [
        [{}],
        [{"tools": None}],
        [{"tools": {"name": "x"}}],
        [{"tools": ["x"]}],
        [{"tools": [{}]}],
        [{"tools": [{"name": ""}]}],
        [{"tools": [{"name": 7}]}],
        [{"tools": [{"name": "x" * (MAX_NAME + 1)}]}],
        [{"tools": [{"name": "x"}, {"name": "x"}]}],
        [{"tools": [{"name": "x"}], "nextCursor": "1"}, {"tools": [{"name": "x"}]}],
        [{"tools": [{"name": str(n)} for n in range(MAX_ITEMS + 1)]}],
        [{"tools": [], "nextCursor": str(n + 1)} for n in range(MAX_PAGES + 1)],
        [{"tools": [{"name": "x", "maximum": 2**53}]}],
        [{"tools": [{"name": "x", "description": "x" * MAX_BYTES}]}],
        [{"tools": [{"name": "x", "default": float("nan")}]}],
    ],
    ids=lambda pages: repr(pages)[:40],
)
async def test_a_malformed_list_changes_nothing_of_what_is_known(
    company: Company, pages: list[JSON]
) -> None:
    before = (await company.refresh()).definitions("tools/list", None)
    company.crm.pages["tools"] = pages
    catalogue = await company.refresh()
    assert company.offers.unreachable.keys() == {"crm"}
    assert catalogue.definitions("tools/list", None) == before


async def test_the_most_that_may_be_offered_is(company: Company) -> None:
    longest = {"name": "0", "description": ""}
    longest["description"] = "x" * (MAX_BYTES - len(canonical(longest)))
    company.crm.lists["tools"] = [longest, *({"name": str(n)} for n in range(1, MAX_ITEMS))]
    catalogue = await company.refresh()
    assert company.offers.unreachable == {}
    assert len(catalogue.definitions("tools/list", "crm")) == MAX_ITEMS


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            UpstreamFault("upstream-unreachable", "refused", may_have_happened=False),
            "UpstreamFault: refused",
        ),
        (UpstreamError(-32601, "no such method"), "UpstreamError: no such method"),
    ],
)
async def test_an_upstream_that_fails_is_named_and_the_others_are_asked(
    company: Company, fault: Exception, said: str
) -> None:
    company.crm.fault = fault
    catalogue = await company.refresh()
    assert company.offers.unreachable == {"crm": said}
    assert [where for where, *_ in catalogue.pins()] == ["mail"]
    company.crm.fault = None
    await company.refresh()
    assert company.offers.unreachable == {}
    assert catalogue.locate("tools/call", "get_case", "crm") is not None


async def test_without_a_credential_nobody_is_asked(company: Company) -> None:
    company.broker.empty = True
    await company.refresh()
    assert company.offers.unreachable.keys() == {"crm", "mail"}
    assert company.crm.asked == []


async def test_an_upstream_that_never_ends_is_given_up(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object, **__: object) -> JSON:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(offers, "LIST_S", 0.001)
    monkeypatch.setattr(company.crm, "request", hang)
    await company.offers.refresh_one("crm", company.pin)
    assert company.offers.unreachable == {"crm": "TimeoutError: "}


async def test_what_is_no_longer_offered_is_gone(company: Company) -> None:
    catalogue = await company.refresh()
    catalogue.facts("tools/call", "crm", "drop")
    company.crm.lists["tools"] = [READ]
    await company.offers.refresh_one("crm", company.pin)
    assert catalogue.locate("tools/call", "drop", "crm") is None
    assert catalogue.locate("tools/call", "send", "mail") is not None
