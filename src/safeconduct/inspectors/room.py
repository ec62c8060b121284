"""What the configuration says is to be looked for, built: one line for each of those that look."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from safeconduct.config.inspectors import Documents, External, InspectorsBlock
from safeconduct.config.letters import models
from safeconduct.config.schema import Config
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Finding
from safeconduct.inspectors import prices, secrets
from safeconduct.inspectors.code import CodeInspector
from safeconduct.inspectors.dictionaries import DictionaryInspector, pattern_shapes, read_terms
from safeconduct.inspectors.documents.examining import DocumentExaminer
from safeconduct.inspectors.documents.limits import Limits
from safeconduct.inspectors.external.purview import Purview
from safeconduct.inspectors.external.shield import Shield
from safeconduct.inspectors.external.webhook import Webhook
from safeconduct.inspectors.instructions.inspector import InstructionInspector
from safeconduct.inspectors.matches import MatchInspector
from safeconduct.inspectors.pii.inspector import PiiInspector
from safeconduct.inspectors.reviewing.reviewer import ModelReviewer
from safeconduct.inspectors.reviewing.wires import WIRES
from safeconduct.inspectors.scan import Scan
from safeconduct.ports import Examiner, Inspector, Matter, Reviewer

Secret = Callable[[str], str]
"""Reads the secret behind a reference. Raises CredentialUnavailable."""


class Apart:
    """An inspector that takes too long to keep others waiting (`safeconduct.ports.Examiner`)."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What the inspector finds, in a thread of its own."""
        del matter
        return await asyncio.to_thread(self._inspector.inspect, value)


def inspectors(block: InspectorsBlock, directory: Path) -> tuple[Inspector, ...]:
    """Those that are asked about every call and result. `directory` is where files are looked for.

    Raises:
        OSError: a file that the configuration names cannot be read.
        ValueError: what is in it cannot be used.
    """
    return (
        Scan((*secrets.SHAPES, *prices.SHAPES)),
        PiiInspector(region=block.pii.region, kinds=block.pii.kinds),
        CodeInspector(),
        *_dictionaries(block, directory),
    )


def _dictionaries(block: InspectorsBlock, directory: Path) -> Iterator[Inspector]:
    for name, said in block.dictionaries.items():
        kind = f"{said.family}.{name}"
        if said.file is not None:
            text = (directory / said.file).read_text(encoding="utf-8")
            yield DictionaryInspector(kind, read_terms(text))
        if said.patterns:
            yield Scan(pattern_shapes(kind, said.patterns))


def examiners(
    block: InspectorsBlock, directory: Path, quick: Sequence[Inspector]
) -> tuple[Examiner, ...]:
    """Those of ours that take a while. What documents hold is shown to the `quick` ones too, and to
    who finds instructions and the operator's records.

    Raises: as `inspectors`.
    """
    slow: list[Inspector] = [
        MatchInspector(f"{learned.family}.{name}", (directory / learned.file).read_bytes())
        for name, learned in block.matches.items()
    ]
    if block.instructions is not None:
        slow.append(InstructionInspector(block.instructions.above))
    found: list[Examiner] = [Apart(one) for one in slow]
    if (said := block.documents) is not None:
        found.append(DocumentExaminer(partial(_look, (*quick, *slow)), limits(said)))
    return tuple(found)


def outside(block: InspectorsBlock, directory: Path, secret: Secret) -> tuple[Examiner, ...]:
    """The inspections that others run. Raises: as `inspectors`."""
    return tuple([_external(directory, one, secret) for one in block.external.values()])


def limits(said: Documents) -> Limits:
    """What one document may take. Raises ValueError: the letters in it cannot be read."""
    if not said.ocr:
        return Limits(max_bytes=said.max_bytes, wall_s=float(said.timeout_s))
    directory = models(said.ocr_languages)
    if directory is None:
        raise ValueError(f"no models of {', '.join(said.ocr_languages)} to read letters with")
    return Limits(
        max_bytes=said.max_bytes,
        wall_s=float(said.timeout_s),
        # A page takes seconds, and who waits for it says how long.
        cpu_s=max(Limits().cpu_s, said.timeout_s),
        languages=said.ocr_languages,
        models=f"{directory}/",
    )


def _look(looking: Sequence[Inspector], texts: Sequence[str]) -> list[Finding]:
    return [finding for one in looking for finding in one.inspect(list(texts))]


def _external(directory: Path, said: External, secret: Secret) -> Examiner:
    effects = [Effect(name) for name in said.when]
    ca = None if said.ca is None else directory / said.ca
    known = partial(secret, said.credential or "")
    match said.wire:
        case "webhook":
            return Webhook(
                said.url,
                effects=effects,
                credential=None if said.credential is None else known,
                timeout_ms=said.timeout_ms,
                ca=ca,
            )
        case "purview":
            return Purview(
                said.url,
                application=said.application or "",
                effects=effects,
                credential=known,
                timeout_ms=said.timeout_ms,
                ca=ca,
            )
        case "shield":
            return Shield(
                said.url, effects=effects, credential=known, timeout_ms=said.timeout_ms, ca=ca
            )


def reviewer(config: Config, secret: Secret) -> Reviewer | None:
    """The second model, if there is one. Raises ValueError, OSError: as `ModelReviewer`."""
    said = config.root.reviewer
    if said is None:
        return None
    return ModelReviewer(
        said.url,
        wire=WIRES[said.wire],
        model=said.model,
        credential=None if said.credential is None else partial(secret, said.credential),
        timeout_ms=said.timeout_ms,
        ca=None if said.ca is None else Path(config.directory) / said.ca,
    )
