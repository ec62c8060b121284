"""The envelope of each era, and what counts as agreement."""

import pytest

from safeconduct import __version__
from safeconduct.core.asks import Capability
from safeconduct.core.canonical import canonical
from safeconduct.ports import JSON, Listener, UpstreamError, UpstreamFault
from safeconduct.upstreams import revisions
from tests.support.listeners import Hears


async def _hear(_: JSON) -> None: ...


FORM: frozenset[Capability] = frozenset({"elicitation.form"})
EAGER = Hears(_hear, able=FORM, log_level="info")
_CLIENT = {"name": "safeconduct", "version": __version__}


def test_the_newer_era_carries_its_envelope_over_whatever_was_given() -> None:
    forged = "io.modelcontextprotocol/clientInfo"
    given: JSON = {"name": "x", "_meta": {"traceparent": "t", forged: {"name": "evil"}}}
    sent = revisions.with_meta(given, EAGER, 5, modern=True)
    assert sent == {
        "name": "x",
        "_meta": {
            "traceparent": "t",
            "progressToken": 5,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": _CLIENT,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            "io.modelcontextprotocol/logLevel": "info",
        },
    }
    assert given["_meta"] == {"traceparent": "t", forged: {"name": "evil"}}


def test_the_older_era_carries_a_progress_token_or_nothing() -> None:
    given: JSON = {"name": "x"}
    assert revisions.with_meta(given, modern=False) == {"name": "x"}
    sent = revisions.with_meta(given, EAGER, 5, modern=False)
    assert sent == {"name": "x", "_meta": {"progressToken": 5}}
    assert given == {"name": "x"}


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("listener", [None, Hears(able=FORM), Hears(log_level="error"), EAGER])
@pytest.mark.parametrize(
    "params",
    [{}, {"name": "x", "arguments": {"b": 1.0, "a": "ä"}}, {"uri": "u", "_meta": {"t": "1"}}],
)
def test_a_request_is_the_canonical_form_of_parameters_and_envelope(
    params: JSON, listener: Listener | None, *, modern: bool
) -> None:
    sent = revisions.request(7, "m", params, listener, modern=modern)
    complete = revisions.with_meta(params, listener, 7, modern=modern)
    assert sent == canonical({"jsonrpc": "2.0", "id": 7, "method": "m", "params": complete})


@pytest.mark.parametrize("modern", [True, False])
def test_parameters_without_a_canonical_form_make_no_request(*, modern: bool) -> None:
    with pytest.raises(UpstreamFault) as caught:
        revisions.request(7, "m", {"x": float("nan")}, modern=modern)
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)


def test_a_handshake_declares_what_can_be_asked() -> None:
    assert revisions.initialize_params(revisions.NOBODY) == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": _CLIENT,
    }
    able = frozenset[Capability]({"elicitation.form", "roots"})
    declared = revisions.initialize_params(able)["capabilities"]
    assert declared == {"elicitation": {"form": {}}, "roots": {}}


@pytest.mark.parametrize(
    ("initialized", "offered"),
    [({"capabilities": {"logging": {}}}, {"logging": {}}), ({"capabilities": []}, {}), ({}, {})],
)
def test_what_an_upstream_offers_is_an_object(initialized: JSON, offered: JSON) -> None:
    assert revisions.offered(initialized) == offered


@pytest.mark.parametrize("revision", ["2025-11-25", "2025-06-18", "2025-03-26"])
def test_older_answers_are_accepted(revision: str) -> None:
    assert revisions.agreed({"protocolVersion": revision}) == revision


def test_the_first_revision_is_spoken_over_stdio_alone() -> None:
    first = {"protocolVersion": "2024-11-05"}
    assert revisions.agreed(first, revisions.OVER_STDIO) == "2024-11-05"
    with pytest.raises(UpstreamFault):
        revisions.agreed(first)


@pytest.mark.parametrize("revision", ["2026-07-28", "2024-11-05", "1.0", "", None, 2025, []])
def test_other_answers_are_not(revision: object) -> None:
    with pytest.raises(UpstreamFault) as caught:
        revisions.agreed({"protocolVersion": revision})
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)


@pytest.mark.parametrize(
    ("discovered", "modern"),
    [
        ({"supportedVersions": ["2025-11-25", "2026-07-28"]}, True),
        ({"supportedVersions": ["2025-11-25"]}, False),
        ({"supportedVersions": "2026-07-28"}, False),
        ({"supportedVersions": [["2026-07-28"], None]}, False),
        ({}, False),
    ],
)
def test_only_positive_evidence_is_evidence(discovered: JSON, modern: bool) -> None:
    assert revisions.offers_modern(discovered) is modern


def test_an_upstream_with_no_common_revision_is_rejected() -> None:
    unsupported = revisions.UNSUPPORTED_VERSION
    with pytest.raises(UpstreamFault):
        revisions.check_common(UpstreamError(unsupported, "", {"supported": ["2030-01-01"]}))
    revisions.check_common(UpstreamError(unsupported, "", {"supported": ["2025-06-18"]}))
    revisions.check_common(UpstreamError(unsupported, "", None))
    revisions.check_common(UpstreamError(-32601, "", {"supported": ["2030-01-01"]}))


def test_a_refused_envelope_is_a_fault_and_any_other_error_an_answer() -> None:
    assert revisions.result_of({"a": 1}, None) == {"a": 1}
    for code in (-32020, -32022):
        with pytest.raises(UpstreamFault) as caught:
            revisions.result_of(None, UpstreamError(code, "secret text"))
        assert not caught.value.may_have_happened
        assert "secret" not in str(caught.value)
    error = UpstreamError(-32602, "no such tool")
    with pytest.raises(UpstreamError) as answered:
        revisions.result_of(None, error)
    assert answered.value is error
