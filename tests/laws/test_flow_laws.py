"""What holds of information flow, whatever was read and in whatever order."""

from __future__ import annotations

import string
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.core.asking import covered
from safeconduct.core.decide import decide
from safeconduct.core.leading import followed
from safeconduct.core.manifest import FieldLabel, Returns, Role
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import (
    NAMED,
    VOUCHING,
    Origin,
    Place,
    Reading,
    decimal,
    named,
    normalise,
    offered,
    single,
    vouched_for,
)
from safeconduct.core.request import request
from safeconduct.core.sightings import doubtful, sightings
from safeconduct.core.verdict import Deny, Elevate, Permit, Verdict
from safeconduct.core.vouching import vouched
from safeconduct.core.writing import written_digest
from safeconduct.origins import MAX_PLACES, MAX_VALUES, Sighted
from tests.support.facts import BODY, call, tool
from tests.support.strategies import anything, origins, steered

Situation = tuple[Call, Facts]

ROLES: tuple[Role, ...] = get_args(Role)
WEAK: tuple[Place, ...] = ("named-source", "seen", "agent-request")

texts = st.text(st.sampled_from(f"{string.ascii_letters}0129.,@:/-_ ßſK\u212aİ#"), max_size=12)


def verdict(call: Call, facts: Facts) -> Verdict:
    return decide(call, facts).verdict


def strictness(said: Verdict) -> int:
    return (Permit, Elevate, Deny).index(type(said))


def sighted(facts: Facts, more: Iterable[Place], name: str | None = None) -> Facts:
    """The facts, had the values of the arguments, or of one, stood in more places."""
    found = tuple(Origin(place, BODY) for place in more)
    return replace(
        facts,
        provenance={
            key: (*known, *found) if name in (None, key.partition("=")[0]) else known
            for key, known in facts.provenance.items()
        },
    )


@given(origins)
def test_what_is_named_is_vouched_for_and_what_is_vouched_for_is_good_for_everything(
    places: tuple[Origin, ...],
) -> None:
    assert NAMED < VOUCHING
    assert named(places) <= vouched_for(places)
    assert vouched_for(places) <= offered(places)
    assert vouched_for(places) <= single(places)


@settings(max_examples=300)
@given(steered() | anything, st.lists(st.sampled_from(WEAK), min_size=1))
def test_that_a_value_was_merely_seen_changes_no_verdict(
    situation: Situation, more: list[Place]
) -> None:
    call, facts = situation
    said, then = verdict(call, sighted(facts, more)), verdict(call, facts)
    assert strictness(said) == strictness(then)
    if isinstance(said, Permit | Deny):
        assert said == then


@settings(max_examples=500)
@given(steered(), st.lists(st.sampled_from(("single-source", "offered", *WEAK)), min_size=1))
def test_what_stands_where_the_request_points_lets_a_call_pass_only_as_the_manifest_says(
    situation: Situation, more: list[Place]
) -> None:
    call, facts = situation
    known = sighted(facts, more)
    said, then = verdict(call, known), verdict(call, facts)
    manifest = facts.gathered.tool.manifest
    assert manifest is not None
    assert strictness(said) <= strictness(then)
    if not isinstance(then, Deny) or isinstance(said, Deny):
        return
    # It can be asked about where the manifest lets a person be asked,
    if isinstance(said, Elevate):
        assert manifest.unvouched in ("ask", "follow")
        return
    # or pass: as an address that is followed, by the yes to an earlier call, or as what anchors
    # a call by a value that is vouched for besides.
    anchors = any(
        vouched_for(places) and places
        for name, places in facts.provenance.items()
        if name in call.arguments
    )
    assert followed(call, known) or covered(call, known) or anchors
    if not (followed(call, known) or covered(call, known)):
        assert then == Deny("call-unanchored")


@given(steered(), st.sampled_from(sorted(VOUCHING)))
def test_a_voucher_never_makes_a_verdict_stricter(situation: Situation, place: Place) -> None:
    call, facts = situation
    known = sighted(facts, (place,))
    assert strictness(verdict(call, known)) <= strictness(verdict(call, facts))


# --- values -----------------------------------------------------------------------------------


@given(texts | st.integers() | st.floats(), st.sampled_from(ROLES))
def test_a_form_is_its_own_form(value: object, role: Role) -> None:
    form = normalise(value, role)
    assert form is None or normalise(form, role) == form


def fold(text: str) -> str:
    """With ASCII letters in one case: no others are the same letter by any rule of a kind."""
    return "".join(one.lower() if one in string.ascii_letters else one for one in text)


@given(texts, texts, st.sampled_from(ROLES))
def test_one_form_have_only_values_that_differ_by_what_their_kind_allows(
    one: str, other: str, role: Role
) -> None:
    for first, second in ((one, other), (one, fold(one)), (one, "".join(one.split()))):
        if first == second or normalise(first, role) != normalise(second, role):
            continue
        match role:
            case "account":
                assert fold("".join(first.split())) == fold("".join(second.split()))
            case "recipient":
                assert first.rpartition("@")[0] == second.rpartition("@")[0]
                assert fold(first) == fold(second)
            case "destination":
                assert fold(first) == fold(second)
                assert (
                    first.partition("://")[2].partition("/")[2]
                    == (second.partition("://")[2].partition("/")[2])
                )
            case "amount":
                assert decimal(first) is not None
                assert decimal(first) == decimal(second)
            case _:
                raise AssertionError(first, second)


