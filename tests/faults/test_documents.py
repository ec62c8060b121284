"""Documents that are made to break whoever reads them, and readers that break: each is refused, in
bounded memory, and the next document is read.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import signal
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.inspectors.documents.examining import DocumentExaminer
from safeconduct.inspectors.documents.limits import Limits, Unread
from tests.support.documents import (
    ANYBODY,
    CARD,
    POISON,
    cells,
    docx,
    look,
    paragraph,
    pdf,
    read,
    stream,
    text_at,
    xlsx,
    zipped,
)
from tests.support.ending import ended

MiB = 1024 * 1024
GOOD = pdf(text_at(50, 700, f"card {CARD}"))
TYPES = {"[Content_Types].xml": "<Types/>"}


def blob(data: bytes) -> dict[str, str]:
    return {"uri": "file:///a", "blob": base64.b64encode(data).decode()}


@pytest.fixture
async def examiner() -> AsyncIterator[DocumentExaminer]:
    one = DocumentExaminer(look, Limits(workers=1, cpu_s=1, wall_s=30))
    yield one
    await one.close()


async def reads_on(examiner: DocumentExaminer) -> None:
    """The next document is read."""
    assert [one.kind for one in await examiner.examine(blob(GOOD), ANYBODY)] == ["pii.card"]


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# --- bombs ---------------------------------------------------------------------------------------


def forty_two() -> bytes:
    """Archives in archives, 16 each, five deep, with 64 MiB of zeros in the last."""
    made = zipped({"0": bytes(64 * MiB)})
    for _ in range(5):
        made = zipped({f"{number}.zip": made for number in range(16)})
    return made


def overlapping() -> bytes:
    """One compressed file that every entry of the directory points to (Fifield, 2019)."""
    single = zipped({"a": bytes(MiB)})
    start = single.index(b"PK\x01\x02")
    entry, end = single[start:-22], single[-22:]
    entries = b"".join(entry[:46] + b"%c" % (65 + number) + entry[47:] for number in range(20))
    fields = list(struct.unpack("<4s4H2LH", end))
    fields[3:7] = [20, 20, len(entries), start]
    return single[:start] + entries + struct.pack("<4s4H2LH", *fields)


def laughs(count: int) -> str:
    """Entities of entities; with a count of 1, one large one that is used often."""
    if count == 1:
        return f'<!DOCTYPE a [<!ENTITY b "{"x" * 50_000}">]><a>{"&b;" * 50_000}</a>'
    entities = "".join(
        f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, count)
    )
    return f'<!DOCTYPE a [<!ENTITY e0 "ha">{entities}]><a>&e{count - 1};</a>'


def object_streams() -> bytes:
    """A PDF of which the content is inflated twice, to 80 MiB."""
    inner = zlib.compress(zlib.compress(bytes(80 * MiB), 9), 9)
    return pdf(b"", stream(inner, "/Filter[/FlateDecode/FlateDecode]")).replace(
        b"/Contents 4 0 R", b"/Contents 7 0 R"
    )


def looping_pages() -> bytes:
    return pdf("").replace(b"/Kids[3 0 R]/Count 1", b"/Kids[2 0 R]/Count 9")


def forms_of_forms() -> bytes:
    """Thirty forms, each of which paints the next one ten times."""
    forms = [
        stream(
            b"/X Do " * 10,
            f"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {number} 0 R>>>>",
        )
        for number in range(8, 38)
    ]
    return pdf("/X Do", *forms, page="/XObject<</X 7 0 R>>")


def deep_mail() -> bytes:
    """A mail in a mail in a mail."""
    made = b"Subject: x\nFrom: a@b\n\nhello"
    for _ in range(400):
        made = b"Subject: x\nFrom: a@b\nContent-Type: message/rfc822\n\n" + made
    return made


def endless_parts() -> bytes:
    head = b"Subject: x\nFrom: a@b\nContent-Type: multipart/mixed; boundary=a\n\n"
    return head + b"--a\n\nx\n" * 200_000


def shared_strings() -> bytes:
    """One string of 60,000 characters in 50,000 cells."""
    body = '<row><c t="s"><v>0</v></c></row>' * 50_000
    return xlsx({"A": ("visible", body)}, ["x" * 60_000])


BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: zipped({"a": bytes(200 * MiB)}),
    "42.zip": forty_two,
    "overlapping": overlapping,
    "gzip": lambda: gzip.compress(gzip.compress(bytes(100 * MiB))),
    "billion laughs": lambda: zipped({**TYPES, "word/document.xml": laughs(10)}),
    "quadratic": lambda: zipped({**TYPES, "word/document.xml": laughs(1)}),
    "deep XML": lambda: docx("<w:p>" * 100_000),
    "many elements": lambda: docx("<w:p/>" * 2_000_000),
    "shared strings": shared_strings,
    "PDF streams": object_streams,
    "PDF forms": forms_of_forms,
    "deep mail": deep_mail,
    "endless parts": endless_parts,
    "deep HTML": lambda: b"<html>" + b"<div>" * 500_000,
    "deep RTF": lambda: b"{\\rtf1 " + b"{" * 500_000,
    "long text": lambda: zipped({"a.txt": b"many words " * MiB}),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_in_bounded_memory_and_the_next_document_is_read(
    name: str, examiner: DocumentExaminer
) -> None:
    bomb = BOMBS[name]()
    await reads_on(examiner)
    (worker,) = examiner.pids
    before = peak_bytes(os.getpid())
    with pytest.raises(Unread) as caught:
        await examiner.examine(blob(bomb), ANYBODY)
    assert caught.value.kind == "document.bomb", caught.value
    await reads_on(examiner)
    assert examiner.pids == (worker,)
    # What reads the next document never held more than the bytes of this one; and here there are
    # its base64, a frame, and what the pipe has not taken yet.
    assert peak_bytes(worker) < 64 * MiB + 4 * len(bomb)
    assert peak_bytes(os.getpid()) - before < 32 * MiB + 8 * len(bomb)


@pytest.mark.parametrize(
    "made",
    [
        looping_pages(),
        pdf("").replace(b"startxref", b"startxref\n99999999999\n"),
        pdf("/X Do", page="/XObject<</X 4 0 R>>"),
    ],
)
async def test_a_document_that_leads_to_itself_ends(
    made: bytes, examiner: DocumentExaminer
) -> None:
    try:
        await examiner.examine(blob(made), ANYBODY)
    except Unread as error:
        assert error.kind in {"document.unreadable", "document.bomb"}  # noqa: PT017 either will do
    await reads_on(examiner)


async def test_a_form_that_is_damaged_is_not_left_out(examiner: DocumentExaminer) -> None:
    form = stream(
        b"no deflate", "/Type/XObject/Subtype/Form/Filter/NoSuch/Resources<</Font<</F 5 0 R>>>>"
    )
    made = pdf(text_at(50, 700, "Invoice") + "/X Do", form, page="/XObject<</X 7 0 R>>")
    with pytest.raises(Unread, match=r"document\.unreadable: a PDF document with a damaged form"):
        await examiner.examine(blob(made), ANYBODY)
    await reads_on(examiner)


# --- readers that break --------------------------------------------------------------------------


def slow() -> bytes:
    """Takes far more than a second of the processor, and little else."""
    return pdf("q Q " * 900_000)


async def test_a_reader_that_computes_for_too_long_is_ended(examiner: DocumentExaminer) -> None:
    with pytest.raises(Unread, match=r"document\.bomb: it took more than 1 s of the processor"):
        await examiner.examine(blob(slow()), ANYBODY)
    await reads_on(examiner)


async def test_a_reader_that_needs_too_much_memory_is_ended() -> None:
    examiner = DocumentExaminer(look, Limits(workers=1, memory_bytes=96 * MiB))
    try:
        with pytest.raises(Unread, match=r"document\.bomb: it took more than \d+ bytes of memory"):
            await examiner.examine(blob(zipped({"a": bytes(60 * MiB)})), ANYBODY)
        await reads_on(examiner)
    finally:
        await examiner.close()


async def turns() -> None:
    """The loop goes round, so that it hears of what has happened."""
    for _ in range(9):
        await asyncio.sleep(0)


async def test_a_worker_that_is_killed_in_the_middle_of_a_document_is_replaced(
    examiner: DocumentExaminer,
) -> None:
    for _ in range(3):
        await reads_on(examiner)
        (worker,) = examiner.pids
        os.kill(worker, signal.SIGSTOP)
        asked = asyncio.ensure_future(examiner.examine(blob(GOOD), ANYBODY))
        await turns()
        over = ended(worker)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Unread, match=r"document\.unreadable: the process that read it ended"):
            await asked
        await over
        await reads_on(examiner)
        assert worker not in examiner.pids


async def test_a_worker_that_dies_while_it_waits_is_not_asked(examiner: DocumentExaminer) -> None:
    await reads_on(examiner)
    (worker,) = examiner.pids
    over = ended(worker)
    os.kill(worker, signal.SIGKILL)
    await over
    await turns()
    await reads_on(examiner)


async def test_a_worker_that_sleeps_is_replaced_and_others_are_answered_meanwhile() -> None:
    examiner = DocumentExaminer(look, Limits(workers=2, wall_s=5))
    try:
        await reads_on(examiner)
        (worker,) = examiner.pids
        os.kill(worker, signal.SIGSTOP)
        over = ended(worker)
        of_another = replace(ANYBODY, agent="another")
        asked = asyncio.ensure_future(examiner.examine(blob(GOOD), of_another))
        await turns()
        await reads_on(examiner)
        assert not asked.done()
        with pytest.raises(Unread, match="not read within 5 s"):
            await asked
        await over
        await reads_on(examiner)
    finally:
        await examiner.close()


async def test_whoever_no_longer_waits_leaves_nothing_behind(examiner: DocumentExaminer) -> None:
    await reads_on(examiner)
    (worker,) = examiner.pids
    over = ended(worker)
    asked = asyncio.ensure_future(examiner.examine(blob(slow()), ANYBODY))
    await turns()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await over
    await reads_on(examiner)


async def test_many_at_once_are_all_answered_by_few() -> None:
    examiner = DocumentExaminer(look, Limits(workers=2, wall_s=30))
    try:
        values = [blob(GOOD), blob(docx("<w:p>")), blob(docx(paragraph(("<w:vanish/>", POISON))))]
        answers = await asyncio.gather(
            *(
                examiner.examine(value, replace(ANYBODY, agent=str(at % 4)))
                for at, value in enumerate(4 * values)
            ),
            return_exceptions=True,
        )
        assert len(examiner.pids) == 2
        kinds = [
            [one.kind for one in answer] if isinstance(answer, tuple) else type(answer).__name__
            for answer in answers
        ]
        assert kinds == 4 * [["pii.card"], "Unread", ["document.hidden", "instruction.test"]]
    finally:
        await examiner.close()


async def test_one_agent_does_not_have_all_readers() -> None:
    examiner = DocumentExaminer(look, Limits(workers=2, cpu_s=1, wall_s=30))
    try:
        bombs = [asyncio.ensure_future(examiner.examine(blob(slow()), ANYBODY)) for _ in range(2)]
        await turns()
        found = await examiner.examine(blob(GOOD), replace(ANYBODY, agent="another"))
        assert [one.kind for one in found] == ["pii.card"]
        assert not bombs[1].done()
        assert [type(one) for one in await asyncio.gather(*bombs, return_exceptions=True)] == [
            Unread,
            Unread,
        ]
    finally:
        await examiner.close()


async def test_where_no_process_can_be_started_the_document_is_refused(
    examiner: DocumentExaminer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (["/nonexistent/python"], ["/bin/true"], ["/bin/echo", "no frame of ours"]):
        with monkeypatch.context() as patched:
            patched.setattr(
                "safeconduct.inspectors.documents.workers.program",
                lambda *_, command=command: (command, {}),
            )
            with pytest.raises(Unread, match=r"document\.unreadable"):
                await examiner.examine(blob(GOOD), ANYBODY)
        assert examiner.pids == ()
    await reads_on(examiner)


async def test_workers_end_with_whoever_they_read_for(examiner: DocumentExaminer) -> None:
    await reads_on(examiner)
    (worker,) = examiner.pids
    over = ended(worker)
    await examiner.close()
    await over
    assert examiner.pids == ()


# --- bytes of all kinds --------------------------------------------------------------------------


def samples() -> Iterator[bytes]:
    yield GOOD
    yield docx(paragraph(("", "one"), ("<w:vanish/>", POISON)))
    yield xlsx({"A": ("hidden", cells("x", "y"))}, ["s"], "<fonts><font/></fonts>")
    yield zipped({"a.eml": "From: a@b\nSubject: =?utf-8?b?eA==?=\n\nhello"}, zipfile.ZIP_STORED)
    yield b"From: a@b\nSubject: x\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a--"
    yield b"<html><style>p{color:#fff}</style><p hidden style='left:-1px'>x<!-- y --></p>"
    yield b"BEGIN:VCALENDAR\r\nATTACH;ENCODING=BASE64:eHh4\r\nSUMMARY:a\r\n b\r\nEND:VCALENDAR"
    yield rb"{\rtf1{\colortbl;\red255\green255\blue255;}\cf1 a\u8364?\'e9\v b}"
    yield b"\x89PNG\r\n\x1a\n\0\0\0\x09tEXta\0bcdefgh1234"
    yield Message().as_bytes()


SAMPLES = list(samples())


@given(st.data())
@settings(max_examples=300)
def test_damaged_documents_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    made = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(0, 4))):
        if made:
            at = data.draw(st.integers(0, len(made) - 1))
            made[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(made)))
    answer = read(bytes(made[:cut] if data.draw(st.booleans()) else made))
    assert answer.trouble in {"", "document.unreadable", "document.bomb"}


@given(st.binary(max_size=2000), st.sampled_from(["", "text/html", "text/calendar"]))
def test_any_bytes_are_read_or_refused(data: bytes, media: str) -> None:
    assert read(data, media).trouble in {"", "document.unreadable", "document.bomb"}
