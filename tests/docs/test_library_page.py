"""The page of the library of policies lists what there is."""

from __future__ import annotations

import re

from tests.support.library import NAMES, bundle_of
from tests.support.pages import DOCS, codes, tables

PAGE = DOCS / "reference" / "library.md"
ROWS = tables(PAGE.read_text(encoding="utf-8"))[0][1:]


def test_every_policy_is_listed_with_its_page() -> None:
    assert sorted(row[0] for row in ROWS) == [
        f"[{name}](../../policies/{name}/README.md)" for name in NAMES
    ]


def test_the_tools_are_those_that_the_rules_permit() -> None:
    for row in ROWS:
        policy = row[0].partition("]")[0].removeprefix("[")
        schema = (bundle_of(policy, "cedar") / "schema.cedarschema").read_text(encoding="utf-8")
        actions = {quoted for quoted in re.findall(r'"([^"]+)"', schema) if "." in quoted}
        file = f"{policy.replace('-', '_')}.rego"
        rego = (bundle_of(policy, "rego") / "rules" / file).read_text(encoding="utf-8")
        assert set(codes(row[1])) == actions
        assert {word for word in re.findall(r'"([^"]+)"', rego) if word in actions} == actions
