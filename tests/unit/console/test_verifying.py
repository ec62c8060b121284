"""The bytes that a browser verifies the log from: they are those of the log, and on record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, notes, tiles
from safeconduct.audit.tiles import HEIGHT, WIDTH
from safeconduct.console import records
from safeconduct.core import proofs
from safeconduct.core.merkle import HASH_BYTES, leaf_hash
from tests.support.consoling import ANN, KIM, OLE, TENANT, Browser, House
from tests.support.worlds import USER

PINS = 2 * WIDTH + 40
PATHS = ("/verify", "/log/checkpoint", "/log/tile/0/000", "/log/entry/0")


async def grown(directory: Path) -> House:
    """A company whose log has some tiles, all of them signed."""
    house = House(directory)
    async with house.task:
        for at in range(0, PINS, 100):
            await house.rooms.log.append(
                *(
                    {"kind": "pin", "target": f"crm#tools:{n}", "pin": "sha256:0", "at_ms": 1}
                    for n in range(at, min(PINS, at + 100))
                )
            )
    return House(directory)  # what is opened is signed first


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await grown(tmp_path)
    async with house.task:
        yield house


async def tree_of(browser: Browser, directory: Path) -> checkpoint.Checkpoint:
    """What the checkpoint that is served says; the log's key signed it."""
    page = await browser.get("/log/checkpoint")
    key = notes.parse_key((directory / "audit" / "log.pub").read_text().strip())
    note = notes.parse(page.content)
    assert notes.verify(note, [key])
    return checkpoint.parse(note.text)


