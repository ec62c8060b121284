"""The `safeconduct` command: finds the verb, runs it, and turns its end into an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, Protocol, cast

from safeconduct import __version__
from safeconduct.cli.output import FAULT, FOUND, Misused, add_format, complain, emit, usage

VERBS: Final = (
    "demo", "init", "serve", "check", "schema", "task", "wrap", "connect", "revoke", "consent",
    "approvals", "release", "resume", "audit", "explain", "inspect", "doctor", "identity",
    "policy", "tools",
)  # fmt: skip

_TOUR: Final = """\
safeconduct demo             watch one injected e-mail, with and without the gateway
safeconduct init gateway     write a configuration to start from
safeconduct check gateway    look for mistakes in it
safeconduct VERB --help      more about a verb, with an example"""

INTERRUPTED: Final = 130
"""What a shell reports for a program that Ctrl-C ended."""


class Verb(Protocol):
    """What the module of a verb offers. Importing it is cheap; `run` loads the rooms it needs.

    `HELP` is one line, `EXAMPLE` one whole command line or several, one below the other.
    """

    HELP: str
    EXAMPLE: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare arguments; `--format` is there already."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit code is OK, FOUND or USAGE."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code.

    Raises:
        SystemExit: after `--help` and `--version` (0) and for arguments that make no sense (2).
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    verb = arguments[0] if arguments and arguments[0] in VERBS else None
    parser = _parser(verb)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_hint(args, unknown)}")
    return _run(_load(str(args.verb)), args)


def _parser(only: str | None) -> argparse.ArgumentParser:
    """The parser; a verb that was given is the only one whose module is loaded."""
    parser = argparse.ArgumentParser(
        prog="safeconduct",
        description="A zero-trust gateway for AI agents: every task gets one purpose, one route, "
        "one hour.",
        epilog=_examples(_TOUR),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"safeconduct {__version__}")
    parser.set_defaults(format="text")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True, title="verbs")
    for name in VERBS:
        if only is None:
            verbs.add_parser(name, help=_load(name).HELP)
        elif name == only:
            declare(verbs.add_parser(name, allow_abbrev=False), _load(name))
        else:
            verbs.add_parser(name)
    return parser


def _hint(args: argparse.Namespace, unknown: Sequence[str]) -> str:
    """What is easily mistaken for each other: two ways to name a directory, and two to count."""
    if hasattr(args, "limit") and any(one.startswith("--last") for one in unknown):
        return " (the newest are asked for by --limit N)"
    if hasattr(args, "config"):
        return " (the configuration directory is named by --config DIR)"
    if hasattr(args, "paths") and "--config" in unknown:
        return f" (name the directory alone: safeconduct {args.verb} DIR)"
    return ""


def declare(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """What a parser gets from the module of its verb."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{verb.HELP[0].upper()}{verb.HELP[1:]}."
    parser.epilog = _examples(verb.EXAMPLE)
    add_format(parser)
    verb.add_arguments(parser)


def _examples(lines: str) -> str:
    return "for example:\n" + "\n".join(f"  {line}" for line in lines.splitlines())


def _load(name: str) -> Verb:
    return cast("Verb", importlib.import_module(f"safeconduct.cli.{name}"))


def _run(verb: Verb, args: argparse.Namespace) -> int:
    try:
        return verb.run(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; what Python would still flush at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAULT
    except Exception as error:  # noqa: BLE001 a person reads a line; who asks for a trace gets one
        return _failed(error, args)


def _failed(error: Exception, args: argparse.Namespace) -> int:
    from safeconduct.config import ConfigError
    from safeconduct.identity.dev import DevIdentityRefused
    from safeconduct.policy.refusal import PolicyRefused

    if isinstance(error, ConfigError):
        if args.format == "json":
            emit(args, {"ok": False, "problems": error.problems}, "")
        else:
            sys.stderr.write(f"{error}\n")
        return FOUND
    if isinstance(error, Misused):
        return usage(str(error))
    if os.environ.get("SAFECONDUCT_DEBUG") == "1":
        traceback.print_exception(error)
    elif type(error).__module__.startswith("safeconduct."):
        complain(str(error))  # ours are sentences that say what to do
    else:
        complain(f"{type(error).__name__}: {error} (SAFECONDUCT_DEBUG=1 shows where)")
    return FOUND if isinstance(error, PolicyRefused | DevIdentityRefused) else FAULT