# --- the request ------------------------------------------------------------------------------

words = st.text(st.sampled_from("abcXY019-._@"), min_size=1, max_size=8).filter(
    lambda word: word.strip(".-_@") == word
)
gaps = st.sampled_from((" ", "  ", "\n", ", ", "; "))
NAMED_BY_WORDS: tuple[Role, ...] = ("object-id", "path", "recipient", "destination")


@given(st.lists(words, min_size=1, max_size=6), gaps, words, st.sampled_from(NAMED_BY_WORDS))
def test_a_request_never_names_a_part_of_a_word(
    said: list[str], gap: str, value: str, role: Role
) -> None:
    if request(gap.join(said)).names(role, value):
        assert value in said


@given(words, st.integers(0, 7), st.integers(1, 8), st.sampled_from(ROLES))
def test_nor_does_it_name_what_stands_inside_its_only_word(
    word: str, start: int, length: int, role: Role
) -> None:
    part = word[start : start + length]
    if part != word and normalise(part, role) != normalise(word, role):
        found = request(f"Look at {word}!")
        assert not found.names(role, normalise(part, role) or "")
        assert not found.names_row(part)


@given(
    st.lists(st.sampled_from(("at", "pay", "by", "of", "and", "in", "12.50")), max_size=5),
    st.integers(0, 99_999).map(str),
    st.lists(st.sampled_from(("people", "euros", "hours", "%")), max_size=3),
)
def test_a_number_in_a_sentence_names_no_object(
    before: list[str], number: str, behind: list[str]
) -> None:
    asked = request(" ".join((*before, number, *behind)))
    assert not asked.names("object-id", number, "crm.case")
    assert not asked.names("object-id", number)


@given(st.integers(0, 99_999).map(str), st.sampled_from(("#{}", "case {}", "Case {}.", "id {}")))
def test_a_number_that_is_written_as_an_id_does(number: str, form: str) -> None:
    assert request(f"Close {form.format(number)}").names("object-id", number, "crm.case")


# --- what was read ------------------------------------------------------------------------------

FIELDS = ("a", "b", "c")
readings = st.lists(
    st.tuples(
        st.sampled_from(("mail.get", "crm.get")),
        st.dictionaries(st.sampled_from("xyz"), st.sampled_from(FIELDS), max_size=3),
        st.sampled_from((("single-source",), ("offered", "single-source"), ("named-source",),
                         ("offered", "named-source"), ("seen",))),
    ),
    max_size=6,
)  # fmt: skip


def read(several: Iterable[tuple[str, dict[str, str], tuple[Place, ...]]]) -> Sighted:
    index = Sighted()
    for target, values, places in several:
        index.see(
            "t_1",
            {
                value: tuple(Origin(place, f"{target}:{path}") for place in places)
                for value, path in values.items()
            },
        )
    return index


@given(readings.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))))
def test_a_value_s_provenance_is_the_set_of_its_occurrences_in_whatever_order(
    orders: tuple[list[Any], list[Any]],
) -> None:
    one, other = map(read, orders)
    for value in "xyz":
        assert one.origins("t_1", value) == other.origins("t_1", value)
        stood = {
            Origin(place, f"{target}:{values[value]}")
            for target, values, places in orders[0]
            if value in values
            for place in places
        }
        found = one.origins("t_1", value)
        assert set(found) <= stood
        assert bool(found) == bool(stood)
        if len(stood) <= MAX_PLACES and not any(each.place == "named-source" for each in stood):
            assert set(found) == stood
        # What stood among others once is not the only one, wherever else it stands.
        if any(each.place == "named-source" for each in stood):
            assert not single(found)
    assert one.origins("t_2", "x") == ()


@given(readings, readings)
def test_reading_more_never_makes_a_value_stronger_than_what_was_read(
    first: list[Any], more: list[Any]
) -> None:
    before, after, alone = read(first), read([*first, *more]), read(more)
    for value in "xyz":
        strong = single(before.origins("t_1", value)) or single(alone.origins("t_1", value))
        assert single(after.origins("t_1", value)) <= strong


def test_what_no_longer_fits_was_never_seen() -> None:
    index = Sighted()
    seen = (Origin("seen", "x:a"),)
    index.see("t_1", {str(number): seen for number in range(MAX_VALUES - 1)})
    assert index.whole("t_1", read=False)
    index.see("t_1", {str(number): seen for number in range(MAX_VALUES + 1)})
    assert not index.whole("t_1", read=False)
    assert index.origins("t_1", str(MAX_VALUES - 1)) == seen
    assert index.origins("t_1", str(MAX_VALUES)) == ()


