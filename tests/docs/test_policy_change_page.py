"""docs/guides/policy-change.md says why a decision is not replayed, as the program does."""

from safeconduct.policy.replay.again import WHY
from tests.support.pages import DOCS, sections, tables


def test_every_reason_not_to_replay_is_told() -> None:
    page = sections(DOCS / "guides" / "policy-change.md")
    ((_, *rows),) = tables(page["What is not replayed"])
    assert {row[0].strip("`"): row[1] for row in rows} == WHY
