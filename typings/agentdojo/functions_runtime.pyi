from collections.abc import Mapping, Sequence
from typing import Any, Self

class TaskEnvironment:
    @classmethod
    def model_validate(cls, obj: Any) -> Self: ...
    def __getattr__(self, name: str) -> Any: ...

class FunctionCall:
    function: str
    args: dict[str, Any]
    placeholder_args: Mapping[str, Any] | None
    def __init__(self, *, function: str, args: dict[str, Any]) -> None: ...

class Function:
    name: str
    description: str
    full_docstring: str
    parameters: Any

class FunctionsRuntime:
    def __init__(self, functions: Sequence[Function]) -> None: ...
    def run_function(
        self,
        env: TaskEnvironment,
        function: str,
        kwargs: Mapping[str, Any],
        raise_on_error: bool = False,
    ) -> tuple[Any, str | None]: ...
