"""Each call of a run for people: who made it, what came of it, and why."""

import json

from bench.agentdojo.agent import SCHEDULES, Turn
from bench.agentdojo.results import Job, Setting
from bench.agentdojo.runs import Runner

WIDTH = 100


def explain(setting: Setting, suite: str, what: str) -> None:
    """Prints the calls of `USERTASK`, or of `USERTASK,INJECTION` in every schedule.

    Raises:
        SystemExit: the suite has no such task.
    """
    user, _, injection = what.partition(",")
    runner = Runner(Job(setting, suite, user))
    if user not in runner.suite.user_tasks:
        raise SystemExit(f"{suite} has no {user}")
    print(f"{suite} {user}: {runner.suite.prompt(user)}")
    if not injection:
        played = runner.play()
        for turn in played.turns:
            told(turn)
        print(f"done: {runner.benign().done}")
        return
    if injection not in runner.suite.injection_tasks:
        raise SystemExit(f"{suite} has no {injection}")
    print(f"{injection}: {runner.suite.goal(injection)}")
    for schedule in SCHEDULES:
        print(f"\n{schedule}")
        played = runner.play(injection, schedule)
        for turn in played.turns:
            told(turn)
        print(f"every call of the attack done: {played.obeyed}")


def told(turn: Turn) -> None:
    step = turn.step
    arguments = json.dumps(turn.call.arguments, ensure_ascii=False, default=str)
    print(f"{turn.who:7} {turn.call.tool} {arguments:.{WIDTH}}")
    why = [step.reason, step.remedy, step.argument and f"argument {step.argument}"]
    asked = f"{step.approvals} approvals" if step.approvals else None
    said = " ".join(str(one) for one in (step.verdict, *why, asked) if one)
    failed = "" if turn.executed or step.reason else f"; the tool failed: {step.value!s:.{WIDTH}}"
    print(f"        {said}{failed}")
