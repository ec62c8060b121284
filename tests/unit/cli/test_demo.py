from pathlib import Path

import pytest

from safeconduct.cli import demo, main, output


def test_files_that_are_there_are_not_mixed_with_new_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["demo", "--keep", str(tmp_path)]) == output.USAGE
    assert capsys.readouterr().err == (
        f"safeconduct: {tmp_path} exists already (fix: name a new directory to --keep)\n"
    )


def test_what_is_kept_stays_and_all_else_is_gone(tmp_path: Path) -> None:
    kept = tmp_path / "under" / "kept"
    with demo.place(kept) as directory:
        assert directory == kept
    assert kept.is_dir()
    with demo.place(None) as directory:
        (directory / "state").mkdir()
    assert not directory.exists()
