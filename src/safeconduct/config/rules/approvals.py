"""Approvals: whoever is asked exists, can be told, and can say yes in a way that is set up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final

from safeconduct.config.approvals import ApprovalsBlock, ConsoleBlock, Notifier, Persons
from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, is_loopback, is_reference, listening, split
from safeconduct.config.schema import Root
from safeconduct.config.shape import did_you_mean
from safeconduct.core.approvers import USER
from safeconduct.kit.yaml import Place

CONSOLE: Final = ("jinja2", "starlette", "uvicorn")
"""What the pages of the console are made with."""

_MAIL: Final = re.compile(r"smtps?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def approvals(draft: Draft, report: Report) -> None:
    """Groups, templates, notifiers and the console."""
    root = draft.root
    if root is None:
        return
    users = {name for part in draft.users for name in part.value.users}
    one = _Approvals(root, users, report)
    one.groups()
    one.templates()
    one.pushes()
    for name, notifier in one.block.notify.items():
        one.notifier(("approvals", "notify", name), name, notifier)
    one.console()


class _Approvals:
    def __init__(self, root: Part[Root], users: set[str], report: Report) -> None:
        self._root = root
        self._users = users
        self._report = report
        self.block: ApprovalsBlock = root.value.approvals

    def error(self, place: Place, sentence: str, fix: str) -> None:
        self._report.error(self._root.file, place, sentence, fix)

    def groups(self) -> None:
        for name, group in self.block.groups.items():
            place = ("approvals", "groups", name)
            if name == USER:
                self.error(place, f"`{USER}` is who delegated the task", "rename the group")
            self._persons(place, group)

    def _persons(self, place: Place, group: Persons) -> None:
        if not group.users and not group.groups:
            self.error(place, f"nobody is in `{place[-1]}`", "name `users`, or `groups` of them")
        for user in group.users:
            if self._users and user not in self._users:
                fix = did_you_mean(user, self._users, "name a user of the entitlements")
                self.error((*place, "users"), f"there is no user `{user}`", fix)

    def templates(self) -> None:
        block = self.block
        for name, template in block.templates.items():
            place = ("approvals", "templates", name)
            if not template.asked or not template.means:
                self.error(place, f"nobody can say yes to `{name}`", "leave `ask` and `means` out")
            for who in template.asked:
                if who != USER and who not in block.groups:
                    fix = did_you_mean(who, block.groups, "add the group under `approvals.groups`")
                    self.error((*place, "ask"), f"there is no group `{who}`", fix)
            for means, fix in self._missing(template.means):
                self.error((*place, "means"), f"nobody can say yes by `{means}` here", fix)

    def _missing(self, means: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Means that are not set up, and what to do."""
        clicks = any(one.clicks for one in self.block.notify.values())
        ready = {
            "passkey": (self._root.value.console is not None, "add a `console`"),
            "sign-in": (self.block.step_up is not None, "add `approvals.step_up`"),
            "ciba": (self.block.ciba is not None, "add `approvals.ciba`"),
            "chat": (clicks, "add `clicks: true` to a notifier"),
        }
        for one in means:
            there, fix = ready[one]
            if not there and one != "passkey":
                yield one, fix

    def pushes(self) -> None:
        if self.block.ciba is not None:
            place = ("approvals", "ciba", "secret")
            self._referred(place, "who pushes to devices", self.block.ciba.secret)

    def _referred(self, place: Place, whose: str, value: str | None) -> None:
        """A secret stands elsewhere."""
        if value is not None and not is_reference(value):
            self.error(
                place,
                f"the {place[-1]} of {whose} is written out, or is no reference",
                "write `file:PATH` or `env:NAME`, never the secret itself",
            )

    def notifier(self, place: Place, name: str, one: Notifier) -> None:
        self._way(place, name, one)
        self._told(place, name, one)
        self._referred((*place, "credential"), f"`{name}`", one.credential)
        self._referred((*place, "signing"), f"`{name}`", one.signing)
        for group in one.groups:
            if group not in self.block.groups:
                fix = did_you_mean(group, self.block.groups, "name a group of approvers")
                self.error((*place, "groups"), f"there is no group `{group}`", fix)
        if one.clicks and (one.wire != "slack" or None in (one.signing, one.workspace)):
            self.error(
                (*place, "clicks"),
                f"nobody could tell whose click `{name}` brings",
                "add `signing` and `workspace`; clicks come from `slack`",
            )

    def _way(self, place: Place, name: str, one: Notifier) -> None:
        """Messages have where to go, and go there in private."""
        parts = split(one.url)
        if one.wire == "smtp":
            if _MAIL.fullmatch(one.url) is None:
                self.error(
                    (*place, "url"), f"`{name}` names no mail server", "write smtp://HOST:PORT"
                )
            if one.sender is None:
                self.error(place, f"mails of `{name}` come from nobody", "add `sender`")
        elif parts is None or exposed(parts):
            self.error(
                (*place, "url"),
                f"the URL of `{name}` is not https, or has a user, query or fragment",
                "write https://, host, port and path; http only for this machine",
            )

    def _told(self, place: Place, name: str, one: Notifier) -> None:
        """Somebody is told, and has a page to go to."""
        if self._root.value.console is None:
            self.error(place, f"what `{name}` tells leads nowhere", "add a `console`")
        for told, missing, fix in (
            ("smtp", not one.people, "name addresses under `people`"),
            ("slack", not (one.people or one.channel), "add `channel` or `people`"),
            ("slack", one.credential is None, "add `credential`, the bot token"),
        ):
            if one.wire == told and missing:
                self.error(place, f"`{name}` could tell nobody", fix)
        for user in one.people:
            if self._users and user not in self._users:
                fix = did_you_mean(user, self._users, "name a user of the entitlements")
                self.error((*place, "people"), f"there is no user `{user}`", fix)

    def console(self) -> None:
        block = self._root.value.console
        if block is None:
            return
        for package in CONSOLE:
            if find_spec(package) is None:
                fix = "pip install 'safeconduct[console]'"
                self.error(("console",), f"{package}, which the console needs, is missing", fix)
        for role, persons in block.roles.items():
            self._persons(("console", "roles", role), persons)
        parts = split(block.url)
        host = None if parts is None else parts.hostname
        place = ("console", "url")
        if listening(block.listen) is None:
            self.error(("console", "listen"), "this is no address and port", "write HOST:PORT")
        if parts is None or parts.path not in ("", "/") or exposed(parts):
            self.error(place, "the console's URL is no origin", "write https://HOST and no path")
        elif host is None or host.replace(".", "").isdigit() or ":" in host:
            self.error(
                place,
                "passkeys belong to a name, and the console's URL has an address",
                "write the name, or http://localhost:PORT for this machine",
            )
        if block.unsafe_visits:
            self._visits(block, host)

    def _visits(self, block: ConsoleBlock, host: str | None) -> None:
        """Who visits signs in nowhere: that stays on this machine, with its throwaway keys."""
        out = "or remove `unsafe_visits`"
        if not self._root.value.gateway.unsafe_dev_identity:
            self.error(
                ("console", "unsafe_visits"),
                "visits are for a gateway that plays all parties itself",
                f"set `gateway.unsafe_dev_identity`, {out}",
            )
        where = listening(block.listen)
        if where is not None and not is_loopback(where[0]):
            self.error(
                ("console", "listen"),
                "visitors could come from beyond this machine",
                f"listen on 127.0.0.1, {out}",
            )
        if host is not None and not is_loopback(host):
            self.error(
                ("console", "url"),
                "visitors could come from beyond this machine",
                f"write http://localhost:PORT, {out}",
            )
