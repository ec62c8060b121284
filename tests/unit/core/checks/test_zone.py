from __future__ import annotations

from typing import Literal

import pytest

from safeconduct.core.checks.zone import zone
from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import FieldLabel, Returns
from safeconduct.core.model import ZoneFacts
from safeconduct.core.verdict import Deny
from tests.support.facts import call, gathered, tool


def office(
    egress: tuple[str, ...] = ("crm",),
    deny: tuple[str, ...] = (),
    max_label: Confidentiality = Confidentiality.internal,
) -> ZoneFacts:
    return ZoneFacts(
        id="office", egress=frozenset(egress), deny=frozenset(deny), max_label=max_label
    )


def test_a_listed_destination_passes() -> None:
    assert zone(call(), gathered(zone=office())) is None


@pytest.mark.parametrize(
    "where", [None, office(egress=()), office(egress=("mail",)), office(deny=("crm",))]
)
def test_what_the_zone_does_not_list_or_denies_is_refused(where: ZoneFacts | None) -> None:
    assert zone(call(), gathered(zone=where)) == Deny("zone-denied")


def test_a_source_above_the_ceiling_is_refused() -> None:
    known = tool(source=Label(confidentiality=Confidentiality.confidential))
    assert zone(call(), gathered(zone=office(), tool=known)) == Deny("zone-label")


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        (None, None),
        ("public", None),
        ("internal", None),
        ("confidential", Deny("zone-label")),
        ("restricted", Deny("zone-label")),
    ],
)
def test_one_field_above_the_ceiling_is_enough(
    field: Literal["public", "internal", "confidential", "restricted"] | None, answer: Deny | None
) -> None:
    fields = {"id": FieldLabel(), "body": FieldLabel(confidentiality=field)}
    known = tool(returns=Returns(fields=fields))
    assert zone(call(), gathered(zone=office(), tool=known)) == answer


def test_a_tool_without_a_manifest_has_its_source_alone() -> None:
    assert zone(call(), gathered(zone=office(), tool=tool(manifest=None))) is None
