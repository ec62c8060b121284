"""What others cost in the same place. Their configurations lie here and say why they are fair."""

import os
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template

import msgspec

from bench.processes import free_port, listening
from bench.subjects import Subject, plain
from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey

HERE = Path(__file__).parent
ENVIRONMENT = Path(sys.prefix) / "rivals" / "bin"
"""Where `make bench` installs requirements/bench.txt."""
SYSTEM = "/usr/sbin"
"""Where Debian keeps nginx, and only root looks."""

PROGRAMS = {
    "nginx": "nginx",
    "envoy": "envoy",
    "fastmcp_default": "fastmcp",
    "fastmcp_shared": "fastmcp",
}


def program(name: str) -> Path | None:
    """Where a rival is installed, if it is."""
    path = os.pathsep.join([str(ENVIRONMENT), os.environ.get("PATH", ""), SYSTEM])
    found = shutil.which(PROGRAMS[name], path=path)
    return None if found is None else Path(found)


def missing(wanted: Iterable[str] = PROGRAMS) -> list[str]:
    """The rivals that are not installed, by name; each is said.

    Raises:
        SystemExit: there is one, and `CI` is set.
    """
    found = [name for name in wanted if program(name) is None]
    for name in found:
        print(f"{name} is left out: {PROGRAMS[name]} is not installed", file=sys.stderr)
    if found and os.environ.get("CI"):
        raise SystemExit(1)
    return found


@asynccontextmanager
async def rival(
    name: str, place: Path, upstream: int, stub: int, connections: int
) -> AsyncGenerator[Subject]:
    """A rival in front of the stub, as a subject; it ends with the block."""
    found = program(name)
    assert found is not None
    port = free_port()
    given = {"port": port, "upstream": upstream, "place": place}
    revision, headers = MODERN, ""
    match name:
        case "nginx":
            file = written(place, "nginx/nginx.conf", given)
            command = [str(found), "-e", "stderr", "-c", file]
        case "envoy":
            jwks, token = credentials()
            file = written(place, "envoy/envoy.yaml", given | {"jwks": jwks})
            headers = f"Authorization: Bearer {token}\r\n"
            command = [str(found), "-c", file, "--concurrency", "1"]
            command += ["--disable-hot-restart", "--log-level", "error"]
        case _:
            # Of the two revisions that it speaks, the one that costs it less.
            revision = HANDSHAKE
            kind = name.removeprefix("fastmcp_")
            command = [str(found.with_name("python")), str(HERE / "fastmcp" / "proxy.py")]
            command += [kind, str(port), str(upstream)]
    async with listening(port, *command) as pid:
        pids = (pid, stub)
        yield await plain(name, port, pids, connections, revision=revision, headers=headers)


def written(place: Path, source: str, given: Mapping[str, object]) -> str:
    """A configuration with its ports, as the path of a file."""
    text = (HERE / source).read_text(encoding="utf-8")
    file = place / Path(source).name
    file.write_text(Template(text).substitute(given), encoding="utf-8")
    return str(file)


def credentials() -> tuple[str, str]:
    """A key set and a token by it that is valid for longer than a run takes."""
    key = PrivateKey.generate()
    claims = {"iss": "bench", "aud": "stub", "sub": "bench", "exp": int(time.time()) + 7200}
    jwks = msgspec.json.encode({"keys": [key.public.jwk()]}).decode()
    return jwks, jose.sign(claims, key, "JWT")
