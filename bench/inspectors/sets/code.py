"""Source code in the languages that its environment has files of, and prose."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from bench.inspectors.cases import Case, Set
from bench.inspectors.sets import outputs
from bench.inspectors.sets.installed import files, pieces
from bench.inspectors.sets.outputs import result

KINDS: Final = ("code",)

LANGUAGES: Final = {
    "python": "*/**/*.py",
    "typing stubs": "*/**/*.pyi",
    "javascript": "*/**/*.js",
    "typescript": "*/**/*.ts",
    "c and c++": "*/**/*.[ch]*",
    "shell": "**/*.sh",
    "sql": "**/*.sql",
    "html": "**/*.html",
    "css": "**/*.css",
    "cython": "**/*.pyx",
}

_SUFFIXES: Final = {"c and c++": {".c", ".h", ".cpp", ".hpp", ".cc"}}


def made(chance: Random) -> Set:
    wanted: list[Case] = []
    for language, pattern in LANGUAGES.items():
        some = _SUFFIXES.get(language)
        paths = [one for one in files(pattern, 600) if not some or one.suffix in some]
        for text in pieces(paths, chance, 80, 1500):
            whole: Any = result(f"Here is what I have so far:\n\n{text}\n\nThoughts?")
            wanted.append(Case(category=language, value=whole, planted=text, kinds=KINDS, cover=0))
    sources = {"agentdojo": outputs.agentdojo(), "mails": outputs.mails(chance, 300)}
    clean = [
        Case(category=category, value=value, kinds=KINDS)
        for category, values in sources.items()
        for value in values
    ]
    clean += [Case(category="logs", value=one, kinds=KINDS) for one in outputs.logs(chance, 300)]
    return Set(name="code", wanted=wanted, clean=clean)
