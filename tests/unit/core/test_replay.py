from safeconduct.core.replay import PERMIT, Verdict, disagreeing, recorded


def test_what_no_check_pronounced_is_not_judged_again() -> None:
    record = {"checks": [], "verdict": "deny", "reason": "busy"}
    assert disagreeing(record, None, unmet=False) == ()


def test_a_verdict_that_does_not_follow_from_its_checks_is_named() -> None:
    passed = {"check": "flow", "said": "nothing against it"}
    record = {"checks": [passed], "verdict": "deny", "reason": "flow-not-allowed"}
    assert disagreeing(record, None, unmet=False) == ("verdict", "reason")


def test_a_question_that_found_no_room_counts_as_asked() -> None:
    asks = {"check": "elevation", "said": "elevate", "asks": ["scope:deal:update"]}
    record = {"checks": [asks], "verdict": "deny", "reason": "desk-full"}
    assert recorded(record) == Verdict("elevate", requires=("scope:deal:update",))


def test_a_verdict_is_told_in_a_few_words() -> None:
    assert str(PERMIT) == "permit"
    assert str(Verdict("deny", "flow-not-allowed")) == "deny (flow-not-allowed)"
    assert str(Verdict("elevate", requires=("scope:a", "scope:b"))) == "elevate (scope:a, scope:b)"
