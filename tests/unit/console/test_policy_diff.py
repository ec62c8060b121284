"""What the policy in the directory would change, compared when somebody asks."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from safeconduct.config.approvals import Persons, Role
from safeconduct.config.policy import PolicyBlock
from safeconduct.console import comparing
from safeconduct.console.comparing import Comparing
from safeconduct.console.policy_diff import PER_MINUTE, DiffPages, counts, parts, turns
from safeconduct.console.site import site
from safeconduct.policy.diff.report import Group, Left, Report, Sample
from safeconduct.policy.keeping import KEPT
from safeconduct.ports import LedgerFault
from tests.support.bundles import write
from tests.support.consoling import ANN, KIM, OLE, Browser, House, Page
from tests.unit.console.test_policies import Ruled

DIFF: Final = "/policy/diff"
EVIL: Final = "<script>alert(1)</script>"
CASE: Final = {"case_id": "C-1"}
BOTH: Final[dict[Role, Persons]] = {
    "analyst": Persons(users=(ANN, OLE)),
    "operator": Persons(users=(OLE, KIM)),
}
NO_CASES: Final = 'deny contains {"id": "no.cases"} if input.call.tool == "crm.get_case"\n'


class Compares(Ruled):
    """The company, and what compares for it."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
        made: list[Comparing] = []
        init = DiffPages.__init__

        def noticed(pages: DiffPages, *args: Any) -> None:
            init(pages, *args)
            made.append(pages.comparing)

        monkeypatch.setattr(DiffPages, "__init__", noticed)
        super().__init__(directory, write, **more)
        self.comparing = made[-1]

    def instead(self, rules: str = NO_CASES) -> None:
        """Puts another policy into the directory."""
        write(self.policy, rules)

    async def compared(self, browser: Browser) -> Page:
        """The page with what came of a comparison."""
        asked = await browser.post(DIFF, {"csrf": (await browser.get("/policy")).csrf})
        assert (asked.status, asked.to) == (303, DIFF), asked.text
        await self.comparing.done()
        return await browser.get(DIFF)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Compares]:
    house = Compares(tmp_path, monkeypatch)
    async with house.task:
        await house.reloading.start()
        yield house


async def test_operators_see_counts_and_the_reading_is_on_record(house: Compares) -> None:
    steps = [await house.call(CASE, "crm.get_case") for _ in range(3)]
    house.instead()
    ole = await house.signed_in(OLE)
    assert "Compare over the last hour" in (await ole.get("/policy")).text
    assert not house.records("audit.read")
    page = await house.compared(ole)
    assert "<strong>1 of 3</strong> decisions would be others: 0 wider, 1 narrower." in page.text
    assert "2 would be the same by other rules." in page.text
    assert '<span class="verdict good">permit</span></th>' in page.text
    assert '<td data-of="Would be"><span class="verdict bad">deny</span></td>' in page.text
    for part in ("crm.get_case", "+no.cases", '<svg class="strip"', "1 narrower: refused or asked"):
        assert part in page.text
    (read,) = house.records("audit.read")
    assert (read["by"], read["phase"], read["records"], read["opened"]) == (OLE, "diff", 3, True)
    assert read["asked"]["kind"] == "decision"
    assert read["asked"]["since_ms"] == house.now_ms - comparing.HOUR_MS
    file = await ole.get(f"{DIFF}?format=json")
    assert file.headers["content-disposition"] == 'attachment; filename="policy-diff.json"'
    report = file.json["report"]
    assert (report["changed"], report["narrowed"], report["groups"][0]["samples"]) == (1, 1, [])
    for step in steps:
        assert str(step.decision) not in page.text + file.text
    assert len(house.records("audit.read")) == 1


async def test_analysts_see_which_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Compares(tmp_path, monkeypatch, roles=BOTH)
    async with house.task:
        await house.reloading.start()
        step = await house.call(CASE, "crm.get_case")
        house.instead()
        ole = await house.signed_in(OLE)
        page = await house.compared(ole)
        assert f'<a href="/calls/{step.decision}">' in page.text
        report = (await ole.get(f"{DIFF}?format=json")).json["report"]
        assert report["groups"][0]["samples"][0]["decision"] == step.decision
        (read,) = house.records("audit.read")
        assert (read["by"], read["phase"], read["records"]) == (OLE, "diff", 1)
        # What came of it is theirs: another operator's reading is not on record.
        kim = await house.signed_in(KIM)
        assert "no.cases" not in (await kim.get(DIFF)).text
        assert (await kim.get(f"{DIFF}?format=json")).status == 404


