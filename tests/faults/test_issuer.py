"""The issuer when something breaks: nothing is signed that could not be verified or taken back."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from spiffe import WorkloadApiClient
from spiffe.workloadapi.errors import FetchJwtSvidError

from safeconduct.config import load
from safeconduct.identity.issuer import grpc, rotation
from safeconduct.identity.issuer.authority import Authority, AuthorityFault, own_authorities
from safeconduct.kit import files
from safeconduct.kit.jwk import KeySet
from safeconduct.rooms import clock_ms
from tests.support.issuing import PATIENCE_S, Issuer
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, ISSUER, NOW_MS, authority, workload

if sys.platform != "linux":
    pytest.skip("processes are told by what Linux has", allow_module_level=True)


@contextmanager
def full_disk() -> Generator[None]:
    """No file of this process can grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def kids(directory: Path) -> set[str]:
    return set(
        KeySet.parse((directory / "trust.json").read_bytes(), uses=frozenset({"jwt-svid"})).keys
    )


def signing(made: Authority, now_ms: int) -> str:
    (kid,) = [key["kid"] for key in made.described(now_ms) if key["state"] == "signs"]
    return str(kid)


def test_on_a_full_disk_no_authority_begins(tmp_path: Path) -> None:
    made = authority(tmp_path)
    with full_disk():
        for _ in range(2):
            with pytest.raises(AuthorityFault, match="File too large"):
                made.jwt_svid(COPILOT, [ISSUER], NOW_MS)
    assert not (tmp_path / "trust.json").exists()
    assert [file.suffix for file in (tmp_path / "issuer").iterdir()] == [".lock"]
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS)
    assert kids(tmp_path) == {signing(made, NOW_MS)}


def test_on_a_full_disk_the_published_key_signs_until_its_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = authority(tmp_path)
    made.bundle(NOW_MS)
    (first,) = published = kids(tmp_path)
    with full_disk():
        for hour in range(36):
            made.jwt_svid(COPILOT, [ISSUER], NOW_MS + hour * HOUR_MS)
            assert signing(made, NOW_MS + hour * HOUR_MS) == first
        assert "cannot be renewed: File too large" in caplog.text
        with pytest.raises(AuthorityFault, match="no key"):
            made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 36 * HOUR_MS)
    assert kids(tmp_path) == published
    # It looks again a second later.
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 36 * HOUR_MS + 1000)
    assert signing(made, NOW_MS + 36 * HOUR_MS + 1000) in kids(tmp_path) - {first}


@pytest.mark.parametrize("late", [False, True])
def test_a_key_that_was_made_and_not_published_does_not_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    made = authority(tmp_path)
    made.bundle(NOW_MS)
    (first,) = kids(tmp_path)
    replace: Callable[..., None] = files.replace

    def full(path: Path, data: bytes, *, mode: int = 0o644) -> None:
        if path.name == "trust.json":
            raise OSError(28, "No space left on device")
        replace(path, data, mode=mode)

    monkeypatch.setattr(files, "replace", full)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 12 * HOUR_MS)
    assert len(made.described(NOW_MS + 12 * HOUR_MS)) == 2
    assert kids(tmp_path) == {first}
    if late:  # its time has come, and nobody could hear of it
        with pytest.raises(AuthorityFault, match="not published"):
            made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 24 * HOUR_MS)
    (tmp_path / "trust.json").write_bytes(b"spoilt")
    with pytest.raises(AuthorityFault, match="not published"):
        made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 24 * HOUR_MS)
    monkeypatch.setattr(files, "replace", replace)
    made.jwt_svid(COPILOT, [ISSUER], NOW_MS + 24 * HOUR_MS + 2000)
    assert len(kids(tmp_path)) == 2


