"""Modules of ours that run in a process of their own."""

from __future__ import annotations

import os
import sys


def program(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """How to start a module of ours, and all of the environment that it is to have."""
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "RUST_BACKTRACE": "0"}
    return [sys.executable, "-P", "-m", module, *arguments], environment
