"""Which files make a bundle, and how large they may be. It is the same wherever they come from.

A source hands over *files*, by their path in the bundle, as somebody wrote them. Their *content* is
what decides and what is released: the same, but for data, which is one file there, `data.json`, in
its canonical form. So a folder, a commit and an archive of one policy have one digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, cast

from safeconduct.core.canonical import canonical
from safeconduct.kit import strictjson, yaml
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.refusal import PolicyRefused

MAX_FILES: Final = 256
MAX_FILE_BYTES: Final = 1024 * 1024
MAX_BUNDLE_BYTES: Final = 8 * 1024 * 1024

MAX_PATH: Final = 100
"""What every reader of tar archives finds in one piece."""

MASKS: Final = "masks.yaml"
SCHEMA: Final = "schema.cedarschema"
RELEASE: Final = "release.json"
MANIFEST: Final = ".manifest"
SIGNATURES: Final = ".signatures.json"
DATA: Final = "data.json"

FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rules": (".rego", ".cedar"),
    "lib": (".rego",),
    "data": (".json", ".yaml"),
}
"""The folders that are read, and how the names of files in each end."""

SKIPPED: Final = frozenset({"README.md", "tests"})
"""What lies beside the bundle and does not decide."""

_SINGLE: Final = frozenset({FILE, MASKS, SCHEMA, RELEASE, MANIFEST, SIGNATURES, DATA})
ABOUT: Final = frozenset({RELEASE, MANIFEST, SIGNATURES})
"""What is said about the content, and so no part of its digest."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def counts(path: str) -> bool:
    """Whether a file belongs to the bundle; False for one that lies beside it.

    Raises:
        PolicyRefused: neither, so that a misspelt file is not a rule that silently does not apply.
    """
    top, *rest = path.split("/")
    if top in SKIPPED or path in _SINGLE:
        return path in _SINGLE
    endings = FOLDERS.get(top)
    if endings is None or not rest:
        raise PolicyRefused(
            "this does not belong to a bundle",
            file=path,
            fix=f"keep {FILE}, rules/, lib/, data/, tests/, {MASKS}, {SCHEMA} and README.md only",
        )
    if not all(_NAME.fullmatch(part) for part in rest) or len(path) > MAX_PATH:
        raise PolicyRefused(
            "a file name that records cannot show",
            file=path,
            fix=f"use ASCII letters, digits, `.`, `_` and `-`, at most {MAX_PATH} in a path",
        )
    if PurePosixPath(path).suffix not in endings or (top == "data" and len(rest) > 1):
        raise PolicyRefused(
            f"not a {' or '.join(endings)} file of {top}/, so it would count for nothing",
            file=path,
            fix=f"keep files ending in {' or '.join(endings)} in {top}/",
        )
    return True


def room(path: str) -> int:
    """How large a file may be, in bytes: where all data is one file, it has the room of many."""
    return MAX_BUNDLE_BYTES if path == DATA else MAX_FILE_BYTES


def bounded(files: Mapping[str, bytes]) -> None:
    """Refuse more than a bundle may hold. Raises PolicyRefused."""
    for path, content in files.items():
        if len(content) > room(path):
            raise PolicyRefused(
                f"the file is larger than {room(path)} bytes", file=path, fix="split it"
            )
    if len(files) > MAX_FILES or sum(map(len, files.values())) > MAX_BUNDLE_BYTES:
        raise PolicyRefused(
            f"the bundle has more than {MAX_FILES} files or {MAX_BUNDLE_BYTES} bytes",
            file=FILE,
            fix="keep large tables in a resolver's system of record",
        )


def content_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The content of these files, without what is said about it.

    Raises:
        PolicyRefused: data that readers understand differently, or that stands there twice.
    """
    found = {
        path: content
        for path, content in files.items()
        if path not in ABOUT and path != DATA and not path.startswith("data/")
    }
    data = _data(files)
    return {**found, DATA: canonical(data)} if data else found


def released_of(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The content, and what is said about it. Raises PolicyRefused."""
    about = {path: content for path, content in files.items() if path in ABOUT}
    return {**content_of(files), **about}


def digest_of(content: Mapping[str, bytes]) -> str:
    """The lower-case hexadecimal SHA-256 of the canonical JSON object that maps each path to the
    SHA-256 of its bytes.
    """
    hashes = {path: hashlib.sha256(one).hexdigest() for path, one in content.items()}
    return hashlib.sha256(canonical(hashes)).hexdigest()


def text_of(content: bytes, path: str) -> str:
    """A file as text. Raises PolicyRefused."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyRefused("not UTF-8", file=path, line=line, fix="save it as UTF-8") from None


def data_file(files: Mapping[str, bytes], name: str) -> str:
    """Which of the files `data.<name>` comes from."""
    written = [path for path in files if PurePosixPath(path).stem == name and "/" in path]
    return next((path for path in written if path.startswith("data/")), DATA)


def _data(files: Mapping[str, bytes]) -> dict[str, object]:
    data: dict[str, object] = {}
    if DATA in files:
        whole = _value(DATA, files[DATA])
        if not isinstance(whole, dict):
            raise PolicyRefused("not an object", file=DATA, fix="write one member for each name")
        data = cast("dict[str, object]", whole)
    for path in sorted(path for path in files if path.startswith("data/")):
        name = PurePosixPath(path).stem
        if name in data:
            raise PolicyRefused(
                f"`data.{name}` stands in two files", file=path, fix="keep one of them"
            )
        data[name] = _value(path, files[path])
    return data


def _value(path: str, content: bytes) -> Any:  # noqa: ANN401 any JSON value
    try:
        if path.endswith(".json"):
            return strictjson.loads(content, max_bytes=room(path))
        return yaml.load(text_of(content, path), path).value
    except strictjson.StrictJSONError as error:
        raise PolicyRefused(
            str(error), file=path, fix="write JSON that every reader understands alike"
        ) from None
    except yaml.YamlError as error:
        raise PolicyRefused(error.sentence, file=path, line=error.line, fix=error.fix) from None
