"""Who tells of users after they have signed in, wired to what that ends."""

from __future__ import annotations

from pathlib import Path

import msgspec

from safeconduct.config.signals import SignalIssuer
from safeconduct.delegation.polling import Polling
from safeconduct.delegation.signals import Signal, Signals, Transmitter, known
from safeconduct.entrypoints.signals import Pushes
from safeconduct.identity.keys import Source, authorities, signing_keys
from safeconduct.kit.jwk import KeySet
from safeconduct.rooms import Rooms, clock_ms
from safeconduct.secrets import references


class Sending(msgspec.Struct, frozen=True):
    """One of those who send signals; one that is polled does not push."""

    name: str
    keys: Source[KeySet]
    pushes: Pushes
    polling: Polling | None


def transmitters(rooms: Rooms) -> list[Sending]:
    """All that are configured. Raises UnusableKeys."""
    return [_transmitter(rooms, name, one) for name, one in rooms.config.root.signals.items()]


def _transmitter(rooms: Rooms, name: str, block: SignalIssuer) -> Sending:
    config, directory = rooms.config, Path(rooms.config.directory)
    users = config.root.users

    async def end(signal: Signal, user: str) -> None:
        await rooms.sign_out(
            user,
            signal.before_ms or 0,
            f"signal:{signal.transmitter}",
            event=signal.event,
            jti=signal.jti,
        )

    def authorization() -> str | None:
        said = block.authorization
        return None if said is None else references.read(directory, said)

    keys = signing_keys(directory, block)
    shared = Signals(
        Transmitter(
            name=name,
            issuer=block.issuer,
            audience=block.audience or config.root.gateway.issuer,
            users=block.users or block.issuer,
            keys=keys.current,
        ),
        known(config.users, users.issuer),
        end,
        clock_ms,
    )
    polling = None
    if block.poll is not None:
        polling = Polling(
            block.poll.url,
            shared.take,
            authorization=authorization,
            every_s=block.poll.every_s,
            ca=authorities(directory, block),
        )
    return Sending(name, keys, Pushes(shared.take, authorization), polling)
