"""A browser verifies the log of a gateway that runs, and finds out a server that lies."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from examples.stage.chromium import Chromium, chromium

from safeconduct.audit import checkpoint, notes
from safeconduct.audit.log import Log
from safeconduct.audit.notes import Note, Signer
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import Notary
from safeconduct.audit.tiles import WIDTH
from safeconduct.rooms import STATE_FILE
from safeconduct.tasks.state import TaskState
from tests.e2e.desk import enrolment, equip, opened, register
from tests.e2e.lying import Fork, Liar, flipped, honest, lying
from tests.support.installation import HOST, TENANT, USER, change, free_port, opened_office

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

ORIGIN: Final = f"{TENANT}/audit"
PINS: Final = 3 * WIDTH + 30


async def grow(directory: Path) -> None:
    """A log that has some tiles."""
    state = directory / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    tasks = TaskState(state / STATE_FILE)
    log = Log.open(
        state / "audit",
        tasks,
        origin=ORIGIN,
        signer=lambda where, name: Notary(where, state, name),
    )
    pins = [
        {"kind": "pin", "target": f"old#tools:{n}", "pin": "p", "at_ms": 1} for n in range(PINS)
    ]
    for at in range(0, PINS, 100):
        await log.append(*pins[at : at + 100])
    log.close()
    tasks.close()


class Desk:
    """An analyst in a browser, and a server in between."""

    def __init__(self, window: Chromium, url: str, liar: Liar, directory: Path) -> None:
        self.window = window
        self.url = url
        self.liar = liar
        self.log = directory / "state" / "audit"
        self.state = directory / "state"

    def visit(self, query: str = "") -> tuple[str, str]:
        """What the page comes to, and its sentences."""
        self.window.open(f"{self.url}/verify{query}")
        try:
            state = self.window.until_run(
                "const one = document.getElementById('outcome'); return one && one.dataset.state"
            )
        except AssertionError:
            raise AssertionError((self.window.text(), self.window.complaints())) from None
        return str(state), self.window.text("#outcome")

    def signer(self) -> Signer:
        """The log's own key, in hands that it should not be in."""
        return keys.load(self.state / keys.NAME, ORIGIN)

    def size(self) -> int:
        """How many records are signed."""
        tree = checkpoint.load(self.log)
        assert tree is not None
        return tree.size

    def outgrow(self, size: int) -> None:
        """Waits until more are."""
        for _ in range(1000):
            if self.size() > size:
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"still {size} records")


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, require_program: Callable[[str], Path]
) -> Generator[Desk]:
    require_program("chromium")
    driver = require_program("chromedriver")
    tmp_path = tmp_path_factory.mktemp("verify")
    directory = tmp_path / "gateway"
    with ExitStack() as stack:
        office = stack.enter_context(opened_office())
        url = equip(directory, office, {"unsafe_enrolment": True})
        root = json.loads((directory / "safeconduct.yaml").read_text())
        port = free_port()
        root["console"] |= {"listen": f"{HOST}:{port}", "roles": {"analyst": {"users": [USER]}}}
        change(directory / "safeconduct.yaml", root)
        asyncio.run(grow(directory))
        liar = stack.enter_context(lying(int(url.rpartition(":")[2]), port))
        stack.enter_context(opened(directory))
        window = stack.enter_context(chromium(driver, tmp_path / "driver.log"))
        window.authenticator()
        register(window, enrolment(directory, USER))
        yield Desk(window, url, liar, directory)


@pytest.fixture
def desk(running: Desk) -> Iterator[Desk]:
    """A browser that was here once, when nobody lied."""
    running.liar.lie = honest
    running.window.run("localStorage.clear()")
    state, said = running.visit()
    assert state == "good", said
    running.window.complaints()
    yield running
    running.liar.lie = honest


def test_an_honest_log_is_verified_and_held_to_what_was_seen_before(desk: Desk) -> None:
    size = desk.size()
    state, said = desk.visit("?n=300")
    assert state == "good"
    assert "The key is the one that this browser remembers since" in said
    assert "The checkpoint is signed with it" in said
    assert "The tiles make the root that was signed" in said
    assert "that this browser saw on" in said
    assert "Record 300, " in said
    assert "3 of 3 whole tiles looked at: all fit." in said
    path = desk.window.run("return document.querySelectorAll('#picture g').length")
    assert path == 2 * 10 + 1  # ten levels, a hash beside each, and the root
    assert desk.window.run("return document.querySelectorAll('#rows tr').length") == 11
    assert '"target":"old#tools:' in desk.window.run(
        "return document.getElementById('bytes').textContent"
    )
    desk.outgrow(size)  # that somebody read record 300 is on record
    state, said = desk.visit()
    assert (state, "It goes on from the" in said) == ("good", True)
    assert desk.window.complaints() == []


