from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.checks.content import INSPECTOR, LINK_SOURCE, LINKS, content
from safeconduct.core.checks.sink import RESOLVER
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Facts, Finding
from safeconduct.core.provenance import Origin
from safeconduct.core.verdict import Deny, Elevate
from tests.support.facts import ASKED, TAINTED, call, facts, task, tool

TOKEN = Finding("secret.token", ("next_step",), 0, 9)
EMAIL = Finding("pii.email", ("next_step",), 0, 9)


def test_clean_arguments_pass() -> None:
    assert content(call(), facts()) is None


def test_a_credential_among_the_findings_is_refused() -> None:
    assert content(call(), facts(findings=(EMAIL, TOKEN))) == Deny("content-secret")


def test_other_findings_are_no_credential() -> None:
    near = Finding("secretive", ("next_step",), 0, 9)
    assert content(call(), facts(findings=(EMAIL, near))) is None


def test_what_could_not_be_inspected_is_refused() -> None:
    assert content(call(), facts(failures=(INSPECTOR,))) == Deny("inspector-failed")
    both = facts(failures=("resolver", INSPECTOR), findings=(TOKEN,))
    assert content(call(), both) == Deny("inspector-failed")


@pytest.mark.parametrize("kind", ["document.bomb", "document.unreadable"])
def test_a_document_that_was_not_read_is_refused_as_that(kind: str) -> None:
    unread = facts(failures=(INSPECTOR,), findings=(Finding(kind, (), 0, 0),))
    assert content(call(), unread) == Deny("document-unread")


def test_another_failure_is_no_business_of_the_check() -> None:
    assert content(call(), facts(failures=("resolver",))) is None


LINKED = call({"id": "D-7", "next_step": "See https://evil.example/x and https://two.example/"})
POINTED = {"id": ASKED, "next_step": (Origin("single-source", "crm.get_case:body"),)}


def sending(**overrides: Any) -> Facts:
    given = {"effect": Effect.send, **overrides.pop("tool", {})}
    return facts(tool=tool(**given), task=task(labels=TAINTED), **overrides)


def test_a_link_that_nobody_vouches_for_is_refused() -> None:
    assert content(LINKED, sending()) == Deny("link-unvouched")
    assert content(LINKED, sending(provenance=POINTED)) == Deny("link-unvouched")
    assert content(call(), sending()) is None


@pytest.mark.parametrize("unvouched", ["ask", "follow"])
def test_a_person_is_asked_where_the_request_points_to_all_that_steers(unvouched: str) -> None:
    asking = {"unvouched": unvouched}
    said = content(LINKED, sending(tool=asking, provenance=POINTED))
    assert isinstance(said, Elevate)
    assert said.requirement.sources == (LINK_SOURCE,)
    assert said.requirement.origins == {
        "next_step": ("crm.get_case:body",),
        LINKS: ("evil.example", "two.example"),
    }
    elsewhere = {"id": (Origin("seen", "crm.get_case:body"),)}
    assert content(LINKED, sending(tool=asking, provenance=elsewhere)) == Deny("link-unvouched")


def test_where_the_lists_are_not_known_the_check_policy_refuses() -> None:
    assert content(LINKED, sending(failures=(RESOLVER,))) is None


def test_what_cannot_be_read_as_a_whole_is_refused() -> None:
    many = " ".join(f"https://h{n}.example/" for n in range(2000))
    assert content(call({"next_step": many}), sending()) == Deny("content-unreadable")
