"""Whatever an enforcement point sends is a question or none; and a batch is its questions."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.entrypoints.authzen import shape
from safeconduct.entrypoints.authzen.endpoint import EVALUATION, EVALUATIONS, Decisions
from safeconduct.entrypoints.authzen.objects import Candidates, Objects
from safeconduct.entrypoints.http import Problem, Request, Wire
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.policy.bundles.reading import read
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.ports import JSON, Bearer, Caller
from tests.support.enforcing import FIXTURE, PEP

POLICY = RegoEngine(read(FIXTURE))

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)
NAMES = st.sampled_from(["alice", "bob", "eve", "", "user", "record", "record-1", "read", "write"])
ENTITIES = st.fixed_dictionaries(
    {},
    optional={
        "type": NAMES | VALUES,
        "id": NAMES | VALUES,
        "name": NAMES | VALUES,
        "properties": st.dictionaries(st.sampled_from(["role", "status", "soft"]), VALUES) | VALUES,
    },
)
MEMBERS: Any = dict.fromkeys(("subject", "action", "resource", "context"), ENTITIES | VALUES)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        **MEMBERS,
        "evaluations": st.lists(st.fixed_dictionaries({}, optional=MEMBERS) | VALUES, max_size=4)
        | VALUES,
        "options": st.fixed_dictionaries({"evaluations_semantic": NAMES}) | VALUES,
        "page": VALUES,
    },
)


@given(REQUESTS | VALUES)
def test_what_is_no_question_is_a_problem_and_nothing_worse(body: object) -> None:
    shapes = (shape.Evaluation, shape.SubjectSearch, shape.ResourceSearch, shape.ActionSearch)
    refused: list[int] = []
    for one in (*shapes, None):
        try:
            value = shape.read(orjson.dumps(body))
            _ = shape.batch(value) if one is None else shape.convert(value, one)
        except Problem as problem:
            refused.append(problem.status)
    assert set(refused) <= {400}


class _Anybody:
    async def enforcer(self, svid: str | None, caller: Caller) -> str:
        del svid, caller
        return PEP

    def bearer(self, task: str, user: str, agent: str) -> Bearer:
        raise NotImplementedError


async def _recorded(*_: JSON) -> int:
    return 0


def decisions(path: str, body: JSON) -> Any:
    """What is answered."""
    objects = Objects(
        POLICY,
        Candidates(),
        tenant="t",
        obligations=False,
        record=_recorded,
        clock_ms=lambda: 1,
        new_id=lambda kind: kind,
    )
    served = Decisions(
        "https://gateway.example",
        _Anybody(),
        Refusals(lambda: 1),
        messages=None,
        objects=objects,
        requests=None,
        obligations=False,
    )
    request = Request("POST", path, [(b"content-type", b"application/json")], cast("Wire", None))
    request.body = orjson.dumps(body)
    response = asyncio.run(_answered(served, path, request))
    assert response.status == 200, response.body
    return orjson.loads(response.body)


async def _answered(served: Decisions, path: str, request: Request) -> Any:
    return await served.routes()[path]["POST"].handler(request)


KNOWN = st.fixed_dictionaries(
    {
        "subject": st.sampled_from(
            [
                {"type": "user", "id": "alice"},
                {"type": "user", "id": "bob"},
                {"type": "user", "id": "bob", "properties": {"role": "admin"}},
                {"type": "user", "id": "eve"},
            ]
        ),
        "action": st.sampled_from([{"name": "read"}, {"name": "write"}, {"name": "erase"}]),
        "resource": st.sampled_from(
            [
                {"type": "record", "id": "record-1"},
                {"type": "record", "id": "record-2", "properties": {"status": "archived"}},
            ]
        ),
    }
)


@given(st.lists(KNOWN, min_size=1, max_size=6), KNOWN, st.data())
def test_a_batch_is_its_questions_one_by_one(
    asked: list[JSON], defaults: JSON, data: st.DataObject
) -> None:
    alone = [decisions(EVALUATION, one)["decision"] for one in asked]
    # What a question leaves out stands above it, whole.
    shorter: list[JSON] = []
    for one in asked:
        same = [name for name in one if one[name] == defaults[name]]
        left = data.draw(st.sets(st.sampled_from(same))) if same else set[str]()
        shorter.append({name: value for name, value in one.items() if name not in left})
    for semantic, stop in (
        ("execute_all", None),
        ("deny_on_first_deny", False),
        ("permit_on_first_permit", True),
    ):
        body = {**defaults, "evaluations": shorter, "options": {"evaluations_semantic": semantic}}
        told = [one["decision"] for one in decisions(EVALUATIONS, body)["evaluations"]]
        end = alone.index(stop) + 1 if stop in alone else len(alone)
        assert told == alone[:end]
