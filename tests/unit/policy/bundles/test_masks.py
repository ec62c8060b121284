from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.core.masks import Mask
from safeconduct.policy.bundles.masks import read_masks
from safeconduct.policy.loading import load
from safeconduct.policy.refusal import PolicyRefused
from tests.support.bundles import write


def test_pointers_name_arguments_results_facts_and_traits_of_the_user() -> None:
    text = (
        "erase: [/user/groups, /facts/a~1b~0c, /arguments/iban]\n"
        "hash: [/facts/owner, /result/ssn]\n"
    )
    assert read_masks(text) == (
        Mask("user", "groups", "erase"),
        Mask("facts", "a/b~c", "erase"),
        Mask("arguments", "iban", "erase"),
        Mask("facts", "owner", "hash"),
        Mask("result", "ssn", "hash"),
    )
    assert read_masks("{}") == ()


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("erase:\n  - /facts/x\n  - /user/id\n", 3, "can be masked"),
        ("erase: [/facts]", 1, "can be masked"),
        ("erase: [/facts/]", 1, "can be masked"),
        ("erase: [/facts/a/b]", 1, "can be masked"),
        ("erase: [/facts/a~2]", 1, "can be masked"),
        ("erase: [facts/a]", 1, "can be masked"),
        ("hash: [/agent/id]", 1, "can be masked"),
        ("hash: [/call/tool]", 1, "can be masked"),
        ("erase: [/facts/a]\nhash: [/facts/a]\n", 2, "named twice"),
        ("hide: [/facts/a]", 1, "unknown field `hide`"),
        ("erase: /facts/a", 1, "Expected `array`"),
        ("erase: [", 1, ""),
    ],
)
def test_what_cannot_be_masked_is_refused_with_its_line(
    text: str, line: int, sentence: str
) -> None:
    with pytest.raises(PolicyRefused) as refused:
        read_masks(text)
    assert (refused.value.file, refused.value.line) == ("masks.yaml", line)
    assert sentence in refused.value.sentence


def test_every_answer_of_the_engine_says_what_to_mask(tmp_path: Path) -> None:
    failing = 'deny contains {"id": "x"} if abs(input.facts.owner) > 1\n'
    text: dict[str, str | bytes] = {"masks.yaml": "hash: [/facts/owner]\n"}
    engine = load(write(tmp_path, failing, files=text))
    answers = [
        engine.evaluate(given, 0)
        for given in (b'{"call":{"tool":"crm.get_case"}}', b'{"facts":{"owner":"Dana"}}', b"{")
    ]
    assert [answer.error is None for answer in answers] == [True, False, False]
    assert {answer.masks for answer in answers} == {(Mask("facts", "owner", "hash"),)}
