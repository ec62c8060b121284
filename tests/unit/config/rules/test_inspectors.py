"""There is something for each inspector to look for, and what manifests name is looked for."""

import pytest

from safeconduct.config import kinds
from safeconduct.config.inspectors import InspectorsBlock
from safeconduct.inspectors import prices
from safeconduct.inspectors.code import LANGUAGES
from safeconduct.inspectors.instructions import rules
from safeconduct.inspectors.pii.inspector import KINDS, OFF
from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
DLP = "{external: {dlp: {wire: webhook, url: 'https://d.example/'}}}"
CRM = "manifests/crm.yaml"


def inspectors(gateway: Gateway, text: str) -> None:
    gateway.add(ROOT, f"inspectors: {{{text}}} # here\n")


def test_all_of_them(gateway: Gateway) -> None:
    (gateway.directory / "words.txt").write_text("floor price\n")
    (gateway.directory / "known.match").write_bytes(b"")
    gateway.add(
        ROOT,
        """
inspectors:
  pii: {region: DE}
  dictionaries:
    price-list: {family: pricing, file: words.txt, patterns: ['P-\\d+']}
  matches:
    customers: {family: pii, file: known.match}
  documents: {timeout_s: 5, max_bytes: 4096}
  instructions: {above: 0.8}
  external:
    dlp: {wire: webhook, url: 'https://dlp.example/inspect', credential: 'env:DLP', when: [send]}
    graph:
      wire: purview
      url: https://graph.microsoft.com/v1.0
      credential: env:GRAPH
      application: 9f2c
    shield: {wire: shield, url: 'http://127.0.0.1:9000/x', credential: 'file:./token'}
reviewer:
  wire: anthropic
  url: https://models.example/v1/messages
  model: m
  credential: env:MODEL
  otherwise: elevate
""",
    )
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dictionaries: {a: {family: b}}", "nothing to look for"),
        ("dictionaries: {a: {family: b, file: none.txt}}", "no file"),
        ("matches: {a: {family: b, file: ../up}}", "does not stay inside"),
        ("external: {a: {wire: webhook, url: 'http://dlp.example/'}}", "not https"),
        ("external: {a: {wire: webhook, url: 'ftp://dlp.example/'}}", "not https"),
        (
            "external: {a: {wire: webhook, url: 'https://dlp.example/', credential: tok}}",
            "written out",
        ),
        ("external: {a: {wire: webhook, url: 'https://dlp.example/', ca: none.pem}}", "no file"),
        ("external: {a: {wire: shield, url: 'https://dlp.example/'}}", "without a token"),
        (
            "external: {a: {wire: purview, url: 'https://g.example/', credential: 'env:A'}}",
            "`application`",
        ),
        (
            "external: {a: {wire: webhook, url: 'https://g.example/', application: x}}",
            "`application`",
        ),
    ],
)
def test_what_cannot_be_asked_or_found(gateway: Gateway, text: str, problem: str) -> None:
    inspectors(gateway, text)
    gateway.expect(problem)


def test_a_reviewer_is_asked_over_https(gateway: Gateway) -> None:
    gateway.add(ROOT, "reviewer: {wire: openai, url: 'http://m.example/v1', model: m} # here\n")
    gateway.expect("not https")


def test_somebody_looks_for_what_is_quarantined(gateway: Gateway) -> None:
    old = "    manifests: manifests/crm.yaml\n"
    gateway.change(ROOT, old, f"{old}    instructions: quarantine # here\n")
    gateway.expect("nobody looks for instructions")
    gateway.change(ROOT, " # here", "")
    gateway.add(ROOT, "inspectors: {documents: {}}\n")
    assert gateway.problems == []


