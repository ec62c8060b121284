"""A bundle in a commit of a git repository, read without a work tree.

Only the one commit is fetched, into a repository of our own. Files come out of it as the blobs that
they are: nothing is checked out, so neither filters nor links nor hooks have a part in it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.sources import TIMEOUT_S, Found
from safeconduct.policy.refusal import PolicyRefused

_LATEST: Final = "refs/policy/latest"
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_BLOB: Final = re.compile(r"(?P<mode>\d+) (?P<kind>\w+) (?P<id>[0-9a-f]+) +(?P<size>\d+|-)")
_PLAIN: Final = frozenset({"100644", "100755"})
_MAX_LISTING: Final = 1024 * 1024
_ALONE: Final = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "fetch.fsckObjects=true"),
    *("-c", "http.followRedirects=false"),
    *("-c", "gc.autoDetach=false"),
)
ENVIRONMENT: Final = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


class Git:
    """A folder in the commit that `ref` names."""

    def __init__(self, url: str, ref: str, path: str, cache: Path) -> None:
        """`cache` is a directory for what was fetched.

        Raises:
            PolicyRefused: names that git would read as something else.
        """
        self.where = f"{url}@{ref}:{path}"
        folder = PurePosixPath(path)
        if not _REF.fullmatch(ref) or ".." in ref or url.startswith("-"):
            raise self._failed("not the name of a branch, a tag or a commit")
        if folder.is_absolute() or ".." in folder.parts or ":" in path:
            raise self._failed("the path does not stay inside the repository")
        self._url = url
        self._ref = ref
        self._folder = "" if folder == PurePosixPath() else folder.as_posix()
        self._cache = cache

    def look(self) -> Found:
        commit = self._fetched()
        return Found(self._files(f"{commit}:{self._folder}"), commit)

    def changed(self, mark: str | None) -> Found | None:
        commit = self._fetched()
        return None if commit == mark else Found(self._files(f"{commit}:{self._folder}"), commit)

    def _fetched(self) -> str:
        if not (self._cache / "HEAD").exists():
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare")
        wanted = f"+{self._meant()}:{_LATEST}"
        self._git(
            *("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"),
            *("--depth=1", "--", self._url, wanted),
        )
        return self._git("rev-parse", "--verify", f"{_LATEST}^{{commit}}").decode().strip()

    def _meant(self) -> str:
        """What git calls the ref: it would take a tag for the branch of that name."""
        if self._ref == "HEAD" or self._ref.startswith("refs/") or _COMMIT.fullmatch(self._ref):
            return self._ref
        names = [f"refs/{kind}/{self._ref}" for kind in ("heads", "tags")]
        listed = self._git("ls-remote", "--", self._url, *names).decode("utf-8", "replace")
        there = {line.partition("\t")[2] for line in listed.splitlines()} & {*names}
        if len(there) > 1:
            raise self._failed(f"there is a branch and a tag of that name: write {names[0]}")
        if not there:
            raise self._failed("there is no branch and no tag of that name")
        return there.pop()

    def _files(self, tree: str) -> dict[str, bytes]:
        ids = dict(self._listed(tree))
        batch = "".join(f"{one}\n" for one in ids.values()).encode()
        # The sizes were looked at before, so this is what a bundle may hold and a line for each.
        out = self._git("cat-file", "--batch", given=batch, limit=2 * layout.MAX_BUNDLE_BYTES)
        files: dict[str, bytes] = {}
        at = 0
        for name in ids:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            files[name] = out[end + 1 : end + 1 + size]
            at = end + size + 2
        return files

    def _listed(self, tree: str) -> Iterator[tuple[str, str]]:
        """Path and id of each file that counts. Raises PolicyRefused."""
        total = count = 0
        for line in self._git("ls-tree", "-r", "-z", "--long", tree).split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            name = path.decode("utf-8", "replace")
            hidden = any(part.startswith(".") for part in name.split("/"))
            if hidden and name not in {layout.MANIFEST, layout.SIGNATURES}:
                continue
            if not layout.counts(name):
                continue
            found = _BLOB.fullmatch(about.decode())
            if found is None or found["kind"] != "blob" or found["mode"] not in _PLAIN:
                raise PolicyRefused("no plain file", file=name, fix="put the file itself here")
            count, total = count + 1, total + int(found["size"])
            if count > layout.MAX_FILES or total > layout.MAX_BUNDLE_BYTES:
                raise PolicyRefused(
                    f"more than {layout.MAX_FILES} files or {layout.MAX_BUNDLE_BYTES} bytes",
                    file=name,
                    fix="keep large tables in a resolver's system of record",
                )
            yield name, found["id"]

    def _git(self, *arguments: str, given: bytes = b"", limit: int = _MAX_LISTING) -> bytes:
        command = ["git", *_ALONE, *arguments]
        try:
            child = subprocess.Popen(  # noqa: S603 arguments of ours, and names that were looked at
                command,
                cwd=self._cache,
                env={**os.environ, **ENVIRONMENT, "GIT_DIR": str(self._cache)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise self._failed(f"git cannot be started: {error.strerror}") from None
        try:
            out, complaint = child.communicate(given, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # What git itself started, such as ssh, goes with it.
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            raise self._failed(f"git did not come back within {TIMEOUT_S:.0f} s") from None
        if child.returncode != 0:
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise self._failed(f"git failed: {''.join(last)[:200]}")
        if len(out) > limit:
            raise self._failed("the repository has more there than a bundle may hold")
        return out

    def _failed(self, sentence: str) -> PolicyRefused:
        return PolicyRefused(
            sentence, file=self.where, fix="look there; what was accepted last stays until then"
        )
