"""The requests of the AuthZEN certification scenario for decision points, and what it says of them.

Sections are those of `authorization-api-1_0-scenario`, which is not published with its requests in
a form that a program reads.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

PERMIT, DENY = True, False

BASIC: Final = "/access/v1/evaluation"
BATCH: Final = "/access/v1/evaluations"
SUBJECT, RESOURCE, ACTION = (
    f"/access/v1/search/{name}" for name in ("subject", "resource", "action")
)

JSON = dict[str, Any]


class Reply(msgspec.Struct, frozen=True):
    """What came back; `json` is None where it was none."""

    status: int
    headers: dict[str, str]
    json: Any


Check = Callable[[Reply], bool]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and what the scenario says of its answer."""

    group: str
    path: str
    body: Any
    check: Check
    headers: Mapping[str, str] = {}


def user(name: str, **properties: object) -> JSON:
    return {"type": "user", "id": name, **({"properties": properties} if properties else {})}


def record(number: int, **properties: object) -> JSON:
    told: JSON = {"type": "record", "id": f"record-{number}"}
    return {**told, "properties": properties} if properties else told


def does(name: str, **properties: object) -> JSON:
    return {"name": name, **({"properties": properties} if properties else {})}


def asks(subject: JSON, action: JSON, resource: JSON, **more: object) -> JSON:
    return {"subject": subject, "action": action, "resource": resource, **more}


def without(value: JSON, *names: str) -> JSON:
    return {name: item for name, item in value.items() if name not in names}


ALICE, BOB = user("alice"), user("bob")
ADMIN = user("bob", role="admin")
ACTIVE, ARCHIVED = record(1, status="active"), record(2, status="archived")
READS = asks(ALICE, does("read"), record(1))
CONTEXT = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}


def answered(reply: Reply) -> bool:
    return reply.status == 200 and reply.headers["content-type"] == "application/json"


def decides(decision: bool) -> Check:  # noqa: FBT001  what is checked is a decision
    return lambda reply: answered(reply) and reply.json["decision"] is decision


def status(code: int) -> Check:
    return lambda reply: reply.status == code


def several(*decisions: bool | None) -> Check:
    """Decisions in this order; None where the scenario leaves it to us."""

    def check(reply: Reply) -> bool:
        told = [one["decision"] for one in reply.json["evaluations"]]
        return answered(reply) and [
            None if wanted is None else one for one, wanted in zip(told, decisions, strict=PERMIT)
        ] == [*decisions]

    return check


def finds(*wanted: JSON) -> Check:
    """At least these."""
    return lambda reply: answered(reply) and all(one in reply.json["results"] for one in wanted)


def finds_nothing(reply: Reply) -> bool:
    return answered(reply) and reply.json["results"] == []


def pages(reply: Reply) -> bool:
    told: JSON = reply.json
    page: JSON = told.get("page", {})
    return (
        answered(reply)
        and type(told["results"]) is list
        and type(page) is dict
        and type(page.get("next_token", "")) is str
    )


