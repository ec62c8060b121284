"""People who sign in where the client has no browser to send them to: it asks their issuer, which
asks them on a device of theirs (OpenID Client-Initiated Backchannel Authentication Core 1.0).
"""

from __future__ import annotations

import json
from typing import Literal

import msgspec

from tests.e2e.login import AUTHENTICATION, Issuer
from tests.support.front import Reply
from tests.support.starting import asked


class Request(msgspec.Struct, frozen=True):
    """A sign-in that a client has asked for and polls for."""

    issuer: Issuer
    user: str
    message: str
    auth_req_id: str

    def says(self, word: Literal["yes", "no"], *, signed_in_s: int = 0) -> None:
        """What the user answers to this message, on a device where they signed in at that time."""
        form = {"message": self.message, "says": word, "signed_in_s": str(signed_in_s)}
        assert asked(_device(self.issuer, self.user), form).status == 200

    def poll(self) -> Reply:
        """The token response, or why there is none (section 11)."""
        grant_type = "urn:openid:params:grant-type:ciba"
        form = {"grant_type": grant_type, "auth_req_id": self.auth_req_id}
        return asked(str(self.issuer.metadata["token_endpoint"]), form, AUTHENTICATION)


def ask(issuer: Issuer, user: str, message: str) -> Request:
    """Asks, as a client, that a user signs in; the message is shown on both sides."""
    form = {"scope": "openid", "login_hint": user, "binding_message": message}
    form["claims"] = json.dumps({"id_token": {"acr": None, "amr": None}})
    url = str(issuer.metadata["backchannel_authentication_endpoint"])
    answer = asked(url, form, AUTHENTICATION)
    assert answer.status == 200, answer.body
    return Request(issuer, user, message, answer.json["auth_req_id"])


def shown(issuer: Issuer, user: str) -> list[str]:
    """The messages of the requests that wait on a user's device."""
    messages: list[str] = asked(_device(issuer, user)).json["messages"]
    return messages


def _device(issuer: Issuer, user: str) -> str:
    return f"{issuer.url}/device/{user}"
