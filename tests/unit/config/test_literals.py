"""A credential that is written out is found in any line of any file, and never repeated."""

import pytest

from safeconduct.config import examine
from safeconduct.config.literals import literals
from safeconduct.config.problem import Report
from tests.support.configs import Gateway

# Put together here, so that no scanner takes this file for a leak.
SECRETS = (
    "sk-" + "abcdefgh1234",
    "sk-" + "ant-api03-abcdefghijkl",
    "sk-" + "x" * 20,
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp_" + "a" * 36,
    "github_pat_" + "a" * 30,
    "glpat-" + "a" * 20,
    "xoxb-" + "12345678-abcdefgh",
    "sk_live_" + "a1b2c3d4e5",
    "AIza" + "a" * 35,
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "eyJhbGciOiJub25l" + ".eyJzdWIiOiJqYW5lIn0.",
    "Bearer " + "abc123def456",
    "https://user:" + "hunter2@crm.example/",
)

HARMLESS = (
    "task-1234567890abcdef",
    "sk-learn",
    "risk-assessment-2024-q3-final",
    "Bearer",
    "bearer tokens and bearer authentication",
    "spiffe://crm.example/agents/sales-copilot",
    "jane@crm.example",
    "https://crm.example:8443/mcp",
    "sha256:" + "0" * 64,
    "-----BEGIN CERTIFICATE-----",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_literal_secret_is_found_and_not_repeated(gateway: Gateway, secret: str) -> None:
    gateway.change("safeconduct.yaml", "{MAIL_HOST: 127.0.0.1}", f"{{X: {secret!r}}} # here")
    problem = gateway.expect("looks like")
    assert secret not in str(problem)
    assert examine(gateway.directory).config is None


@pytest.mark.parametrize(
    "file", ["agents/copilot.yaml", "zones.yaml", "users.yaml", "manifests/crm.yaml"]
)
def test_every_file_is_looked_at_and_comments_too(gateway: Gateway, file: str) -> None:
    gateway.add(file, f"# old: {SECRETS[0]} # here\n")
    gateway.expect("an API key")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_left_alone(text: str) -> None:
    report = Report()
    literals("f.yaml", f"a: {text}\n", report)
    assert report.problems == ()
