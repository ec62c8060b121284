"""What upstreams offer, what reviewers said of it, and what becomes of an offer that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.canonical import digest
from safeconduct.core.labels import WORST, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Argument, Effect
from safeconduct.core.model import ToolFacts
from safeconduct.ports import Credential
from safeconduct.tools.catalogue import MAX_NAME
from tests.support.offers import MANIFESTS, PROMPT, READ, RESOURCE, TEMPLATE, Company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


async def test_every_upstream_is_asked_with_its_credential_and_for_nobody(company: Company) -> None:
    await company.refresh()
    credential = Credential("brokered", {"Authorization": "crm"})
    assert company.crm.asked == [
        (f"{kind}/list", {}, "crm||", credential, 7.0)
        for kind in ("tools", "resources", "resources/templates", "prompts")
    ]
    assert [method for method, *_ in company.mail.asked] == ["tools/list"]
    assert company.catalogue.unreachable == {}


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


# --- prompts and resources ------------------------------------------------------------------------


async def test_a_prompt_is_a_read_of_what_its_manifest_says(company: Company) -> None:
    facts = (await company.refresh()).facts("prompts/get", "crm", "greet")
    assert facts.manifest is not None
    assert (facts.pin, facts.effect) == ("reviewed", Effect.read)
    assert facts.manifest.scopes == ("case:read",)
    assert facts.manifest.arguments == {"who": Argument(role="query")}
    assert facts.source.confidentiality is facts.clearance is Confidentiality.restricted


@pytest.mark.parametrize(
    "arguments", [None, "who", {"name": "who"}, ["who", {"name": 1}, {}, {"name": "x" * 65}]]
)
async def test_arguments_without_a_proper_name_do_not_exist(
    company: Company, arguments: object
) -> None:
    company.crm.lists["prompts"] = [{"name": "greet", "arguments": arguments}]
    manifest = (await company.refresh()).facts("prompts/get", "crm", "greet").manifest
    assert manifest is not None
    assert manifest.arguments == {}


async def test_a_prompt_that_nobody_described_cannot_be_judged(company: Company) -> None:
    company.crm.lists["prompts"] = [{"name": "other"}]
    catalogue = await company.refresh()
    assert catalogue.facts("prompts/get", "crm", "other").manifest is None
    assert catalogue.locate("prompts/get", "greet", "crm") is None


@pytest.mark.parametrize(
    ("uri", "scopes", "arguments", "clearance"),
    [
        ("file:///kb/one", ("other:read",), [], Confidentiality.public),
        ("file:///kb/two", ("case:read",), ["uri"], Confidentiality.internal),
        ("file:///kb/", ("case:read",), ["uri"], Confidentiality.internal),
        ("file:///kb/open/x?y=1", ("case:read",), ["uri"], Confidentiality.public),
    ],
)
async def test_a_resource_is_judged_by_its_name_or_its_longest_prefix(
    company: Company,
    uri: str,
    scopes: tuple[str, ...],
    arguments: list[str],
    clearance: Confidentiality,
) -> None:
    catalogue = await company.refresh()
    assert catalogue.locate("resources/read", uri, "crm") == ("crm", uri)
    assert catalogue.locate("resources/read", f"safeconduct://crm/{uri}", None) == ("crm", uri)
    facts = catalogue.facts("resources/read", "crm", uri)
    assert facts.manifest is not None
    assert (facts.manifest.scopes, list(facts.manifest.arguments)) == (scopes, arguments)
    assert (facts.effect, facts.clearance) == (Effect.read, clearance)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///kb/../etc/passwd",
        "file:///kb/..",
        "file:///kb/%2e%2e/etc",
        "file:///kb/a\\..\\b",
        "file:///kb/a b",
        "file:///kb/a\nb",
        "file:///kb/a\n",
        "file:///kb/а",
        "file:///kb/a#b",
        "file:///kb",
        "FILE:///kb/a",
        "file:///kb*",
        "file:///other",
        "",
    ],
)
async def test_a_way_out_of_a_prefix_leads_nowhere(company: Company, uri: str) -> None:
    catalogue = await company.refresh()
    assert catalogue.locate("resources/read", uri, "crm") is None
    assert catalogue.locate("resources/read", f"safeconduct://crm/{uri}", None) is None


async def test_the_pattern_itself_is_no_resource(company: Company) -> None:
    facts = (await company.refresh()).facts("resources/read", "crm", "file:///kb/*")
    assert facts.manifest is not None
    assert list(facts.manifest.arguments) == ["uri"]


async def test_a_resource_that_is_listed_and_not_described_cannot_be_judged(
    company: Company,
) -> None:
    company.crm.lists["resources"] = [{"uri": "file:///kb/../x", "name": "x"}]
    catalogue = await company.refresh()
    assert catalogue.locate("resources/read", "file:///kb/../x", "crm") is not None
    assert catalogue.facts("resources/read", "crm", "file:///kb/../x").manifest is None


async def test_a_resource_of_two_upstreams_is_named_by_its_upstream(tmp_path: Path) -> None:
    shared = {"resources": {"file:///kb/*": {"scopes": ["case:read"]}}}
    company = Company(tmp_path, {"crm": MANIFESTS["crm"], "mail": {"upstream": "mail", **shared}})
    catalogue = await company.refresh()
    uri = "file:///kb/x"
    assert catalogue.locate("resources/read", uri, None) is None
    assert catalogue.locate("resources/read", uri, "mail") == ("mail", uri)
    assert catalogue.locate("resources/read", f"safeconduct://mail/{uri}", None) == ("mail", uri)
    assert catalogue.locate("resources/read", f"safeconduct://mail/{uri}", "mail") is None


async def test_a_template_is_judged_by_what_its_uris_have_in_common(company: Company) -> None:
    company.crm.lists["templates"] = [TEMPLATE, {"uriTemplate": "file:///{any}", "name": "x"}]
    catalogue = await company.refresh()
    facts = catalogue.facts("resources/templates/list", "crm", "file:///kb/{id}")
    assert facts.manifest is not None
    assert facts.manifest.scopes == ("case:read",)
    assert catalogue.facts("resources/templates/list", "crm", "file:///{any}").manifest is None


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
