"""Programs that people sign in with: which agent each is, and where people are sent back to."""

from __future__ import annotations

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import is_loopback, is_reference, split
from safeconduct.config.schema import Root
from safeconduct.config.shape import did_you_mean
from safeconduct.kit.yaml import Place


def clients(draft: Draft, report: Report) -> None:
    """A program is an assigned agent, and a code for it cannot get into other hands."""
    root = draft.root
    if root is None:
        return
    users = root.value.users
    if root.value.clients and users.login is None:
        report.error(
            root.file,
            ("clients",),
            "programs sign people in, and there is no `login` under `users`",
            "add it: how people sign in at the issuer of users",
        )
    secret = None if users.login is None else users.login.secret
    if secret is not None and not is_reference(secret):
        report.error(
            root.file,
            ("users", "login", "secret"),
            "the client's secret is not a reference",
            "write file:PATH or env:NAME, and keep the secret out of the configuration",
        )
    for client_id, one in root.value.clients.items():
        place = ("clients", client_id)
        _agent(root, one.agent, one.profile, place, report)
        parts = split(client_id)
        if not one.redirect_uris and (parts is None or parts.scheme != "https" or not parts.path):
            report.error(
                root.file,
                place,
                "there are no `redirect_uris`, and the id is not the URL of a metadata document",
                "add them, or name the program by the https URL of its document",
            )
        for index, uri in enumerate(one.redirect_uris):
            _redirect(root, uri, (*place, "redirect_uris", index), report)


def _agent(root: Part[Root], agent: str, profile: str, place: Place, report: Report) -> None:
    assigned = root.value.assignments.get(agent)
    if assigned is None:
        report.error(
            root.file,
            (*place, "agent"),
            f"no agent `{agent}` is assigned",
            did_you_mean(agent, root.value.assignments, "add it under `assignments`"),
        )
    elif profile not in assigned.profiles:
        report.error(
            root.file,
            (*place, "profile"),
            f"the agent is not assigned the profile `{profile}`",
            did_you_mean(profile, assigned.profiles, "add it to the agent's `profiles`"),
        )


def _redirect(root: Part[Root], uri: str, place: Place, report: Report) -> None:
    parts = split(uri.partition("?")[0])
    if parts is None or "#" in uri or (parts.scheme == "http" and not is_loopback(parts.hostname)):
        report.error(
            root.file,
            place,
            "a code sent there could get into other hands",
            "write an https URL, or http://127.0.0.1/... for a program on the person's machine",
        )
