"""A sound configuration directory, to be spoiled in one place at a time."""

from __future__ import annotations

import shutil
from pathlib import Path

from safeconduct.config import Problem, examine

SOUND = Path(__file__).parents[1] / "data" / "gateway"

HERE = "# here"
"""Stands in changed text at the line where a problem is expected."""


class Gateway:
    """A copy of the sound configuration."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copytree(SOUND, directory)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.directory / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, file: str, text: str) -> None:
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    @property
    def problems(self) -> list[Problem]:
        return list(examine(self.directory).problems)

    def expect(self, word: str, *, warning: bool = False) -> Problem:
        """Exactly one problem, in the line that says so, whose sentence holds the word."""
        (problem,) = self.problems
        assert (problem.file, problem.line) == self._here()
        assert word in problem.sentence
        assert problem.fix
        assert problem.warning is warning
        return problem

    def _here(self) -> tuple[str, int]:
        (found,) = (
            (str(path), number)
            for path in sorted(self.directory.rglob("*.yaml"))
            for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
            if HERE in line
        )
        return found
