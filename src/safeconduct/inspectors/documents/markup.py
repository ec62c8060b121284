"""HTML: what a browser shows of it, and what it does not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final, NamedTuple

from safeconduct.inspectors.documents.cascade import Sheet, declarations
from safeconduct.inspectors.documents.colours import BLACK
from safeconduct.inspectors.documents.styling import ALIKE, Styled, computed, styled
from safeconduct.inspectors.documents.unpacking import Flow, Unpacked
from safeconduct.inspectors.documents.vectors import (
    NOT_DRAWN,
    SAID,
    VECTOR,
    lettered,
    paints,
    presented,
)

_MARKUP: Final = re.compile(
    r"<(?:!--|!doctype\s+html|/?(?:html|head|body|div|span|p|a|img|table|t[rdh]|ul|ol|li|br|hr|font"
    r"|style|script|template|noscript|meta|title|svg|h[1-6]|b|i|em|strong|section|article|details"
    r"|input|button|form|iframe|object|center|small|sup|sub|pre|code|blockquote)\b[^<>]*>)",
    re.IGNORECASE,
)
_VOID: Final = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "param"),
    }
)
_BLOCKS: Final = frozenset(
    {
        *("p", "div", "li", "ul", "ol", "table", "tr", "br", "hr", "section", "article", "header"),
        *(
            "footer",
            "nav",
            "aside",
            "main",
            "blockquote",
            "pre",
            "form",
            "details",
            "summary",
            "title",
        ),
        *(
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "dl",
            "dt",
            "dd",
            "option",
            "td",
            "th",
            "center",
            "body",
        ),
    }
)
_CLOSED_BY: Final = {
    "li": frozenset({"li"}),
    "option": frozenset({"option"}),
    "tr": frozenset({"tr"}),
    "td": frozenset({"td", "th", "tr"}),
    "th": frozenset({"td", "th", "tr"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "p": _BLOCKS - {"br", "option", "td", "th", "tr", "body", "title", "summary"},
}
"""Elements that end where one of these begins (HTML, section 13.1.2.4)."""
_NOT_SHOWN: Final = {
    "template": "template",
    "noscript": "noscript",
    "noframes": "noframes",
    "datalist": "datalist",
    NOT_DRAWN: "not drawn",
}
_SILENT: Final = frozenset({"script", "style"})
_TOLD: Final = ("alt", "title", "aria-label", "aria-description", "placeholder", "summary", "label")
_LINKED: Final = ("href", "src", "action", "formaction", "data", "poster", "background", "cite")
_SCRIPTS: Final = frozenset({"application/ld+json", "text/html", "text/plain", "text/template"})


class _Element(NamedTuple):
    name: str
    styled: Styled


def is_markup(text: str) -> bool:
    """Whether there is a tag or a comment of HTML in a text."""
    return _MARKUP.search(text) is not None


class _Styles(HTMLParser):
    """Style sheets come before what they are about, wherever they stand."""

    def __init__(self) -> None:
        super().__init__()
        self.sheet = Sheet()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.sheet.add(data)


class _Page(HTMLParser):
    def __init__(self, unpacked: Unpacked, sheet: Sheet) -> None:
        super().__init__(convert_charrefs=True)
        self.flow = Flow(unpacked)
        self._unpacked = unpacked
        self._sheet = sheet
        self._open = [_Element("", Styled())]
        self._script = ""
        self._styled_elsewhere = False
        self._painted = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unpacked.element(len(self._open))
        attributes = {name: value or "" for name, value in reversed(attrs)}  # the first counts
        while tag in _CLOSED_BY.get(self._open[-1].name, ()):
            self._open.pop()
        if tag in _BLOCKS:
            self.flow.line()
        if tag == "link" and "stylesheet" in attributes.get("rel", "").lower():
            self._styled_elsewhere = True
        look = self._look(tag, attributes)
        self._attributes(tag, attributes, look)
        if tag not in _VOID:
            self._open.append(_Element(tag, look))
            self._script = attributes.get("type", "").lower() if tag == "script" else ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # but for SVG, where little depends on it, no end

    def handle_endtag(self, tag: str) -> None:
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index].name == tag:
                del self._open[index:]
                break
        if tag in _BLOCKS:
            self.flow.line()

    def handle_data(self, data: str) -> None:
        name, look = self._open[-1]
        if name == "script" and self._script in _SCRIPTS:
            self.flow.metadata(data, "script")
        if name in _SILENT:
            return
        if look.vector and name in SAID:
            self.flow.metadata(data, name)
            return
        way, plain = look.hidden
        if way == ALIKE and self._styled_elsewhere:
            plain = True  # what the ground is like is said in a style sheet that nobody has here
        if way:
            self.flow.hidden(data, way, plain=plain)
        else:
            self.flow.visible(data)

    def handle_comment(self, data: str) -> None:
        self.flow.metadata(f"{data}\n", "comment")

    def handle_decl(self, decl: str) -> None:
        if not decl.lower().startswith("doctype"):
            self.flow.metadata(f"{decl}\n", "declaration")

    def unknown_decl(self, data: str) -> None:
        self.flow.metadata(f"{data}\n", "declaration")

    def handle_pi(self, data: str) -> None:
        self.flow.metadata(f"{data}\n", "declaration")

    def _look(self, tag: str, attributes: dict[str, str]) -> Styled:
        style = {
            "color": attributes.get("color", "").lower() or attributes.get("text", "").lower(),
            "background": attributes.get("bgcolor", "").lower(),
        }
        style = {name: value for name, value in style.items() if value}
        outer = self._open[-1].styled
        if tag == VECTOR and not outer.vector:
            outer, self._painted = outer._replace(vector=True, colour=BLACK), False
        if outer.vector:
            style |= presented(tag, attributes)
        style |= self._sheet.of(tag, attributes) | declarations(attributes.get("style", ""))
        style = computed(style, self._sheet.custom)
        if "background" in attributes:
            style["background-image"] = "url"
        look = self._drawn(tag, outer, style) if outer.vector else styled(outer, style)
        if not look.way and (
            "hidden" in attributes or (tag == "dialog" and "open" not in attributes)
        ):
            return look._replace(way="hidden", plain=True)
        if not look.way and tag in _NOT_SHOWN:
            return look._replace(way=_NOT_SHOWN[tag], plain=True)
        return look

    def _drawn(self, tag: str, outer: Styled, style: dict[str, str]) -> Styled:
        """How an element of SVG looks: what was drawn before is its ground."""
        look = styled(outer, lettered(style))
        if paints(tag, style):
            self._painted = True
        if tag == "foreignobject":
            look = look._replace(vector=False)
        return look._replace(ground=None) if self._painted else look

    def _attributes(self, tag: str, attributes: dict[str, str], look: Styled) -> None:
        for name in _TOLD:
            self.flow.metadata(attributes.get(name, "").strip() + "\n", name)
        if tag == "meta":
            self.flow.metadata(attributes.get("content", "") + "\n", "meta")
        if tag == "input":
            value = attributes.get("value", "") + "\n"
            if attributes.get("type", "").lower() == "hidden":
                self.flow.hidden(value, "hidden field", plain=True)
            elif not look.way:
                self.flow.visible(value)
        for name, value in attributes.items():
            if name in _LINKED:
                self._unpacked.link(value)
            elif name.startswith("data-"):
                self.flow.metadata(value + "\n", "data")
            elif name == "srcdoc":
                self._unpacked.inside(value.encode(errors="replace"), "text/html", "srcdoc")


def read(unpacked: Unpacked, text: str) -> None:
    """One page."""
    styles = _Styles()
    if "<style" in text.lower():
        styles.feed(text)
        styles.close()
    page = _Page(unpacked, styles.sheet)
    page.feed(text)
    page.close()
    page.flow.close()
