"""Evidence in a bucket whose objects nobody deletes before their date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from safeconduct.audit import tail
from safeconduct.audit.verify import verify
from safeconduct.cli import main, output
from tests.e2e.object_store import CREDENTIALS, bucket, served
from tests.unit.audit.preserving.test_directory import grow

pytestmark = pytest.mark.debian


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(autouse=True)
def as_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def run(capsys: pytest.CaptureFixture[str], log: Path, to: str, url: str) -> tuple[int, str]:
    words = ["audit", "preserve", str(log), "--to", to, "--days", "400", "--endpoint", url]
    code = main.main([*words, "--format", "json"])
    shown = capsys.readouterr()
    return code, shown.out or shown.err


def test_what_was_put_stays_and_verifies(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 2_000)
    client = bucket(url, "evidence", locked=True)
    log = tmp_path / "log"
    grow(log)
    code, said = run(capsys, log, "s3://evidence/node-1", url)
    assert code == output.OK, said
    grow(log)
    code, said = run(capsys, log, "s3://evidence/node-1", url)
    assert code == output.OK, said
    done = json.loads(said)
    assert done["records"] == 120
    code, said = run(capsys, log, "s3://evidence/node-1", url)
    assert json.loads(said)["put"] == []

    # Its versions cannot be deleted, nor be replaced by a second one without notice.
    for name in ("log.pub", "checkpoint"):
        stored = client.head_object(Bucket="evidence", Key=f"node-1/{name}")
        assert stored["ObjectLockMode"] == "COMPLIANCE"
    key = "node-1/segment-00000000.log"
    stored = client.head_object(Bucket="evidence", Key=key)
    assert stored["ObjectLockMode"] == "COMPLIANCE"
    version = stored["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket="evidence", Key=key, VersionId=version)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket="evidence", Key=key, Body=b"x", IfNoneMatch="*")

    # What is there is a log.
    copy = tmp_path / "copy"
    for one in client.list_objects_v2(Bucket="evidence", Prefix="node-1/")["Contents"]:
        place = copy / one["Key"].removeprefix("node-1/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(client.get_object(Bucket="evidence", Key=one["Key"])["Body"].read())
    report = verify(copy)
    assert (report.exit_code, report.records) == (0, done["records"])

    # A log that was rewritten here is not what is there.
    grow(tmp_path / "other", what="confyg")
    rewritten = (tmp_path / "other" / "segment-00000000.log").read_bytes()
    (log / "segment-00000000.log").write_bytes(rewritten)
    code, said = run(capsys, log, "s3://evidence/node-1", url)
    assert code == output.FOUND
    assert "is not what was preserved of it" in said


@pytest.mark.parametrize(
    ("name", "why"),
    [("plain", "ObjectLockConfigurationNotFound|has no Object Lock"), ("absent", "NoSuchBucket")],
)
def test_a_bucket_without_the_lock_is_refused(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, why: str
) -> None:
    if name == "plain":
        bucket(url, name, locked=False)
    grow(tmp_path / "log", 1)
    code, said = run(capsys, tmp_path / "log", f"s3://{name}/x", url)
    assert code == output.FAULT
    assert any(one in said for one in why.split("|"))


def test_a_store_that_is_gone_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    grow(tmp_path / "log", 1)
    code, said = run(capsys, tmp_path / "log", "s3://evidence/x", "http://127.0.0.1:9")
    assert code == output.FAULT
    assert "not preserved" in said
