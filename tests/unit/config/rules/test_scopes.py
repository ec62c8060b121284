"""A scope that is named anywhere is registered, exactly as it is written."""

import pytest

from tests.support.configs import Gateway


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("safeconduct.yaml", "scopes: [case:read, mail:send]", "scopes: [case:reed] # here"),
        ("safeconduct.yaml", "mail:send: 2}", "case:reed: 2} # here"),
        ("agents/copilot.yaml", "scope: [case:read]", "scope: [case:reed] # here"),
        ("agents/copilot.yaml", "[mail:send]", "[case:reed] # here"),
        ("users.yaml", "[case:read, mail:send]", "[mail:send, case:reed] # here"),
        ("manifests/mail.yaml", "scopes: [mail:send]", "scopes: [case:reed] # here"),
        ("manifests/mail.yaml", "tools:", "prompts: {p: {scopes: [case:reed]}} # here\ntools:"),
        (
            "manifests/mail.yaml",
            "tools:",
            "resources: {'a:': {scopes: [case:reed]}} # here\ntools:",
        ),
    ],
)
def test_an_unregistered_scope_is_refused(gateway: Gateway, file: str, old: str, new: str) -> None:
    gateway.change(file, old, new)
    problem = gateway.expect("the scope `case:reed` is not registered")
    # A tool that asks for what agents hold already would be theirs to call.
    register = "register it under `scopes:` in "
    if file.startswith("manifests/"):
        assert problem.fix.startswith(register)
    else:
        assert problem.fix == "did you mean `case:read`?"


@pytest.mark.parametrize("scope", ["Case:read", "case:read "])
def test_names_match_exactly(gateway: Gateway, scope: str) -> None:
    gateway.change("agents/copilot.yaml", "scope: [case:read]", f"scope: ['{scope}'] # here")
    gateway.expect("is not registered")


@pytest.mark.parametrize("scope", ["case read", "'case\"read'", "cäse", "calls", "''"])
def test_a_scope_fits_into_a_token(gateway: Gateway, scope: str) -> None:
    line = f"  {scope}: {{system: crm, object: case, action: read}} # here\nprofiles:"
    gateway.change("safeconduct.yaml", "profiles:\n", f"{line}\n")
    gateway.expect("cannot be a scope")
