from __future__ import annotations

import pytest

from safeconduct.core.asking import CONTROL_SOURCE
from safeconduct.core.checks.flow import flow
from safeconduct.core.labels import Confidentiality, Integrity, Label
from safeconduct.core.manifest import Effect, Sink
from safeconduct.core.model import ApprovalFacts, Facts
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.provenance import Origin, Place
from safeconduct.core.steering import carries, unvouched
from safeconduct.core.verdict import Deny, Elevate, Requirement
from tests.support.facts import (
    ASKED,
    ASKING,
    CLAIMED,
    NOW_MS,
    OTHER_DIGEST,
    TAINTED,
    approval,
    call,
    facts,
    task,
    tool,
)

ON_FILE = (Origin("trusted-field", "crm.get_case:deal_id"),)
READ = tool(effect=Effect.read)


def asks(ttl_s: int) -> Elevate:
    return Elevate(
        Requirement(templates=("control-argument",), sources=(CONTROL_SOURCE,), ttl_s=ttl_s),
        instead="control-argument-unvouched",
    )


def test_a_task_that_has_read_nothing_may_write() -> None:
    assert flow(call(), facts(provenance={})) is None


@pytest.mark.parametrize("read", list(Confidentiality))
@pytest.mark.parametrize("cleared", list(Confidentiality))
def test_data_flows_up_to_the_sink_s_clearance(
    read: Confidentiality, cleared: Confidentiality
) -> None:
    known = facts(task=task(labels=Label(confidentiality=read)), tool=tool(clearance=cleared))
    answer = None if read <= cleared else Deny("flow-confidentiality")
    assert flow(call(), known) == answer


@pytest.mark.parametrize(
    "mixed",
    [Label(tenants=frozenset({"a", "b"})), Label(regions=frozenset({"eu", "us"}))],
)
def test_two_tenants_or_regions_flow_nowhere(mixed: Label) -> None:
    assert flow(call(), facts(task=task(labels=mixed))) == Deny("flow-mixed")


def test_one_tenant_and_one_region_flow_on() -> None:
    one = Label(tenants=frozenset({"a"}), regions=frozenset({"eu"}))
    assert flow(call(), facts(task=task(labels=one))) is None


@pytest.mark.parametrize(
    ("readers", "audience", "pin", "answer"),
    [
        ({"sales", "legal"}, ("sales",), "reviewed", None),
        ({"sales"}, ("sales",), "reviewed", None),
        ({"sales"}, ("sales", "legal"), "reviewed", Deny("flow-readers")),
        ({"sales"}, (), "reviewed", Deny("flow-readers")),
        (set[str](), ("sales",), "reviewed", Deny("flow-readers")),
        ({"sales"}, ("sales",), "unreviewed", Deny("flow-readers")),
    ],
)
def test_everybody_behind_the_sink_must_be_a_reader(
    readers: set[str], audience: tuple[str, ...], pin: str, answer: Deny | None
) -> None:
    known = facts(
        task=task(labels=Label(readers=frozenset(readers))),
        tool=tool(sink=Sink(readers=audience), pin=pin),
    )
    assert flow(call(), known) == answer


def test_nobody_is_known_behind_a_sink_without_a_manifest() -> None:
    known = facts(task=task(labels=Label(readers=frozenset({"sales"}))), tool=tool(manifest=None))
    assert flow(call(), known) == Deny("flow-readers")


def test_a_read_whose_arguments_are_all_vouched_for_carries_nothing_out() -> None:
    secret = task(labels=Label(confidentiality=Confidentiality.restricted))
    known = facts(task=secret, tool=READ)
    assert (carries(call({"id": "D-7"}), known), flow(call({"id": "D-7"}), known)) == (False, None)
    assert flow(call({}), known) is None


def test_a_read_with_an_argument_of_the_agent_s_own_carries_data_out() -> None:
    secret = task(labels=Label(confidentiality=Confidentiality.restricted))
    known = facts(task=secret, tool=READ)
    assert carries(call(), known)
    assert flow(call(), known) == Deny("flow-confidentiality")


@pytest.mark.parametrize(
    "place", ["user-request", "app-request", "trusted-field", "policy-constant"]
)
def test_a_vouching_place_explains_an_argument(place: Place) -> None:
    assert unvouched(call({"id": "D-7"}), facts(provenance={"id": (Origin(place),)})) == []


def test_the_agent_s_own_purpose_explains_nothing() -> None:
    assert unvouched(call({"id": "D-7"}), facts(provenance={"id": CLAIMED})) == ["id"]
    assert unvouched(call({"id": "D-7"}), facts(provenance={"id": CLAIMED + ASKED})) == []


@pytest.mark.parametrize("name", ["id", "amount_minor", "account", "path"])
def test_a_control_argument_of_a_tainted_task_needs_provenance(name: str) -> None:
    known = facts(task=task(labels=TAINTED), provenance={})
    assert flow(call({"next_step": "x", name: 1}), known) == Deny(
        "control-argument-unvouched", name
    )


