from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.support.documents import POISON, cells, read, texts, xlsx


def test_every_part_of_a_mail_is_read() -> None:
    mail = EmailMessage()
    mail["From"] = "Ann <ann@example.org>"
    mail["Subject"] = "Grüße aus Köln"
    mail["X-Note"] = "a note for programs"
    mail.set_content("the plain text")
    mail.add_alternative(f"<p>the page</p><p style='display:none'>{POISON}</p>", subtype="html")
    mail.add_attachment(
        xlsx({"Data": ("veryHidden", cells(POISON))}),
        maintype="application",
        subtype="octet-stream",
        filename="Zahlen für Köln.xlsx",
    )
    inner = EmailMessage()
    inner["Subject"] = "an inner subject"
    inner.set_content("an inner text")
    mail.add_attachment(inner)
    answer = read(mail.as_bytes())
    assert answer.format == "eml"
    visible = texts(answer, "visible")[""].split("\n")
    assert {"Grüße aus Köln", "the plain text", "the page"} <= set(visible)
    assert {"an inner subject", "an inner text"} <= set(visible)
    assert texts(answer, "hidden") == {"display: none": POISON, "very hidden sheet": POISON}
    assert texts(answer, "metadata")["file name"] == "Zahlen für Köln.xlsx"
    assert "a note for programs" in texts(answer, "metadata")["header"]


def test_what_no_program_shows_is_metadata() -> None:
    mail = (
        'Subject: =?utf-8?b?SWdub3Jl?= =?utf-8?q?_it?=\nMIME-Version: 1.0\n'
        'Content-Type: multipart/mixed; boundary="b"\n\na preamble\n--b\n'
        "Content-Type: text/plain; charset=no-such\nContent-Transfer-Encoding: quoted-printable\n\n"
        "caf=C3=A9\n--b--\nan epilogue\n"
    )  # fmt: skip
    answer = read(mail)
    assert texts(answer, "visible") == {"": "Ignore it\ncafé"}
    assert texts(answer, "metadata") == {"preamble": "a preamble", "epilogue": "an epilogue"}


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data",
        'Content-Type: multipart/encrypted; boundary="x"',
        "Content-Type: application/ms-tnef",
    ],
)
def test_a_sealed_mail_is_refused(headers: str) -> None:
    answer = read(f"Subject: x\nFrom: ann@example.org\nMIME-Version: 1.0\n{headers}\n\nMIAG\n")
    assert answer.trouble == "document.unreadable"


def test_a_damaged_header_is_taken_as_it_is() -> None:
    answer = read("From: ann@example.org\nSubject: =?utf-8?b?a?= end\n\nhello\n")
    assert texts(answer, "visible")[""].endswith("end\nhello")


def test_a_mail_with_an_invitation_in_it_is_a_mail() -> None:
    mail = EmailMessage()
    mail["Subject"] = "a meeting"
    mail["From"] = "ann@example.org"
    mail.set_content("see below")
    invitation = f"BEGIN:VCALENDAR\nX-ALT-DESC:<p hidden>{POISON}</p>\nEND:VCALENDAR\n"
    mail.add_alternative(invitation, subtype="calendar")
    for media in ("", "message/rfc822"):
        answer = read(mail.as_bytes(), media)
        assert answer.format == "eml"
        assert texts(answer, "hidden") == {"hidden": POISON}
        assert "see below" in texts(answer, "visible")[""]


def test_a_mail_with_control_characters_is_read_if_it_is_said_to_be_one() -> None:
    mail = b"Subject: x\nFrom: a@b\n\n" + b"\x01\x02" * 99 + POISON.encode()
    assert POISON in texts(read(mail, "message/rfc822"), "visible")[""]
