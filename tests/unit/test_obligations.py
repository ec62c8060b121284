"""What rules demand of a call, on the page: arguments set, results withheld, fields redacted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from safeconduct.config.schema import Config
from safeconduct.core.asks import Capability
from safeconduct.core.manifest import Argument, Manifest, Resolver, ToolManifest
from safeconduct.core.obligations import Constant, Constrain, Demands
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.ports import AskRefused, Delivered, Resumed, Upstream
from safeconduct.simulation import SimulatedTask
from tests.support.listeners import Hears
from tests.support.worlds import CRM, Rules, config
from tests.unit.test_gateway import Spy, caller, records
from tests.unit.test_hearing import FORM, Talks, yes

JSON = dict[str, Any]
OWN = Constrain(("tenant_id",), "task.tenant")
ROWS: JSON = {
    "effect": "read",
    "scopes": ["case:read"],
    "arguments": {
        "tenant_id": {"role": "account"},
        "filter": {"role": "query"},
        "to": {"role": "recipient"},
    },
    "returns": {
        "source": {"integrity": "trusted", "confidentiality": "internal"},
        "fields": {"rows.*.email": {"categories": ["pii"]}},
        "rows": {"at": "rows", "tenant": "tenant_id"},
    },
    "sink": {"clearance": "confidential"},
}
SQL: JSON = {**ROWS, "arguments": {"sql": {"role": "query", "type": "sql"}}}
WRITE: JSON = {**ROWS, "effect": "write", "scopes": ["deal:update"]}
RESOLVED: JSON = {
    **WRITE,
    "resolvers": {"order": {"tool": "find_orders", "take": "rows.*.id"}},
}
TOOLS = {"find_orders": ROWS, "query": SQL, "update_orders": WRITE, "close_order": RESOLVED}
OWN_ROW = {"id": 1, "tenant_id": "crm.example", "email": "dana@customer.example"}
FOREIGN_ROW = {"id": 2, "tenant_id": "other.example", "email": "sam@customer.example"}


class Demanding(Rules):
    """Rules that permit with obligations, or ask a person for them."""

    def __init__(self, *constrain: Constrain, **said: Any) -> None:
        demands = Demands(constrain=constrain, **said.pop("demands", {}))
        known: JSON = {"permit": ("all",), **said}
        super().__init__(PolicyAnswer(**known, demands=demands))


class Sent(Spy):
    """A tool that keeps what it was given."""

    def __init__(self, *rows: JSON) -> None:
        super().__init__({"rows": list(rows)})
        self.given: list[JSON] = []

    def __call__(self, **arguments: object) -> object:
        self.given.append(arguments)
        return super().__call__(**arguments)


def shop(directory: Path, tenant: str | None = None, **options: Any) -> Config:
    made = config(directory, **options)
    crm: JSON = {**CRM, "tools": {**CRM["tools"], **TOOLS}}
    block = made.root.upstreams["crm"]
    bound = msgspec.structs.replace(block.credential, tenant=tenant)
    upstreams = {
        **made.root.upstreams,
        "crm": msgspec.structs.replace(block, credential=bound),
    }
    return msgspec.structs.replace(
        made,
        manifests={**made.manifests, "crm": msgspec.convert(crm, Manifest)},
        root=msgspec.structs.replace(made.root, upstreams=upstreams),
    )


def working(directory: Path, policy: Rules, **options: Any) -> SimulatedTask:
    names = ("approval_scopes", "asks", "tenant")
    made = shop(directory, **{name: options.pop(name) for name in names if name in options})
    return SimulatedTask(made, "Look into case C-1.", directory=directory, policy=policy, **options)


class TestConstrained:
    async def test_an_argument_that_is_left_out_is_set_before_anything_is_decided(
        self, tmp_path: Path
    ) -> None:
        rules, tool = Demanding(OWN), Sent(OWN_ROW)
        async with working(tmp_path, rules) as task:
            step = await task.call("crm.find_orders", {"filter": {"open": True}}, tool)
            assert step.verdict == "done"
            assert tool.given == [{"filter": {"open": True}, "tenant_id": "crm.example"}]
            (decision,) = records(task, "decision")
            assert decision["constrained"] == ["tenant_id"]
            assert decision["provenance"]["tenant_id"] == ["policy-constant"]
            # The rules were asked once more, about what was sent.
            first, second = rules.asked
            assert first["call"]["digest"] != second["call"]["digest"] == decision["digest"]
            assert second["call"]["fields"] == ["filter", "tenant_id"]

    async def test_the_same_value_passes_and_leaves_no_trace(self, tmp_path: Path) -> None:
        rules, tool = Demanding(OWN), Sent()
        async with working(tmp_path, rules) as task:
            step = await task.call("crm.find_orders", {"tenant_id": "crm.example"}, tool)
            assert (step.verdict, len(rules.asked)) == ("done", 1)
            (decision,) = records(task, "decision")
            assert "constrained" not in decision

    @pytest.mark.parametrize(
        "arguments",
        [
            {"tenant_id": "other.example"},
            {"tenant_id": "CRM.example"},
            {"tenant_id": ""},
            {"tenant_id": 1},
        ],
    )
    async def test_another_value_is_refused_and_nothing_says_which(
        self, tmp_path: Path, arguments: JSON
    ) -> None:
        tool = Sent(OWN_ROW)
        async with working(tmp_path, Demanding(OWN)) as task:
            step = await task.call("crm.find_orders", arguments, tool)
            assert (step.reason, step.argument, tool.given) == ("constraint-unmet", None, [])

    async def test_what_stands_deeper_is_set_there_and_nothing_beside_it_changes(
        self, tmp_path: Path
    ) -> None:
        rules, tool = Demanding(Constrain(("filter", "page", "limit"), Constant(50))), Sent()
        async with working(tmp_path, rules) as task:
            await task.call("crm.find_orders", {"filter": {"page": {"at": 2}}}, tool)
            assert tool.given == [{"filter": {"page": {"at": 2, "limit": 50}}}]
            others: list[object] = [{"page": {"limit": 51}}, {"page": []}, "all"]
            for filtered in others:
                step = await task.call("crm.find_orders", {"filter": filtered}, tool)
                assert step.reason == "constraint-unmet"
            assert len(tool.given) == 1

    async def test_an_argument_that_the_tool_does_not_have_is_never_made_up(
        self, tmp_path: Path
    ) -> None:
        tool = Sent(OWN_ROW)
        async with working(tmp_path, Demanding(Constrain(("owner",), "user.id"))) as task:
            step = await task.call("crm.find_orders", {}, tool)
            assert (step.reason, tool.given) == ("constraint-unmet", [])

    async def test_rules_that_want_more_with_each_answer_are_not_asked_for_ever(
        self, tmp_path: Path
    ) -> None:
        class Insatiable(Rules):
            def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
                super().evaluate(input_json, now_ms)
                path = ("filter", f"n{len(self.asked)}")
                return PolicyAnswer(
                    permit=("all",), demands=Demands(constrain=(Constrain(path, Constant(1)),))
                )

        rules, tool = Insatiable(), Sent(OWN_ROW)
        async with working(tmp_path, rules) as task:
            step = await task.call("crm.find_orders", {}, tool)
            assert (step.reason, tool.given, len(rules.asked)) == ("constraint-unmet", [], 2)

    async def test_what_is_set_is_judged_like_what_was_sent(self, tmp_path: Path) -> None:
        abroad, tool = Constrain(("to",), Constant("dana@customer.example")), Sent()
        async with working(tmp_path, Demanding(abroad)) as task:
            # A value of the operator's own is vouched for, in every form of a check.
            step = await task.call("crm.find_orders", {}, tool)
            assert (step.verdict, tool.given) == ("done", [{"to": "dana@customer.example"}])
        secret = Constrain(("filter", "key"), Constant("AKIA" + "ABCDEFGHIJKLMNOP"))
        async with working(tmp_path / "other", Demanding(secret)) as task:
            step = await task.call("crm.find_orders", {}, tool)
            assert step.reason == "content-secret"

    async def test_a_person_is_asked_about_what_will_be_sent(self, tmp_path: Path) -> None:
        asks = Demanding(OWN, permit=(), elevate=(PolicyElevate("orders", "orders", 300),))
        tool = Sent(OWN_ROW)
        async with working(tmp_path, asks) as task:
            step = await task.call("crm.find_orders", {}, tool)
            assert step.reason == "approval-required"
            (question,) = task.rooms.desk.pending()
            assert question.shown["arguments"] == '{"tenant_id":"crm.example"}'
            await task.rooms.desk.operate(question.id, granted=True, by="sam")
            step = await task.call("crm.find_orders", {}, tool)
            assert (step.verdict, tool.given) == ("done", [{"tenant_id": "crm.example"}])

    async def test_a_call_that_goes_on_after_a_question_is_constrained_again(
        self, tmp_path: Path
    ) -> None:
        upstream = Talks(result={"content": [], "structuredContent": {"rows": []}})
        async with working(tmp_path, Demanding(OWN), asks={"form": True}) as task:
            cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = cast("Upstream", upstream)
            params = {"name": "find_orders", "arguments": {}}
            replies = {"q": {"action": "accept"}}
            answer = await task.rooms.gateway.call(
                *(caller(task), "tools/call", "crm", "find_orders", params),
                resumed=Resumed(replies=replies, state="upstream's own"),
            )
            assert isinstance(answer, Delivered)
            (sent,) = upstream.sent
            assert sent["arguments"] == {"tenant_id": "crm.example"}
            assert (sent["inputResponses"], sent["requestState"]) == (replies, "upstream's own")

    async def test_a_reply_while_the_call_runs_is_sent_as_it_is(self, tmp_path: Path) -> None:
        given: list[JSON] = []

        async def during(listener: Any) -> None:
            given.append(await listener.asked("elicitation/create", FORM))

        listener = Hears(reply=yes, able=frozenset[Capability]({"elicitation.form"}))
        upstream = Talks(during)
        own = Constrain(("id",), Constant("D-7"))
        async with working(tmp_path, Demanding(own), asks={"form": True}) as task:
            cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = cast("Upstream", upstream)
            params = {"name": "get_deal", "arguments": {}}
            answer = await task.rooms.gateway.call(
                caller(task), "tools/call", "crm", "get_deal", params, listener
            )
            assert isinstance(answer, Delivered)
            assert given == [{"action": "accept", "content": {"n": 3}}]
            assert upstream.sent == [{"name": "get_deal", "arguments": {"id": "D-7"}}]

    async def test_after_tainted_reading_only_what_the_policy_set_is_vouched_for(
        self, tmp_path: Path
    ) -> None:
        tool = Sent(OWN_ROW)
        async with working(tmp_path, Demanding(OWN)) as task:
            task.rooms.gateway.facts.use(Rules())
            await task.call(
                "crm.get_case", {"case_id": "C-1"}, lambda **_: {"messages": [{"body": "x"}]}
            )
            task.rooms.gateway.facts.use(Demanding(OWN))
            step = await task.call("crm.update_orders", {}, tool)
            assert (step.verdict, tool.given) == ("done", [{"tenant_id": "crm.example"}])
            task.rooms.gateway.facts.use(Rules())
            step = await task.call("crm.update_orders", {"tenant_id": "crm.example"}, tool)
            assert step.reason == "control-argument-unvouched"


class TestResults:
    @pytest.mark.parametrize("rows", [(FOREIGN_ROW,), (OWN_ROW, FOREIGN_ROW), ({"id": 3},)])
    async def test_one_row_of_another_tenant_withholds_all_of_them(
        self, tmp_path: Path, rows: tuple[JSON, ...]
    ) -> None:
        async with working(tmp_path, Rules()) as task:
            step = await task.call("crm.find_orders", {}, Sent(*rows))
            assert (step.reason, step.result) == ("row-foreign", None)
            (outcome,) = records(task, "outcome")
            assert (outcome["status"], outcome["reason"]) == ("withheld", "row-foreign")

    async def test_own_rows_are_delivered_without_what_a_rule_wants_redacted(
        self, tmp_path: Path
    ) -> None:
        async with working(tmp_path, Demanding(demands={"redact": ("pii",)})) as task:
            step = await task.call("crm.find_orders", {}, Sent(OWN_ROW))
            assert step.value == {"rows": [{**OWN_ROW, "email": "[redacted: pii]"}]}
            assert "dana@" not in str(step.result)
            (decision,) = records(task, "decision")
            (outcome,) = records(task, "outcome")
            assert decision["obligations"] == ["own-rows", "redact"]
            # The field, and its address where it stands: in the structure, and in the text.
            assert outcome["redacted"] == 3

    async def test_what_a_rule_wants_marked_is_marked(self, tmp_path: Path) -> None:
        async with working(tmp_path, Demanding(demands={"spotlight": True})) as task:
            step = await task.call("crm.get_case", {"case_id": "C-1"}, lambda **_: "hello")
            assert str(step.value).startswith("<data source=crm key=")

    async def test_text_beside_a_result_that_is_checked_does_not_pass(self, tmp_path: Path) -> None:
        async def during(listener: Any) -> None:
            await listener.notified("notifications/progress", {"progress": 1, "message": "eve's"})
            with pytest.raises(AskRefused):
                await listener.asked("elicitation/create", FORM)

        async def hear(params: JSON) -> None:
            raise AssertionError(params)

        able = frozenset[Capability]({"elicitation.form"})
        listener = Hears(hear, able=able, log_level="debug")
        upstream = Talks(during, {"content": [], "structuredContent": {"rows": [OWN_ROW]}})
        async with working(tmp_path, Rules(), asks={"form": True}) as task:
            cast("dict[str, Upstream]", task.rooms.upstreams)["crm"] = cast("Upstream", upstream)
            params = {"name": "find_orders", "arguments": {}}
            answer = await task.rooms.gateway.call(
                caller(task), "tools/call", "crm", "find_orders", params, listener
            )
            assert isinstance(answer, Delivered)
            assert (listener.heard, listener.asks) == ([], [])


class TestFreeSql:
    async def test_it_is_neither_run_nor_listed_without_a_credential_of_the_tenant(
        self, tmp_path: Path
    ) -> None:
        tool = Sent(OWN_ROW)
        async with working(tmp_path, Rules()) as task:
            step = await task.call("crm.query", {"sql": "select * from orders"}, tool)
            assert (step.reason, tool.given) == ("query-unbound", [])
            assert "query" not in await listed(task)

    @pytest.mark.parametrize(
        ("tenant", "reason"), [(None, "facts-unavailable"), ("crm.example", None)]
    )
    async def test_nor_is_it_for_a_resolver_that_an_agent_s_argument_could_reach(
        self, tmp_path: Path, tenant: str | None, reason: str | None
    ) -> None:
        asks = {"tool": "query", "arguments": {"sql": "$.arguments.find"}, "take": "$.n"}
        made = shop(tmp_path, tenant)
        tools = made.manifests["crm"].tools
        fact = msgspec.convert({"n": asks}, dict[str, Resolver])
        read = msgspec.convert({**SQL, "returns": {}}, ToolManifest)
        crm = msgspec.structs.replace(
            made.manifests["crm"],
            tools={
                **tools,
                "query": read,
                "find_orders": msgspec.structs.replace(
                    tools["find_orders"],
                    resolvers=fact,
                    arguments={"find": Argument(role="content")},
                ),
            },
        )
        asked: list[str] = []

        def query(sql: str) -> JSON:
            asked.append(sql)
            return {"n": 1}

        task = SimulatedTask(
            msgspec.structs.replace(made, manifests={**made.manifests, "crm": crm}),
            "Look into case C-1.",
            directory=tmp_path,
            policy=Rules(),
            resolvers={"crm.query": query},
        )
        async with task:
            step = await task.call("crm.find_orders", {"find": "select 1"}, Sent(OWN_ROW))
        assert step.reason == reason
        assert asked == ([] if reason else ["select 1"])

    async def test_with_one_it_is_sent_as_it_was_written(self, tmp_path: Path) -> None:
        tool = Sent(OWN_ROW)
        async with working(tmp_path, Rules(), tenant="crm.example") as task:
            step = await task.call("crm.query", {"sql": "select 1 --"}, tool)
            assert (step.verdict, tool.given) == ("done", [{"sql": "select 1 --"}])
            assert "query" in await listed(task)


async def listed(task: SimulatedTask) -> set[str]:
    shown = await task.rooms.gateway.visible(caller(task), "tools/list", "crm")
    return {definition["name"] for definition in shown}


class TestResolved:
    """What a resolver finds is held to the tenant like any result, and to what rules may see."""

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            ([OWN_ROW], None),
            ([FOREIGN_ROW], "facts-unavailable"),
            ([OWN_ROW, FOREIGN_ROW], "facts-unavailable"),
            ([{"id": 1}], "facts-unavailable"),
            ([{**OWN_ROW, "id": {"a": [1, "x"]}}], None),
            ([{**OWN_ROW, "id": 1.5}], "facts-unavailable"),
            ([{**OWN_ROW, "id": {"a": [1.5]}}], "facts-unavailable"),
            ([{**OWN_ROW, "id": {"\U0001f600": 1}}], "facts-unavailable"),
        ],
    )
    async def test_a_fact_is_the_tenants_own_and_whole(
        self, tmp_path: Path, rows: list[JSON], reason: str | None
    ) -> None:
        resolvers = {"crm.find_orders": lambda: {"rows": rows}}
        async with working(tmp_path, Rules(), resolvers=resolvers) as task:
            step = await task.call("crm.close_order", {}, Sent(OWN_ROW))
            assert step.reason == reason
            (decision,) = records(task, "decision")
            assert "other.example" not in str(decision)
