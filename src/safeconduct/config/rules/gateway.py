"""The gateway itself: addresses, and what must not meet the network."""

from __future__ import annotations

from safeconduct.config.draft import Draft, Part
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import is_loopback, listening, split
from safeconduct.config.rules.issuers import issuer_url
from safeconduct.config.schema import Root


def gateway(draft: Draft, report: Report) -> None:
    """Its issuer is https unless it stays on this machine; a development identity stays there."""
    root = draft.root
    if root is None:
        return
    block = root.value.gateway
    issuer_url(root, block.issuer, ("gateway", "issuer"), report)
    _listen(root, report)
    if not block.tenant.strip():
        report.error(root.file, ("gateway", "tenant"), "the tenant is empty", "write its name")
    for index, origin in enumerate(block.allowed_origins):
        parts = split(origin)
        if parts is None or parts.path:
            report.error(
                root.file,
                ("gateway", "allowed_origins", index),
                f"`{origin}` is not an origin",
                "write scheme, host and port alone: https://crm.example",
            )


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
