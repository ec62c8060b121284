"""One call at the console: its facts, its checks, who said yes, and the proof."""

from __future__ import annotations

import html
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, get_args

import pytest

from safeconduct.audit.reading import read
from safeconduct.audit.reads import answer
from safeconduct.console.call_view import CHECKS, REMEDIES, RETRIES
from safeconduct.core.canonical import canonical
from safeconduct.core.checks import FIRST, SECOND
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import is_included
from safeconduct.core.reasons import Remedy, Retry
from tests.support.consoling import ANN, KIM, OLE, House, Page, yes
from tests.support.worlds import USER

HOSTILE: Final = "<script>alert(1)</script>\"'\u202e"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


def decided(house: House) -> list[str]:
    """The calls, in their order."""
    return [str(one["decision"]) for one in house.records("decision")]


def text(page: Page) -> str:
    """What is to be read on a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


@pytest.mark.parametrize("user", [OLE, KIM, USER])
@pytest.mark.parametrize("path", ["", "/proof"])
async def test_nobody_else_gets_it(house: House, user: str, path: str) -> None:
    await house.call()
    browser = await house.signed_in(user)
    page = await browser.get(f"/calls/{decided(house)[0]}{path}")
    assert (page.status, house.records("audit.read")) == (403, [])


async def test_who_is_not_signed_in_comes_back_to_it(house: House) -> None:
    await house.call()
    page = await house.browser().get(f"/calls/{decided(house)[0]}")
    assert (page.status, page.to) == (303, f"/sign-in?to=/calls/{decided(house)[0]}")


async def test_all_that_is_shown_is_on_record(house: House) -> None:
    await house.call({"id": "D-7"}, "crm.get_deal")
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/calls/{decided(house)[0]}")
    assert page.status == 200
    for one in (
        "spiffe://crm.example/agents/copilot", USER, "Close deal D-7.",
        "Nothing was against it, and the policy permitted it: all.",
        "said by the application that the user asked", "secrecy internal", "Permitted by all",
    ):  # fmt: skip
        assert one in text(page), one
    for name, about in CHECKS.items():
        assert f"{name} {about} nothing against it" in text(page)
    (said_of_it,) = house.records("audit.read")
    shown = [
        (one["n"], canonical(one)) for one in read(house.directory / "audit")
        if one["kind"] in ("task", "decision", "memory", "outcome")
    ]  # fmt: skip
    said = answer(shown)
    assert (said_of_it["by"], said_of_it["phase"], said_of_it["asked"]) == (
        ANN,
        "show",
        {"decision": decided(house)[0]},
    )
    assert (said_of_it["records"], said_of_it["answer"]) == (4, said.answer)
    assert "opened" not in said_of_it


async def test_a_refusal_says_what_overruled_what(house: House) -> None:
    await house.call({"to": "x@evil.example", "text": "hello"}, "mail.send")
    (refusal,) = house.records("decision")
    assert refusal["verdict"] == "deny"
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/calls/{refusal['decision']}")
    (check,) = (one["check"] for one in refusal["checks"] if one["said"] == "deny")
    assert f"The check of {check} refused it, and a refusal beats all." in text(page)
    assert refusal["reason"] in text(page)
    assert "Nothing ran." in text(page)


async def test_who_said_yes_stands_there_and_calls_lead_to_each_other(house: House) -> None:
    jane = await house.signed_in(USER)
    key = await house.key(jane)
    question = await house.asked()
    ann = await house.signed_in(ANN)
    waits = await ann.get(f"/calls/{decided(house)[0]}")
    assert f'href="/approvals/{question.id}"' in waits.text
    assert "The check of elevation asked for a person's yes" in text(waits)
    assert (await yes(jane, question.id, key)).status == 303
    await house.call()
    first, second = decided(house)
    asked = await ann.get(f"/calls/{first}")
    assert "It still waits" not in asked.text
    assert f'href="/calls/{second}" rel="next"' in asked.text
    page = await ann.get(f"/calls/{second}")
    assert f"{USER} said yes to it, by passkey." in text(page)
    assert f'href="/calls/{first}" rel="prev"' in page.text


async def test_what_was_sealed_is_opened_by_a_form_and_on_record(house: House) -> None:
    await house.call({"id": "D-7"}, "crm.get_deal")
    ann = await house.signed_in(ANN)
    path = f"/calls/{decided(house)[0]}"
    page = await ann.get(path)
    assert "structuredContent" not in page.text
    refused = await ann.post(f"{path}/opened", {"csrf": "x"})
    assert refused.status == 403
    opened = await ann.post(f"{path}/opened", {"csrf": page.csrf})
    assert opened.status == 200
    assert "&#34;id&#34;: &#34;D-7&#34;" in opened.text
    assert "structuredContent" in opened.text
    assert [one.get("opened", False) for one in house.records("audit.read")] == [False, True]


async def test_what_was_erased_is_said_to_be(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    path = f"/calls/{decided(house)[0]}"
    csrf = (await ann.get(path)).csrf
    for one in (house.directory / "audit").glob("payload-*.blob"):
        one.unlink()
    page = await ann.post(f"{path}/opened", {"csrf": csrf})
    assert (
        "It cannot be seen: the file that held it, or that part of it, is not there." in page.text
    )
    assert "opened" not in house.records("audit.read")[-1]


async def test_the_proof_holds(house: House) -> None:
    await house.call({"id": "D-7"}, "crm.get_deal")
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/calls/{decided(house)[0]}/proof")
    *records, last = [json.loads(line) for line in page.text.splitlines()]
    assert [one["record"]["kind"] for one in records] == ["decision", "memory", "outcome"]
    size, root = last["checkpoint"].splitlines()[1:3]
    for one in records:
        leaf = leaf_hash(canonical(one["record"]))
        path = [bytes.fromhex(node) for node in one["proof"]]
        assert one["leaf"] == leaf.hex()
        n = one["record"]["n"]
        assert is_included(leaf, n, int(size), path, b64decode(root))
    shown = await ann.get(f"/calls/{decided(house)[0]}")
    decision = records[0]
    assert f"Record {decision['record']['n']} is in the log of " in shown.text
    assert decision["leaf"] in shown.text
    assert f'href="/verify?n={decision["record"]["n"]}"' in shown.text


@pytest.mark.parametrize("decision", ["d_0123456789abcdef01234567", "d_x", "%3Cb%3E"])
async def test_a_call_that_nobody_knows_is_said_to_be(house: House, decision: str) -> None:
    ann = await house.signed_in(ANN)
    for path in ("", "/proof"):
        page = await ann.get(f"/calls/{decision}{path}")
        assert page.status == 404
        assert page.said == f"The log knows no call {decision}."


async def test_text_of_others_is_inert(house: House) -> None:
    await house.call({"id": HOSTILE, HOSTILE: 1}, "crm.get_deal")
    await house.call({"id": "D-7"}, HOSTILE)
    ann = await house.signed_in(ANN)
    for decision in decided(house):
        csrf = (await ann.get(f"/calls/{decision}")).csrf
        page = await ann.post(f"/calls/{decision}/opened", {"csrf": csrf})
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text


async def test_what_cannot_be_put_on_record_is_not_shown(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    house.rooms.log.close()
    page = await ann.get(f"/calls/{decided(house)[0]}")
    assert (page.status, page.said) == (503, "This could not be recorded, so it was not done.")


def test_every_check_and_every_remedy_has_its_words() -> None:
    assert list(CHECKS) == [name for name, _ in (*FIRST, *SECOND)]
    assert set(REMEDIES) == {one.value for one in Remedy}
    assert {*RETRIES, "never"} == set(get_args(Retry))
