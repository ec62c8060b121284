"""The other end of the operator socket."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from safeconduct.core.canonical import canonical
from safeconduct.kit.strictjson import StrictJSONError, loads

PATIENCE_S = 10.0
MAX_ANSWER = 16 * 1024 * 1024


class OperatorFault(Exception):
    """The gateway did not answer, or said no; the sentence says what to do."""


class SaidNo(OperatorFault):
    """The gateway answered, and said no."""


def ask(
    path: Path, verb: str, *, patience_s: float = PATIENCE_S, **request: object
) -> Mapping[str, Any]:
    """One request to the running gateway, which has so long to answer.

    Raises OperatorFault, SaidNo.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience_s)
            connection.connect(str(path))
            connection.sendall(canonical({"verb": verb, **request}) + b"\n")
            answer = loads(_everything(connection), max_bytes=MAX_ANSWER)
    except (OSError, StrictJSONError) as error:
        raise OperatorFault(
            f"no gateway answers at {path} ({error}); start it with "
            "`safeconduct serve`, as the same user"
        ) from None
    if not isinstance(answer, dict):
        raise OperatorFault("the gateway's answer makes no sense")
    told = cast("Mapping[str, Any]", answer)
    if "error" in told:
        raise SaidNo(str(told["error"]))
    return told


def _everything(connection: socket.socket) -> bytes:
    received = bytearray()
    while part := connection.recv(65_536):
        received += part
        if len(received) > MAX_ANSWER:
            raise OSError("the answer is too long")
    return bytes(received)
