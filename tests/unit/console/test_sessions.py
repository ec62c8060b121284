from typing import Any

from safeconduct.approvals.answers import Answer
from safeconduct.console.sessions import MAX_OF_USER, MAX_SESSIONS, MAX_STEPS, Sessions, Step
from safeconduct.ports import Attempt


def sessions(*away: str) -> Sessions:
    return Sessions(lambda: 0, lambda one: one.user not in away)


def begun(among: Sessions, user: str = "kim", **more: Any) -> str:
    return among.begin(user, "sign-in", 0, "sign-in", **more)[0]


def test_a_session_is_found_by_its_name_alone() -> None:
    among = sessions()
    name = begun(among)
    found = among.find(name)
    assert found is not None
    assert (found.user, found.owns(found.csrf), found.owns("")) == ("kim", True, False)
    for other in ("", name[:-1], name + "x", begun(among, "lee")):
        known = among.find(other)
        assert known is None or known.user == "lee"
    among.end(name)
    among.end(name)
    assert among.find(name) is None


def test_sessions_of_one_and_of_all_are_bounded() -> None:
    among = sessions()
    mine = [begun(among) for _ in range(MAX_OF_USER + 1)]
    assert [among.find(name) is not None for name in mine] == [False] + [True] * MAX_OF_USER
    for number in range(MAX_SESSIONS):
        begun(among, str(number))
    assert among.find(mine[-1]) is None


def test_who_may_not_be_signed_in_is_not() -> None:
    among = sessions("kim")
    assert among.find(begun(among)) is None


def test_what_somebody_went_to_say_is_bounded() -> None:
    among = sessions()
    _, one = among.begin("kim", "sign-in", 0, "sign-in")
    answer = Answer(choice="granted", means="sign-in")
    for number in range(MAX_STEPS + 2):
        one.away(Step(Attempt(str(number), "n", "v"), "a_1", answer, 0))
    assert list(one.steps) == [str(number) for number in range(2, MAX_STEPS + 2)]
    _, other = among.begin("kim", "sign-in", 0, "sign-in")
    assert other.steps == {}
