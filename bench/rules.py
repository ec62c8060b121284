"""Bundles of 200 rules that say the same in Rego and in Cedar: 40 tools of 8 upstreams with five
permits each, and six rules against everything.
"""

import json
from pathlib import Path
from typing import Any

UPSTREAMS = 8
TOOLS = 5
PERMITS = 5
FORBIDS = 6

TOOL = "app3.tool2"
"""The tool that is asked about; it has `PERMITS` of the rules."""


def _tools() -> list[str]:
    return [f"app{where}.tool{which}" for where in range(UPSTREAMS) for which in range(TOOLS)]


REGO_PERMIT = """
permit contains {{"id": "{tool}.{number}"}} if {{
	input.call.tool == "{tool}"
	input.agent.tier >= 2
	input.labels.confidentiality in {{"public", "internal"}}
	every field in input.call.fields {{ field in {{"stage", "amount_minor", "extra{number}"}} }}
}}
"""
REGO_FORBID = """
deny contains {{"id": "base.{number}"}} if {{
	input.labels.integrity == "untrusted"
	input.facts.limit{number} > {number}
}}
"""
CEDAR_PERMIT = """
@id("{tool}.{number}")
permit (principal, action == Action::"{tool}", resource)
when {{
  principal.tier >= 2 &&
  ["public", "internal"].contains(context.labels.confidentiality) &&
  ["stage", "amount_minor", "extra{number}"].containsAll(context.call.fields)
}};
"""
CEDAR_FORBID = """
@id("base.{number}")
forbid (principal, action, resource)
when {{
  context.labels.integrity == "untrusted" &&
  context.facts has limit{number} &&
  context.facts.limit{number} > {number}
}};
"""


def rego(directory: Path) -> Path:
    """A bundle in Rego, with a file of rules for each upstream and a table of 45 KB."""
    head = "package agent.tools\n\nimport rego.v1\n"
    files = {"policy.yaml": "name: bench\nengine: rego\nentrypoint: agent.tools\n"}
    for where in range(UPSTREAMS):
        files[f"rules/app{where}.rego"] = head + "".join(
            REGO_PERMIT.format(tool=tool, number=number)
            for tool in _tools()
            if tool.startswith(f"app{where}.")
            for number in range(PERMITS)
        )
    files["rules/base.rego"] = head + "".join(
        REGO_FORBID.format(number=number) for number in range(FORBIDS)
    )
    zones: dict[str, Any] = {
        f"zone{number}": {"tier": number, "names": ["x" * 40] * 5} for number in range(180)
    }
    files["data/zones.json"] = json.dumps(zones)
    return _written(directory, files)


def cedar(directory: Path) -> Path:
    """The same in Cedar."""
    actions = ", ".join(f'"{tool}"' for tool in _tools())
    facts = ", ".join(f"limit{number}?: Long" for number in range(FORBIDS))
    schema = f"""entity Agent = {{ tier: Long }};
entity Tool;

action {actions} appliesTo {{
  principal: Agent,
  resource: Tool,
  context: {{
    call: {{ fields: Set<String> }},
    labels: {{ integrity: String, confidentiality: String }},
    facts: {{ {facts} }},
  }},
}};
"""
    rules = [
        CEDAR_PERMIT.format(tool=tool, number=number)
        for tool in _tools()
        for number in range(PERMITS)
    ]
    rules += [CEDAR_FORBID.format(number=number) for number in range(FORBIDS)]
    return _written(
        directory,
        {
            "policy.yaml": "name: bench\nengine: cedar\n",
            "schema.cedarschema": schema,
            "rules/all.cedar": "".join(rules),
        },
    )


def _written(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory
