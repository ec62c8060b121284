"""`serve`: what it does to its own process, before it says that it is ready."""

import subprocess
import sys

from safeconduct.cli.serve import YOUNG

PROGRAM = """
import gc
from safeconduct.cli.serve import spare_the_collector
before = gc.get_freeze_count()
made = []
made.append(made)
del made
spare_the_collector()
print(before, gc.get_freeze_count() > 10_000, gc.get_threshold()[0], gc.isenabled(), gc.collect())
"""


def test_the_collector_looks_at_what_is_new_alone_and_still_looks() -> None:
    command = [sys.executable, "-P", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"0 True {YOUNG} True 0\n"
