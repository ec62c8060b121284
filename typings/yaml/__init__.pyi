# Stub for the part that bench/agentdojo uses; the package itself is installed elsewhere.
from typing import Any

class CSafeLoader: ...

def load(stream: str, Loader: type[CSafeLoader]) -> Any: ...  # noqa: N803  its name
