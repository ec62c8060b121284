"""Child processes that die, hang, babble or lie: every one of them ends in a fault."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from safeconduct.ports import JSON, Credential, Upstream, UpstreamError, UpstreamFault
from safeconduct.upstreams import Limits, open_upstream, peer, stdio
from safeconduct.upstreams import child as child_process
from tests.faults.upstream_servers import ask

CHILD = Path(__file__).with_name("upstream_child.py")
ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def child(
    era: str = "newer", *, limits: Limits | None = None, starts: Path | None = None
) -> AsyncGenerator[Upstream, None]:
    upstream = open_upstream(
        "child",
        command=[sys.executable, str(CHILD), era],
        env={"STARTS": str(starts)} if starts is not None else None,
        limits=limits or Limits(),
    )
    yield upstream
    await upstream.close()


async def fault_of(upstream: Upstream, method: str, params: JSON | None = None) -> UpstreamFault:
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream, method, params or {})
    return caught.value


def verdict(fault: UpstreamFault) -> tuple[str, bool]:
    return fault.reason, fault.may_have_happened


UNREACHABLE = "upstream-unreachable"
MALFORMED = ("upstream-malformed", True)


# --- a real server --------------------------------------------------------------------------------


@pytest.fixture
async def real() -> AsyncIterator[Upstream]:
    command = [sys.executable, "-m", "tests.faults.upstream_servers"]
    upstream = open_upstream("real", command=command, cwd=ROOT)
    yield upstream
    await upstream.close()


async def test_the_sdk_serves_over_pipes(real: Upstream) -> None:
    heard: list[JSON] = []

    async def on_progress(progress: JSON) -> None:
        heard.append(progress)

    async def echoed(text: str) -> str:
        result = await ask(real, params={"name": "echo_text", "arguments": {"text": text}})
        return str(result["content"][0]["text"])

    assert await asyncio.gather(*map(echoed, "abc")) == ["a", "b", "c"]
    await ask(real, params={"name": "count", "arguments": {"to": 2}}, on_progress=on_progress)
    assert heard[0] == {"progress": 1, "total": 2, "message": "step 1"}
    with pytest.raises(UpstreamFault) as caught:
        await ask(real, params={"name": "wait_forever", "arguments": {}}, timeout_s=0.2)
    assert verdict(caught.value) == ("upstream-timeout", True)
    with pytest.raises(UpstreamError):
        await ask(real, "no/such-method", {})
    assert await echoed("still here") == "still here"


# --- negotiation ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("era", "methods"),
    [
        ("newer", ["server/discover"]),
        ("older", ["server/discover", "initialize", "notifications/initialized"]),
        ("exits", ["initialize", "notifications/initialized"]),
    ],
)
async def test_the_era_is_found_once_for_each_process(era: str, methods: list[str]) -> None:
    async with child(era) as upstream:
        await asyncio.gather(*(ask(upstream, "echo", {"n": n}) for n in range(5)))
        seen = (await ask(upstream, "seen", {}))["messages"]
    assert [message["method"] for message in seen] == [*methods, *["echo"] * 5, "seen"]
    envelope = "io.modelcontextprotocol/protocolVersion"
    assert (envelope in seen[-1]["params"].get("_meta", {})) is (era == "newer")


@pytest.mark.parametrize("era", ["ignores", "locked"])
async def test_a_server_that_ignores_the_probe_is_found(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "_PROBE_S", 0.2)
    async with child(era) as upstream:
        assert await ask(upstream, "echo", {"n": 1})


@pytest.mark.parametrize("era", ["other", "refuses"])
async def test_no_agreement_is_a_rejection(era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_PROBE_S", 0.2)
    async with child(era) as upstream:
        assert verdict(await fault_of(upstream, "echo")) == ("upstream-rejected", False)


# --- surroundings ---------------------------------------------------------------------------------


async def test_a_process_sees_only_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    upstream = open_upstream(
        "child", command=[sys.executable, str(CHILD), "newer"], env={"CRM_REGION": "eu"}
    )
    seen = await ask(upstream, "surroundings", {})
    await upstream.close()
    assert set(seen["env"]) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} == {
        "PATH",
        "HOME",
        "LANG",
        "CRM_REGION",
    }
    assert seen["home"] == []
    assert Path(seen["cwd"]).name == Path(seen["env"]["HOME"]).name
    assert seen["group"] == seen["pid"] != os.getpgid(0)
    assert not os.access(seen["env"]["HOME"], os.F_OK)


async def test_tenants_have_processes_of_their_own_and_tasks_share_one() -> None:
    async with child() as upstream:
        pids = [
            (await ask(upstream, "surroundings", {}, owner=owner))["pid"]
            for owner in ("acme|jane|t1", "acme|bob|t2", "globex|jane|t1")
        ]
    assert pids[0] == pids[1] != pids[2]


async def test_processes_are_bounded_and_the_idle_one_goes() -> None:
    async with child(limits=Limits(max_processes=1)) as upstream:
        first = await ask(upstream, "surroundings", {}, owner="a|u|t")
        hanging = asyncio.create_task(ask(upstream, "hang", {}, owner="a|u|t"))
        await ask(upstream, "echo", {}, owner="a|u|t")
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, "echo", {}, owner="b|u|t")
        assert verdict(caught.value) == ("upstream-busy", False)
        hanging.cancel()
        await asyncio.wait([hanging])
        second = await ask(upstream, "surroundings", {}, owner="b|u|t")
        assert first["pid"] != second["pid"]


async def test_nothing_that_it_started_survives() -> None:
    async with child() as upstream:
        bred = await ask(upstream, "breed", {})
        seen = await ask(upstream, "surroundings", {})
    for pid in (bred["pid"], seen["pid"]):
        await _ends(pid)


async def _ends(pid: int) -> None:
    """Return when a process that was killed has ended, which the kernel does in its own time."""
    async with asyncio.timeout(10):
        while not _gone(pid):  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0)


def _gone(pid: int) -> bool:
    """Whether a process has ended, also if nobody has collected its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_a_credential_with_a_call_is_refused_rather_than_dropped() -> None:
    async with child() as upstream:
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, "echo", {}, credential=Credential("brokered", {"a": "b"}))
        assert verdict(caught.value) == ("upstream-rejected", False)
        assert await ask(upstream, "echo", {}, credential=Credential("none", {}))


