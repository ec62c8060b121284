from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label

names = st.frozensets(st.sampled_from("abc"))
labels = st.builds(
    Label,
    integrity=st.sampled_from(Integrity),
    confidentiality=st.sampled_from(Confidentiality),
    categories=names,
    readers=st.none() | names,
    tenants=names,
    regions=names,
)


@given(labels, labels)
def test_a_join_is_commutative(a: Label, b: Label) -> None:
    assert a.join(b) == b.join(a)


@given(labels, labels, labels)
def test_a_join_is_associative(a: Label, b: Label, c: Label) -> None:
    assert a.join(b).join(c) == a.join(b.join(c))


@given(labels)
def test_a_join_is_idempotent(a: Label) -> None:
    copy = Label(**{name: getattr(a, name) for name in a.__struct_fields__})
    assert a.join(a) == a.join(copy) == a


@given(labels)
def test_the_bottom_is_neutral_and_below_everything(a: Label) -> None:
    assert a.join(BOTTOM) == BOTTOM.join(a) == a.join(Label()) == a
    assert a >= BOTTOM


@given(labels, labels, labels)
def test_a_join_is_the_least_upper_bound(a: Label, b: Label, c: Label) -> None:
    assert a <= a.join(b)
    assert b <= a.join(b)
    assert (a.join(b) <= c) is (a <= c and b <= c)


@given(labels, labels, labels)
def test_the_order_is_reflexive_antisymmetric_and_transitive(a: Label, b: Label, c: Label) -> None:
    assert a <= Label(**{name: getattr(a, name) for name in a.__struct_fields__})
    assert (a <= b <= a) is (a == b)
    assert not (a <= b <= c) or a <= c


@given(labels, labels)
def test_the_order_is_the_stricter_one_in_every_dimension(a: Label, b: Label) -> None:
    readers = a.readers is None or (b.readers is not None and b.readers <= a.readers)
    assert (a <= b) is (
        a.integrity <= b.integrity
        and a.confidentiality <= b.confidentiality
        and a.categories <= b.categories
        and readers
        and a.tenants <= b.tenants
        and a.regions <= b.regions
    )


@given(labels, labels)
def test_a_stricter_label_never_gains_a_sink(a: Label, b: Label) -> None:
    assert a.has_sink or not a.join(b).has_sink
