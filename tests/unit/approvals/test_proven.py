"""Every yes that a passkey signed verifies from the log alone; nothing else does."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from safeconduct.approvals.proven import KINDS, Proven, Summary
from safeconduct.audit.payloads.opening import opener
from safeconduct.audit.reading import read
from safeconduct.cli import main
from safeconduct.ports import JSON
from tests.support.consoling import DEAL, KIM, LEE, URL, House
from tests.support.signing import People
from tests.support.worlds import USER

Record = dict[str, Any]
Taken = list[tuple[Record, JSON | None]]

TWO: Final[JSON] = {
    "templates": {
        "scope": {
            "ask": ["user", "desk"],
            "keys": "device-bound",
            "offers": {"calls": 3, "minutes": 5},
        }
    }
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("house")


@pytest.fixture(scope="module")
def taken(log: Path) -> Taken:
    """A yes to a call, to less and to more, each by two persons, as the log has them."""
    asyncio.run(lived(log))
    directory = audit(log)
    found: Taken = []
    opening = opener(directory)
    for record in read(directory):
        opened = opening.opened(record) if record.get("phase") == "requested" else None
        content = None if opened is None or opened.content is None else opened.content["shown"]
        if record["kind"] in KINDS:
            found.append((dict(opening.shown(record)), content))
    opening.close()
    return found


async def lived(log: Path) -> None:
    """Has it all happen."""
    house = House(log, approvals=TWO)
    people = People(house)
    for user in (USER, KIM):
        await people.key(user)
    await house.asked({**DEAL, "next_step": "no"})
    (question,) = house.rooms.desk.pending()
    await house.rooms.desk.operate(question.id, granted=False, by="uid:0 root")
    less = {**DEAL, "amount_minor": 800}
    for choice, arguments in (("granted", None), ("narrowed", less), ("elevated", None)):
        given = {**DEAL, "next_step": choice}
        await house.asked(given)
        smaller = None if arguments is None else {**arguments, "next_step": choice}
        for user in (USER, KIM):
            await people.say(user, choice, smaller)
        assert (await house.call(smaller or given)).verdict == "done"
    await house.rooms.close()


def audit(log: Path) -> Path:
    (directory,) = {path.parent for path in log.rglob("log.pub")}
    return directory


def proven(taken: Taken, url: str | None = URL, *, whole: bool = True) -> Summary:
    one = Proven(url, whole=whole)
    for seq, (record, shown) in enumerate(taken):
        one.add(seq, record, shown, readable=True)
    return one.summary()


def answers(taken: Taken, *phases: str) -> list[Record]:
    return [record for record, _ in taken if record.get("phase") in phases and "proof" in record]


def test_each_signature_is_of_what_was_shown(taken: Taken) -> None:
    assert len(answers(taken, "agreed", "granted", "narrowed", "elevated")) == 6
    for url in (URL, None):
        found = proven(taken, url)
        assert (found.verified, found.wrong, found.unseen) == (6, 0, 0), found.findings


def test_without_what_is_sealed_the_record_of_the_question_is_enough(taken: Taken) -> None:
    found = proven([(record, None) for record, _ in taken])
    assert (found.verified, found.wrong) == (6, 0)


def _first(taken: Taken, phase: str) -> Record:
    return next(iter(answers(taken, phase)))


def _signature(taken: Taken) -> None:
    proof = _first(taken, "granted")["proof"]
    proof["signature"] = proof["signature"][:-6] + "AAAAAA"


def _other_key(taken: Taken) -> None:
    proof, other = _first(taken, "granted")["proof"], _first(taken, "agreed")["proof"]
    proof["credential"] = other["credential"]


def _stranger(taken: Taken) -> None:
    _first(taken, "granted")["by"] = LEE


def _to(taken: Taken) -> None:
    record = _first(taken, "elevated")
    record["to"] = "sha256:" + "0" * 64


def _call(taken: Taken) -> None:
    record = _first(taken, "granted")
    record["to"] = record["digest"] = "sha256:" + "0" * 64


def _nonce(taken: Taken) -> None:
    _first(taken, "granted")["proof"]["nonce"] = _first(taken, "agreed")["proof"]["nonce"]


def _replayed(taken: Taken) -> None:
    record, other = _first(taken, "agreed"), answers(taken, "agreed")[1]
    other["proof"] = copy.deepcopy(record["proof"])


def _shown(taken: Taken) -> None:
    shown = next(content for _, content in taken if content is not None)
    shown["arguments"] = "{}"


def _task(taken: Taken) -> None:
    for record, _ in taken:
        if record.get("phase") == "requested":
            record["task"] = "t_other"


def _unregistered(taken: Taken) -> None:
    taken[:] = [one for one in taken if one[0]["kind"] != "passkey"]


def _unasked(taken: Taken) -> None:
    taken[:] = [one for one in taken if one[0].get("phase") != "requested"]


def _synced(taken: Taken) -> None:
    for record, _ in taken:
        if record["kind"] == "passkey":
            record["synced"] = True


def _more_calls(taken: Taken) -> None:
    next(record for record, _ in taken if record["kind"] == "elevation")["calls"] = 99


def _no_elevation(taken: Taken) -> None:
    taken[:] = [one for one in taken if one[0]["kind"] != "elevation"]


def _another_ran(taken: Taken) -> None:
    permit = next(one for one, _ in taken if one.get("verdict") == "permit" and "approval" in one)
    permit["digest"] = "sha256:" + "0" * 64


def _twice(taken: Taken) -> None:
    permit = next(
        one for one in taken if one[0].get("verdict") == "permit" and "approval" in one[0]
    )
    taken.append(permit)


def _torn(taken: Taken) -> None:
    del _first(taken, "granted")["proof"]["authenticator_data"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_signature, "its signature is not of this"),
        (_other_key, "its passkey is somebody else's"),
        (_stranger, "its passkey is somebody else's"),
        (_to, "its signature is not of this"),
        (_call, "it answers another question"),
        (_nonce, "its nonce was used before"),
        (_replayed, "its nonce was used before"),
        (_shown, "what is sealed is not what was shown"),
        (_task, "it was asked of others, or about another task, than what was shown"),
        (_unregistered, "it rests on what is not on record before it"),
        (_unasked, "it rests on what is not on record before it"),
        (_synced, "its passkey is not bound to a device"),
        (_more_calls, "the elevation is not what was agreed to"),
        (_no_elevation, "no elevation followed the yes"),
        (_another_ran, "the call that ran is not the one that was agreed to"),
        (_twice, "it rests on what is not on record before it"),
        (_torn, "it lacks what a record of its kind has"),
    ],
)
def test_whatever_is_changed_is_found(
    taken: Taken, damage: Callable[[Taken], None], says: str
) -> None:
    spoilt = copy.deepcopy(taken)
    damage(spoilt)
    found = proven(spoilt)
    assert found.wrong >= 1
    assert says in found.findings[0].sentence


def test_another_console_s_signature_is_none_of_ours(taken: Taken) -> None:
    assert proven(taken, "https://console.elsewhere.example").verified == 0


def test_what_was_pruned_is_not_held_against_what_is_left(taken: Taken) -> None:
    left = [one for one in taken if one[0].get("phase") not in ("registered", "requested")]
    found = proven(left, whole=False)
    assert (found.verified, found.wrong, found.unseen) == (0, 0, 6)


def test_who_was_forgotten_cannot_be_asked_again(taken: Taken) -> None:
    one = Proven(URL)
    for seq, (record, _) in enumerate(taken):
        one.add(seq, record, None, readable="by" not in record)
    found = one.summary()
    assert (found.verified, found.wrong, found.unseen) == (0, 0, 6)


def test_the_verifier_says_so(taken: Taken, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert taken
    command = ["audit", "verify", str(audit(log)), "--approvals", "--console"]
    assert main.main([*command, URL]) == 0
    said = capsys.readouterr().out
    assert "6 passkey signatures under a yes verified" in said
    assert main.main([*command, "https://elsewhere.example", "--format", "json"]) == 11
    told = json.loads(capsys.readouterr().out)
    assert (told["verified"], told["approvals"]["wrong"]) == (False, 6)
    assert told["sentence"].startswith("audit NOT verified: record ")
