"""What is fuzzed: a name, and a function of bytes that raises where something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from fuzz import (
    certificates,
    decisions,
    definitions,
    documents,
    evidence,
    forms,
    issuers,
    opinions,
    policies,
    publications,
    streams,
    texts,
    workload,
)

CORPUS: Final = Path(__file__).parent / "corpus"


class Target(NamedTuple):
    """One of the readers of foreign bytes. `is_json` if most of what it reads are JSON documents,
    so that changes of whole values get further than changes of bytes.
    """

    run: Callable[[bytes], None]
    is_json: bool = False


TARGETS: Final = {
    "strict-json": Target(documents.strict_json, is_json=True),
    "from-client": Target(documents.from_client, is_json=True),
    "from-upstream": Target(documents.from_upstream, is_json=True),
    "local-line": Target(documents.local_line, is_json=True),
    "rebuilt": Target(documents.rebuilt, is_json=True),
    "requests": Target(streams.requests),
    "answers": Target(streams.answers),
    "responses": Target(streams.responses),
    "events": Target(streams.events),
    "lines": Target(streams.lines),
    "origin": Target(texts.origin),
    "sealed": Target(texts.sealed),
    "tokens": Target(texts.tokens),
    "spellings": Target(texts.spellings),
    "mirrored": Target(texts.mirrored),
    "signed-notes": Target(texts.signed_notes),
    "proofs": Target(texts.proofs),
    "traces": Target(texts.traces),
    "workload-requests": Target(workload.requests),
    "workload-calls": Target(workload.calls),
    "evidence": Target(evidence.evidence, is_json=True),
    "certificates": Target(certificates.certificates),
    "questions": Target(decisions.questions, is_json=True),
    "token-requests": Target(forms.token_requests),
    "issued": Target(issuers.issued, is_json=True),
    "server-metadata": Target(issuers.server_metadata, is_json=True),
    "published-keys": Target(publications.keys, is_json=True),
    "bundles": Target(publications.bundle, is_json=True),
    "policy-archives": Target(policies.archives),
    "policy-releases": Target(policies.releases, is_json=True),
    "workload-bundles": Target(publications.workload_bundles),
    "tools": Target(definitions.tools, is_json=True),
    "reviews": Target(opinions.reviews, is_json=True),
    "inspections": Target(opinions.inspections, is_json=True),
}


def seeds(name: str) -> list[bytes]:
    """The hand-written inputs of a target, in the order of their names."""
    return [file.read_bytes() for file in sorted((CORPUS / name).iterdir())]
