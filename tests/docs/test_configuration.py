"""The tables of configuration and manifest against the structs that read the files."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from safeconduct.config import (
    approvals,
    audit,
    authzen,
    clients,
    inspectors,
    keys,
    policy,
    schema,
    signals,
    tls,
    trust,
    users,
    workloads,
)
from safeconduct.config.providers import PROVIDERS
from safeconduct.core import manifest
from safeconduct.core.approvers import Offer
from safeconduct.core.asks import Asks
from safeconduct.policy.bundles.header import Header
from safeconduct.policy.bundles.obligations import Obligation
from tests.support.pages import DOCS, codes, sections, tables

CONFIGURATION: dict[str, type[msgspec.Struct]] = {
    "safeconduct.yaml": schema.Root,
    "gateway": schema.GatewayBlock,
    "gateway: tls": tls.Tls,
    "gateway: forwarded_certificate": tls.Forwarded,
    "agents": schema.Agent,
    "agents: delegation": schema.Delegation,
    "zones": schema.Zone,
    "assignments": schema.Assignment,
    "JWKS files": keys.JwksRef,
    "trust": trust.Trust,
    "users": users.Users,
    "users: login": clients.LoginBlock,
    "users: claims": users.ClaimNames,
    "users: entitlements": users.UserEntry,
    "scopes": schema.Scope,
    "profiles": schema.Profile,
    "profiles: loops": schema.Loops,
    "profiles: requires": users.Requires,
    "profiles: window": schema.Window,
    "destinations": schema.Endpoint,
    "upstreams": schema.Upstream,
    "upstreams: credential": schema.CredentialBlock,
    "upstreams: credential: oauth": schema.OAuthBlock,
    "upstreams: asks": Asks,
    "attestors": workloads.Attestors,
    "attestors: kubernetes-sa": workloads.Cluster,
    "attestors: workload-identity-pool": workloads.Pool,
    "attestors: hardware": workloads.Maker,
    "workloads": workloads.Workload,
    "workloads: kubernetes-sa": workloads.ServiceAccount,
    "workloads: workload-identity-pool": workloads.PoolIdentity,
    "workloads: hardware": workloads.HardwareKey,
    "workloads: unix": workloads.Process,
    "svids": workloads.Svids,
    "clients": clients.ClientBlock,
    "signals": signals.SignalIssuer,
    "signals: poll": signals.Poll,
    "policy": policy.PolicyBlock,
    "policy: source": policy.PolicySource,
    "policy: verify": policy.Signers,
    "authzen": authzen.AuthzenBlock,
    "authzen: drafts": authzen.Drafts,
    "inspectors": inspectors.InspectorsBlock,
    "inspectors: pii": inspectors.Pii,
    "inspectors: dictionaries": inspectors.Dictionary,
    "inspectors: matches": inspectors.Match,
    "inspectors: documents": inspectors.Documents,
    "inspectors: instructions": inspectors.Instructions,
    "inspectors: external": inspectors.External,
    "reviewer": inspectors.ReviewerBlock,
    "approvals": approvals.ApprovalsBlock,
    "approvals: groups": approvals.Persons,
    "console: roles": approvals.Persons,
    "approvals: templates": approvals.TemplateBlock,
    "approvals: templates: offers": Offer,
    "approvals: step_up": approvals.StepUp,
    "approvals: ciba": approvals.Ciba,
    "approvals: notify": approvals.Notifier,
    "console": approvals.ConsoleBlock,
    "audit": audit.AuditBlock,
    "audit: retention": audit.Retention,
    "audit: exports": audit.Export,
    "audit: witnesses": audit.Witnesses,
    "audit: index": audit.Index,
}
MANIFEST: dict[str, type[msgspec.Struct]] = {
    "The file": manifest.Manifest,
    "tools": manifest.ToolManifest,
    "asks": manifest.Threshold,
    "arguments": manifest.Argument,
    "returns": manifest.Returns,
    "source": manifest.SourceLabel,
    "fields": manifest.FieldLabel,
    "rows": manifest.Rows,
    "owned": manifest.Owned,
    "sink": manifest.Sink,
    "allow": manifest.Allow,
    "resolvers": manifest.Resolver,
    "resources and prompts": manifest.ContentManifest,
}
WRAPPERS = {
    *(schema.Block, workloads.Block, inspectors.InspectorBlock, approvals.ApprovalBlock),
    *(keys.Keys, users.UserIssuer),
    *(schema.AgentFile, schema.ZoneFile, schema.UserFile, manifest.Manifest),
}
"""What others are made of, and files whose one key is named in the text."""

PAGES: dict[Path, dict[str, type[msgspec.Struct]]] = {
    DOCS / "reference" / "configuration.md": CONFIGURATION,
    DOCS / "reference" / "manifest.md": MANIFEST,
    DOCS / "reference" / "policy.md": {"Obligations": Obligation},
}
SECTIONS = [
    pytest.param(sections(page)[heading], struct, id=f"{page.stem}-{heading}")
    for page, headings in PAGES.items()
    for heading, struct in headings.items()
]


def default(field: msgspec.structs.FieldInfo) -> str:
    """How a table shows a default."""
    value: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    match value:
        case msgspec.NODEFAULT:
            return "required"
        case msgspec.Struct():
            return "see below"
        case None | "":
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case () | [] | {}:
            return "empty"
        case tuple():
            return f"`[{', '.join(field.default)}]`"
        case _:
            return f"`{value}`"


@pytest.mark.parametrize(("text", "struct"), SECTIONS)
def test_a_table_has_every_key_with_its_default(text: str, struct: type[msgspec.Struct]) -> None:
    header, *rows = tables(text)[0]
    assert header == ["key", "default", "meaning"]
    fields = msgspec.structs.fields(struct)
    assert [(key.strip("`"), shown) for key, shown, _ in rows] == [
        (field.encode_name, default(field)) for field in fields
    ]
    assert all(meaning for _, _, meaning in rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_other_section_has_a_table_of_keys(page: Path) -> None:
    found = {
        heading
        for heading, text in sections(page).items()
        for table in tables(text)
        if table[0][:2] == ["key", "default"]
    }
    assert found == set(PAGES[page])


def test_no_block_of_the_configuration_is_forgotten() -> None:
    modules = (
        *(approvals, audit, authzen, clients, inspectors, keys, policy),
        *(schema, signals, tls, trust, users, workloads),
    )
    blocks = {one for module in modules for _, one in inspect.getmembers(module, _is_block)}
    assert blocks - WRAPPERS == set(CONFIGURATION.values())


def _is_block(value: object) -> bool:
    """Whether it is a struct that a file can hold: one that knows all of its keys."""
    if not inspect.isclass(value) or not issubclass(value, msgspec.Struct):
        return False
    return value.__struct_config__.forbid_unknown_fields


def test_the_claims_of_every_provider_are_named() -> None:
    table = tables(
        sections(DOCS / "reference" / "configuration.md")["workloads: workload-identity-pool"]
    )[1]
    assert {codes(row[0])[0]: (codes(row[1]), set(codes(row[2]))) for row in table[1:]} == {
        name: (list(provided.claims), set(provided.decisive))
        for name, provided in PROVIDERS.items()
    }


def test_every_role_of_an_argument_is_explained() -> None:
    table = tables(sections(DOCS / "reference" / "manifest.md")["arguments"])[1]
    assert [codes(row[0])[0] for row in table[1:]] == list(get_args(manifest.Role))


def test_every_effect_is_named() -> None:
    text = sections(DOCS / "reference" / "manifest.md")["tools"]
    assert {effect.value for effect in manifest.Effect} <= set(codes(text))


def test_the_header_of_a_policy_is_documented() -> None:
    text = sections(DOCS / "reference" / "policy.md")["The bundle"]
    table = next(one for one in tables(text) if one[0][0] == "key of `policy.yaml`")
    assert [(row[0].strip("`"), row[1]) for row in table[1:]] == [
        (field.encode_name, default(field)) for field in msgspec.structs.fields(Header)
    ]
