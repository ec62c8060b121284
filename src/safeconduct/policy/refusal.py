"""Why a policy bundle is not usable."""

from __future__ import annotations

from pathlib import Path


class PolicyRefused(Exception):
    """The bundle is not loaded: `sentence` says what is wrong and `fix` what to do instead.

    `file` is relative to the bundle until `under` names its directory; `line` counts from 1.
    """

    def __init__(self, sentence: str, *, file: str, line: int = 1, fix: str) -> None:
        super().__init__(f"{file}:{line}: {sentence} (fix: {fix})")
        self.sentence = sentence
        self.file = file
        self.line = line
        self.fix = fix

    def under(self, directory: Path) -> PolicyRefused:
        """The same refusal with the path of the file that a person can open."""
        file = str(directory / self.file)
        return PolicyRefused(self.sentence, file=file, line=self.line, fix=self.fix)
