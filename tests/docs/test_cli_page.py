"""docs/reference/cli.md is what the command says of itself."""

from scripts import cli_reference

from safeconduct.cli.main import VERBS
from tests.support.pages import PAGES


def _words(text: str) -> list[str]:
    """Versions of Python break the lines of a usage differently."""
    return text.split()


def test_the_page_is_current() -> None:
    page = cli_reference.PAGE.read_text(encoding="utf-8")
    assert _words(page) == _words(cli_reference.page()), "run python scripts/cli_reference.py"


def test_every_verb_has_a_page_that_uses_it() -> None:
    others = [page for page in PAGES if page != cli_reference.PAGE]
    text = "\n".join(page.read_text(encoding="utf-8") for page in others)
    assert [verb for verb in VERBS if f"safeconduct {verb}" not in text] == []
