"""Every mismatch of shape is found, at its line, with a fix that can be followed."""

import pytest

from safeconduct.config import examine
from safeconduct.config.schema import Root, Zone
from safeconduct.config.shape import did_you_mean, dotted
from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
AGENT = "agents/copilot.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "word", "fix"),
    [
        (ROOT, "  tenant:", "  tenent: x # here\n  tenant:", "unknown key", "`tenant`"),
        (ROOT, "policy:", "polices: {} # here\npolicy:", "unknown key", "`policy`"),
        (ROOT, "policy:", "xyz: {} # here\npolicy:", "unknown key", "known here: agents,"),
        (AGENT, "    ttl_", "    scopes: [] # here\n    ttl_", "unknown key", "`scope`"),
        ("zones.yaml", "    tier: 2", "    tier: 2\n    extra: 1 # here", "unknown key", "remove"),
        ("users.yaml", "users:", "groups: {} # here\nusers:", "unknown key", "remove"),
        (
            "manifests/mail.yaml",
            "    effect: send",
            "    effect: send\n    reversable: true # here",
            "`tools.send.reversable`",
            "did you mean `reversible`?",
        ),
        (ROOT, "tenant: crm.example", "tenant: 7 # here", "expected `str`, got `int`", "text"),
        (ROOT, "tier: 2", "tier: 12 # here", "`int` <= 9", "from 1 to 9"),
        (ROOT, "tier: 2", "tier: '2' # here", "got `str`", "from 1 to 9"),
        (
            ROOT,
            "unsafe_dev_identity: true",
            "unsafe_dev_identity: yes # here",
            "expected `bool`",
            "true or false",
        ),
        (ROOT, "calls: 60", "calls: -1 # here\n      ", "`int` >= 0", "from 0 to"),
        (ROOT, "role: retrieval", "role: retrieve # here", "invalid enum", "`retrieval`?"),
        (
            "manifests/mail.yaml",
            "effect: send",
            "effect: mail # here",
            "invalid enum",
            "one of: read, write",
        ),
        (
            "manifests/mail.yaml",
            "recipients:",
            "people: # here\n         ",
            "allow.people`",
            "one of:",
        ),
        (AGENT, "scope: [case:read]", "scope: case:read # here", "expected a list", "[a, b]"),
        (AGENT, "user:jane@crm.example", "7 # here", "expected `str | array`", "write text"),
        (ROOT, "destinations:", "front_ends: [a] # here\ndestinations:", "names with values", ":"),
        (ROOT, "agents: agents/*.yaml", "agents: [a] # here", "expected `str`", "write text"),
        (ROOT, "audit: {", "audit: [] # here\n#", "expected keys", "key: value"),
        (ROOT, "\n  crm:\n", "\n  crm__x: # here\n", "matching regex", "`__` separates"),
        (ROOT, "\n  crm:\n", "\n  Crm: # here\n", "matching regex", "lower case"),
        (AGENT, "spiffe_id: s", "spiffe_id: S # here\n#", "regex", "a SPIFFE ID"),
        (AGENT, "attestation: unix", "attestation: # here", "no `attestation`", "add"),
    ],
)
def test_a_mismatch_is_found_in_its_line(
    gateway: Gateway, file: str, old: str, new: str, word: str, fix: str
) -> None:
    gateway.change(file, old, new)
    assert fix in gateway.expect(word).fix


@pytest.mark.parametrize(
    ("file", "holder", "missing", "fix"),
    [
        (AGENT, "  delegation:", "    audience: crm-api\n", "add `audience: NAME`, the only API"),
        (ROOT, "\nusers:", "  audience: copilot\n", "`aud` claim"),
        ("zones.yaml", "- id: office", "    egress: [crm, mail, crm-api]\n", "every destination"),
        (ROOT, "gateway:", "  issuer: http://127.0.0.1:8700\n", "add `issuer: ...`"),
    ],
)
def test_a_missing_key_is_found_where_it_belongs(
    gateway: Gateway, file: str, holder: str, missing: str, fix: str
) -> None:
    gateway.change(file, missing, "")
    gateway.change(file, holder, f"{holder} # here")
    key = missing.partition(":")[0].strip()
    assert fix in gateway.expect(f"has no `{key}`").fix


def test_a_key_without_a_value_is_missing(gateway: Gateway) -> None:
    gateway.change("zones.yaml", "egress: [crm, mail, crm-api]", "egress: # here")
    gateway.expect("`zones[0]` has no `egress`")


def test_an_optional_key_without_a_value_is_empty(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "unsafe_no_sandbox: true", "unsafe_no_sandbox: # here")
    gateway.expect("`upstreams.mail.unsafe_no_sandbox` is empty")


def test_a_name_ends_where_it_ends(gateway: Gateway) -> None:
    gateway.change("zones.yaml", "- id: office", '- id: "office\\n" # here')
    gateway.expect("matching regex")


def test_an_empty_file_has_no_shape(gateway: Gateway) -> None:
    (gateway.directory / "zones.yaml").write_text("# here", encoding="utf-8")
    gateway.expect("the file is empty")


def test_all_mismatches_are_found_at_once(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "  tenant: crm.example\n", "")
    gateway.change("safeconduct.yaml", "tier: 2", "tier: 0")
    gateway.change("safeconduct.yaml", "role: write-back", "role: x")
    gateway.change("agents/copilot.yaml", "unix", "none")
    gateway.change("zones.yaml", "tier: 2", "teir: 2")
    assert [(problem.file.rpartition("/")[2], problem.line) for problem in gateway.problems] == [
        ("copilot.yaml", 4),
        ("safeconduct.yaml", 1),
        ("safeconduct.yaml", 10),
        ("safeconduct.yaml", 38),
        ("zones.yaml", 5),
    ]


def test_an_unknown_key_does_not_hide_what_the_rules_find(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", "  tenant:", "  x: 1\n  tenant:")
    gateway.change("safeconduct.yaml", "scopes: [case:read,", "scopes: [case:reed,")
    sentences = [problem.sentence for problem in gateway.problems]
    assert sentences == [
        "`gateway.x` is an unknown key",
        "the scope `case:reed` is not registered",
    ]


def test_what_only_follows_from_a_broken_file_is_not_reported(gateway: Gateway) -> None:
    gateway.change("agents/copilot.yaml", "attestation: unix", "attestation: none # here")
    gateway.change("zones.yaml", "id: office", "id: Office")
    assert len(gateway.problems) == 2
    assert examine(gateway.directory).config is None


def test_names_of_places() -> None:
    assert dotted(()) == "the file"
    assert dotted(("zones", 0, "egress", 1)) == "`zones[0].egress[1]`"
    assert did_you_mean("egres", ["egress", "deny"], "no") == "did you mean `egress`?"
    assert did_you_mean("zzz", ["egress"], "no") == "no"


def test_unknown_keys_are_refused_by_every_struct_itself() -> None:
    for kind in (Root, Zone):
        assert kind.__struct_config__.forbid_unknown_fields
