"""What people let tasks do, after a start by whose configuration they could not any more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from safeconduct.approvals.answers import Approver
from safeconduct.approvals.members import Members
from safeconduct.config.schema import Config
from safeconduct.core.approvers import USER, Party

CONFIGURATION: Final = "configuration"
"""Who ends what stands by nobody's right any more, on record."""


class Backing:
    """Whether those who said yes are still persons who may."""

    def __init__(self, config: Config, members: Members) -> None:
        """`members` tells whether somebody is in a group of approvers."""
        self._config = config
        self._members = members

    def stands(self, by: Collection[str], parties: Collection[Party]) -> bool:
        """Whether each of these users is still a person of the entitlements, and of a party."""
        return all(self._may(user, parties) for user in by)

    def _may(self, user: str, parties: Collection[Party]) -> bool:
        entry = self._config.users.get(user)
        if entry is None or entry.kind != "person":
            return False
        tenant = self._config.root.gateway.tenant
        approver = Approver(user=user, tenant=tenant, groups=frozenset(entry.groups))
        return any(one.who == USER or self._members(approver, one.who) for one in parties)
