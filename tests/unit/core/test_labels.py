from typing import Any

import pytest

from safeconduct.core.labels import BOTTOM, WORST, Confidentiality, Integrity, Label


def test_a_join_takes_the_stricter_of_both_in_every_dimension() -> None:
    one = Label(
        integrity=Integrity.untrusted,
        categories=frozenset({"pii"}),
        readers=frozenset({"jane", "joe"}),
        tenants=frozenset({"a"}),
    )
    other = Label(
        confidentiality=Confidentiality.restricted,
        categories=frozenset({"pricing"}),
        readers=frozenset({"joe", "sam"}),
        regions=frozenset({"eu"}),
    )
    assert one.join(other) == Label(
        integrity=Integrity.untrusted,
        confidentiality=Confidentiality.restricted,
        categories=frozenset({"pii", "pricing"}),
        readers=frozenset({"joe"}),
        tenants=frozenset({"a"}),
        regions=frozenset({"eu"}),
    )


def test_a_label_joined_with_itself_or_with_the_bottom_stays_as_it_is() -> None:
    label = Label(readers=frozenset({"jane"}))
    assert label.join(label) is label
    assert label.join(BOTTOM) is label
    assert BOTTOM.join(label) == label


def test_readers_that_only_one_side_narrows_stay_narrow() -> None:
    narrow, public = Label(readers=frozenset({"jane"})), Label(regions=frozenset({"eu"}))
    assert narrow.join(public).readers == frozenset({"jane"})
    assert public.join(narrow).readers == frozenset({"jane"})
    assert public.join(public.join(BOTTOM)).readers is None


def test_fewer_readers_are_stricter() -> None:
    nobody, jane = Label(readers=frozenset()), Label(readers=frozenset({"jane"}))
    assert BOTTOM <= jane <= nobody
    assert not nobody <= jane
    assert not jane <= BOTTOM


def test_labels_of_different_dimensions_are_not_ordered() -> None:
    tainted, secret = (
        Label(integrity=Integrity.untrusted),
        Label(confidentiality=Confidentiality.restricted),
    )
    assert not tainted <= secret
    assert not secret <= tainted
    assert tainted.join(secret) == WORST


@pytest.mark.parametrize("dimension", ["tenants", "regions"])
def test_data_of_two_tenants_or_regions_has_no_sink(dimension: str) -> None:
    values: list[dict[str, Any]] = [{dimension: frozenset({name})} for name in "ab"]
    one, other = (Label(**value) for value in values)
    assert BOTTOM.has_sink
    assert one.has_sink
    assert not one.join(other).has_sink
