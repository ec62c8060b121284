from collections.abc import Mapping

from safeconduct.core.obligations import Constant, Constrain, Demands
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.policy.contract import Asked, Contract, Denied, Permitted, Sets

PERMIT, DENY = Sets(permit=(Permitted("p"),)), Sets(deny=(Denied("d"),))
ALL = Sets(permit=(Permitted("p"),), deny=(Denied("d"),), elevate=(Asked("e", "t", 60),))


def contract(*log_only: str, obligations: Mapping[str, Demands] | None = None) -> Contract:
    return Contract(digest="b", log_only=frozenset(log_only), obligations=obligations or {})


def test_the_sets_are_the_answer() -> None:
    assert contract().answer(ALL) == PolicyAnswer(
        permit=("p",), deny=("d",), elevate=(PolicyElevate("e", "t", 60),), bundle="b"
    )


def test_deny_beats_elevate_and_elevate_beats_permit_and_nothing_is_deny() -> None:
    assert contract().answer(ALL).said == "deny"
    assert contract().answer(ALL.without({"d"})).said == "elevate"
    assert contract().answer(ALL.without({"d", "e"})).said == "permit"
    assert contract().answer(Sets()).said == "deny"
    assert contract().failed("dead").said == "deny"


def test_a_rule_that_is_only_logged_says_what_it_would_have_done() -> None:
    answer = contract("d").answer(ALL)
    assert (answer.deny, answer.said) == ((), "elevate")
    assert (answer.log_only, answer.would_have) == (("d",), "deny")


def test_nothing_is_logged_where_no_such_rule_spoke() -> None:
    answer = contract("d").answer(PERMIT)
    assert (answer.log_only, answer.would_have) == ((), None)


def test_an_engine_in_which_rules_hide_others_passes_both_sets() -> None:
    answer = contract("d").answer(PERMIT, DENY)
    assert (answer.permit, answer.log_only, answer.would_have) == (("p",), ("d",), "deny")


def test_obligations_of_all_rules_that_spoke_hold() -> None:
    sets = Sets(
        permit=(Permitted("p", ("own",)), Permitted("q")), elevate=(Asked("e", "t", 60, ("b",)),)
    )
    own = Constrain(("tenant_id",), "task.tenant")
    fixed = Constrain(("limit",), Constant(10))
    known = {
        "own": Demands(constrain=(own,), redact=("pii",)),
        "b": Demands(constrain=(fixed, own), spotlight=True),
        "unused": Demands(redact=("pricing",)),
    }
    answer = contract(obligations=known).answer(sets)
    assert answer.obligations == ("b", "own")
    assert answer.demands == Demands(constrain=(fixed, own), redact=("pii",), spotlight=True)


def test_what_a_rule_that_is_only_logged_demands_does_not_hold() -> None:
    sets = Sets(permit=(Permitted("p"), Permitted("logged", ("own",))))
    answer = contract("logged", obligations={"own": Demands(redact=("pii",))}).answer(sets)
    assert (answer.obligations, answer.demands) == ((), Demands())


def test_an_obligation_that_nobody_explains_is_an_error() -> None:
    answer = contract().answer(Sets(permit=(Permitted("p", ("own",)),)))
    assert answer.error is not None
    assert (answer.permit, answer.said) == ((), "deny")
