"""`safeconduct audit prove`, `publish` and `rotate-key`."""

import json
from pathlib import Path

import pytest

from safeconduct.app.noting import opened
from safeconduct.audit import checkpoint, notes, proving, segments
from safeconduct.audit.changes import KIND, change, in_force
from safeconduct.audit.reading import read
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.walk import Walk
from safeconduct.cli import main, output
from safeconduct.config import load
from tests.support.logs import numbers, permit, written


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main.main(["audit", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    written(tmp_path / "log", *numbers(4), [permit("d_1")], *numbers(2))
    return tmp_path / "log"


@pytest.mark.parametrize("about", [("--record", "4"), ("--decision", "d_1")])
def test_a_record_is_proven(
    log: Path, capsys: pytest.CaptureFixture[str], about: tuple[str, str]
) -> None:
    code, text, _ = said(capsys, "prove", log, *about)
    proof = proving.parse(text.encode())
    entries = [entry for group in Walk(log) for entry in group.entries]
    assert (code, proof.index, proof.holds(entries[4])) == (output.OK, 4, True)
    _, line, _ = said(capsys, "prove", log, *about, "--format", "json")
    assert json.loads(line) == {"record": 4, "size": 7, "proof": text}


def test_that_nothing_was_changed_is_proven(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = said(capsys, "prove", log, "--since", 3)
    old, size, *path = text.splitlines()
    assert (code, old, size, len(path)) == (output.OK, "old 3", "size 7", 4)
    _, line, _ = said(capsys, "prove", log, "--since", 3, "--format", "json")
    assert json.loads(line) == {"old": 3, "size": 7, "proof": path}


def test_what_there_is_not_is_said(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for about, sentence in (
        (("--record", 7), "no checkpoint covers a record 7 yet"),
        (("--since", 8), "no checkpoint covers 8 records yet"),
        (("--decision", "d_2"), f"no decision 'd_2' in {log}"),
    ):
        code, _, told = said(capsys, "prove", log, *about)
        assert code == output.FOUND
        assert told.startswith(f"safeconduct: {sentence}")


def test_a_damaged_log_is_neither_proven_nor_published(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "other", *numbers(7, first=9))
    segments.path(log, 0).write_bytes(segments.path(tmp_path / "other", 0).read_bytes())
    code, _, told = said(capsys, "prove", log, "--record", 2)
    assert (code, "does not stand under" in told) == (output.FAULT, True)
    code, _, told = said(capsys, "publish", log, "--to", tmp_path / "out")
    assert (code, "not the one whose first 7" in told) == (output.FAULT, True)


def test_a_log_is_published(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = checkpoint.load(log)
    assert tree is not None
    code, text, _ = said(capsys, "publish", log, "--to", tmp_path / "out")
    told = f"{tree.origin} is published up to 7 records, root {tree.root.hex()}\n"
    assert (code, text) == (output.OK, told)
    assert (tmp_path / "out" / "tile" / "entries" / "000.p" / "7").exists()
    code, _, told = said(capsys, "publish", tmp_path / "out", "--to", tmp_path / "out")
    assert code != output.OK


@pytest.mark.parametrize("verb", [("prove", "--record", 1), ("publish", "--to", "out")])
def test_without_a_log_there_is_nothing_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: tuple[object, ...]
) -> None:
    code, _, told = said(capsys, verb[0], tmp_path, *verb[1:])
    assert (code, "no log in" in told) == (output.FAULT, True)


class TestRotation:
    @pytest.fixture
    def gateway(self, tmp_path: Path) -> Path:
        assert main.main(["init", str(tmp_path / "gateway")]) == 0
        config = load(tmp_path / "gateway")
        (tmp_path / "gateway" / config.root.gateway.state).mkdir(mode=0o700)
        with opened(config):
            pass
        return tmp_path / "gateway"

    def test_a_log_that_never_was_has_no_key(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.main(["init", str(tmp_path / "new")]) == 0
        code, _, told = said(capsys, "rotate-key", "--config", tmp_path / "new")
        assert (code, "no gateway has run with this configuration yet" in told) == (3, True)

    def test_the_key_is_replaced_and_the_change_on_record(
        self, gateway: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        log = output.log_of(load(gateway))
        before = notes.parse_key((log / PUBLIC).read_text().strip())
        code, text, _ = said(capsys, "rotate-key", "--config", gateway)
        after = notes.parse_key((log / PUBLIC).read_text().strip())
        assert (code, text) == (output.OK, f"the log is signed by {after}\n")
        (record,) = (record for record in read(log) if record["kind"] == KIND)
        assert in_force(before, [change(record)], 1) == after != before
        assert said(capsys, "verify", log)[0] == 0

    def test_a_gateway_that_runs_keeps_its_key(
        self, gateway: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        with opened(load(gateway)):
            code, _, told = said(capsys, "rotate-key", "--config", gateway)
        assert (code, "the gateway runs (fix: stop it first" in told) == (output.FAULT, True)
        assert not list(gateway.rglob(keys.NEXT))

    def test_a_next_key_that_others_can_read_is_not_used(
        self, gateway: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = load(gateway)
        state = Path(config.directory) / config.root.gateway.state
        keys.create(state / keys.NEXT)
        (state / keys.NEXT).chmod(0o644)
        code, _, told = said(capsys, "rotate-key", "--config", gateway)
        assert (code, "others may read the key" in told) == (output.FAULT, True)