@pytest.mark.parametrize("name", ["to", "into"])
def test_strange_addresses_are_the_business_of_another_check(name: str) -> None:
    known = facts(task=task(labels=TAINTED), provenance={})
    assert flow(call({name: "x"}), known) is None


@pytest.mark.parametrize("name", ["next_step", "find", "undeclared"])
def test_words_of_a_tainted_task_need_a_call_that_the_request_has_something_to_do_with(
    name: str,
) -> None:
    known = facts(task=task(labels=TAINTED), provenance={})
    assert flow(call({name: "x"}), known) == Deny("call-unanchored")
    assert flow(call({name: "x"}), facts(task=task(labels=TAINTED), provenance={name: ASKED})) is (
        None
    )


def test_without_a_manifest_no_argument_is_known_to_steer_and_nothing_anchors() -> None:
    known = facts(task=task(labels=TAINTED), provenance={}, tool=tool(manifest=None))
    assert flow(call({"id": "D-7"}), known) == Deny("call-unanchored")


def test_a_call_that_says_only_what_the_request_says_carries_nothing_out() -> None:
    secret = task(labels=Label(confidentiality=Confidentiality.restricted))
    said = facts(task=secret, provenance={"id": ASKED, "next_step": ASKED})
    assert (carries(call(), said), flow(call(), said)) == (False, None)
    on_file: dict[str, tuple[Origin, ...]] = {"id": ASKED, "next_step": ON_FILE}
    assert flow(call(), facts(task=secret, provenance=on_file)) == Deny("flow-confidentiality")


def test_those_addressed_are_behind_the_sink() -> None:
    dana, sam = "dana@customer.example", "sam@customer.example"
    read = task(labels=Label(readers=frozenset({dana, "sales"})))
    known = facts(task=read, tool=tool(sink=Sink(readers=("sales",))))
    assert flow(call({"to": dana}), known) is None
    assert flow(call({"to": [dana]}), facts(task=read)) is None
    assert flow(call({"to": [dana, sam]}), known) == Deny("flow-readers")
    assert flow(call({}), facts(task=read)) is None
    assert flow(call({"next_step": "x"}), facts(task=read)) == Deny("flow-readers")


@pytest.mark.parametrize("integrity", [Integrity.trusted, Integrity.endorsed])
def test_what_is_not_untrusted_steers_nothing_astray(integrity: Integrity) -> None:
    known = facts(task=task(labels=Label(integrity=integrity)), provenance={})
    assert flow(call({"id": "D-7"}), known) is None


def test_a_tainted_task_may_read_what_it_likes() -> None:
    known = facts(task=task(labels=TAINTED), provenance={}, tool=READ)
    assert flow(call({"id": "D-7"}), known) is None


def test_a_policy_that_asks_a_person_asks_about_the_argument_too() -> None:
    several = PolicyAnswer(
        elevate=(PolicyElevate("a", "offer", 120), PolicyElevate("b", "offer", 60))
    )
    known = facts(task=task(labels=TAINTED), provenance={})
    assert flow(call({"id": "D-7"}), facts_with(several)) == asks(60)
    assert flow(call({"id": "D-7"}), facts_with(ASKING)) == asks(120)
    assert flow(call({"id": "D-7"}), known) == Deny("control-argument-unvouched", "id")


def facts_with(said: PolicyAnswer, given: ApprovalFacts | None = None) -> Facts:
    return facts(task=task(labels=TAINTED), provenance={}, policy=said, approval=given)


def test_a_yes_that_was_asked_for_the_argument_keeps_the_question_open() -> None:
    permits = PolicyAnswer(permit=("all",))
    given = approval(sources=(CONTROL_SOURCE, "policy:discount"), labels=TAINTED, ttl_s=90)
    assert flow(call({"id": "D-7"}), facts_with(permits, given)) == asks(90)
    assert flow(call({"id": "D-7"}), facts_with(ASKING, given)) == asks(90)


@pytest.mark.parametrize(
    "given",
    [
        approval(labels=TAINTED),
        approval(sources=(CONTROL_SOURCE,)),
        approval(sources=(CONTROL_SOURCE,), labels=TAINTED, digest=OTHER_DIGEST),
        approval(sources=(CONTROL_SOURCE,), labels=TAINTED, state="pending"),
        approval(sources=(CONTROL_SOURCE,), labels=TAINTED, granted_ms=NOW_MS + 1),
        approval(sources=(CONTROL_SOURCE,), labels=TAINTED, granted_ms=NOW_MS - 120_000),
    ],
)
def test_a_yes_to_something_else_does_not_count(given: ApprovalFacts) -> None:
    permits = PolicyAnswer(permit=("all",))
    refused = Deny("control-argument-unvouched", "id")
    assert flow(call({"id": "D-7"}), facts_with(permits, given)) == refused
