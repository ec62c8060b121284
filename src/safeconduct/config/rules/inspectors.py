"""Inspectors: there is something for each to look for, and what manifests name is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from safeconduct.config.draft import Draft, Part
from safeconduct.config.files import find
from safeconduct.config.inspectors import Documents, External, InspectorsBlock, ReviewerBlock
from safeconduct.config.kinds import EXTERNAL, PII, Known, looked_for
from safeconduct.config.letters import models
from safeconduct.config.problem import Report
from safeconduct.config.rules.address import exposed, is_reference, split
from safeconduct.config.schema import Root
from safeconduct.config.shape import did_you_mean
from safeconduct.core.findings import among, family
from safeconduct.core.manifest import Manifest, ToolManifest
from safeconduct.kit.yaml import Place

PDF_READER: Final = "pypdf"
"""Of the extra `documents`. Found, not loaded: only a process that reads documents loads it."""


LETTER_READERS: Final = {"tesserocr": "ocr", "PIL": "ocr"}
"""Of the extra `ocr`, likewise."""


def inspectors(draft: Draft, report: Report) -> None:
    """Files are there, services can be asked, and no manifest names what nobody looks for."""
    root = draft.root
    if root is None:
        return
    block = root.value.inspectors
    one = _Inspectors(draft.directory, root, report)
    for name, said in block.dictionaries.items():
        place = ("inspectors", "dictionaries", name)
        if said.file is None and not said.patterns:
            one.error(place, f"`{name}` has nothing to look for", "name a `file`, or `patterns`")
        if said.file is not None:
            one.file((*place, "file"), said.file)
    for name, learned in block.matches.items():
        one.file(("inspectors", "matches", name, "file"), learned.file)
    for name, external in block.external.items():
        one.external(("inspectors", "external", name), name, external)
    if block.documents is not None:
        one.documents(block.documents)
    if (second := root.value.reviewer) is not None:
        one.service(("reviewer",), "the reviewer", second)
    one.quarantined(block)
    one.persons(block.pii.kinds)
    named = _Named(looked_for(block), frozenset(block.external), report)
    for part in draft.manifests.values():
        named.manifest(part)


class _Inspectors:
    def __init__(self, directory: Path, root: Part[Root], report: Report) -> None:
        self._directory = directory
        self._root = root
        self._report = report

    def error(self, place: Place, sentence: str, fix: str) -> None:
        self._report.error(self._root.file, place, sentence, fix)

    def file(self, place: Place, name: str) -> None:
        find(self._directory, name, self._report, file=self._root.file, place=place)

    def persons(self, kinds: Sequence[str]) -> None:
        for index, kind in enumerate(kinds):
            if kind not in PII:
                fix = did_you_mean(kind, PII, f"use some of: {', '.join(sorted(PII))}")
                place = ("inspectors", "pii", "kinds", index)
                self.error(place, f"there is no kind of personal data `{kind}`", fix)

    def service(self, place: Place, name: str, said: External | ReviewerBlock) -> None:
        """A service of others can be asked, and what it is told crosses no network in the clear."""
        parts = split(said.url)
        if parts is None or exposed(parts):
            self.error(
                (*place, "url"),
                f"the URL of {name} is not https, or has a user, query or fragment",
                "write https://, host, port and path; http only for this machine",
            )
        if said.credential is not None and not is_reference(said.credential):
            self.error(
                (*place, "credential"),
                f"the credential of {name} is written out, or is no reference",
                "write `file:PATH` or `env:NAME`, never the secret itself",
            )
        if said.ca is not None:
            self.file((*place, "ca"), said.ca)

    def external(self, place: Place, name: str, said: External) -> None:
        self.service(place, f"`{name}`", said)
        if said.wire != "webhook" and said.credential is None:
            self.error(place, f"`{name}` answers nobody without a token", "add `credential`")
        if (said.wire == "purview") != (said.application is not None):
            self.error(
                place,
                f"`application` is the id of this gateway at Purview, and `{name}` is of wire "
                f"`{said.wire}`",
                "add it for `purview`, and leave it out for others",
            )

    def documents(self, said: Documents) -> None:
        """What reads documents, and letters in pictures, is there."""
        place = ("inspectors", "documents")
        needed = {PDF_READER: "documents"} | (LETTER_READERS if said.ocr else {})
        for module, extra in needed.items():
            if find_spec(module) is None:
                sentence = f"{module}, which documents are read with, is not installed"
                self.error(place, sentence, f"pip install 'safeconduct[{extra}]'")
        if said.ocr and models(said.ocr_languages) is None:
            packages = " ".join(
                f"tesseract-ocr-{one.replace('_', '-')}" for one in said.ocr_languages
            )
            self.error(
                (*place, "ocr"),
                f"no directory has Tesseract's models of {', '.join(said.ocr_languages)}",
                f"apt-get install {packages}, or name the directory in TESSDATA_PREFIX",
            )

    def quarantined(self, block: InspectorsBlock) -> None:
        if block.instructions is not None or block.documents is not None:
            return
        for name, upstream in self._root.value.upstreams.items():
            if upstream.instructions == "quarantine":
                self.error(
                    ("upstreams", name, "instructions"),
                    f"nobody looks for instructions in what `{name}` returns",
                    "add `inspectors: {instructions: {}}`",
                )


class _Named:
    """The kinds that manifests name: a misspelt one would refuse, cut and reveal nothing."""

    def __init__(self, known: Known, services: frozenset[str], report: Report) -> None:
        self._known = known
        self._services = services
        self._report = report

    def manifest(self, part: Part[Manifest]) -> None:
        for name, tool in part.value.tools.items():
            # A category without a dot may be the operator's own.
            refused = [one if "." in one else None for one in tool.sink.categories_refused]
            for place, kinds in (
                (("returns", "redact"), tool.returns.redact),
                (("returns", "tokenise"), tool.returns.tokenise),
                (("sink", "reveals"), tool.sink.reveals),
                (("sink", "categories_refused"), refused),
            ):
                for index, kind in enumerate(kinds):
                    if kind is not None:
                        self._kind(part, ("tools", name, *place, index), kind)
            self._revealed(part, name, tool)

    def _kind(self, part: Part[Manifest], place: Place, kind: str) -> None:
        of = family(kind)
        if of not in self._known:
            fix = did_you_mean(of, self._known, "configure what finds it")
        elif of == EXTERNAL and kind.partition(".")[2] in self._services:
            fix = f"write `{EXTERNAL}` for all that others find, or the name that they give it"
        elif (kinds := self._known[of]) is None or kind == of or kind in kinds:
            return
        else:
            fix = did_you_mean(kind, kinds, f"use `{of}`, or some of: {', '.join(sorted(kinds))}")
        self._report.error(part.file, place, f"nothing that is configured finds `{kind}`", fix)

    def _revealed(self, part: Part[Manifest], name: str, tool: ToolManifest) -> None:
        for index, kind in enumerate(tool.sink.reveals):
            if among(kind, tool.sink.categories_refused):
                self._report.error(
                    part.file,
                    ("tools", name, "sink", "reveals", index),
                    f"`{name}` is to get `{kind}`, and refuses it",
                    "take it out of `reveals` or of `categories_refused`",
                )
