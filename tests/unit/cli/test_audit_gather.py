"""`safeconduct audit gather`: its key lies elsewhere than its log."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from safeconduct.audit.nodes.heads import CHECKPOINT, CONTRADICTION
from safeconduct.audit.reading import read
from safeconduct.audit.records import encode
from safeconduct.audit.verify import verify
from safeconduct.cli import main, output
from tests.support.logs import ORIGIN, numbers, written
from tests.support.trails import raw

KEPT = {"audit.key", "audit.signed", "audit.closed"}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    node = tmp_path / "node"
    written(node, *numbers(3))
    key = (node / "log.pub").read_text().strip()
    policy = tmp_path / "nodes.policy"
    policy.write_text(f"log {key} {node.as_uri()}\nquorum none\n")
    return policy


@pytest.mark.parametrize("given", [None, "elsewhere"])
def test_key_and_memory_lie_beside_the_log_or_where_it_is_said(
    given: str | None, tmp_path: Path, policy: Path
) -> None:
    logs = tmp_path / "logs"
    state = tmp_path / (given or "logs.state")
    asked = [str(logs), "--origin", "acme.example/nodes", "--nodes", str(policy)]
    more = [] if given is None else ["--state", str(state)]
    for _ in range(2):  # the second time with what the first has left
        assert main.main(["audit", "gather", *asked, *more]) == output.OK
    assert {path.name for path in state.iterdir()} == KEPT
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert not KEPT & {path.name for path in logs.iterdir()}
    report = verify(logs)
    assert (report.exit_code, report.records) == (0, 1)


def test_without_what_it_signed_before_it_signs_no_more(tmp_path: Path, policy: Path) -> None:
    asked = [str(tmp_path / "logs"), "--origin", "acme.example/nodes", "--nodes", str(policy)]
    assert main.main(["audit", "gather", *asked]) == output.OK
    other = ["--state", str(tmp_path / "other")]
    assert main.main(["audit", "gather", *asked, *other]) == output.FAULT


def test_the_log_of_logs_shows_which_node_had_how_many_records(
    tmp_path: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "logs"
    asked = [str(logs), "--origin", "acme.example/nodes", "--nodes", str(policy)]
    assert main.main(["audit", "gather", *asked, "--state", str(tmp_path / "elsewhere")]) == 0
    (taken,) = read(logs)
    raw(tmp_path / "copy", [encode(taken), encode({**taken, "kind": CONTRADICTION, "n": 1})])
    capsys.readouterr()
    for verb, kinds in (
        (["show"], [CHECKPOINT, CONTRADICTION]),
        (["query"], [CHECKPOINT, CONTRADICTION]),
        (["query", "--kind", CONTRADICTION], [CONTRADICTION]),
    ):
        assert main.main(["audit", *verb, str(tmp_path / "copy")]) == output.OK
        told = [line.split()[2:] for line in capsys.readouterr().out.splitlines()]
        assert told == [[kind, ORIGIN, "3", "records"] for kind in kinds]
