from __future__ import annotations

import pytest

from tests.support.documents import POISON, read, texts

PAGE = "<html><body><p>Dear all</p>{}<p>Bye</p></body></html>"


@pytest.mark.parametrize(
    ("made", "way"),
    [
        ('<div style="display:none">{}</div>', "display: none"),
        ('<div style="DISPLAY : None !important">{}</div>', "display: none"),
        ('<p style="visibility:hidden">{}</p>', "visibility: hidden"),
        ('<span style="font-size:0">{}</span>', "tiny letters"),
        ('<span style="font-size:1px">{}</span>', "tiny letters"),
        ('<div style="font-size:2px"><span style="font-size:50%">{}</span></div>', "tiny letters"),
        ('<span style="color:#fff">{}</span>', "letters in the colour of the ground"),
        ('<font color="white">{}</font>', "letters in the colour of the ground"),
        ('<td bgcolor="#000"><i>{}</i></td>', "letters in the colour of the ground"),
        (
            '<div style="background:#123456;color:rgb(18, 52, 90)">{}</div>',
            "letters in the colour of the ground",
        ),
        ('<i style="color:transparent">{}</i>', "letters that show through"),
        ('<div style="opacity:0.01">{}</div>', "letters that show through"),
        ('<div style="position:absolute;left:-9999px">{}</div>', "beside the page"),
        ('<div style="text-indent:-200em">{}</div>', "beside the page"),
        ('<div style="transform:translateX(-5000px)">{}</div>', "beside the page"),
        ('<div style="position:absolute;clip:rect(0 0 0 0)">{}</div>', "cut off"),
        ('<div style="clip-path: inset(100%)">{}</div>', "cut off"),
        ('<div style="height:0;overflow:hidden">{}</div>', "without a size"),
        ('<div style="transform:scale(0)">{}</div>', "without a size"),
        ('<div style="mso-hide:all">{}</div>', "mso-hide"),
        ("<div hidden>{}</div>", "hidden"),
        ("<template>{}</template>", "template"),
        ("<noscript>{}</noscript>", "noscript"),
        ('<input type="hidden" value="{}">', "hidden field"),
        ("<style>.x{{display:none}}</style><b class='a x'>{}</b>", "display: none"),
        ("<b id=y>{}</b><style>q, #y {{ /**/ opacity: 0 }}</style>", "letters that show through"),
        ("<style>@media screen {{ div.z {{color:#fff}} }}</style><div class=z>{}</div>",
         "letters in the colour of the ground"),
        ('<div style="display:none"><ul><li>{}<li></ul></div>', "display: none"),
    ],
)  # fmt: skip
def test_text_that_a_browser_does_not_show_is_hidden(made: str, way: str) -> None:
    answer = read(PAGE.format(made.format(POISON)))
    assert answer.format == "html"
    assert texts(answer, "hidden") == {way: POISON}
    assert texts(answer, "visible") == {"": "Dear all\nBye"}


@pytest.mark.parametrize(
    "made",
    [
        '<div style="background:#000;color:#fff">Heading</div>',
        '<div style="background:url(x.png);color:#fff">Heading</div>',
        "<table bgcolor=navy><tr><td><font color=white>Heading</font></table>",
        '<p style="display:none"><p>Heading',
        '<div style="opacity:.8;font-size:80%;position:relative;left:-3px">Heading</div>',
        "<style>@media print{.x{display:none}} .y{display:none}</style><b class=x>Heading</b>",
        "<style>a:hover{display:none} b.x.y{display:none}</style><a>Hea</a><b class=x>ding</b>",
        "<details open><summary>Heading</summary></details>",
        "<br style='display:none'>Heading",
        '<div style="transform:scale(0.5)">Heading</div>',
    ],
)  # fmt: skip
def test_text_that_a_browser_shows_is_not_hidden(made: str) -> None:
    answer = read(f"<html><body>{made}</body></html>")
    assert texts(answer, "hidden") == {}
    assert texts(answer, "visible") == {"": "Heading"}


def test_what_is_said_beside_the_text_is_metadata_and_where_it_leads_a_link() -> None:
    made = (
        '<title>A page</title><meta name=description content="a description"><!-- a comment -->'
        '<img alt="a cat" src="https://eve.example/i.png"><a title="a title" href="/x">go</a>'
        '<div data-note="a note"></div><script>var a = "no text"</script>'
        '<script type="application/ld+json">{"a": "linked"}</script><![CDATA[a section]]><?pi x?>'
    )
    answer = read(made)
    assert texts(answer, "visible") == {"": "A page\ngo"}
    assert texts(answer, "link") == {"": "https://eve.example/i.png\n/x"}
    assert texts(answer, "metadata") == {
        "meta": "a description",
        "comment": "a comment",
        "alt": "a cat",
        "title": "a title",
        "data": "a note",
        "script": '{"a": "linked"}',
        "declaration": "CDATA[a section\npi x?",
    }


def test_words_are_whole_though_something_is_hidden_between_their_letters() -> None:
    made = "".join(f"{letter}<b style='display:none'>x</b>" for letter in "ignore")
    answer = read(f"<p>{made}</p>")
    assert texts(answer, "visible") == {"": "ignore"}
    assert texts(answer, "hidden") == {"display: none": "xxxxxx"}


def test_tag_characters_and_a_page_inside_of_a_page_are_read() -> None:
    tags = "".join(chr(0xE0000 + ord(one)) for one in POISON)
    inner = f"&lt;p hidden&gt;{POISON}&lt;/p&gt;"
    answer = read(f'<p>Hello{tags}</p><iframe srcdoc="{inner}"></iframe>')
    assert texts(answer, "hidden") == {"tag characters": POISON, "hidden": POISON}
    assert [piece.place for piece in answer.pieces if piece.way == "hidden"] == ["srcdoc"]


def test_where_a_style_sheet_is_elsewhere_white_letters_may_be_seen() -> None:
    made = "<link rel=stylesheet href=a.css><h1 style='color:#fff'>Heading</h1>"
    (piece,) = (one for one in read(made).pieces if one.sort == "hidden")
    assert piece.plain
    (piece,) = (one for one in read(made.replace("stylesheet", "icon")).pieces if one.way)
    assert not piece.plain


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_pages_are_read_in_other_encodings_and_with_control_characters_in_them(
    encoding: str,
) -> None:
    made = f"<p hidden>{POISON}</p>\x00\x01"
    assert texts(read(made.encode(encoding)), "hidden") == {"hidden": POISON}
