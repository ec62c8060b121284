"""The gateway itself and the issuers it believes: addresses, and what must not meet the network."""

from __future__ import annotations

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, is_loopback, listening, split
from safeconduct.config.schema import Root
from safeconduct.kit.yaml import Place

_SERVE_TLS = "write https://..., and let what terminates TLS stand before the gateway"


def gateway(draft: Draft, report: Report) -> None:
    """Issuers are https unless they stay on this machine; a development identity stays there."""
    root = draft.root
    if root is None:
        return
    block = root.value.gateway
    _issuer(root, block.issuer, ("gateway", "issuer"), report)
    _issuer(root, root.value.users.issuer, ("users", "issuer"), report)
    _listen(root, report)
    if not block.tenant.strip():
        report.error(root.file, ("gateway", "tenant"), "the tenant is empty", "write its name")
    if root.value.users.audience.strip() in {"", "*"}:
        report.error(
            root.file,
            ("users", "audience"),
            "the users' tokens have no audience: a token made for any other service would do",
            "write the one audience that users' tokens must carry",
        )
    for index, origin in enumerate(block.allowed_origins):
        parts = split(origin)
        if parts is None or parts.path:
            report.error(
                root.file,
                ("gateway", "allowed_origins", index),
                f"`{origin}` is not an origin",
                "write scheme, host and port alone: https://crm.example",
            )


def _issuer(root: Part[Root], issuer: str, place: Place, report: Report) -> None:
    parts = split(issuer)
    if parts is None:
        report.error(
            root.file,
            place,
            "the issuer is not an http(s) URL without query and fragment",
            "write scheme, host and port: https://gateway.example",
        )
    elif exposed(parts):
        report.error(root.file, place, "the issuer is plain http beyond this machine", _SERVE_TLS)


def _listen(root: Part[Root], report: Report) -> None:
    block = root.value.gateway
    place = ("gateway", "listen")
    where = listening(block.listen)
    if where is None:
        report.error(root.file, place, "`listen` is not host:port", "write 127.0.0.1:8700")
        return
    if is_loopback(where[0]):
        return
    if block.unsafe_dev_identity:
        report.error(
            root.file,
            place,
            "the development identity would be reachable beyond this machine",
            "listen on 127.0.0.1, or remove `unsafe_dev_identity`",
        )
    if block.issuer.startswith("http:"):
        report.error(
            root.file,
            place,
            "the gateway would speak plain http beyond this machine",
            "listen on 127.0.0.1, or make the issuer https",
        )
