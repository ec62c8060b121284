"""Accounts are named as the machine knows them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from safeconduct.kit import accounts

ROOT = "uid:0 root"


def test_an_account_has_its_number_and_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accounts.account(0) == ROOT
    assert accounts.account(4_000_000_000) == "uid:4000000000"  # nobody is called that
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(("a\nb", *["x"] * 6)))
    assert accounts.account(0) == "uid:0"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("0", ROOT),
        ("4294967295", ROOT),
        ("4000000000", f"{ROOT}, login uid:4000000000"),
        ("", ROOT),
        (None, ROOT),
    ],
)
def test_who_logged_in_is_named_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, expected: str
) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    if said is not None:
        (tmp_path / "proc/7/loginuid").write_text(said)
    monkeypatch.setattr(accounts, "PROC", tmp_path / "proc")
    assert accounts.working(0, 7) == expected


def test_this_process_works_for_who_runs_it() -> None:
    assert accounts.operator().startswith(accounts.account(os.getuid()))
