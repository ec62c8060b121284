"""A policy that says nothing is refused."""

import shutil

import pytest

from tests.support.configs import Gateway

RULES = "policy/rules/tools.rego"
BUNDLE = "policy: {bundle: policy/}"


def test_a_bundle_exists(gateway: Gateway) -> None:
    shutil.rmtree(gateway.directory / "policy")
    gateway.change("safeconduct.yaml", BUNDLE, f"{BUNDLE} # here")
    gateway.expect("`policy/` matches no file")


def test_a_bundle_is_inside(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, "policy: {bundle: ../policy} # here")
    gateway.expect("does not stay inside")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "package agent.tools\n\nimport rego.v1\n",
        'package agent.tools\n# permit contains {"id": "x"} if true\n',
        "package agent.tools\nallow := true\npermitted := 1\n",
    ],
)
def test_a_bundle_without_a_rule_is_refused(gateway: Gateway, text: str) -> None:
    (gateway.directory / RULES).write_text(text, encoding="utf-8")
    gateway.change("safeconduct.yaml", BUNDLE, f"{BUNDLE} # here")
    gateway.expect("has not a single rule")


def test_rules_of_tests_do_not_count(gateway: Gateway) -> None:
    rules = gateway.directory / RULES
    (gateway.directory / "policy" / "tests").mkdir()
    rules.rename(gateway.directory / "policy" / "tests" / "tools.rego")
    gateway.change("safeconduct.yaml", BUNDLE, f"{BUNDLE} # here")
    gateway.expect("has not a single rule")
