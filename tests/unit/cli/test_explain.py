from pathlib import Path

import pytest

from safeconduct.cli import main, output
from tests.support.logs import permit, written


@pytest.mark.parametrize(("asked", "hinted"), [("foo", True), ("d_2", False)])
def test_an_unknown_decision_is_named_and_its_form_where_it_has_another(
    asked: str, hinted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, [permit("d_1")])
    assert main.main(["explain", asked, "--log", str(tmp_path)]) == output.FOUND
    said = capsys.readouterr().err
    assert f"the log knows no decision {asked}" in said
    assert ("has the form d_…" in said) is hinted
