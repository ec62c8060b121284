"""Opening an upstream from what the configuration says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from safeconduct.ports import Upstream
from safeconduct.upstreams.http import HttpUpstream
from safeconduct.upstreams.stdio import Program, StdioUpstream


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one upstream. Beyond those on numbers, requests are refused as `upstream-busy`."""

    max_answer_bytes: int = 4 * 1024 * 1024
    max_in_flight: int = 256
    max_sessions: int = 1024
    max_processes: int = 16


_DEFAULT: Final = Limits()


def open_upstream(
    upstream_id: str,
    *,
    url: str | None = None,
    command: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    limits: Limits = _DEFAULT,
) -> Upstream:
    """An upstream at a URL, or one that is a command. Nothing is connected or started yet.

    `env` is all that a command gets besides PATH, HOME (an empty directory) and LANG; without `cwd`
    it runs in that directory.

    Raises:
        ValueError: not exactly one of `url` and `command`, or a URL that is not plain http(s).
    """
    if (url is None) == (command is None):
        raise ValueError("an upstream has either a url or a command")
    if command is not None:
        if not command:
            raise ValueError("an empty command")
        return StdioUpstream(
            upstream_id,
            Program(command=tuple(command), env=dict(env or {}), cwd=cwd),
            max_answer_bytes=limits.max_answer_bytes,
            max_in_flight=limits.max_in_flight,
            max_processes=limits.max_processes,
        )
    return HttpUpstream(
        upstream_id,
        _checked(url or ""),
        max_answer_bytes=limits.max_answer_bytes,
        max_in_flight=limits.max_in_flight,
        max_sessions=limits.max_sessions,
    )


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an upstream's url must be http or https, with a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an upstream's url must have neither credentials nor a fragment")
    return url
