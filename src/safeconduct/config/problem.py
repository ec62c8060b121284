"""What is wrong with a configuration: sentences with file, line and fix."""

from __future__ import annotations

import msgspec

from safeconduct.kit.yaml import Document, Place


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. A warning does not keep the gateway from starting; anything else does."""

    file: str
    line: int
    sentence: str
    fix: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}: {kind}{self.sentence} (fix: {self.fix})"


class ConfigError(Exception):
    """The configuration is refused. `problems` holds everything that was found, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class YamlFile(msgspec.Struct, frozen=True):
    """A file that was read; `name` is what problems call it."""

    name: str
    text: str
    document: Document


class Report:
    """Collects problems."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, by file and line, each once."""
        unique = dict.fromkeys(self._problems)
        return tuple(sorted(unique, key=lambda problem: (problem.file, problem.line)))

    @property
    def refused(self) -> bool:
        """Whether something other than a warning was found."""
        return any(not problem.warning for problem in self._problems)

    def error(self, file: YamlFile, place: Place, sentence: str, fix: str) -> None:
        """Something that keeps the gateway from starting."""
        self.add(file.name, file.document.line(place), sentence, fix)

    def warn(self, file: YamlFile, place: Place, sentence: str, fix: str) -> None:
        """Something that is probably not meant."""
        line = file.document.line(place)
        self._problems.append(
            Problem(file=file.name, line=line, sentence=sentence, fix=fix, warning=True)
        )

    def add(self, file: str, line: int, sentence: str, fix: str) -> None:
        """An error at a place that is known by its line alone."""
        self._problems.append(Problem(file=file, line=line, sentence=sentence, fix=fix))