async def test_only_operators_by_a_form_of_their_session(house: Compares) -> None:
    house.instead()
    for user in (ANN, KIM):
        other = await house.signed_in(user)
        csrf = (await other.get("/keys")).csrf
        assert (await other.get(DIFF)).status == 403
        assert (await other.get(f"{DIFF}?format=json")).status == 403
        assert (await other.post(DIFF, {"csrf": csrf})).status == 403
    nobody = await house.browser().get(DIFF)
    assert (nobody.status, nobody.to) == (303, f"/sign-in?to={DIFF}")
    ole = await house.signed_in(OLE)
    assert (await ole.post(DIFF, {"csrf": "x"})).status == 403
    assert not house.comparing.running
    for _ in range(PER_MINUTE - 1):
        await ole.get(f"{DIFF}?format=json")
    assert (await ole.get(DIFF)).status == 429


async def test_who_only_looks_around_as_them_sees_nothing_of_it(house: Compares) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead()
    assert "+no.cases" in (await house.compared(await house.signed_in(OLE))).text
    visitor = house.browser()
    link = house.rooms.visits.make(OLE, "uid:0")
    assert (await visitor.post(f"/visit/{link}")).status == 303
    page = await visitor.get(DIFF)
    assert page.status == 200
    assert "no.cases" not in page.text
    assert '<form method="post" action="/policy/diff">' not in page.text
    assert (await visitor.get(f"{DIFF}?format=json")).status == 404


async def test_one_at_a_time(house: Compares) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead()
    ole = await house.signed_in(OLE)
    csrf = (await ole.get("/policy")).csrf
    assert (await ole.post(DIFF, {"csrf": csrf})).status == 303
    assert house.comparing.running
    twice = await ole.post(DIFF, {"csrf": csrf})
    assert (twice.status, twice.said) == (409, "Policies are being compared. Load the page again.")
    page = await ole.get(DIFF)
    assert "This page looks again by itself." in page.text
    assert '<meta http-equiv="refresh" content="3">' in page.text
    await house.comparing.done()
    assert "1 of 1" in (await ole.get(DIFF)).text


async def test_nothing_is_shown_that_could_not_be_noted(
    house: Compares, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead()
    ole = await house.signed_in(OLE)
    await ole.get(DIFF)

    async def full(*_: object) -> int:
        raise LedgerFault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(house.rooms.log, "append", full)
        page = await house.compared(ole)
    assert comparing.NOT_NOTED in page.text
    assert "no.cases" not in page.text
    assert (await ole.get(f"{DIFF}?format=json")).status == 404


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (f"{EVIL}\n", "not Rego"),
        ('deny contains {"id": "x"} if http.send({"url": input.call.tool})\n', "http.send"),
    ],
)
async def test_a_broken_candidate_is_said(house: Compares, rules: str, why: str) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead(rules)
    page = await house.compared(await house.signed_in(OLE))
    assert '<span class="verdict bad">not compared</span>' in page.text
    assert why in page.text
    assert "<script>alert" not in page.text
    assert not house.records("audit.read")


async def test_rules_whose_ids_are_markup_stay_text(house: Compares) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead(f'deny contains {{"id": "{EVIL}"}} if input.call.tool == "crm.get_case"\n')
    page = await house.compared(await house.signed_in(OLE))
    assert "an element of `deny` without an id" in page.text
    assert "<script>alert" not in page.text


async def test_a_candidate_that_cannot_be_read_or_is_none_is_said(house: Compares) -> None:
    ole = await house.signed_in(OLE)
    page = await house.compared(ole)
    assert comparing.THE_SAME in page.text
    (house.policy / "policy.yaml").unlink()
    page = await house.compared(ole)
    assert '<span class="verdict bad">not usable</span>' in page.text
    assert "not compared" in page.text
    (house.directory / house.rooms.config.root.gateway.state / KEPT).unlink()
    house.instead()
    assert comparing.NOT_HELD in (await house.compared(ole)).text


