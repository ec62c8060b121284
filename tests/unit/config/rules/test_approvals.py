"""Whoever is asked exists, can be told, and can say yes in a way that is set up."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
GROUP = "groups: {desk: {users: [jane@crm.example]}}"


@pytest.mark.parametrize(
    "text",
    [
        "approvals: {}",
        f"approvals: {{{GROUP}, templates: {{refund: {{ask: desk, count: 2}}}}}}",
        "approvals: {groups: {desk: {groups: [refunds]}}, templates: {x: {ask: [user, desk]}}}",
        "approvals: {templates: {x: {means: [sign-in]}}, step_up: {acr: [mfa]}}",
        "approvals: {templates: {x: {offers: {calls: 14, minutes: 5}}}}",
        "approvals: {notify: {m: {wire: smtp, url: 'smtp://localhost:25', sender: g@x.example}}}",
        (
            "approvals: {notify: {s: {wire: slack, url: 'https://slack.example/api', clicks: true,"
            " signing: 'env:SLACK'}}, templates: {x: {means: [chat]}}}"
        ),
        "console: {listen: '127.0.0.1:8790', url: 'http://localhost:8790'}",
        "console: {listen: '0.0.0.0:8790', url: 'https://console.example'}",
    ],
)
def test_what_can_be_meant(gateway: Gateway, text: str) -> None:
    gateway.add(ROOT, f"{text}\n")
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("approvals: {groups: {user: {users: [jane@crm.example]}}}", "who delegated the task"),
        ("approvals: {groups: {desk: {}}}", "nobody is in"),
        ("approvals: {groups: {desk: {users: [eve@crm.example]}}}", "there is no user"),
        ("approvals: {templates: {x: {ask: desk}}}", "there is no group"),
        ("approvals: {templates: {x: {ask: []}}}", "nobody can say yes"),
        ("approvals: {templates: {x: {means: []}}}", "nobody can say yes"),
        ("approvals: {templates: {x: {means: [sign-in]}}}", "by `sign-in` here"),
        ("approvals: {templates: {x: {means: [ciba]}}}", "by `ciba` here"),
        ("approvals: {templates: {x: {means: [chat]}}}", "by `chat` here"),
        ("approvals: {templates: {x: {means: [shout]}}}", "enum value"),
        ("approvals: {templates: {x: {count: 6}}}", "<= 5"),
        ("approvals: {templates: {x: {offers: {calls: 2, minutes: 5, object: any}}}}", "unknown"),
        (
            "approvals: {notify: {m: {wire: smtp, url: 'http://x', sender: g@x.example}}}",
            "no mail server",
        ),
        ("approvals: {notify: {m: {wire: smtp, url: 'smtp://x:25'}}}", "come from nobody"),
        ("approvals: {notify: {w: {wire: webhook, url: 'http://x.example'}}}", "not https"),
        (
            "approvals: {notify: {w: {wire: webhook, url: 'https://x.example', credential: abc}}}",
            "written out",
        ),
        (
            "approvals: {notify: {w: {wire: webhook, url: 'https://x.example', groups: [desk]}}}",
            "there is no group",
        ),
        (
            "approvals: {notify: {w: {wire: webhook, url: 'https://x.example', clicks: true}}}",
            "whose click",
        ),
        (
            "approvals: {notify: {s: {wire: slack, url: 'https://x.example', clicks: true}}}",
            "whose click",
        ),
        ("console: {listen: nowhere, url: 'https://x.example'}", "no address and port"),
        ("console: {listen: '127.0.0.1:1', url: 'http://x.example'}", "no origin"),
        ("console: {listen: '127.0.0.1:1', url: 'https://x.example/console'}", "no origin"),
        ("console: {listen: '127.0.0.1:1', url: 'http://127.0.0.1:1'}", "has an address"),
        ("console: {listen: '127.0.0.1:1', url: 'http://[::1]:1'}", "has an address"),
    ],
)
def test_what_cannot(gateway: Gateway, text: str, problem: str) -> None:
    gateway.add(ROOT, f"{text} # here\n")
    gateway.expect(problem)
