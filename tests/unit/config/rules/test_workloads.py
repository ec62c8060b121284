"""Evidence stands for one agent and nobody else, and attestors ask in private."""

from __future__ import annotations

import pytest

from safeconduct.config.providers import PROVIDERS, issuers, jwks, misfit
from safeconduct.config.workloads import Pool
from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
AGENT = "agents/copilot.yaml"
COPILOT = "spiffe://crm.example/agents/copilot"
CLERK = "spiffe://crm.example/agents/clerk"
GUID = "72f988bf-86f1-41af-91ab-2d7cd011db47"

CLUSTER = """\
attestors:
  kubernetes-sa:
    prod:
      issuer: https://kubernetes.default.svc
      jwks: https://10.0.0.1:6443/openid/v1/jwks
      api: https://10.0.0.1:6443
      token: file:state/reviewer
"""
POD = f"""\
workloads:
  {COPILOT}:
    kubernetes-sa:
      cluster: prod
      namespace: crm
      service_account: copilot
"""
POOL = """\
attestors:
  workload-identity-pool:
    actions:
      provider: github
"""
JOB = f"""\
workloads:
  {COPILOT}:
    workload-identity-pool:
      pool: actions
      claims:
        repository: acme/crm
        ref: [refs/heads/main, refs/heads/next]
"""
MAKER = """\
attestors:
  hardware:
    yubico:
      roots: yubico.pem
"""
KEY = f"""\
workloads:
  {COPILOT}:
    hardware:
      maker: yubico
      key: {"0a" * 32}
"""
KINDS = {
    "kubernetes-sa": CLUSTER + POD,
    "workload-identity-pool": POOL + JOB,
    "hardware": MAKER + KEY,
}


def attested(gateway: Gateway, kind: str) -> None:
    gateway.change(AGENT, "attestation: unix", f"attestation: {kind}")
    gateway.add(ROOT, KINDS[kind])


def another(gateway: Gateway, kind: str, evidence: str) -> None:
    """A second agent, told by this."""
    text = (gateway.directory / AGENT).read_text(encoding="utf-8")
    gateway.add("agents/clerk.yaml", text.replace("/copilot", "/clerk"))
    gateway.change(
        ROOT,
        f"  {COPILOT}:\n    zone: office\n    tier: 2\n    profiles: [triage]\n",
        "".join(
            f"  {agent}:\n    zone: office\n    tier: 2\n    profiles: [triage]\n"
            for agent in (COPILOT, CLERK)
        ),
    )
    gateway.add(ROOT, f"  {CLERK}: {{{kind}: {evidence}}}\n")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(gateway: Gateway, kind: str) -> None:
    attested(gateway, kind)
    assert gateway.problems == []


def test_the_kind_is_the_one_in_the_agent_s_file(gateway: Gateway) -> None:
    gateway.add(ROOT, CLUSTER + POD.replace("kubernetes-sa:", "kubernetes-sa: # here"))
    gateway.expect("is attested by `unix`, as its file says")


def test_two_kinds_are_two_ways_in(gateway: Gateway) -> None:
    attested(gateway, "hardware")
    gateway.change(ROOT, f"workloads:\n  {COPILOT}:", f"workloads:\n  {COPILOT}: # here")
    gateway.add(ROOT, "    unix: {uid: 1000}\n")
    gateway.expect("is attested in 2 ways")


def test_no_kind_is_no_way_in(gateway: Gateway) -> None:
    gateway.add(ROOT, f"workloads:\n  {COPILOT}: {{}} # here\n")
    gateway.expect("is attested in 0 ways")


def test_a_workload_is_a_registered_agent(gateway: Gateway) -> None:
    attested(gateway, "hardware")
    gateway.add(ROOT, f"  {COPILOT}s: # here\n    hardware: {{maker: yubico, key: {'0b' * 32}}}\n")
    problem = gateway.expect("there is no agent")
    assert "did you mean" in problem.fix


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("kubernetes-sa", "cluster: prod", "cluster: pro", "there is no `pro`"),
        ("kubernetes-sa", "namespace: crm", "namespace: '*'", "more than one value"),
        ("kubernetes-sa", "namespace: crm", "namespace: crm-*", "more than one value"),
        ("kubernetes-sa", "namespace: crm", "namespace: ' '", "more than one value"),
        ("kubernetes-sa", "service_account: copilot", "service_account: '*'", "more than one"),
        ("workload-identity-pool", "pool: actions", "pool: action", "there is no `action`"),
        ("workload-identity-pool", "repository: acme/crm", "repository: acme/*", "more than one"),
        ("workload-identity-pool", "repository: acme/crm", "repository: []", "more than one"),
        ("workload-identity-pool", "repository: acme/crm", "repository: ['']", "more than one"),
        ("hardware", "maker: yubico", "maker: yubi", "there is no `yubi`"),
    ],
)
def test_selectors_are_exact(gateway: Gateway, kind: str, old: str, new: str, said: str) -> None:
    attested(gateway, kind)
    gateway.change(ROOT, old, f"{new} # here")
    gateway.expect(said)


