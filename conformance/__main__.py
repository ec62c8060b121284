"""`make conformance`: the official suite, direct and through the gateway.

Runs the pinned suite once as a program that gets a token from the gateway's own authorization
server. Then runs it twice, as a client of the SDK's everything-server and as a server of the SDK's
client, and compares (scenario, check, status) of both legs; and once as a server that wants tokens
of the gateway's own client.
The last two lines are JSON.
Exit codes: 0 without any difference, else 1.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from conformance import authorization, sources
from conformance.compare import Difference, Role, differences, failing, flawless, table
from conformance.legs import LEGS
from conformance.sources import Fixture, Scenarios, Suite
from conformance.suite import of_client, of_server, of_upstream

REQUIRED = {"2026-07-28": 37, "2025-11-25": 30}
"""The revisions, with how many scenarios each requires of servers at least."""


class Compared(msgspec.Struct, frozen=True):
    """What a revision came to, or the authorization server."""

    scenarios: int
    differences: tuple[Difference, ...]

    @property
    def count(self) -> dict[str, int]:
        return {"scenarios": self.scenarios, "differences": len(self.differences)}


def tell(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def chosen(suite: Suite, revision: str, only: str | None) -> Scenarios:
    """The scenarios to run: all, or the one that was asked for.

    Raises:
        RuntimeError: the suite no longer requires as many as it has to.
    """
    everything = suite.scenarios(revision)
    required = len(everything.required.intersection(everything.server))
    if required < REQUIRED[revision]:
        raise RuntimeError(f"the suite requires only {required} scenarios of {revision}")
    return everything if only is None else everything.narrowed(only)


async def compared(
    revision: str, scenarios: Scenarios, suite: Suite, fixture: Fixture, logs: Path
) -> Compared:
    """Run both legs of one revision.

    Raises:
        RuntimeError: the direct leg fails what it must not, so that equality would prove nothing.
    """
    found: list[Difference] = []
    legs: list[tuple[Role, tuple[str, ...]]]
    legs = [("server", scenarios.server), ("client", scenarios.client)]
    for role, names in legs:
        if names:
            tell(f"{revision}: {len(names)} scenarios of a {role}, direct and through the gateway")
            ran = of_server if role == "server" else of_client
            direct, gateway = await asyncio.gather(
                *(ran(leg, revision, scenarios, suite, fixture, logs) for leg in LEGS)
            )
            if broken := failing(scenarios.required, direct):
                raise RuntimeError(f"fails without the gateway already: {', '.join(broken)}")
            found += differences(revision, role, names, direct, gateway)
    names = scenarios.authorization
    if names:
        tell(f"{revision}: {len(names)} scenarios about tokens, of the gateway's own client")
        gateway = await of_upstream(revision, names, suite, logs)
        found += differences(revision, "authorization", names, flawless(gateway), gateway)
    count = len(scenarios.server) + len(scenarios.client) + len(names)
    return Compared(count, tuple(found))


async def of_tokens(suite: Suite, only: str | None, logs: Path) -> Compared:
    """Run what is the same in every revision: the gateway's own authorization server. Its scenarios
    go together, so any of them is asked for with all.

    Raises:
        RuntimeError: the run cannot be finished.
    """
    known = authorization.SCENARIOS
    if only is not None and only not in known:
        return Compared(0, ())
    tell(f"{len(known)} scenarios of the gateway's own authorization server")
    ran = await authorization.of_authorization_server(suite, logs)
    names = tuple(dict.fromkeys((*known, *ran)))
    found = differences("every revision", "authorization-server", names, flawless(ran), ran)
    return Compared(len(names), tuple(found))


async def main(
    revisions: list[str], only: str | None, logs: Path
) -> tuple[dict[str, Compared], Compared]:
    """What each revision came to, and the authorization server."""
    task = asyncio.current_task()
    assert task is not None
    # Told to stop, it takes its processes along.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    suite, fixture = await sources.suite(), await sources.fixture()
    tokens = await of_tokens(suite, only, logs)
    answer: dict[str, Compared] = {}
    for revision in revisions:
        scenarios = chosen(suite, revision, only)
        if not scenarios.server + scenarios.client + scenarios.authorization:
            tell(f"{revision}: no scenario of that name")
        answer[revision] = await compared(revision, scenarios, suite, fixture, logs)
    return answer, tokens


def report(answer: dict[str, Compared], tokens: Compared, *, as_json: bool) -> bool:
    """Print what was found; whether there is no difference, and something was compared."""
    everything = [*answer.values(), tokens]
    found = [one for compared in everything for one in compared.differences]
    if as_json:
        for one in found:
            print(msgspec.json.encode(one).decode())
    elif found:
        print(table(found))
    for summary in ({"authorization-server": tokens}, answer):
        print(msgspec.json.encode({name: one.count for name, one in summary.items()}).decode())
    return not found and any(one.scenarios for one in everything)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("--revision", choices=REQUIRED, help="only this one")
    parser.add_argument("--scenario", metavar="NAME", help="only this one")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="a new directory for all logs")
    return parser


if __name__ == "__main__":
    chose = options().parse_args()
    with ExitStack() as stack:
        logs: Path = chose.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-conformance-"))
        )
        revisions = [chose.revision] if chose.revision else list(REQUIRED)
        try:
            answer, tokens = asyncio.run(main(revisions, chose.scenario, logs.absolute()))
        except RuntimeError as fault:
            raise SystemExit(str(fault)) from None
        except asyncio.CancelledError:
            raise SystemExit("stopped") from None
        raise SystemExit(0 if report(answer, tokens, as_json=chose.format == "json") else 1)
