"""What is measured of policies is what a gateway asks, and answers rightly."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench import policy, rules
from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.loading import load
from tests.support.pages import DOCS, codes, sections, tables

FIELDS = {
    "rego_us",
    "cedar_us",
    "own_process_us",
    "own_process_gateway_us",
    "shipped_rego_us",
    "shipped_cedar_us",
}


def test_each_subject_is_measured_in_each_round() -> None:
    found = policy.slices(2)
    assert found.keys() == FIELDS
    assert all(len(values) == 2 and min(values) > 0 for values in found.values())


def test_every_figure_is_explained() -> None:
    (table,) = tables(sections(DOCS / "reference" / "benchmark.md")["Policy"])
    assert {code for row in table[1:] for code in codes(row[0])} == FIELDS | {"replays_per_cpu_s"}


@pytest.mark.parametrize("write", [rules.rego, rules.cedar])
def test_there_are_200_rules_for_tools_and_six_for_all(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    found = load(write(tmp_path)).rules
    assert [rule.set for rule in found].count("permit") == 200
    assert [rule.set for rule in found].count("deny") == 6
    assert len(found) == 206


def test_a_wrong_answer_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = policy.Here.answer

    def wrong(here: policy.Here) -> PolicyAnswer:
        return msgspec.structs.replace(closed(here), permit=())

    monkeypatch.setattr(policy.Here, "answer", wrong)
    with pytest.raises(RuntimeError, match="rego_us"):
        policy.slices(2)
