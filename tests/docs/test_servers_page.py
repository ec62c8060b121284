"""docs/reference/servers.md against what `make e2e` starts."""

import pytest

from tests.e2e import servers, test_clients
from tests.e2e.parts import AGES, Part, npm_issuer, npm_server, python_issuer, python_server
from tests.support.pages import DOCS, ROOT, codes, sections, tables

PAGE = DOCS / "reference" / "servers.md"


def rows(heading: str) -> list[list[str]]:
    return tables(sections(PAGE)[heading])[0][1:]


def test_every_server_stands_with_its_versions() -> None:
    started: dict[str, list[str]] = {}
    for make, names in (
        (npm_server, ("everything", "filesystem", "memory")),
        (python_server, ("fetch", "git", "time")),
    ):
        for name in names:
            parts: list[Part] = [make(name, age) for age in AGES]
            started[parts[0].package] = [part.version for part in parts]
    assert {codes(row[0])[0]: codes(row[2]) for row in rows("Servers")} == started


def test_every_server_stands_with_the_revisions_that_are_agreed_on_with_it() -> None:
    for row in rows("Servers"):
        assert codes(row[3]) == list(servers.REVISIONS[row[1]].values())


def test_the_server_that_speaks_the_first_revision_alone_is_named() -> None:
    part = servers.memory("2024", ROOT).part
    text = " ".join(sections(PAGE)["Servers"].split())
    assert f"`{part.package}` `{part.version}`, is spoken to" in text


def test_the_server_that_tenants_share_is_named() -> None:
    part = npm_server("postgres", "new")
    text = " ".join(sections(PAGE)["Servers"].split())
    assert f"stands `{part.package}` `{part.version}`" in text


def test_every_client_stands_with_its_version_and_what_it_agrees_on() -> None:
    shown = [
        (codes(row[0])[0], codes(row[2])[0], mode, codes(row[4])[0])
        for row in rows("Clients")
        for mode in codes(row[3])
    ]
    assert shown == [
        (part.package, part.version, mode, revision)
        for part, modes in test_clients.PLAYED.values()
        for mode, revision in modes.items()
    ]


def test_every_file_that_pins_is_there() -> None:
    pinning = [file for row in rows("What is pinned") for cell in row[1:] for file in codes(cell)]
    files = [file for file in pinning if "/" in file]
    assert len(files) == 10
    assert all((ROOT / file).is_file() for file in files)


def test_a_missing_part_is_skipped_and_fails_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part("server", "1.0", ROOT / "nowhere", ())
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"server 1\.0 is not installed: `make e2e`"):
        part.required()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"server 1\.0 is not installed"):
        part.required()


def test_every_issuer_stands_with_its_version() -> None:
    started = {part.package: part.version for part in (npm_issuer(), python_issuer())}
    assert {codes(row[0])[0]: codes(row[2])[0] for row in rows("Issuers of users")} == started