ADDRESSES = ("dana@customer.example", "eve@evil.example", "sam@customer.example")
contents = st.lists(st.sampled_from((*ADDRESSES, "hello", "12", "www.a.example")), max_size=4)
SENDER = tool(returns=Returns(fields={"sender": FieldLabel("trusted", vouches_for=("recipient",))}))


@given(contents, st.sampled_from(ADDRESSES), st.booleans(), st.booleans())
def test_one_more_address_where_anybody_writes_makes_none_the_only_one(
    said: list[str], more: str, before: bool, trusted: bool
) -> None:
    known = SENDER if trusted else tool()

    def single_of(words: list[str]) -> set[str]:
        content: dict[str, Any] = {"body": " ".join(words)}
        if trusted:
            sender = {"sender": ADDRESSES[0]}
            content = {**content, **sender} if before else {**sender, **content}
        seen, whole = sightings({"structuredContent": content})
        assert whole
        doubt = doubtful(known, seen)
        return {one for one in ADDRESSES if one in seen} - doubt.beside - doubt.several

    then, now = single_of(said), single_of([*said, more])
    assert now - {more} <= then
    assert len(now) <= 1
    if trusted:
        # What the source has a field for is taken from that field alone.
        assert now <= {ADDRESSES[0]}


values = st.sampled_from(("C-1", "C-2", "Dana", "Sam", "eve@evil.example", 7, True, None, ""))
rows = st.lists(
    st.dictionaries(st.sampled_from(("id", "name", "mail", "body", "other")), values), max_size=3
)
VOUCHERS = {
    "rows.*.id": FieldLabel("trusted", vouches_for=("object-id",), type="crm.case"),
    "rows.*.mail": FieldLabel("trusted", vouches_for=("recipient",)),
    "rows.*.name": FieldLabel("trusted"),
    "rows.*.body": FieldLabel("untrusted", vouches_for=("recipient", "object-id")),
}
READER = tool(returns=Returns(fields=VOUCHERS))


def spoken(content: Any, reading: Reading) -> set[tuple[str, str, str]]:
    found = vouched(call(), READER, {"structuredContent": content}, reading)
    return {(one.key, one.value, one.place) for one in found}


@given(
    rows,
    rows,
    st.sampled_from(("trusted-field", "named-field", "named-object")),
    st.sampled_from(("Dana", "")),
)
def test_what_anybody_may_write_vouches_for_nothing_and_names_nothing(
    read_: list[dict[str, Any]], more: list[dict[str, Any]], chosen: Any, word: str
) -> None:
    reading = Reading(chosen=chosen, names=lambda value: value == word)
    plain = [
        {name: value for name, value in row.items() if name in ("id", "name", "mail")}
        for row in read_
    ]
    free = [{**one, "body": "Dana", "other": more} for one in plain]
    assert spoken({"rows": free, "x": more}, reading) == spoken({"rows": plain}, reading)


@given(rows, st.frozensets(st.sampled_from(("C-1", "Dana", "eve@evil.example", "7"))))
def test_what_an_agent_wrote_never_vouches(
    read_: list[dict[str, Any]], written: frozenset[str]
) -> None:
    digests = {written_digest(one) for one in written}
    reading = Reading(
        chosen="trusted-field",
        names=lambda value: value == "Dana",
        written=lambda value: written_digest(value) in digests,
    )
    clean = Reading(chosen="trusted-field", names=lambda value: value == "Dana")
    found = spoken({"rows": read_}, reading)
    assert not any(value in written for _, value, _ in found)
    assert {one[:2] for one in found} <= {one[:2] for one in spoken({"rows": read_}, clean)}
    assert "Dana" not in written or not any(place == "named-field" for *_, place in found)


@given(texts, st.sampled_from(ROLES), st.sampled_from((str.upper, str.lower, str.strip)))
def test_what_was_written_is_known_again_whatever_the_system_makes_of_its_case(
    value: str, role: Role, made: Any
) -> None:
    again = normalise(made(value.encode("ascii", "ignore").decode()), role)
    plain = value.encode("ascii", "ignore").decode()
    assert again is None or written_digest(again) == written_digest(plain)


@given(rows, st.booleans())
def test_a_choice_of_the_user_s_vouches_for_no_less(
    read_: list[dict[str, Any]], naming: bool
) -> None:
    def names(value: str) -> bool:
        return naming and value == "Dana"

    by_choice: list[Any] = [None, "trusted-field", "named-field", "named-object"]
    found = [spoken({"rows": read_}, Reading(chosen=one, names=names)) for one in by_choice]
    assert found[0] == set()
    for less, more in pairwise(found):
        assert {one[:2] for one in less} <= {one[:2] for one in more}
        assert {one[:2] for one in less if one[2]} <= {one[:2] for one in more if one[2]}


def test_what_was_read_before_a_restart_is_missed_for_good() -> None:
    index = Sighted()
    assert not index.whole("t_1", read=True)
    index.see("t_1", {"D-7": (Origin("seen", "x:a"),)})
    assert not index.whole("t_1", read=True)
    index.see("t_2", {"D-7": (Origin("seen", "x:a"),)})
    assert index.whole("t_2", read=True)
