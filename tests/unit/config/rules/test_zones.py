"""A zone says what it lets out, by exact names."""

import pytest

from tests.support.configs import Gateway

EGRESS = "egress: [crm, mail, crm-api]"


def test_an_empty_egress_list_is_refused(gateway: Gateway) -> None:
    gateway.change("zones.yaml", EGRESS, "egress: [] # here")
    gateway.expect("empty egress list")


def test_a_pattern_is_no_name(gateway: Gateway) -> None:
    gateway.change("zones.yaml", EGRESS, "egress: [crm, '*'] # here")
    gateway.expect("is a pattern")


def test_a_name_is_let_out_or_denied(gateway: Gateway) -> None:
    gateway.change("zones.yaml", EGRESS, "egress: [crm, warehouse] # here")
    found = [problem.sentence for problem in gateway.problems if not problem.warning]
    assert found == ["`warehouse` stands in `egress` and in `deny`"]


def test_a_zone_is_described_once(gateway: Gateway) -> None:
    gateway.add("zones.yaml", "  - {id: office, egress: [crm]} # here\n")
    gateway.expect("is described already in")


def test_egress_to_nowhere_is_a_warning(gateway: Gateway) -> None:
    gateway.change("zones.yaml", EGRESS, "egress: [crm, crm-apy] # here")
    problem = gateway.expect("denotes no destination and no upstream", warning=True)
    assert problem.fix == "did you mean `crm-api`?"


def test_an_upstream_may_have_another_name_as_destination(gateway: Gateway) -> None:
    gateway.change(
        "safeconduct.yaml", "role: write-back", "role: write-back\n    destination: smtp"
    )
    gateway.change("zones.yaml", EGRESS, "egress: [crm, smtp]")
    assert gateway.problems == []


@pytest.mark.parametrize("host", ["''", "'*'", "'*.internal'", "crm.internal/api", "a@b"])
def test_an_endpoint_is_one_host(gateway: Gateway, host: str) -> None:
    gateway.change(
        "safeconduct.yaml",
        '{host: crm.internal, port: 443, methods: [GET], paths: ["/api/*"]}',
        f"{{host: {host}}} # here",
    )
    gateway.expect("is not one host")


def test_a_path_begins_at_the_root(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", '["/api/*"]}', '["/a", "api/*"]} # here')
    gateway.expect("does not begin with `/`")
