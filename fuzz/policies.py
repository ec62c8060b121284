"""Targets that read policy from elsewhere: archives, and what a signer says of one."""

from __future__ import annotations

import contextlib
import gzip
import subprocess

from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.accepting import accept
from safeconduct.policy.bundles.archive import pack, unpack
from safeconduct.policy.refusal import PolicyRefused

RULES = {
    "policy.yaml": b"name: test\nengine: rego\nentrypoint: agent.tools\n",
    "rules/a.rego": b"package agent.tools\n",
}


def archives(data: bytes) -> None:
    """What comes out of an archive belongs to a bundle, holds its bounds, and is what the `tar` of
    the system finds there; packed again it is the same.
    """
    try:
        files = unpack(gzip.compress(data), "archive")
    except PolicyRefused:
        return
    layout.bounded(files)
    assert all(map(layout.counts, files))
    assert unpack(pack(files), "again") == files
    for path, content in files.items():
        spelled = [path, f"./{path}", f"/{path}"]
        done = subprocess.run(
            ["tar", "-x", "-O", "-P", "-f", "-", "--", *spelled],
            input=data,
            capture_output=True,
            check=False,
        )
        assert done.stdout == content
    with contextlib.suppress(PolicyRefused):
        accept(files, keys=None, last=None, now_ms=0)


def releases(data: bytes) -> None:
    """What a signer says is understood or refused, and never vouches for other content."""
    for name in (layout.RELEASE, layout.SIGNATURES):
        try:
            bundle = accept({**RULES, name: data}, keys=None, last=None, now_ms=0)
        except PolicyRefused:
            continue
        assert bundle.release is None or bundle.release.digest == bundle.digest
