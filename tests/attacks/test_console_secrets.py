"""No secret of the configuration on a page, also where it is written wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import pytest

from safeconduct.app import indexing
from safeconduct.config.audit import Index
from tests.support.consoling import ANN, House

SECRET: Final = "s3cret"


@pytest.mark.parametrize(
    "dsn",
    [
        f"audit:{SECRET}@db.example/audit",
        f"postgresql://audit:{SECRET} x@127.0.0.1:1/audit",
        f"postgresql://audit:%zz{SECRET}@127.0.0.1:1/audit",
        f"postgresql://audit:{SECRET}@[::1/audit",
        f"postgresql://audit:x@{SECRET}@127.0.0.1:1/audit",
    ],
)
async def test_the_password_of_the_index_is_on_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("INDEX_DSN", dsn)
    house = House(tmp_path)
    async with house.task:
        config = house.rooms.config
        block = Index(kind="postgres", dsn="env:INDEX_DSN")
        audit = msgspec.structs.replace(config.root.audit, index=block)
        root = msgspec.structs.replace(config.root, audit=audit)
        broken = msgspec.structs.replace(config, root=root)
        found = indexing.opened
        monkeypatch.setattr(indexing, "opened", lambda _: found(broken))
        ann = await house.signed_in(ANN)
        for path in ("/search?agent=x", "/live", f"/tasks/t_{'0' * 24}"):
            page = await ann.get(path)
            assert page.status == 503
            assert SECRET not in page.text
            assert "its index does not answer" in page.text
