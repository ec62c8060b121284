from __future__ import annotations

from typing import Any

import orjson
import pytest

from safeconduct.core.decide import decide
from safeconduct.core.masks import Mask, hashed, mask, unkept
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.policy_input import policy_input
from safeconduct.core.record import decision_record
from safeconduct.core.recorded_input import NotReplayable, recorded_input
from tests.support.facts import call, facts

KEY = b"k" * 32
RESOLVED = {"owner": "Dana", "analyst": "Dana", "delta_bps": 5, "list": [1]}


def recorded(*masks: Mask, key: bytes = KEY) -> dict[str, Any]:
    known = facts(resolved=RESOLVED, policy=PolicyAnswer(permit=("all",), masks=masks))
    return decision_record("d_1", call(), known.gathered, known, decide(call(), known), key)


def seen(record: dict[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(recorded_input(record))
    return value


def test_what_is_masked_is_nowhere_in_the_record_and_marked() -> None:
    record = recorded(
        Mask("facts", "owner", "hash"),
        Mask("facts", "delta_bps", "erase"),
        Mask("facts", "absent", "hash"),
        Mask("user", "groups", "erase"),
        Mask("user", "acr", "hash"),
    )
    assert record["policy"]["masked"] == [
        "/facts/owner", "/facts/delta_bps", "/user/groups", "/user/acr",
    ]  # fmt: skip
    assert record["facts"] == {}
    assert record["policy"]["input"]["facts"] == {
        "analyst": "Dana", "list": [1], "owner": hashed("Dana", KEY),
    }  # fmt: skip
    user = record["policy"]["input"]["user"]
    assert "groups" not in user
    assert user["acr"] == hashed("mfa", KEY)
    assert b"sales" not in orjson.dumps(record)


def test_equal_values_are_equal_after_masking_and_others_are_not() -> None:
    both = Mask("facts", "owner", "hash"), Mask("facts", "analyst", "hash")
    known = seen(recorded(*both))["facts"]
    assert known["owner"] == known["analyst"] == hashed("Dana", KEY)
    assert known["owner"].startswith("hmac-sha256:")
    assert len(known["owner"]) == len("hmac-sha256:") + 32
    assert hashed("Dana", b"other") != known["owner"] != hashed("dana", KEY)
    assert hashed({"a": 1, "b": 2}, KEY) == hashed({"b": 2, "a": 1}, KEY)


def test_a_masked_integer_fact_is_hashed_as_any_other() -> None:
    record = recorded(Mask("facts", "delta_bps", "hash"))
    assert record["facts"] == {}
    assert seen(record)["facts"]["delta_bps"] == hashed(5, KEY)


def test_a_first_fact_is_hashed_where_there_is_no_other() -> None:
    kept: dict[str, Any] = {"user": {}}
    integers = {"n": 1}
    assert mask((Mask("facts", "n", "hash"),), KEY, kept, integers) == ["/facts/n"]
    assert (kept, integers) == ({"user": {}, "facts": {"n": hashed(1, KEY)}}, {})


def test_without_a_key_nothing_is_hashed_and_nothing_shown() -> None:
    record = recorded(Mask("facts", "owner", "hash"), key=b"")
    assert "owner" not in record["policy"]["input"]["facts"]
    assert record["policy"]["masked"] == ["/facts/owner"]


def test_only_what_is_masked_differs_from_what_the_rules_saw() -> None:
    known = facts(resolved=RESOLVED)
    whole = orjson.loads(policy_input(call(), known))
    assert seen(recorded()) == whole
    masked = seen(recorded(Mask("facts", "owner", "erase"), Mask("user", "groups", "erase")))
    del whole["facts"]["owner"], whole["user"]["groups"]
    assert masked == whole
    assert "masked" not in recorded(Mask("facts", "absent", "erase"))["policy"]


def test_where_an_engine_did_not_say_what_to_mask_nothing_is_shown() -> None:
    known = facts(resolved=RESOLVED, policy=PolicyAnswer(error="broken", masks=None))
    record = decision_record("d_1", call(), known.gathered, known, decide(call(), known), KEY)
    assert (record["facts"], record["policy"]["masked"]) == ({}, [""])
    with pytest.raises(NotReplayable):
        recorded_input(record)


def test_a_path_is_a_json_pointer() -> None:
    assert Mask("facts", "a/b~c", "erase").path == "/facts/a~1b~0c"


def test_what_is_masked_of_arguments_and_results_is_told_by_its_place() -> None:
    masks = (
        Mask("arguments", "iban", "erase"),
        Mask("facts", "owner", "hash"),
        Mask("result", "ssn", "hash"),
    )
    assert unkept(masks, "arguments") == (("arguments", "iban"),)
    assert unkept(masks, "result") == (
        ("result", "structuredContent", "ssn"),
        *(("result", name) for name in ("content", "contents", "messages", "completion")),
    )
    assert unkept(masks[:2], "result") == ()
    assert unkept((), "arguments") == ()
    # What may be kept is not known.
    assert unkept(None, "result") == (("result",),)
    kept: dict[str, Any] = {"user": {}, "facts": {"owner": "Dana"}}
    assert mask(masks, KEY, kept, {}) == ["/facts/owner"]
