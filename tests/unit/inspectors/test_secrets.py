"""What looks like a credential is found, wherever it stands in a JSON value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact
from safeconduct.inspectors.secrets import SHAPES, SecretInspector

# Put together here, so that no scanner of this repository takes them for real ones.
SECRETS = {
    "secret.aws": "AKIA" + "ABCDEFGH234567IJ",
    "secret.anthropic": "sk-ant-" + "api03-0123456789_abcdefghij",
    "secret.openai": "sk-proj-" + "0123456789abcdefghij",
    "secret.github": "ghp_" + "a1" * 18,
    "secret.gitlab": "glpat-" + "0123456789-abcdefghi_",
    "secret.slack": "xoxb-" + "0123456789-abcdef",
    "secret.stripe": "sk_live_" + "0123456789abcdef",
    "secret.google": "AIza" + "0123456789_abcdefghij-0123456789abc",
    "secret.jwt": "eyJhbGciOiJFUzI1" + ".eyJzdWIiOiJqYW5l" + ".c2lnbmF0dXJlLXNpZ24",
    "secret.private-key": "-----BEGIN EC PRIVATE " + "KEY-----\nMHcC\n-----END EC PRIVATE KEY-----",
}
INSPECTOR = SecretInspector()


def found(text: str) -> list[tuple[str, str]]:
    """The kinds and the exact texts that are found in a string."""
    findings = INSPECTOR.inspect({"a": text})
    assert all(one.where == ("a",) for one in findings)
    return [(one.kind, text[one.start : one.end]) for one in findings]


def test_there_is_an_example_of_every_shape() -> None:
    assert SECRETS.keys() == SHAPES.keys()


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
@pytest.mark.parametrize(
    "sentence",
    ["{}", "The key is {}.", '{{"token":"{}"}}', "é {} é", "line\n{}\nline", "a={};", "'{}'"],
)
def test_a_credential_is_found_with_its_exact_place(kind: str, secret: str, sentence: str) -> None:
    assert found(sentence.format(secret)) == [(kind, secret)]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("secret.aws", "ASIA" + "ABCDEFGH234567IJ"),
        ("secret.openai", "sk-" + "0" * 20),
        ("secret.openai", "sk-svcacct-" + "0" * 20),
        ("secret.github", "ghs_" + "Z" * 36),
        ("secret.github", "github_pat_" + "0" * 22),
        ("secret.slack", "xoxe-" + "0" * 10),
        ("secret.stripe", "rk_test_" + "0" * 16),
        ("secret.google", "AIza" + "0" * 60),
    ],
)
def test_the_other_forms_of_a_shape_are_found_too(kind: str, secret: str) -> None:
    assert found(f"see {secret} there") == [(kind, secret)]


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_whatever_has_a_shape_is_found(kind: str, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(SHAPES[kind]))
    assert INSPECTOR.inspect([text])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "An ordinary sentence about risk-adjusted-returns-of-bonds.",
        "AKIA" + "ABCDEFGH234567I",
        "AKIA" + "ABCDEFGH234567IJK",
        "xAKIA" + "ABCDEFGH234567IJ",
        "akia" + "abcdefgh234567ij",
        "task-" + "0" * 20,
        "sk-" + "0" * 19,
        "ghx_" + "0" * 36,
        "AIza" + "0" * 34,
        "eyJhbGciOiJFUzI1.c2lnbmF0dXJlLXNpZ24",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_only_resembles_one_is_not_reported(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("label", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_found_with_its_body(label: str) -> None:
    body = "Proc-Type: 4,ENCRYPTED\nMIIE+v/IB"
    key = f"-----BEGIN {label}PRIVATE KEY-----\n{body}\n-----END {label}PRIVATE KEY-----"
    assert found(f"before {key} after") == [("secret.private-key", key)]


def test_a_private_key_without_an_end_goes_to_the_end_of_the_text() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIB\n and more"
    assert found(f"before {key}") == [("secret.private-key", key)]


@pytest.mark.parametrize("kind", sorted(SECRETS.keys() - {"secret.jwt"}))
def test_a_dash_before_a_credential_hides_nothing(kind: str) -> None:
    assert found(f"key-{SECRETS[kind]}") == [(kind, SECRETS[kind])]


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_what_stands_right_after_a_private_key_is_found_too(kind: str, secret: str) -> None:
    key = SECRETS["secret.private-key"]
    assert found(f"{key}{secret}") == [("secret.private-key", key), (kind, secret)]


def test_two_private_keys_are_two_findings() -> None:
    key = SECRETS["secret.private-key"]
    assert found(f"{key}\nand\n{key}") == [("secret.private-key", key)] * 2


def test_several_credentials_are_reported_in_document_order() -> None:
    secret = SECRETS["secret.gitlab"]
    value = {"b": [secret, {"c": f" {secret}"}], "a": f"{secret} {SECRETS['secret.aws']}"}
    end = len(secret)
    assert INSPECTOR.inspect(value) == (
        Finding("secret.gitlab", ("b", 0), 0, end),
        Finding("secret.gitlab", ("b", 1, "c"), 1, end + 1),
        Finding("secret.gitlab", ("a",), 0, end),
        Finding("secret.aws", ("a",), end + 1, end + 21),
    )


def test_a_credential_in_a_key_is_reported_at_the_key() -> None:
    secret = SECRETS["secret.aws"]
    assert INSPECTOR.inspect({"x": {secret: [1]}}) == (
        Finding("secret.aws", ("x", secret, KEY), 0, 20),
    )


@pytest.mark.parametrize("value", [None, True, 7, 1.5, [], {}, "plain", {"a": [1, None, "plain"]}])
def test_other_values_hold_nothing(value: object) -> None:
    assert INSPECTOR.inspect(value) == ()


def test_half_a_surrogate_pair_hides_nothing() -> None:
    secret = SECRETS["secret.aws"]
    assert INSPECTOR.inspect([f"\ud800 {secret}"]) == (Finding("secret.aws", (0,), 2, 22),)


def test_what_is_nested_too_deeply_cannot_be_inspected() -> None:
    value: object = "deep"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        INSPECTOR.inspect(value)


_PIECES = st.sampled_from(
    [*SECRETS.values(), "-", "_", ".", " ", "a", "é", '"', "\\n", "sk-", "eyJ", "-----BEGIN "]
)


@given(st.lists(_PIECES, max_size=6).map("".join), st.lists(_PIECES, max_size=6).map("".join))
def test_after_a_redaction_nothing_is_found_any_more(text: str, key: str) -> None:
    value = {"a": [text], key: text}
    once = redact(value, INSPECTOR.inspect(value))
    assert INSPECTOR.inspect(once) == ()


@given(st.lists(_PIECES, max_size=8).map("".join))
def test_the_quick_look_never_hides_a_finding(text: str) -> None:
    anywhere = any(re.search(shape, text) for shape in SHAPES.values())
    assert bool(found(text)) == anywhere
