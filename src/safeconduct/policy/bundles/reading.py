"""A policy bundle: files read once, checked for form, and named by the digest of their content.

    policy.yaml           name, engine, entrypoint
    rules/**.rego         the rules; for Cedar rules/**.cedar and schema.cedarschema
    lib/**.rego           what rules share; optional
    data/<name>.json|yaml what the rules see as `data.<name>`; optional
    masks.yaml            what a record hides of the policy input; optional
    release.json, .manifest, .signatures.json   what a signer says of all that; optional

Anything else in it is refused, so that a misspelt file is not a rule that silently does not apply.
Skipped are `tests/`, `README.md`, and in a directory other names that begin with a dot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec
import orjson

from safeconduct.core.masks import Mask
from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.folder import files_in
from safeconduct.policy.bundles.header import FILE, RESERVED, Header, read_header
from safeconduct.policy.bundles.masks import read_masks
from safeconduct.policy.bundles.release import Release, read_release
from safeconduct.policy.cedar.text import check_text as check_cedar
from safeconduct.policy.contract import Contract
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.text import check_text as check_rego
from safeconduct.policy.versions import engine_name

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_RULES: Final = frozenset({".rego", ".cedar"})
_ENGINES: Final[Mapping[str, tuple[str, Callable[[str, str], None]]]] = {
    "rego": (".rego", check_rego),
    "cedar": (".cedar", check_cedar),
}
"""How the names of an engine's rule files end, and what looks at their text before its parser."""


class RuleFile(msgspec.Struct, frozen=True):
    """A file of rules; `path` is relative to the bundle."""

    path: str
    text: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What decides, and nothing that is not read from the bundle again.

    `data` is one JSON object; `schema` is the text of a file. `digest` names the content
    (`layout.digest_of`), whatever it came in.
    """

    header: Header
    rules: tuple[RuleFile, ...]
    data: str
    digest: str
    schema: str | None = None
    masks: tuple[Mask, ...] = ()
    release: Release | None = None

    @property
    def contract(self) -> Contract:
        """What the header says of the rules."""
        return Contract(
            digest=self.digest,
            engine=engine_name(self.header.engine),
            log_only=frozenset(
                identity for identity, mode in self.header.modes.items() if mode == "log_only"
            ),
            masks=self.masks,
            obligations={name: one.demands for name, one in self.header.obligations.items()},
        )


def read(directory: Path) -> Bundle:
    """Read the bundle in a directory.

    Raises:
        PolicyRefused: a file is missing, unknown, too large or malformed.
    """
    return assemble(files_in(directory))


def assemble(files: Mapping[str, bytes]) -> Bundle:
    """Read a bundle from its files, by their path in it.

    Raises:
        PolicyRefused: a file is missing, unknown, too large or malformed.
    """
    layout.bounded(files)
    if FILE not in files:
        raise PolicyRefused(
            "there is no such file",
            file=FILE,
            fix="write `name`, `engine: rego` and `entrypoint` (a package) into it",
        )
    header = read_header(layout.text_of(files[FILE], FILE))
    content = layout.content_of(files)
    rules = tuple(_rules(content, header.engine))
    if not rules and not header.is_remote:
        raise PolicyRefused(
            "no rule file, so every call would be refused", file="rules", fix="add a rule file"
        )
    data = content.get(layout.DATA, b"{}").decode()
    _check_names(data, header, files)
    digest = layout.digest_of(content)
    released = files.get(layout.RELEASE)
    return Bundle(
        header=header,
        rules=rules,
        data=data,
        digest=digest,
        schema=_optional(content, layout.SCHEMA),
        masks=read_masks(layout.text_of(content[layout.MASKS], layout.MASKS))
        if layout.MASKS in content
        else (),
        release=None if released is None else read_release(released),
    )


def _rules(content: Mapping[str, bytes], engine: str) -> Iterator[RuleFile]:
    suffix, check = _ENGINES.get(engine, (None, None))
    for path in sorted(content):
        found = PurePosixPath(path).suffix
        if found not in _RULES:
            continue
        if found != suffix or check is None:
            fix = f"keep files ending in {suffix} in rules/" if suffix else "remove them here"
            raise PolicyRefused(
                f"rules that the engine `{engine}` does not read, so they would count for nothing",
                file=path,
                fix=fix,
            )
        text = layout.text_of(content[path], path)
        check(text, path)
        yield RuleFile(path, text)


def _check_names(data: str, header: Header, files: Mapping[str, bytes]) -> None:
    # Data below the entrypoint would answer beside the rules that a reviewer reads.
    taken = {header.entrypoint.split(".")[0], RESERVED}
    for name in orjson.loads(data):
        if not _NAME.fullmatch(name) or name in taken:
            raise PolicyRefused(
                "this name would not be data of its own",
                file=layout.data_file(files, name),
                fix="use lower-case letters, digits and _, and not the name of a package",
            )


def _optional(content: Mapping[str, bytes], path: str) -> str | None:
    return layout.text_of(content[path], path) if path in content else None
