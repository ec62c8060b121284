from __future__ import annotations

import base64
import gzip

import pytest

from safeconduct.inspectors.documents.finding import documents
from safeconduct.inspectors.documents.limits import Limits, Unread
from tests.support.documents import docx, paragraph, pdf, text_at

PDF = base64.b64encode(pdf(text_at(9, 9, "x" * 999))).decode()


def found(value: object) -> list[tuple[object, ...]]:
    return [
        (one.path, one.length, one.question.form, one.question.media, len(one.question.data))
        for one in documents(value, Limits())
    ]


def test_blobs_of_resources_are_documents_and_pictures_and_sounds_are_none() -> None:
    resource = {"uri": "file:///a", "mimeType": "Application/PDF", "blob": "AAAA"}
    value = {
        "content": [
            {"type": "resource", "resource": resource},
            {"type": "image", "data": "iVBORw0KGgo", "mimeType": "image/png"},
            {"type": "audio", "data": "UklGRiQAAABXQVZF", "mimeType": "audio/wav"},
            {"type": "image", "data": "AAAA", "mimeType": "image/svg+xml"},
            {"type": "image", "data": "AAAA"},
            {"type": "image", "data": PDF, "mimeType": "image/png"},
        ]
    }
    assert found(value) == [
        (("content", 0, "resource", "blob"), 4, "base64", "application/pdf", 4),
        (("content", 3, "data"), 4, "base64", "image/svg+xml", 4),
        (("content", 4, "data"), 4, "base64", "", 4),
        (("content", 5, "data"), len(PDF), "base64", "image/png", len(PDF)),
    ]


@pytest.mark.parametrize(
    "data",
    [
        pdf(""),
        docx(paragraph(("", "x"))),
        gzip.compress(b"abc" * 99, mtime=0),
        b"{\\rtf1 hello, this is a text}",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99),
        b"<!DOCTYPE html><p>hello hello",
        b"<html><body><p>hello hello",
        b"BEGIN:VCALENDAR\nEND:VCALENDAR",
    ],
)
def test_files_in_base64_are_found_by_their_beginning_wherever_they_stand(data: bytes) -> None:
    coded = base64.b64encode(data).decode()
    lines = "\n".join(coded[at : at + 60] for at in range(0, len(coded), 60))
    (whole,) = documents([{"a": coded}], Limits())
    assert (whole.path, whole.length, whole.question.data) == ((0, "a"), len(coded), coded)
    (within,) = documents(f"see: {lines}.", Limits())
    assert within.question.data == lines


def test_a_long_string_that_is_all_base64_is_a_file_of_any_kind() -> None:
    assert found("A" * 600) == [((), 600, "base64", "", 600)]
    assert found("A" * 400) == []
    assert found("A " * 600) == []


def test_data_urls_are_documents_but_for_pictures() -> None:
    value = [
        "x data:application/pdf;base64,AAAABBBBCCCC y",
        "data:text/html;charset=utf-8,%3Cp%20hidden%3Ex",
        "data:image/png;base64,iVBORw0KGgoAAAA",
        "data:image/gif,GIF89a%00",
    ]
    assert found(value) == [
        ((0,), 44, "base64", "application/pdf", 12),
        ((1,), 46, "percent", "text/html", 17),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "hello <!-- hidden --> there",
        'see <span style="color:white">this</span>',
        "<!DOCTYPE html>\nhello hello",
        "From: a@example.org\nSubject: x\n\nhello",
        "received: by x\n  folded\nSubject: x\n\nhello",
        "BEGIN:VCALENDAR\r\nEND:VCALENDAR",
        "  {\\rtf1 hello hello hello}",
    ],
)
def test_texts_that_hide_something_are_documents(text: str) -> None:
    assert [one.question.form for one in documents({"a": text}, Limits())] == ["text"]


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d: return a << 2",
        "the <b>bold</b> one, x <y> and <p>so on</p>",
        "Subject: only one header of a mail",
        "a short one <",
        "vector<int> a; map<string, int> b;",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert found(text) == []


def test_a_resource_that_is_text_is_what_it_is_said_to_be() -> None:
    resource = {"uri": "x:", "mimeType": "text/html", "text": "a page without any tag"}
    assert found(resource) == [(("text",), 22, "text", "text/html", 22)]
    assert found({**resource, "mimeType": "text/plain"}) == []


def test_what_is_too_large_or_too_much_is_refused() -> None:
    with pytest.raises(Unread, match=r"document\.unreadable"):
        documents({"uri": "x:", "blob": "A" * 44}, Limits(max_bytes=32))
    assert len(list(documents({"uri": "x:", "blob": "A" * 40}, Limits(max_bytes=32)))) == 1
    with pytest.raises(Unread, match=r"document\.bomb"):
        documents(["<!-- one more comment -->"] * 3, Limits(max_documents=2))
