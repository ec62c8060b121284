"""Which calls a person is asked about, and how far a yes goes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.asking import (
    ASKED_SOURCE,
    CONTROL_SOURCE,
    asking,
    by_policy,
    covered,
    plausible,
    relies,
    steered,
)
from safeconduct.core.labels import Confidentiality
from safeconduct.core.leading import OWN_FIELD
from safeconduct.core.manifest import Argument, Effect, Needs
from safeconduct.core.model import Facts
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Origin, value_digest
from safeconduct.core.verdict import Elevate, Requirement
from tests.support.facts import (
    ASKED,
    ASKING,
    BODY,
    TAINTED,
    approval,
    call,
    facts,
    task,
    tool,
)
from tests.support.facts import (
    followed as earlier,
)
from tests.support.steering import (
    AMONG,
    DANA,
    DEAL,
    EVE,
    FILE,
    MADE_UP,
    NOTE,
    OFFERED,
    REFUSED,
    SEEN,
    SINGLE,
    Places,
    bare,
    tainted,
)

YES = earlier()


class TestPlausible:
    @pytest.mark.parametrize(
        ("places", "worth"),
        [(ASKED, True), (FILE, True), (FILE + SINGLE, True), (SINGLE, True), (OFFERED, True),
         (AMONG, False), (SEEN, False), (MADE_UP, False)],
    )  # fmt: skip
    def test_a_person_is_asked_about_what_stands_where_the_request_points(
        self, places: tuple[Origin, ...], worth: bool
    ) -> None:
        known = tainted({"id": places}, tool=tool(unvouched="ask"))
        assert plausible(call({**DEAL, **NOTE}), known) is worth

    def test_where_the_manifest_refuses_and_without_one_nobody_is_asked(self) -> None:
        assert not plausible(call(DEAL), tainted({"id": SINGLE}))
        assert not plausible(call(DEAL), tainted({"id": SINGLE}, tool=tool(manifest=None)))

    def test_words_that_reach_somebody_are_worth_a_question_where_the_request_points_there(
        self,
    ) -> None:
        known = tainted({}, tool=tool(unvouched="ask"))
        reaching = call({**NOTE, "to": EVE})
        on_file: Places = {"to": FILE, f"to={EVE}": FILE}
        assert not plausible(reaching, replace(known, provenance=on_file))
        assert plausible(reaching, replace(known, provenance={"to": ASKED}))
        assert plausible(call(NOTE), known)
        assert not plausible(call({**NOTE, "amount_minor": 5}), known)
        assert plausible(call({}), known)
        assert plausible(call({"find": None, "id": None, "undeclared": True}), known)

    def test_of_a_list_each_value_stands_there(self) -> None:
        known = tainted({"id": SINGLE, "id=D-7": SINGLE}, tool=tool(unvouched="ask"))
        assert plausible(call({"id": ["D-7"]}), known)
        for ids in (["D-7", "D-8"], [], [None], [{"id": "D-7"}]):
            assert not plausible(call({"id": ids}), known)

    def test_an_amount_can_be_worked_out(self) -> None:
        known = tainted({"id": SINGLE}, tool=tool(unvouched="ask"))
        assert plausible(call({**DEAL, "amount_minor": 5}), known)

    @pytest.mark.parametrize(
        ("needs", "worth"), [("any", True), ("seen", True), ("vouched", False)]
    )
    def test_what_a_manifest_has_vouched_for_must_stand_there_too(
        self, needs: Needs, worth: bool
    ) -> None:
        known = tool(
            unvouched="ask",
            arguments={
                "id": Argument(role="object-id"),
                "next_step": Argument(role="content", needs=needs),
            },
        )
        assert plausible(call({**DEAL, **NOTE}), tainted({"id": SINGLE}, tool=known)) is worth


class TestCovered:
    def known(self, places: tuple[Origin, ...] = SINGLE, **more: Any) -> Facts:
        return tainted({"id": places}, **{"tool": tool(unvouched="ask"), "followed": YES, **more})

    def test_a_yes_holds_for_values_from_the_same_fields(self) -> None:
        assert covered(call(DEAL), self.known())
        assert relies(call(DEAL), self.known())

    @pytest.mark.parametrize(
        "places",
        [
            (Origin("single-source", "mail.get:subject"),),
            (Origin("single-source", "mail.get:subject"), Origin("seen", BODY)),
            OFFERED, AMONG, SEEN, MADE_UP,
        ],
    )  # fmt: skip
    def test_it_holds_for_no_others(self, places: tuple[Origin, ...]) -> None:
        assert not covered(call(DEAL), self.known(places))
        assert not relies(call(DEAL), self.known(places))

    def test_it_holds_for_the_very_values_wherever_they_stand_where_the_request_points(
        self,
    ) -> None:
        elsewhere = (Origin("single-source", "mail.get:subject"),)
        agreed = earlier(values=frozenset({value_digest("D-7")}))
        assert covered(call(DEAL), self.known(elsewhere, followed=agreed))
        assert not covered(call({"id": "D-8"}), self.known(elsewhere, followed=agreed))
        assert not covered(call(DEAL), self.known(SEEN, followed=agreed))

    def test_of_a_list_it_holds_for_each_or_not_at_all(self) -> None:
        both = call({"id": ["D-7", "D-8"]})
        given: Places = {"id": SINGLE, "id=D-7": SINGLE}
        for more in (AMONG, SEEN, MADE_UP, (Origin("single-source", "mail.get:subject"),)):
            known = replace(self.known(), provenance={**given, "id=D-8": more})
            assert not covered(both, known)
        assert covered(both, replace(self.known(), provenance={**given, "id=D-8": SINGLE}))

    @pytest.mark.parametrize("effect", [Effect.pay, Effect.delete, Effect.execute, Effect.read])
    def test_it_holds_for_writing_and_sending_alone(self, effect: Effect) -> None:
        assert covered(call(DEAL), self.known(tool=tool(unvouched="ask", effect=Effect.send)))
        assert not covered(call(DEAL), self.known(tool=tool(unvouched="ask", effect=effect)))

    def test_without_a_yes_or_with_labels_that_rose_since_it_does_not_hold(self) -> None:
        assert not covered(call(DEAL), self.known(followed=None))
        secret = task(labels=replace(TAINTED, confidentiality=Confidentiality.internal))
        raised = facts(
            task=secret, provenance={"id": SINGLE}, tool=tool(unvouched="ask"), followed=YES
        )
        assert not covered(call(DEAL), raised)

    def test_where_nobody_would_be_asked_it_does_not_hold(self) -> None:
        assert not covered(call(DEAL), self.known(tool=tool()))

    def test_what_is_vouched_for_relies_on_no_yes(self) -> None:
        assert covered(call(DEAL), self.known(ASKED))
        assert not relies(call(DEAL), self.known(ASKED))

    def test_a_strange_address_relies_on_it(self) -> None:
        to = call({**DEAL, "to": EVE})
        given: Places = {"id": ASKED, "to": SINGLE, f"to={EVE}": SINGLE}
        known = replace(self.known(), provenance=given)
        assert relies(to, known)
        followable = tool(unvouched="follow")
        led = replace(known, gathered=replace(known.gathered, tool=followable))
        assert covered(to, led)
        assert not relies(to, led)


def question(source: str, ttl_s: int, **origins: tuple[str, ...]) -> Elevate:
    return Elevate(
        Requirement(
            templates=("control-argument",), sources=(source,), ttl_s=ttl_s, origins=origins
        ),
        instead=REFUSED.code if source == CONTROL_SOURCE else None,
    )


class TestAsking:
    def test_a_refusal_stands_unless_somebody_is_to_be_asked(self) -> None:
        assert steered(call(DEAL), tainted({"id": SINGLE}), REFUSED) == REFUSED
        known = tainted({"id": SINGLE}, tool=tool(unvouched="ask"))
        assert bare(steered(call(DEAL), known, REFUSED)) == question(ASKED_SOURCE, 300, id=(BODY,))
        assert steered(call(DEAL), replace(known, followed=YES), REFUSED) is None

    def test_a_policy_that_asks_turns_what_would_be_refused_into_a_question(self) -> None:
        known = tainted({"id": SINGLE}, tool=tool(unvouched="ask"), policy=ASKING)
        assert bare(steered(call(DEAL), known, REFUSED)) == question(ASKED_SOURCE, 300, id=(BODY,))
        refusing = replace(known, provenance={"id": SEEN})
        assert steered(call(DEAL), refusing, REFUSED) == question(CONTROL_SOURCE, 120)

    def test_a_question_shows_each_field_once_and_no_place_without_one(self) -> None:
        places = (*ASKED, *SEEN, *SINGLE, Origin("seen", "crm.x:y"))
        known = tainted({"id": places, "find": ASKED, f"to={EVE}": SEEN})
        made = asking(call({**DEAL, "find": "x", "to": EVE}), known, "s")
        assert bare(made) == question("s", 300, id=(BODY, "crm.x:y"))

    def test_a_yes_is_to_each_value_that_steers_and_to_its_field_where_the_system_fills_it_in(
        self,
    ) -> None:
        own = (Origin("single-source", f"mail.get:from{OWN_FIELD}d_1"),)
        given: Places = {"id": SINGLE, "to": own, f"to={EVE}": own, f"to={DANA}": SINGLE}
        made = asking(call({**DEAL, **NOTE, "to": [EVE, DANA]}), tainted(given), "s")
        assert set(made.requirement.values) == {value_digest(one) for one in ("D-7", EVE, DANA)}
        assert made.requirement.wheres == (f"mail.get:from{OWN_FIELD}d_1",)

    def test_a_yes_that_stands_keeps_the_question_open(self) -> None:
        permits = PolicyAnswer(permit=("all",))
        assert by_policy(permits, None, REFUSED) == REFUSED
        assert by_policy(permits, approval(), REFUSED) == REFUSED
        yes = approval(sources=("flow:control-argument",), ttl_s=90)
        assert by_policy(permits, yes, REFUSED) == question("flow:control-argument", 90)
