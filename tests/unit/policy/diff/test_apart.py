"""Two bundles are compared in a process of its own, within limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import orjson
import pytest

from safeconduct.policy.bundles.reading import Bundle, read
from safeconduct.policy.confined import NoAnswer
from safeconduct.policy.diff import apart
from safeconduct.policy.diff.apart import compared
from safeconduct.policy.diff.report import Comparison, Report
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.replay.asked import Bundles
from tests.support.bundles import PACKAGE, bundle
from tests.support.decisions import decided
from tests.support.facts import call, facts, task

OLD: Final = PACKAGE + 'permit contains {"id": "read"} if input.call.tool == "crm.get"\n'
NEW: Final = OLD + 'deny contains {"id": "none"} if input.call.tool == "crm.get"\n'
SLOW: Final = (
    OLD
    + """
deny contains {"id": "slow"} if {
    input.call.tool == "crm.get"
    some x in data.list
    some y in data.list
    x + y < 0
}
"""
)


def records(old: Bundle, count: int = 2) -> list[bytes]:
    """Decisions that a bundle made."""
    made = call(target="crm.get", upstream="crm")
    return [
        orjson.dumps(decided(RegoEngine(old), made, facts(task=task(id=f"t_{n}")), f"d_{n}"))
        for n in range(count)
    ]


def asked(old: Bundle, new: Bundle, given: list[bytes], cpu_s: int = 20) -> Report:
    return compared(old, new, given, cpu_s=cpu_s, wall_s=30)


def test_it_says_what_the_comparison_here_says() -> None:
    old, new = bundle(OLD), bundle(NEW)
    given = records(old)
    here = Comparison(Bundles([RegoEngine(old)]), RegoEngine(new))
    for record in given:
        here.take(orjson.loads(record))
    found = asked(old, new, given)
    assert found == here.report()
    assert (found.decisions, found.changed, found.narrowed) == (2, 2, 2)


def test_nothing_to_compare_is_no_failure() -> None:
    found = asked(bundle(OLD), bundle(NEW), [])
    assert (found.decisions, found.compared) == (0, False)


def test_rules_that_do_not_pass_are_refused_before_any_call_is_decided() -> None:
    with pytest.raises(PolicyRefused, match="not Rego"):
        asked(bundle(OLD), bundle(OLD + "<\n"), records(bundle(OLD)))


def test_rules_that_are_elsewhere_cannot_be_tried_here(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(
        "name: far\nengine: opa\nentrypoint: a.b\nremote: {url: http://127.0.0.1:1}\n",
        encoding="utf-8",
    )
    with pytest.raises(PolicyRefused, match="cannot be tried here"):
        asked(bundle(OLD), read(tmp_path), [])


def test_rules_that_never_come_back_end_with_their_process(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = bundle(SLOW, data=json.dumps({"list": list(range(9_999))}))
    given = records(bundle(OLD))
    monkeypatch.setattr(apart, "judge", lambda _: None)  # which ends them with most inputs
    with pytest.raises(NoAnswer, match="the rules did not come back within 1 s"):
        asked(bundle(OLD), slow, given, cpu_s=1)
