"""Who steers a call: by what the request names, what is on file, and where the request points."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import Argument, Effect, Needs
from safeconduct.core.model import Facts
from safeconduct.core.provenance import QUOTED, Origin, Place
from safeconduct.core.steering import chosen, doubts, unvouched
from safeconduct.core.verdict import Deny
from tests.support.facts import (
    ASKED,
    BODY,
    call,
    facts,
    gathered,
    task,
    tool,
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
    TAINT,
    Places,
    tainted,
)

PICKED_ID = (Origin("picked", "drive.make:id"),)
UNSAID = Deny("content-unvouched")


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
        known = tainted({"id": FILE, "amount_minor": ASKED, "to": ASKED, f"to={DANA}": ASKED})
        assert said({**DEAL, "to": DANA}, known) == []
        assert said(DEAL, known) == [Deny("call-unanchored")]

    def test_words_of_the_request_anchor_what_changes_nothing_that_was_there(self) -> None:
        known = tainted({"id": FILE, "find": ASKED})
        assert said({"find": "x"}, known) == []
        assert said({"find": "x", "id": None}, known) == []
        assert said({**DEAL, "find": "x"}, known) == [Deny("call-unanchored")]

    @pytest.mark.parametrize("effect", [Effect.delete, Effect.execute])
    def test_what_the_task_made_or_the_request_means_as_the_first_may_go(
        self, effect: Effect
    ) -> None:
        assert said(DEAL, replace(effects(effect), provenance={"id": PICKED_ID})) == []

    def test_it_is_shown_to_whom_the_request_names_and_to_nobody_else(self) -> None:
        share = {**DEAL, "to": DANA}
        for to, refused in ((ASKED, []), (FILE, [Deny("call-unanchored"), UNSAID])):
            given: Places = {"id": PICKED_ID, "to": to, f"to={DANA}": to}
            assert said(share, replace(effects(Effect.send), provenance=given)) == refused

    def test_it_anchors_no_other_change(self) -> None:
        for places in (PICKED_ID, PICKED_ID + SINGLE):
            known = tainted({"id": places})
            assert Deny("call-unanchored") in said({**DEAL, **NOTE}, known)

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

    def test_a_read_by_what_the_request_has_in_quotes_is_one_of_its_own(self) -> None:
        quoted: Places = {"find": (Origin("user-request", QUOTED),)}
        arguments = {"id": Argument(role="object-id"), "find": Argument(role="query")}
        search = tool(effect=Effect.read, arguments=arguments)
        known = facts(provenance=quoted, tool=search)
        assert chosen(call({"find": "x"}), known) == "named-query"
        both = facts(provenance={**quoted, "id": ASKED}, tool=search)
        assert chosen(call({**DEAL, "find": "x"}), both) == "named-object"

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


def test_a_reading_tool_of_a_tainted_task_is_in_no_doubt() -> None:
    known = facts(gathered=gathered(task=TAINT, tool=tool(effect=Effect.read)), provenance={})
    assert list(doubts(call({**DEAL, **NOTE}), known)) == []