def test_all_tiles_can_be_looked_at_and_a_key_from_elsewhere_be_given(desk: Desk) -> None:
    key = (desk.log / "log.pub").read_text().strip()
    window = desk.window
    window.run("document.getElementById('how').value = 'all'; return 1")
    window.click("#verify button")
    window.until_run("return document.getElementById('outcome').dataset.state")
    assert "3 of 3 whole tiles" in window.text("#outcome")
    window.run("for (const one of document.querySelectorAll('details')) one.open = true")
    window.fill("#key", key)
    window.click("#pin button")
    state = window.until_run("return document.getElementById('outcome').dataset.state")
    assert state == "good"
    other = str(notes.key(ORIGIN, notes.ED25519, bytes(32)))
    window.fill("#key", other)
    window.click("#pin button")
    state = window.until_run("return document.getElementById('outcome').dataset.state")
    assert state == "alarm"
    assert "The console shows another key" in window.text("#outcome")


def alarm(desk: Desk, query: str = "") -> str:
    """The page raises it, and remembers what it remembered."""
    before = desk.window.run("return localStorage.getItem('safeconduct-log')")
    state, said = desk.visit(query)
    assert state == "alarm", said
    assert "Alarm: do not believe this log" in said
    assert desk.window.run("return localStorage.getItem('safeconduct-log')") == before
    assert desk.window.complaints() == []
    return said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/log/tile/0/001", "Tile 0/001 does not fit what stands above it"),
        ("/log/tile/1/000.p/3", "The tiles do not make the root that was signed."),
    ],
)
def test_one_bit_in_a_tile_is_found(desk: Desk, path: str, said: str) -> None:
    desk.liar.lie = lambda asked, body: flipped(body) if asked == path else body
    assert said in alarm(desk)


def test_a_tile_that_is_cut_is_found(desk: Desk) -> None:
    desk.liar.lie = lambda asked, body: body[:-32] if asked == "/log/tile/0/001" else body
    assert "Tile 0/001 has another length than the log's size makes it." in alarm(desk)


def test_one_bit_in_the_record_is_found(desk: Desk) -> None:
    desk.liar.lie = lambda asked, body: flipped(body) if asked == "/log/entry/7" else body
    assert "What the console sent as record 7 is not what the log has there." in alarm(desk, "?n=7")


def test_a_record_whose_hash_was_changed_as_well_is_found(desk: Desk) -> None:
    forged = b'{"kind":"pin"}'
    whole = Fork([forged] * WIDTH, ORIGIN, desk.signer())

    def lie(path: str, body: bytes) -> bytes:
        if path == "/log/entry/7":
            return forged
        return whole(path, body) if path == "/log/tile/0/000" else body

    desk.liar.lie = lie
    said = alarm(desk, "?n=7")
    assert "Record 7 does not stand under the root that was signed." in said


def test_an_older_checkpoint_is_found(desk: Desk) -> None:
    old, size = (desk.log / "checkpoint").read_bytes(), desk.size()
    desk.visit("?n=1")
    desk.outgrow(size)
    assert desk.visit()[0] == "good"
    desk.liar.lie = lambda path, body: old if path == "/log/checkpoint" else body
    assert "The log was cut: this browser saw" in alarm(desk)


def test_a_checkpoint_under_another_key_is_found(desk: Desk) -> None:
    private = Ed25519PrivateKey.generate()
    key = notes.key(ORIGIN, notes.ED25519, private.public_key().public_bytes_raw())
    other = Fork([b"x"] * 1_000, ORIGIN, Signer(key, private.sign))
    desk.liar.lie = other
    assert "The checkpoint is not signed with the log's key." in alarm(desk)

    def page_too(path: str, body: bytes) -> bytes:
        if path.startswith("/verify"):
            return re.sub(rb'data-key="[^"]+"', b'data-key="%s"' % str(key).encode(), body)
        return other(path, body)

    desk.liar.lie = page_too
    assert "The console shows another key than the one" in alarm(desk)


def test_a_signature_that_was_tampered_with_is_found(desk: Desk) -> None:
    note = notes.parse((desk.log / "checkpoint").read_bytes())
    (line,) = note.lines
    bad = str(Note(note.text, (line._replace(signature=flipped(line.signature)),))).encode()
    desk.liar.lie = lambda path, body: bad if path == "/log/checkpoint" else body
    assert "The checkpoint is not signed with the log's key." in alarm(desk)


@pytest.mark.parametrize("more", [0, 10])
def test_another_history_under_the_very_key_is_found(desk: Desk, more: int) -> None:
    size = int(desk.window.run("return JSON.parse(localStorage['safeconduct-log']).size"))
    desk.liar.lie = Fork([b"%d" % n for n in range(size + more)], ORIGIN, desk.signer())
    assert "The log was rewritten: it does not begin with" in alarm(desk)


def test_a_server_that_does_not_answer_verifies_nothing(desk: Desk) -> None:
    desk.liar.lie = lambda path, body: b"" if path == "/log/checkpoint" else body
    assert "What the console sent as the checkpoint is none." in alarm(desk)
    desk.liar.lie = honest
    state, said = desk.visit("?n=999999")
    assert (state, "No checkpoint covers a record 999999 yet." in said) == ("open", True)
    assert "Not verified" in said
