"""One target in this process, guided by what its inputs reach in Python (atheris).

`python -m fuzz.guided NAME ARGUMENT...`, with arguments of libFuzzer.
"""

from __future__ import annotations

import importlib
import random
import sys

import atheris

from fuzz import mutate


def main(name: str, arguments: list[str]) -> None:
    """Does not return: libFuzzer ends the process."""
    # Second readers in Python guide too: httptools, which we read HTTP with, cannot be seen into.
    with atheris.instrument_imports(include=["safeconduct", "h11", "fuzz.judges"]):
        targets = importlib.import_module("fuzz.targets")
    target = targets.TARGETS[name]
    donors: list[bytes] = targets.seeds(name)

    def changed(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < (0.3 if target.is_json else 0.8):
            return atheris.Mutate(data, max_size)
        change = mutate.revalued if target.is_json else mutate.edited
        return change(data, chance.choice(donors), seed)[:max_size]

    atheris.Setup([sys.argv[0], *arguments], target.run, custom_mutator=changed)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
