from collections.abc import Sequence
from pathlib import Path

from agentdojo.base_tasks import BaseInjectionTask, BaseUserTask
from agentdojo.functions_runtime import Function, TaskEnvironment

class TaskSuite:
    environment_type: type[TaskEnvironment]
    tools: Sequence[Function]
    user_tasks: dict[str, BaseUserTask]
    injection_tasks: dict[str, BaseInjectionTask]
    def get_injection_vector_defaults(self) -> dict[str, str]: ...

def read_suite_file(suite_name: str, file: str, suite_data_path: Path | None) -> str: ...