def test_a_label_is_exact_too(gateway: Gateway) -> None:
    attested(gateway, "kubernetes-sa")
    gateway.add(ROOT, "      labels:\n        app: '*' # here\n")
    gateway.expect("more than one value")


def test_claims_are_those_that_the_provider_has(gateway: Gateway) -> None:
    attested(gateway, "workload-identity-pool")
    gateway.add(ROOT, "        repositry: acme/crm # here\n")
    problem = gateway.expect("is told by the claim `repositry`")
    assert problem.fix == "did you mean `repository`?"


def test_claims_that_fit_anybody(gateway: Gateway) -> None:
    attested(gateway, "workload-identity-pool")
    gateway.change(ROOT, "      claims:\n        repository: acme/crm\n", "      claims: # here\n")
    problem = gateway.expect("fit others at github too")
    assert problem.fix == "add one of: repository, repository_id"


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("kubernetes-sa", "{cluster: prod, namespace: crm, service_account: copilot}"),
        (
            "kubernetes-sa",
            "{cluster: prod, namespace: crm, service_account: copilot, labels: {app: clerk}}",
        ),
        (
            "workload-identity-pool",
            "{pool: actions, claims: {repository: acme/crm, ref: refs/heads/main}}",
        ),
        ("hardware", f"{{maker: yubico, key: {'0a' * 32}}}"),
    ],
)  # fmt: skip
def test_agents_are_told_apart(gateway: Gateway, kind: str, evidence: str) -> None:
    attested(gateway, kind)
    another(gateway, kind, evidence)
    assert {problem.sentence for problem in gateway.problems} & {
        f"whatever is `{one}` is `{other}` too, so neither is ever accepted"
        for one, other in ((COPILOT, CLERK), (CLERK, COPILOT))
    }


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("kubernetes-sa", "{cluster: prod, namespace: crm, service_account: clerk}"),
        ("workload-identity-pool", "{pool: actions, claims: {repository: acme/crm, ref: x}}"),
        ("workload-identity-pool", "{pool: actions, claims: {repository_id: '74'}}"),
        ("hardware", f"{{maker: yubico, key: {'0b' * 32}}}"),
    ],
)
def test_agents_that_are(gateway: Gateway, kind: str, evidence: str) -> None:
    attested(gateway, kind)
    another(gateway, kind, evidence)
    assert gateway.problems == []


# --- attestors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("issuer: https://kubernetes.default.svc", "issuer: ' '", "the issuer is empty"),
        ("jwks: https://10", "jwks: http://10", "keys are fetched over https"),
        ("api: https://10.0.0.1:6443", "api: http://10.0.0.1:6443", "not an https URL"),
        ("api: https://10.0.0.1:6443", "api: 10.0.0.1:6443", "not an https URL"),
        ("token: file:state/reviewer", "token: literal", "not a reference"),
    ],
)
def test_a_cluster_is_asked_in_private(gateway: Gateway, old: str, new: str, said: str) -> None:
    attested(gateway, "kubernetes-sa")
    line = next(line for line in CLUSTER.splitlines() if old in line)
    gateway.change(ROOT, f"{line}\n", f"{line.replace(old, new)} # here\n")
    gateway.expect(said)


def test_the_audience_of_a_cluster(gateway: Gateway) -> None:
    attested(gateway, "kubernetes-sa")
    gateway.change(ROOT, "      api:", "      audience: ' ' # here\n      api:")
    gateway.expect("the audience is empty")


def test_a_review_needs_a_credential(gateway: Gateway) -> None:
    attested(gateway, "kubernetes-sa")
    gateway.change(ROOT, "      token: file:state/reviewer\n", "")
    (problem,) = gateway.problems
    assert "`token` is missing" in problem.sentence


