"""Pictures of text, drawn with the letters that come with Pillow."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from safeconduct.config.letters import models
from safeconduct.inspectors.documents.limits import Limits


def limits(**changed: Any) -> Limits:
    """Limits with which English letters in pictures are read."""
    return Limits(languages=("eng",), models=f"{models(['eng'])}/", **changed)


def drawn(
    *lines: str, size: int = 24, ink: str = "black", ground: str = "white", mode: str = "RGB"
) -> Image.Image:
    """Lines of text on a ground, a margin around them."""
    width = max(map(len, lines)) * size * 2 // 3 + 2 * size
    image = Image.new("RGBA" if mode == "RGBA" else "RGB", (width, len(lines) * 2 * size), ground)
    drawing, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for number, line in enumerate(lines):
        drawing.text((size, size // 2 + number * size * 3 // 2), line, ink, font)
    return image.convert(mode)


def saved(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture in a format."""
    into = io.BytesIO()
    image.save(into, format_, **options)
    return into.getvalue()
