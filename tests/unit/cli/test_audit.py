"""`safeconduct audit`: what is no log is not called a damaged one."""

from pathlib import Path

import pytest

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.witness import keys
from safeconduct.cli import main, output
from tests.support.logs import numbers, permit, written


def _verify(directory: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main.main(["audit", "verify", str(directory)])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


@pytest.mark.parametrize("verb", ["verify", "show"])
@pytest.mark.parametrize("made", [True, False])
def test_a_directory_without_a_log_is_said_to_be_one(
    verb: str, made: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "gateway"
    if made:
        directory.mkdir()
    assert main.main(["audit", verb, str(directory)]) == output.FAULT
    said = capsys.readouterr()
    meant = directory / "state" / "audit"
    assert said.err == f"safeconduct: no log in {directory} (fix: did you mean {meant}?)\n"
    assert said.out == ""


def test_a_configuration_that_nobody_served_has_no_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    assert main.main(["audit", "verify", "--config", str(tmp_path / "gateway")]) == output.FAULT
    assert "no gateway has run with this configuration yet" in capsys.readouterr().err


def test_a_log_is_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, *numbers(1))
    code, said = _verify(tmp_path, capsys)
    assert code == 0
    assert said.splitlines()[-1].startswith("audit verified: 1 record, root ")


def test_a_log_whose_checkpoint_is_gone_is_truncated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, *numbers(3))
    (tmp_path / checkpoint.NAME).unlink()
    code, said = _verify(tmp_path, capsys)
    assert code == 10
    assert said.startswith("truncated: the checkpoint is gone")


def test_a_log_whose_segments_are_gone_is_truncated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, *numbers(3))
    segments.path(tmp_path, 0).unlink()
    assert _verify(tmp_path, capsys)[0] == 10


def test_a_log_whose_first_segment_is_gone_is_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, *numbers(3))
    segments.path(tmp_path, 0).rename(segments.path(tmp_path, 1))
    (tmp_path / checkpoint.NAME).unlink()
    assert _verify(tmp_path, capsys)[0] == 11


def test_a_line_has_the_time_and_what_explain_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timed = {**permit("d_1"), "at_ms": 1_763_283_600_000, "tool": "crm.get_case"}
    written(tmp_path, [timed, {"kind": "note"}])
    assert main.main(["audit", "show", str(tmp_path)]) == output.OK
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["0", "2025-11-16T09:00:00+00:00", "decision", "permit", "d_1", "crm.get_case", "t_1"],
        ["1", "note"],
    ]


def test_the_word_of_the_witnesses_of_a_configuration_is_good_for_so_long(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = tmp_path / "gateway"
    assert main.main(["init", str(gateway)]) == 0
    log = gateway / "state" / "audit"
    written(log, [{"kind": "note", "at_ms": 100_000}])
    witness = keys.signers(tmp_path, "witness.example")[0]
    note = notes.parse((log / "checkpoint").read_bytes())
    (log / "witnessed").write_text(f"{note}{notes.sign(note.text, witness, 70)}")
    policy = gateway / "w.policy"
    policy.write_text(f"witness w {witness.key}\nquorum w\n")
    config = gateway / "safeconduct.yaml"
    text = config.read_text()
    for age_s, code in ((30, 0), (29, 14)):
        witnesses = f"witnesses: {{ policy: w.policy, max_age_s: {age_s} }}"
        config.write_text(text.replace("\naudit: { ", f"\naudit: {{ {witnesses}, "))
        assert main.main(["audit", "verify", "--config", str(gateway)]) == code
    assert "cosigned by nobody within 29 s before the newest record" in capsys.readouterr().out
    assert main.main(["audit", "verify", str(log), "--witness-policy", str(policy)]) == 0


def test_a_task_has_a_time_and_an_answer_says_by_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = {"kind": "task", "phase": "started", "task": "t_1", "started_ms": 1_763_283_600_000}
    asked = {"kind": "approval", "phase": "granted", "task": "t_1", "by": "uid:7", "at_ms": 0}
    written(tmp_path, [task, asked])
    assert main.main(["audit", "show", str(tmp_path)]) == output.OK
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["0", "2025-11-16T09:00:00+00:00", "task", "started", "t_1"],
        ["1", "1970-01-01T00:00:00+00:00", "approval", "granted", "t_1", "by", "uid:7"],
    ]


def test_a_file_is_no_log_and_may_be_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = tmp_path / "case.zip"
    case.touch()
    code, said = _verify(case, capsys)
    assert (code, f"(fix: a bundle is verified with --bundle {case})" in said) == (2, True)


def test_the_witnesses_of_a_configuration_are_asked_for_unless_others_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = tmp_path / "gateway"
    assert main.main(["init", str(gateway)]) == 0
    written(gateway / "state" / "audit", *numbers(1))
    key = (gateway / "state" / "audit" / "log.pub").read_text().strip()
    witness = keys.signers(tmp_path, "witness.example")[0].key
    (gateway / "w.policy").write_text(f"log {key}\nwitness w {witness}\nquorum w\n")
    (tmp_path / "nobody").write_text("quorum none\n")
    config = gateway / "safeconduct.yaml"
    text = config.read_text()
    assert text.count("\naudit: { ") == 1
    config.write_text(text.replace("\naudit: { ", "\naudit: { witnesses: { policy: w.policy }, "))
    verify = ["audit", "verify", "--config", str(gateway)]
    assert main.main(verify) == 14
    said = "unwitnessed: not witnessed as the policy asks: cosigned by nobody\n"
    assert said in capsys.readouterr().out
    assert main.main([*verify, "--witness-policy", str(tmp_path / "nobody")]) == 0
    assert main.main(["audit", "verify", str(gateway / "state" / "audit")]) == 0
    (tmp_path / "nobody").write_text("quorum who\n")
    assert main.main([*verify, "--witness-policy", str(tmp_path / "nobody")]) == output.USAGE
