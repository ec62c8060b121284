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


@pytest.mark.skipif(sys.platform != "linux", reason="tesserocr has wheels for Linux alone")
def test_letters_are_read_where_their_readers_and_models_are_installed(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "inspectors: {documents: {ocr: true, ocr_languages: [eng]}} # here\n"
    gateway.add(ROOT, asked)
    assert gateway.problems == []
    rules = sys.modules["safeconduct.config.rules.inspectors"]
    with monkeypatch.context() as changed:
        changed.setattr(rules, "LETTER_READERS", {"no_such_reader": "ocr"})
        (problem,) = gateway.problems
        assert problem.fix == "pip install 'safeconduct[ocr]'"
    gateway.change(ROOT, "[eng]", "[eng, xyz_sym]")
    (problem,) = gateway.problems
    assert problem.file.endswith(ROOT)
    assert problem.sentence == "no directory has Tesseract's models of eng, xyz_sym"
    assert problem.fix == (
        "apt-get install tesseract-ocr-eng tesseract-ocr-xyz-sym, or name the directory in "
        "TESSDATA_PREFIX"
    )
    gateway.change(ROOT, "ocr: true, ", "")
    assert gateway.problems == []


@pytest.mark.parametrize("languages", ["[]", "[English]", "['../eng']", "[eng+deu]"])
def test_languages_are_names_of_models(gateway: Gateway, languages: str) -> None:
    gateway.add(ROOT, f"inspectors: {{documents: {{ocr_languages: {languages}}}}}\n")
    assert len(gateway.problems) == 1