# --- dead, late -----------------------------------------------------------------------------------


async def test_a_program_that_is_not_there_is_unreachable() -> None:
    for command in (["/does/not/exist"], [str(ROOT)], ["a\0b"]):
        upstream = open_upstream("child", command=command)
        assert verdict(await fault_of(upstream, "echo")) == (UNREACHABLE, False)
        await upstream.close()


async def test_a_death_fails_all_requests_under_way_and_the_next_starts_anew() -> None:
    async with child() as upstream:
        first = (await ask(upstream, "surroundings", {}))["pid"]
        hanging = [asyncio.create_task(fault_of(upstream, "hang")) for _ in range(3)]
        await ask(upstream, "echo", {})
        hanging.append(asyncio.create_task(fault_of(upstream, "die")))
        for fault in await asyncio.gather(*hanging):
            assert verdict(fault) == (UNREACHABLE, True)
        assert (await ask(upstream, "surroundings", {}))["pid"] != first


async def test_restarts_pause_until_something_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stdio, "_PAUSE_S", 600.0)
    monkeypatch.setattr(stdio, "_MAX_PAUSE_S", 600.0)
    starts = tmp_path / "starts"
    async with child(starts=starts) as upstream:
        for _ in range(3):  # an answer in between makes the next end the first again
            await ask(upstream, "echo", {})
            assert verdict(await fault_of(upstream, "die")) == (UNREACHABLE, True)
        assert verdict(await fault_of(upstream, "die")) == (UNREACHABLE, True)
        assert verdict(await fault_of(upstream, "echo")) == (UNREACHABLE, False)
    assert len(starts.read_text(encoding="ascii").splitlines()) == 4


async def test_a_process_that_crashes_at_once_leaves_its_last_words_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stdio, "_PAUSE_S", 600.0)
    starts = tmp_path / "starts"
    with caplog.at_level(logging.WARNING, "safeconduct.upstreams"):
        async with child("crashes", starts=starts) as upstream:
            for _ in range(4):
                assert verdict(await fault_of(upstream, "echo")) == (UNREACHABLE, False)
    assert "status 7: cannot go on\\x1b[31m" in caplog.text
    assert len(starts.read_text(encoding="ascii").splitlines()) == 4  # two starts, with and without


async def test_a_start_goes_on_when_nobody_waits_for_it(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    async with child(starts=starts) as upstream:
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, "echo", {}, timeout_s=0.0)
        assert verdict(caught.value) == ("upstream-timeout", False)
        await ask(upstream, "echo", {})
    assert starts.read_text(encoding="ascii").splitlines() == ["started"]


async def test_closing_ends_a_start_under_way() -> None:
    async with child("ignores") as upstream:
        with pytest.raises(UpstreamFault):
            await ask(upstream, "echo", {}, timeout_s=0.2)
    assert verdict(await fault_of(upstream, "echo")) == (UNREACHABLE, False)


