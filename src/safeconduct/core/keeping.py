"""A result that was withheld, as it is sealed, and as it is had again. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from safeconduct.core.admit import Admitted
from safeconduct.core.canonical import canonical, sha256

JSON = dict[str, Any]

ADMITTED: Final = "admitted"
"""The member of an outcome's payload that holds what is known of the `result` beside it."""


def kept(admitted: Admitted) -> JSON:
    """What is sealed of a result, so that it may be delivered later."""
    known: JSON = msgspec.to_builtins(admitted, order="deterministic")
    result = known.pop("result")
    if known["read"] == result:  # mostly, and it may be long
        del known["read"]
    return {"result": result, ADMITTED: known}


def restored(content: JSON, digest: str) -> Admitted:
    """The result of this digest.

    Raises ValueError: it is another, or none.
    """
    result, known = content.get("result"), content.get(ADMITTED)
    if not isinstance(known, dict) or sha256(canonical(result)) != digest:
        raise ValueError("not the result that was sealed")
    return msgspec.convert({"read": result, **known, "result": result}, Admitted)
