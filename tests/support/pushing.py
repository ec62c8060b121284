"""An issuer that pushes questions to devices, played in process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from safeconduct.kit.jwk import encode
from safeconduct.ports import CredentialUnavailable, Person


class Said(msgspec.Struct):
    """What the issuer answers."""

    claims_parameter_supported: bool = True
    auth_req_id: str = "r-1"
    expires_in: float = 100
    interval: float | None = None
    id_token: str | None = None


class Device:
    """The issuer and the device: `answers` are its answers to polls, errors by code, or tokens.

    After the last the clock is past all that could expire.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.answers: list[str | Exception] = ["yes"]
        self.says: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.said = Said()
        self.pushed: list[Mapping[str, str]] = []
        self.polled: list[Mapping[str, str]] = []
        self.user = ""

    async def metadata(self) -> Said:
        return self.said

    async def push(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Said:
        self.pushed.append({**form, **headers})
        self.user = form["login_hint"]
        self.said.auth_req_id = f"r-{len(self.pushed)}"
        return self.said

    async def issue(
        self, form: Mapping[str, str], headers: Mapping[str, str], *, asked: frozenset[str]
    ) -> Said:
        self.polled.append(form)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if answer == "yes":
            parts = [encode(json.dumps(part).encode()) for part in ({"alg": "none"}, self.claims)]
            return Said(id_token=".".join([*parts, encode(b"x")]))
        fault = CredentialUnavailable(answer)
        fault.error = answer
        raise fault

    async def person(self, token: str, now_ms: int) -> Person:
        now_s = self._now_ms() // 1000
        said: dict[str, Any] = {
            "id": self.user,
            "issuer": "https://login.example",
            "jti": "j",
            "auth_time_s": now_s,
            "issued_ms": self._now_ms(),
            "acr": "mfa",
        }
        return Person(**(said | self.says))
