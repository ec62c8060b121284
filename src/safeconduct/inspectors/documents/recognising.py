"""Letters in pictures: decoded by Pillow, read by Tesseract (through tesserocr).

The models are loaded once, before the process is confined; nothing is opened or started after that,
and nothing runs beside: Tesseract's threads are off, as each document has one processor.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from safeconduct.inspectors.documents.limits import Limits, bomb, unreadable
from safeconduct.inspectors.documents.unpacking import Unpacked

os.environ["OMP_THREAD_LIMIT"] = "1"  # read when Tesseract is loaded

import tesserocr
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

READ_PIXELS: Final = 6_000_000
"""What has more is made smaller: a page of A4 has as many at 250 dots to the inch."""
SMALL_PIXELS: Final = 1_000_000
"""What has no more is made twice as large: screens have letters of ten pixels."""
MIN_SIDE: Final = 8
"""No letter is read that is less high."""

FORMATS: Final = ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "JPEG2000")
"""What is decoded; Pillow knows dozens besides."""

_SPACED: Final = re.compile(r"(?<![\d.,])\d+(?: \d+)+(?![\d.,])")
_CARD_DIGITS: Final = range(13, 20)
_GROUNDS: Final = ("white", "black")


def warm(limits: Limits) -> None:
    """Loads the models and the decoders. Raises RuntimeError: a model is not there, or is none."""
    Image.init()
    engine(limits)


@cache
def engine(limits: Limits) -> tesserocr.PyTessBaseAPI:
    """What reads, with the models of these limits. Raises RuntimeError."""
    languages = "+".join(limits.languages)
    api = tesserocr.PyTessBaseAPI(path=limits.models, lang=languages, psm=tesserocr.PSM.AUTO)
    if not set(limits.languages) <= set(api.GetLoadedLanguages()):
        raise RuntimeError("a model is not there")
    api.SetVariable("debug_file", "")  # its remarks go to standard error: it opens no file for them
    return api


def read(unpacked: Unpacked, data: bytes) -> None:
    """What can be read in a picture, and in all that follow in the same file.

    Raises Unread: it is damaged, of another format, or larger than the limits give.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            for number, frame in enumerate(ImageSequence.Iterator(image)):
                if number:
                    unpacked.page()
                of_picture(unpacked, frame, "picture")
    except UnidentifiedImageError:
        raise unreadable("a picture of a format that is not read") from None


def of_picture(unpacked: Unpacked, image: Image.Image, place: str) -> None:
    """What can be read in one picture. Raises Unread: it is larger than the limits give."""
    limits = unpacked.limits
    if image.width * image.height > limits.max_pixels:
        raise bomb(f"a picture of more than {limits.max_pixels} pixels")
    if min(image.size) < MIN_SIDE:
        return
    for grey in _greys(_oriented(image)):
        text = _recognised(engine(limits), grey)
        unpacked.visible(text, place)
        unpacked.visible("\n".join(numbers(text)), place)


def _recognised(api: tesserocr.PyTessBaseAPI, grey: Image.Image) -> str:
    api.SetImageBytes(grey.tobytes(), grey.width, grey.height, 1, grey.width)
    text = api.GetUTF8Text()
    api.Clear()
    return text


def _oriented(image: Image.Image) -> Image.Image:
    """In the size in which it is read, as whoever opens it sees it turned."""
    image.draft("L", _size(image))  # of JPEG no more is decoded than is needed
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode.startswith("I"):  # of 16 bits or more, of which the higher eight are kept
        wide = image.convert("I").convert("I;16")
        image = Image.frombytes("L", wide.size, wide.tobytes()[1::2])
    size = _size(image)
    if size != image.size:
        method = Image.Resampling.BOX if size < image.size else Image.Resampling.BICUBIC
        image = ImageOps.contain(image, size, method)
    return ImageOps.exif_transpose(image)


def _size(image: Image.Image) -> tuple[int, int]:
    pixels = image.width * image.height
    if pixels <= SMALL_PIXELS:
        return image.width * 2, image.height * 2
    scale = min(1.0, (READ_PIXELS / pixels) ** 0.5)
    return max(1, int(image.width * scale)), max(1, int(image.height * scale))


def _greys(image: Image.Image) -> Iterator[Image.Image]:
    """The picture in shades of grey: what is transparent on light ground and on dark."""
    if not image.has_transparency_data:
        yield image.convert("L")
        return
    image = image.convert("RGBA")
    for ground in _GROUNDS:
        yield Image.alpha_composite(Image.new("RGBA", image.size, ground), image).convert("L")


def numbers(text: str) -> Iterator[str]:
    """Numbers as long as those of cards without the spaces in them, which letters on a picture have
    wherever their shapes leave some.
    """
    for number in _SPACED.findall(text):
        joined = number.replace(" ", "")
        if len(joined) in _CARD_DIGITS:
            yield joined
