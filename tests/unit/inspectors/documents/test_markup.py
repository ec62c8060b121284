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
        ('<i style="color:rgb(0 0 0 / 0%)">{}</i>', "letters that show through"),
        ('<i style="color:#0000">{}</i>', "letters that show through"),
        ('<i style="color:hsl(120 50% 100%)">{}</i>', "letters in the colour of the ground"),
        ('<i style="color:rgb(100%, 99%, 100%)">{}</i>', "letters in the colour of the ground"),
        ('<p style="background:hsl(240deg,100%,50%);color:blue">{}</p>',
         "letters in the colour of the ground"),
        ('<p style="--c:0;opacity:var(--c)">{}</p>', "letters that show through"),
        ("<style>:root{{--c:#fff}}</style><p style='color:var(--c, red)'>{}</p>",
         "letters in the colour of the ground"),
        ('<p style="font-size:calc(3px - 2px)">{}</p>', "tiny letters"),
        ('<p style="font-size:calc(16px * 0)">{}</p>', "tiny letters"),
        ('<p style="font-size:calc(16px / 16)">{}</p>', "tiny letters"),
        ('<div style="d\\69splay:none">{}</div>', "display: none"),
        ("<style>[data-x]{{display:none}}</style><p data-x>{}</p>", "display: none"),
        ("<style>p[lang='xx' i]{{display:none}}</style><p lang=xx>{}</p>", "display: none"),
        ("<style>i:nth-child(2n + 1){{display:none}}</style><i>{}</i>", "display: none"),
        ("<style>i:not(.b, .c){{display:none}}</style><i>{}</i>", "display: none"),
        ("<style>:is(q, i):first-child{{display:none}}</style><i>{}</i>", "display: none"),
        ("<style>*{{font-size:1px}} p{{font-size:9px}}</style><i>{}</i>", "tiny letters"),
        ("<dialog>{}</dialog>", "hidden"),
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
        '<div style="color:transparent"><b style="color:#000">Heading</b></div>',
        '<p style="color:var(--ink);font-size:clamp(1rem, 2vw, 3rem)">Heading</p>',
        '<p style="font-size:calc(1rem + 2px);opacity:var(--shown, 1)">Heading</p>',
        "<style>i:hover,i::before,ul > *,:first-child{display:none}</style><i>Heading</i>",
        "<style>[lang=yy],i[lang~=xx].b{display:none}</style><i lang=xx>Heading</i>",
        "<dialog open>Heading</dialog>",
        '<i fill="none" opacity="0" display="none">Heading</i>',
    ],
)  # fmt: skip
def test_text_that_a_browser_shows_is_not_hidden(made: str) -> None:
    answer = read(f"<html><body>{made}</body></html>")
    assert texts(answer, "hidden") == {}
    assert texts(answer, "visible") == {"": "Heading"}


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text y="2">Dear all</text>{}</svg>'
)


@pytest.mark.parametrize(
    ("made", "way"),
    [
        ('<text opacity="0">{}</text>', "letters that show through"),
        ('<g opacity="0"><text>{}</text></g>', "letters that show through"),
        ('<text fill-opacity="0">{}</text>', "letters that show through"),
        ('<text fill="none">{}</text>', "letters that show through"),
        ('<g fill="none"><text>{}</text></g>', "letters that show through"),
        ('<text style="fill:transparent">{}</text>', "letters that show through"),
        ('<text fill="#fff">{}</text>', "letters in the colour of the ground"),
        ('<text visibility="hidden">{}</text>', "visibility: hidden"),
        ('<text display="none">{}</text>', "display: none"),
        ('<text font-size="0.1">{}</text>', "tiny letters"),
        ('<text x="-9999">{}</text>', "beside the page"),
        ('<text dy="-9999.5">{}</text>', "beside the page"),
        ('<g transform="translate(-9999 0)"><text>{}</text></g>', "beside the page"),
        ("<defs><text>{}</text></defs>", "not drawn"),
        ('<foreignObject><p style="color:#fff">{}</p></foreignObject>',
         "letters in the colour of the ground"),
    ],
)  # fmt: skip
def test_letters_of_a_picture_that_nobody_sees_are_hidden(made: str, way: str) -> None:
    answer = read(SVG.format(made.format(POISON)))
    assert texts(answer, "hidden") == {way: POISON}
    assert texts(answer, "visible") == {"": "Dear all"}


@pytest.mark.parametrize(
    "made",
    [
        '<g fill="none"><path d="M0 0"/><text fill="#123">Heading</text></g>',
        '<text fill="none" stroke="#000">Heading</text>',
        '<rect fill="#00f"/><text fill="white">Heading</text>',
        '<text color="#fff">Heading</text>',
        '<text fill="url(#g)" x="-3" y="5">Heading</text>',
        '<text fill-opacity="0" stroke="red">Heading</text>',
    ],
)
def test_letters_of_a_picture_that_are_seen_are_not_hidden(made: str) -> None:
    answer = read(SVG.format(made))
    assert texts(answer, "hidden") == {}
    assert texts(answer, "visible") == {"": "Dear allHeading"}


def test_what_is_said_of_a_picture_is_metadata() -> None:
    answer = read(SVG.format("<desc>Two dogs</desc>"))
    assert texts(answer, "metadata") == {"desc": "Two dogs"}


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
