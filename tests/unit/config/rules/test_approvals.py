"""Whoever is asked exists, can be told, and can say yes in a way that is set up."""

import sys

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
CONSOLE = "console: {listen: '127.0.0.1:8790', url: 'http://localhost:8790'}"
PEOPLE = "people: {jane@crm.example: jane@x.example}"
GROUP = "groups: {desk: {users: [jane@crm.example]}}"


@pytest.mark.parametrize(
    "text",
    [
        "approvals: {}",
        f"approvals: {{{GROUP}, templates: {{refund: {{ask: desk, count: 2}}}}}}",
        "approvals: {groups: {desk: {groups: [refunds]}}, templates: {x: {ask: [user, desk]}}}",
        "approvals: {templates: {x: {means: [sign-in]}}, step_up: {acr: [mfa]}}",
        "approvals: {templates: {x: {offers: {calls: 14, minutes: 5}}}}",
        (
            "approvals: {notify: {m: {wire: smtp, url: 'smtp://localhost:25', sender: g@x.example,"
            f" people: {{jane@crm.example: jane@x.example}}}}}}}}\n{CONSOLE}"
        ),
        (
            "approvals: {notify: {s: {wire: slack, url: 'https://slack.example/api', clicks: true,"
            " credential: 'env:BOT', signing: 'env:SLACK', workspace: T1,"
            " people: {jane@crm.example: U1}}},"
            f" templates: {{x: {{means: [chat]}}}}}}\n{CONSOLE}"
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
        ("approvals: {ciba: {client_id: gate, secret: abc}}", "written out"),
        ("approvals: {templates: {x: {means: [shout]}}}", "enum value"),
        ("approvals: {templates: {x: {count: 6}}}", "<= 5"),
        ("approvals: {templates: {x: {offers: {calls: 2, minutes: 5, object: any}}}}", "unknown"),
        (
            "approvals: {notify: {m: {wire: smtp, url: 'http://x', sender: g@x.example, PEOPLE}}}",
            "no mail server",
        ),
        ("approvals: {notify: {m: {wire: smtp, url: 'smtp://x:25', PEOPLE}}}", "come from nobody"),
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
            (
                "approvals: {notify: {s: {wire: slack, url: 'https://x.example', clicks: true,"
                " credential: 'env:BOT', channel: C}}}"
            ),
            "whose click",
        ),
        ("approvals: {notify: {w: {wire: webhook, url: 'https://x.example'}}}", "leads nowhere"),
        (
            "approvals: {notify: {m: {wire: smtp, url: 'smtp://x', sender: g@x.example}}}",
            "could tell nobody",
        ),
        (
            "approvals: {notify: {s: {wire: slack, url: 'https://x.example', channel: C}}}",
            "could tell nobody",
        ),
        (
            "approvals: {notify: {w: {wire: webhook, url: 'https://x.example', people: {eve: x}}}}",
            "there is no user",
        ),
        ("console: {listen: nowhere, url: 'https://x.example'}", "no address and port"),
        ("console: {listen: '127.0.0.1:1', url: 'http://x.example'}", "no origin"),
        ("console: {listen: '127.0.0.1:1', url: 'https://x.example/console'}", "no origin"),
        ("console: {listen: '127.0.0.1:1', url: 'http://127.0.0.1:1'}", "has an address"),
        ("console: {listen: '127.0.0.1:1', url: 'http://[::1]:1'}", "has an address"),
    ],
)
def test_what_cannot(gateway: Gateway, text: str, problem: str) -> None:
    console = f"{CONSOLE}\n" if "notify" in text and "leads" not in problem else ""
    gateway.add(ROOT, f"{text.replace('PEOPLE', PEOPLE)} # here\n{console}")
    gateway.expect(problem)


VISITS = "console: {{listen: '{}:8790', url: '{}', unsafe_visits: true}} # here\n"


def test_visits_stay_on_this_machine(gateway: Gateway) -> None:
    gateway.add(ROOT, VISITS.format("127.0.0.1", "http://localhost:8790"))
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("listen", "url"),
    [("192.0.2.1", "http://localhost:8790"), ("127.0.0.1", "https://console.example")],
)
def test_visits_do_not_come_from_beyond_it(gateway: Gateway, listen: str, url: str) -> None:
    gateway.add(ROOT, VISITS.format(listen, url))
    gateway.expect("from beyond this machine")


def test_visits_are_for_a_gateway_that_plays_all_parties(gateway: Gateway) -> None:
    gateway.change(ROOT, "  unsafe_dev_identity: true\n", "")
    gateway.add(ROOT, VISITS.format("127.0.0.1", "http://localhost:8790"))
    gateway.expect("plays all parties itself")


def test_what_the_console_needs_has_to_be_there(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = sys.modules["safeconduct.config.rules.approvals"]
    monkeypatch.setattr(rules, "CONSOLE", ("jinja2", "nothing_like_this"))
    assert gateway.problems == []
    gateway.add(ROOT, "console: {listen: '127.0.0.1:8790', url: 'http://localhost:8790'}\n")
    (problem,) = gateway.problems
    assert problem.sentence == "nothing_like_this, which the console needs, is missing"
    assert problem.fix == "pip install 'safeconduct[console]'"
