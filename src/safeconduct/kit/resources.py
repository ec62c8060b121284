"""Resource indicators (RFC 8707): what a token is asked for, or a grant is given for."""

from __future__ import annotations

import re
from typing import Final

_UPSTREAM: Final = re.compile(r"[a-z0-9-]{1,64}")


def ours(resource: str, gateway: frozenset[str]) -> bool:
    """Whether a token for this gateway is asked for, or for one of its endpoints: any name of an
    upstream will do, as which there are is told to who has a task.
    """
    above, _, last = resource.rpartition("/")
    endpoint = above in gateway and above.endswith("/mcp") and _UPSTREAM.fullmatch(last)
    return resource in gateway or bool(endpoint)