@pytest.mark.parametrize("era", ["newer", "older"])
@pytest.mark.parametrize("how", ["late", "cancelled", "deaf"])
async def test_a_call_given_up_is_cancelled_with_a_notice(era: str, how: str) -> None:
    heard = asyncio.Event()

    async def on_progress(_: JSON) -> None:
        heard.set()
        if how == "deaf":
            raise RuntimeError("nobody can be told")

    notice = (
        '{"jsonrpc":"2.0","method":"notifications/progress",'
        '"params":{"progressToken":ID,"progress":1}}'
    )
    async with child(era) as upstream:
        await ask(upstream, "echo", {})
        asking = asyncio.create_task(
            ask(
                upstream,
                "lines",
                {"lines": [notice]},
                timeout_s=0.5 if how == "late" else 20,
                on_progress=on_progress,
            )
        )
        await heard.wait()
        if how == "cancelled":
            asking.cancel()
        expected = {"late": UpstreamFault, "cancelled": asyncio.CancelledError}
        with pytest.raises(expected.get(how, RuntimeError)):
            await asking
        seen = (await ask(upstream, "seen", {}))["messages"]
    request = next(message for message in seen if message["method"] == "lines")
    notice_of = [m["params"]["requestId"] for m in seen if m["method"] == "notifications/cancelled"]
    assert notice_of == [request["id"]]


async def test_a_late_answer_to_a_call_given_up_is_ignored() -> None:
    async with child() as upstream:
        await ask(upstream, "echo", {})
        with pytest.raises(UpstreamFault):
            await ask(upstream, "hang", {}, timeout_s=0.05)
        seen = (await ask(upstream, "seen", {}))["messages"]
        hung = next(message["id"] for message in seen if message["method"] == "hang")
        late = f'{{"jsonrpc":"2.0","id":{hung},"result":{{"late":true}}}}'
        own = '{"jsonrpc":"2.0","id":ID,"result":{"ok":true}}'
        assert await ask(upstream, "lines", {"lines": [late, late, own]}) == {"ok": True}


async def test_no_more_than_the_allowed_number_is_in_flight() -> None:
    async with child(limits=Limits(max_in_flight=1)) as upstream:
        await ask(upstream, "echo", {})
        hanging = asyncio.create_task(ask(upstream, "hang", {}))
        await asyncio.sleep(0)
        assert verdict(await fault_of(upstream, "echo")) == ("upstream-busy", False)
        hanging.cancel()
        await asyncio.wait([hanging])


# --- lines ----------------------------------------------------------------------------------------

OWN = '{"jsonrpc":"2.0","id":ID,"result":{"ok":true}}'


@pytest.mark.parametrize(
    "lines",
    [
        ["Welcome to the server!", "", "[]", "17", '{"no":"message"}', OWN],
        ['{"jsonrpc":"2.0","method":"notifications/message","params":{}}', OWN],
        ['{"jsonrpc":"2.0","id":4711,"result":{}}', OWN],
        ['{"jsonrpc":"2.0","id":"ID","result":{}}', OWN],
        ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}', OWN],
        [OWN + "  \r"],
    ],
)
async def test_junk_around_an_answer_is_tolerated(lines: list[str]) -> None:
    async with child() as upstream:
        assert await ask(upstream, "lines", {"lines": lines}) == {"ok": True}


@pytest.mark.parametrize(
    "line",
    [
        '{"jsonrpc":"2.0","id":ID,"result":{"a":1,"a":2}}',
        '{"jsonrpc":"2.0","id":ID,"result":{"a":9007199254740992}}',
        '{"jsonrpc":"2.0","id":ID,"result":{"a":NaN}}',
        '{"jsonrpc":"2.0","id":ID,"result":{"a":"\\ud800"}}',
        '{"jsonrpc":"2.0","id":ID,"result":[]}',
        '{"jsonrpc":"2.0","id":ID}',
        '{"jsonrpc":"1.0","id":ID,"result":{}}',
        '{"jsonrpc":"2.0","id":ID,"error":"no"}',
        '{"jsonrpc":"2.0","id":ID,"result":{"a":' + "[" * 100 + "]" * 100 + "}}",
    ],
)
async def test_a_bad_answer_is_malformed_for_its_request_alone(line: str) -> None:
    async with child() as upstream:
        await ask(upstream, "echo", {})
        other = asyncio.create_task(ask(upstream, "lines", {"lines": []}))
        await asyncio.sleep(0)
        assert verdict(await fault_of(upstream, "lines", {"lines": [line]})) == MALFORMED
        assert not other.done()
        other.cancel()
        await asyncio.wait([other])
        assert await ask(upstream, "echo", {})


async def test_two_answers_at_once_are_malformed() -> None:
    twice = OWN + "\n" + OWN
    async with child() as upstream:
        assert verdict(await fault_of(upstream, "lines", {"lines": [twice]})) == MALFORMED
        assert await ask(upstream, "echo", {})


