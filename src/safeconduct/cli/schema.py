"""`safeconduct schema`: the JSON Schemas of the configuration's files and the policy input."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from safeconduct.cli.output import OK, emit

HELP: Final = "print the JSON Schema of a configuration file or of the policy input"
EXAMPLE: Final = """\
safeconduct schema manifest
safeconduct schema --write gateway/schema"""

NAMES: Final = ("safeconduct", "agent", "zones", "users", "manifest", "policy-input")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which schema, or where to write them all."""
    parser.description = (
        "Print the JSON Schema of one kind of file, or write all of them.\n\n"
        "An editor with yaml-language-server checks and completes a file that begins with\n"
        "  # yaml-language-server: $schema=schema/safeconduct.json\n"
        "where the path leads from the file to the schema."
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", choices=NAMES, default="safeconduct",
        help=f"one of {', '.join(NAMES)} (default: safeconduct)",
    )  # fmt: skip
    parser.add_argument("--write", metavar="DIR", type=Path, help="write all schemas into DIR")


def run(args: argparse.Namespace) -> int:
    """Print or write."""
    from safeconduct.config.json_schema import json_schema

    if args.write is None:
        schema = json_schema(args.name)
        emit(args, schema, json.dumps(schema, indent=2, ensure_ascii=False))
        return OK
    written = [str(path) for path in write(args.write)]
    emit(args, {"written": written}, "\n".join(f"wrote {path}" for path in written))
    return OK


def write(directory: Path) -> list[Path]:
    """Write every schema as `NAME.json`. Raises OSError."""
    from safeconduct.config.json_schema import KINDS, json_schema

    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name in KINDS:
        path = directory / f"{name}.json"
        text = json.dumps(json_schema(name), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        written.append(path)
    return written
