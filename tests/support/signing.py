"""People with passkeys, who answer at the desk itself."""

from __future__ import annotations

from typing import Any

from safeconduct.approvals.answers import Answer, Approver
from safeconduct.ports import JSON
from tests.support.authenticator import Authenticator
from tests.support.consoling import KIM, TENANT, URL, House


class People:
    """Of one house. Each signs with their own key, as often as they say something."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.keys: dict[str, Authenticator] = {}

    async def key(self, user: str) -> None:
        key, passkeys = Authenticator(URL, "localhost"), self.house.passkeys
        ceremony, asked = passkeys.register(user)
        await passkeys.registered(ceremony, user, key.register(asked), label="phone", by=user)
        self.keys[user] = key

    async def say(self, user: str, choice: Any, arguments: JSON | None = None) -> None:
        desk = self.house.rooms.desk
        (question,) = desk.pending()
        groups = frozenset({"refunds"} if user == KIM else ())
        who = Approver(user=user, tenant=TENANT, groups=groups)
        answer = Answer(choice=choice, means="passkey", arguments=arguments)
        _, signed = desk.challenge(question.id, who, answer)
        self.keys[user].count += 1
        evidence = self.keys[user].sign(self.house.passkeys.options(who, signed))
        await desk.answer(question.id, who, answer, evidence)
