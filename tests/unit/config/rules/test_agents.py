"""Who may act for whom, and where, by names that exist."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
AGENT = "agents/copilot.yaml"
COPILOT = "spiffe://crm.example/agents/copilot"


@pytest.mark.parametrize("audience", ["''", "' '", "'*'"])
def test_a_delegation_names_its_audience(gateway: Gateway, audience: str) -> None:
    gateway.change(AGENT, "audience: crm-api", f"audience: {audience} # here")
    gateway.expect("no audience")


@pytest.mark.parametrize("user", ["jane@crm.example", "user:", "user:*", "group:sales", "''"])
def test_a_delegator_is_one_user_by_name(gateway: Gateway, user: str) -> None:
    gateway.change(AGENT, "on_behalf_of: user:jane@crm.example", f"on_behalf_of: [{user}] # here")
    found = [problem for problem in gateway.problems if not problem.warning]
    assert [(problem.line, "names no user" in problem.sentence) for problem in found] == [(6, True)]


def test_somebody_may_delegate(gateway: Gateway) -> None:
    gateway.change(AGENT, "on_behalf_of: user:jane@crm.example", "on_behalf_of: [] # here")
    gateway.expect("nobody may delegate")


def test_the_trust_domain_is_that_of_the_id(gateway: Gateway) -> None:
    gateway.change(AGENT, "trust_domain: crm.example", "trust_domain: example # here")
    assert "`crm.example`" in gateway.expect("is not that of").fix


def test_somebody_vouches_for_the_trust_domain(gateway: Gateway) -> None:
    gateway.change(ROOT, "  crm.example: {jwks", "  other.example: {jwks")
    gateway.change(AGENT, "trust_domain: crm.example", "trust_domain: crm.example # here")
    gateway.expect("nobody vouches")


def test_an_agent_is_registered_once(gateway: Gateway) -> None:
    first = (gateway.directory / AGENT).read_text(encoding="utf-8")
    gateway.add("agents/later.yaml", first.replace("agents/copilot", "agents/copilot # here"))
    gateway.expect("is registered already in")


def test_an_assignment_names_a_known_agent(gateway: Gateway) -> None:
    gateway.change(
        ROOT,
        "profiles: [triage]\n",
        "profiles: [triage]\n"
        "  spiffe://crm.example/agents/copilto: {zone: office, tier: 2, profiles: []} # here\n",
    )
    assert f"did you mean `{COPILOT}`?" in gateway.expect("there is no agent").fix


def test_an_assignment_names_a_known_zone(gateway: Gateway) -> None:
    gateway.change(ROOT, "zone: office", "zone: Office # here")
    assert "did you mean `office`?" in gateway.expect("there is no zone").fix


def test_an_assignment_names_known_profiles(gateway: Gateway) -> None:
    gateway.change(ROOT, "profiles: [triage]", "profiles:\n    - triage\n    - traige # here")
    assert "did you mean `triage`?" in gateway.expect("there is no profile").fix


def test_the_zone_is_of_this_tenant(gateway: Gateway) -> None:
    gateway.change("zones.yaml", "tenant: crm.example", "tenant: other.example")
    gateway.change(ROOT, "zone: office", "zone: office # here")
    gateway.expect("belongs to `other.example`")


def test_a_zone_of_another_tenant_may_stand_there_unused(gateway: Gateway) -> None:
    gateway.add("zones.yaml", "  - {id: elsewhere, egress: [crm], tenant: other.example}\n")
    assert gateway.problems == []


def test_zone_and_assignment_agree_on_the_tier(gateway: Gateway) -> None:
    gateway.change(ROOT, "tier: 2", "tier: 3 # here")
    gateway.expect("has tier 2, the assignment says 3")


def test_an_agent_without_an_assignment_is_a_warning(gateway: Gateway) -> None:
    first = (gateway.directory / AGENT).read_text(encoding="utf-8")
    gateway.add("agents/later.yaml", first.replace("agents/copilot", "agents/later # here"))
    gateway.expect("has no zone", warning=True)


def test_a_delegator_without_entitlement_is_a_warning(gateway: Gateway) -> None:
    gateway.change(
        AGENT, "on_behalf_of: user:jane@crm.example", "on_behalf_of: user:jan@crm.example # here"
    )
    problem = gateway.expect("is entitled to nothing", warning=True)
    assert "did you mean `jane@crm.example`?" in problem.fix


def test_users_stand_without_prefix(gateway: Gateway) -> None:
    gateway.add("users.yaml", "  user:joe@crm.example: {scopes: []} # here\n")
    assert "write `joe@crm.example`" in gateway.expect("with a prefix").fix
