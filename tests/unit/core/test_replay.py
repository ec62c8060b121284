from safeconduct.core.replay import disagreeing


def test_what_no_check_pronounced_is_not_judged_again() -> None:
    record = {"checks": [], "verdict": "deny", "reason": "busy"}
    assert disagreeing(record, None, unmet=False) == ()


def test_a_verdict_that_does_not_follow_from_its_checks_is_named() -> None:
    passed = {"check": "flow", "said": "nothing against it"}
    record = {"checks": [passed], "verdict": "deny", "reason": "flow-not-allowed"}
    assert disagreeing(record, None, unmet=False) == ("verdict", "reason")
