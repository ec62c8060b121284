"""What the verbs share: exit codes, common options, and printing for people or for programs."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from safeconduct.config.schema import Config

OK: Final = 0
FOUND: Final = 1
"""Refused, or found what was looked for."""
USAGE: Final = 2
FAULT: Final = 3


class Misused(Exception):
    """The arguments make no sense, and this is why: the verb ends with `USAGE`."""


def program() -> list[str]:
    """How a command line begins that somebody can paste: a virtual environment that is not
    activated has no `safeconduct` on the path.
    """
    found = shutil.which("safeconduct")
    return ["safeconduct"] if found else [sys.executable, "-m", "safeconduct"]


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add `--format`; every verb has it already, so this is for the verbs of a verb."""
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        # The command has the default: a sub-verb that had one would undo what stands before it.
        default=argparse.SUPPRESS,
        help="text for people (default) or JSON for programs",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config DIR`, the configuration directory; the current one by default."""
    parser.add_argument(
        "--config", metavar="DIR", default=".", help="configuration directory (default: here)"
    )


def operator_socket(args: argparse.Namespace) -> Path:
    """Where the gateway of `--config` answers its operator. Raises ConfigError."""
    from safeconduct.config import load

    config = load(Path(args.config))
    return Path(config.directory) / config.root.gateway.operator_socket


def audit_directory(args: argparse.Namespace) -> Path:
    """Where the gateway of `--config` keeps its log. Raises ConfigError."""
    from safeconduct.config import load

    return log_of(load(Path(args.config)))


def log_of(config: Config) -> Path:
    """Where a gateway keeps its log."""
    return Path(config.directory) / config.root.audit.directory


def emit(args: argparse.Namespace, value: object, text: str) -> None:
    """Print an answer: `text`, or with `--format json` the value as one line of JSON.

    `value` is anything that msgspec encodes.
    """
    if args.format == "json":
        import msgspec

        # Escaped it is the same JSON, and steers no terminal either.
        text = printable(msgspec.json.encode(value).decode())
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def counted(number: int, noun: str) -> str:
    """A number of things: `1 record`, `2 records`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def moment(at_ms: int) -> str:
    """Milliseconds since the epoch as a date and time in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def ask_again(config: Config, upstream: str) -> str:
    """What to do about an upstream that does not answer the gateway."""
    key = "command" if config.root.upstreams[upstream].mcp is None else "mcp"
    return f"start it, or correct upstreams.{upstream}.{key}; it is asked again every 30 s"


def refused(sentence: str) -> int:
    """Say why something was refused or not found; answers the exit code."""
    complain(sentence)
    return FOUND


def usage(sentence: str) -> int:
    """Say why the arguments make no sense; answers the exit code."""
    complain(sentence)
    return USAGE


def complain(sentence: str) -> None:
    """Print one line on standard error."""
    sys.stderr.write(f"safeconduct: {printable(' '.join(sentence.split()))}\n")


def printable(value: object) -> str:
    """Text from elsewhere as one line that cannot steer the terminal: no controls, no reordering.

    What is not a string is shown as JSON.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def plain(value: object) -> str:
    """A value of a record as words, nested values in parentheses."""
    if value is None or value in ([], {}, ()):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return ", ".join(f"{printable(key)} {_inner(item)}" for key, item in items)
    if isinstance(value, list | tuple):
        return ", ".join(_inner(item) for item in cast("Sequence[object]", value))
    return printable(value)


def write_private(path: Path, value: Mapping[str, object]) -> None:
    """Write JSON to a file that only its owner can read. Raises OSError."""
    write_private_bytes(path, (json.dumps(value) + "\n").encode())


def write_private_bytes(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    aside.replace(path)


def _inner(value: object) -> str:
    if value in ([], {}, ()) or not isinstance(value, Mapping | list | tuple):
        return plain(value)
    return f"({plain(cast('object', value))})"


def _escaped(letter: str) -> str:
    return json.dumps(letter)[1:-1] if letter > "\x7f" else f"\\u{ord(letter):04x}"
