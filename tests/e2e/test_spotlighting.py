"""Texts are marked as data, and clients that others wrote take what comes for what it was."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Generator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from safeconduct.core.admit import DATAMARK
from tests.e2e import servers, workshop
from tests.e2e.parts import Part, npm_server
from tests.e2e.servers import NAMES
from tests.e2e.test_clients import EXPECTED, PURPOSE, played
from tests.support.installation import Gateway, running

pytestmark = pytest.mark.timeout(120)

MODES = ("none", "delimit", "datamark", "base64")
STRUCTURED = NAMES["new"]["structured"]
WEATHER = {"temperature": 36, "conditions": "Light rain / drizzle", "humidity": 82}
ECHO = "Echo: grüß, all of you"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    npm_server("everything", "new").required()
    upstreams = [
        msgspec.structs.replace(servers.everything("new"), name=mode, spotlight=mode)
        for mode in MODES
    ]
    manifests = workshop.reviewed(upstreams)
    directory = tmp_path_factory.mktemp("spotlighting") / "gateway"
    with running(workshop.install(directory, upstreams, manifests)) as gateway:
        yield gateway
        gateway.verified()


def unmarked(text: str, mode: str) -> str:
    """The text that was marked in this mode, as its delimiter says how to read it."""
    if mode == "none":
        return text
    found = re.fullmatch(
        rf"<data source={mode} key=([0-9a-f]{{16}})(?: (\S+))?>\n(.*)\n</data key=\1>", text
    )
    assert found is not None, text
    _, said, inner = found.groups()
    match mode:
        case "delimit":
            assert said is None
            return inner
        case "datamark":
            assert said == f"spaces={DATAMARK}"
            assert " " not in inner
            return inner.replace(DATAMARK, " ")
        case _:
            assert said == "encoding=base64"
            return base64.b64decode(inner, validate=True).decode()


@pytest.mark.parametrize(("part", "mode", "revision"), EXPECTED)
def test_marks_leave_structured_content_and_schemas_as_they_are(
    gateway: Gateway, part: Part, mode: str, revision: str
) -> None:
    """A client that holds results to their schemas fails where one does not fit."""
    config = gateway.config.directory
    wrap = (sys.executable, "-m", "safeconduct", "wrap", "--config", config, "--purpose", PURPOSE)
    calls: list[dict[str, Any]] = []
    for marking in MODES:
        calls += [
            {"name": f"{marking}__{STRUCTURED}", "arguments": {"location": "Chicago"}},
            {"name": f"{marking}__echo", "arguments": {"message": ECHO.removeprefix("Echo: ")}},
        ]
    answer = played(part, {"command": wrap, "mode": mode, "calls": calls})
    assert answer["revision"] == revision
    results = iter(answer["results"])
    schema = answer["schemas"][f"none__{STRUCTURED}"]
    assert schema["required"] == ["temperature", "conditions", "humidity"]
    for marking in MODES:
        structured, echo = next(results), next(results)
        assert (structured["is_error"], echo["is_error"]) == (False, False)
        assert structured["structured"] == WEATHER
        assert answer["schemas"][f"{marking}__{STRUCTURED}"] == schema
        Draft202012Validator(schema).validate(structured["structured"])
        assert msgspec.json.decode(unmarked(structured["text"], marking)) == WEATHER
        assert (unmarked(echo["text"], marking), echo["structured"]) == (ECHO, None)
