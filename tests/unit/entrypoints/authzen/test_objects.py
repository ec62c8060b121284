"""What is no message of MCP is decided by rules of its own, and searched for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from safeconduct.entrypoints.authzen import objects
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import JSON, LedgerFault
from tests.support.enforcing import PEP, READS, Deciding

ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
RECORD = {"type": "record", "id": "record-1"}

HEADER = """\
name: things
engine: rego
entrypoint: things
obligations: {mask: {redact: [pii]}}
"""
RULES = """\
package things

import rego.v1

permit contains {"id": "reads"} if input.action.name == "read"

permit contains {"id": "masked", "obligations": ["mask"]} if input.action.name == "list"

elevate contains {"id": "asks", "template": "ask", "ttl_s": 60} if input.action.name == "erase"

deny contains {"id": "never"} if input.context.hour > 20
"""


def bundle(directory: Path, candidates: object = None) -> Path:
    """Rules that answer in every way there is."""
    files = {"policy.yaml": HEADER, "rules/things.rego": RULES}
    if candidates is not None:
        files["data/candidates.json"] = json.dumps(candidates)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def asks(action: str, **context: Any) -> JSON:
    return {**READS, "action": {"name": action}, "context": context}


async def search(deciding: Deciding, kind: str, body: JSON) -> JSON:
    return dict(await deciding.asked(body, f"/access/v1/search/{kind}"))


async def test_a_decision_is_on_record_with_the_rules_that_made_it(fixture: Deciding) -> None:
    told = await fixture.asked(READS)
    (record,) = fixture.records("evaluation")
    assert told == {"decision": True, "context": {"evaluation_id": record["evaluation"]}}
    assert record["rules"] == {"permit": ["anybody-known-reads"], "deny": [], "elevate": []}
    assert {name: record[name] for name in ("phase", "client", "action", "decision")} == {
        "phase": "decision",
        "client": PEP,
        "action": "read",
        "decision": True,
    }
    assert (record["subject"], record["resource"]) == (ALICE, RECORD)
    assert (record["at_ms"], record["tenant"]) == (fixture.now_ms, "crm.example")
    assert record["input"].startswith("sha256:")
    assert len(record["bundle"]) == 64


async def test_a_refusal_names_no_rule(fixture: Deciding) -> None:
    told = await fixture.asked({**READS, "subject": {"type": "user", "id": "eve"}})
    (record,) = fixture.records("evaluation")
    assert told == {
        "decision": False,
        "context": {"evaluation_id": record["evaluation"], "reason": "policy-denied"},
    }
    assert record["decision"] is False


async def test_all_answers_that_rules_can_give(tmp_path: Path) -> None:
    async with Deciding(tmp_path, bundle=bundle(tmp_path / "things")) as deciding:
        assert (await deciding.asked(asks("read")))["decision"] is True
        denied = await deciding.asked(asks("read", hour=21))
        assert denied["context"]["reason"] == "policy-denied"
        asked = await deciding.asked(asks("erase"))
        assert (asked["decision"], asked["context"]["reason"]) == (False, "approval-required")
        failed = await deciding.asked(asks("read", big="x" * 70_000))
        assert (failed["decision"], failed["context"]["reason"]) == (False, "policy-error")
        assert "larger" in deciding.records("evaluation")[-1]["rules"]["error"]


async def test_what_a_permit_obliges_to(tmp_path: Path) -> None:
    async with Deciding(tmp_path, bundle=bundle(tmp_path / "things")) as deciding:
        told = await deciding.asked(asks("list"))
        assert told["context"]["obligations"] == [
            {
                "id": "o1",
                "type": "custom",
                "properties": {"vendor": "safeconduct", "action": "mask"},
            }
        ]
        told = await deciding.asked(asks("list", supported_obligations=["step-up"]))
        assert (told["decision"], told["context"]["reason"]) == (False, "obligation-not-carried")


@pytest.mark.parametrize(
    "context", [{"ratio": 0.5}, {"a": [{"b": 1.5}]}, {"supported_obligations": 1}]
)
async def test_rules_reckon_with_integers(fixture: Deciding, context: JSON) -> None:
    told = await fixture.asked({**READS, "context": context})
    assert told["decision"] is False
    assert told["context"]["error"]["status"] == 400
    assert (await fixture.asked({**READS, "context": {"ratio": 2.0}}))["decision"] is True


async def test_without_a_bundle_there_are_no_other_things(deciding: Deciding) -> None:
    told = await deciding.asked(READS)
    assert told["decision"] is False
    assert "MCP alone" in told["context"]["error"]["message"]
    assert (await deciding.post("/access/v1/search/subject", {})).status == 404


async def test_nothing_is_answered_that_cannot_be_recorded(fixture: Deciding) -> None:
    fixture.fault = LedgerFault("no space")
    for path, body in (
        ("/access/v1/evaluation", READS),
        ("/access/v1/search/action", {"subject": ALICE, "resource": RECORD}),
    ):
        reply = await fixture.post(path, body)
        assert reply.status == 500
        assert "decision" not in reply.json
        assert "results" not in reply.json


async def test_the_longest_names_fit_into_a_record(fixture: Deciding) -> None:
    long = {"type": "\N{HORSE}" * 128, "id": "\N{HORSE}" * 512}
    asked = {"subject": long, "action": {"name": "\N{HORSE}" * 128}, "resource": long}
    assert (await fixture.asked(asked))["decision"] is False
    (record,) = fixture.records("evaluation")
    assert record["subject"] == long


@pytest.mark.parametrize("name", ["a\x00", "a\n", "\x7f", ""])
async def test_names_without_meaning(deciding: Deciding, name: str) -> None:
    for member in ("subject", "resource"):
        asked = {**READS, member: {"type": "user", "id": name}}
        assert (await deciding.post("/access/v1/evaluation", asked)).status == 400


async def test_what_does_not_fit_into_a_record_is_not_decided(tmp_path: Path) -> None:
    rules = [
        f'permit contains {{"id": "{"r" * 58}-{number}"}} if input.action' for number in range(150)
    ]
    made = bundle(tmp_path / "things")
    path = made / "rules" / "things.rego"
    path.write_text(RULES + "\n".join(f'{one}.name == "all"' for one in rules), encoding="utf-8")
    async with Deciding(tmp_path, bundle=made) as deciding:
        assert (await deciding.post("/access/v1/evaluation", asks("all"))).status == 500
        assert deciding.records("evaluation") == []


async def test_a_search_finds_what_would_be_permitted(fixture: Deciding) -> None:
    found = await search(
        fixture,
        "subject",
        {"subject": {"type": "user"}, "action": {"name": "read"}, "resource": RECORD},
    )
    assert found == {"results": [ALICE, BOB]}
    found = await search(
        fixture,
        "resource",
        {"subject": ALICE, "action": {"name": "write"}, "resource": {"type": "record"}},
    )
    assert found == {"results": [RECORD]}
    found = await search(fixture, "action", {"subject": ALICE, "resource": RECORD})
    assert found == {"results": [{"name": "read"}, {"name": "write"}]}
    about = [(one["about"], one["judged"], one["found"]) for one in fixture.records("evaluation")]
    assert about == [("subject", 2, 2), ("resource", 2, 1), ("action", 3, 2)]


async def test_what_nobody_knows_is_nowhere(fixture: Deciding) -> None:
    for subject in ({"type": "user", "id": "eve"}, {"type": "robot", "id": "alice"}):
        found = await search(fixture, "action", {"subject": subject, "resource": RECORD})
        assert found == {"results": []}
    found = await search(
        fixture,
        "subject",
        {"subject": {"type": "robot"}, "action": {"name": "read"}, "resource": RECORD},
    )
    assert found == {"results": []}


USERS: JSON = {"subject": {"type": "user"}, "action": {"name": "read"}, "resource": RECORD}


async def test_pages(fixture: Deciding) -> None:
    first = await search(fixture, "subject", {**USERS, "page": {"limit": 1}})
    assert (first["results"], first["page"]["count"]) == ([ALICE], 1)
    token = first["page"]["next_token"]
    second = await search(fixture, "subject", {**USERS, "page": {"token": token}})
    assert second == {"page": {"next_token": "", "count": 1}, "results": [BOB]}
    same = await search(fixture, "subject", {**USERS, "page": {"token": token, "limit": 1}})
    assert same == second
    none = await search(fixture, "subject", {**USERS, "page": {"limit": 0}})
    assert none["results"] == []


async def test_a_page_belongs_to_its_search(fixture: Deciding) -> None:
    first = await search(fixture, "subject", {**USERS, "page": {"limit": 1}})
    token = first["page"]["next_token"]
    for body in (
        {**USERS, "page": {"token": token, "limit": 2}},
        {**USERS, "action": {"name": "write"}, "page": {"token": token}},
        {**USERS, "page": {"token": "bm8"}},
        {**USERS, "page": {"token": "W10="}},
        {**USERS, "page": {"token": "\N{HORSE}"}},
    ):
        assert (await fixture.post("/access/v1/search/subject", body)).status == 400


async def test_a_search_looks_at_so_many_and_lets_others_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = {"subjects": {"user": [{"id": f"u{number}"} for number in range(60)]}}
    monkeypatch.setattr(objects, "MAX_JUDGED", 50)
    async with Deciding(tmp_path, bundle=bundle(tmp_path / "things", many)) as deciding:
        first = await search(deciding, "subject", USERS)
        assert len(first["results"]) == 50
        rest = await search(
            deciding, "subject", {**USERS, "page": {"token": first["page"]["next_token"]}}
        )
        assert (len(rest["results"]), rest["page"]["next_token"]) == (10, "")
        turns: list[int] = []

        async def others() -> None:
            while len(turns) < 100:
                turns.append(len(turns))
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        await search(deciding, "subject", USERS)
        assert turns
        await other


async def test_what_obliges_is_asked_about_by_itself(tmp_path: Path) -> None:
    known = {"actions": {"record": ["read", "list", "erase"]}}
    async with Deciding(tmp_path, bundle=bundle(tmp_path / "things", known)) as deciding:
        found = await search(deciding, "action", {"subject": ALICE, "resource": RECORD})
        assert found == {"results": [{"name": "read"}]}


async def test_a_search_with_numbers_that_rules_cannot_reckon_with(fixture: Deciding) -> None:
    broken: JSON = {"subject": ALICE, "resource": RECORD, "context": {"ratio": 0.5}}
    assert await search(fixture, "action", broken) == {"results": []}
    broken["subject"] = {**ALICE, "properties": {"n": 1e17}}
    huge = json.dumps(broken).encode()
    assert (await fixture.post("/access/v1/search/action", huge)).status == 400


@pytest.mark.parametrize(
    ("candidates", "sentence"),
    [
        ({"subject": {}}, "not what a search finds things in"),
        ({"subjects": {"user": ["alice"]}}, "not what a search finds things in"),
    ],
)
def test_candidates_that_nobody_can_find(tmp_path: Path, candidates: JSON, sentence: str) -> None:
    with pytest.raises(PolicyRefused, match=sentence) as fault:
        Deciding(tmp_path, bundle=bundle(tmp_path / "things", candidates))
    assert fault.value.file.endswith("data/candidates.json")


def test_rules_of_another_language(tmp_path: Path) -> None:
    header = "name: test\nengine: opa\nentrypoint: things\nremote: {url: http://127.0.0.1:1}\n"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "policy.yaml").write_text(header, encoding="utf-8")
    with pytest.raises(PolicyRefused, match="are written in Rego"):
        Deciding(tmp_path, bundle=tmp_path / "elsewhere")


async def test_rules_that_could_end_a_process_have_one_of_their_own(tmp_path: Path) -> None:
    async with Deciding(tmp_path, process="own") as deciding:
        policy: Any = deciding.served.policy
        assert (await deciding.asked(READS))["decision"] is True
        for pid in policy.pids:
            os.kill(pid, signal.SIGKILL)
        answers = [(await deciding.asked(READS)) for _ in range(3)]
        for answer in answers:
            if not answer["decision"]:
                assert answer["context"]["reason"] == "policy-error"
        assert answers[-1]["decision"] is True
