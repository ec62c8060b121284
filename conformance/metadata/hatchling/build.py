"""Answers pip, which asks a source distribution for its metadata even where it only downloads it.

It stands in for the real build backend, so that nothing is built and nothing else is downloaded.
"""

import shutil
from email import message_from_bytes
from pathlib import Path


def prepare_metadata_for_build_wheel(directory: str, _settings: object = None) -> str:
    """The metadata that the distribution already carries (PEP 517, PEP 643)."""
    carried = message_from_bytes(Path("PKG-INFO").read_bytes())
    found = Path(directory, f"{carried['Name']}-{carried['Version']}.dist-info")
    found.mkdir()
    shutil.copyfile("PKG-INFO", found / "METADATA")
    return found.name


def build_wheel(*_: object) -> str:
    """PEP 517 demands it."""
    raise NotImplementedError
