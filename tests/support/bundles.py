"""Policy bundles, written where a test wants them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safeconduct.policy.bundles.header import Header
from safeconduct.policy.bundles.reading import Bundle, RuleFile

HEADER = "name: test\nengine: rego\nentrypoint: agent.tools\n"

PACKAGE = "package agent.tools\n\nimport rego.v1\n\n"
"""What rule files begin with; the first rule stands in line 5."""

GUARDED = PACKAGE + 'permit contains {"id": "read"} if input.call.tool == "crm.get_case"\n'


def write(
    directory: Path,
    rules: str = "",
    *,
    header: str = HEADER,
    files: dict[str, str | bytes] | None = None,
    data: dict[str, object] | None = None,
) -> Path:
    """A bundle of one rule file, in which `rules` follow a permit of their own, and more files."""
    content: dict[str, str | bytes] = {"policy.yaml": header, "rules/test.rego": GUARDED + rules}
    content |= {f"data/{name}.json": json.dumps(value) for name, value in (data or {}).items()}
    content |= files or {}
    for name, text in content.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return directory


def bundle(*texts: str, data: str = "{}", unsafe: bool = False) -> Bundle:
    """A bundle that nobody checked, of files `0.rego`, `1.rego`, …"""
    digest = hashlib.sha256("\0".join((*texts, data)).encode()).hexdigest()
    return Bundle(
        header=Header(
            name="test", engine="rego", entrypoint="agent.tools", unsafe_permit_all=unsafe
        ),
        rules=tuple(RuleFile(f"{number}.rego", text) for number, text in enumerate(texts)),
        data=data,
        digest=digest,
    )
