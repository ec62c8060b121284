"""The process that reads documents for a gateway: one after the other, each in a child of its own.

Over standard input come frames of a length (4 bytes, big-endian) and a `Question` in MessagePack;
each is answered by such a frame with an `Answer`, after a first one that says how this process is
confined. It looks at no document itself: a child does, which ends with that document, so nothing
that a document does to its reader outlasts it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Final

import msgspec

from safeconduct.inspectors.documents import confining
from safeconduct.inspectors.documents.limits import Limits, bomb, unreadable
from safeconduct.inspectors.documents.wire import LENGTH, Answer, Question, Ready, framed

_IN: Final = 0
_OUT: Final = 1
_PIECE: Final = 1024 * 1024


def _main() -> None:
    limits = msgspec.json.decode(sys.argv[1], type=Limits)
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends with the gateway, and not before
        signal.signal(number, signal.SIG_IGN)
    try:
        from safeconduct.inspectors.documents import reading  # noqa: PLC0415 may be missing

        reading.warm(limits)
    except ImportError as error:
        extras = "documents,ocr" if limits.languages else "documents"
        fix = f"pip install 'safeconduct[{extras}]'"
        _write(_OUT, framed(Ready((), f"{error.name} is not installed (fix: {fix})")))
        return
    except RuntimeError:
        models = "+".join(limits.languages)
        _write(_OUT, framed(Ready((), f"Tesseract cannot use {limits.models} for {models}")))
        return
    _write(_OUT, framed(Ready(confining.confine_reader())))
    while (question := _frame()) is not None:
        _write(_OUT, _apart(question, limits))


def _apart(question: bytes, limits: Limits) -> bytes:
    """The frame of an answer, by a child that reads the document."""
    from safeconduct.inspectors.documents import reading  # noqa: PLC0415 loaded above

    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for end in (out, _IN, _OUT):
                os.close(end)
            confining.confine_document(limits)
            answer = reading.answer(msgspec.msgpack.decode(question, type=Question), limits)
            _write(into, framed(answer))
        finally:
            os._exit(0)
    os.close(into)
    # Four bytes for a character, and more than enough around the texts.
    given = _read(out, 6 * limits.max_characters)
    os.close(out)
    if given is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if given and len(given) == LENGTH.size + LENGTH.unpack_from(given)[0]:
        return given
    ended = os.waitstatus_to_exitcode(status)
    if -ended in (signal.SIGXCPU, signal.SIGKILL):
        trouble = bomb(f"it took more than {limits.cpu_s} s of the processor")
    elif -ended == signal.SIGALRM:
        trouble = unreadable(f"not read within {limits.wall_s:g} s")
    elif ended == 0:
        trouble = bomb(f"it took more than {limits.memory_bytes} bytes of memory")
    else:
        trouble = unreadable(f"its reader ended with {ended}")
    return framed(Answer(trouble=trouble.kind, why=trouble.why))


def _frame() -> bytes | None:
    head = _exactly(LENGTH.size)
    return None if head is None else _exactly(LENGTH.unpack(head)[0])


def _exactly(size: int) -> bytes | None:
    given = bytearray()
    while len(given) < size:
        more = os.read(_IN, min(size - len(given), _PIECE))
        if not more:
            return None
        given += more
    return bytes(given)


def _read(end: int, limit: int) -> bytes | None:
    """All that comes until the other end closes; None where it is too much."""
    given = bytearray()
    while more := os.read(end, _PIECE):
        given += more
        if len(given) > limit:
            return None
    return bytes(given)


def _write(end: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(end, rest) :]


if __name__ == "__main__":
    _main()
