"""Exporting a case at the console: a bundle that others verify, and a record that says so."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest

from safeconduct.console import exporting, proofs
from tests.support.consoling import ANN, KIM, OLE, Browser, House, Page
from tests.support.worlds import USER


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "house")
    async with house.task:
        yield house


def task_of(house: House) -> str:
    """The task that the agent works on."""
    return str(house.records("task")[0]["task"])


async def exported(browser: Browser, path: str, **fields: str) -> Page:
    """What comes of the form of a page."""
    csrf = (await browser.get("/search")).csrf if "csrf" not in fields else fields.pop("csrf")
    return await browser.post(path, {"csrf": csrf, "case": "C-4711", **fields})


async def analyst(house: House) -> Browser:
    """Ann, after something happened; she has a page with a form."""
    await house.call({"id": "D-7"}, "crm.get_deal")
    house.now_ms += 1_000
    return await house.signed_in(ANN)


def verified(bundle: bytes, tmp_path: Path) -> str:
    """What the verifier in a bundle says of it."""
    (tmp_path / "case.zip").write_bytes(bundle)
    verifier = zipfile.ZipFile(BytesIO(bundle)).read("verify_log.py")
    (tmp_path / "verify_log.py").write_bytes(verifier)
    command = [sys.executable, str(tmp_path / "verify_log.py"), str(tmp_path / "case.zip")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_a_case_is_a_bundle_that_others_verify(house: House, tmp_path: Path) -> None:
    ann = await analyst(house)
    page = await exported(ann, f"/tasks/{task_of(house)}/export")
    assert page.status == 200
    assert page.headers["content-type"] == "application/zip"
    bundle = zipfile.ZipFile(BytesIO(page.content))
    case = bundle.read("case.json")
    digest = hashlib.sha256(case).hexdigest()
    assert page.headers["content-disposition"] == f'attachment; filename="case-{digest[:12]}.zip"'
    told = json.loads(case)
    assert (told["case"], told["complete"]) == ("C-4711", "task_n")
    assert len(told["answer"]) == 4
    assert not [name for name in bundle.namelist() if name.startswith("opened/")]
    (note,) = house.records("audit.read")
    assert (note["by"], note["phase"], note["case"]) == (ANN, "export", digest)
    records = [json.loads(line) for line in bundle.read("records.jsonl").splitlines()]
    assert records[-1]["n"] == note["n"]
    assert "complete" in verified(page.content, tmp_path)


async def test_of_the_tasks_below_a_case_and_the_page_say_that_they_are_not_in_it(
    house: House, tmp_path: Path
) -> None:
    ann = await analyst(house)
    task, below = task_of(house), f"t_{'1' * 24}"
    assert "in cases of their own" not in (await ann.get(f"/tasks/{task}")).text
    await house.passed_on(below)
    house.now_ms += 1_000
    page = await ann.get(f"/tasks/{task}")
    assert f'in cases of their own: <a href="/tasks/{below}#case"><code>{below}</code></a>.' in (
        page.text
    )
    assert 'id="case"' in (await ann.get(f"/tasks/{below}")).text
    case = await exported(ann, f"/tasks/{task}/export")
    bundle = zipfile.ZipFile(BytesIO(case.content))
    assert json.loads(bundle.read("case.json"))["below"] == [below]
    assert below.encode() not in bundle.read("records.jsonl")
    assert f"tasks below, which are not in it: ['{below}']" in verified(case.content, tmp_path)


async def test_what_was_searched_for_is_exported(house: House, tmp_path: Path) -> None:
    ann = await analyst(house)
    page = await exported(ann, "/search/export", tool="crm.get_deal", user=USER)
    told = json.loads(zipfile.ZipFile(BytesIO(page.content)).read("case.json"))
    assert (told["asked"]["tool"], told["complete"], len(told["answer"])) == (
        "crm.get_deal",
        None,
        1,
    )
    verified(page.content, tmp_path)


async def test_the_pages_have_the_form(house: House) -> None:
    ann = await analyst(house)
    for path in (f"/tasks/{task_of(house)}", f"/search?task={task_of(house)}&kind=any"):
        page = await ann.get(path)
        assert 'action="' + path.partition("?")[0] + '/export"' in page.text


@pytest.mark.parametrize("user", [OLE, KIM, USER])
@pytest.mark.parametrize("path", ["/search/export", f"/tasks/t_{'0' * 24}/export"])
async def test_nobody_else_gets_it(house: House, user: str, path: str) -> None:
    browser = await house.signed_in(user)
    csrf = (await browser.get("/")).csrf
    page = await exported(browser, path, csrf=csrf)
    assert (page.status, house.records("audit.read")) == (403, [])


async def test_a_form_of_another_session_exports_nothing(house: House) -> None:
    ann = await analyst(house)
    page = await exported(ann, f"/tasks/{task_of(house)}/export", csrf="x")
    assert (page.status, house.records("audit.read")) == (403, [])


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"case": " "}, 400, "Give the case a name of at most 128 characters."),
        ({"case": "x" * 129}, 400, "Give the case a name of at most 128 characters."),
        ({"colour": "red"}, 400, "Nothing here can be searched by colour."),
    ],
)
async def test_what_makes_no_case_is_said(
    house: House, fields: dict[str, str], status: int, said: str
) -> None:
    ann = await analyst(house)
    page = await exported(ann, "/search/export", **fields)
    assert (page.status, page.said) == (status, said)
    assert house.records("audit.read") == []


@pytest.mark.parametrize(
    "asked", [{"tool": "crm.nobody"}, {"user": "nobody@crm.example"}], ids=["tool", "user"]
)
async def test_that_there_is_nothing_to_export_is_learned_on_record(
    house: House, asked: dict[str, str]
) -> None:
    ann = await analyst(house)
    page = await exported(ann, "/search/export", **asked)
    assert (page.status, page.said) == (404, "No record answers this.")
    (read,) = house.records("audit.read")
    assert (read["phase"], read["records"], "case" in read) == ("export", 0, False)


async def test_what_is_too_much_for_a_page_is_said_to_be(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await analyst(house)
    path = f"/tasks/{task_of(house)}/export"
    monkeypatch.setattr(exporting, "MOST_BYTES", 10)
    page = await exported(ann, path)
    assert (page.status, page.said) == (400, exporting.TOO_LARGE)
    monkeypatch.setattr(proofs, "MOST", 1)
    page = await exported(ann, path)
    assert (page.status, page.said) == (400, proofs.TOO_MANY)
    assert house.records("audit.read") == []


async def test_one_person_exports_so_often_and_no_more(house: House) -> None:
    ann = await house.signed_in(ANN)
    told = [
        (await exported(ann, "/search/export", tool="none")).status
        for _ in range(exporting.PER_MINUTE + 1)
    ]
    assert told == [404] * exporting.PER_MINUTE + [429]


async def test_what_cannot_be_put_on_record_is_not_exported(house: House) -> None:
    ann = await analyst(house)
    task, csrf = task_of(house), (await ann.get("/search")).csrf
    house.rooms.log.close()
    page = await exported(ann, f"/tasks/{task}/export", csrf=csrf)
    assert (page.status, page.said) == (503, "This could not be recorded, so it was not done.")
