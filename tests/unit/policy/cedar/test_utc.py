"""The time of the day in the context, against a calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.policy.bundles.header import Header
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.cedar.engine import CedarEngine

SCHEMA = """
entity Agent = {};
entity Tool = {};
action "t.now" appliesTo {
  principal: Agent,
  resource: Tool,
  context: {utc: {weekday: Long, minute: Long}, facts: {weekday?: Long, minute?: Long}},
};
"""
RULE = """
@id("same")
permit (principal, action == Action::"t.now", resource)
when {
  context.facts has weekday && context.facts has minute &&
  context.utc.weekday == context.facts.weekday && context.utc.minute == context.facts.minute
};
"""
ENGINE = CedarEngine(
    Bundle(
        header=Header(name="test", engine="cedar"),
        rules=(RuleFile("rules/test.cedar", RULE),),
        schema=SCHEMA,
        data="{}",
        digest="0" * 64,
    )
)


def ask(weekday: int, minute: int, now_ms: object) -> tuple[bool, bool]:
    value = {
        "call": {"tool": "t.now", "effect": "read", "upstream": "t"},
        "agent": {"id": "a"},
        "facts": {"weekday": weekday, "minute": minute},
        "now_ms": now_ms,
    }
    answer = ENGINE.evaluate(orjson.dumps(value), 0)
    return answer.said == "permit", answer.error is not None


@given(st.datetimes(timezones=st.just(UTC)))
def test_weekday_and_minute_are_those_of_the_calendar(now: datetime) -> None:
    now_ms = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    minute = now.hour * 60 + now.minute
    assert ask(now.isoweekday(), minute, now_ms) == (True, False)
    assert ask(now.isoweekday(), minute + 1, now_ms) == (False, False)


def test_what_is_worked_out_of_the_time_needs_the_time() -> None:
    assert ENGINE.members is not None
    assert "now_ms" in ENGINE.members


def test_without_a_time_nothing_is_decided() -> None:
    for now_ms in (None, True, "1762000000000", 1.5, [1]):
        assert ask(4, 0, now_ms) == (False, True)
