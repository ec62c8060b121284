"""What a call aims at: its addresses, and the values that need a voucher."""

from __future__ import annotations

import pytest

from safeconduct.core.aiming import addresses, needed
from safeconduct.core.manifest import Argument, Role
from tests.support.facts import (
    call,
    facts,
    tool,
)


def test_what_an_argument_needs_follows_from_its_role_where_nothing_is_said() -> None:
    assert needed(Argument(role="path"), steers=True) == "vouched"
    assert needed(Argument(role="path"), steers=False) == "any"
    assert needed(Argument(role="content"), steers=True) == "any"
    assert needed(Argument(role="path", needs="any"), steers=True) == "any"
    assert needed(Argument(role="content", needs="seen"), steers=False) == "seen"


@pytest.mark.parametrize("role", ["recipient", "destination"])
def test_an_empty_list_is_no_address(role: Role) -> None:
    known = tool(arguments={"to": Argument(role=role)})
    (to,) = addresses(call({"to": []}), facts(tool=known))
    assert not to.acceptable(facts(tool=known))
