"""Questions on people's devices, where the configuration says that their issuer asks there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from safeconduct.app.notifying import approver
from safeconduct.approvals.ciba import Pushes, Wanted
from safeconduct.identity.keys import authorities
from safeconduct.identity.users import UserTokens
from safeconduct.rooms import Rooms
from safeconduct.secrets import references
from safeconduct.secrets.authorization import AuthorizationServer, basic


def pushes(rooms: Rooms) -> Pushes | None:
    """What pushes questions of the desk to the main issuer of users. Raises UnusableKeys."""
    config, root = rooms.config, rooms.config.root
    directory, users, block = Path(config.directory), root.users, root.approvals.ciba
    if block is None:
        return None

    async def authenticate() -> tuple[Mapping[str, str], Mapping[str, str]]:
        if block.secret is None:
            return {"client_id": block.client_id}, {}
        return {}, basic(block.client_id, references.read(directory, block.secret))

    # Its ID tokens for this client: for no other audience, and of no other issuer.
    ours = replace(root, users=replace(users, audience=block.client_id, others=()))
    return Pushes(
        rooms.desk,
        AuthorizationServer(users.issuer, ca=authorities(directory, users)),
        persons=partial(approver, rooms),
        subjects={
            name: one.subject or name
            for name, one in config.users.items()
            if one.issuer in {None, users.issuer}
        },
        authenticate=authenticate,
        person=UserTokens(replace(config, root=ours)).verify,
        wanted=Wanted(scope=block.scope, acr=block.acr, max_age_s=block.max_age_s),
        clock_ms=rooms.clock_ms,
    )
