"""docs/reference/http.md against what is served."""

from __future__ import annotations

from pathlib import Path

from safeconduct.app import Served
from safeconduct.cli.init import write
from safeconduct.config import load
from safeconduct.core.calls import TABLE
from safeconduct.entrypoints import wire
from tests.support.pages import DOCS, codes, sections, tables

PAGE = DOCS / "reference" / "http.md"
CODES = {value for name, value in vars(wire).items() if name.isupper() and isinstance(value, int)}


async def test_every_route_is_documented_and_no_other(tmp_path: Path) -> None:
    write(tmp_path / "gateway")
    served = Served(load(tmp_path / "gateway"))
    routes = {(path, method) for path, methods in served.routes().items() for method in methods}
    await served.rooms.close()
    table = tables(PAGE.read_text(encoding="utf-8"))[0][1:]
    documented = {(codes(row[0])[0].replace("UPSTREAM", ""), row[1]) for row in table}
    assert documented == routes


def test_every_method_of_the_table_of_calls_is_documented() -> None:
    table = tables(sections(PAGE)["MCP"])[0][1:]
    documented = {
        (row[1].replace(" the ", "-"), method) for row in table for method in codes(row[0])
    }
    assert documented == set(TABLE)


def test_every_error_code_is_documented() -> None:
    table = tables(sections(PAGE)["MCP"])[1][1:]
    assert {int(codes(row[0])[0]) for row in table} == CODES
