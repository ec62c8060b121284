"""What can be asked of the benchmark."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

DESCRIPTION: Final = (
    """What the inspectors find and miss, and what they cost; the last line is JSON."""
)

NAMES: Final = (
    *("secrets", "secrets_encoded", "pii", "dictionaries", "matches", "code", "instructions"),
    *("definitions", "documents"),
)
"""The sets."""

SEED: Final = 20261122


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.inspectors", description=DESCRIPTION)
    parser.add_argument("--sets", nargs="+", choices=NAMES, default=NAMES, help="some of the sets")
    parser.add_argument("--misses", type=Path, help="a file for every case judged wrongly")
    parser.add_argument("--seed", type=int, default=SEED, help="other cases of the same kinds")
    return parser


def options(given: Sequence[str] | None = None) -> argparse.Namespace:
    return parser().parse_args(given)
