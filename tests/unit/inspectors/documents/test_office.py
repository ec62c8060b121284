from __future__ import annotations

import pytest

from tests.support.documents import (
    POISON,
    cells,
    docx,
    paragraph,
    pdf,
    read,
    text_at,
    texts,
    xlsx,
    zipped,
)

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
WHITE = '<w:color w:val="FFFFFF"/>'


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "way"),
    [
        ("<w:vanish/>", "hidden text"),
        ('<w:webHidden w:val="1"/>', "hidden text"),
        (WHITE, "white letters"),
        ('<w:sz w:val="2"/>', "tiny letters"),
        ('<w:rStyle w:val="Gone"/>', "hidden text"),
        ('<w:rStyle w:val="GoneToo"/>', "hidden text"),
    ],
)
def test_runs_that_are_not_seen_are_told_apart(look: str, way: str) -> None:
    styles = (
        f'<w:styles {_W}><w:style w:styleId="Gone"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="GoneToo"><w:basedOn w:val="Gone"/></w:style></w:styles>'
    )
    answer = read(docx(paragraph(("", "Dear all,"), (look, POISON), ("", " yours")), styles=styles))
    assert answer.format == "docx"
    assert texts(answer, "hidden") == {way: POISON}
    assert texts(answer, "visible") == {"": "Dear all, yours"}


@pytest.mark.parametrize(
    "body",
    [
        paragraph((f'{WHITE}<w:shd w:fill="000080"/>', "Heading")),
        paragraph((f'{WHITE}<w:highlight w:val="blue"/>', "Heading")),
        (
            '<w:tbl><w:tr><w:tc><w:tcPr><w:shd w:fill="333333"/></w:tcPr>'
            f"{paragraph((WHITE, 'Heading'))}</w:tc></w:tr></w:tbl>"
        ),
        paragraph(('<w:vanish w:val="0"/>', "Heading")),
    ],
)
def test_runs_that_are_seen_are_not_called_hidden(body: str) -> None:
    answer = read(docx(body))
    assert texts(answer, "hidden") == {}
    assert texts(answer, "visible") == {"": "Heading"}


def test_deletions_are_hidden_and_comments_fields_and_descriptions_are_metadata() -> None:
    body = (
        f"<w:p><w:del><w:r><w:delText>{POISON}</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>kept</w:t></w:r></w:ins>"
        "<w:r><w:instrText>HYPERLINK a</w:instrText></w:r>"
        '<w:r><w:drawing><docPr descr="a picture of a cat"/></w:drawing></w:r></w:p>'
    )
    comments = f"<w:comments {_W}>{paragraph(('', 'a comment'))}</w:comments>"
    header = f"<w:hdr {_W}>{paragraph(('', 'a header'))}</w:hdr>"
    answer = read(docx(body, comments=comments, header1=header))
    assert texts(answer, "hidden") == {"deleted text": POISON}
    assert texts(answer, "visible") == {"": "kept\na header"}
    assert texts(answer, "metadata") == {
        "field": "HYPERLINK a",
        "descr": "a picture of a cat",
        "comment": "a comment",
    }


def test_what_is_embedded_linked_and_noted_is_read() -> None:
    made = zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document {_W}/>",
            "word/_rels/document.xml.rels": (
                '<R><Relationship Id="a" TargetMode="External" Target="https://eve.example"/></R>'
            ),
            "word/embeddings/book.xlsx": xlsx({"Data": ("veryHidden", cells(POISON))}),
            "word/afchunk.html": f'<p style="opacity:0">{POISON}</p>',
            "docProps/core.xml": "<core><description>a description</description></core>",
            "word/vbaProject.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        }
    )
    answer = read(made)
    assert texts(answer, "hidden") == {
        "very hidden sheet": POISON,
        "letters that show through": POISON,
    }
    assert texts(answer, "link") == {"": "https://eve.example"}
    assert texts(answer, "metadata")["part"] == "a description"
    places = [piece.place for piece in answer.pieces if piece.sort == "hidden"]
    assert places == ["word/embeddings/book.xlsx > sheet Data", "word/afchunk.html"]


