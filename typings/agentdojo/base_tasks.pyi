from collections.abc import Sequence

from agentdojo.functions_runtime import FunctionCall, TaskEnvironment

class BaseUserTask:
    PROMPT: str
    GROUND_TRUTH_OUTPUT: str
    def init_environment(self, environment: TaskEnvironment) -> TaskEnvironment: ...
    def ground_truth(self, pre_environment: TaskEnvironment) -> list[FunctionCall]: ...
    def utility(
        self,
        model_output: str,
        pre_environment: TaskEnvironment,
        post_environment: TaskEnvironment,
    ) -> bool: ...
    def utility_from_traces(
        self,
        model_output: str,
        pre_environment: TaskEnvironment,
        post_environment: TaskEnvironment,
        traces: Sequence[FunctionCall],
    ) -> bool | None: ...

class BaseInjectionTask:
    GOAL: str
    def ground_truth(self, pre_environment: TaskEnvironment) -> list[FunctionCall]: ...
    def security(
        self,
        model_output: str,
        pre_environment: TaskEnvironment,
        post_environment: TaskEnvironment,
    ) -> bool: ...
    def security_from_traces(
        self,
        model_output: str,
        pre_environment: TaskEnvironment,
        post_environment: TaskEnvironment,
        traces: Sequence[FunctionCall],
    ) -> bool | None: ...
