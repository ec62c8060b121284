"""`safeconduct tools review`: definitions against manifests and pins, and the pins themselves."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli import output
from safeconduct.cli.tools import offered
from safeconduct.cli.tools.offered import Live

if TYPE_CHECKING:
    from safeconduct.config.schema import Config
    from safeconduct.ports import JSON
    from safeconduct.tools.kept import Kept
    from safeconduct.tools.reviewing import Reviewed

HELP: Final = "compare the definitions of tools with their manifests, and pin them"
EXAMPLE: Final = """\
safeconduct tools review --config ./gateway
safeconduct tools review --config ./gateway --upstream crm --tool get_case --pin
safeconduct tools review TOOLS.json --config ./gateway --upstream crm"""

_OPEN: Final = ("unreviewed", "changed", "accepted")
"""What can be pinned."""

_DONE: Final = ("reviewed", "accepted")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Show each tool that is offered or described: whether its definition is the one that was\n"
        "reviewed, what the manifest says of it, and what inference would say more strictly.\n"
        "Without TOOLS.json the running gateway is asked. With --pin the definitions that are\n"
        "shown and described are pinned: the digests are written into the manifest, whose other\n"
        "text stays as it is, and the definitions into a file beside it, so that the next review\n"
        "shows what has changed. A definition with text that speaks to the agent is shown with\n"
        "that text, and pinned only where --tool names it; until then the gateway does not list\n"
        "it. What an operator accepted at the console counts while the manifest pins what it did\n"
        "then; --pin writes it into the manifest. Exit code 1 means that something is not reviewed."
    )
    parser.add_argument("tools", metavar="TOOLS.json", nargs="?", help=offered.FILE_HELP)
    parser.add_argument("--upstream", metavar="NAME", help="this upstream alone")
    parser.add_argument(
        "--tool", metavar="NAME", action="append", help="this tool alone; several are possible"
    )
    parser.add_argument("--pin", action="store_true", help="pin the definitions that are shown")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Shows the review, and pins what it has shown."""
    from safeconduct.config import load
    from safeconduct.inspectors.instructions.inspector import InstructionInspector
    from safeconduct.tools.kept import Kept
    from safeconduct.tools.reviewing import review

    config = load(Path(args.config))
    inspector = InstructionInspector.of_definitions()
    found: list[Reviewed] = []
    files: list[str] = []
    for upstream, live in _definitions(args, config).items():
        file = Path(config.directory) / config.root.upstreams[upstream].manifests
        kept, definitions = Kept.beside(file), live.definitions
        manifest, before = config.manifests[upstream], _by_digest(kept)
        rows = [
            one
            for one in review(upstream, manifest, definitions, before, inspector, live.accepted)
            if args.tool is None or one.tool in args.tool
        ]
        if args.pin and (pins := {one.tool: one.pin for one in rows if _to_pin(one, args)}):
            _pin(file, pins)
            kept.keep(one for one in definitions if str(one["name"]) in pins)
            files.append(f"pinned {output.counted(len(pins), 'tool')} in {file}")
        found += rows
    lines = [*(line for one in found for line in _shown(one)), *files]
    if files:
        lines.append("start the gateway again, so that it reads them")
    emitted = {"tools": found, "pinned": files}
    output.emit(args, emitted, "\n".join(lines) or "there are no tools")
    left = [
        one for one in found if one.state not in _DONE and not (args.pin and _to_pin(one, args))
    ]
    return output.FOUND if left else output.OK


def _to_pin(one: Reviewed, args: argparse.Namespace) -> bool:
    """Whether a definition is pinned: one that speaks to the agent only where it was named."""
    return one.state in _OPEN and (not one.found or args.tool is not None)


def _by_digest(kept: Kept) -> Mapping[str, JSON]:
    from safeconduct.tools.kept import NothingKept

    try:
        return kept.by_digest()
    except NothingKept as error:
        raise output.Misused(str(error)) from None


def _definitions(args: argparse.Namespace, config: Config) -> Mapping[str, Live]:
    named = None if args.upstream is None else offered.known(config, args.upstream)
    if args.tools is None:
        everything = offered.live(config)
        return everything if named is None else {named: everything[named]}
    if named is None:
        raise output.Misused("say by --upstream whose definitions these are")
    return {named: Live(offered.in_file(args.tools), {})}


def _shown(one: Reviewed) -> Iterator[str]:
    yield output.printable(f"{one.upstream}.{one.tool}: {one.state}")
    yield output.printable(f"    says:     {one.says}")
    for said in one.stricter:
        yield output.printable(f"    stricter: {said}")
    for said in one.found:
        yield output.printable(f"    found:    {said}")
    for line in one.diff:
        yield output.printable(f"    {line}")
    if one.accepted is not None:
        by, when = one.accepted.by, output.moment(one.accepted.at_ms)
        yield output.printable(f"    accepted: by {by} at {when}: {one.accepted.why}")
    if one.state in _OPEN:
        yield f"    pin: {one.pin}"


def _pin(file: Path, pins: Mapping[str, str]) -> None:
    from safeconduct.tools.pinning import NotPinned, pinned

    try:
        text = pinned(file.read_text(encoding="utf-8"), pins)
    except NotPinned:
        lines = "; ".join(f"{tool}: pin: {pin}" for tool, pin in pins.items())
        raise output.Misused(
            f"{file} cannot be changed without changing more; write these by hand: {lines}"
        ) from None
    _replace(file, text)


def _replace(file: Path, text: str) -> None:
    """Writes a file in one step, with the rights that it had."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    if file.exists():
        aside.chmod(file.stat().st_mode & 0o777)
    aside.replace(file)
