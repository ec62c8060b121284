"""`make conformance-policy`: the suites of OPA and others, through our engines.

The last line is JSON: by engine how many cases passed, failed, or ask for what it does not do.
Exit codes: 0, 1 where a table is not what docs/reference/conformance-policy.md says, 3 where the
vectors are not there.
"""

import argparse
import sys

import msgspec

from conformance.policy import authzen, cedar, rego, vectors
from conformance.policy.scores import Scores, Suite, total

PAGE = vectors.ROOT / "docs" / "reference" / "conformance-policy.md"

SUITES: dict[str, Suite] = {"rego": rego.run, "cedar": cedar.run, "authzen": authzen.run}


def table(scores: Scores) -> str:
    """What the page shows of one engine."""
    lines = ["| cases | passed | failed | unsupported |", "|---|---|---|---|"]
    rows = [*scores.items(), ("**all**", total(scores.values()))]
    lines += [
        f"| {name} | {score.passed} | {score.failed} | {score.unsupported} |"
        for name, score in rows
    ]
    return "\n".join(lines)


def main(engines: list[str]) -> int:
    directory = vectors.directory()
    found: dict[str, Scores] = {}
    for name in engines:
        print(f"{name}: running", file=sys.stderr, flush=True)
        try:
            found[name] = SUITES[name](directory)
        except FileNotFoundError as missing:
            print(f"no vectors: {missing.filename} (set VECTORS)", file=sys.stderr)
            return 3
        print(f"\n{name}\n\n{table(found[name])}\n")
    totals = {name: total(scores.values()) for name, scores in found.items()}
    print(msgspec.json.encode(totals).decode())
    page = PAGE.read_text(encoding="utf-8")
    return 0 if all(table(scores) in page for scores in found.values()) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m conformance.policy", description=__doc__)
    parser.add_argument("--engine", choices=SUITES, action="append", help="only this one")
    raise SystemExit(main(parser.parse_args().engine or list(SUITES)))
