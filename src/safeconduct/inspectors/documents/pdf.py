"""PDF documents (ISO 32000-2), by pypdf."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from typing import Final

import pypdf
from pypdf import PageObject, PdfReader, overwrite_configuration
from pypdf.errors import LimitReachedError
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    EncodedStreamObject,
    IndirectObject,
    StreamObject,
    TextStringObject,
)

from safeconduct.inspectors.documents import pictures
from safeconduct.inspectors.documents.graphics import dictionary, number_of
from safeconduct.inspectors.documents.limits import Unread, bomb, unreadable
from safeconduct.inspectors.documents.painting import SCANNED, Leaving, Painting
from safeconduct.inspectors.documents.texts import decoded
from safeconduct.inspectors.documents.unpacking import Unpacked

_TAG: Final = re.compile(r"<[^<>]*>")
_TECHNICAL: Final = frozenset(
    {
        *(
            "/ID",
            "/O",
            "/U",
            "/OE",
            "/UE",
            "/Perms",
            "/DA",
            "/DR",
            "/CreationDate",
            "/ModDate",
            "/M",
        ),
        *("/Lang", "/CheckSum", "/Registry", "/Ordering", "/NM", "/Cert", "/ByteRange", "/CharSet"),
        *("/Panose", "/Lookup", "/Producer", "/Creator", "/OutputIntents"),
    }
)
_NOT_WALKED: Final = frozenset({"/Parent", "/P", "/Font", "/ColorSpace", "/Shading", "/Pattern"})
_OLD: Final = 2
_DAMAGED: Final = "Impossible to decode XFormObject"
_TOO_MANY: Final = "Exceeded "


class _Complaints(logging.Handler):
    """What pypdf leaves out with no more than a warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.trouble: Unread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said.startswith(_DAMAGED):
            self.trouble = unreadable("a PDF document with a damaged form")
        elif said.startswith(_TOO_MANY):
            self.trouble = bomb("a PDF document with forms that paint too many others")


_COMPLAINTS: Final = _Complaints()


def warm() -> None:
    """Reads a small document, with which all that is needed for others is loaded."""
    logger = logging.getLogger("pypdf")
    logger.propagate = False
    logger.addHandler(_COMPLAINTS)
    writer = pypdf.PdfWriter()
    writer.add_blank_page(9, 9)
    writer.encrypt("", algorithm="AES-256")
    into = io.BytesIO()
    writer.write(into)
    reader = PdfReader(into)
    reader.decrypt("")
    reader.pages[0].extract_text()


def read(unpacked: Unpacked, data: bytes) -> None:
    """Every page, and every text in the document beside them."""
    limit = unpacked.limits.max_expanded_bytes
    overwrite_configuration(
        zlib_maximum_output_length=limit,
        lzw_maximum_output_length=limit,
        run_length_maximum_output_length=limit,
        array_based_stream_maximum_output_length=limit,
        stream_decoding_work_maximum_length=2 * limit,
        jbig2dec_binary=None,
    )
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise unreadable("an encrypted PDF document")
        _document(unpacked, reader)
    except LimitReachedError:
        raise bomb("a PDF document that is larger inside than the limits give") from None
    if _COMPLAINTS.trouble is not None:
        raise _COMPLAINTS.trouble


def _document(unpacked: Unpacked, reader: PdfReader) -> None:
    off = _layers_off(reader.root_object)
    for number, page in enumerate(reader.pages, 1):
        unpacked.page()
        _page(unpacked, page, off, f"page {number}")
    _Beside(unpacked).walk(reader.trailer)


def _page(unpacked: Unpacked, page: PageObject, off: frozenset[int], place: str) -> None:
    box = page.cropbox
    edges = (float(box.left), float(box.bottom), float(box.right), float(box.top), 0.0, 0.0)
    painting = Painting(unpacked, edges, page.get("/Resources"), off)
    text = page.extract_text(
        visitor_operand_before=painting.before, visitor_operand_after=painting.after
    )
    ways = painting.ways()
    if ways:
        text = _only(page, lambda number: number not in ways)
    unpacked.visible(text, place)
    for way in dict.fromkeys(ways.values()):
        texts = _only(page, _of(ways, way))
        numbers = [number for number, one in ways.items() if one == way]
        scanned = way == "invisible letters" and all(map(painting.is_on_picture, numbers))
        if way == SCANNED or scanned:
            unpacked.metadata(texts, SCANNED, place)
        else:
            unpacked.hidden(texts, way, place, plain=way in {"painted over", "a layer that is off"})
    if unpacked.limits.languages:
        _inline(unpacked, page)
    for annotation in _annotations(page):
        for appearance in _appearances(annotation):
            unpacked.visible(page.extract_xform_text(appearance), f"{place}, annotation")


