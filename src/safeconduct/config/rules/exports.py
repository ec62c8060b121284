"""Exports of the log: to whom nobody listens on the way, with secrets that are elsewhere."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from safeconduct.config.audit import Export
from safeconduct.config.draft import Draft
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import is_loopback, is_reference, split

_CREDENTIALED: Final = frozenset({"splunk", "datadog"})
"""Kinds that take nothing from whom they do not know."""

_ONLY: Final = {"signing_key": "cloudevents", "data_stream": "elastic"}


def exports(draft: Draft, report: Report) -> None:
    """Every export has an address of its kind, and what it needs there."""
    root = draft.root
    if root is None:
        return
    for name, one in root.value.audit.exports.items():
        place = ("audit", "exports", name)
        for key, sentence, fix in faults(one):
            report.error(root.file, (*place, key), sentence, fix)


def faults(one: Export) -> list[tuple[str, str, str]]:
    """What is wrong with an export: the key, a sentence, and how to mend it."""
    parts = _address(one)
    found: list[tuple[str, str, str]] = []
    if parts is None:
        form = "tls://host:port" if one.kind == "syslog" else "https://host"
        found.append(("url", f"an export of kind {one.kind} does not go there", f"write {form}"))
    elif not one.unsafe_plaintext and _readable(parts):
        found.append(
            (
                "url",
                "records would cross the network in plain text",
                "use https (or tls), or set `unsafe_plaintext: true`",
            )
        )
    for key in ("credential", "signing_key"):
        value = getattr(one, key)
        if value is not None and not is_reference(value):
            fix = "write file:PATH or env:NAME, and keep the value out of the configuration"
            found.append((key, f"`{key}` is not a reference", fix))
    if one.kind in _CREDENTIALED and one.credential is None:
        fix = "add `credential: file:PATH`"
        found.append(("kind", f"an export of kind {one.kind} needs a credential", fix))
    if one.kind == "syslog" and one.credential is not None:
        found.append(("credential", "syslog carries no credential", "remove `credential`"))
    for key, kind in _ONLY.items():
        if getattr(one, key) is not None and one.kind != kind:
            found.append((key, f"`{key}` is for kind {kind}", f"remove `{key}`"))
    if not one.batched and one.kind != "cloudevents":
        found.append(("batched", "`batched` is for kind cloudevents", "remove `batched`"))
    return found


def _address(one: Export) -> SplitResult | None:
    if one.kind != "syslog":
        return split(one.url)
    try:
        parts = urlsplit(one.url)
        named = parts.hostname and parts.port
    except ValueError:
        return None
    bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts if parts.scheme in {"tls", "tcp"} and named and bare else None


def _readable(parts: SplitResult) -> bool:
    """Whether what is sent there can be read on the way."""
    return parts.scheme in {"http", "tcp"} and not is_loopback(parts.hostname)
