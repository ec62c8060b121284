"""How people sign in with their programs, where the configuration says that they can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from safeconduct.config.schema import Config
from safeconduct.delegation.clients import Clients
from safeconduct.delegation.logins import Logins
from safeconduct.entrypoints.metadata import SIGNED_IN_PATH
from safeconduct.identity.keys import authorities
from safeconduct.identity.login import Login
from safeconduct.ports import Person
from safeconduct.rooms import clock_ms
from safeconduct.secrets import references
from safeconduct.secrets.authorization import AuthorizationServer, basic


def login(
    config: Config, person: Callable[[str, int], Awaitable[Person]], callback: str
) -> Login | None:
    """How people sign in at their issuer; they come back to `callback`."""
    users, directory = config.root.users, Path(config.directory)
    block = users.login
    if block is None:
        return None

    async def authenticate() -> tuple[Mapping[str, str], Mapping[str, str]]:
        if block.secret is None:
            return {"client_id": users.audience}, {}
        return {}, basic(users.audience, references.read(directory, block.secret))

    return Login(
        AuthorizationServer(users.issuer, ca=authorities(directory, users)),
        client_id=users.audience,
        authenticate=authenticate,
        callback=callback,
        scope=block.scope,
        person=person,
    )


def logins(
    config: Config, names: frozenset[str], person: Callable[[str, int], Awaitable[Person]]
) -> Logins | None:
    """The people who are on their way. `names` are those of this gateway, `person` verifies a
    token of a user.
    """
    root = config.root
    sign_in = login(config, person, root.gateway.issuer + SIGNED_IN_PATH)
    if sign_in is None:
        return None
    return Logins(config, Clients(root.clients), sign_in, names=names, clock_ms=clock_ms)
