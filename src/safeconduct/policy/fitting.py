"""Whether rules speak of what there is: the tools, arguments and categories of the manifests.

A misspelt tool or category makes a rule that never applies, and a gateway that is laxer than its
rules read. What an upstream offers beyond the manifests is unknown here, so a tool that no manifest
has is worth a warning; categories and arguments are those of the manifests alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from safeconduct.config.shape import did_you_mean
from safeconduct.core.manifest import FieldLabel, Manifest, SourceLabel
from safeconduct.kit import yaml
from safeconduct.policy.bundles.header import FILE
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused

_TOOL: Final = ("input", "call", "tool")
_ARGUMENT: Final = "declare the argument in the manifest of the tool, or correct its name"
_CATEGORY: Final = "give the fields that it is about this category, or correct its name"
_FIX: Final = "correct it, or review the tool"


class Known(msgspec.Struct, frozen=True):
    """What there is to speak of. `categories` are those of results, and kinds of findings."""

    upstreams: frozenset[str]
    tools: frozenset[str]
    arguments: frozenset[str]
    categories: frozenset[str]

    def has(self, tool: str) -> bool:
        """Whether there is a tool of this id, or an upstream of such a prompt or resource."""
        upstream, mark, _ = tool.partition("#")
        return upstream in self.upstreams if mark else tool in self.tools


def known(
    manifests: Mapping[str, Manifest], upstreams: Iterable[str], kinds: Iterable[str]
) -> Known:
    """What these manifests and upstreams have. `kinds` are those of findings."""
    tools = {
        f"{where}.{name}": tool
        for where, manifest in manifests.items()
        for name, tool in manifest.tools.items()
    }
    labels: list[SourceLabel | FieldLabel] = []
    for tool in tools.values():
        labels += [tool.returns.source, *tool.returns.fields.values()]
    for manifest in manifests.values():
        labels += [one.source for one in manifest.resources.values()]
        labels += [one.source for one in manifest.prompts.values()]
    categories = {name for one in labels for name in one.categories}
    return Known(
        upstreams=frozenset(upstreams),
        tools=frozenset(tools),
        arguments=frozenset(name for tool in tools.values() for name in tool.arguments),
        categories=frozenset(categories).union(kind.partition(".")[0] for kind in kinds),
    )


def undemandable(bundle: Bundle, header: str, there: Known) -> Iterator[PolicyRefused]:
    """The obligations that no tool could meet. `header` is the text of `policy.yaml`."""
    document = yaml.load(header, FILE)
    for name, obligation in bundle.header.obligations.items():
        for place, category in enumerate(obligation.redact):
            if category not in there.categories:
                yield PolicyRefused(
                    f"`obligations.{name}` redacts `{category}`, which no manifest has",
                    file=FILE,
                    line=document.line(("obligations", name, "redact", place)),
                    fix=did_you_mean(category, there.categories, _CATEGORY),
                )
        for path in obligation.constrain:
            if path.partition(".")[0] not in there.arguments:
                yield PolicyRefused(
                    f"`obligations.{name}` constrains `{path}`, which no manifest declares",
                    file=FILE,
                    line=document.line(("obligations", name, "constrain", path)),
                    fix=did_you_mean(path, there.arguments, _ARGUMENT),
                )


def unheard(bundle: Bundle, there: Known) -> Iterator[PolicyRefused]:
    """The rules that name a tool which no manifest has. The bundle has passed."""
    if bundle.header.engine == "rego":
        yield from _rego(bundle, there)
    elif bundle.header.engine == "cedar":
        yield from _cedar(bundle, there)


def _rego(bundle: Bundle, there: Known) -> Iterator[PolicyRefused]:
    from safeconduct.policy.rego.evaluator import Evaluator  # noqa: PLC0415 native code
    from safeconduct.policy.rego.guards import Guards  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.rego.syntax import Rule, nodes, rules, string  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.trial.literals import comparison  # noqa: PLC0415 loaded where it is needed

    found = rules(Evaluator(bundle).modules)
    guards = Guards(found)
    named: dict[str, tuple[Rule, int]] = {}
    for rule in found:
        for kind, node in nodes(rule.parts):
            compared = comparison({kind: node}) if node else None
            if compared is not None and compared.path == _TOOL:
                ids = filter(None, map(string, compared.literals))
                named = dict.fromkeys(ids, (rule, compared.line)) | named
    for rule in found:
        # Those that a rule names by another that lists them.
        named = dict.fromkeys(guards.of(rule).get("tool", ()), (rule, rule.line)) | named
    for tool, (rule, line) in named.items():
        if not there.has(tool):
            yield rule.refused(_unheard(tool), did_you_mean(tool, there.tools, _FIX), line=line)


def _cedar(bundle: Bundle, there: Known) -> Iterator[PolicyRefused]:
    from cedarpy import pst  # noqa: PLC0415 native code

    from safeconduct.policy.cedar.contracted import read_schema  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.cedar.looks import nodes  # noqa: PLC0415 loaded where it is needed
    from safeconduct.policy.cedar.rules import parse  # noqa: PLC0415 loaded where it is needed

    schema = read_schema(bundle.schema)
    for rule in parse(bundle.rules):
        named: set[str] = set()
        for node in nodes(rule.policy):
            entity = node.value if isinstance(node, pst.EntityLit) else node
            if isinstance(entity, pst.EntityUid) and str(entity.type) in {"Action", "Tool"}:
                named.add(entity.id)
        for name in sorted(named):
            group = name in schema.actions and not schema.asked(name)
            if not group and not there.has(name):
                yield rule.refused(_unheard(name), did_you_mean(name, there.tools, _FIX))


def _unheard(tool: str) -> str:
    return f"this is about `{tool}`, a tool that no manifest has"
