"""Labels: what is known of a piece of data, as one join-semilattice.

A label only ever rises (ARCHITECTURE: information flow). `join` is commutative, associative and
idempotent, `BOTTOM` is its neutral element, and `a <= b` means that `b` is at least as strict as
`a` in every dimension. Denning, "A lattice model of secure information flow", CACM 19(5), 1976.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec


class Integrity(IntEnum):
    """Who could have written the data; a higher number is less trustworthy, so join is max."""

    trusted = 0
    endorsed = 1
    untrusted = 2


class Confidentiality(IntEnum):
    """Who may read the data; join is max."""

    public = 0
    internal = 1
    confidential = 2
    restricted = 3


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One label.

    `readers` is None when nobody has narrowed them (everyone the confidentiality admits); sets of
    readers join by intersection. `tenants` and `regions` hold every tenant and region the data came
    from: with two of either there is no sink left (`has_sink`).
    """

    integrity: Integrity = Integrity.trusted
    confidentiality: Confidentiality = Confidentiality.public
    categories: frozenset[str] = frozenset()
    readers: frozenset[str] | None = None
    tenants: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()

    def join(self, other: Label) -> Label:
        """The least label that is at least as strict as both."""
        if other <= self:
            return self
        return Label(
            integrity=max(self.integrity, other.integrity),
            confidentiality=max(self.confidentiality, other.confidentiality),
            categories=self.categories | other.categories,
            readers=_narrower(self.readers, other.readers),
            tenants=self.tenants | other.tenants,
            regions=self.regions | other.regions,
        )

    def __le__(self, other: Label) -> bool:
        """Whether `other` is at least as strict as this label in every dimension."""
        return self is other or (
            self.integrity <= other.integrity
            and self.confidentiality <= other.confidentiality
            and self.categories <= other.categories
            and self.tenants <= other.tenants
            and self.regions <= other.regions
            and (
                self.readers is None
                or (other.readers is not None and other.readers <= self.readers)
            )
        )

    @property
    def has_sink(self) -> bool:
        """Whether any sink may receive this data: no two tenants or regions were mixed."""
        return len(self.tenants) <= 1 and len(self.regions) <= 1


BOTTOM: Final = Label()
"""The neutral element of `join`: trusted, public, nothing known against it."""

WORST: Final = Label(integrity=Integrity.untrusted, confidentiality=Confidentiality.restricted)
"""What a source counts as when nobody has reviewed it."""


def _narrower(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None:
        return b
    if b is None:
        return a
    return a & b
