from __future__ import annotations

import base64

from tests.support.documents import POISON, docx, paragraph, read, texts


def test_an_invitation_is_read_with_what_is_folded_attached_and_beside_it() -> None:
    attached = base64.b64encode(docx(paragraph(("<w:vanish/>", POISON)))).decode()
    made = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            "SUMMARY:Board mee",
            " ting\\, room 1",
            "DESCRIPTION:First line\\nsecond",
            "\t line",
            'ORGANIZER;CN="Ann, the chair":mailto:ann@example.org',
            "ATTENDEE;CN=Bob:mailto:bob@example.org",
            "COMMENT:a comment",
            "X-SECRET:a note for programs",
            f"X-ALT-DESC;FMTTYPE=text/html:<p style='opacity:0'>{POISON}</p>",
            f"ATTACH;FMTTYPE=application/octet-stream;ENCODING=BASE64;VALUE=BINARY:{attached}",
            "ATTACH:https://eve.example/agenda",
            "URL:https://example.org",
            "a line that is none",
            "END:VEVENT",
            "END:VCALENDAR",
        ]
    )
    answer = read(made)
    assert answer.format == "ics"
    assert texts(answer, "visible") == {
        "": "Board meeting, room 1\nFirst line\nsecond line\nAnn, the chair\nBob"
    }
    assert texts(answer, "hidden") == {
        "letters that show through": POISON,
        "hidden text": POISON,
    }
    metadata = texts(answer, "metadata")
    assert metadata["property"] == "a comment\na note for programs"
    assert metadata["no property"] == "a line that is none"
    assert texts(answer, "link")[""].split("\n") == [
        "mailto:ann@example.org",
        "mailto:bob@example.org",
        "https://eve.example/agenda",
        "https://example.org",
    ]


def test_a_damaged_attachment_is_refused() -> None:
    made = "BEGIN:VCALENDAR\nATTACH;ENCODING=BASE64:abc\nEND:VCALENDAR"
    assert read(made).trouble == "document.unreadable"


def test_a_card_is_read() -> None:
    answer = read("BEGIN:VCARD\nitem1.FN:Ann\nNOTE:a note\nEND:VCARD", "text/vcard")
    assert texts(answer, "visible") == {"": "Ann\na note"}
