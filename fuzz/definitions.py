"""The target that reads what servers say of their tools."""

from __future__ import annotations

import io
from typing import Any, cast

import msgspec
from ruamel.yaml import YAML

from safeconduct.core.manifest import Effect, Manifest
from safeconduct.kit import yaml
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.tools.inference import propose
from safeconduct.tools.inference.definition import NotAListing, listed
from safeconduct.tools.inference.written import text


def tools(data: bytes) -> None:
    """What is proposed is what the file says, to us and to ruamel; it trusts no text, pins nothing,
    opens no sink, and a name that says it changes something is no read.
    """
    try:
        proposal = propose("fuzzed", listed(loads(data)))
    except (StrictJSONError, NotAListing):
        return
    said = text(proposal)
    try:
        assert msgspec.convert(yaml.load(said, "proposal").value, Manifest) == proposal.manifest
    except yaml.YamlError as error:
        assert "larger than" in error.sentence  # noqa: PT017  which bound it is does matter
        return
    theirs = cast("Any", YAML(typ="safe", pure=True)).load(io.StringIO(said))
    assert msgspec.convert(theirs, Manifest) == proposal.manifest
    for name, tool in proposal.manifest.tools.items():
        assert tool.pin is None
        assert tool.sink.clearance == "public"
        assert tool.returns.source.integrity == "untrusted"
        sure = name.startswith(("delete_", "send_", "create_", "execute_"))
        assert not sure or tool.effect is not Effect.read
