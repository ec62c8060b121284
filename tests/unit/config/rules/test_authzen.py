"""Somebody may ask for decisions, there is something to ask about, and no agent asks."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
PEP = "spiffe://crm.example/peps/mesh"


def add(gateway: Gateway, text: str) -> None:
    gateway.add(ROOT, f"authzen: {{{text}}} # here\n")


@pytest.mark.parametrize(
    "text",
    [
        f"callers: ['{PEP}'], bundle: policy",
        f"callers: ['{PEP}'], drafts: {{coaz_mcp: draft-1}}",
        f"callers: ['{PEP}'], drafts: {{coaz_mcp: draft-1, access_request: draft-1}}",
        f"callers: ['{PEP}'], bundle: policy, drafts: {{obligations: draft-1}}",
    ],
)
def test_an_enforcement_point(gateway: Gateway, text: str) -> None:
    add(gateway, text)
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("callers: [], bundle: policy", "nobody may ask"),
        (f"callers: ['{PEP}']", "nothing to ask about"),
        (f"callers: ['{PEP}'], drafts: {{obligations: draft-1}}", "nothing to ask about"),
        (
            f"callers: ['{PEP}'], bundle: policy, drafts: {{access_request: draft-1}}",
            "messages of MCP alone",
        ),
        (f"callers: ['{PEP}'], bundle: ../elsewhere", "does not stay inside"),
        (f"callers: ['{PEP}'], bundle: nowhere", "no file"),
        (f"callers: ['{PEP}'], bundle: policy, drafts: {{coaz_mcp: draft-2}}", "enum value"),
        (f"callers: ['{PEP}'], bundle: policy, draft: {{}}", "unknown key"),
        ("callers: [pep], bundle: policy", "callers"),
    ],
)
def test_a_block_that_cannot_be_meant(gateway: Gateway, text: str, problem: str) -> None:
    add(gateway, text)
    gateway.expect(problem)


def test_an_agent_does_not_ask(gateway: Gateway) -> None:
    agent = "spiffe://crm.example/agents/copilot"
    assert agent in (gateway.directory / ROOT).read_text(encoding="utf-8")
    add(gateway, f"callers: ['{agent}'], bundle: policy")
    gateway.expect("is an agent")
