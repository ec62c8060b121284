"""`safeconduct audit verify`: whether the log is as it was written."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

if TYPE_CHECKING:
    from safeconduct.approvals.proven import Summary
    from safeconduct.audit.notes import Key
    from safeconduct.audit.verify import Held, Progress, Report

HELP: Final = (
    "re-read every byte; exit 0 intact, 10 truncated, 11 edited, 12 forked, 13 payload missing, "
    "14 not witnessed"
)
EXAMPLE: Final = """\
safeconduct audit verify ./gateway/state/audit
safeconduct audit verify --config ./gateway --key log.pub --since-checkpoint checkpoint-of-today
safeconduct audit verify --bundle case.zip --key log.pub --witness-policy policy"""

WRONG: Final = 11
"""The exit code for a yes that is not proven: as for a record that was edited."""

PSEUDONYM: Final = "u_"
"""How the names of users begin whom nobody knows any more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument(
        "--key",
        metavar="VKEY|FILE",
        help="the log's verifier key, from elsewhere (default: log.pub, which lies with the log)",
    )
    parser.add_argument(
        "--witness-policy",
        type=Path,
        metavar="FILE",
        help="who has to have cosigned the checkpoint, a C2SP tlog-policy (default: --config's)",
    )
    parser.add_argument(
        "--since-checkpoint",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint that was kept elsewhere; may be given more than once",
    )
    parser.add_argument(
        "--approvals",
        action="store_true",
        help="also verify every passkey's signature under a yes, and that it is to what ran",
    )
    parser.add_argument(
        "--console",
        metavar="URL",
        help="with --approvals: where people answered (default: --config's console.url)",
    )
    parser.add_argument("--bundle", type=Path, metavar="ZIP", help="an evidence bundle, not a log")
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Verifies."""
    from safeconduct.audit.verify import verify

    try:
        held = _held(args)
    except (ValueError, OSError) as error:
        return output.usage(f"{error} (fix: name a key or a file that can be read)")
    if args.bundle is not None:
        return _bundle(args, held)
    if args.directory is not None and args.directory.is_file():
        return output.usage(
            f"{args.directory} is a file, and no log (fix: a bundle is verified with "
            f"--bundle {args.directory})"
        )
    directory: Path | None = args.directory
    # What was kept elsewhere knows of a log even where nothing of it is left.
    if directory is None or not held.kept:
        directory = place.log(args)
    if directory is None:
        return output.FAULT
    report = verify(directory, held, _progress())
    return _tell(args, report, _approvals(args, directory, report) if args.approvals else None)


def _bundle(args: argparse.Namespace, held: Held) -> int:
    from safeconduct.audit.verify import bundle

    if args.directory is not None or held.kept or args.approvals:
        return output.usage("--bundle goes with --key and --witness-policy, and with nothing else")
    try:
        return _tell(args, bundle.verify(args.bundle, held))
    except bundle.NoBundle as error:
        output.complain(str(error))
        return output.FAULT


def _held(args: argparse.Namespace) -> Held:
    """Raises ValueError: what was given is not what it should be. OSError: it cannot be read."""
    from safeconduct.audit.verify import Held
    from safeconduct.audit.verify.claims import read
    from safeconduct.audit.witness import policy

    policy_file, max_age_s = _policy_file(args)
    kept: list[Path] = args.since_checkpoint
    said = None if policy_file is None else policy.parse(policy_file.read_text("utf-8"))
    claims = tuple(read(f"the checkpoint in {path}", path.read_bytes()) for path in kept)
    return Held(keys=_keys(args), policy=said, max_age_s=max_age_s, kept=claims)


def _policy_file(args: argparse.Namespace) -> tuple[Path | None, int | None]:
    """The one that was given, or for the log of a configuration that one's, with the age that it
    allows. Raises ConfigError.
    """
    given: Path | None = args.witness_policy
    if given is not None or args.directory is not None or args.bundle is not None:
        return given, None
    from safeconduct.config import load

    config = load(Path(args.config))
    witnesses = config.root.audit.witnesses
    if witnesses is None:
        return None, None
    return Path(config.directory) / witnesses.policy, witnesses.max_age_s


def _keys(args: argparse.Namespace) -> tuple[Key, ...]:
    from safeconduct.audit import notes

    if args.key is None:
        return ()
    # A verifier key has two plus signs and base64 behind them; few files are called so.
    text = args.key if args.key.count("+") >= 2 else Path(args.key).read_text("utf-8")
    return tuple(notes.parse_key(line.strip()) for line in text.splitlines() if line.strip())


def _progress() -> Progress | None:
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        if total > 1:
            end = "\n" if done == total else ""
            sys.stderr.write(f"\rsegment {done} of {total}{end}")
            sys.stderr.flush()

    return show


def _approvals(args: argparse.Namespace, directory: Path, report: Report) -> Summary | None:
    """What every yes on record rests on. None where the log itself does not verify: then nothing in
    it is proven.
    """
    from safeconduct.approvals.proven import KINDS, Proven
    from safeconduct.audit.payloads.opening import opener
    from safeconduct.audit.reading import read
    from safeconduct.audit.records import SEQUENCE

    if report.exit_code:
        return None
    proven = Proven(args.console or _console(args), whole=not report.pruned)
    with closing(opener(directory)) as opening:
        for record in read(directory):
            if record["kind"] not in KINDS:
                continue
            shown = opening.shown(record)
            asked = record["kind"] == "approval" and record["phase"] == "requested"
            opened = opening.opened(record) if asked else None
            content = None if opened is None or opened.content is None else opened.content["shown"]
            readable = not any(
                str(shown.get(name)).startswith(PSEUDONYM) for name in ("user", "by")
            )
            proven.add(record[SEQUENCE], shown, content, readable=readable)
    return proven.summary()


def _console(args: argparse.Namespace) -> str | None:
    """The configured one, for the log of a configuration. Raises ConfigError."""
    if args.directory is not None:
        return None
    from safeconduct.config import load

    console = load(Path(args.config)).root.console
    return None if console is None else console.url


def _tell(args: argparse.Namespace, report: Report, approvals: Summary | None = None) -> int:
    value = {
        "verified": not report.findings and not (approvals and approvals.wrong),
        "sentence": report.sentence,
        **msgspec.to_builtins(report),
    }
    code, sentence = report.exit_code, report.sentence
    if approvals is not None:
        value["approvals"] = msgspec.to_builtins(approvals)
        if approvals.wrong:
            code, sentence = WRONG, f"audit NOT verified: {approvals.findings[0].sentence}"
            value["sentence"] = sentence
    lines = [f"{finding.code}: {finding.sentence}" for finding in report.findings]
    if report.unknown_count:
        shown = ", ".join(report.unknown)
        lines.append(f"{report.unknown_count} calls without a known outcome: {shown}")
    if report.signed_by and not report.pinned:
        lines.append("signed with the key that lies beside the log; --key holds it to another")
    if report.witnesses:
        lines.append(f"cosigned by {', '.join(report.witnesses)}")
    if approvals is not None:
        lines += [one.sentence for one in approvals.findings] + [_signatures(approvals)]
    # Much of it stood in files that anybody may have written.
    told = map(output.printable, [*lines, *report.notes, sentence])
    output.emit(args, value, "\n".join(told))
    return code


def _signatures(approvals: Summary) -> str:
    """What became of the yeses, in a line."""
    said = [f"{output.counted(approvals.verified, 'passkey signature')} under a yes verified"]
    if approvals.wrong:
        said.append(f"{approvals.wrong} wrong")
    if approvals.unseen:
        said.append(f"{approvals.unseen} not to be looked at")
    if approvals.unsigned:
        others = ", ".join(f"{count} by {means}" for means, count in approvals.unsigned.items())
        said.append(f"without a passkey: {others}")
    return "; ".join(said)
