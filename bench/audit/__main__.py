"""`make bench-audit`: the figures of all parts, and a last line of JSON."""

import argparse
import importlib
import json

PARTS = ("append", "index", "verify", "replay")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records in the index")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    args = parser.parse_args()
    figures: dict[str, float] = {}
    for part in PARTS if args.only is None else (args.only,):
        measured: dict[str, float] = importlib.import_module(f"bench.audit.{part}").measure(
            args.rows
        )
        for name, figure in measured.items():
            print(f"{name:36}{figure:14,.2f}", flush=True)
        figures |= measured
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
