"""Writes docs/reference/cli.md from what `safeconduct VERB --help` says.

python scripts/cli_reference.py        writes the page
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from safeconduct.cli.main import VERBS, main

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

Written by `python scripts/cli_reference.py` from the help of each verb; a test holds it current.

Every verb takes `--format json`, one JSON object a line for programs. Exit codes: 0 done, 1
refused, or found what was looked for, 2 the arguments make no sense, 3 a fault; `audit verify` has
its own. `SAFECONDUCT_DEBUG=1` shows where a fault came from. `approvals`, `revoke` and `task show`
speak to the running gateway over its operator socket, so they run as its user on its machine.
"""

_SUB_VERBS = re.compile(r"^ {4}(?P<name>[a-z-]+) ", re.MULTILINE)
_COMMANDS = re.compile(r"^positional arguments:\n  (?:\{|VERB$)", re.MULTILINE)


def help_of(words: Sequence[str]) -> str:
    """What the command says of itself, in 100 columns whatever the terminal has."""
    said = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        main([*words, "--help"])
    return said.getvalue()


def sections() -> Iterator[tuple[str, str]]:
    """Each verb, and each verb of a verb, with its help."""
    for verb in VERBS:
        text = help_of([verb])
        yield verb, text
        if _COMMANDS.search(text):
            for found in _SUB_VERBS.finditer(text):
                yield f"{verb} {found['name']}", help_of([verb, found["name"]])


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, text in sections():
        level = "###" if " " in name else "##"
        parts.append(f"{level} `safeconduct {name}`\n```text\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
