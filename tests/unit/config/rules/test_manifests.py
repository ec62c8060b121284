"""What a manifest refers to exists."""

from pathlib import Path

import pytest

from safeconduct.config import examine_files
from tests.support.configs import Gateway

CRM = "manifests/crm.yaml"
MAIL = "manifests/mail.yaml"
RESOLVER = 'status: {tool: get_case, arguments: {case_id: "$.arguments.case_id"}, take: "$.status"}'


def test_it_is_of_the_upstream_that_names_it(gateway: Gateway) -> None:
    gateway.change(MAIL, "upstream: mail", "upstream: male # here")
    assert "`upstream: mail`" in gateway.expect("is of `male`").fix


@pytest.mark.parametrize(
    "pin", ["sha256:abc", "sha256:" + "A" * 64, "md5:" + "0" * 64, "0" * 64 + "x", "''"]
)
def test_a_pin_is_a_digest(gateway: Gateway, pin: str) -> None:
    gateway.change(MAIL, "effect: send", f"effect: send\n    pin: {pin} # here")
    gateway.expect("is not a digest")


def test_a_digest_is_fine(gateway: Gateway) -> None:
    gateway.change(MAIL, "effect: send", f"effect: send\n    pin: sha256:{'0f' * 32}")
    assert gateway.problems == []


@pytest.mark.parametrize("tool", ["get_cases", "crm.get_cases", "mail.send", "nowhere.get_case"])
def test_a_resolver_asks_a_tool_that_exists(gateway: Gateway, tool: str) -> None:
    gateway.change(CRM, RESOLVER, f'status: {{tool: {tool}, take: "$.status"}} # here')
    problem = gateway.problems[0]
    assert ("no manifest describes" in problem.sentence) is (tool != "mail.send")
    assert len(gateway.problems) == 1


def test_a_resolver_only_reads(gateway: Gateway) -> None:
    gateway.change(CRM, RESOLVER, 'status: {tool: close_case, take: "$.status"} # here')
    gateway.expect("is not a read tool")


def test_a_shared_resolver_asks_a_tool_that_exists(gateway: Gateway) -> None:
    gateway.change(
        MAIL, '{tool: crm.customers_on_file, take: "$.emails.*"}', "{tool: x, take: y} # here"
    )
    gateway.expect("no manifest describes")


@pytest.mark.parametrize("value", ["$.arguments.caseid", "$.case_id", "$.arguments.", "$"])
def test_a_resolver_takes_arguments_that_exist(gateway: Gateway, value: str) -> None:
    gateway.change(CRM, RESOLVER, f"{RESOLVER.replace('$.arguments.case_id', value)} # here")
    gateway.expect("is no argument of this tool")


@pytest.mark.parametrize("value", ["open", "7", "[1]"])
def test_a_resolver_may_have_constants(gateway: Gateway, value: str) -> None:
    gateway.change(CRM, RESOLVER, RESOLVER.replace('"$.arguments.case_id"', value))
    assert gateway.problems == []


def test_an_allow_list_names_a_resolver_that_exists(gateway: Gateway) -> None:
    gateway.change(MAIL, "{resolver: customers}", "{resolver: customer} # here")
    assert gateway.expect("there is no resolver").fix == "did you mean `customers`?"


def test_an_argument_is_on_file_with_a_resolver_that_exists(gateway: Gateway) -> None:
    gateway.change(MAIL, "{role: recipient}", "{role: recipient, on_file: customers}")
    assert gateway.problems == []
    gateway.change(MAIL, "on_file: customers}", "on_file: customer} # here")
    assert gateway.expect("there is no resolver").fix == "did you mean `customers`?"


def test_an_allow_list_may_name_the_tools_own_resolver(gateway: Gateway) -> None:
    gateway.change(
        MAIL,
        "    sink:",
        '    resolvers: {own: {tool: crm.customers_on_file, take: "$"}}\n    sink:',
    )
    gateway.change(MAIL, "{resolver: customers}", "{resolver: own}")
    assert gateway.problems == []


def test_an_allow_list_may_hold_values_alone(gateway: Gateway) -> None:
    gateway.change(MAIL, "{resolver: customers}", "{values: [desk@crm.example]}")
    assert gateway.problems == []


def test_a_shared_resolvers_arguments_are_those_of_the_tool_that_uses_it(gateway: Gateway) -> None:
    gateway.change(
        MAIL, 'take: "$.emails.*"}', 'take: "$.emails.*", arguments: {q: "$.arguments.cc"}}'
    )
    gateway.change(MAIL, "{resolver: customers}", "{resolver: customers} # here")
    gateway.expect("is no argument of this tool")


def test_an_address_without_a_list_is_a_warning(gateway: Gateway) -> None:
    gateway.change(MAIL, "      allow:\n        recipients: {resolver: customers}\n", "")
    gateway.change(MAIL, "to: {role: recipient}", "to: {role: recipient} # here")
    gateway.expect("nobody is on file for `to`", warning=True)


def test_reading_needs_no_list(gateway: Gateway) -> None:
    gateway.change(MAIL, "      allow:\n        recipients: {resolver: customers}\n", "")
    gateway.change(MAIL, "effect: send", "effect: read")
    assert gateway.problems == []


