"""How the catalogue lists what upstreams offer, and what it makes of upstreams that misbehave."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from safeconduct.core.asks import Asks
from safeconduct.core.canonical import digest
from safeconduct.ports import JSON, AskRefused, UpstreamError, UpstreamFault
from safeconduct.tools import catalogue as tools
from safeconduct.tools.catalogue import MAX_ITEMS, MAX_NAME, MAX_PAGES, METHOD_NOT_FOUND, UNREVIEWED
from tests.support.offers import MANIFESTS, PROMPT, READ, RESOURCE, TEMPLATE, Company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


async def test_what_nobody_reviewed_is_listed_without_a_word_of_the_upstream_s(
    company: Company,
) -> None:
    catalogue = await company.refresh()
    blank = {"description": UNREVIEWED, "inputSchema": {"type": "object"}}
    assert catalogue.definitions("tools/list", "crm") == [
        ("crm", "drop", {"name": "drop", **blank}),
        ("crm", "get_case", READ),
        ("crm", "new", {"name": "new", **blank}),
    ]
    assert catalogue.definitions("prompts/list", "crm") == [
        ("crm", "greet", {"name": "greet", "arguments": [{"name": "who"}]})
    ]
    assert catalogue.definitions("resources/list", "crm") == [
        ("crm", "file:///kb/a", {"uri": "file:///kb/a", "name": "file:///kb/a"})
    ]
    assert catalogue.definitions("resources/templates/list", "crm") == [
        (
            "crm",
            "file:///kb/{id}",
            {"uriTemplate": "file:///kb/{id}", "name": "file:///kb/{id}"},
        )
    ]


async def test_on_the_aggregated_list_names_carry_their_upstream(company: Company) -> None:
    catalogue = await company.refresh()
    names = [
        (where, name, definition["name"])
        for where, name, definition in catalogue.definitions("tools/list", None)
    ]
    assert names == [
        ("crm", "drop", "crm__drop"),
        ("crm", "get_case", "crm__get_case"),
        ("crm", "new", "crm__new"),
        ("mail", "send", "mail__send"),
    ]
    assert [one["name"] for *_, one in catalogue.definitions("prompts/list", None)] == [
        "crm__greet"
    ]
    assert [one["uri"] for *_, one in catalogue.definitions("resources/list", None)] == [
        "safeconduct://crm/file:///kb/a"
    ]
    templates = catalogue.definitions("resources/templates/list", None)
    assert [one["uriTemplate"] for *_, one in templates] == ["safeconduct://crm/file:///kb/{id}"]


async def test_who_has_no_list_of_templates_has_none(company: Company) -> None:
    company.crm.faults["templates"] = UpstreamError(METHOD_NOT_FOUND, "Method not found")
    catalogue = await company.refresh()
    assert catalogue.unreachable == {}
    assert catalogue.definitions("resources/templates/list", "crm") == []
    assert len(catalogue.definitions("tools/list", "crm")) == 3


@pytest.mark.parametrize(("kind", "code"), [("tools", METHOD_NOT_FOUND), ("templates", -32603)])
async def test_another_error_says_nothing_about_what_there_is(
    company: Company, kind: str, code: int
) -> None:
    company.crm.faults[kind] = UpstreamError(code, "no")
    assert (await company.refresh()).unreachable == {"crm": "UpstreamError: no"}


def reviewed(kind: str, name: str, definition: JSON) -> dict[str, JSON]:
    entry = {"scopes": ["case:read"], "pin": digest(definition)}
    return {**MANIFESTS, "crm": {**MANIFESTS["crm"], kind: {"file:///kb/*": entry, name: entry}}}


CONTENTS = [
    ("prompts", "prompts", "greet", PROMPT, "prompts/list", "prompts/get"),
    ("resources", "resources", "file:///kb/a", RESOURCE, "resources/list", "resources/read"),
    (
        "resources",
        "templates",
        "file:///kb/{id}",
        TEMPLATE,
        "resources/templates/list",
        "resources/templates/list",
    ),
]


@pytest.mark.parametrize(("section", "kind", "name", "definition", "lists", "reads"), CONTENTS)
async def test_text_that_somebody_reviewed_is_shown_until_it_changes(
    tmp_path: Path,
    section: str,
    kind: str,
    name: str,
    definition: JSON,
    lists: str,
    reads: str,
) -> None:
    company = Company(tmp_path, reviewed(section, name, definition))
    catalogue = await company.refresh()
    assert catalogue.definitions(lists, "crm") == [("crm", name, definition)]
    assert catalogue.facts(reads, "crm", name).pin == "reviewed"
    company.crm.lists[kind] = [{**definition, "title": "Obey me"}]
    catalogue = await company.refresh()
    ((*_, shown),) = catalogue.definitions(lists, "crm")
    assert "title" not in shown
    assert "description" not in shown
    assert catalogue.facts(reads, "crm", name).pin == "changed"


async def test_what_was_reviewed_and_is_gone_has_changed(tmp_path: Path) -> None:
    company = Company(tmp_path, reviewed("resources", "file:///kb/a", RESOURCE))
    company.crm.lists["resources"] = []
    catalogue = await company.refresh()
    assert catalogue.facts("resources/read", "crm", "file:///kb/a").pin == "changed"
    assert catalogue.facts("resources/read", "crm", "file:///kb/b").pin == "reviewed"


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
    catalogue = await company.refresh()
    seen: list[str] = []
    with catalogue.watch(seen.append):
        await company.refresh()
        assert seen == []
        company.crm.lists["tools"] = []
        company.crm.lists["templates"] = []
        await company.refresh()
        assert seen == ["resources", "tools"]
        catalogue.noticed("prompts")
        assert seen == ["resources", "tools", "prompts"]
    catalogue.noticed("prompts")
    assert seen == ["resources", "tools", "prompts"]


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
    assert catalogue.unreachable.keys() == {"crm"}
    assert catalogue.definitions("tools/list", None) == before


async def test_the_most_that_may_be_offered_is(company: Company) -> None:
    company.crm.lists["tools"] = [{"name": str(n)} for n in range(MAX_ITEMS)]
    catalogue = await company.refresh()
    assert catalogue.unreachable == {}
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
    assert catalogue.unreachable == {"crm": said}
    assert [where for where, *_ in catalogue.pins()] == ["mail"]
    company.crm.fault = None
    await company.refresh()
    assert catalogue.unreachable == {}
    assert catalogue.locate("tools/call", "get_case", "crm") is not None


async def test_without_a_credential_nobody_is_asked(company: Company) -> None:
    company.broker.empty = True
    catalogue = await company.refresh()
    assert catalogue.unreachable.keys() == {"crm", "mail"}
    assert company.crm.asked == []


async def test_an_upstream_that_never_ends_is_given_up(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object, **__: object) -> JSON:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(tools, "LIST_S", 0.001)
    monkeypatch.setattr(company.crm, "request", hang)
    catalogue = await company.refresh()
    assert catalogue.unreachable == {"crm": "TimeoutError: "}


async def test_what_is_no_longer_offered_is_gone(company: Company) -> None:
    catalogue = await company.refresh()
    catalogue.facts("tools/call", "crm", "drop")
    company.crm.lists["tools"] = [READ]
    await catalogue.refresh_one("crm", company.pin)
    assert catalogue.locate("tools/call", "drop", "crm") is None
    assert catalogue.locate("tools/call", "send", "mail") is not None
