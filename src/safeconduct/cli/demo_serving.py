"""`safeconduct demo --serve`: the story's company and gateway stay, and its copilot asks."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from safeconduct.cli import output
from safeconduct.cli.operator import ask
from safeconduct.config.schema import Config
from safeconduct.demo import asking, report, story
from safeconduct.demo.plot import LEAD, OPPORTUNITY_ID, REQUEST, draw
from safeconduct.demo.standing import gateway_of
from safeconduct.demo.world import open_world
from safeconduct.identity.client import StartedTask

POLL_S = 1.0
"""How often to look whether somebody has answered, in seconds."""

Lines = dict[str, list[list[str]]]
"""Commands to paste, by what they are for."""


async def standing(args: argparse.Namespace, directory: Path) -> int:
    """Tells the story and keeps all that it was told with, until cancelled."""
    plot, plain = draw(), directory / "plain"
    plain.mkdir()
    ungoverned = await story.ungoverned(plain, plot)
    async with open_world(directory, plot) as world, gateway_of(world) as (config, gateway):
        through = await story.through(world, config, plot)
        told = story.Story(ungoverned=ungoverned, governed=through, audit=story.audited(config))
        copilot = await _Copilot.asks(config)
        visit, enrol = await copilot.link("visit"), await copilot.link("enrol")
        _say(args, config, told, copilot.approval, {"visit": visit, "enrol": enrol})
        follows = asyncio.create_task(_follow(args, config, copilot))
        try:
            status = await gateway.ended()
        finally:
            follows.cancel()
            await asyncio.gather(follows, return_exceptions=True)
    output.complain(f"the gateway ended by itself, with status {status}")
    return output.FAULT


class _Copilot:
    """The agent that waits for a person's yes, and the links by which somebody gets to give it."""

    def __init__(self, config: Config, task: StartedTask, approval: str) -> None:
        self._config = config
        self._task = task
        self.approval = approval

    @classmethod
    async def asks(cls, config: Config) -> _Copilot:
        """One that has asked."""
        task = await asking.asked(config)
        told = await asyncio.to_thread(ask, _socket(config), "approvals")
        (approval,) = (one["approval"] for one in told["pending"] if one["task"] == task.task)
        return cls(config, task, approval)

    async def link(self, verb: str) -> str:
        """A one-time link to the console."""
        told = await asyncio.to_thread(ask, _socket(self._config), verb, user=LEAD)
        return str(told["url"])

    async def answered(self) -> str:
        """Waits until the question does not stand any more; what became of it."""
        path = _socket(self._config)
        while True:
            told = await asyncio.to_thread(ask, path, "approval", approval=self.approval)
            if told["state"] != "pending":
                return str(told["state"])
            await asyncio.sleep(POLL_S)

    async def goes_on(self) -> str:
        """Makes its call again; the verdict."""
        return (await asking.lower(self._config, self._task)).verdict


async def _follow(args: argparse.Namespace, config: Config, copilot: _Copilot) -> None:
    """Has the copilot ask again as long as nobody answers, and tells what came of the answer."""
    while (state := await copilot.answered()) == "lapsed":
        copilot = await _Copilot.asks(config)
        text = f"\nnobody answered in time; the copilot asks again: {copilot.approval}"
        output.emit(args, {"asked": copilot.approval}, text)
    verdict = await copilot.goes_on()
    text = f"\nanswered ({state}); the copilot's call on {OPPORTUNITY_ID}: {verdict}"
    output.emit(args, {"answered": state, "call": verdict}, text)


def _socket(config: Config) -> Path:
    return Path(config.directory) / config.root.gateway.operator_socket


def _say(
    args: argparse.Namespace,
    config: Config,
    told: story.Story,
    approval: str,
    links: Mapping[str, str],
) -> None:
    """What there is to look at and to do, once all of it is there."""
    issuer, lines = config.root.gateway.issuer, _lines(config.directory, approval)
    value = {
        "ready": issuer,
        "config": config.directory,
        **links,
        "lines": lines,
        "story": report.document(told),
    }
    text = [report.text(told), f"\nready: {issuer}/mcp until Ctrl-C; for another terminal:"]
    for what, commands in lines.items():
        text += [f"\n{what}:", *(f"  {shlex.join(words)}" for words in commands)]
    text += [
        f"\nlook at all of it in a browser, as {LEAD}; a link is good once, for 15 minutes:",
        f"  {links['visit']}",
        "\nto answer there what the copilot asks now, register a passkey:",
        f"  {links['enrol']}",
    ]
    output.emit(args, value, "\n".join(text))


def _lines(configuration: str, approval: str) -> Lines:
    safeconduct = output.program()
    where, purpose = ["--config", configuration], ["--purpose", REQUEST]
    return {
        "start a task": [
            [*safeconduct, "task", "start", *where, *purpose, "--key-file", "task.jwk"]
        ],
        "be a client that starts its servers": [[*safeconduct, "wrap", *where, *purpose]],
        "or give that line to one you have, with --write": [
            [*safeconduct, "connect", client, *where, *purpose]
            for client in ("claude", "claude-code", "vscode", "cursor", "inspector")
        ],
        "look at what was decided": [[*safeconduct, "audit", "show", *where]],
        "answer without a passkey": [[*safeconduct, "approvals", "approve", approval, *where]],
        "get another link to look around": [[*safeconduct, "approvals", "visit", LEAD, *where]],
        "get another link to register a passkey": [
            [*safeconduct, "approvals", "enrol", LEAD, *where]
        ],
    }
