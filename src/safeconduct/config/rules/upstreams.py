"""Upstreams: where they are, and what they are started with."""

from __future__ import annotations

import re
from itertools import pairwise

from safeconduct.config.approvals import ConsoleBlock
from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, split
from safeconduct.config.schema import Root, Upstream
from safeconduct.core.elicitation import origin_of

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY"
    r"|CREDENTIALS?)$",
    re.IGNORECASE,
)

_SECRET_OPTION = re.compile(
    r"--?(?:[\w-]+[-_])?(?:token|secret|password|passwd|passphrase|api-?key)", re.IGNORECASE
)

_ONE_WAY = "give one: the URL of an MCP server, or the command that starts one"


def upstreams(draft: Draft, report: Report) -> None:
    """An upstream is one thing, a URL or a command."""
    root = draft.root
    if root is None:
        return
    for name, block in root.value.upstreams.items():
        one = _Upstream(root, name, report)
        match block.mcp, block.command:
            case None, None:
                one.error(None, f"`{name}` has neither `mcp` nor `command`", _ONE_WAY)
            case str(url), None:
                one.served(block, url)
            case None, tuple(command):
                one.started(block, command)
            case _:
                one.error("mcp", f"`{name}` has both `mcp` and `command`", _ONE_WAY)
        one.asks(block, root.value.console)


class _Upstream:
    def __init__(self, root: Part[Root], name: str, report: Report) -> None:
        self._file = root.file
        self._name = name
        self._report = report

    def error(self, key: str | None, sentence: str, fix: str) -> None:
        place = ("upstreams", self._name, *(key.split("/") if key else ()))
        self._report.error(self._file, place, sentence, fix)

    def served(self, block: Upstream, url: str) -> None:
        parts = split(url)
        if parts is None:
            self.error(
                "mcp",
                f"the URL of `{self._name}` is not http(s), or has a user, query or fragment",
                "write scheme, host, port and path: https://crm.example/mcp",
            )
        elif block.credential.kind != "none" and exposed(parts):
            self._report.warn(
                self._file,
                ("upstreams", self._name, "mcp"),
                f"the credential of `{self._name}` crosses the network in plain text",
                "use https",
            )
        if block.unsafe_no_sandbox:
            self.error(
                "unsafe_no_sandbox",
                f"`{self._name}` is not started here, so it has no sandbox to be without",
                "remove `unsafe_no_sandbox`",
            )
        if block.env:
            self.error(
                "env",
                f"`{self._name}` is not started here, so it gets no environment",
                "remove `env`",
            )

    def started(self, block: Upstream, command: tuple[str, ...]) -> None:
        if not command or not command[0]:
            self.error(
                "command", f"the command of `{self._name}` is empty", "write [program, argument]"
            )
        if not block.unsafe_no_sandbox:
            self.error(
                "command",
                f"the command of `{self._name}` would run without a sandbox",
                "add `unsafe_no_sandbox: true` if you trust the program, or give a URL",
            )
        for variable in block.env:
            # A reference would reach the program as it stands: nothing here resolves it.
            if _SECRET_NAME.search(variable):
                self.error(
                    f"env/{variable}",
                    f"`{variable}` looks like a secret that is written out",
                    f"let the program read a file, and give it the path: {variable}_FILE",
                )
        for index, (word, after) in enumerate(pairwise((*command, ""))):
            option, equals, value = word.partition("=")
            if _SECRET_OPTION.fullmatch(option) and (value if equals else after):
                self._report.error(
                    self._file,
                    ("upstreams", self._name, "command", index),
                    f"`{option}` looks like it is given a secret, which every process here can see",
                    f"let the program read a file, and give it the path: {option}-file",
                )

    def asks(self, block: Upstream, console: ConsoleBlock | None) -> None:
        ours = None if console is None else origin_of(console.url)
        for index, origin in enumerate(block.asks.url_origins):
            place = ("upstreams", self._name, "asks", "url_origins", index)
            if origin == ours:
                self._report.error(
                    self._file,
                    place,
                    "an upstream could send people to the console, as if they were asked there",
                    "remove the console's own origin: the gateway alone sends people there",
                )
            if origin_of(origin) != origin:
                self._report.error(
                    self._file,
                    place,
                    f"`{origin}` is no origin that a person could be sent to",
                    "write scheme, host and port alone, in lower case: https://login.example",
                )
