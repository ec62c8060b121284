"""Those who are believed: where their keys are, and for whom each of them vouches."""

from __future__ import annotations

from collections.abc import Iterator

from safeconduct.config.draft import Draft, Part
from safeconduct.config.keys import is_url
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, split
from safeconduct.config.schema import Root
from safeconduct.config.shape import did_you_mean
from safeconduct.config.trust import Trust
from safeconduct.config.users import UserIssuer
from safeconduct.kit.yaml import Place


def issuers(draft: Draft, report: Report) -> None:
    """Keys come over https, tokens are for one audience, and a user has one issuer."""
    root = draft.root
    if root is None:
        return
    for place, where in _keys(root.value):
        _fetchable(root, (place, where), report)
    for domain, trust in root.value.trust.items():
        _trust(root, domain, trust, report)
    _users(root, report)
    _entries(draft, root, report)


def _trust(root: Part[Root], domain: str, trust: Trust, report: Report) -> None:
    if [trust.jwks, trust.bundle, trust.workload_api].count(None) != 2:
        report.error(
            root.file,
            ("trust", domain),
            f"`{domain}` has not exactly one of `jwks`, `bundle` and `workload_api`",
            "write `jwks:` for keys of JWT-SVIDs, `bundle:` for a SPIFFE bundle, or "
            "`workload_api:` for a socket",
        )
    elif trust.workload_api is not None and not trust.workload_api.startswith("unix:///"):
        report.error(
            root.file,
            ("trust", domain, "workload_api"),
            f"`{trust.workload_api}` is not the absolute path of a socket",
            "write unix:///run/spire/sockets/agent.sock",
        )


def issuer_url(root: Part[Root], issuer: str, place: Place, report: Report) -> None:
    """An issuer is a plain URL, and https unless it stays on this machine."""
    parts = split(issuer)
    if parts is None:
        report.error(
            root.file,
            place,
            "the issuer is not an http(s) URL without query and fragment",
            "write scheme, host and port: https://gateway.example",
        )
    elif exposed(parts):
        report.error(
            root.file,
            place,
            "the issuer is plain http beyond this machine",
            "write https://..., and add `tls`, or let what terminates TLS stand in front",
        )


def _keys(root: Root) -> Iterator[tuple[Place, str | None]]:
    for domain, trust in root.trust.items():
        yield ("trust", domain, "jwks"), trust.jwks
        yield ("trust", domain, "bundle"), trust.bundle
    for place, issuer in _places(root):
        yield (*place, "jwks"), issuer.jwks
    for name, reference in root.front_ends.items():
        yield ("front_ends", name, "jwks"), reference.jwks
    for user, reference in root.user_devices.items():
        yield ("user_devices", user, "jwks"), reference.jwks
    for name, reference in root.signals.items():
        yield ("signals", name, "jwks"), reference.jwks
    for name, cluster in root.attestors.kubernetes_sa.items():
        yield ("attestors", "kubernetes-sa", name, "jwks"), cluster.jwks
    for name, pool in root.attestors.workload_identity_pool.items():
        yield ("attestors", "workload-identity-pool", name, "jwks"), pool.jwks


def _fetchable(root: Part[Root], at: tuple[Place, str | None], report: Report) -> None:
    place, where = at
    if where is None or not is_url(where):
        return
    parts = split(where)
    if parts is None or exposed(parts):
        report.error(
            root.file,
            place,
            "keys are fetched over https, and over plain http from this machine alone",
            "write https://..., or the path of a file",
        )


def _places(root: Root) -> Iterator[tuple[Place, UserIssuer]]:
    yield ("users",), root.users
    for index, issuer in enumerate(root.users.others):
        yield ("users", "others", index), issuer


def _users(root: Part[Root], report: Report) -> None:
    seen = set[str]()
    for place, issuer in _places(root.value):
        issuer_url(root, issuer.issuer, (*place, "issuer"), report)
        if issuer.issuer in seen:
            report.error(
                root.file,
                (*place, "issuer"),
                f"`{issuer.issuer}` is named twice",
                "let one entry say all that holds for an issuer",
            )
        seen.add(issuer.issuer)
        if issuer.audience.strip() in {"", "*"}:
            report.error(
                root.file,
                (*place, "audience"),
                "the users' tokens have no audience: a token made for any other service would do",
                "write the one audience that users' tokens must carry",
            )


def _entries(draft: Draft, root: Part[Root], report: Report) -> None:
    known = [issuer.issuer for issuer in root.value.users.issuers]
    called: dict[tuple[str, str], str] = {}
    for part in draft.users:
        for user, entry in part.value.users.items():
            issuer = entry.issuer or root.value.users.issuer
            if issuer not in known:
                report.error(
                    part.file,
                    ("users", user, "issuer"),
                    f"nobody knows the issuer `{issuer}`",
                    did_you_mean(issuer, known, f"describe it under `users:` in {root.file.name}"),
                )
            other = called.setdefault((issuer, entry.subject or user), user)
            if other != user:
                report.error(
                    part.file,
                    ("users", user),
                    f"`{user}` is the same at its issuer as `{other}`",
                    "give each user a `subject` of their own",
                )
