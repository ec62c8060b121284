"""`safeconduct policy diff`: what another bundle had done to calls of the past."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from safeconduct.cli import output
from safeconduct.cli.audit import noting

if TYPE_CHECKING:
    from safeconduct.policy.diff.report import Group, Report, Sample

T = TypeVar("T")

HELP = "replay a log: which decisions a change of policy turns round, and which it widens"
EXAMPLE = """\
safeconduct policy diff ./policy.old ./policy.new --config ./gateway --since 24h
safeconduct policy diff ./policy ./policy --against ./copy-of-a-log"""

_SPAN: Final = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STEP: Final = 10_000
"""How many records are replayed between two words on how far it got."""

_NO_LOG: Final = "fix: name the directory of a log with --against, or its gateway with --config"

_UNREPLAYED: Final = "fix: a later --since, or look at them and --accept-unreplayed"

_STALL_S: Final = 60.0
_STDERR: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "OLD and NEW are directories or archives. Exit code 1 means that something gets wider, or\n"
        "could; 2 that OLD, NEW or the log is not there or broken; 3 that the log is damaged, or\n"
        "nothing could be replayed, as where no decision lies in the time that --since names."
    )
    parser.add_argument("old", type=Path, metavar="OLD", help="the bundle that decided")
    parser.add_argument("new", type=Path, metavar="NEW", help="the bundle that is to decide")
    parser.add_argument(
        "--against", type=Path, metavar="LOG", help="the log to replay (default: --config's)"
    )
    parser.add_argument(
        "--since", metavar="TIME", type=since_ms, default=0,
        help="only decisions since then: 30m, 24h, 7d, or a date such as 2026-11-20T08:00Z",
    )  # fmt: skip
    parser.add_argument(
        "--accept-unreplayed", action="store_true",
        help="end with 0 although decisions were not replayed, and NEW may permit more of them",
    )  # fmt: skip
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Replays. 1 where anything gets wider or may do so; 3 where nothing was replayed. What is
    shown is on record before.
    """
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reading import decided
    from safeconduct.audit.reads import Answering
    from safeconduct.audit.records import SEQUENCE
    from safeconduct.audit.verify import holds_log
    from safeconduct.cli.policy.places import absent, engine_at
    from safeconduct.config import ConfigError
    from safeconduct.policy.diff.report import Comparison
    from safeconduct.policy.refusal import PolicyRefused
    from safeconduct.policy.replay.asked import Bundles

    missing = absent(args.old, args.new)
    if missing is not None:
        return output.usage(missing)
    try:
        directory = args.against or output.audit_directory(args)
        if not holds_log(directory):
            return output.usage(f"no log in {directory} ({_NO_LOG})")
        config = noting.configured(directory, args.against, args)
        comparison = Comparison(Bundles((engine_at(args.old),)), engine_at(args.new))
    except (ConfigError, PolicyRefused) as refused:
        return output.usage(str(refused))
    keys = keystore.near(directory)
    opener, said = Opener(directory, keys), Answering()
    for data, record in watched(decided(directory)):
        if record["at_ms"] >= args.since:
            said.take(record[SEQUENCE], data)
            comparison.take(opener.whole(record))
    asked: dict[str, str | int | bool] = {"kind": "decision"}
    if args.since:
        asked["since_ms"] = args.since
    noting.noted(config, "diff", None, asked, said.answer(), opened=keys is not None)
    report = comparison.report()
    output.emit(args, report, "\n".join(lines(report)))
    if not report.compared:
        output.complain(f"nothing could be replayed: {_why_not(report)}")
        return output.FAULT
    unknown = sum(left.decisions for left in report.left)
    if unknown and not args.accept_unreplayed:
        left = output.counted(unknown, "decision")
        output.complain(f"{left} not replayed, of which NEW may permit more ({_UNREPLAYED})")
        return output.FOUND
    return output.FOUND if report.widened else output.OK


def _why_not(report: Report) -> str:
    if report.left:
        return "is OLD the bundle that decided?"
    if report.decisions:
        return "the policy was asked about none of these decisions"
    return "no decision in this time (fix: an earlier --since, or leave it out)"


def since_ms(text: str) -> int:
    """A moment, in milliseconds since the epoch: a span back from now, or a date in UTC.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    span = _SPAN.fullmatch(text)
    if span is not None:
        return int((time.time() - int(span[1]) * _SECONDS[span[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("neither a span such as 24h nor a date") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def watched(records: Iterator[T]) -> Iterator[T]:
    """Records for a replay, with a word now and then on how far it got."""
    import faulthandler

    # A rule that never ends holds the interpreter, so that nobody could interrupt it.
    faulthandler.dump_traceback_later(_STALL_S, exit=True, file=_STDERR)
    try:
        for number, record in enumerate(records, 1):
            yield record
            if number % _STEP == 0:
                sys.stderr.write(f"{number} records so far\n")
                faulthandler.dump_traceback_later(_STALL_S, exit=True, file=_STDERR)
    finally:
        faulthandler.cancel_dump_traceback_later()


def lines(report: Report) -> Iterator[str]:
    """A report for people."""
    for group in report.groups:
        yield from _group(group)
    for name, rules in report.logged.items():
        for rule, effects in rules.items():
            yield f"logged only in {name.upper()}: {rule}: {output.plain(effects)}"
    for left in report.left:
        shown = ", ".join(left.samples)
        yield f"not replayed: {output.counted(left.decisions, 'decision')}, {left.why} ({shown})"
    yield (
        f"{output.counted(report.decisions, 'decision')}, of these {report.replayed} replayed"
        + (f" ({report.masked} with masked values)" if report.masked else "")
        + f", {report.unasked} decided before the policy was asked"
    )
    if report.by_other_rules:
        yield f"{output.counted(report.by_other_rules, 'decision')} the same by other rules"
    if report.follow:
        yield f"{output.counted(report.follow, 'decision')} the same after a flip in their task"
    wider = (
        f", {report.widened} of them wider, {report.narrowed} narrower" if report.changed else ""
    )
    change = "changes" if report.changed == 1 else "change"
    yield f"{output.counted(report.changed, 'decision')} {change}{wider}"


def _group(group: Group) -> Iterator[str]:
    rules = [f"+{rule}" for rule in group.gained] + [f"-{rule}" for rule in group.lost]
    less = "".join(f", {one}" for one in group.relaxed)
    met = " if its arguments meet what NEW demands" if group.if_met else ""
    kind = "WIDER" if group.widens else "NARROWER" if group.narrows else "OTHER"
    yield (f"{kind} {output.printable(group.tool)}: {group.old} -> {group.new}{met}{less}")
    yield f"  {output.counted(group.decisions, 'decision')}" + (
        f", {group.follow} after a flip in their task" if group.follow else ""
    )
    yield f"  rules {' '.join(rules) or 'the same'}"
    if len(group.agents) > 1:
        yield "  agents " + ", ".join(
            f"{output.printable(agent)} {number}" for agent, number in group.agents.items()
        )
    for sample in group.samples:
        yield _sample(sample)


def _sample(sample: Sample) -> str:
    follows = "  follows a flip" if sample.follows else ""
    return f"  {sample.decision}  {output.moment(sample.at_ms)}  {_labels(sample.labels)}{follows}"


def _labels(labels: Mapping[str, Any]) -> str:
    categories = "".join(f" {one}" for one in labels["categories"])
    return f"{labels['integrity']} {labels['confidentiality']}{output.printable(categories)}"
