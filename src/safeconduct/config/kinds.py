"""What there is to be found: the kinds of findings that a manifest may name, by family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from safeconduct.config.inspectors import InspectorsBlock
from safeconduct.core.findings import HIDDEN, INSTRUCTION, SECRET, family

EXTERNAL: Final = "external"

PII: Final = frozenset(
    f"pii.{name}"
    for name in (
        "birthdate", "card", "email", "iban", "ip", "licence", "mac", "national-id", "passport",
        "phone", "ssn", "vat",
    )
)  # fmt: skip
PII_OFF: Final = frozenset({"pii.ip", "pii.mac"})
"""Kinds of personal data that are looked for only where `inspectors.pii.kinds` names them."""

CODE: Final = frozenset(
    f"code.{name}"
    for name in (
        "c", "css", "go", "html", "java", "javascript", "lua", "perl", "php", "python", "ruby",
        "rust", "shell", "sql", "tcl",
    )
)  # fmt: skip
INSTRUCTIONS: Final = frozenset(
    f"{INSTRUCTION}.{name}" for name in ("hidden", "model", "override", "role", "tool", "unread")
)

Known = Mapping[str, frozenset[str] | None]
"""By family its kinds; None where any name may be one."""

ALWAYS: Final = frozenset({SECRET, "code", "pii", "pricing"})
"""The families that are looked for without being configured."""


def looked_for(block: InspectorsBlock) -> Known:
    """All that is found with this configuration. Any name may be a kind of credential, as those
    are refused and cut whatever a manifest says, and of what others find, as they name it.
    """
    found = {"pricing.amount", *CODE, *(block.pii.kinds or PII - PII_OFF), *_own(block)}
    if block.instructions is not None or block.documents is not None:
        found |= INSTRUCTIONS
    if block.documents is not None:
        found.add(HIDDEN)
    known: dict[str, frozenset[str] | None] = {}
    for kind in found:
        known[family(kind)] = (known.get(family(kind)) or frozenset()) | {kind}
    return known | {SECRET: None} | ({EXTERNAL: None} if block.external else {})


def _own(block: InspectorsBlock) -> Iterator[str]:
    yield from (f"{said.family}.{name}" for name, said in block.dictionaries.items())
    yield from (f"{said.family}.{name}" for name, said in block.matches.items())
