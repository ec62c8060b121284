"""What the configuration says is to be looked for, built: one line for each of those that look."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
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
from safeconduct.inspectors.named import Named
from safeconduct.inspectors.pii.inspector import PiiInspector
from safeconduct.inspectors.reviewing.reviewer import ModelReviewer
from safeconduct.inspectors.reviewing.wires import WIRES
from safeconduct.inspectors.scan import Scan
from safeconduct.kit.aside import Aside
from safeconduct.kit.work import MOST, Work, bounded_by
from safeconduct.kit.yaml import Place
from safeconduct.ports import Examiner, Inspector, Matter, Reviewer

Secret = Callable[[str], str]
"""Reads the secret behind a reference. Raises CredentialUnavailable."""


class CannotLook(ValueError):
    """What looks cannot be built. `place` is where in `safeconduct.yaml` it is asked for."""

    def __init__(self, place: Place, sentence: str) -> None:
        super().__init__(f"{'.'.join(map(str, place))}: {sentence}")
        self.place = place
        self.sentence = sentence


class Apart:
    """An inspector that takes too long to keep others waiting (`safeconduct.ports.Examiner`)."""

    def __init__(self, inspector: Inspector, aside: Aside) -> None:
        self._inspector = inspector
        self._aside = aside

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What the inspector finds. Raises TooMuch, TooMany."""
        return await self._aside.run(matter.agent, partial(self._found, value))

    def _found(self, value: object) -> tuple[Finding, ...]:
        with bounded_by(Work(MOST)):
            return self._inspector.inspect(value)


def inspectors(block: InspectorsBlock, directory: Path) -> tuple[Inspector, ...]:
    """Those that are asked about every call and result. `directory` is where files are looked for.

    Raises CannotLook: a file that the configuration names cannot be read, or what is in it or in a
    pattern cannot be used.
    """
    with _asked_at(("inspectors", "pii")):
        personal = PiiInspector(region=block.pii.region, kinds=block.pii.kinds)
    return (
        Scan((*secrets.SHAPES, *prices.SHAPES)),
        personal,
        CodeInspector(),
        *_dictionaries(block, directory),
    )


def _dictionaries(block: InspectorsBlock, directory: Path) -> Iterator[Inspector]:
    for name, said in block.dictionaries.items():
        kind, place = f"{said.family}.{name}", ("inspectors", "dictionaries", name)
        if said.file is not None:
            with _asked_at((*place, "file"), said.file):
                text = _bytes(directory / said.file).decode()
                yield DictionaryInspector(kind, read_terms(text))
        if said.patterns:
            with _asked_at((*place, "patterns")):
                yield Scan(pattern_shapes(kind, said.patterns))


def examiners(
    block: InspectorsBlock, directory: Path, quick: Sequence[Inspector]
) -> tuple[Examiner, ...]:
    """Those of ours that take a while. What documents hold is shown to the `quick` ones too, and to
    who finds instructions and the operator's records.

    Raises: as `inspectors`.
    """
    slow = list[Inspector](_matches(block, directory))
    if block.instructions is not None:
        slow.append(InstructionInspector(block.instructions.above))
    aside = Aside()
    found: list[Examiner] = [Apart(one, aside) for one in slow]
    if (said := block.documents) is not None:
        look = partial(_look, (*quick, *slow))
        with _asked_at(("inspectors", "documents", "ocr")):
            found.append(DocumentExaminer(look, limits(said), aside))
    return tuple(found)


def _matches(block: InspectorsBlock, directory: Path) -> Iterator[Inspector]:
    for name, learned in block.matches.items():
        with _asked_at(("inspectors", "matches", name, "file"), learned.file):
            yield MatchInspector(f"{learned.family}.{name}", _bytes(directory / learned.file))


@contextmanager
def _asked_at(place: Place, file: str = "") -> Generator[None]:
    """Says where in the configuration is asked for what cannot be had."""
    of = f"`{file}`: " if file else ""
    try:
        yield
    except UnicodeDecodeError:
        raise CannotLook(place, f"{of}it is no text in UTF-8") from None
    except OSError as error:
        raise CannotLook(place, f"{of}{error.strerror or 'it cannot be read'}") from error
    except ValueError as error:
        raise CannotLook(place, f"{of}{error}") from error


def _bytes(path: Path) -> bytes:
    """What is in a file. Raises OSError; ValueError: it is none, and may never have an end."""
    if not path.is_file():
        raise ValueError("it is no file")
    return path.read_bytes()


def outside(block: InspectorsBlock, directory: Path, secret: Secret) -> tuple[Examiner, ...]:
    """The inspections that others run. Raises: as `inspectors`."""
    found: list[Examiner] = []
    for name, said in block.external.items():
        with _asked_at(("inspectors", "external", name)):
            found.append(Named(name, _external(directory, said, secret)))
    return tuple(found)


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
    """The second model, if there is one. Raises: as `inspectors`."""
    said = config.root.reviewer
    if said is None:
        return None
    with _asked_at(("reviewer",)):
        return ModelReviewer(
            said.url,
            wire=WIRES[said.wire],
            model=said.model,
            credential=None if said.credential is None else partial(secret, said.credential),
            timeout_ms=said.timeout_ms,
            ca=None if said.ca is None else Path(config.directory) / said.ca,
        )
