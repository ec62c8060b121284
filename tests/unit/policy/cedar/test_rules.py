import pytest

from safeconduct.policy.bundles.reading import RuleFile
from safeconduct.policy.cedar.rules import Rule, parse
from safeconduct.policy.contract import Asked, Denied, Permitted, RuleAt
from safeconduct.policy.refusal import PolicyRefused

HEAD = "(principal, action, resource)"


def rules(*texts: str) -> tuple[Rule, ...]:
    return parse([RuleFile(f"rules/{number}.cedar", text) for number, text in enumerate(texts)])


def refused(*texts: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as caught:
        rules(*texts)
    assert caught.value.fix
    return caught.value


def test_annotations_say_which_set_a_policy_adds_to() -> None:
    found = rules(
        f'@id("a") permit {HEAD};\n@id("b")\n@obligations("x, y.z") permit {HEAD};\n'
        f'@id("c") forbid {HEAD};',
        f'\n@elevate("ask") @ttl_s("300") @id("d") @obligations("x") permit {HEAD};',
    )
    assert [rule.at for rule in found] == [
        RuleAt("a", "permit", "rules/0.cedar", 1),
        RuleAt("b", "permit", "rules/0.cedar", 2),
        RuleAt("c", "deny", "rules/0.cedar", 4),
        RuleAt("d", "elevate", "rules/1.cedar", 2),
    ]
    assert [rule.says for rule in found] == [
        Permitted("a"),
        Permitted("b", ("x", "y.z")),
        Denied("c"),
        Asked("d", "ask", 300, ("x",)),
    ]


def test_a_rule_knows_what_it_looks_at() -> None:
    (rule,) = rules(
        f'@id("a") permit {HEAD} when {{ context.a["b c"].d == 1 || principal has x.y }}\n'
        'unless { [context.e, resource].contains({"k": context.f}) && (context like "x") };'
    )
    assert rule.reads == {
        ("context", ("a", "b c", "d")),
        ("principal", ("x",)),
        ("principal", ("x", "y")),
        ("context", ("e",)),
        ("context", ("f",)),
        ("context", ()),
        ("resource", ()),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"permit {HEAD};", "without an id"),
        (f'@id("A b") permit {HEAD};', "`@id` is not the name of a rule"),
        (f"@id permit {HEAD};", "without an id"),
        (f'@id("a") @advice("x") permit {HEAD};', "`@advice` says nothing"),
        (f'@id("a") @ttl_s("60") permit {HEAD};', "`@ttl_s` says nothing"),
        (f'@id("a") @elevate("t") @ttl_s("60") forbid {HEAD};', "`@elevate` says nothing"),
        (f'@id("a") @obligations("x") forbid {HEAD};', "`@obligations` says nothing"),
        (f'@id("a") @elevate("t") permit {HEAD};', "number of seconds"),
        (f'@id("a") @elevate("t") @ttl_s("0") permit {HEAD};', "number of seconds"),
        (f'@id("a") @elevate("t") @ttl_s("3601") permit {HEAD};', "number of seconds"),
        (f'@id("a") @elevate("t") @ttl_s("6e1") permit {HEAD};', "number of seconds"),
        (f'@id("a") @elevate @ttl_s("60") permit {HEAD};', "without a template"),
        (f'@id("a") @elevate("{"t" * 65}") @ttl_s("60") permit {HEAD};', "without a template"),
        (f'@id("a") @obligations("x,,y") permit {HEAD};', "not a list of names"),
        (f'@id("a") @obligations("") permit {HEAD};', "not a list of names"),
        ('@id("a") permit (principal == ?principal, action, resource);', "a template"),
        (f'@id("a") permit {HEAD}', "not Cedar"),
        (f'@id("a") permit {HEAD} when {{ context.a + }};', "not Cedar"),
        (f'@id("a") permit {HEAD} when {{ {"||".join(["context.a"] * 200)} }};', "not Cedar"),
        ("permit", "not Cedar"),
    ],
)
def test_a_policy_that_is_no_rule_is_refused(text: str, words: str) -> None:
    found = refused("// first line\n\n" + text)
    assert (found.file, found.line, words in found.sentence) == ("rules/0.cedar", 3, True), found


def test_an_annotation_that_is_misspelt_is_told_what_it_may_mean() -> None:
    asking = refused(f'@id("a") @elevates("t") @ttl_s("60") permit {HEAD};')
    assert (asking.sentence, asking.fix) == (
        "`@elevates` says nothing here",
        "did you mean `@elevate`?",
    )
    assert refused(f'@ids("a") forbid {HEAD};').fix == "did you mean `@id`?"
    assert refused(f'@id("a") @ttl_s("9") permit {HEAD};').fix == "keep `@id`, `@obligations` only"
    assert refused(f'@id("a") @elevates("t") forbid {HEAD};').fix == "keep `@id` only"


def test_an_id_names_one_rule_of_all_files() -> None:
    found = refused(f'@id("a") permit {HEAD};', f'\n@id("a") forbid {HEAD};')
    assert (found.file, found.line) == ("rules/1.cedar", 2)
    assert "stands at rules/0.cedar:1 too" in found.sentence
