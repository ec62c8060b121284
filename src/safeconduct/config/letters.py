"""Where the models lie with which letters in pictures are read: files of Tesseract.

They come with the extra `ocr` (English), with an operating system's packages, or from where
`TESSDATA_PREFIX` points, as for Tesseract itself (tesseract(1)).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(sys.prefix) / "share/tessdata"
SYSTEM: Final = (
    *("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata"),
    *("/opt/homebrew/share/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata"),
)


def models(languages: Sequence[str]) -> Path | None:
    """The first directory that has the models of all these languages; None where there is none."""
    for place in _places():
        if all((place / f"{language}.traineddata").is_file() for language in languages):
            return place
    return None


def _places() -> Iterator[Path]:
    told = os.environ.get("TESSDATA_PREFIX")
    if told:
        yield Path(told)
    yield HERE
    yield from map(Path, SYSTEM)
