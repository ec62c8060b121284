"""The part of google-re2 that Safeconduct uses; the package carries no types."""

from collections.abc import Iterator

class error(Exception): ...  # noqa: N801

class Options:
    class Encoding:
        LATIN1: int
        UTF8: int

    max_mem: int
    encoding: int
    longest_match: bool
    log_errors: bool
    literal: bool
    never_capture: bool
    case_sensitive: bool

class Match:
    def start(self, group: int = 0) -> int: ...
    def end(self, group: int = 0) -> int: ...
    def span(self, group: int = 0) -> tuple[int, int]: ...

class Pattern:
    @property
    def groups(self) -> int: ...
    def search(
        self, text: bytes, pos: int | None = None, endpos: int | None = None
    ) -> Match | None: ...
    def finditer(
        self, text: bytes, pos: int | None = None, endpos: int | None = None
    ) -> Iterator[Match]: ...

def compile(pattern: bytes, options: Options | None = None) -> Pattern: ...  # noqa: A001

class Set:
    @classmethod
    def SearchSet(cls, options: Options | None = None) -> Set: ...
    def Add(self, pattern: bytes) -> int: ...
    def Compile(self) -> None: ...
    def Match(self, text: bytes) -> list[int] | None: ...
