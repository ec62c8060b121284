"""Policy bundles, written where a test wants them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

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


SCHEMA = """
entity Agent = { tier: Long, zone: String };
entity Tool = { upstream: String, effect: String, scopes: Set<String> };
type Context = {
  call: { digest: String, fields: Set<String>, sizes: { arguments: Long } },
  labels: { integrity: String, categories: Set<String>, readers?: Set<String> },
  facts: { delta_bps?: Long, owner?: String, rate?: decimal, nested?: { inner: Long } },
  approval?: { digest: String, granted_at_ms: Long },
  now_ms: Long,
};
action "effect:read", "effect:write", "upstream:crm";
action "crm.get_case" in ["effect:read", "upstream:crm"]
  appliesTo { principal: Agent, resource: Tool, context: Context };
action "crm.update" in ["effect:write", "upstream:crm"]
  appliesTo { principal: Agent, resource: Tool, context: Context };
"""
"""What Cedar rules of tests are checked against."""

READS = '@id("read") permit (principal, action == Action::"crm.get_case", resource);\n'


def cedar(*texts: str, schema: str | None = SCHEMA, data: str = "{}", **header: Any) -> Bundle:
    """A bundle of Cedar rules that nobody checked, of files `rules/0.cedar`, `rules/1.cedar`, …"""
    return Bundle(
        header=Header(name="test", engine="cedar", **header),
        rules=tuple(RuleFile(f"rules/{number}.cedar", text) for number, text in enumerate(texts)),
        data=data,
        schema=schema,
        digest=hashlib.sha256("\0".join((*texts, schema or "", data)).encode()).hexdigest(),
    )
