"""`safeconduct audit replay`: decisions made again, by what made them or by another policy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeconduct.cli import output
from safeconduct.cli.audit import noting, place
from safeconduct.cli.policy.diff import lines, since_ms, watched

if TYPE_CHECKING:
    from safeconduct.app.counterfactual import Simulated
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reads import Answering
    from safeconduct.policy.loading import LocalEngine
    from safeconduct.policy.replay.checking import Checked

JSON = dict[str, Any]

HELP: Final = "decide recorded calls again, bit for bit, or as another policy had"
EXAMPLE: Final = """\
safeconduct audit replay --config ./gateway --since 24h
safeconduct audit replay --config ./gateway --bundle ./policy.last
safeconduct audit replay --config ./gateway --policy ./policy.new"""


_FIX: Final[dict[str, str]] = {
    "other bundle": "name the bundle that decided with --bundle",
    "other engine": "install the engine that decided, or name that bundle with --bundle",
    "erased": "what the rules saw is erased: nothing replays these any more",
    "sealed": "read the log where its keys are, with --config",
    "missing": "bring back the payload files",
    "not asked": "none of these decisions is the policy's",
}
"""By why decisions are not replayed, what helps where all of them are not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Without --policy each decision is made again by the bundle that its record names, and\n"
        "has to be the same. Exit code 1 means that one is not, or with --policy that something\n"
        "gets wider, or could; 2 that a bundle is not there or broken; 3 that the log is damaged,\n"
        "or that nothing was replayed."
    )
    parser.add_argument(
        "--since", metavar="TIME", type=since_ms, default=0,
        help="only decisions from then on: a span (30m, 24h, 7d) or a date (UTC)",
    )  # fmt: skip
    parser.add_argument("--until", metavar="TIME", type=since_ms, help="only decisions before that")
    parser.add_argument("--task", help="only decisions of this task")
    parser.add_argument(
        "--bundle", type=Path, metavar="DIR", action="append", default=[],
        help="a bundle that decided, besides those of --config; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--policy", type=Path, metavar="NEW", help="the bundle that had decided instead"
    )
    parser.add_argument(
        "--accept-unreplayed", action="store_true",
        help="with --policy: end with 0 although decisions were not replayed",
    )  # fmt: skip
    parser.add_argument(
        "--list", action="store_true", help="say of each decision that is not replayed why"
    )
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Replays. What is shown is on record before."""
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reads import Answering
    from safeconduct.cli.policy.places import absent, engine_at
    from safeconduct.config import ConfigError
    from safeconduct.policy.refusal import PolicyRefused

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    missing = absent(args.policy, *args.bundle)
    if missing is not None:
        return output.usage(missing)
    try:
        config = noting.configured(directory, args.directory, args)
        engines = [*map(engine_at, args.bundle), *_configured(args)]
        new = None if args.policy is None else engine_at(args.policy)
    except (ConfigError, PolicyRefused) as refused:
        return output.usage(str(refused))
    keys, said = keystore.near(directory), Answering()
    opener = Opener(directory, keys)
    try:
        if new is None:
            show = _again(args, directory, opener, engines, said)
        else:
            show = _instead(args, directory, opener, engines, new, said)
    finally:
        opener.close()
    noting.noted(config, "replay", None, _asked(args), said.answer(), opened=keys is not None)
    return show()


def _configured(args: argparse.Namespace) -> Iterator[LocalEngine]:
    """Those of the configuration, as far as they can be had. Raises ConfigError."""
    from contextlib import suppress

    from safeconduct.config import ConfigError, load
    from safeconduct.policy.at_hand import configured
    from safeconduct.policy.loading import engine
    from safeconduct.policy.refusal import PolicyRefused

    try:
        config = load(Path(args.config))
    except ConfigError:
        if args.directory is None:
            raise
        return  # a log can be replayed wherever it was taken
    for bundle in configured(config):
        with suppress(PolicyRefused):  # those of a decision point elsewhere
            yield engine(bundle)


def _again(
    args: argparse.Namespace,
    directory: Path,
    opener: Opener,
    engines: list[LocalEngine],
    said: Answering,
) -> Callable[[], int]:
    """Decides anew, and takes down what was read for it; what shows how that went."""
    from safeconduct.audit.reading import decided
    from safeconduct.audit.records import SEQUENCE
    from safeconduct.policy.replay.asked import Bundles
    from safeconduct.policy.replay.checking import Check

    check = Check(Bundles(engines))
    listed: list[tuple[JSON, str]] = []
    for data, record in watched(decided(directory)):
        if _wanted(args, record):
            said.take(record[SEQUENCE], data)
            left = check.take(opener.whole(record))
            if left is not None and args.list:
                value = {"decision": record["decision"], "why": left.why, "fields": left.fields}
                listed.append((value, f"{record['decision']}  {left.why}: {left}"))

    def show() -> int:
        for one in listed:
            output.emit(args, *one)
        found = check.checked()
        output.emit(args, found, "\n".join(_told(found)))
        if found.differing:
            return output.FOUND
        if not found.replayed:
            output.complain(_nothing(found.decisions, [left.why for left in found.unreplayed]))
            return output.FAULT
        return output.OK

    return show


def _nothing(decisions: int, whys: Iterable[str]) -> str:
    """That nothing was replayed, and why; what to do stands there where it helps."""
    from safeconduct.policy.replay.again import WHY

    if not decisions:
        return "nothing was replayed: no decision was asked for (fix: another span or task)"
    said = sorted(set(whys)) or ["not asked"]
    words = {str(why): sentence for why, sentence in WHY.items()}
    reasons = "; ".join(words[why] for why in said)
    fixes = "; ".join(_FIX[why] for why in said if why in _FIX)
    return f"nothing was replayed: {reasons}" + (f" (fix: {fixes})" if fixes else "")


def _instead(
    args: argparse.Namespace,
    directory: Path,
    opener: Opener,
    engines: list[LocalEngine],
    new: LocalEngine,
    said: Answering,
) -> Callable[[], int]:
    """As `_again`, by another policy."""
    from safeconduct.app.counterfactual import Counterfactual
    from safeconduct.audit.reading import read
    from safeconduct.audit.records import SEQUENCE, encode
    from safeconduct.policy.replay.asked import Bundles

    world = Counterfactual(Bundles(engines), new)
    try:
        for record in watched(read(directory)):
            if record["kind"] != "decision":
                # Tasks are what they were before, too.
                world.take(opener.shown(record))
                continue
            counts = _wanted(args, record)
            if counts:
                said.take(record[SEQUENCE], encode(record))
            world.take(opener.whole(record), counts=counts)
        found = world.simulated()
    finally:
        world.close()
    return lambda: _shown(args, found)


def _shown(args: argparse.Namespace, found: Simulated) -> int:
    output.emit(args, found, "\n".join(_had(found)))
    if not (found.straight.compared or found.diverged.compared):
        parts = (found.straight, found.diverged)
        whys = [left.why for part in parts for left in part.left]
        output.complain(_nothing(sum(part.decisions for part in parts), whys))
        return output.FAULT
    unknown = sum(left.decisions for left in (*found.straight.left, *found.diverged.left))
    if unknown and not args.accept_unreplayed:
        left = output.counted(unknown, "decision")
        output.complain(
            f"{left} not replayed, of which NEW may permit more (fix: look at them and "
            "--accept-unreplayed)"
        )
        return output.FOUND
    return output.FOUND if found.widens else output.OK


def _asked(args: argparse.Namespace) -> dict[str, str | int | bool]:
    asked: dict[str, str | int | bool] = {"kind": "decision"}
    if args.since:
        asked["since_ms"] = args.since
    if args.until is not None:
        asked["until_ms"] = args.until
    if args.task is not None:
        asked["task"] = args.task
    return asked


def _wanted(args: argparse.Namespace, record: Mapping[str, Any]) -> bool:
    return (
        record["at_ms"] >= args.since
        and (args.until is None or record["at_ms"] < args.until)
        and (args.task is None or record["task"] == args.task)
    )


def _told(found: Checked) -> Iterator[str]:
    for one in found.differences:
        yield (
            f"DIFFERS {one.decision}  {output.moment(one.at_ms)}  {output.printable(one.tool)}: "
            f"{', '.join(one.fields)}"
        )
    for left in found.unreplayed:
        shown = ", ".join(left.samples)
        yield f"not replayed: {output.counted(left.decisions, 'decision')}, {left.why} ({shown})"
    yield (
        f"{output.counted(found.decisions, 'decision')}, of these {found.replayed} replayed, "
        f"{found.differing} differ"
    )


def _had(found: Simulated) -> Iterator[str]:
    yield from lines(found.straight)
    if found.diverged.decisions:
        yield "after the first flip of their task, with what it had been like by then:"
        yield from lines(found.diverged)