# --- workbooks -----------------------------------------------------------------------------------


def test_sheets_rows_columns_and_cells_that_are_not_seen_are_told_apart() -> None:
    styles = (
        '<numFmts><numFmt numFmtId="164" formatCode=";;;"/></numFmts>'
        '<fonts><font/><font><color rgb="FFFFFFFF"/></font><font><sz val="1"/></font></fonts>'
        '<fills><fill/><fill><patternFill><fgColor rgb="FF000080"/></patternFill></fill></fills>'
        '<cellXfs><xf/><xf numFmtId="164"/><xf fontId="1" fillId="0"/>'
        '<xf fontId="1" fillId="1"/><xf fontId="2"/></cellXfs>'
    )
    body = (
        '<cols><col min="2" max="3" hidden="1"/></cols><sheetData>'
        + cells("seen", "in a hidden column")
        + cells("in a hidden row", row='hidden="1"')
        + cells("shows nothing", style="1")
        + cells("white", style="2")
        + cells("white on blue", style="3")
        + cells("tiny", style="4")
        + '<row><c r="A9" t="s"><v>1</v></c><c r="D9"><f>SUM(1)</f><v>42</v></c></row></sheetData>'
    )
    sheets = {
        "Open": ("visible", body),
        "Hidden": ("hidden", cells("on a hidden sheet")),
        "Very": ("veryHidden", cells(POISON)),
    }
    answer = read(xlsx(sheets, ["first", "shared"], styles))
    assert answer.format == "xlsx"
    assert texts(answer, "hidden") == {
        "hidden column": "in a hidden column",
        "hidden row": "in a hidden row",
        "a format that shows nothing": "shows nothing",
        "white letters": "white",
        "tiny letters": "tiny",
        "hidden sheet": "on a hidden sheet",
        "very hidden sheet": POISON,
    }
    seen = "Open Hidden Very seen white on blue shared 42"
    assert texts(answer, "visible")[""].split() == seen.split()
    assert texts(answer, "metadata") == {"formula": "SUM(1)"}


def test_a_sheet_that_no_book_lists_is_hidden() -> None:
    made = zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "xl/worksheets/orphan.xml": f"<worksheet>{cells(POISON)}</worksheet>",
            "xl/comments1.xml": "<comments><text><t>a comment</t></text></comments>",
            "xl/drawings/drawing1.xml": "<d><t>drawn</t></d>",
            "xl/drawings/vmlDrawing1.vml": "<xml><br>never closed</xml>",
        }
    )
    answer = read(made)
    assert texts(answer, "hidden") == {"very hidden sheet": POISON}
    assert texts(answer, "metadata") == {"part": "a comment\nnever closed"}
    assert "drawn" in texts(answer, "visible")[""]


# --- presentations -------------------------------------------------------------------------------


def shape(text: str, at: str = "9", look: str = "", hidden: str = "") -> str:
    return (
        f'<sp><cNvPr {hidden}/><spPr><xfrm><off x="{at}" y="9"/><ext cx="50" cy="5"/></xfrm></spPr>'
        f"<p><r><rPr {look}</rPr><t>{text}</t></r></p></sp>"
    )


