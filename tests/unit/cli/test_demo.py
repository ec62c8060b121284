from pathlib import Path

import pytest

from safeconduct.cli import main, output


def test_files_that_are_there_are_not_mixed_with_new_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["demo", "--keep", str(tmp_path)]) == output.USAGE
    assert capsys.readouterr().err == (
        f"safeconduct: {tmp_path} exists already (fix: name a new directory to --keep)\n"
    )