def test_a_disk_that_fills_up_is_told_and_stops_nothing_yet(tmp_path: Path) -> None:
    issuer = Issuer(workload(tmp_path / "gateway").directory)
    config = load(issuer.directory)
    times = own_authorities(config)[DOMAIN].times
    # The next key is due two seconds from now.
    made_ms = clock_ms() - times.key_ms + times.lead_ms + 2000
    own_authorities(config)[DOMAIN].bundle(made_ms)
    state = issuer.directory / "state"
    with (
        issuer.running(stderr=subprocess.PIPE),
        WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client,
    ):
        before = kids(state)
        _, hard = resource.prlimit(issuer.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(issuer.process.pid, resource.RLIMIT_FSIZE, (0, hard))
        heard: list[object] = []
        client.stream_x509_contexts(heard.append, heard.append)  # a stream sees to the keys, too
        assert issuer.process.stderr is not None
        assert b"cannot be renewed: File too large" in issuer.process.stderr.readline()
        client.fetch_jwt_svid(audience={ISSUER})
        assert kids(state) == before
        resource.prlimit(issuer.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        while kids(state) == before:
            client.fetch_jwt_svid(audience={ISSUER})
        assert kids(state) > before


def test_a_dead_key_file_is_told_and_nothing_is_issued(tmp_path: Path) -> None:
    issuer = Issuer(workload(tmp_path / "gateway").directory)
    keys = issuer.directory / "state" / "issuer" / f"{DOMAIN}.json"
    with (
        issuer.running(),
        WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client,
    ):
        client.fetch_jwt_svid(audience={ISSUER})
        content = keys.read_bytes()
        keys.write_bytes(content[: len(content) // 2])
        with pytest.raises(FetchJwtSvidError, match="UNAVAILABLE"):
            client.fetch_jwt_svid(audience={ISSUER})
        assert f"{keys}: these are no keys; restore them from a copy" in issuer.said.read_text()
    # Nor does it start, or make others in their place.
    command = [sys.executable, "-m", "safeconduct", "identity", "serve", "--config"]
    again = subprocess.run(
        [*command, str(issuer.directory), "--socket", str(issuer.socket)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert again.returncode == 3
    assert "these are no keys" in again.stderr
    assert not issuer.socket.exists()
    keys.write_bytes(content)
    with (
        issuer.running(),
        WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client,
    ):
        client.fetch_jwt_svid(audience={ISSUER})


def test_what_a_killed_issuer_left_is_taken_over(tmp_path: Path) -> None:
    issuer = Issuer(workload(tmp_path / "gateway").directory)
    with issuer.running():
        with WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client:
            before = client.fetch_jwt_svid(audience={ISSUER})
        issuer.process.kill()
        issuer.process.wait()
        assert issuer.socket.is_socket()
    with (
        issuer.running(),
        WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client,
    ):
        assert client.validate_jwt_svid(before.token, ISSUER).token == before.token


def test_garbage_and_hoarders_keep_nobody_from_what_is_theirs(tmp_path: Path) -> None:
    issuer = Issuer(workload(tmp_path / "gateway").directory)
    with (
        issuer.running(),
        WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as client,
        ExitStack() as hoarded,
    ):
        client.fetch_jwt_svid(audience={ISSUER})
        for garbage in (b"\0" * 9000, b"\xff" * 9000, b"GET / HTTP/1.1\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as mine:
                mine.connect(str(issuer.socket))
                mine.sendall(garbage)
                while mine.recv(4096):
                    pass
        for _ in range(grpc.MAX_CONNECTIONS + 8):
            mine = hoarded.enter_context(socket.socket(socket.AF_UNIX))
            mine.connect(str(issuer.socket))
        client.fetch_jwt_svid(audience={ISSUER})
        hoarded.close()
        with WorkloadApiClient(issuer.url, default_timeout=PATIENCE_S) as other:
            other.fetch_jwt_svid(audience={ISSUER})
        assert "Traceback" not in issuer.said.read_text()


def test_the_end_of_a_key_leaves_time_to_notice() -> None:
    made = authority(Path("unused"))
    keys = rotation.renewed(DOMAIN, (), made.times, NOW_MS)
    assert keys[0].until_ms - rotation.due_ms(keys, made.times) == 24 * HOUR_MS
