"""What is asked of Cedar rules before a gateway runs them; runs in a process of its own."""

from __future__ import annotations

from cedarpy import validate_policies

from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.cedar.engine import CedarEngine, read_schema
from safeconduct.policy.cedar.rules import parse


def judge(bundle: Bundle) -> None:
    """Judge the bundle in this process.

    Raises:
        PolicyRefused: at the first finding.
    """
    schema = bundle.schema or ""
    read_schema(schema)
    for rule in parse(bundle.rules):
        result = validate_policies(rule.text, schema)
        for error in result.errors:
            raise rule.refused(
                f"`{rule.at.id}` does not fit the schema: {error.error}",
                "guard what may be absent with `has`, and compare values of one type",
            )
    CedarEngine(bundle)
