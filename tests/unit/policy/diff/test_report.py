"""Changes are counted, grouped, and shown with the widest first."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from safeconduct.core.record import decision_record
from safeconduct.core.screen import screen
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.diff.report import SAMPLES, Comparison, Group, Left, Report, Sample
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.replay.asked import Bundles
from tests.support.bundles import PACKAGE, bundle
from tests.support.decisions import decided
from tests.support.facts import NOW_MS, call, facts, gathered, task

OLD = (
    PACKAGE
    + """
permit contains {"id": "read"} if input.call.tool == "crm.get"
permit contains {"id": "mail"} if input.call.tool == "mail.send"
permit contains {"id": "edit"} if { input.call.tool == "crm.edit"; input.facts.bps < 100 }
"""
)
NEW = (
    PACKAGE
    + """
permit contains {"id": "read.all"} if input.call.tool == "crm.get"
deny contains {"id": "no.mail"} if input.call.tool == "mail.send"
permit contains {"id": "edit"} if { input.call.tool == "crm.edit"; input.facts.bps < 500 }
"""
)


def logging(text: str, *rules: str) -> Bundle:
    made = bundle(text)
    modes: dict[str, Any] = dict.fromkeys(rules, "log_only")
    return replace(made, header=replace(made.header, modes=modes))


def report(old: RegoEngine, new: RegoEngine, *calls: tuple[str, str, int]) -> Report:
    """Of calls of tools in tasks, with a fact."""
    comparison = Comparison(Bundles([old]), new)
    for number, (where, tool, bps) in enumerate(calls):
        made = call(target=tool, upstream=tool.split(".")[0])
        known = facts(resolved={"bps": bps}, task=task(id=where))
        comparison.take(decided(old, made, known, f"d_{number}"))
    return comparison.report()


def test_changes_are_grouped_by_verdicts_rules_and_tool_and_the_widest_come_first() -> None:
    found = report(
        RegoEngine(bundle(OLD)),
        RegoEngine(bundle(NEW)),
        ("t_1", "crm.get", 0),
        ("t_1", "mail.send", 0),
        ("t_1", "crm.get", 0),
        ("t_1", "crm.edit", 200),
        ("t_2", "crm.edit", 300),
        ("t_2", "crm.edit", 900),
        ("t_3", "crm.edit", 1),
    )
    labels = {"integrity": "trusted", "confidentiality": "public", "categories": list[str]()}

    def sample(number: int, where: str, *, follows: bool = False) -> Sample:
        return Sample(f"d_{number}", NOW_MS, where, labels, follows)

    assert found == Report(
        old=found.old,
        new=found.new,
        decisions=7,
        unasked=0,
        replayed=7,
        compared=True,
        masked=0,
        changed=3,
        widened=2,
        narrowed=1,
        by_other_rules=2,
        follow=2,
        groups=(
            Group(
                old="deny (policy-denied)",
                new="permit",
                tool="crm.edit",
                gained=("edit",),
                lost=(),
                relaxed=(),
                if_met=False,
                widens=True,
                narrows=False,
                decisions=2,
                follow=1,
                agents={"spiffe://crm.example/agents/copilot": 2},
                samples=(sample(3, "t_1", follows=True), sample(4, "t_2")),
            ),
            Group(
                old="permit",
                new="deny (policy-denied)",
                tool="mail.send",
                gained=("no.mail",),
                lost=("mail",),
                relaxed=(),
                if_met=False,
                widens=False,
                narrows=True,
                decisions=1,
                follow=0,
                agents={"spiffe://crm.example/agents/copilot": 1},
                samples=(sample(1, "t_1"),),
            ),
        ),
        left=(),
        logged={"old": {}, "new": {}},
    )


def test_a_policy_against_itself_changes_nothing() -> None:
    same = RegoEngine(bundle(OLD))
    found = report(same, same, ("t_1", "crm.get", 0), ("t_1", "x.y", 0), ("t_2", "crm.edit", 9))
    assert (found.decisions, found.replayed, found.changed, found.groups) == (3, 3, 0, ())


def test_of_many_alike_a_few_are_shown() -> None:
    old, new = RegoEngine(bundle(OLD)), RegoEngine(bundle(NEW))
    found = report(old, new, *[("t_1", "mail.send", 0)] * 9)
    (group,) = found.groups
    assert (group.decisions, group.follow, len(group.samples)) == (9, 8, SAMPLES)


def test_rules_that_are_only_logged_are_counted_by_what_they_had_made_of_decisions() -> None:
    strict = OLD + 'deny contains {"id": "strict"} if input.facts.bps > 50\n'
    old, new = RegoEngine(bundle(OLD)), RegoEngine(logging(strict, "strict"))
    calls = [("t_1", "crm.edit", bps) for bps in (10, 60, 70, 200)]
    assert report(old, new, *calls).logged == {
        "old": {}, "new": {"strict": {"permit -> deny": 2, "no change": 1}},
    }  # fmt: skip
    assert report(old, new, *calls).changed == 0


def test_what_is_not_replayed_is_counted_by_reason() -> None:
    old = RegoEngine(bundle(OLD))
    comparison = Comparison(Bundles([old]), old)
    local = gathered(zone=None)
    refused = screen(call(), local)
    assert refused is not None
    comparison.take(decision_record("d_0", call(), local, None, refused))
    for number, bundle_ in enumerate(("0" * 64, "0" * 64, old.digest), 1):
        record = decided(old, call(), facts(), f"d_{number}")
        record["policy"] |= {"bundle": bundle_, "masked": ["/facts/owner"]}
        comparison.take(record)
    found = comparison.report()
    assert (found.decisions, found.unasked, found.replayed, found.masked) == (4, 1, 1, 1)
    assert found.left == (Left(why="other bundle", decisions=2, samples=("d_1", "d_2")),)


def test_groups_of_every_kind_have_their_place() -> None:
    rules = {
        "deny": "",
        "permit": 'permit contains {"id": "p"} if input.call.tool == "T"\n',
        "elevate": 'elevate contains {"id": "e", "template": "t", "ttl_s": 9} if '
        'input.call.tool == "T"\n',
        "asks other": 'elevate contains {"id": "f", "template": "t", "ttl_s": 9} if '
        'input.call.tool == "T"\n',
    }
    wanted = [
        ("deny", "permit"), ("elevate", "permit"), ("deny", "elevate"), ("permit", "deny"),
        ("permit", "elevate"), ("elevate", "deny"), ("elevate", "asks other"),
    ]  # fmt: skip
    tools = [f"crm.t{number}" for number in range(len(wanted))]

    def written(side: int) -> RegoEngine:
        pairs = zip(wanted, tools, strict=True)
        texts = [rules[pair[side]].replace("T", tool) for pair, tool in pairs]
        ids = [
            text.replace('"p"', f'"p{n}"').replace('"e"', f'"e{n}"') for n, text in enumerate(texts)
        ]
        return RegoEngine(bundle(PACKAGE + "".join(ids)))

    calls = [("t_1", tool, 0) for tool in reversed(tools)]
    groups = report(written(0), written(1), *calls).groups
    assert [group.tool for group in groups] == tools
    assert [(group.widens, group.narrows) for group in groups] == [
        *[(True, False)] * 3, *[(False, True)] * 3, (False, False),
    ]  # fmt: skip
