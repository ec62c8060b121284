"""What somebody takes along: as a file, so that no browser shows it as a page of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response


def lines(name: str, values: Iterable[Any]) -> Response:
    """JSON, a value in each line, as a file of this name."""
    content = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
    return attached(content, "application/x-ndjson", f"{name}.jsonl")


def attached(content: bytes, kind: str, name: str) -> Response:
    """A file. `name` is none of somebody else's making."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=kind)
