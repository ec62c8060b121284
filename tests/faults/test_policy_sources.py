"""Where rules come from breaks, lies, is slow or goes back in time: the rules of before go on."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from safeconduct.config.policy import PolicyBlock, PolicySource, Signers
from safeconduct.kit.jwk import PrivateKey
from safeconduct.policy import keeping
from safeconduct.policy.bundles import git, layout, sources
from safeconduct.policy.bundles.archive import pack
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.keeping import KEPT, Keeper, Policy
from safeconduct.policy.refusal import PolicyRefused
from tests.support.releases import (
    FILES,
    NOW,
    NOW_MS,
    digest,
    published,
    released,
    unfolded,
)

OTHER = {**FILES, "data/crm.json": b'{"tiers": [1]}'}
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which bundles went on to be judged; the child that does it has tests of its own."""
    digests: list[str] = []

    def judge(bundle: Bundle) -> None:
        digests.append(bundle.digest)

    monkeypatch.setattr(keeping, "judge", judge)
    return digests


class Place:
    """A gateway's directory."""

    def __init__(
        self, directory: Path, source: PolicySource | None, *, signed: bool = True
    ) -> None:
        self.directory = directory
        self.now_ms = NOW_MS
        self.block = PolicyBlock(
            bundle=None if source else "policy",
            source=source,
            verify=Signers(jwks="signers.json") if signed else None,
            process="shared",
        )
        published(directory / "signers.json")

    def keeper(self) -> Keeper:
        """A gateway that has just been started."""
        return Keeper(
            self.block, self.directory, self.directory / "state", clock_ms=lambda: self.now_ms
        )

    def started(self) -> tuple[Keeper, Policy]:
        keeper = self.keeper()
        policy = keeper.start()
        keeper.keep(policy)
        keeper.settle(policy)
        return keeper, policy


class Server:
    """Hands out an archive as a server for OPA does, or whatever a test has it say."""

    def __init__(self) -> None:
        self.archive = pack(released())
        self.asked: list[str | None] = []
        self.answer: Answer = self.hand_out
        self.url = ""

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.archive).hexdigest()}"'

    def hand_out(self, request: http.server.BaseHTTPRequestHandler) -> None:
        same = request.headers["If-None-Match"] == self.tag
        request.send_response(304 if same else 200)
        request.send_header("ETag", self.tag)
        request.send_header("Content-Length", "0" if same else str(len(self.archive)))
        request.end_headers()
        if not same:
            request.wfile.write(self.archive)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.headers["If-None-Match"])
            made.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        made.url = f"http://127.0.0.1:{serving.server_port}/policy.tar.gz"
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        yield made
        serving.shutdown()
        thread.join()


def status(code: int, body: bytes = b"", length: int | None = None) -> Answer:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    return answer


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(PolicyRefused) as caught:
        do()
    return str(caught.value)


# --- HTTPS ----------------------------------------------------------------------------------------


def test_a_newer_release_is_taken_and_one_that_is_there_is_not_fetched_again(
    server: Server, tmp_path: Path, judged: list[str]
) -> None:
    place = Place(tmp_path, PolicySource(https=server.url))
    keeper, policy = place.started()
    assert (policy.bundle.digest, policy.source) == (digest(), server.url)
    assert keeper.look() is None
    assert judged == [digest()]
    server.archive = pack(released(OTHER, version=2, previous=digest()))
    newer = keeper.look()
    assert newer is not None
    assert newer.bundle.digest == digest(OTHER)
    assert [bool(tag) for tag in server.asked] == [False, True, True]


def attacks() -> dict[str, tuple[dict[str, bytes], str]]:
    good = released(OTHER, version=6, previous=digest())
    return {
        "unsigned": (dict(OTHER), "not signed"),
        "tampered": ({**good, "rules/test.rego": b"package agent.tools\n"}, "changed after"),
        "stripped": ({k: v for k, v in good.items() if k != ".signatures.json"}, "not signed"),
        "stranger": (released(OTHER, version=6, key=PrivateKey.generate()), "key that is trusted"),
        "expired": (released(OTHER, version=6, previous=digest(), not_after=NOW), "ended"),
        "rolled back": (released(OTHER, version=4), "older than 5"),
        "forked": (released(OTHER, version=5), "another release 5"),
        "another line": (released(OTHER, version=6, previous=digest(OTHER)), "does not follow"),
    }


