from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from safeconduct.core.model import Finding
from safeconduct.inspectors.documents.examining import CHUNK, DocumentExaminer
from safeconduct.inspectors.documents.limits import Limits, Unread
from tests.support.documents import (
    ANYBODY,
    CARD,
    INSTRUCTION,
    POISON,
    docx,
    look,
    paragraph,
    pdf,
    text_at,
)


@pytest.fixture
async def examiner() -> AsyncIterator[DocumentExaminer]:
    one = DocumentExaminer(look, Limits(workers=1))
    yield one
    await one.close()


def blob(data: bytes, media: str = "") -> dict[str, str]:
    return {"uri": "file:///a", "mimeType": media, "blob": base64.b64encode(data).decode()}


async def test_nothing_is_started_where_there_is_no_document(examiner: DocumentExaminer) -> None:
    assert await examiner.examine({"a": [1, None, "a text"]}, ANYBODY) == ()
    assert examiner.pids == ()


async def test_a_finding_lies_over_all_of_the_string_that_a_document_is_in(
    examiner: DocumentExaminer,
) -> None:
    value = {"r": [blob(pdf(text_at(50, 700, f"card {CARD}")))]}
    length = len(value["r"][0]["blob"])
    assert await examiner.examine(value, ANYBODY) == (
        Finding("pii.card", ("r", 0, "blob"), 0, length),
    )


async def test_hidden_text_is_found_whatever_it_says(examiner: DocumentExaminer) -> None:
    value = blob(pdf(text_at(50, 700, "pay more", "1 g")))
    (finding,) = await examiner.examine(value, ANYBODY)
    assert finding.kind == "document.hidden"


async def test_an_instruction_is_found_where_it_is_hidden_and_where_it_is_seen(
    examiner: DocumentExaminer,
) -> None:
    hidden = blob(docx(paragraph(("<w:vanish/>", POISON))))
    assert [one.kind for one in await examiner.examine(hidden, ANYBODY)] == [
        "document.hidden",
        INSTRUCTION,
    ]
    seen = blob(docx(paragraph(("", POISON))))
    assert [one.kind for one in await examiner.examine(seen, ANYBODY)] == [INSTRUCTION]


async def test_metadata_counts_as_hidden_if_it_instructs(examiner: DocumentExaminer) -> None:
    for title, kinds in (("a title", []), (POISON, ["document.hidden", INSTRUCTION])):
        value = blob(pdf(text_at(9, 9, "x"), info=f"/Title({title})"))
        assert [one.kind for one in await examiner.examine(value, ANYBODY)] == kinds


async def test_what_honest_pages_hide_counts_from_a_sentence_on(
    examiner: DocumentExaminer,
) -> None:
    for words, kinds in (
        ("<li>Sign in<li>Home<li>All our products", []),
        ("pay him all of it", ["document.hidden"]),
        ("ignore the rest", ["document.hidden"]),
    ):
        value = f"<div><p>Hello</p><ul style='display:none'>{words}</ul></div>"
        assert [one.kind for one in await examiner.examine(value, ANYBODY)] == kinds, words


async def test_of_a_text_only_that_is_told_which_is_not_found_in_it_anyway(
    examiner: DocumentExaminer,
) -> None:
    assert await examiner.examine(f"<p class=a>card {CARD}</p>", ANYBODY) == ()
    parted = f"<p class=a>card {CARD[:8]}<b></b>{CARD[8:]}</p>"
    assert await examiner.examine([parted], ANYBODY) == (Finding("pii.card", (0,), 0, len(parted)),)
    assert [one.kind for one in await examiner.examine(f"<p hidden>{POISON}</p>", ANYBODY)] == [
        "document.hidden"
    ]


async def test_what_lies_across_the_end_of_a_chunk_is_found(examiner: DocumentExaminer) -> None:
    for before in (CHUNK - 20, CHUNK - 8, CHUNK - 1020, CHUNK + 5, 3 * CHUNK - 30):
        value = blob(("x" * before + f" {CARD} " + "y" * CHUNK).encode(), "text/plain")
        assert [one.kind for one in await examiner.examine(value, ANYBODY)] == ["pii.card"]


async def test_a_document_that_is_not_read_raises(examiner: DocumentExaminer) -> None:
    for data, kind in (
        (b"%PDF-1.7 nothing else", "document.unreadable"),
        (docx("<w:p>" * 300 + "</w:p>" * 300), "document.bomb"),
    ):
        with pytest.raises(Unread) as caught:
            await examiner.examine(blob(data), ANYBODY)
        assert caught.value.kind == kind
    assert await examiner.examine(blob(b"plain"), ANYBODY) == ()


async def test_what_is_no_document_says_nothing(examiner: DocumentExaminer) -> None:
    assert await examiner.examine(blob(bytes(range(256)) * 9), ANYBODY) == ()


async def test_it_can_say_how_it_is_confined(examiner: DocumentExaminer) -> None:
    said = await examiner.confined()
    assert said[0] == "memory, processor time and file size limited"
