"""The gateway's own authorization server, for the suite's scenarios of authorization servers.

A person signs in with the suite, and it trades the code for a token. It proves no key, so bearer
tokens are on; whatever else is the guide's configuration, at an issuer of users of our own.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Final

from conformance.legs import served
from conformance.processes import Command, free_port, serving
from conformance.sources import Suite
from conformance.suite import Checks, read
from tests.support import signing_in, web
from tests.support.installation import Office, change, install

SCENARIOS: Final = ("authorization-server-metadata-endpoint", "authorization-code-grant")
"""They are the same in every revision, and the second goes by what the first has found."""

CLIENT: Final = "desk"

_LEAVES: Final = re.compile(r"^http://\S+\?response_type=code&\S+$", re.MULTILINE)


async def of_authorization_server(suite: Suite, logs: Path) -> Checks:
    """The suite as a program with which a person signs in.

    Raises:
        RuntimeError: the person is not asked, or the suite does not come to sending them.
    """
    here = logs / "authorization-server"
    here.mkdir(parents=True)
    with web.serving() as login:
        signing_in.Issuer(login)
        issuer, listen = configure(here / "gateway", login.url)
        back, log = free_port(), here / "suite.log"
        program: Command = [
            *suite.command, "authorization", "--url", issuer, "--client-id", CLIENT,
            "--resource", f"{issuer}/mcp", "--port", str(back), "--output-dir", here / "results",
        ]  # fmt: skip
        async with (
            served(here / "gateway", listen, here / "gateway.log"),
            serving(program, back, log) as running,
        ):
            # It has said where the person goes by the time that it listens for them.
            await asyncio.to_thread(sign_in, log.read_text(encoding="utf-8"))
            await running.wait()
    return read(here / "results", "authorization-server-")


def configure(directory: Path, login: str) -> tuple[str, int]:
    """Write a configuration for an issuer of users; the gateway's URL and port."""
    listen = free_port()
    config = install(directory, Office(), port=listen)
    signing_in.configure(directory, {"issuer": login}, {})
    root = directory / "safeconduct.yaml"
    gateway = json.loads(root.read_text(encoding="utf-8"))["gateway"]
    change(root, {"gateway": gateway | {"unsafe_bearer_tokens": True}})
    return config.root.gateway.issuer, listen


def sign_in(said: str) -> None:
    """A person goes where the suite says, signs in, says yes, and comes back.

    Raises:
        RuntimeError: they are not asked.
    """
    browser = signing_in.Browser()
    leaves = _LEAVES.search(said)
    if leaves is None:
        raise RuntimeError(f"the suite sends nobody to sign in:\n{said}")
    page = browser.open(leaves[0])
    if page.status != 200:
        raise RuntimeError(f"nobody can sign in, {page.url} says {page.status}:\n{page.text}")
    browser.get(browser.answer(page).url)
