"""`make bench-inspectors`: what the inspectors find and miss, and what they cost; the last line is
JSON.

Each set is made anew from the same seed, by what its environment has installed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from bench.inspectors.cases import Set
from bench.inspectors.measuring import Scores, misses, ms_of_10_kb, ms_per_kb, scored
from bench.inspectors.options import options
from bench.inspectors.sets import (
    code,
    definitions,
    documents,
    instructions,
    personal,
    secrets,
    words,
)
from bench.inspectors.sets.outputs import agentdojo
from bench.inspectors.shipped import Room, shipped

SETS: Final[dict[str, Callable[[Random], Set]]] = {
    "secrets": secrets.made,
    "secrets_encoded": secrets.encoded,
    "pii": personal.made,
    "dictionaries": words.dictionaries,
    "matches": words.matches,
    "code": code.made,
    "instructions": instructions.made,
    "definitions": definitions.made,
    "documents": documents.made,
}

LONG: Final = ("dictionaries", "matches", "instructions", "definitions", "documents")
"""What those look for that take a while; nothing else of it concerns them."""

BLOCK: Final[dict[str, Any]] = {
    "pii": {"region": personal.REGION},
    "dictionaries": words.DICTIONARIES,
    "matches": words.MATCHES,
    "instructions": {},
    "documents": {},
}
"""All that can be configured and needs nobody else."""


def main() -> None:
    given = options()
    answer: dict[str, Any] = {}
    wrong: list[str] = []
    values = agentdojo()
    with shipped(BLOCK, words.files()) as room:
        for name in given.sets:
            begun = time.perf_counter()
            made = SETS[name](Random(given.seed))  # noqa: S311  chance that can be repeated
            begun_looking = time.perf_counter()
            scores = scored(made, room.look_long if name in LONG else room.look)
            spent = time.perf_counter() - begun_looking
            answer[name] = scores.json(cost(room, scores, values))
            if name == "documents":
                answer[name]["ms_per_document"] = round(spent * 1e3 / made.size, 1)
            wrong += misses(scores)
            print("\n".join(scores.lines()), flush=True)
            print(f"{name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
        answer["inspectors_10kb_ms"] = {
            one[0]: ms_of_10_kb([one], values) for one in (*room.quick, *room.slow)
        }
        answer["all_configured_10kb_ms"] = ms_of_10_kb(room.quick, values)
    with shipped({}) as room:
        answer["all_defaults_10kb_ms"] = ms_of_10_kb(room.quick, values)
    if given.misses:
        given.misses.write_text("\n".join(wrong) + "\n", "utf-8")
    print(json.dumps(answer))


def cost(room: Room, scores: Scores, values: Sequence[object]) -> float | None:
    """Of those whose findings counted, on clean tool outputs; of documents, time is told apart."""
    parts = [one for one in (*room.quick, *room.slow) if one[0] in scores.finders]
    return ms_per_kb(parts, values) if parts and scores.name != "documents" else None


if __name__ == "__main__":
    main()