@pytest.mark.parametrize(
    ("block", "said", "problem"),
    [
        ("", "returns: {redact: [pii.card, secret]}", None),
        ("", "returns: {redact: [crm]}", "nothing that is configured finds `crm`"),
        ("", "returns: {tokenise: [pji.email]}", "nothing that is configured finds `pji.email`"),
        ("", "sink: {categories_refused: [external.block]}", "nothing that is configured finds"),
        (DLP, "sink: {categories_refused: [external, external.block]}", None),
        (DLP, "sink: {categories_refused: [external.dlp]}", "finds `external.dlp`"),
        ("", "returns: {redact: [pii.ibann]}", "finds `pii.ibann`"),
        ("", "returns: {tokenise: [pii.name]}", "finds `pii.name`"),
        ("", "sink: {reveals: [pii.phones]}", "finds `pii.phones`"),
        ("", "sink: {categories_refused: [pii.cards]}", "finds `pii.cards`"),
        ("", "sink: {categories_refused: [codes.python]}", "finds `codes.python`"),
        ("", "sink: {categories_refused: [code.python, our-own, secret.generic]}", None),
        ("", "returns: {redact: [pii.ip]}", "finds `pii.ip`"),
        ("{pii: {kinds: [pii.ip]}}", "returns: {redact: [pii.ip, pii]}", None),
        ("{pii: {kinds: [pii.card]}}", "returns: {redact: [pii.email]}", "finds `pii.email`"),
        (
            "{dictionaries: {code-names: {family: code, patterns: [x]}}}",
            "returns: {redact: [code.code-names, code.c]}",
            None,
        ),
        (
            "{dictionaries: {ours: {family: secret, patterns: [x]}}}",
            "returns: {redact: [secret.ours, secret.aws]}",
            None,
        ),
        ("{documents: {}}", "returns: {redact: [document.bomb]}", "finds `document.bomb`"),
        ("{instructions: {}}", "returns: {redact: [instruction, document]}", "finds `document`"),
        ("{documents: {}}", "returns: {redact: [instruction, document]}", None),
        (
            "{dictionaries: {a: {family: crm, patterns: [x]}}}",
            "returns: {redact: [crm.a, pricing]}",
            None,
        ),
        ("", "sink: {reveals: [pii.email], categories_refused: [pii]}", "and refuses it"),
        ("", "sink: {reveals: [pii.email], categories_refused: [pii.email]}", "and refuses it"),
        ("", "sink: {reveals: [pii.email], categories_refused: [pii.card]}", None),
    ],
)
def test_what_a_manifest_names_is_looked_for(
    gateway: Gateway, block: str, said: str, problem: str | None
) -> None:
    if block:
        gateway.add(ROOT, f"inspectors: {block}\n")
    gateway.add(CRM, f"  find_case: {{effect: read, scopes: ['case:read'], {said}}} # here\n")
    if problem is None:
        gateway.change(CRM, " # here", "")
        assert gateway.problems == []
    else:
        gateway.expect(problem)


@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("pii.cards", "did you mean `pii.card`?"),
        ("pji", "did you mean `pii`?"),
        ("instruction", "configure what finds it"),
        ("pricing.zzzzzzzzzzzzzzzz", "use `pricing`, or some of: pricing.amount"),
    ],
)
def test_what_was_meant_is_named(gateway: Gateway, kind: str, fix: str) -> None:
    said = f"returns: {{redact: [{kind}]}}"
    gateway.add(CRM, f"  find_case: {{effect: read, scopes: ['case:read'], {said}}} # here\n")
    assert gateway.expect(f"finds `{kind}`").fix == fix


def test_kinds_of_personal_data_are_some(gateway: Gateway) -> None:
    inspectors(gateway, "pii: {kinds: [pii.card, pii.emails]}")
    assert gateway.expect("`pii.emails`").fix == "did you mean `pii.email`?"


def test_all_kinds_that_inspectors_have_may_be_named() -> None:
    assert {*KINDS} == kinds.PII
    assert kinds.PII_OFF == OFF
    assert {f"code.{name}" for name in LANGUAGES} == kinds.CODE
    assert {shape.kind for shape in prices.SHAPES} == {"pricing.amount"}
    assert {f"instruction.{name}" for name in rules.KINDS} <= kinds.INSTRUCTIONS
    assert kinds.looked_for(InspectorsBlock()).keys() == kinds.ALWAYS
