"""Each kind of credential with what it needs, and with nothing of another kind."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
AGENT = "agents/copilot.yaml"
CREDENTIAL = '{kind: brokered, header: Authorization, value: "env:CRM_TOKEN"}'
TOOL_TOKEN = "{kind: tool-token, audience: crm-api}"


def oauth(grant: str = "client-credentials", rest: str = "") -> str:
    """A credential from an authorization server."""
    issuer = "issuer: 'https://as.example', client_id: gateway"
    return f"{{kind: upstream-oauth, oauth: {{grant: {grant}, {issuer}{rest}}}}}"


@pytest.mark.parametrize("credential", [CREDENTIAL, TOOL_TOKEN, oauth()])
def test_a_command_has_no_headers(gateway: Gateway, credential: str) -> None:
    gateway.change(ROOT, "credential: {kind: none}", f"credential: {credential} # here")
    gateway.expect("no header that could carry")


@pytest.mark.parametrize(
    "value", ["hunter2", "'file:'", "'env:'", "'env:A B'", "'env:1A'", "'vault:x'", "''"]
)
def test_a_credential_is_a_reference(gateway: Gateway, value: str) -> None:
    said = f"{{kind: brokered, header: Authorization, value: {value}}} # here"
    gateway.change(ROOT, CREDENTIAL, said)
    problem = gateway.expect("is not a reference")
    assert "hunter2" not in str(problem)


def test_a_brokered_credential_has_a_value(gateway: Gateway) -> None:
    gateway.change(ROOT, CREDENTIAL, "{kind: brokered, header: Authorization} # here")
    gateway.expect("is not a reference")


@pytest.mark.parametrize("header", ["", "header: '', ", "header: 'A b', ", 'header: "A\\n", '])
def test_a_brokered_credential_has_a_header(gateway: Gateway, header: str) -> None:
    gateway.change(ROOT, CREDENTIAL, f"{{kind: brokered, {header}value: 'env:X'}} # here")
    gateway.expect("no header to travel in")


@pytest.mark.parametrize(
    ("kind", "key", "belongs"),
    [
        ("none", "header: Authorization", "brokered"),
        ("none", "value: 'env:X'", "brokered"),
        ("none", "scheme: ''", "brokered"),
        ("none", "audience: crm-api", "tool-token"),
        ("none", "ttl_s: 5", "tool-token"),
        ("none", "oauth: {issuer: 'https://as.example', grant: jwt-bearer}", "upstream-oauth"),
        ("tool-token, audience: crm-api", "value: 'env:X'", "brokered"),
        ("brokered, header: A, value: 'env:X'", "audience: crm-api", "tool-token"),
    ],
)
def test_no_kind_has_what_another_needs(
    gateway: Gateway, kind: str, key: str, belongs: str
) -> None:
    gateway.change(ROOT, CREDENTIAL, f"{{kind: {kind}, {key}}} # here")
    problem = gateway.expect(f"which has no `{key.split(':', maxsplit=1)[0]}`")
    assert problem.fix.startswith(f"use `kind: {belongs}`")


def test_tool_tokens_for_an_audience_of_the_agent_are_sound(gateway: Gateway) -> None:
    gateway.change(ROOT, CREDENTIAL, TOOL_TOKEN)
    assert gateway.problems == []


@pytest.mark.parametrize("audience", ["", ", audience: ''", ", audience: ' '", ", audience: '*'"])
def test_tool_tokens_have_an_audience(gateway: Gateway, audience: str) -> None:
    gateway.change(ROOT, CREDENTIAL, f"{{kind: tool-token{audience}}} # here")
    gateway.expect("they could go anywhere")


@pytest.mark.parametrize("audience", ["http://127.0.0.1:8700", "copilot"])
def test_tool_tokens_are_never_taken_for_others(gateway: Gateway, audience: str) -> None:
    gateway.change(AGENT, "audience: crm-api", f"audience: ['{audience}']")
    gateway.change(ROOT, CREDENTIAL, f"{{kind: tool-token, audience: '{audience}'}} # here")
    gateway.expect("the audience of other tokens")


def test_tool_tokens_are_no_assertions_for_a_server_that_issues_tokens(gateway: Gateway) -> None:
    server = "https://auth.example"
    oauth = f"{{issuer: '{server}', grant: client-credentials, client_id: gateway}}"
    gateway.change(AGENT, "audience: crm-api", f"audience: ['{server}']")
    gateway.change(ROOT, CREDENTIAL, f"{{kind: tool-token, audience: '{server}'}} # here")
    gateway.change(ROOT, "command: [mail-server, --stdio]", "mcp: http://127.0.0.1:9102/mcp")
    gateway.change(ROOT, "    env: {MAIL_HOST: 127.0.0.1}\n", "")
    gateway.change(ROOT, "    unsafe_no_sandbox: true\n", "")
    asked = f"credential: {{kind: upstream-oauth, oauth: {oauth}}}"
    gateway.change(ROOT, "credential: {kind: none}", asked)
    gateway.expect("the audience of other tokens")


def test_two_upstreams_do_not_share_an_audience(gateway: Gateway) -> None:
    gateway.change(ROOT, CREDENTIAL, TOOL_TOKEN)
    gateway.change(ROOT, "command: [mail-server, --stdio]", "mcp: http://127.0.0.1:9102/mcp")
    gateway.change(ROOT, "    env: {MAIL_HOST: 127.0.0.1}\n", "")
    gateway.change(ROOT, "    unsafe_no_sandbox: true\n", "")
    gateway.change(ROOT, "credential: {kind: none}", f"credential: {TOOL_TOKEN} # here")
    gateway.expect("each other's tool tokens")


def test_an_audience_of_no_agent_is_a_warning(gateway: Gateway) -> None:
    gateway.change(ROOT, CREDENTIAL, "{kind: tool-token, audience: crm-apu} # here")
    problem = gateway.expect("nobody can use `crm`", warning=True)
    assert problem.fix == "did you mean `crm-api`?"


@pytest.mark.parametrize("audience", ["[]", "[crm-api, '*']", "['']"])
def test_an_agent_s_audiences_are_named_one_by_one(gateway: Gateway, audience: str) -> None:
    gateway.change(AGENT, "audience: crm-api", f"audience: {audience} # here")
    gateway.expect("tool tokens could go anywhere")


@pytest.mark.parametrize("ttl", [4, 61])
def test_tool_tokens_last_a_minute_at_most(gateway: Gateway, ttl: int) -> None:
    gateway.change(
        ROOT, CREDENTIAL, f"{{kind: tool-token, audience: crm-api, ttl_s: {ttl}}} # here"
    )
    assert gateway.problems[0].fix == "write a whole number from 5 to 60"


@pytest.mark.parametrize(
    "sound",
    [
        oauth(),
        oauth(rest=", secret: 'env:CLIENT_SECRET', scopes: [read, write]"),
        oauth("token-exchange", ", lists_as: jane@crm.example"),
        oauth("jwt-bearer", ", resource: 'https://crm.example/'"),
        oauth("id-jag", ", tool_scopes: {get_case: [read]}"),
        oauth("authorization-code", ", lists_as: jane@crm.example, user_claim: email"),
        "{kind: upstream-oauth, oauth: {issuer: 'https://as.example', grant: client-credentials}}",
    ],
)
def test_every_grant_has_a_sound_form(gateway: Gateway, sound: str) -> None:
    gateway.change(ROOT, CREDENTIAL, sound)
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ("{kind: upstream-oauth}", "where access tokens for `crm` come from"),
        (oauth(rest=", secret: hunter2"), "is not a reference"),
        (oauth(rest=", scopes: ['read write']"), "is not one scope"),
        (oauth(rest=", tool_scopes: {get_case: ['']}"), "is not one scope"),
        (oauth(rest=", tool_scopes: {get_cases: [read]}"), "has no tool `get_cases`"),
        (oauth(rest=", resource: 'crm'"), "the resource is not an http(s) URL"),
        (oauth(rest=", lists_as: jane@crm.example"), "client credentials are nobody's"),
        (oauth(rest=", user_claim: email"), "nobody logs in whom a claim could name"),
        (oauth("authorization-code"), "nobody's consent"),
        (oauth("jwt-bearer", ", lists_as: john@crm.example"), "there is no user"),
        (oauth().replace("as.example", "as.example?x"), "the issuer is not an http(s) URL"),
        (oauth().replace("https://as", "http://as"), "plain http beyond this machine"),
        (oauth().replace("https://as.example", "http://127.0.0.1:8700"), "would ask itself"),
        (oauth().replace("client_id: gateway", "client_id: ''"), "the client id is empty"),
        (oauth().replace("client_id: gateway", "secret: 'env:X'"), "has no secret"),
    ],
)
def test_what_no_authorization_server_could_serve_is_refused(
    gateway: Gateway, wrong: str, word: str
) -> None:
    gateway.change(ROOT, CREDENTIAL, f"{wrong} # here")
    assert "hunter2" not in str(gateway.expect(word))


@pytest.mark.parametrize("kind", ["none", "brokered, header: A, value: 'env:X'"])
def test_any_credential_may_be_bound_to_the_gateway_s_tenant(gateway: Gateway, kind: str) -> None:
    gateway.change(ROOT, CREDENTIAL, f"{{kind: {kind}, tenant: crm.example}}")
    assert gateway.problems == []


def test_a_credential_of_another_tenant_is_not_for_this_gateway(gateway: Gateway) -> None:
    gateway.change(ROOT, CREDENTIAL, "{kind: none, tenant: other.example} # here")
    assert "`crm.example`" in gateway.expect("opens another tenant's data").fix
