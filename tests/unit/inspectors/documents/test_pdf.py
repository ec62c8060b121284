from __future__ import annotations

import io

import pytest
from pypdf import PdfWriter

from safeconduct.inspectors.documents.limits import Limits
from tests.support.documents import POISON, docx, paragraph, pdf, read, stream, text_at, texts

SEEN = text_at(50, 700, "Invoice 12")


@pytest.mark.parametrize(
    ("operators", "way"),
    [
        (text_at(50, 650, POISON, "1 1 1 rg"), "letters in the colour of the ground"),
        (text_at(50, 650, POISON, "0.98 g"), "letters in the colour of the ground"),
        (text_at(50, 650, POISON, "0 0 0 0 k"), "letters in the colour of the ground"),
        (
            "q 0 0 0.5 rg 40 640 400 40 re f Q" + text_at(50, 650, POISON, "0 0 0.5 rg"),
            "letters in the colour of the ground",
        ),
        (text_at(50, 650, POISON, "3 Tr"), "invisible letters"),
        (text_at(-900, 650, POISON), "beside the page"),
        (text_at(50, 2000, POISON), "beside the page"),
        (text_at(50, 650, POISON, "0.01 0 0 0.01 0 0 cm"), "tiny letters"),
        (text_at(50, 650, POISON).replace("12 Tf", "0.4 Tf"), "tiny letters"),
        (text_at(50, 650, POISON) + "0.5 g 40 640 500 40 re f", "painted over"),
        (text_at(50, 650, POISON, "/Clear gs"), "letters that show through"),
        (f"/OC /Off BDC {text_at(50, 650, POISON)} EMC", "a layer that is off"),
        (f"q 1 0 0 1 9000 0 cm /Form Do Q {text_at(9, 9, 'x')}", "beside the page"),
    ],
)
def test_text_that_is_not_seen_is_told_apart(operators: str, way: str) -> None:
    form = stream(
        f"BT /F 12 Tf 50 650 Td ({POISON}) Tj ET".encode(),
        "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F 5 0 R>>>>",
    )
    made = pdf(
        SEEN + operators,
        form,
        b"<</Type/OCG/Name(Layer)>>",
        page="/XObject<</Form 7 0 R>>/ExtGState<</Clear<</ca 0>>>>/Properties<</Off 8 0 R>>",
        root="/OCProperties<</OCGs[8 0 R]/D<</OFF[8 0 R]>>>>",
    )
    answer = read(made)
    assert answer.format == "pdf"
    assert texts(answer, "hidden") == {way: POISON}
    assert texts(answer, "visible")[""].startswith("Invoice 12")
    assert POISON not in texts(answer, "visible")[""]


@pytest.mark.parametrize(
    "operators",
    [
        "q 0 0 0.5 rg 40 640 400 40 re f Q" + text_at(50, 650, "Heading", "1 g"),
        "q 400 0 0 40 40 640 cm /Picture Do Q" + text_at(50, 650, "Heading", "1 g"),
        text_at(50, 650, "Heading", "2 Tr 1 g"),
        text_at(50, 650, "Heading") + "q /Multiply gs 1 1 0 rg 40 640 400 40 re f Q",
        text_at(5, 65, "Heading", "10 0 0 10 0 0 cm").replace("12 Tf", "1 Tf"),
        "q 1 0 0 1 0 600 cm /Form Do Q",
    ],
    ids=["white on blue", "white on a picture", "outlined", "marked", "scaled", "in a form"],
)
def test_text_that_is_seen_is_not_called_hidden(operators: str) -> None:
    picture = stream(b"\0", "/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8")
    form = stream(
        b"BT /F 12 Tf 50 50 Td (Heading) Tj ET",
        "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F 5 0 R>>>>",
    )
    made = pdf(
        SEEN + operators,
        picture,
        form,
        page="/XObject<</Picture 7 0 R/Form 8 0 R>>/ExtGState<</Multiply<</BM/Multiply>>>>",
    )
    answer = read(made)
    assert texts(answer, "hidden") == {}
    assert "Heading" in texts(answer, "visible")[""]


def test_the_text_below_a_scan_is_metadata() -> None:
    picture = stream(b"\0", "/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8")
    scan = "q 600 0 0 800 0 0 cm /Picture Do Q"
    for operators in (
        scan + text_at(50, 650, "Scanned", "3 Tr"),
        text_at(50, 650, "Scanned") + scan,
    ):
        answer = read(pdf(operators, picture, page="/XObject<</Picture 7 0 R>>"))
        assert texts(answer, "hidden") == {}
        assert texts(answer, "metadata") == {"text under a picture": "Scanned"}


def test_what_is_said_beside_the_pages_is_metadata() -> None:
    made = pdf(
        SEEN,
        b"<</Type/Annot/Subtype/Text/Contents(a note)/Rect[0 0 9 9]>>",
        b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://eve.example/x)>>>>",
        b"<</S/JavaScript/JS(app.alert\\('a script'\\))>>",
        stream(b"<x:xmpmeta><dc:title>an XMP title</dc:title></x:xmpmeta>", "/Type/Metadata"),
        root="/OpenAction 9 0 R/Metadata 10 0 R/Annots[7 0 R 8 0 R]",
        info="/Title(a title)/Subject<FEFF00E9>",
    )
    answer = read(made)
    said = texts(answer, "metadata")["property"].split("\n")
    assert set(said) >= {"a note", "app.alert('a script')", "an XMP title", "a title", "é"}
    assert texts(answer, "link") == {"": "https://eve.example/x"}


def test_what_is_attached_is_read() -> None:
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_attachment("notes.docx", docx(paragraph(("<w:vanish/>", POISON))))
    into = io.BytesIO()
    writer.write(into)
    assert texts(read(into.getvalue()), "hidden") == {"hidden text": POISON}


def test_what_anybody_can_open_is_read_and_what_needs_a_password_is_not() -> None:
    for password, trouble in (("", ""), ("secret", "document.unreadable")):
        writer = PdfWriter()
        writer.add_blank_page(100, 100)
        writer.add_metadata({"/Title": "a title"})
        writer.encrypt(password, "owner", algorithm="AES-256")
        into = io.BytesIO()
        writer.write(into)
        answer = read(into.getvalue())
        assert answer.trouble == trouble


def test_pages_are_counted() -> None:
    writer = PdfWriter()
    for _ in range(3):
        writer.add_blank_page(100, 100)
    into = io.BytesIO()
    writer.write(into)
    assert read(into.getvalue(), limits=Limits(max_pages=3)).trouble == ""
    assert read(into.getvalue(), limits=Limits(max_pages=2)).trouble == "document.bomb"


def test_what_is_said_to_be_one_has_to_be_one() -> None:
    assert read(b"\x01\x02\x03" * 99, "application/pdf").trouble == "document.unreadable"
    assert read(b"junk before\n" + pdf(SEEN)).format == "pdf"