def basic() -> list[Case]:
    """Section 4, with the eight mandated decisions of section 3.4."""
    core = [
        (READS, PERMIT),
        (asks(ALICE, does("write"), record(1)), PERMIT),
        (asks(BOB, does("read"), record(1)), PERMIT),
        (asks(BOB, does("write"), record(1)), DENY),
        ({**READS, "context": CONTEXT}, PERMIT),
        (
            asks(
                user("alice", department="Sales", role="manager"),
                does("read", method="GET"),
                record(1, status="active", owner="bob"),
            ),
            PERMIT,
        ),
        ({**READS, "foo": "bar", "futureField": {"nested": True}}, PERMIT),
        *[(READS, PERMIT)] * 3,
    ]
    properties = [
        (asks(ALICE, does("write"), ARCHIVED), DENY),
        (asks(ADMIN, does("write"), ARCHIVED), PERMIT),
        (asks(ALICE, does("delete", soft=True), record(1)), PERMIT),
        (asks(ALICE, does("delete", soft=False), record(1)), DENY),
    ]
    wrong: list[Any] = [
        *(without(READS, name) for name in READS),
        *({**READS, name: without(READS[name], "type")} for name in ("subject", "resource")),
        *({**READS, name: without(READS[name], "id")} for name in ("subject", "resource")),
        {**READS, "action": {}},
        {**READS, "subject": "alice"},
        {**READS, "action": {"name": 123}},
        b"{",
        b"",
    ]
    named = {"x-request-id": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"}
    return [
        *(Case(group="Basic Core", path=BASIC, body=b, check=decides(d)) for b, d in core),
        *(Case(group="Basic Core", path=BASIC, body=b, check=status(400)) for b in wrong),
        Case(
            group="Basic Core",
            path=BASIC,
            body=READS,
            check=status(400),
            headers={"content-type": "text/plain"},
        ),
        Case(
            group="Basic Core",
            path=BASIC,
            body=READS,
            check=lambda reply: reply.headers["x-request-id"] == named["x-request-id"],
            headers=named,
        ),
        *(
            Case(group="Basic Properties", path=BASIC, body=b, check=decides(d))
            for b, d in properties
        ),
    ]


def batch() -> list[Case]:
    """Section 5."""
    reads, writes = READS["action"], does("write")
    core: list[tuple[JSON, Check]] = [
        (
            {
                "subject": ALICE,
                "action": reads,
                "evaluations": [{"resource": record(1)}, {"resource": record(2)}],
            },
            several(None, None),
        ),
        (
            {
                "subject": BOB,
                "resource": record(1),
                "evaluations": [{"action": reads}, {"action": writes}],
            },
            several(PERMIT, DENY),
        ),
        (
            {"evaluations": [READS, asks(BOB, writes, record(1))]},
            several(PERMIT, DENY),
        ),
        (
            {
                "subject": ALICE,
                "action": reads,
                "context": CONTEXT,
                "evaluations": [
                    {"resource": record(1)},
                    {"resource": record(2), "context": {**CONTEXT, "source": "batch-override"}},
                ],
            },
            several(None, None),
        ),
        (
            {
                "subject": ALICE,
                "action": reads,
                "options": {"evaluations_semantic": "execute_all"},
                "evaluations": [{"resource": record(1)}, {}],
            },
            several(PERMIT, DENY),
        ),
        (READS, decides(PERMIT)),
        ({**READS, "evaluations": []}, decides(PERMIT)),
    ]
    properties: list[tuple[JSON, Check]] = [
        (
            {
                "subject": ALICE,
                "action": writes,
                "evaluations": [{"resource": ACTIVE}, {"resource": ARCHIVED}],
            },
            several(PERMIT, DENY),
        ),
        (
            {
                "action": writes,
                "resource": ARCHIVED,
                "evaluations": [{"subject": ALICE}, {"subject": ADMIN}],
            },
            several(DENY, PERMIT),
        ),
        (
            asks(ALICE, writes, ACTIVE, evaluations=[{}, {"resource": ARCHIVED}]),
            several(PERMIT, DENY),
        ),
    ]
    return [
        *(Case(group="Batch Core", path=BATCH, body=b, check=c) for b, c in core),
        *(Case(group="Batch Properties", path=BATCH, body=b, check=c) for b, c in properties),
    ]


def search() -> list[Case]:
    """Section 6."""
    kind, records = {"type": "user"}, {"type": "record"}
    who = {"subject": kind, "action": does("read"), "resource": record(1)}
    what = {"subject": ALICE, "action": does("read"), "resource": records}
    how = {"subject": ALICE, "resource": record(1)}
    both = finds(ALICE, BOB)
    acts = finds({"name": "read"}, {"name": "write"})
    core: list[tuple[str, JSON, Check]] = [
        (SUBJECT, who, both),
        (SUBJECT, {**who, "context": CONTEXT}, both),
        (SUBJECT, {**who, "subject": ALICE}, both),
        (RESOURCE, what, finds(record(1))),
        (RESOURCE, {**what, "context": CONTEXT}, finds(record(1))),
        (RESOURCE, {**what, "resource": record(1)}, finds(record(1))),
        (ACTION, how, acts),
        (ACTION, {**how, "context": CONTEXT}, acts),
        (SUBJECT, {**who, "page": {"limit": 1}}, pages),
        (ACTION, {**how, "subject": user("nonexistent-user")}, finds_nothing),
        (RESOURCE, {**what, "subject": user("nonexistent-user")}, finds_nothing),
        (SUBJECT, {**who, "resource": {"type": "record", "id": "record-0"}}, finds_nothing),
        (SUBJECT, {**who, "subject": {"type": "spaceship"}}, finds_nothing),
        (RESOURCE, {**what, "resource": {"type": "spaceship"}}, finds_nothing),
        (ACTION, {**how, "resource": {"type": "spaceship", "id": "1"}}, finds_nothing),
        (SUBJECT, without(who, "action"), status(400)),
        (RESOURCE, without(what, "subject"), status(400)),
        (ACTION, without(how, "resource"), status(400)),
        (SUBJECT, {**who, "resource": records}, status(400)),
        (RESOURCE, {**what, "subject": kind}, status(400)),
        (ACTION, {**how, "subject": kind}, status(400)),
    ]
    properties: list[tuple[str, JSON, Check]] = [
        (SUBJECT, {"subject": kind, "action": does("write"), "resource": ARCHIVED}, finds(BOB)),
        (
            RESOURCE,
            {"subject": ADMIN, "action": does("write"), "resource": records},
            finds(record(2)),
        ),
        (ACTION, {"subject": ADMIN, "resource": ARCHIVED}, finds({"name": "write"})),
    ]
    return [
        *(Case(group="Search Core", path=p, body=b, check=c) for p, b, c in core),
        *(Case(group="Search Properties", path=p, body=b, check=c) for p, b, c in properties),
    ]


def gateways(decisions: Path) -> list[Case]:
    """The decisions that the scenario for API gateways expects."""
    value = json.loads(decisions.read_text(encoding="utf-8"))
    return [
        Case(
            group="API gateways",
            path=BASIC,
            body=one["request"],
            check=decides(one["expected"]),
        )
        for one in value["evaluation"]
    ]


def cases(decisions: Path) -> list[Case]:
    """All of them."""
    return [*basic(), *batch(), *search(), *gateways(decisions)]
