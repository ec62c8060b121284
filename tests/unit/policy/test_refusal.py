from pathlib import Path

from safeconduct.policy.refusal import PolicyRefused


def test_a_refusal_reads_as_place_sentence_and_fix() -> None:
    refused = PolicyRefused("it is broken", file="rules/a.rego", line=3, fix="mend it")
    assert str(refused) == "rules/a.rego:3: it is broken (fix: mend it)"


def test_a_refusal_names_the_file_that_a_person_can_open() -> None:
    refused = PolicyRefused("it is broken", file="rules/a.rego", line=3, fix="mend it")
    under = refused.under(Path("policy"))
    assert (under.file, under.line) == ("policy/rules/a.rego", 3)
    assert str(under) == "policy/rules/a.rego:3: it is broken (fix: mend it)"
