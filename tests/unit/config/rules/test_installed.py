"""What a configuration needs besides is installed."""

from __future__ import annotations

import sys

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"


def test_documents_are_read_where_their_reader_is_installed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.add(ROOT, "inspectors: {documents: {}} # here\n")
    assert gateway.problems == []
    rules = sys.modules["safeconduct.config.rules.inspectors"]  # whose name is its function's, too
    monkeypatch.setattr(rules, "PDF_READER", "no_such_reader")
    (problem,) = gateway.problems
    assert problem.file.endswith(ROOT)
    assert "is not installed" in problem.sentence
    assert problem.fix == "pip install 'safeconduct[documents]'"