@pytest.mark.parametrize("attack", attacks())
def test_what_somebody_on_the_way_put_there_is_refused(
    server: Server, tmp_path: Path, attack: str, judged: list[str]
) -> None:
    server.archive = pack(released(version=5))
    keeper, _ = Place(tmp_path, PolicySource(https=server.url)).started()
    files, why = attacks()[attack]
    server.archive = pack(files)
    told = refused(keeper.look)
    assert why in told
    assert told.startswith(server.url)
    # The same archive is not fetched and judged for ever.
    tags = len(server.asked)
    assert refused(keeper.look) == told
    assert server.asked[tags:] == [server.tag]
    assert refused(lambda: keeper.look(again=True)) == told
    assert judged == [digest()]
    # Also after a restart: the gateway goes on with what it had.
    again = Place(tmp_path, PolicySource(https=server.url)).keeper().start()
    assert again.bundle.digest == digest()
    assert again.instead is not None
    assert why in again.instead


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(500), "answered 500"),
        (status(404), "answered 404"),
        (status(302), "answered 302"),
        (status(304), "answered 304"),
        (status(200, b""), "cut off"),
        (status(200, b"<html>"), "not a gzipped archive"),
        (status(200, pack(released())[:-9]), "cut off"),
        (status(200, pack(released()), 99_999), "did not answer"),
        (status(200, bytes(9 * 1024 * 1024)), "did not answer"),
    ],
    ids=["500", "404", "302", "304", "empty", "page", "cut", "short", "long"],
)
def test_a_server_that_fails(server: Server, tmp_path: Path, answer: Answer, why: str) -> None:
    place = Place(tmp_path, PolicySource(https=server.url))
    server.answer = answer
    assert why in refused(place.keeper().start)
    server.answer = server.hand_out
    keeper, _ = place.started()
    server.answer = answer
    assert why in refused(lambda: keeper.look(again=True))


def waits(let_go: threading.Event) -> None:
    let_go.wait(30)


def test_a_server_that_is_slow_or_away(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, PolicySource(https=server.url))
    keeper, _ = place.started()
    monkeypatch.setattr(sources, "TIMEOUT_S", 0.2)
    let_go = threading.Event()
    server.answer = lambda _: waits(let_go)
    assert "did not answer" in refused(keeper.look)
    let_go.set()
    away = Place(tmp_path, PolicySource(https="http://127.0.0.1:9/policy.tar.gz"))
    assert "did not answer" in refused(lambda: away.keeper().look())
    started = away.keeper().start()
    assert started.bundle.digest == digest()
    assert started.source == str(tmp_path / "state" / KEPT)


# --- what was kept --------------------------------------------------------------------------------


def test_what_was_kept_is_checked_like_everything_else(server: Server, tmp_path: Path) -> None:
    place = Place(tmp_path, PolicySource(https=server.url))
    place.started()
    server.answer = status(500)
    kept = tmp_path / "state" / KEPT
    place.now_ms += int(timedelta(days=31).total_seconds() * 1000)
    assert "answered 500" in refused(place.keeper().start)
    place.now_ms = NOW_MS
    published(tmp_path / "signers.json", PrivateKey.generate())
    assert "answered 500" in refused(place.keeper().start)
    published(tmp_path / "signers.json")
    assert place.keeper().start().instead is not None
    kept.write_bytes(kept.read_bytes()[:-20])
    assert "answered 500" in refused(place.keeper().start)
    server.answer = server.hand_out
    # Which release came last is not known any more, so none is taken for a newer one.
    assert "cut off" in refused(place.keeper().start)