async def test_the_served_tiles_make_the_root_that_the_log_s_key_signed(house: House) -> None:
    browser = await house.signed_in(ANN)
    tree = await tree_of(browser, house.directory)
    assert tree.size > 2 * WIDTH
    kept: dict[tuple[int, int], list[bytes]] = {}
    for level in range(2):
        count = tree.size >> (HEIGHT * level)
        for index in range(-(-count // WIDTH)):
            width = min(WIDTH, count - index * WIDTH)
            page = await browser.get(f"/log/{tiles.path(level, index, width)}")
            assert (page.status, len(page.content)) == (200, width * HASH_BYTES)
            parts = range(0, len(page.content), HASH_BYTES)
            kept[level, index] = [page.content[at : at + HASH_BYTES] for at in parts]

    def hashes(level: int, index: int) -> bytes:
        tile, at = divmod(index << level % HEIGHT, WIDTH)
        return tiles.fold(kept[level // HEIGHT, tile][at : at + (1 << level % HEIGHT)])

    assert proofs.root(tree.size, hashes) == tree.root
    data = (await browser.get("/log/entry/300")).content
    path = proofs.inclusion(300, tree.size, hashes)
    assert proofs.is_included(leaf_hash(data), 300, tree.size, path, tree.root)
    assert b'"target":"crm#tools:' in data


async def test_a_tile_that_is_whole_by_now_is_served_as_it_was(house: House) -> None:
    browser = await house.signed_in(ANN)
    whole = (await browser.get("/log/tile/0/001")).content
    assert (await browser.get("/log/tile/0/001.p/7")).content == whole[: 7 * HASH_BYTES]


async def test_a_record_is_shown_on_record_and_hashes_are_not(house: House) -> None:
    browser = await house.signed_in(ANN)
    await browser.get("/log/tile/0/000")
    await browser.get("/log/checkpoint")
    assert house.records("audit.read") == []
    data = (await browser.get("/log/entry/5")).content
    (read,) = house.records("audit.read")
    assert {
        name: read[name] for name in ("by", "phase", "asked", "records", "first", "answer")
    } == {
        "by": ANN,
        "phase": "show",
        "asked": {"record": 5},
        "records": 1,
        "first": 5,
        "answer": sha256(leaf_hash(data)).hexdigest(),
    }


async def test_of_a_log_that_changed_hands_nobody_sees_what_the_others_did(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        config = {"kind": "config", "phase": "loaded", "policy": "", "unsafe": [], "at_ms": 1}
        pin = {"kind": "pin", "target": "crm#tools:theirs", "pin": "sha256:0", "at_ms": 1}
        theirs = await house.rooms.log.append({**config, "tenant": "others.example"}, pin)
        ours = await house.rooms.log.append({**config, "tenant": TENANT}, {**pin, "target": "ours"})
    house = House(tmp_path)  # what is opened is signed first
    async with house.task:
        browser = await house.signed_in(ANN)
        for n in (theirs, theirs + 1):
            page = await browser.get(f"/log/entry/{n}")
            assert (page.status, page.said) == (404, "This record is not of this tenant.")
        assert house.records("audit.read") == []
        assert "ours" in (await browser.get(f"/log/entry/{ours + 1}")).text


@pytest.mark.parametrize(
    "path",
    [
        "/log/tile/0/003",
        "/log/tile/0/002",  # not whole
        "/log/tile/0/002.p/255",
        "/log/tile/0/000.p/256",
        "/log/tile/0/000.p/0",
        "/log/tile/0/x000/000",
        "/log/tile/0/0",
        "/log/tile/00/000",
        "/log/tile/-1/000",
        "/log/tile/1/001",
        "/log/tile/2/000.p/1",
        "/log/tile/8/000",
        "/log/tile/9999999999/000",
        "/log/tile/entries/000",
        "/log/tile/0/../../log.pub",
        "/log/tile/0/999",
        "/log/tile/7/x999/x999/x999/x999/999",
        "/log/entry/999999",
        "/log/entry/-1",
        "/log/entry/01",
        "/log/entry/9999999999999999999999",
    ],
)
async def test_what_is_not_there_is_not_found(house: House, path: str) -> None:
    browser = await house.signed_in(ANN)
    assert (await browser.get(path)).status == 404
    assert house.records("audit.read") == []


@pytest.mark.parametrize("path", PATHS)
async def test_it_is_for_analysts_alone(house: House, path: str) -> None:
    for user in (USER, KIM, OLE):
        assert (await (await house.signed_in(user)).get(path)).status == 403
    page = await house.browser().get(path)
    assert (page.status, page.to.partition("?")[0]) == (303, "/sign-in")
    told = await house.browser().get(path, accept="application/json")
    assert (told.status, told.json) == (
        401,
        {"wrong": "You are not signed in any more. Load the page again."},
    )
    assert house.records("audit.read") == []


async def test_what_looks_by_itself_keeps_no_session_alive(house: House) -> None:
    browser = await house.signed_in(ANN)
    told: list[int] = []
    for _ in range(3):
        house.now_ms += 6 * 60_000
        told.append((await browser.get("/log/checkpoint")).status)
    assert told == [200, 200, 303]


async def test_the_page_shows_the_key_and_takes_a_number_and_nothing_else(house: House) -> None:
    browser = await house.signed_in(ANN)
    key = (house.directory / "audit" / "log.pub").read_text().strip()
    page = await browser.get("/verify?n=12")
    assert f'data-key="{key.replace("+", "+")}"' in page.text
    assert 'value="12"' in page.text
    assert "<noscript>" in page.text
    for odd in ("%22%3E%3Cscript%3E", "-1", "1e3", "%E2%80%AE1", "0x1", "9" * 16):
        assert 'name="n" inputmode="numeric" pattern="[0-9]*" maxlength="15" value=""' in (
            (await browser.get(f"/verify?n={odd}")).text
        )


def removed(log: Path) -> None:
    (log / "checkpoint").write_text("no checkpoint\n")


def cut(log: Path) -> None:
    for segment in log.glob("segment-*.log"):
        segment.unlink()


@pytest.mark.parametrize("breaks", [removed, cut])
async def test_a_log_that_cannot_be_read_is_said_to_be(
    house: House, breaks: Callable[[Path], None]
) -> None:
    browser = await house.signed_in(ANN)
    house.rooms.log.close()  # and signs nothing more
    breaks(house.directory / "audit")
    page = await browser.get("/log/entry/0")
    assert page.status == 503
    assert page.said.startswith("The log cannot be read now")


async def test_what_cannot_be_put_on_record_is_not_shown(house: House) -> None:
    browser = await house.signed_in(ANN)
    house.rooms.log.close()
    page = await browser.get("/log/entry/0")
    assert (page.status, page.said) == (503, "This could not be recorded, so it was not done.")


async def test_one_person_gets_so_many_tiles_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "FILES_PER_MINUTE", 2)
    house = await grown(tmp_path)
    async with house.task:
        browser = await house.signed_in(ANN)
        assert [(await browser.get("/log/tile/0/000")).status for _ in range(3)] == [200, 200, 429]
        assert (await browser.get("/log/entry/0")).status == 200


async def test_records_are_counted_with_what_else_somebody_asks_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PER_MINUTE", 1)
    house = await grown(tmp_path)
    async with house.task:
        browser = await house.signed_in(ANN)
        assert [(await browser.get("/log/entry/0")).status for _ in range(2)] == [200, 429]
