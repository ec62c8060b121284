"""A database that keeps the index is somewhere, and how to get there is a secret."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"


def add(gateway: Gateway, text: str) -> None:
    gateway.change(
        ROOT, "audit: {directory: state/audit}", f"audit: {{directory: s, index: {{{text}}}}}"
    )


@pytest.mark.parametrize(
    "text", ["", "kind: files", "kind: postgres, dsn: 'env:DSN'", "kind: postgres, dsn: 'file:d'"]
)
def test_an_index(gateway: Gateway, text: str) -> None:
    add(gateway, text)
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dsn: 'env:DSN'", "an index in files has no `dsn`"),
        ("kind: postgres", "`dsn` is not a reference"),
        ("kind: postgres, dsn: 'postgresql://a@db/x'", "`dsn` is not a reference"),
    ],
)
def test_what_is_none(gateway: Gateway, text: str, sentence: str) -> None:
    add(gateway, text)
    (problem,) = gateway.problems
    assert sentence in str(problem)
