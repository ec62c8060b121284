"""The page of the policy."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import pytest

from safeconduct.app.reloading import Reloading
from safeconduct.config.approvals import Persons, Role
from safeconduct.config.policy import PolicyBlock
from safeconduct.console import policies, trials
from safeconduct.console.comparing import HOUR_MS
from safeconduct.console.policies import Flip, flips
from safeconduct.console.site import site
from safeconduct.policy.keeping import Keeper
from safeconduct.policy.trial import running
from tests.support.bundles import HEADER, write
from tests.support.consoling import ANN, KIM, OLE, House

LIBRARY: Final = Path(running.__file__).parents[2] / "library/policies/business-hours/rego"
RULES: Final = "rules/business_hours.rego"
FILE: Final = "/policy?" + urlencode({"file": RULES})
EVIL: Final = "<script>alert(1)</script>"


def copied(directory: Path) -> None:
    shutil.copytree(LIBRARY, directory)


class Ruled(House):
    """A company with a policy in a directory, kept as a gateway keeps it."""

    def __init__(
        self, directory: Path, fill: Callable[[Path], object] = copied, **more: Any
    ) -> None:
        super().__init__(directory, **more)
        self.policy = directory / "policy"
        fill(self.policy)
        block = PolicyBlock(bundle="policy", process="shared")
        rooms, root = self.rooms, self.rooms.config.root
        root = msgspec.structs.replace(root, policy=block)
        rooms.config = msgspec.structs.replace(rooms.config, root=root)
        state = directory / root.gateway.state
        self.keeper = Keeper(block, directory, state, clock_ms=rooms.clock_ms)
        policy = self.keeper.start()
        rooms.use(self.keeper.engine(policy))
        self.reloading = Reloading(rooms, self.keeper, policy)
        self.app = site(rooms, self.passkeys, self.url, self.issuer, policy=self.reloading.shown)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Ruled]:
    house = Ruled(tmp_path)
    async with house.task:
        await house.reloading.start()
        yield house


async def test_what_decides_and_since_when(house: Ruled) -> None:
    page = await (await house.signed_in(OLE)).get("/policy")
    assert page.status == 200
    for part in ("business-hours", house.rooms.policy.digest, str(house.policy), "Rego", "nobody"):
        assert part in page.text
    assert "by start" in page.text
    assert "In the directory lies something else" not in page.text
    assert RULES in page.text


async def test_its_own_text_and_no_other(house: Ruled) -> None:
    ole = await house.signed_in(OLE)
    page = await ole.get(FILE)
    assert "package agent.tools" in page.text
    for other in ("../safeconduct.yaml", "/etc/passwd", "", "tests/business_hours.yaml"):
        assert (await ole.get("/policy?" + urlencode({"file": other}))).status == 404


async def test_another_policy_in_the_directory_is_said_and_not_shown(house: Ruled) -> None:
    rules = house.policy / RULES
    rules.write_text(f"# {EVIL}\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
    ole = await house.signed_in(OLE)
    page = await ole.get("/policy")
    assert "another one, " in page.text
    assert "policy diff state/policy.tar.gz policy --config . --since 1h" in page.text
    assert "alert(1)" not in (await ole.get(FILE)).text
    rules.unlink()
    assert "In the directory lies something else" in (await ole.get("/policy")).text
    assert "business-hours" in (await ole.get("/policy")).text  # what decides is still known


async def test_a_policy_that_was_refused_is_said(house: Ruled) -> None:
    (house.policy / RULES).write_text(EVIL, encoding="utf-8")
    with pytest.raises(Exception, match=RULES):
        await house.reloading.reload("uid:0")
    page = await (await house.signed_in(OLE)).get("/policy")
    assert "What is there now was refused, and the policy of before decides" in page.text
    assert "<script>alert" not in page.text


async def test_hostile_rules_stay_text(tmp_path: Path) -> None:
    house = Ruled(tmp_path, lambda directory: write(directory, f'x := "{EVIL}"\n'))
    async with house.task:
        await house.reloading.start()
        page = await (await house.signed_in(OLE)).get("/policy?file=rules%2Ftest.rego")
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


async def test_the_tests_are_run_when_somebody_asks(
    house: Ruled, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[trials.Trials] = []
    init = trials.Trials.__init__

    def noticed(self: trials.Trials, *args: Any) -> None:
        init(self, *args)
        made.append(self)

    monkeypatch.setattr(trials.Trials, "__init__", noticed)
    house.app = site(house.rooms, house.passkeys, house.url, house.issuer)
    (runs,) = made
    ole = await house.signed_in(OLE)
    page = await ole.get("/policy")
    assert "Nobody had them run since the gateway was started." in page.text
    answer = await ole.post("/policy/tests", {"csrf": page.csrf})
    assert (answer.status, answer.to) == (303, "/policy#tests")
    assert runs.running
    assert "They are being run." in (await ole.get("/policy")).text
    twice = await ole.post("/policy/tests", {"csrf": page.csrf})
    assert (twice.status, twice.said) == (409, "The tests are being run. Load the page again.")
    await runs.done()
    page = await ole.get("/policy")
    assert "all passed" in page.text
    assert f"for {OLE}" in page.text
    (house.policy / "tests" / "business_hours_test.rego").write_text(
        "package agent.tools_test\nimport rego.v1\ntest_no if false\n", encoding="utf-8"
    )
    await ole.post("/policy/tests", {"csrf": page.csrf})
    await runs.done()
    assert "1 failed" in (await ole.get("/policy")).text


async def test_tests_that_cannot_be_run_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr(trials, "run", broken)
    runs = trials.Trials(tmp_path, lambda: 1)
    await runs.done()
    assert runs.begin("ole")
    await runs.done()
    assert runs.last is not None
    assert runs.last.outcomes[0].failed == (trials.BROKEN,)
    assert "could not be run" in caplog.text
    assert not trials.Trials(None, lambda: 1).begin("ole")


async def test_only_operators_see_it_and_have_tests_run(house: Ruled) -> None:
    for user in (ANN, KIM):
        other = await house.signed_in(user)
        csrf = (await other.get("/keys")).csrf
        assert (await other.get("/policy")).status == 403
        assert (await other.get(FILE)).status == 403
        assert (await other.post("/policy/tests", {"csrf": csrf})).status == 403
    nobody = await house.browser().get("/policy")
    assert (nobody.status, nobody.to) == (303, "/sign-in?to=/policy")
    ole = await house.signed_in(OLE)
    assert (await ole.post("/policy/tests", {"csrf": "x"})).status == 403
    for _ in range(policies.PER_MINUTE):
        await ole.get(FILE)
    assert (await ole.get("/policy")).status == 429


async def test_a_policy_whose_files_are_not_at_hand(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        ole = await house.signed_in(OLE)
        page = await ole.get("/policy")
        assert "Its files cannot be had here" in page.text
        assert house.rooms.policy.digest in page.text
        assert (await ole.post("/policy/tests", {"csrf": page.csrf})).status == 303


def decided(
    said: str, would: str | None, rule: str = "late", decision: str = "d_1"
) -> dict[str, Any]:
    spoke: dict[str, Any] = {} if said == "deny" else {said: ["r"]}
    if would is not None:
        spoke |= {"log_only": ["late"], "would_have": would}
    return {"decision": decision, "policy": spoke}


def test_what_would_flip_is_counted() -> None:
    records = [
        *[decided("permit", "deny", decision=f"d_{n}") for n in range(5)],
        decided("elevate", "deny", decision="d_7"),
        decided("permit", "permit"),
        decided("deny", "deny"),
        decided("permit", None),
        {"decision": "d_8"},
        {"decision": "d_9", "policy": {"error": "x", "would_have": "permit", "log_only": ["late"]}},
    ]
    found = flips(records, samples=True)
    assert found[0] == Flip(
        rules=("late",), said="permit", would="deny", count=5, samples=["d_0", "d_1", "d_2"]
    )
    assert [(one.said, one.would, one.count) for one in found[1:]] == [
        ("elevate", "deny", 1),
        ("deny", "permit", 1),
    ]
    assert [one.samples for one in flips(records, samples=False)] == [[], [], []]


BOTH: Final[dict[Role, Persons]] = {
    "analyst": Persons(users=(ANN, OLE)),
    "operator": Persons(users=(OLE,)),
}
LATE: Final = 'deny contains {"id": "late"} if input.call.tool == "crm.get_case"\n'


def logged(directory: Path) -> None:
    write(directory, LATE, header=HEADER + "modes: {late: log_only}\n")


async def test_what_logged_rules_would_have_changed_is_counted(tmp_path: Path) -> None:
    house = Ruled(tmp_path, logged)
    async with house.task:
        await house.reloading.start()
        step = await house.call({"case_id": "C-1"}, "crm.get_case")
        ole = await house.signed_in(OLE)
        page = await ole.get("/policy")
        assert "They speak without effect (<code>log_only</code>): <code>late</code>" in page.text
        page = await ole.get("/policy?flips=1")
        assert '<th scope="row">late</th>' in page.text
        assert '<td data-of="Would be">deny</td>' in page.text
        assert '<td data-of="Decisions">1</td>' in page.text
        assert str(step.decision) not in page.text
        assert not house.records("audit.read")
        house.now_ms += HOUR_MS + 1
        ole = await house.signed_in(OLE)
        assert "Nothing, in the last hour." in (await ole.get("/policy?flips=1")).text


async def test_who_reads_evidence_gets_examples_on_record(tmp_path: Path) -> None:
    house = Ruled(tmp_path, logged, roles=BOTH)
    async with house.task:
        step = await house.call({"case_id": "C-1"}, "crm.get_case")
        ole = await house.signed_in(OLE)
        page = await ole.get("/policy?flips=1")
        assert f'<a href="/calls/{step.decision}">' in page.text
        (read,) = house.records("audit.read")
        assert (read["by"], read["phase"], read["records"]) == (OLE, "query", 1)


async def test_a_log_that_cannot_be_searched_takes_nothing_else_along(tmp_path: Path) -> None:
    house = Ruled(tmp_path, logged)
    async with house.task:
        await house.call({"case_id": "C-1"}, "crm.get_case")
        ole = await house.signed_in(OLE)
        (tmp_path / "audit" / "index").write_bytes(b"no directory")
        page = await ole.get("/policy?flips=1")
        assert page.status == 200
        assert "The log cannot be read now." in page.text
        assert "What decides" in page.text
