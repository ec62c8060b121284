"""Transmitters of signals: about users who are known here, over what nobody reads on the way."""

from __future__ import annotations

from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, is_reference, split
from safeconduct.config.rules.issuers import issuer_url
from safeconduct.config.shape import did_you_mean


def signals(draft: Draft, report: Report) -> None:
    """A transmitter is known by its issuer, and speaks of the users of an issuer of ours."""
    root = draft.root
    if root is None:
        return
    known = [issuer.issuer for issuer in root.value.users.issuers]
    for name, one in root.value.signals.items():
        place = ("signals", name)
        issuer_url(root, one.issuer, (*place, "issuer"), report)
        users = one.issuer if one.users is None else one.users
        if users not in known:
            report.error(
                root.file,
                (*place, "issuer" if one.users is None else "users"),
                f"`{users}` vouches for no user here",
                did_you_mean(
                    users, known, "write one of `users.issuer` and its `others` as `users`"
                ),
            )
        if one.authorization is not None and not is_reference(one.authorization):
            report.error(
                root.file,
                (*place, "authorization"),
                "the value of `Authorization` is not a reference",
                "write file:PATH or env:NAME, and keep the value out of the configuration",
            )
        parts = None if one.poll is None else split(one.poll.url)
        if one.poll is not None and (parts is None or exposed(parts)):
            report.error(
                root.file,
                (*place, "poll", "url"),
                "signals are fetched over https, and over plain http from this machine alone",
                "write https://...",
            )
