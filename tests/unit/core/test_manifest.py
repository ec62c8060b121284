import msgspec
import pytest

from safeconduct.core.labels import WORST, Confidentiality, Integrity, Label
from safeconduct.core.manifest import (
    ADDRESS_ROLES,
    CONTROL_ROLES,
    ContentManifest,
    Effect,
    Manifest,
    Role,
    Sink,
    SourceLabel,
    clearance,
    source_label,
)
from tests.support.facts import manifest


@pytest.mark.parametrize("effect", Effect)
def test_everything_but_a_read_changes_state(effect: Effect) -> None:
    assert effect.changes_state is (effect.value != "read")


def test_a_source_says_what_its_data_counts_as() -> None:
    source = SourceLabel(
        integrity="endorsed",
        confidentiality="confidential",
        categories=("pii", "pii"),
        readers=("jane",),
    )
    assert source.label() == Label(
        integrity=Integrity.endorsed,
        confidentiality=Confidentiality.confidential,
        categories=frozenset({"pii"}),
        readers=frozenset({"jane"}),
    )


def test_a_source_of_which_nothing_is_said_is_the_worst_case() -> None:
    assert SourceLabel().label() == WORST
    assert ContentManifest(scopes=()).source.label() == WORST


def test_an_empty_list_of_readers_is_nobody_and_not_everybody() -> None:
    assert SourceLabel(readers=()).label().readers == frozenset()


def test_what_nobody_reviewed_counts_as_the_worst_whatever_is_written() -> None:
    written = manifest(sink=Sink(clearance="restricted"))
    assert source_label(written, reviewed=False) == WORST
    assert clearance(written, reviewed=False) is Confidentiality.public
    assert clearance(written, reviewed=True) is Confidentiality.restricted


def test_what_was_reviewed_counts_as_it_is_written() -> None:
    text = {
        "upstream": "crm",
        "tools": {
            "get_case": {
                "effect": "read",
                "scopes": ["case:read"],
                "returns": {"source": {"integrity": "trusted", "confidentiality": "public"}},
            }
        },
    }
    tool = msgspec.convert(text, Manifest).tools["get_case"]
    assert source_label(tool, reviewed=True) == Label()
    assert clearance(tool, reviewed=True) is Confidentiality.public


@pytest.mark.parametrize(
    "part",
    [
        {"upstream": "crm", "tool": {}},
        {"upstream": "crm", "tools": {"a": {"effect": "read", "scopes": [], "sinks": {}}}},
        {"upstream": "crm", "tools": {"a": {"effect": "look", "scopes": []}}},
    ],
)
def test_a_word_that_is_not_known_is_refused(part: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(part, Manifest)


def test_addresses_steer_an_action_and_content_does_not() -> None:
    free: set[Role] = {"content", "query"}
    assert ADDRESS_ROLES < CONTROL_ROLES
    assert not CONTROL_ROLES & free