def without_review(gateway: Gateway) -> None:
    attested(gateway, "kubernetes-sa")
    review = "      api: https://10.0.0.1:6443\n      token: file:state/reviewer\n"
    gateway.change(ROOT, review, "")


def test_a_high_tier_is_reviewed(gateway: Gateway) -> None:
    without_review(gateway)
    gateway.change(
        ROOT, "    kubernetes-sa:\n      cluster", "    kubernetes-sa: # here\n      cluster"
    )
    gateway.expect("agents of tier 2 are reviewed")


def test_a_low_tier_need_not_be(gateway: Gateway) -> None:
    without_review(gateway)
    gateway.change(ROOT, "      jwks:", "      review_from_tier: 3\n      jwks:")
    assert gateway.problems == []


def test_labels_are_asked_for(gateway: Gateway) -> None:
    without_review(gateway)
    gateway.add(ROOT, "      labels: # here\n        app: copilot\n")
    gateway.expect("labels are asked of the API server")


@pytest.mark.parametrize(
    ("pool", "key"),
    [
        ("provider: google, issuer: https://evil.example", "issuer"),
        (f"provider: azure, tenant: {GUID}, issuer: https://evil.example", "issuer"),
        ("provider: azure", "tenant"),
        ("provider: azure, tenant: common", "tenant"),
        (f"provider: azure, tenant: {GUID.upper()}", "tenant"),
        (f"provider: github, tenant: {GUID}", "tenant"),
        ("provider: aws", "issuer"),
        ("provider: aws, issuer: https://evil.example", "issuer"),
        ("provider: github, issuer: https://ghes.example/_services/token", "jwks"),
    ],
)
def test_a_pool_fits_its_provider(gateway: Gateway, pool: str, key: str) -> None:
    gateway.add(ROOT, f"attestors:\n  workload-identity-pool:\n    ours: {{{pool}}} # here\n")
    problem = gateway.expect("")
    assert problem.fix
    assert {"issuer": "issuer", "tenant": "tenant", "jwks": "keys"}[key] in problem.sentence


def test_keys_of_a_pool_are_fetched_in_private(gateway: Gateway) -> None:
    gateway.add(ROOT, POOL + "      jwks: http://elsewhere.example/keys # here\n")
    gateway.expect("keys are fetched over https")


@pytest.mark.parametrize(
    ("pool", "names", "where"),
    [
        (
            Pool(provider="github"),
            ("https://token.actions.githubusercontent.com",),
            "https://token.actions.githubusercontent.com/.well-known/jwks",
        ),
        (
            Pool(provider="github", issuer="https://ghes.example/t", jwks="https://ghes.example/k"),
            ("https://ghes.example/t",),
            "https://ghes.example/k",
        ),
        (
            Pool(provider="google"),
            ("https://accounts.google.com",),
            "https://www.googleapis.com/oauth2/v3/certs",
        ),
        (
            Pool(provider="azure", tenant=GUID),
            (
                f"https://login.microsoftonline.com/{GUID}/v2.0",
                f"https://sts.windows.net/{GUID}/",
            ),
            f"https://login.microsoftonline.com/{GUID}/discovery/v2.0/keys",
        ),
        (
            Pool(provider="aws", issuer="https://a-1.tokens.sts.global.api.aws"),
            ("https://a-1.tokens.sts.global.api.aws",),
            "https://a-1.tokens.sts.global.api.aws/.well-known/jwks.json",
        ),
    ],
)
def test_what_a_provider_fixes(pool: Pool, names: tuple[str, ...], where: str) -> None:
    assert misfit(pool) is None
    assert (issuers(pool), jwks(pool)) == (names, where)


def test_what_is_decisive_is_a_claim() -> None:
    for provided in PROVIDERS.values():
        assert provided.decisive
        assert provided.decisive <= set(provided.claims)


def test_two_pools_that_take_the_same_tokens(gateway: Gateway) -> None:
    gateway.add(ROOT, POOL + "    others: {provider: github} # here\n")
    gateway.expect("the tokens of `others` are those of `actions`")


def test_two_pools_for_two_audiences(gateway: Gateway) -> None:
    gateway.add(ROOT, POOL + "    others: {provider: github, audience: x}\n")
    assert gateway.problems == []


def test_the_audience_of_a_pool(gateway: Gateway) -> None:
    gateway.add(ROOT, POOL + "      audience: ' ' # here\n")
    gateway.expect("the audience is empty")
