"""What reviewers said of an offer, how it is named on the wire, and how it is listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.canonical import digest
from safeconduct.core.labels import WORST, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Effect
from safeconduct.core.model import ToolFacts
from safeconduct.ports import JSON
from safeconduct.tools.catalogue import UNREVIEWED
from safeconduct.tools.offers import MAX_NAME
from tests.support.offers import MANIFESTS, PROMPT, READ, RESOURCE, TEMPLATE, Company

# --- what reviewers said --------------------------------------------------------------------------


async def test_a_reviewed_tool_is_what_its_manifest_says(company: Company) -> None:
    catalogue = await company.refresh()
    assert catalogue.facts("tools/call", "crm", "get_case") == ToolFacts(
        manifest=catalogue.manifests["crm"].tools["get_case"],
        pin="reviewed",
        destination="crm",
        source=Label(
            integrity=Integrity.trusted,
            confidentiality=Confidentiality.internal,
            regions=frozenset({"eu"}),
        ),
        clearance=Confidentiality.confidential,
        credential="none",
        system="crm",
    )


async def test_a_tool_whose_definition_nobody_reviewed_is_the_worst_case(company: Company) -> None:
    facts = (await company.refresh()).facts("tools/call", "crm", "drop")
    assert (facts.pin, facts.effect) == ("unreviewed", Effect.execute)
    assert facts.source == WORST.join(Label(regions=frozenset({"eu"})))
    assert facts.clearance is Confidentiality.public


async def test_a_tool_without_a_manifest_is_known_and_cannot_be_judged(company: Company) -> None:
    facts = (await company.refresh()).facts("tools/call", "mail", "send")
    assert (facts.manifest, facts.pin, facts.destination) == (None, "unreviewed", "outside")
    assert (facts.source, facts.clearance) == (WORST, Confidentiality.public)


@pytest.mark.parametrize("name", ["get_case", "drop"])
async def test_a_definition_that_changed_is_no_longer_the_one_that_was_seen(
    company: Company, name: str
) -> None:
    catalogue = await company.refresh()
    before = catalogue.facts("tools/call", "crm", name).pin
    company.crm.lists["tools"] = [{**READ, "description": "Obey."}, {"name": "drop", "title": "x"}]
    await company.refresh()
    assert before in {"reviewed", "unreviewed"}
    facts = catalogue.facts("tools/call", "crm", name)
    assert (facts.pin, facts.effect) == ("changed", Effect.execute)
    assert facts.source.integrity is Integrity.untrusted
    company.crm.lists["tools"] = [READ, {"name": "drop"}]
    await company.refresh()
    assert catalogue.facts("tools/call", "crm", name).pin == before


async def test_a_review_stands_even_where_another_definition_was_seen_first(
    company: Company,
) -> None:
    company.pins["crm#tools:get_case"] = "sha256:old"
    catalogue = await company.refresh()
    assert catalogue.facts("tools/call", "crm", "get_case").pin == "reviewed"


async def test_the_live_digest_is_the_one_that_calls_are_bound_to(company: Company) -> None:
    catalogue = await company.refresh()
    assert catalogue.pin("prompts/get", "crm", "greet") == digest(PROMPT)
    assert catalogue.pin("resources/read", "crm", "file:///kb/zzz") is None
    assert catalogue.pin("tools/call", "crm", "nope") is None


async def test_an_operator_sees_every_tool_with_its_state(company: Company) -> None:
    assert (await company.refresh()).pins() == [
        ("crm", "drop", "unreviewed", digest({"name": "drop"})),
        ("crm", "get_case", "reviewed", digest(READ)),
        ("crm", "new", "unreviewed", digest({"name": "new"})),
        ("mail", "send", "unreviewed", digest({"name": "send"})),
    ]


async def test_resolvers_are_shared_by_the_tools_of_an_upstream(company: Company) -> None:
    assert list(company.catalogue.resolvers("crm")) == ["owner"]
    assert company.catalogue.resolvers("mail") == {}
    assert company.catalogue.resolvers("nobody") == {}


# --- names on the wire ----------------------------------------------------------------------------


async def test_a_tool_is_found_by_its_exact_name(company: Company) -> None:
    catalogue = await company.refresh()
    assert catalogue.locate("tools/call", "get_case", "crm") == ("crm", "get_case")
    assert catalogue.locate("tools/call", "crm__get_case", None) == ("crm", "get_case")


@pytest.mark.parametrize(
    ("wire_name", "upstream"),
    [
        ("Get_Case", "crm"),
        ("get_case ", "crm"),
        (" get_case", "crm"),
        ("gеt_case", "crm"),
        ("get_case\u200b", "crm"),
        ("crm__get_case", "crm"),
        ("get_case", "mail"),
        ("get_case", "nobody"),
        ("get_case", None),
        ("crm_get_case", None),
        ("CRM__get_case", None),
        ("crm__", None),
        ("__get_case", None),
        ("mail__get_case", None),
        ("nobody__get_case", None),
        ("", None),
    ],
)
async def test_nothing_like_a_name_finds_it(
    company: Company, wire_name: str, upstream: str | None
) -> None:
    assert (await company.refresh()).locate("tools/call", wire_name, upstream) is None


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get"])
async def test_an_upstream_that_does_not_exist_offers_nothing(
    company: Company, method: str
) -> None:
    catalogue = await company.refresh()
    assert catalogue.locate(method, "file:///kb/a", "nobody") is None
    assert catalogue.definitions(method, "nobody") == []


@pytest.mark.parametrize("method", ["ping", "tools/delete", "notifications/cancelled", ""])
async def test_a_method_without_a_subject_has_no_targets(company: Company, method: str) -> None:
    catalogue = await company.refresh()
    assert catalogue.locate(method, "get_case", "crm") is None
    assert catalogue.definitions(method, None) == []


async def test_a_name_may_hold_two_underscores_and_an_upstream_may_not(company: Company) -> None:
    company.crm.lists["tools"] = [{"name": "a__b"}]
    assert (await company.refresh()).locate("tools/call", "crm__a__b", None) == ("crm", "a__b")


async def test_the_longest_name_passes_and_a_longer_one_does_not(tmp_path: Path) -> None:
    company = Company(tmp_path)
    uri = "file:///kb/" + "a" * MAX_NAME
    catalogue = await company.refresh()
    assert catalogue.locate("resources/read", uri[:MAX_NAME], "crm") is not None
    assert catalogue.locate("resources/read", uri[: MAX_NAME + 1], "crm") is None


async def test_a_judgement_is_made_once_for_each_state_of_the_offers(company: Company) -> None:
    catalogue = await company.refresh()
    first = catalogue.facts("tools/call", "crm", "get_case")
    assert catalogue.facts("tools/call", "crm", "get_case") is first
    free: Any = [catalogue.facts("resources/read", "crm", "file:///kb/zzz") for _ in range(2)]
    assert free[0] == free[1]
    await company.refresh()
    assert catalogue.facts("tools/call", "crm", "get_case") is not first


# --- what is listed -------------------------------------------------------------------------------


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


def reviewed(kind: str, name: str, definition: JSON) -> dict[str, JSON]:
    entry = {"scopes": ["case:read"], "pin": digest(definition)}
    return {**MANIFESTS, "crm": {**MANIFESTS["crm"], kind: {"file:///kb/*": entry, name: entry}}}


CONTENTS = [
    ("prompts", "prompts", "greet", PROMPT, "prompts/list", "prompts/get"),
    ("resources", "resources", "file:///kb/a", RESOURCE, "resources/list", "resources/read"),
    (
        "resources",
        "resourceTemplates",
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
