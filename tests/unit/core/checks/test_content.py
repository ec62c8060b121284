from __future__ import annotations

from safeconduct.core.checks.content import INSPECTOR, content
from safeconduct.core.model import Finding
from safeconduct.core.verdict import Deny
from tests.support.facts import call, facts

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


def test_another_failure_is_no_business_of_the_check() -> None:
    assert content(call(), facts(failures=("resolver",))) is None
