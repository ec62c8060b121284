"""`safeconduct inspect`: what would be found in a file, and what would become of it."""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli import output
from safeconduct.cli.output import FAULT, FOUND, OK, Misused

if TYPE_CHECKING:
    from safeconduct.app.inspecting import Becomes, Inspected

HELP: Final = "show what would be found in a file, and what a tool's manifest makes of it"
EXAMPLE: Final = """\
safeconduct inspect invoice.pdf
safeconduct inspect - --config ./gateway --tool mail.send --as argument < draft.json
safeconduct inspect learn customers.csv --columns name,email --out gateway/customers.match"""

LEARN: Final = "learn"
MIN_COLUMNS: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Show what would be found in a file, without a gateway: the kind of each finding, where\n"
        "it is, and what of it may be seen, then the text without all of it. A file with an\n"
        "object or a list in JSON is taken as that value, so that names count too; any other text\n"
        "as one string; bytes as the contents of a resource, so that documents are unpacked.\n\n"
        "With --config it is looked at as that gateway would, and with --tool as well by those\n"
        "external inspections that see its calls; without, for all that needs no configuration,\n"
        "documents and instructions included.\n"
        "With --tool it says what the tool's manifest makes of it alone: rules, origins and\n"
        "budgets have their say besides. Secrets are refused and cut whatever it says.\n\n"
        "Exit code 0 means that nothing was found, 1 that something was, 3 that something that\n"
        "looks failed: the gateway then refuses the call, or withholds the result.\n\n"
        "`inspect learn CSV` writes what `inspectors.matches` finds records by: salted hashes of\n"
        "some columns, of which --min-columns of one row have to stand near each other. Whoever\n"
        "has that file can try out values, so keep it as you keep the records."
    )
    parser.add_argument(
        "what", metavar="FILE", nargs="+",
        help="a file, or - for standard input; or `learn` and a CSV file with a line of names",
    )  # fmt: skip
    parser.add_argument("--config", metavar="DIR", type=Path, help="configuration directory")
    parser.add_argument("--tool", metavar="UPSTREAM.TOOL", help="whose manifest decides")
    parser.add_argument(
        "--as", dest="direction", choices=("argument", "result"), default="result",
        help="what the tool is sent, or what it returned (default)",
    )  # fmt: skip
    parser.add_argument("--columns", metavar="A,B", help="with learn: which columns of the file")
    parser.add_argument("--out", metavar="MATCH", type=Path, help="with learn: the file to write")
    parser.add_argument(
        "--min-columns", metavar="N", type=int,
        help=f"with learn: how many values of a row tell it (default: {MIN_COLUMNS})",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Inspects, or learns."""
    match args.what:
        case [str() as first, str() as file] if first == LEARN:
            return _learn(args, Path(file))
        case [str() as file] if file != LEARN:
            if args.columns or args.out or args.min_columns is not None:
                raise Misused("--columns, --out and --min-columns go with `inspect learn`")
            return _inspect(args, file)
        case [_]:
            raise Misused("`inspect learn` needs a CSV file; a file of that name is ./learn")
        case _:
            raise Misused("one file at a time")


def _inspect(args: argparse.Namespace, file: str) -> int:
    from safeconduct.app import inspecting
    from safeconduct.config import ConfigError, load

    try:
        config = None if args.config is None else load(args.config)
    except ConfigError as error:
        # 1 is what says that something was found.
        raise Misused(f"this configuration is none to inspect with: {error}") from None
    tool = None
    if args.tool is not None:
        if config is None:
            raise Misused("--tool needs --config, where its manifest is")
        try:
            tool = inspecting.tool_of(config, args.tool)
        except LookupError:
            raise Misused(f"no manifest has a tool {args.tool}; it is UPSTREAM.TOOL") from None
    data = _read(file)
    value = inspecting.value_of(data)
    try:
        found = asyncio.run(inspecting.inspected(value, config, tool, args.direction))
    except inspecting.Failed as error:
        refused = error.reasons[args.direction]
        said = f"what looks failed, so that the gateway says {refused}: {error}"
        if args.format == "json":
            output.emit(args, {"error": str(error), "refused": refused}, "")
        else:
            output.complain(said)
        return FAULT
    output.emit(args, found, "\n".join(_lines(found, args)))
    return FOUND if found.findings else OK


def _read(file: str) -> bytes:
    if file != "-":
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise Misused(f"{file} cannot be read: {error.strerror}") from None
    data = sys.stdin.buffer.read()
    if not data:
        # Else whatever failed to write there would have nothing found in it.
        raise Misused("there is nothing on standard input")
    return data


def _lines(found: Inspected, args: argparse.Namespace) -> Iterator[str]:
    for one in found.findings:
        place = f"{one.place} {one.start}-{one.end}"
        yield output.printable(f"{one.kind:22} {place:24} {one.excerpt}")
    if not found.unpacked:
        yield "note: these are bytes, and no `inspectors.documents` looks into them"
    if not found.findings:
        yield "nothing found"
    else:
        yield "redacted:"
        text = found.redacted
        if not isinstance(text, str):
            text = json.dumps(text, indent=2, ensure_ascii=False)
        yield from (f"    {output.printable(line)}" for line in text.splitlines())
    if found.becomes is not None:
        yield output.printable(f"{args.tool}, {args.direction}:")
        yield from (f"    {line}" for line in _said(found.becomes))


def _said(becomes: Becomes) -> list[str]:
    if becomes.refused is not None:
        return [f"refused: {becomes.refused}"]
    lines = [
        f"{what}: {', '.join(kinds)}"
        for what, kinds in (
            ("cut", becomes.cut),
            ("tokenised", becomes.tokenised),
            ("categories raised", becomes.categories),
        )
        if kinds
    ]
    if becomes.untrusted:
        lines.append("untrusted, and vouches for nothing: it speaks to the agent")
    if becomes.quarantined:
        lines.append("withheld: result-quarantined")
    return lines or ["passes as it is"]


def _learn(args: argparse.Namespace, file: Path) -> int:
    from safeconduct.inspectors.matches import learn

    if not args.columns or args.out is None:
        raise Misused("`inspect learn` needs --columns and --out")
    if args.config or args.tool:
        raise Misused("--config and --tool do not go with `inspect learn`")
    columns = [name.strip() for name in args.columns.split(",")]
    try:
        # A byte order mark is no part of the first column's name.
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restval="", strict=True)
            if missing := sorted(set(columns) - set(reader.fieldnames or ())):
                raise Misused(f"{file} has no column {', '.join(missing)}: {_named(reader)}")
            rows = [{name: row[name] for name in columns} for row in reader]
        least = MIN_COLUMNS if args.min_columns is None else args.min_columns
        data = learn(rows, columns, min_columns=least)
    except UnicodeDecodeError:
        raise Misused(f"nothing was learned from {file}: it is not in UTF-8") from None
    except (ValueError, csv.Error) as error:
        raise Misused(f"nothing was learned from {file}: {error}") from None
    output.write_private_bytes(args.out, data)
    said = f"wrote {args.out}, from {output.counted(len(rows), 'row')} of {', '.join(columns)}"
    output.emit(args, {"written": str(args.out), "rows": len(rows), "columns": columns}, said)
    return OK


def _named(reader: csv.DictReader[str]) -> str:
    return f"its first line names {', '.join(reader.fieldnames or ['nothing'])}"
