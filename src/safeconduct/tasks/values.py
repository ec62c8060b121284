"""Stored JSON back into the core's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safeconduct.core.labels import Confidentiality, Integrity, Label


def label_of(value: Mapping[str, Any]) -> Label:
    """The label that `safeconduct.core.record.label_value` wrote."""
    readers = value.get("readers")
    return Label(
        integrity=Integrity[value["integrity"]],
        confidentiality=Confidentiality[value["confidentiality"]],
        categories=frozenset(value["categories"]),
        readers=None if readers is None else frozenset(readers),
        tenants=frozenset(value.get("tenants", ())),
        regions=frozenset(value.get("regions", ())),
    )
