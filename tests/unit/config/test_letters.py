"""Models of letters are where Tesseract looks for them, all of them in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.config import letters


def test_the_first_place_that_has_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, here, system = (tmp_path / name for name in ("told", "here", "system"))
    for place, languages in ((told, "deu"), (here, "eng"), (system, "eng deu")):
        place.mkdir()
        for language in languages.split():
            (place / f"{language}.traineddata").touch()
    monkeypatch.setattr(letters, "HERE", here)
    monkeypatch.setattr(letters, "SYSTEM", (str(system),))
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
    assert letters.models(["eng"]) == here
    assert letters.models(["eng", "deu"]) == system
    assert letters.models(["fra"]) is None
    monkeypatch.setenv("TESSDATA_PREFIX", str(told))
    assert letters.models(["deu"]) == told
    assert letters.models(["eng"]) == here