@pytest.mark.parametrize(
    ("made", "way"),
    [
        (shape(POISON, at="-60", look=">"), "beside the slide"),
        (shape(POISON, at="1001", look=">"), "beside the slide"),
        (shape(POISON, look='sz="100">'), "tiny letters"),
        (shape(POISON, look='><srgbClr val="112233"><alpha val="0"/></srgbClr>'),
         "letters that show through"),
        (shape(POISON, look=">", hidden='hidden="1"'), "hidden shape"),
    ],
)  # fmt: skip
def test_shapes_that_are_not_seen_are_told_apart(made: str, way: str) -> None:
    answer = read(
        zipped(
            {
                "[Content_Types].xml": "<Types/>",
                "ppt/presentation.xml": '<presentation><sldSz cx="1000" cy="700"/></presentation>',
                "ppt/slides/slide1.xml": f"<sld>{shape('Agenda', look='>')}{made}</sld>",
                "ppt/slides/slide2.xml": f'<sld show="0">{shape("skipped", look=">")}</sld>',
                "ppt/notesSlides/notesSlide1.xml": "<notes><t>a note</t></notes>",
            }
        )
    )
    assert answer.format == "pptx"
    assert texts(answer, "hidden") == {way: POISON, "hidden slide": "skipped"}
    assert texts(answer, "visible") == {"": "Agenda"}
    assert texts(answer, "metadata") == {"part": "a note"}


def test_white_letters_on_a_slide_are_metadata_as_nobody_knows_what_is_behind_them() -> None:
    white = shape(POISON, look='><srgbClr val="FFFFFF"/>')
    answer = read(
        zipped(
            {
                "[Content_Types].xml": "<Types/>",
                "ppt/slides/slide1.xml": f"<sld>{white}</sld>",
            }
        )
    )
    assert texts(answer, "metadata") == {"white letters": POISON}


# --- OpenDocument --------------------------------------------------------------------------------


def test_what_an_opendocument_does_not_show_is_told_apart() -> None:
    content = (
        "<document-content><automatic-styles>"
        '<style name="gone"><text-properties display="none"/></style>'
        '<style name="white"><text-properties color="#ffffff"/></style>'
        '<style name="blue"><text-properties color="#ffffff" background-color="#000080"/></style>'
        '<style name="off"><table-properties display="false"/></style>'
        "</automatic-styles><body>"
        '<p>seen <span style-name="gone">gone</span><span style-name="white">white</span>'
        '<span style-name="blue">blue</span></p>'
        f'<table style-name="off"><table-row><table-cell><p>{POISON}</p></table-cell></table-row>'
        '</table><hidden-text string-value="kept back"/>'
        "<annotation><p>a comment</p></annotation>"
        "<tracked-changes><p>deleted</p></tracked-changes>"
        '<a href="https://eve.example">link</a></body></document-content>'
    )
    answer = read(
        zipped(
            {
                "mimetype": "application/vnd.oasis.opendocument.text",
                "content.xml": content,
                "meta.xml": "<meta><title>a title</title></meta>",
                "Configurations2/accelerator/current.xml": "",
            }
        )
    )
    assert answer.format == "odf"
    assert texts(answer, "hidden") == {
        "hidden text": "gone\nkept back",
        "white letters": "white",
        "hidden row or sheet": POISON,
        "deleted text": "deleted",
    }
    assert texts(answer, "visible")[""].split() == ["seen", "blue", "link"]
    assert texts(answer, "metadata") == {"comment": "a comment", "part": "a title"}
    assert texts(answer, "link") == {"": "https://eve.example"}


# --- what is not read ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        zipped({"[Content_Types].xml": "", "xl/workbook.bin": b"1"}),
        zipped({"[Content_Types].xml": "<T/>", "word/document.xml": "<w:p>"}),
        zipped({"[Content_Types].xml": "<T/>", "word/embeddings/o.bin":
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}),
        zipped({"mimetype": "", "content.xml": "<a/>",
                "META-INF/manifest.xml": "<m><encryption-data/></m>"}),
    ],
    ids=["OLE", "xlsb", "cut off", "embedded OLE", "encrypted"],
)  # fmt: skip
def test_what_is_not_read_is_refused(made: bytes) -> None:
    assert read(made).trouble == "document.unreadable"


def test_what_is_said_to_be_an_office_document_has_to_be_one() -> None:
    media = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert read(b"\x01\x02" * 99, media).trouble == "document.unreadable"
    assert read(docx(""), media).format == "docx"
    assert read(pdf(text_at(9, 9, "x")), "application/zip").trouble == "document.unreadable"
