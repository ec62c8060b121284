"""What follows a log, as the configuration has it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest

from safeconduct.app import following
from safeconduct.audit.exports.exporter import Exporter
from safeconduct.audit.exports.opened import opened
from safeconduct.audit.exports.sink import SinkFault, Where
from safeconduct.audit.follower import hold
from safeconduct.audit.log import Log
from safeconduct.cli import main, output
from safeconduct.config import load
from safeconduct.config.audit import Export
from safeconduct.config.schema import Config
from tests.support.configs import SOUND
from tests.support.copies import NOW_MS
from tests.support.logs import Memory
from tests.support.sinks import Taking
from tests.support.web import serving


def configured(directory: Path, **exports: Export) -> Config:
    """The sound configuration, with exports, and the rest in a directory of its own."""
    config = load(SOUND)
    audit = msgspec.structs.replace(config.root.audit, exports=exports)
    root = msgspec.structs.replace(config.root, audit=audit)
    return msgspec.structs.replace(config, root=root, directory=str(directory))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("otlp-logs", "OtlpLogs"),
        ("otlp-traces", "OtlpSpans"),
        ("ocsf", "Ocsf"),
        ("splunk", "Splunk"),
        ("elastic", "Elastic"),
        ("datadog", "Datadog"),
        ("syslog", "Syslog"),
        ("cloudevents", "CloudEvents"),
    ],
)
def test_each_kind_has_its_sink(kind: Any, name: str) -> None:
    export = Export(kind=kind, url="tls://127.0.0.1:1")
    sink = opened(export, Where(url=export.url), None)
    assert type(sink).__name__ == name


def written(config: Config, *records: Mapping[str, Any]) -> None:
    """Writes a log as the gateway of a configuration does."""
    directory = following.log(config)
    log = Log.open(directory, Memory(), origin="crm.example/audit")

    async def append() -> None:
        await log.append(*records)

    try:
        asyncio.run(append())
    finally:
        log.close()


def test_an_export_is_opened_with_its_credential_and_goes_on(tmp_path: Path) -> None:
    with serving() as web:
        fake = Taking(web, "/ocsf")
        export = Export(kind="ocsf", url=f"{web.url}/ocsf", credential="file:token")
        config = configured(tmp_path, lake=export)
        (tmp_path / "token").write_text("secret-1")
        written(config, {"kind": "config", "at_ms": NOW_MS})
        following.cursors(config).mkdir(parents=True)
        part = following.parts(config)["lake"](Event())
        assert isinstance(part, Exporter)
        assert part.advance()
        assert fake.asked[0].headers["authorization"] == "Bearer secret-1"
        assert following.behind(config, NOW_MS) == {"lake": (0, 0, 0)}


def test_a_credential_that_is_not_there_is_a_pause(tmp_path: Path) -> None:
    export = Export(kind="ocsf", url="http://127.0.0.1:1", credential="file:none")
    config = configured(tmp_path, lake=export)
    read = following.secret(Path(config.directory), export.credential)
    assert read is not None
    with pytest.raises(
        SinkFault, match=rf"no credential at file:{tmp_path}/\S+: FileNotFoundError"
    ):
        read()


def test_how_far_an_export_is_behind(tmp_path: Path) -> None:
    export = Export(kind="ocsf", url="http://127.0.0.1:1")
    config = configured(tmp_path, lake=export)
    assert following.behind(config, NOW_MS) == {"lake": (0, 0, 0)}
    written(config, *({"kind": "config", "at_ms": NOW_MS} for _ in range(3)))
    assert following.behind(config, NOW_MS + 5000) == {"lake": (3, 5000, 0)}


def test_nothing_is_started_where_nothing_follows(tmp_path: Path) -> None:
    asyncio.run(following.keep_following(configured(tmp_path)))


async def test_a_follower_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that ends at once: nobody is there to be waited for in the end."""
    rests: list[float] = []
    twice = asyncio.Event()

    async def rest(pause_s: float) -> None:
        rests.append(pause_s)
        if len(rests) == 2:
            twice.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "sleep", rest)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    config = configured(tmp_path, lake=Export(kind="ocsf", url="http://127.0.0.1:1"))

    keeping = asyncio.create_task(following.keep_following(config))
    await twice.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    said = "the follower of the log ended with status 1 and is started again"
    assert [record.getMessage() for record in caplog.records] == [said, said]
    assert rests == [following.AGAIN_S] * 2


def test_the_verb_refuses_to_follow_nothing_or_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["init", str(tmp_path / "gateway")]) == 0
    follow = ["audit", "follow", "--config", str(tmp_path / "gateway")]
    assert main.main(follow) == output.FOUND
    assert "name a sink in `audit.exports`" in capsys.readouterr().err
    root = tmp_path / "gateway" / "safeconduct.yaml"
    export = "exports: {siem: {kind: ocsf, url: 'https://lake.example'}}"
    text = root.read_text()
    assert text.count("audit: {") == 1
    root.write_text(text.replace("audit: {", f"audit: {{ {export},"))
    held = hold(following.cursors(load(tmp_path / "gateway")))
    assert held is not None
    assert main.main(follow) == output.FAULT
    assert "another follower is at work" in capsys.readouterr().err
