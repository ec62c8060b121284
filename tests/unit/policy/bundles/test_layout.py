import pytest

from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.reading import assemble
from safeconduct.policy.refusal import PolicyRefused
from tests.support.releases import FILES, released


@pytest.mark.parametrize(
    "path",
    ["policy.yaml", "rules/a.rego", "rules/deep/a.cedar", "lib/a.rego", "data/a.yaml", "data.json",
     "masks.yaml", "schema.cedarschema", "release.json", ".manifest", ".signatures.json"],
)  # fmt: skip
def test_what_belongs_to_a_bundle(path: str) -> None:
    assert layout.counts(path)


@pytest.mark.parametrize("path", ["README.md", "tests/a_test.rego", "tests/deep/b.yaml"])
def test_what_lies_beside_it(path: str) -> None:
    assert not layout.counts(path)


@pytest.mark.parametrize(
    "path",
    ["", "rules", "rule/a.rego", "rules/a.txt", "lib/a.cedar", "data/a/b.json", "data/a.rego",
     "rules/.a.rego", "rules/a b.rego", "rules//a.rego", "rules/../a.rego", "other.json",
     f"rules/{'a' * 90}.rego"],
)  # fmt: skip
def test_what_does_not_belong(path: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        layout.counts(path)
    assert caught.value.fix


def test_data_is_one_wherever_it_stands() -> None:
    folder = {**FILES, "data/more.yaml": b"limit: 3\n"}
    whole = {name: one for name, one in FILES.items() if not name.startswith("data/")}
    whole["data.json"] = b'{ "more": {"limit": 3}, "crm": {"tiers": [1, 2]} }'
    assert assemble(folder).digest == assemble(whole).digest
    assert assemble(whole).data == '{"crm":{"tiers":[1,2]},"more":{"limit":3}}'


def test_what_is_said_of_the_content_does_not_change_it() -> None:
    assert assemble(released()).digest == assemble(FILES).digest


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data.json": b'{"crm": 1}'}, "two files"),
        ({"data/crm.yaml": b"a: 1\n"}, "two files"),
        ({"data.json": b"[]"}, "not an object"),
        ({"data/x.yaml": b"a: &b 1\n"}, "anchors"),
        ({"data/x.yaml": b"\xff"}, "UTF-8"),
    ],
)
def test_data_with_two_meanings_is_refused(more: dict[str, bytes], words: str) -> None:
    with pytest.raises(PolicyRefused, match=words):
        assemble({**FILES, **more})


def test_rules_for_another_engine_are_refused() -> None:
    with pytest.raises(PolicyRefused, match="does not read"):
        assemble({**FILES, "rules/x.cedar": b"permit(principal, action, resource);"})
