"""Prompts and resources as the checks see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.core.labels import Confidentiality
from safeconduct.core.manifest import Argument, Effect
from tests.support.offers import MANIFESTS, TEMPLATE, Company


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
    company.crm.lists["resourceTemplates"] = [
        TEMPLATE,
        {"uriTemplate": "file:///{any}", "name": "x"},
    ]
    catalogue = await company.refresh()
    facts = catalogue.facts("resources/templates/list", "crm", "file:///kb/{id}")
    assert facts.manifest is not None
    assert facts.manifest.scopes == ("case:read",)
    assert catalogue.facts("resources/templates/list", "crm", "file:///{any}").manifest is None
