"""What somebody takes along: as a file, so that no browser shows it as a page of ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from starlette.responses import Response

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would work out."""


def lines(name: str, values: Iterable[Any]) -> Response:
    """JSON, a value in each line, as a file of this name."""
    content = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
    return attached(content, "application/x-ndjson", f"{name}.jsonl")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """CSV. What a spreadsheet would take for a formula is text there: names are those of others."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def attached(content: bytes, kind: str, name: str) -> Response:
    """A file. `name` is none of somebody else's making."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, media_type=kind)