async def test_endless_junk_is_malformed_and_ends_the_process() -> None:
    async with child() as upstream:
        first = (await ask(upstream, "surroundings", {}))["pid"]
        assert verdict(await fault_of(upstream, "lines", {"lines": ["junk"] * 200})) == MALFORMED
        assert (await ask(upstream, "surroundings", {}))["pid"] != first
    await _ends(first)


async def test_a_line_beyond_the_bound_is_malformed() -> None:
    async with child(limits=Limits(max_answer_bytes=10_000)) as upstream:
        assert verdict(await fault_of(upstream, "long", {"length": 100_000})) == MALFORMED
        assert await ask(upstream, "echo", {})


async def test_requests_of_the_process_are_refused_and_pings_answered_in_the_older_era() -> None:
    asks = [
        '{"jsonrpc":"2.0","id":"a","method":"sampling/createMessage","params":{}}',
        '{"jsonrpc":"2.0","id":"b","method":"ping"}',
    ]
    async with child("older") as upstream:
        await ask(upstream, "lines", {"lines": [*asks, OWN]})
        seen = (await ask(upstream, "seen", {}))["messages"]
    replies = {message["id"]: message for message in seen if "method" not in message}
    assert replies["a"]["error"]["code"] == -32601
    assert replies["b"]["result"] == {}


async def test_requests_of_the_process_are_never_answered_in_the_newer_era() -> None:
    question = '{"jsonrpc":"2.0","id":"a","method":"ping"}'
    async with child("newer") as upstream:
        assert await ask(upstream, "lines", {"lines": [question, OWN]}) == {"ok": True}
        seen = (await ask(upstream, "seen", {}))["messages"]
        assert all("method" in message for message in seen)
        assert verdict(await fault_of(upstream, "lines", {"lines": [question] * 200})) == MALFORMED


async def test_floods_of_progress_are_cut_and_do_no_harm() -> None:
    heard: list[JSON] = []

    async def on_progress(progress: JSON) -> None:
        heard.append(progress)

    notice = (
        '{"jsonrpc":"2.0","method":"notifications/progress",'
        '"params":{"progressToken":ID,"progress":1}}'
    )
    async with child() as upstream:
        params = {"lines": ["\n".join([notice] * 5000), OWN]}
        assert await ask(upstream, "lines", params, on_progress=on_progress) == {"ok": True}
    assert heard


async def test_standard_error_is_drained() -> None:
    async with child() as upstream:
        await ask(upstream, "complain", {"text": "x" * 1_000_000})
        assert await ask(upstream, "echo", {})


async def test_a_process_that_does_not_read_is_busy_rather_than_a_leak() -> None:
    """It sleeps from its first request on; later ones only fill the pipe."""
    sleeper = (
        "import sys, json, time\n"
        "m = json.loads(sys.stdin.readline())\n"
        "r = {'supportedVersions': ['2026-07-28']}\n"
        "print(json.dumps({'jsonrpc': '2.0', 'id': m['id'], 'result': r}), flush=True)\n"
        "time.sleep(600)\n"
    )
    upstream = open_upstream("child", command=[sys.executable, "-c", sleeper])
    params: JSON = {"text": "x" * 5_000_000}
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream, "echo", params, timeout_s=2)
    assert verdict(caught.value) == ("upstream-timeout", True)
    assert verdict(await fault_of(upstream, "echo", params)) == ("upstream-busy", False)
    await upstream.close()


async def test_a_process_that_never_comes_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "_START_S", 0.2)
    upstream = open_upstream("child", command=[sys.executable, "-c", "import time; time.sleep(60)"])
    assert verdict(await fault_of(upstream, "echo")) == (UNREACHABLE, False)
    await upstream.close()


async def test_a_process_that_ignores_every_hint_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "_GRACE_S", 0.1)
    async with child("stubborn") as upstream:
        pid = (await ask(upstream, "surroundings", {}))["pid"]
    assert _gone(pid)


async def test_a_failure_of_the_listener_is_its_own_and_no_time_out() -> None:
    async def on_progress(_: JSON) -> None:
        raise TimeoutError("of the listener")

    notice = (
        '{"jsonrpc":"2.0","method":"notifications/progress",'
        '"params":{"progressToken":ID,"progress":1}}'
    )
    broken = notice.replace('"progress":1', '"progress":"1"')
    async with child() as upstream:
        with pytest.raises(TimeoutError, match="of the listener"):
            await ask(upstream, "lines", {"lines": [broken, notice]}, on_progress=on_progress)
        assert await ask(upstream, "echo", {"n": 1})
