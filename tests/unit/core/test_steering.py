"""Who steers a call: by what the request names, what is on file, and where the request points."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import Argument, Effect, Needs, Role
from safeconduct.core.model import Facts
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import Origin, Place, value_digest
from safeconduct.core.steering import (
    ASKED_SOURCE,
    CONTROL_SOURCE,
    OWN_FIELD,
    addresses,
    asking,
    by_policy,
    chosen,
    covered,
    doubts,
    followed,
    needed,
    plausible,
    relies,
    steered,
    unvouched,
)
from safeconduct.core.verdict import Deny, Elevate, Requirement
from tests.support.facts import (
    ASKED,
    ASKING,
    BODY,
    TAINTED,
    approval,
    call,
    facts,
    gathered,
    task,
    tool,
)
from tests.support.facts import (
    followed as earlier,
)

DANA, EVE = "dana@customer.example", "eve@evil.example"
FILE = (Origin("trusted-field", "crm.get_case:deal_id"),)
SINGLE = (Origin("single-source", BODY),)
OFFERED = (Origin("offered", BODY),)
AMONG = (Origin("named-source", BODY),)
SEEN = (Origin("seen", BODY),)
MADE_UP: tuple[Origin, ...] = ()
TAINT = task(labels=TAINTED)
REFUSED = Deny("control-argument-unvouched", "id")
DEAL, NOTE = {"id": "D-7"}, {"next_step": "x"}

Places = dict[str, tuple[Origin, ...]]


def tainted(provenance: Places, **overrides: Any) -> Facts:
    return facts(task=TAINT, provenance=provenance, **overrides)


def said(arguments: dict[str, Any], known: Facts) -> list[Deny]:
    return list(doubts(call(arguments), known))


def effects(effect: Effect, **more: Any) -> Facts:
    return tainted({}, tool=tool(effect=effect, **more))


class TestDoubts:
    @pytest.mark.parametrize("places", [ASKED, FILE, (Origin("bounded"),)])
    def test_a_control_argument_has_a_vouching_place(self, places: tuple[Origin, ...]) -> None:
        assert (
            said({"id": "D-7", "amount_minor": 5}, tainted({"id": ASKED, "amount_minor": places}))
            == []
        )

    @pytest.mark.parametrize("places", [SINGLE, OFFERED, AMONG, SEEN, MADE_UP])
    def test_no_other_place_is_enough(self, places: tuple[Origin, ...]) -> None:
        assert REFUSED in said({**DEAL, "find": "x"}, tainted({"id": places, "find": ASKED}))

    @pytest.mark.parametrize("effect", [Effect.delete, Effect.execute])
    def test_what_is_deleted_or_executed_was_chosen_by_the_user(self, effect: Effect) -> None:
        known = effects(effect)
        assert REFUSED in said(DEAL, replace(known, provenance={"id": FILE}))
        assert said(DEAL, replace(known, provenance={"id": ASKED})) == []
        # Words and addresses are judged elsewhere.
        assert said({**DEAL, "find": "x"}, replace(known, provenance={"id": ASKED})) == []

    @pytest.mark.parametrize("effect", [Effect.delete, Effect.execute])
    def test_of_a_list_each_was_chosen_by_the_user(self, effect: Effect) -> None:
        both: Places = {"id": FILE + ASKED, "id=D-7": ASKED, "id=D-8": FILE}
        known = replace(effects(effect), provenance=both)
        assert said({"id": ["D-7", "D-8"]}, known) == [REFUSED]
        assert said({"id": ["D-7"]}, known) == []

    def test_what_is_on_file_suffices_for_other_changes_in_an_anchored_call(self) -> None:
        known = tainted({"id": FILE, "find": ASKED})
        assert said({**DEAL, "find": "x"}, known) == []
        assert said(DEAL, known) == [Deny("call-unanchored")]

    def test_a_call_is_anchored_too_by_what_is_on_file_and_stands_where_the_request_points(
        self,
    ) -> None:
        assert said(DEAL, tainted({"id": FILE + SINGLE})) == []
        assert said(DEAL, tainted({"id": FILE + AMONG})) == [Deny("call-unanchored")]
        assert said(DEAL, tainted({"id": FILE + SEEN})) == [Deny("call-unanchored")]

    def test_what_is_on_file_may_be_put_together_where_it_can_be_undone(self) -> None:
        undoable = tool(reversible=True)
        assert said(DEAL, tainted({"id": FILE}, tool=undoable)) == []
        assert said({**DEAL, **NOTE}, tainted({"id": FILE}, tool=undoable)) == [
            Deny("call-unanchored"),
        ]
        assert said(DEAL, effects(Effect.pay, reversible=True))[-1] == Deny("call-unanchored")
        assert said({"id": "D-7"}, tainted({"id": FILE}, tool=tool(manifest=None))) == [
            Deny("call-unanchored")
        ]

    @pytest.mark.parametrize("value", [None, True, False])
    def test_a_switch_and_what_is_left_out_choose_nothing(self, value: object) -> None:
        undoable = tool(reversible=True)
        assert said({**DEAL, "find": value}, tainted({"id": FILE}, tool=undoable)) == []
        assert unvouched(call({"find": value}), tainted({})) == []

    def test_an_argument_that_is_left_out_needs_no_voucher(self) -> None:
        assert said({"id": None, "find": "x"}, tainted({"find": ASKED})) == []

    def test_a_reply_is_anchored_by_the_call_that_it_answers(self) -> None:
        known = tainted({})
        answering = replace(known, gathered=replace(known.gathered, reply=True))
        assert said(NOTE, known) == [Deny("call-unanchored")]
        assert said(NOTE, answering) == []

    @pytest.mark.parametrize(
        ("of_note", "to", "allowed", "refused"),
        [
            (MADE_UP, ASKED, (), False),
            (MADE_UP, FILE, (), True),
            (MADE_UP, FILE, (DANA,), False),
            (ASKED, FILE, (), False),
            (SEEN, FILE, (), True),
        ],
    )
    def test_words_of_others_go_only_to_whom_the_user_chose_or_the_list_has(
        self,
        of_note: tuple[Origin, ...],
        to: tuple[Origin, ...],
        allowed: tuple[str, ...],
        refused: bool,
    ) -> None:
        known = tainted(
            {"id": ASKED, "next_step": of_note, f"to={DANA}": to},
            allowed={"recipients": frozenset(allowed)},
        )
        expected = [Deny("content-unvouched")] if refused else []
        assert said({**DEAL, **NOTE, "to": DANA}, known) == expected

    def test_of_a_strange_address_nothing_else_is_said(self) -> None:
        assert said({**NOTE, "to": EVE}, tainted({})) == []

    def test_a_switch_says_nothing_and_a_number_does(self) -> None:
        known = tainted({"id": ASKED, f"to={DANA}": FILE})
        assert said({**DEAL, "find": True, "to": DANA}, known) == []
        assert said({**DEAL, "find": 7, "to": DANA}, known) == [Deny("content-unvouched")]
        assert said({**DEAL, "find": [7], "to": DANA}, known) == [Deny("content-unvouched")]

    @pytest.mark.parametrize("labels", [Label(), Label(confidentiality=Confidentiality.restricted)])
    def test_a_task_that_read_nothing_untrusted_steers_itself(self, labels: Label) -> None:
        assert said({**DEAL, **NOTE}, facts(task=task(labels=labels), provenance={})) == []

    @pytest.mark.parametrize(
        ("needs", "accepted"),
        [
            ("vouched", {"trusted-field"}),
            ("seen", {"trusted-field", "offered"}),
            ("any", {"trusted-field", "offered", "single-source", "seen"}),
        ],
    )
    @pytest.mark.parametrize("place", ["trusted-field", "offered", "single-source", "seen"])
    @pytest.mark.parametrize("known", [facts(), tainted({})], ids=["untainted", "tainted"])
    def test_an_argument_comes_from_where_the_manifest_says_whatever_was_read(
        self, known: Facts, place: Place, needs: Needs, accepted: set[str]
    ) -> None:
        reading = tool(effect=Effect.read, arguments={"id": Argument(role="content", needs=needs)})
        known = replace(
            known,
            gathered=replace(known.gathered, tool=reading),
            provenance={"id": (Origin(place, BODY),)},
        )
        assert said(DEAL, known) == ([] if place in accepted else [REFUSED])


def test_what_an_argument_needs_follows_from_its_role_where_nothing_is_said() -> None:
    assert needed(Argument(role="path"), steers=True) == "vouched"
    assert needed(Argument(role="path"), steers=False) == "any"
    assert needed(Argument(role="content"), steers=True) == "any"
    assert needed(Argument(role="path", needs="any"), steers=True) == "any"
    assert needed(Argument(role="content", needs="seen"), steers=False) == "seen"


class TestChosen:
    @pytest.mark.parametrize(
        ("arguments", "provenance", "choice"),
        [
            ({}, {}, "trusted-field"),
            ({"find": None, "next_step": True}, {}, "trusted-field"),
            (DEAL, {"id": ASKED}, "named-object"),
            (DEAL, {"id": FILE}, "trusted-field"),
            (DEAL, {"id": (Origin("named-field", "x"),)}, "named-object"),
            (DEAL, {"id": SINGLE}, "single-source"),
            (DEAL, {"id": AMONG}, None),
            (DEAL, {"id": SEEN}, None),
            (DEAL, {"id": OFFERED}, None),
            (DEAL, {"id": (Origin("agent-request"),)}, None),
            (DEAL, {"id": (Origin("sub-granted", "sub-grant 1"),)}, None),
            (DEAL, {}, None),
            ({**DEAL, "find": "x"}, {"id": ASKED, "find": FILE}, "named-object"),
            ({"find": "x"}, {"find": ASKED}, "named-field"),
            ({**DEAL, "find": "x"}, {"id": FILE, "find": ASKED}, "named-field"),
            ({**DEAL, "find": "x"}, {"id": ASKED, "find": SINGLE}, "single-source"),
            ({**DEAL, "find": "x"}, {"id": ASKED}, None),
        ],
    )
    def test_a_read_is_as_much_chosen_as_its_least_chosen_argument(
        self, arguments: dict[str, Any], provenance: Places, choice: str | None
    ) -> None:
        known = facts(provenance=provenance, tool=tool(effect=Effect.read))
        assert chosen(call(arguments), known) == choice

    @pytest.mark.parametrize("effect", [Effect.write, Effect.send])
    def test_what_a_change_made_anew_is_the_users(self, effect: Effect) -> None:
        made = facts(provenance={}, tool=tool(effect=effect))
        assert chosen(call({"next_step": "x", "to": EVE}), made) == "named-object"
        assert chosen(call({"next_step": "x", "id": None}), made) == "named-object"
        # What it was applied to was there before.
        assert chosen(call({"next_step": "x", "id": "D-7"}), made) == "trusted-field"

    @pytest.mark.parametrize("effect", [Effect.pay, Effect.delete, Effect.execute])
    def test_what_is_paid_deleted_or_run_makes_nothing(self, effect: Effect) -> None:
        assert chosen(call(NOTE), facts(tool=tool(effect=effect))) == "trusted-field"

    def test_what_does_not_select_neither_spoils_nor_names(self) -> None:
        arguments = {
            "id": Argument(role="object-id"),
            "page": Argument(role="query", selects=False),
        }
        known = tool(effect=Effect.read, arguments=arguments)
        given: Places = {"id": FILE, "page": ASKED}
        both = {**DEAL, "page": 3}
        assert chosen(call(both), facts(provenance=given, tool=known)) == "trusted-field"
        assert chosen(call(both), facts(provenance={"id": ASKED}, tool=known)) == "named-object"

    def test_what_a_permitted_change_made_is_the_user_s(self) -> None:
        assert chosen(call(DEAL), facts(provenance={})) == "trusted-field"
        assert chosen(call(DEAL), facts(provenance={"id": ASKED})) == "named-object"

    def test_without_a_manifest_every_argument_chooses(self) -> None:
        assert chosen(call({"x": "y"}), facts(tool=tool(manifest=None))) == "trusted-field"


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


YES = earlier()


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


def led(to: tuple[Origin, ...] = SINGLE, deal: tuple[Origin, ...] = ASKED, **more: Any) -> Facts:
    given: Places = {"id": deal, "to": to, f"to={EVE}": to}
    return tainted(given, **{"tool": tool(unvouched="follow"), **more})


class TestFollowed:
    TO = call({**DEAL, "to": EVE})

    def test_an_address_is_followed_where_the_request_names_all_else_that_steers(self) -> None:
        assert followed(self.TO, led())
        assert not list(doubts(replace(self.TO, arguments={**self.TO.arguments, **NOTE}), led()))

    @pytest.mark.parametrize("to", [AMONG, OFFERED, SEEN, MADE_UP])
    def test_one_of_several_is_not(self, to: tuple[Origin, ...]) -> None:
        assert not followed(self.TO, led(to))

    @pytest.mark.parametrize("deal", [FILE, SINGLE, SEEN, MADE_UP])
    def test_nor_is_one_beside_what_the_request_does_not_name(
        self, deal: tuple[Origin, ...]
    ) -> None:
        assert not followed(self.TO, led(deal=deal))

    def test_nor_is_one_where_nothing_else_steers(self) -> None:
        assert not followed(call({"to": EVE}), led())
        assert not followed(call({"to": EVE, "id": None}), led())

    def test_nor_is_what_does_not_look_like_an_address(self) -> None:
        given: Places = {"id": ASKED, "to": SINGLE, "to=archive": SINGLE}
        known = replace(led(), provenance=given)
        assert not followed(call({**DEAL, "to": "archive"}), known)

    @pytest.mark.parametrize("unvouched_", ["refuse", "ask"])
    def test_nor_where_the_manifest_does_not_say_so(self, unvouched_: str) -> None:
        assert not followed(self.TO, led(tool=tool(unvouched=unvouched_)))
        assert not followed(self.TO, led(tool=tool(manifest=None)))

    @pytest.mark.parametrize("effect", [Effect.pay, Effect.delete, Effect.execute, Effect.read])
    def test_nor_to_pay_to_delete_to_execute(self, effect: Effect) -> None:
        assert followed(self.TO, led(tool=tool(unvouched="follow", effect=Effect.send)))
        assert not followed(self.TO, led(tool=tool(unvouched="follow", effect=effect)))


class TestLedToAnObject:
    OWN = (Origin("single-source", f"drive.find:id{OWN_FIELD}d_1"),)

    def said(self, provenance: Places, arguments: dict[str, Any], **more: Any) -> object:
        known: dict[str, Any] = {"unvouched": "follow", "reversible": True, **more}
        led = tool(manifest=None) if more.get("manifest", ...) is None else tool(**known)
        return bare(steered(call(arguments), tainted(provenance, tool=led), REFUSED))

    def test_a_change_that_can_be_undone_goes_where_the_request_leads(self) -> None:
        assert self.said({"id": self.OWN}, {**DEAL, **NOTE}) is None
        assert self.said({"id": FILE}, {**DEAL, **NOTE}) is None

    @pytest.mark.parametrize("places", [SINGLE, AMONG, OFFERED, SEEN, MADE_UP])
    def test_not_to_what_somebody_wrote_or_to_one_among_several(
        self, places: tuple[Origin, ...]
    ) -> None:
        assert self.said({"id": places}, DEAL) is not None

    def test_of_several_objects_each_is_led_to(self) -> None:
        both: Places = {"id": self.OWN, "id=D-7": self.OWN, "id=D-8": SEEN}
        assert self.said(both, {"id": ["D-7"]}) is None
        assert self.said(both, {"id": ["D-7", "D-8"]}) is not None

    def test_not_where_it_cannot_be_undone_or_reaches_somebody_or_nothing_is_named(self) -> None:
        given: Places = {"id": self.OWN, "to": ASKED, f"to={EVE}": ASKED}
        assert self.said(given, DEAL, reversible=False) is not None
        assert self.said(given, {**DEAL, "to": EVE}) is not None
        assert self.said(given, NOTE) is not None

    @pytest.mark.parametrize("effect", [Effect.send, Effect.pay, Effect.delete, Effect.execute])
    def test_not_to_send_to_pay_to_delete_to_execute(self, effect: Effect) -> None:
        assert self.said({"id": self.OWN}, DEAL, effect=effect) is not None

    @pytest.mark.parametrize("unvouched_", ["refuse", "ask"])
    def test_not_where_the_manifest_does_not_say_so(self, unvouched_: str) -> None:
        assert self.said({"id": self.OWN}, DEAL, unvouched=unvouched_) is not None
        assert self.said({"id": self.OWN}, DEAL, manifest=None) is not None


def question(source: str, ttl_s: int, **origins: tuple[str, ...]) -> Elevate:
    return Elevate(
        Requirement(
            templates=("control-argument",), sources=(source,), ttl_s=ttl_s, origins=origins
        ),
        instead=REFUSED.code if source == CONTROL_SOURCE else None,
    )


def bare(said: Deny | Elevate | None) -> Deny | Elevate | None:
    """A question without the values that a yes would be to."""
    if not isinstance(said, Elevate):
        return said
    return Elevate(replace(said.requirement, values=(), wheres=()))


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


@pytest.mark.parametrize("role", ["recipient", "destination"])
def test_an_empty_list_is_no_address(role: Role) -> None:
    known = tool(arguments={"to": Argument(role=role)})
    (to,) = addresses(call({"to": []}), facts(tool=known))
    assert not to.acceptable(facts(tool=known))


def test_a_reading_tool_of_a_tainted_task_is_in_no_doubt() -> None:
    known = facts(gathered=gathered(task=TAINT, tool=tool(effect=Effect.read)), provenance={})
    assert list(doubts(call({**DEAL, **NOTE}), known)) == []
