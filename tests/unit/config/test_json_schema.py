"""The schemas say what the structs say, and the shipped copies are current."""

import json
from importlib import resources

import pytest

from safeconduct.config.json_schema import KINDS, json_schema
from safeconduct.kit import yaml
from tests.support.configs import SOUND

SHIPPED = resources.files("safeconduct") / "library" / "schema"


@pytest.mark.parametrize("name", KINDS)
def test_the_shipped_schema_is_current(name: str) -> None:
    shipped = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(json_schema(name))), (
        "write it anew: safeconduct schema --write src/safeconduct/library/schema"
    )


def test_nothing_else_is_shipped() -> None:
    assert {entry.name for entry in SHIPPED.iterdir()} == {f"{name}.json" for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_unknown_keys_are_refused_at_every_level(name: str) -> None:
    for title, definition in json_schema(name)["$defs"].items():
        if "properties" in definition:
            assert definition["additionalProperties"] is False, title


def test_it_knows_what_the_sound_files_say() -> None:
    value = yaml.load((SOUND / "safeconduct.yaml").read_text(encoding="utf-8"), "f").value
    root = json_schema("safeconduct")["$defs"]["Root"]
    assert isinstance(value, dict)
    assert set(root["required"]) <= value.keys() <= root["properties"].keys()


def test_descriptions_are_not_indented_like_source() -> None:
    assert "\n    " not in str(json_schema("safeconduct")["$defs"]["GatewayBlock"]["description"])