def test_a_directory_goes_not_back_either(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    unfolded(released(version=2, previous=digest(OTHER)), tmp_path / "policy")
    keeper, _ = place.started()
    assert keeper.look() is None
    unfolded(released(version=1), tmp_path / "policy")
    for _ in range(2):
        assert "older than 2" in refused(keeper.look)
    assert "older than 2" in refused(place.keeper().start)


def test_keys_change_without_a_restart(server: Server, tmp_path: Path) -> None:
    keeper, _ = Place(tmp_path, PolicySource(https=server.url)).started()
    fresh = PrivateKey.generate()
    server.archive = pack(released(OTHER, version=2, previous=digest(), key=fresh))
    assert "key that is trusted" in refused(keeper.look)
    published(tmp_path / "signers.json", fresh)
    newer = keeper.look()
    assert newer is not None
    assert newer.bundle.digest == digest(OTHER)
    # As long as it is not settled on it is there to be taken.
    assert keeper.look() == newer
    keeper.keep(newer)
    keeper.settle(newer)
    assert keeper.look() is None
    (tmp_path / "signers.json").write_text("{}")
    assert "keys of the signers" in refused(keeper.look)
    (tmp_path / "signers.json").unlink()
    assert "keys of the signers" in refused(keeper.look)


def test_a_failure_that_has_passed_is_forgotten_and_a_refusal_is_not(
    server: Server, tmp_path: Path
) -> None:
    keeper, _ = Place(tmp_path, PolicySource(https=server.url)).started()
    server.answer = status(500)
    assert "answered 500" in refused(keeper.look)
    server.answer = server.hand_out
    assert keeper.look() is None
    server.archive = pack(released(OTHER, version=1))
    assert "another release" in refused(keeper.look)
    server.answer = status(500)
    assert "answered 500" in refused(keeper.look)
    server.answer = server.hand_out
    assert "another release" in refused(keeper.look)


def test_a_running_release_that_ends_refuses_every_call(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    unfolded(released(not_after=NOW + timedelta(seconds=1)), tmp_path / "policy")
    keeper, policy = place.started()
    engine = keeper.engine(policy)
    question = b'{"call":{"tool":"crm.get_case"}}'
    answers = [engine.evaluate(question, NOW_MS + later) for later in (0, 999, 1000)]
    assert [getattr(one, "permit", None) for one in answers] == [("read",), ("read",), ()]
    assert getattr(answers[-1], "error", None) == "the release of the policy has ended"


# --- git ------------------------------------------------------------------------------------------


class Repository:
    """A repository with a policy in a folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (directory / ".gitattributes").write_text("* text eol=crlf export-subst\n")
        self.commit(released())

    def git(self, *arguments: str) -> str:
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.example"}
        who |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.example"}
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", *arguments],
            check=True,
            capture_output=True,
            text=True,
            cwd=self.directory,
            env={**os.environ, **who, **alone},
        ).stdout

    def commit(self, files: Mapping[str, bytes] | None = None) -> None:
        if files is not None:
            unfolded(files, self.directory / "crm")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "policy")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def fetched(directory: Path, **source: str) -> Place:
    return Place(directory, PolicySource(**{"git": "repository", "path": "crm", **source}))


def test_a_newer_commit_is_taken(repository: Repository, tmp_path: Path) -> None:
    (repository.directory / "crm").joinpath("README.md").write_text("beside\n")
    (repository.directory / "crm").joinpath(".hidden").write_text("beside\n")
    repository.commit()
    keeper, policy = fetched(tmp_path).started()
    assert policy.bundle.digest == digest()
    assert keeper.look() is None
    (repository.directory / "other").write_text("x")
    repository.commit()
    same = keeper.look()
    assert same is not None
    assert same.bundle == policy.bundle
    repository.commit(released(OTHER, version=2, previous=digest()))
    newer = keeper.look()
    assert newer is not None
    assert newer.bundle.digest == digest(OTHER)


def test_a_branch_that_was_pushed_back_goes_not_back(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit(released(OTHER, version=2, previous=digest()))
    keeper, _ = fetched(tmp_path, ref="main").started()
    repository.git("reset", "--hard", "--quiet", "HEAD~1")
    assert "older than 2" in refused(keeper.look)


def test_a_name_means_one_branch_or_one_tag(repository: Repository, tmp_path: Path) -> None:
    repository.git("tag", "v1")
    repository.git("branch", "nested/refs/heads/main")
    repository.commit(released(OTHER, version=2, previous=digest()))
    commit = repository.git("rev-parse", "HEAD").strip()

    def place(name: str, ref: str) -> Place:
        return fetched(tmp_path / name, git=str(repository.directory), ref=ref)

    refs = {"main": OTHER, "v1": FILES, "refs/tags/v1": FILES, commit: OTHER}
    for name, (ref, meant) in enumerate(refs.items()):
        _, policy = place(str(name), ref).started()
        assert policy.bundle.digest == digest(meant), ref
    repository.git("tag", "main", "v1")
    _, policy = place("whole", "refs/heads/main").started()
    assert policy.bundle.digest == digest(OTHER)
    why = refused(lambda: place("either", "main").keeper().start())
    assert "a branch and a tag of that name: write refs/heads/main" in why


def test_a_repository_that_is_gone(repository: Repository, tmp_path: Path) -> None:
    keeper, _ = fetched(tmp_path).started()
    repository.directory.rename(tmp_path / "elsewhere")
    assert "git failed" in refused(keeper.look)
    assert fetched(tmp_path).keeper().start().bundle.digest == digest()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"ref": "nowhere"}, "no branch and no tag"),
        ({"ref": "heads/main"}, "no branch and no tag"),
        ({"ref": "refs/heads/nowhere"}, "git failed"),
        ({"ref": "0" * 40}, "git failed"),
        ({"path": "nowhere"}, "git failed"),
        ({"path": "crm/policy.yaml"}, "git failed"),
        ({"path": "../crm"}, "does not stay inside"),
        ({"path": "/etc"}, "does not stay inside"),
        ({"path": "crm:policy.yaml"}, "does not stay inside"),
        ({"ref": "--upload-pack=touch x"}, "not the name"),
        ({"ref": "main:refs/heads/x"}, "not the name"),
        ({"git": "ext::sh -c touch%20/tmp/x"}, "git failed"),
        ({"git": "http://127.0.0.1:9/x.git"}, "git failed"),
        ({"git": "--upload-pack=x:y"}, "not the name"),
    ],
)
def test_names_that_lead_elsewhere(
    repository: Repository, tmp_path: Path, source: dict[str, str], why: str
) -> None:
    assert why in refused(lambda: fetched(tmp_path, **source).keeper().start())


def test_a_redirect_of_the_server_is_not_followed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(git.ENVIRONMENT, "GIT_ALLOW_PROTOCOL", "http")
    paths: list[str] = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        paths.append(request.path.partition("?")[0])
        request.send_response(302)
        request.send_header("Location", request.path.replace("/policy.tar.gz/", "/elsewhere/"))
        request.send_header("Content-Length", "0")
        request.end_headers()

    server.answer = answer
    assert "git failed" in refused(lambda: fetched(tmp_path, git=server.url).keeper().start())
    assert paths == ["/policy.tar.gz/info/refs"]


def test_links_and_submodules_are_no_files(repository: Repository, tmp_path: Path) -> None:
    (repository.directory / "crm" / "rules" / "link.rego").symlink_to("/etc/passwd")
    repository.commit()
    assert "no plain file" in refused(fetched(tmp_path).keeper().start)
    (repository.directory / "crm" / "rules" / "link.rego").unlink()
    commit = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},crm/rules/sub.rego")
    repository.git("commit", "--quiet", "--message", "submodule")
    assert "no plain file" in refused(fetched(tmp_path).keeper().start)


def test_a_repository_with_more_than_a_bundle_may_hold(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MAX_FILES", 2)
    assert "more than 2 files" in refused(fetched(tmp_path).keeper().start)


@contextmanager
def instead_of_git(
    directory: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> Generator[None]:
    directory.mkdir()
    (directory / "git").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "git").chmod(0o755)
    with monkeypatch.context() as changed:
        changed.setenv("PATH", f"{directory}:{os.environ['PATH']}")
        yield


def test_a_git_that_hangs_is_ended_with_all_that_it_started(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, _ = fetched(tmp_path).started()
    monkeypatch.setattr(git, "TIMEOUT_S", 0.5)
    pid = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {pid}; wait"
    with instead_of_git(tmp_path / "bin", script, monkeypatch):
        assert "did not come back" in refused(keeper.look)
    state = Path(f"/proc/{pid.read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split()[2] in "ZX"


def test_no_git_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "cannot be started" in refused(fetched(tmp_path).keeper().start)
