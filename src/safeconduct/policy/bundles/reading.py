"""A policy bundle: a directory read once, checked for form, and named by its digest.

    policy.yaml      name, engine, entrypoint
    rules/**.rego    the rules
    lib/**.rego      what rules share
    data/<name>.json what the rules see as `data.<name>`; optional
    masks.yaml       what a record hides of the policy input; optional

Anything else in it is refused, so that a misspelt file is not a rule that silently does not apply.
Names that begin with a dot are skipped, as are `tests/` and `README.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.core.canonical import canonical
from safeconduct.kit import strictjson
from safeconduct.policy.bundles.header import FILE, RESERVED, Header, read_header
from safeconduct.policy.contract import Contract
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.text import check_text

MAX_FILES: Final = 256
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_BUNDLE_BYTES: Final = 8 * 1024 * 1024

MASKS: Final = "masks.yaml"

_RULES: Final = frozenset({"rules", "lib"})
_SINGLE: Final = frozenset({FILE, MASKS})
_SKIPPED: Final = frozenset({"README.md", "tests"})
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_FILE: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class RuleFile(msgspec.Struct, frozen=True):
    """A file of rules; `path` is relative to the bundle."""

    path: str
    text: str


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What decides, and nothing that is not read from the bundle again.

    `data` is one JSON object, `masks` the text of `masks.yaml`. `digest` is the lower-case
    hexadecimal SHA-256 of the canonical JSON object that maps each file's path to the SHA-256 of
    its bytes.
    """

    header: Header
    rules: tuple[RuleFile, ...]
    data: str
    digest: str
    masks: str | None = None

    @property
    def contract(self) -> Contract:
        """What the header says of the rules."""
        return Contract(
            digest=self.digest,
            log_only=frozenset(
                identity for identity, mode in self.header.modes.items() if mode == "log_only"
            ),
            obligations={name: one.demands for name, one in self.header.obligations.items()},
        )


def read(directory: Path) -> Bundle:
    """Read a bundle.

    Raises:
        PolicyRefused: a file is missing, unknown, too large or malformed.
    """
    files: dict[str, bytes] = {}
    size = 0
    for path in _paths(directory):
        name = path.relative_to(directory).as_posix()
        files[name] = _bytes(path, name)
        size += len(files[name])
        if len(files) > MAX_FILES or size > MAX_BUNDLE_BYTES:
            raise PolicyRefused(
                f"the bundle has more than {MAX_FILES} files or {MAX_BUNDLE_BYTES} bytes",
                file=name,
                fix="keep large tables in a resolver's system of record",
            )
    if FILE not in files:
        raise PolicyRefused(
            "there is no such file",
            file=FILE,
            fix="write `name`, `engine: rego` and `entrypoint` (a package) into it",
        )
    header = read_header(_text(files[FILE], FILE))
    rules = tuple(_rules(name, files[name]) for name in sorted(files) if name.endswith(".rego"))
    if not rules:
        raise PolicyRefused(
            "no rule file, so every call would be refused", file="rules", fix="add a .rego file"
        )
    data = {
        _data_name(name, header): _data(name, files[name])
        for name in sorted(files)
        if name.endswith(".json")
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return Bundle(
        header=header,
        rules=rules,
        data=canonical(data).decode(),
        digest=hashlib.sha256(canonical(digests)).hexdigest(),
        masks=_text(files[MASKS], MASKS) if MASKS in files else None,
    )


def _paths(directory: Path) -> Iterator[Path]:
    for path in _entries(directory, directory):
        if path.name in _SKIPPED:
            continue
        if path.name in _RULES:
            yield from _below(path, directory)
        elif path.name == "data":
            for entry in _entries(path, directory):
                _expect(entry, directory, ".json", path.name)
                yield entry
        elif path.name in _SINGLE:
            yield path
        else:
            raise PolicyRefused(
                "this does not belong to a bundle",
                file=path.name,
                fix=f"keep {FILE}, rules/, lib/, data/, tests/, {MASKS} and README.md only",
            )


def _below(folder: Path, directory: Path) -> Iterator[Path]:
    for path in _entries(folder, directory):
        if path.is_dir():
            # A link to a folder could lead back up, for ever.
            if path.is_symlink():
                _misplaced(path, directory, "a link to a folder", "put the files here")
            yield from _below(path, directory)
        else:
            _expect(path, directory, ".rego", "rules")
            yield path


def _expect(path: Path, directory: Path, suffix: str, folder: str) -> None:
    if path.suffix != suffix or not path.is_file():
        fix = f"keep files ending in {suffix} in {folder}/"
        _misplaced(path, directory, f"not a {suffix} file, so it would count for nothing", fix)
    if not _FILE.fullmatch(path.name):
        fix = "use ASCII letters, digits, `.`, `_` and `-`"
        _misplaced(path, directory, "a file name that records cannot show", fix)


def _misplaced(path: Path, directory: Path, sentence: str, fix: str) -> None:
    raise PolicyRefused(sentence, file=path.relative_to(directory).as_posix(), fix=fix)


def _entries(folder: Path, directory: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        name = folder.relative_to(directory).as_posix()
        raise PolicyRefused(
            f"the folder cannot be read: {error.strerror}",
            file=name,
            fix="check the path of the bundle and its permissions",
        ) from None


def _bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise PolicyRefused(
            f"the file cannot be read: {error.strerror}", file=name, fix="check its permissions"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise PolicyRefused(
            f"the file is larger than {MAX_FILE_BYTES} bytes", file=name, fix="split it"
        )
    return content


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyRefused("not UTF-8", file=name, line=line, fix="save it as UTF-8") from None


def _rules(name: str, content: bytes) -> RuleFile:
    text = _text(content, name)
    check_text(text, name)
    return RuleFile(name, text)


def _data_name(name: str, header: Header) -> str:
    stem = name.removeprefix("data/").removesuffix(".json")
    # Data below the entrypoint would answer beside the rules that a reviewer reads.
    if not _NAME.fullmatch(stem) or stem in {header.entrypoint.split(".")[0], RESERVED}:
        raise PolicyRefused(
            "this name would not be data of its own",
            file=name,
            fix="use lower-case letters, digits and _, and not the name of a package",
        )
    return stem


def _data(name: str, content: bytes) -> object:
    try:
        return strictjson.loads(content, max_bytes=MAX_FILE_BYTES)
    except strictjson.StrictJSONError as error:
        raise PolicyRefused(
            str(error), file=name, fix="write JSON that every reader understands alike"
        ) from None