async def test_a_process_that_its_limits_end_is_said(
    house: Compares, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead()
    monkeypatch.setattr(comparing, "WALL_S", 0.01)
    page = await house.compared(await house.signed_in(OLE))
    assert "the rules did not come back within 0.01 s" in page.text
    assert not house.records("audit.read")


async def test_what_was_erased_is_not_decided_anew_and_that_is_said(house: Compares) -> None:
    await house.call(CASE, "crm.get_case")
    house.rooms.keys.erase("crm.example", house.records("decision")[0]["user"])
    house.instead()
    page = await house.compared(await house.signed_in(OLE))
    assert "nothing is known" in page.text
    assert "the key to what the rules saw was erased" in page.text
    assert "would be others" not in page.text


async def test_the_newest_are_looked_at_and_that_there_were_more_is_said(
    house: Compares, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await house.call(CASE, "crm.get_case")
    house.instead()
    ole = await house.signed_in(OLE)
    monkeypatch.setattr(comparing, "MOST", 2)
    page = await house.compared(ole)
    assert "0 of 2</strong> decisions" in page.text
    assert "The hour had more; these are the newest." in page.text
    monkeypatch.setattr(comparing, "MOST_BYTES", 1)
    page = await house.compared(ole)
    assert "The newest call is too large to be looked at here." in page.text
    assert "would be others" not in page.text
    assert "The hour had more; these are the newest." in page.text
    assert [one["records"] for one in house.records("audit.read")] == [2, 0]


async def test_what_breaks_here_is_said_and_no_other_hour_is_looked_at(
    house: Compares, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await house.call(CASE, "crm.get_case")
    house.instead()
    house.now_ms += comparing.HOUR_MS + 1
    ole = await house.signed_in(OLE)
    assert "There was no call in this hour." in (await house.compared(ole)).text

    def broken(*_: object, **__: object) -> Report:
        raise RuntimeError("no memory")

    monkeypatch.setattr(comparing, "compared", broken)
    assert comparing.BROKEN.replace("'", "&#39;") in (await house.compared(ole)).text
    assert "policies could not be compared" in caplog.text
    shutil.rmtree(house.directory / "audit" / "index")
    (house.directory / "audit" / "index").write_bytes(b"no directory")
    assert "The log cannot be read now." in (await house.compared(ole)).text


async def test_what_others_wrote_stays_text(
    house: Compares, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = Sample(decision="d_" + "0" * 24, at_ms=1, task="t_1", labels={}, follows=False)
    group = Group(
        old="permit", new=f"deny ({EVIL})", tool=f"crm.{EVIL}\u202e", gained=(EVIL,), lost=(EVIL,),
        relaxed=(), if_met=True, widens=False, narrows=False, decisions=1, follow=1,
        agents={EVIL: 1}, samples=(sample,),
    )  # fmt: skip
    left = Left(why=EVIL, decisions=1, samples=("d_1",))
    report = msgspec.structs.replace(REPORT, old=EVIL, new=EVIL, groups=(group,), left=(left,))
    house.instead()
    monkeypatch.setattr(comparing, "compared", lambda *_, **__: report)  # no rules say this
    page = await house.compared(await house.signed_in(OLE))
    assert "out of date" in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text


async def test_a_policy_from_elsewhere_is_not_compared_here(tmp_path: Path) -> None:
    house = House(tmp_path)
    root = msgspec.structs.replace(house.rooms.config.root, policy=PolicyBlock())
    house.rooms.config = msgspec.structs.replace(house.rooms.config, root=root)
    house.app = site(house.rooms, house.passkeys, house.url, house.issuer)
    async with house.task:
        ole = await house.signed_in(OLE)
        page = await ole.get(DIFF)
        assert "this policy comes from elsewhere" in page.text
        csrf = (await ole.get("/keys")).csrf
        assert (await ole.post(DIFF, {"csrf": csrf})).status == 409


REPORT: Final = Report(
    old="a", new="b", decisions=10, unasked=1, replayed=7, compared=True, masked=0, changed=4,
    widened=1, narrowed=2, by_other_rules=0, follow=0, groups=(),
    left=(Left(why="erased", decisions=2, samples=("d_1",)),), logged={"old": {}, "new": {}},
)  # fmt: skip


def test_every_decision_is_counted_once() -> None:
    found = parts(REPORT)
    assert found == {"wider": 1, "narrower": 2, "other": 1, "unknown": 2, "same": 4}
    assert sum(found.values()) == REPORT.decisions


def test_verdicts_are_counted_and_single_calls_left_out() -> None:
    group = Group(
        old="elevate (policy)", new="permit", tool="a.b", gained=(), lost=(), relaxed=(),
        if_met=False, widens=True, narrows=False, decisions=2, follow=0, agents={},
        samples=(Sample(decision="d_1", at_ms=1, task="t_1", labels={}, follows=False),),
    )  # fmt: skip
    refused = msgspec.structs.replace(group, old="permit", new="deny (policy)", decisions=5)
    report = msgspec.structs.replace(REPORT, groups=(group, refused, group))
    assert turns(report) == [("permit", "deny", 5), ("elevate", "permit", 4)]
    assert "d_1" not in json.dumps(msgspec.to_builtins(counts(report)))
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