@pytest.mark.parametrize("integrity", ["integrity: untrusted, ", "integrity: endorsed, "])
def test_only_a_trusted_field_vouches(gateway: Gateway, integrity: str) -> None:
    gateway.change(
        CRM, "{vouches_for: [recipient]}", f"{{{integrity}vouches_for: [recipient]}} # here"
    )
    gateway.expect("vouches for nothing")


def test_a_field_is_as_trusted_as_its_source(gateway: Gateway) -> None:
    gateway.change(CRM, "source: {integrity: trusted, ", "source: {")
    gateway.change(CRM, "{vouches_for: [recipient]}", "{vouches_for: [recipient]} # here")
    gateway.expect("vouches for nothing")


def test_on_its_own_a_manifest_may_refer_to_others(gateway: Gateway) -> None:
    gateway.change(MAIL, "crm.customers_on_file", "elsewhere.customers")
    assert examine_files([gateway.directory / MAIL]).problems == ()
    gateway.change(MAIL, "elsewhere.customers", "mail.customers")
    (problem,) = examine_files([gateway.directory / MAIL]).problems
    assert problem.line == 3


ARGUMENT = "case_id: {role: object-id, type: crm.case}"


def test_free_sql_without_a_tenant_s_credential_is_warned_of(gateway: Gateway) -> None:
    gateway.change(CRM, ARGUMENT, f"{ARGUMENT}\n      sql: {{role: query, type: sql}} # here")
    assert "`tenant: NAME`" in gateway.expect("not bound to a tenant", warning=True).fix


def test_free_sql_with_a_tenant_s_credential_is_fine(gateway: Gateway) -> None:
    gateway.change(CRM, ARGUMENT, f"{ARGUMENT}\n      sql: {{role: query, type: sql}}")
    gateway.change(
        "safeconduct.yaml", 'value: "env:CRM_TOKEN"', 'value: "env:CRM_TOKEN", tenant: crm.example'
    )
    assert gateway.problems == []


@pytest.mark.parametrize("argument", ["{role: query, type: SQL}", "{role: content, type: sql}"])
def test_what_looks_like_free_sql_is_said_to_be(gateway: Gateway, argument: str) -> None:
    gateway.change(CRM, ARGUMENT, f"{ARGUMENT}\n      sql: {argument} # here")
    gateway.expect("of the type")


@pytest.mark.parametrize("rows", ["{at: pages.*.rows, tenant: t}", "{at: rows, tenant: '*'}"])
def test_rows_and_their_tenant_are_named(gateway: Gateway, rows: str) -> None:
    gateway.change(MAIL, "effect: send", f"effect: send\n    returns: {{rows: {rows}}} # here")
    gateway.expect("has a `*`")


PAY = """\
upstream: bank
tools:
  pay_bill:
    effect: pay
    scopes: [bank:pay]
    arguments: {iban: {role: account}, amount: {role: amount, decimals: 2}}
    returns:
      fields: {bills.*.id: {integrity: trusted, vouches_for: [object-id], type: bank.bill}}
      owned: {at: bills.*, owner: holder}
"""


def alone(tmp_path: Path, old: str = "", new: str = "") -> list[tuple[int, str, str]]:
    assert old in PAY
    file = tmp_path / "bank.yaml"
    file.write_text(PAY.replace(old, new) if old else PAY, encoding="utf-8")
    problems = examine_files([file]).problems
    return [(one.line, one.sentence, one.fix) for one in problems if not one.warning]


def test_a_tool_that_pays(tmp_path: Path) -> None:
    assert alone(tmp_path) == []


def test_only_amounts_have_digits_after_a_point(tmp_path: Path) -> None:
    assert alone(tmp_path, "role: account", "role: account, decimals: 2") == [
        (
            6,
            "`iban` has the role account, and only an amount has digits after a point",
            "leave out `decimals`, or write `role: amount`",
        )
    ]


def test_only_amounts_are_above_others(tmp_path: Path) -> None:
    ((line, sentence, _),) = alone(tmp_path, "role: account", "role: account, above_bps: 100")
    assert (line, "only an amount can be above another" in sentence) == (6, True)


@pytest.mark.parametrize("argument", ["role: account", "role: amount, decimals: 2"])
def test_what_is_paid_needs_a_voucher(tmp_path: Path, argument: str) -> None:
    ((line, sentence, _),) = alone(tmp_path, argument, f"{argument}, needs: any")
    assert line == 6
    assert "steers what is paid" in sentence


def test_content_of_a_payment_needs_none(tmp_path: Path) -> None:
    assert alone(tmp_path, "role: account", "role: content, needs: any") == []


@pytest.mark.parametrize(
    ("at", "fix"),
    [
        ("bills", "did you mean `bills.*`?"),
        ("$", "write the path of a field that vouches, to its last `*`"),
        ("bill.*", "did you mean `bills.*`?"),
    ],
)
def test_rows_with_owners_are_rows_of_fields_that_vouch(tmp_path: Path, at: str, fix: str) -> None:
    ((line, sentence, found),) = alone(tmp_path, "at: bills.*", f"at: {at}")
    assert line == 9
    assert f"in a row at `{at}`" in sentence
    assert found == fix


def test_one_object_may_have_an_owner(tmp_path: Path) -> None:
    whole = "bills.*.id: {integrity: trusted, vouches_for: [object-id], type: bank.bill}}\n"
    single = whole.replace("bills.*.", "")
    owned = "      owned: {at: "
    assert alone(tmp_path, f"{whole}{owned}bills.*", f"{single}{owned}$") == []