def _inline(unpacked: Unpacked, page: PageObject) -> None:
    """The pictures that stand in the page's own operators; all others are streams."""
    for name in page.images.keys():  # noqa: SIM118 it iterates over the pictures themselves
        if isinstance(name, str) and name.startswith("~"):
            pictures.read(unpacked, page.images[name].data, "image/png")


def _only(page: PageObject, wanted: Callable[[int], bool]) -> str:
    leaving = Leaving(wanted)
    return page.extract_text(
        visitor_operand_before=leaving.before, visitor_operand_after=leaving.after
    )


def _of(ways: dict[int, str], way: str) -> Callable[[int], bool]:
    return lambda number: ways.get(number) == way


def _annotations(page: PageObject) -> list[DictionaryObject]:
    found = page.get("/Annots")
    listed = found.get_object() if found is not None else None
    return [dictionary(one) for one in listed] if isinstance(listed, ArrayObject) else []


def _appearances(annotation: DictionaryObject) -> list[EncodedStreamObject]:
    normal = dictionary(dictionary(annotation.get("/AP")).get("/N"))
    if isinstance(normal, EncodedStreamObject):
        return [normal]
    states = [dictionary(one) for one in normal.values()]
    return [one for one in states if isinstance(one, EncodedStreamObject)]


def _layers_off(root: DictionaryObject) -> frozenset[int]:
    """The layers that are off when the document is opened, by the numbers of their objects."""
    properties = dictionary(root.get("/OCProperties"))
    default = dictionary(properties.get("/D"))
    every = default.get("/BaseState") == "/OFF"
    found = properties.get("/OCGs") if every else default.get("/OFF")
    listed = found.get_object() if found is not None else None
    layers = list(listed) if isinstance(listed, ArrayObject) else []
    return frozenset(one.idnum for one in layers if isinstance(one, IndirectObject))


class _Beside:
    """Every text string of a document: properties, notes, forms, scripts, bookmarks, labels."""

    def __init__(self, unpacked: Unpacked) -> None:
        self._unpacked = unpacked
        self._seen: set[int] = set()
        self._todo: list[tuple[str, object]] = []

    def walk(self, trailer: DictionaryObject) -> None:
        """All that the trailer leads to, each object once."""
        self._todo = [("", trailer.get("/Root")), ("/Info", trailer.get("/Info"))]
        while self._todo:
            self._unpacked.element()
            key, value = self._todo.pop()
            if isinstance(value, IndirectObject):
                if value.idnum in self._seen:
                    continue
                self._seen.add(value.idnum)
                value = value.get_object()
            self._one(key, value)

    def _one(self, key: str, value: object) -> None:
        if isinstance(value, (TextStringObject, ByteStringObject)):
            text = value if isinstance(value, str) else decoded(bytes(value))
            if key == "/URI":
                self._unpacked.link(text)
            elif key not in _TECHNICAL:
                self._unpacked.metadata(text, "property", key)
        elif isinstance(value, ArrayObject):
            self._todo += [(key, one) for one in reversed(value)]
        elif isinstance(value, DictionaryObject):
            if isinstance(value, StreamObject):
                self._stream(key, value)
            if value.get("/Type") != "/Font":
                inner = [
                    (str(name), value.raw_get(name)) for name in value if name not in _NOT_WALKED
                ]
                self._todo += reversed(inner)

    def _stream(self, key: str, stream: StreamObject) -> None:
        if stream.get("/Type") == "/EmbeddedFile" or key in {"/UF", "/F"}:
            self._unpacked.member()
            data = self._data(stream)
            media = str(stream.get("/Subtype", "")).lstrip("/").lower()
            self._unpacked.inside(data, media, "attachment")
        elif stream.get("/Type") == "/Metadata":
            text = _TAG.sub("\n", decoded(self._data(stream)))
            self._unpacked.metadata(text, "property", "XMP")
        elif key in {"/JS", "/XFA", "/RC", "/RV"}:
            self._unpacked.metadata(decoded(self._data(stream)), "property", key)
        elif stream.get("/Subtype") == "/Image" and self._unpacked.limits.languages:
            self._picture(stream)

    def _picture(self, stream: StreamObject) -> None:
        limit = self._unpacked.limits.max_pixels
        if number_of(stream.get("/Width")) * number_of(stream.get("/Height")) > limit:
            raise bomb(f"a picture of more than {limit} pixels")
        self._unpacked.member()
        # It is also written again, of which nobody reads anything.
        image = stream.decode_as_image({"compress_level": 0})
        pictures.recognised(self._unpacked, image, "picture")

    def _data(self, stream: StreamObject) -> bytes:
        data = stream.get_data()
        self._unpacked.expand(len(data))
        return data
