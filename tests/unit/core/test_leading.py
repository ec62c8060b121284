"""Where the request leads: to the only address, or the only object, in a source that it names."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.core.asking import (
    steered,
)
from safeconduct.core.leading import OWN_FIELD, OWN_ROW, followed
from safeconduct.core.manifest import Effect
from safeconduct.core.provenance import Origin
from safeconduct.core.steering import doubts
from tests.support.facts import (
    ASKED,
    call,
    tool,
)
from tests.support.steering import (
    AMONG,
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
    led,
    tainted,
)


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
    OWN = (Origin("single-source", f"drive.find:id{OWN_ROW}d_1"),)

    def said(self, provenance: Places, arguments: dict[str, Any], **more: Any) -> object:
        known: dict[str, Any] = {"unvouched": "follow", "reversible": True, **more}
        led = tool(manifest=None) if more.get("manifest", ...) is None else tool(**known)
        return bare(steered(call(arguments), tainted(provenance, tool=led), REFUSED))

    def test_a_change_that_can_be_undone_goes_where_the_request_leads(self) -> None:
        assert self.said({"id": self.OWN}, {**DEAL, **NOTE}) is None
        assert self.said({"id": ASKED}, {**DEAL, **NOTE}) is None

    def test_not_to_what_is_only_listed_or_is_somebody_elses(self) -> None:
        assert self.said({"id": FILE}, {**DEAL, **NOTE}) is not None
        theirs = (Origin("single-source", f"drive.find:id{OWN_FIELD}d_1"),)
        assert self.said({"id": theirs}, {**DEAL, **NOTE}) is not None

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
