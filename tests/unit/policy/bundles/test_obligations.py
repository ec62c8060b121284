import pytest

from safeconduct.core.obligations import Constant, Constrain, Demands
from safeconduct.policy.bundles.header import read_header
from safeconduct.policy.refusal import PolicyRefused

HEADER = "name: test\nengine: rego\nentrypoint: agent.tools\nobligations:\n"


def demands(text: str) -> dict[str, Demands]:
    return {name: one.demands for name, one in read_header(HEADER + text).obligations.items()}


def test_names_stand_for_what_they_demand() -> None:
    assert demands(
        "  own-tenant: {constrain: {tenant_id: task.tenant, filter.owner: user.id}}\n"
        "  mask-pii: {redact: [pii]}\n"
        "  mark: {spotlight: delimit}\n"
        "  few: {constrain: {page.limit: {const: 50}, dry_run: {const: true}}, redact: [pricing]}\n"
    ) == {
        "own-tenant": Demands(
            constrain=(
                Constrain(("tenant_id",), "task.tenant"),
                Constrain(("filter", "owner"), "user.id"),
            )
        ),
        "mask-pii": Demands(redact=("pii",)),
        "mark": Demands(spotlight=True),
        "few": Demands(
            constrain=(
                Constrain(("page", "limit"), Constant(50)),
                Constrain(("dry_run",), Constant(True)),
            ),
            redact=("pricing",),
        ),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("own: {}", "demands nothing"),
        ("own: {constrain: {}}", "demands nothing"),
        ("own: {redact: []}", "demands nothing"),
        ("own: {spotlight: none}", "none"),
        ("own: {encrypt: [pii]}", "encrypt` is an unknown key"),
        ("own: {constrain: {tenant_id: task.purpose}}", "task.purpose"),
        ("own: {constrain: {tenant_id: {const: 1.5}}}", "expected"),
        ("own: {constrain: {tenant_id: {const: null}}}", "has no `const`"),
        ("own: {constrain: {tenant_id: {const: a, or: b}}}", "or` is an unknown key"),
        ("own: {constrain: {'rows.*.tenant_id': task.tenant}}", "expected `str` matching"),
        ("own: {constrain: {'$.tenant_id': task.tenant}}", "expected `str` matching"),
        ("own: {constrain: {a..b: task.tenant}}", "expected `str` matching"),
        ("own: {redact: ['']}", "expected `str` matching"),
        ("Own: {redact: [pii]}", "expected `str` matching"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, words: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        demands(f"  {text}\n")
    assert caught.value.line == 5
    assert words in caught.value.sentence
