class StringMark:
    name: str | None
    line: int
    column: int

class YAMLError(Exception): ...

class MarkedYAMLError(YAMLError):
    context: str | None
    context_mark: StringMark | None
    problem: str | None
    problem_mark: StringMark | None
