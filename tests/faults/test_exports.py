"""Exports of a running gateway: no sink, and no end of the follower, costs a call anything."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from safeconduct.app.following import behind
from safeconduct.audit.follower import CURSORS
from safeconduct.audit.following import Cursor, Reader
from safeconduct.config.schema import Config
from tests.support.installation import (
    USER,
    Agent,
    Gateway,
    Office,
    change,
    done,
    eventually,
    install,
    opened_office,
    running,
)
from tests.support.sinks import FakeElastic, FakeEvents, FakeSplunk, Taking
from tests.support.web import Answer, Asked, Web, serving

JSON = dict[str, Any]
SECRET = "what the user wants nobody to know"


@pytest.fixture
def office() -> Iterator[Office]:
    with opened_office() as made:
        yield made


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def exporting(directory: Path, office: Office, **exports: JSON) -> Config:
    config = install(directory, office)
    (directory / "token").write_text("token-1")
    audit = {"directory": config.root.audit.directory, "exports": exports}
    change(directory / "safeconduct.yaml", {"audit": audit})
    return config


def followers(gateway: Gateway) -> list[int]:
    """The processes that the gateway has follow its log."""
    pid = gateway.process.pid
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):
            if b"\0follow\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def calls(agent: Agent, count: int) -> None:
    for _ in range(count):
        assert done(agent.call("office__list_customers"))


def whole(gateway: Gateway) -> dict[str, JSON]:
    """The evidence of all that a checkpoint covers, by id."""
    copies = Reader(gateway.audit, Cursor()).read(100_000)
    return {copy.id: copy.evidence for copy in copies}


def have_all(gateway: Gateway, *sinks: Taking) -> None:
    """Waits until every sink has what is in the log now."""
    last = f"crm.example/audit:{gateway.records('outcome')[-1]['n']}"
    eventually(lambda: all(last in sink.events for sink in sinks), gateway)


def splunk(web: Web) -> JSON:
    return {"kind": "splunk", "url": web.url, "credential": "file:token", "timeout_s": 2}


@pytest.mark.timeout(120)
def test_every_record_arrives_with_its_place_in_the_log(
    tmp_path: Path, office: Office, web: Web
) -> None:
    hec, es = FakeSplunk(web), FakeElastic(web)
    elastic = {"kind": "elastic", "url": web.url}
    with running(exporting(tmp_path, office, hec=splunk(web), es=elastic)) as gateway:
        assert done(gateway.task().call("office__get_case", {"case_id": SECRET}))
        calls(gateway.task(), 3)
        have_all(gateway, hec, es)
        for name, evidence in whole(gateway).items():
            carried = hec.events[name]["fields"]
            assert {key: carried[key] for key in ("log", "n", "leaf_hash")} == {
                key: evidence[key] for key in ("log", "n", "leaf_hash")
            }
            assert carried["checkpoint_size"] > carried["n"]
            assert es.events[name]["safeconduct"]["leaf_hash"] == evidence["leaf_hash"]
        assert set(hec.arrived.values()) == {1}
        passed_on = b"".join(one.body for one in web.asked)
        assert SECRET.encode() not in passed_on
        assert USER.encode() not in passed_on
        gateway.verified()


@pytest.mark.timeout(120)
def test_users_are_named_to_a_sink_that_is_to_know_them(
    tmp_path: Path, office: Office, web: Web
) -> None:
    hook = FakeEvents(web, "/hook")
    clear = {"kind": "cloudevents", "url": f"{web.url}/hook", "users": "clear"}
    with running(exporting(tmp_path, office, hook=clear)) as gateway:
        calls(gateway.task(), 1)
        have_all(gateway, hook)
        said = [one["data"]["record"] for one in hook.events.values()]
    assert {one["user"] for one in said if one["kind"] == "decision"} == {USER}


@pytest.mark.timeout(120)
def test_a_sink_that_took_a_batch_and_cut_the_connection_gets_it_again(
    tmp_path: Path, office: Office, web: Web
) -> None:
    es, hook = FakeElastic(web), FakeEvents(web, "/hook")
    es.cut_after = hook.cut_after = 1
    exports = {
        "es": {"kind": "elastic", "url": web.url},
        "hook": {"kind": "cloudevents", "url": f"{web.url}/hook"},
    }
    with running(exporting(tmp_path, office, **exports)) as gateway:
        calls(gateway.task(), 2)
        have_all(gateway, es, hook)
        eventually(lambda: all(2 in one.arrived.values() for one in (es, hook)), gateway)
        for sink in (es, hook):  # under one id, and nothing more than twice
            assert max(sink.arrived.values()) == 2
            assert set(sink.events) >= set(whole(gateway))


@pytest.mark.timeout(120)
def test_a_slow_or_hanging_sink_holds_up_neither_calls_nor_other_sinks(
    tmp_path: Path, office: Office, web: Web
) -> None:
    going, hangs = threading.Event(), threading.Event()

    def hang(_: Asked) -> Answer:
        hangs.set()
        going.wait(60)
        return Answer()

    web.pages["/hung"] = hang
    hec = FakeSplunk(web)
    exports = {"hung": {"kind": "ocsf", "url": f"{web.url}/hung"}, "hec": splunk(web)}
    config = exporting(tmp_path, office, **exports)
    try:
        with running(config) as gateway:
            calls(gateway.task(), 3)
            eventually(hangs.is_set, gateway)
            calls(gateway.task(), 3)
            have_all(gateway, hec)
            now_ms = gateway.records("outcome")[-1]["at_ms"]
            lags = behind(config_of(tmp_path), now_ms)
            assert lags["hung"][0] >= 13
            assert lags["hec"][0] < lags["hung"][0]
    finally:
        going.set()


def config_of(directory: Path) -> Config:
    from safeconduct.config import load

    return load(directory)


@pytest.mark.timeout(120)
def test_a_follower_that_is_stopped_or_killed_costs_no_call_and_no_record(
    tmp_path: Path, office: Office, web: Web
) -> None:
    hec = FakeSplunk(web)
    with running(exporting(tmp_path, office, hec=splunk(web))) as gateway:
        agent = gateway.task()
        calls(agent, 2)
        have_all(gateway, hec)
        (before,) = followers(gateway)
        os.kill(before, signal.SIGSTOP)
        calls(agent, 3)  # hung: nobody follows, and calls go on
        os.kill(before, signal.SIGKILL)
        calls(agent, 3)
        eventually(lambda: followers(gateway) not in ([], [before]), gateway)
        have_all(gateway, hec)
        assert set(hec.events) >= set(whole(gateway))
        assert b"started again" in (tmp_path / "gateway.log").read_bytes()


@pytest.mark.timeout(120)
def test_the_follower_goes_with_its_gateway(tmp_path: Path, office: Office, web: Web) -> None:
    hec = FakeSplunk(web)
    config = exporting(tmp_path, office, hec=splunk(web))
    with running(config) as gateway:
        calls(gateway.task(), 1)
        have_all(gateway, hec)
        (child,) = followers(gateway)
        watched = os.pidfd_open(child)
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait()
        waiting = select.poll()
        waiting.register(watched, select.POLLIN)
        ended = waiting.poll(60_000)
        assert ended
        os.close(watched)
    with running(config) as gateway:  # goes on where it was
        calls(gateway.task(), 1)
        have_all(gateway, hec)
        assert set(hec.events) >= set(whole(gateway))


@pytest.mark.timeout(120)
def test_what_is_refused_is_set_aside_and_the_doctor_says_so(
    tmp_path: Path, office: Office, web: Web
) -> None:
    es = FakeElastic(web)
    es.poison.add("crm.example/audit:2")
    elastic = {"kind": "elastic", "url": web.url}
    with running(exporting(tmp_path, office, es=elastic)) as gateway:
        calls(gateway.task(), 3)
        have_all(gateway, es)
        listed = tmp_path / "state" / CURSORS / "es.refused"
        told = tmp_path / "gateway.log"
        aside = b"record crm.example/audit:2 set aside"
        eventually(lambda: aside in told.read_bytes(), gateway)
        assert [orjson.loads(line)["n"] for line in listed.read_bytes().splitlines()] == [2]
        assert "crm.example/audit:2" not in es.events
        assert behind(config_of(tmp_path), 0)["es"][2] == 1
