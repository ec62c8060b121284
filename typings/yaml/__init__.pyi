# Stub for the part that the benchmarks use; the package itself is installed elsewhere.
from typing import Any

class CSafeLoader: ...

def load(stream: str, Loader: type[CSafeLoader]) -> Any: ...  # noqa: N803  its name
def safe_dump(data: Any, *, allow_unicode: bool = False, sort_keys: bool = True) -> str: ...
