"""How people are told that they are asked, wired to the desk."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from safeconduct.approvals.answers import Approver
from safeconduct.approvals.notifying.clicks import Buttons, Clicks
from safeconduct.approvals.notifying.clicks import Slack as Place
from safeconduct.approvals.notifying.notifier import Notifier, Wire
from safeconduct.approvals.notifying.slack import Slack
from safeconduct.approvals.notifying.smtp import Mail
from safeconduct.approvals.notifying.teams import Teams
from safeconduct.approvals.notifying.telling import Telling, Way
from safeconduct.approvals.notifying.webhook import Webhook
from safeconduct.config import approvals
from safeconduct.rooms import Rooms
from safeconduct.secrets import references


def clicks(rooms: Rooms) -> Clicks | None:
    """What believes clicks in chats; None where none count."""
    directory = Path(rooms.config.directory)
    places = {
        name: Place(partial(references.read, directory, one.signing), one.workspace or "")
        for name, one in rooms.config.root.approvals.notify.items()
        if one.clicks
    }
    if not places or rooms.config.root.console is None:
        return None
    return Clicks(rooms.desk, partial(approver, rooms), places, rooms.clock_ms)


def notifiers(rooms: Rooms, clicks: Clicks | None) -> dict[str, Notifier]:
    """By name, those that are configured; the desk tells them of its questions."""
    root = rooms.config.root
    if root.console is None or not root.approvals.notify:
        return {}
    ways = {
        name: Way(
            Notifier(
                name,
                wire(rooms, one, None if clicks is None else clicks.buttons(name)),
                people=one.people,
                all_at_once=one.wire in {"teams", "webhook"} or one.channel is not None,
                stands=rooms.desk.holds,
                clock_ms=rooms.clock_ms,
            ),
            one.groups,
        )
        for name, one in root.approvals.notify.items()
    }
    Telling(rooms.desk, ways.values(), partial(approver, rooms), root.console.url)
    return {name: one.notifier for name, one in ways.items()}


def approver(rooms: Rooms, user: str) -> Approver | None:
    """A person of the entitlements, unless they are revoked."""
    entry = rooms.config.users.get(user)
    if entry is None or entry.kind != "person":
        return None
    if rooms.state.revoked(agent="", user=user, key="", jti=""):
        return None
    tenant = rooms.config.root.gateway.tenant
    return Approver(user=user, tenant=tenant, groups=frozenset(entry.groups))


def wire(rooms: Rooms, one: approvals.Notifier, buttons: Buttons | None = None) -> Wire:
    """How messages of a notifier go out."""
    directory = Path(rooms.config.directory)
    ca = None if one.ca is None else directory / one.ca
    secret = partial(references.read, directory, one.credential)
    proof = None if one.credential is None else secret
    match one.wire:
        case "smtp":
            return Mail(one.url, sender=one.sender or "", login=proof, ca=ca)
        case "slack":
            under = buttons if one.clicks else None
            return Slack(one.url, channel=one.channel, token=secret, buttons=under, ca=ca)
        case "teams":
            return Teams(one.url, query=proof, ca=ca)
        case "webhook":
            return Webhook(one.url, rooms.config.root.gateway.issuer, secret=proof, ca=ca)
