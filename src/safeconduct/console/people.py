"""Who may sign in at the console: persons who are entitled to something here, and not revoked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, get_args

from safeconduct.approvals.answers import Approver
from safeconduct.approvals.members import groups
from safeconduct.config.approvals import Role
from safeconduct.config.schema import Config
from safeconduct.ports import Person


class State(Protocol):
    """What is known of revocations."""

    def revoked(self, *, agent: str, user: str, key: str, jti: str) -> bool: ...

    def signed_out(self, user: str) -> int: ...


class People:
    """The users of `users.yaml` as approvers."""

    def __init__(self, config: Config, state: State) -> None:
        self._config = config
        self._state = state
        self._tenant = config.root.gateway.tenant
        console = config.root.console
        roles = {} if console is None else console.roles
        self._member = groups({name: (one.users, one.groups) for name, one in roles.items()})
        # When somebody last came from their issuer.
        self._came: dict[str, int] = {}

    def known(self, user: str, signed_in_ms: int) -> Approver | None:
        """Who this is, as long as a sign-in of that time is believed.

        Groups are those of the entitlements: what an issuer says of groups makes nobody an
        approver.
        """
        entry = self._config.users.get(user)
        if (
            entry is None
            or entry.kind != "person"
            or self._state.revoked(agent="", user=user, key="", jti="")
            or signed_in_ms <= self._state.signed_out(user)
        ):
            return None
        return Approver(user=user, tenant=self._tenant, groups=frozenset(entry.groups))

    def roles(self, approver: Approver) -> Collection[Role]:
        """What somebody may do here besides answering."""
        return frozenset(role for role in get_args(Role) if self._member(approver, role))

    def signed_in(self, person: Person) -> Approver | None:
        """Who signed in at the issuer; None where they may not do so here."""
        if person.tenant not in {None, self._tenant}:
            return None
        approver = self.known(person.id, person.signed_in_ms)
        if approver is not None:
            self._came[person.id] = max(person.signed_in_ms, self._came.get(person.id, 0))
        return approver

    def came_back(self, user: str) -> bool:
        """Whether somebody whose sign-ins the issuer ended has signed in there again since: one
        whose account is disabled cannot, and may still have passkeys of ours.
        """
        ended_ms = self._state.signed_out(user)
        return not ended_ms or self._came.get(user, 0) > ended_ms
