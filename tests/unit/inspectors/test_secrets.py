"""What looks like a credential is found, wherever it stands in a JSON value."""

from __future__ import annotations

import base64
import gzip
import random
import re
import string
import uuid
import zlib
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.core.redact import redact
from safeconduct.inspectors.secrets import KINDS, SHAPES, SecretInspector

CHANCE = random.Random(8)  # noqa: S311  the same examples each time
LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


URL_SAFE = str.maketrans("+/", "-_", "=")


def some(alphabet: str, length: int) -> str:
    return "".join(CHANCE.choices(alphabet, k=length))


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Put together here, so that no scanner of this repository takes them for real ones.
SECRETS = {
    "secret.aws": "AKIA" + "QZ7RTM3KXW5PLN2B",
    "secret.anthropic": "sk-ant-" + "api03-" + some(LETTERS, 93) + "AA",
    "secret.openai": "sk-proj-" + some(LETTERS, 74) + "T3BlbkFJ" + some(LETTERS, 74),
    "secret.github": "ghp_" + some(LETTERS, 36),
    "secret.gitlab": "glpat-" + some(LETTERS, 20),
    "secret.slack": "xoxb-" + some(string.digits, 12) + "-" + some(LETTERS, 24),
    "secret.stripe": "sk_live_" + some(LETTERS, 24),
    "secret.google": "AIza" + some(LETTERS + "_-", 34) + "k",
    "secret.npm": "npm_" + some(LETTERS, 36),
    "secret.shopify": "shpat_" + some(HEX, 32),
    "secret.sendgrid": "SG." + some(LETTERS, 22) + "." + some(LETTERS, 43),
    "secret.hugging-face": "hf_" + some(string.ascii_letters, 34),
    "secret.digitalocean": "dop_v1_" + some(HEX, 64),
    "secret.databricks": "dapi" + some(HEX, 32),
    "secret.telegram": some("123456789", 9) + ":AA" + some(LETTERS, 33),
    "secret.azure": some(LETTERS, 3) + "8Q~" + some(LETTERS, 34),
    "secret.age": "AGE-SECRET-KEY-1" + some("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "secret.docker": "dckr_pat_" + some(LETTERS, 27),
    "secret.jwt": ".".join(
        encoded(part).rstrip("=")
        for part in (b'{"alg":"ES256"}', b'{"sub":"jane"}', CHANCE.randbytes(48))
    )
    .replace("+", "-")
    .replace("/", "_"),
    "secret.private-key": "-----BEGIN EC PRIVATE "
    "KEY-----\nMHcCAQEEIF\n-----END EC PRIVATE KEY-----",
}
INSPECTOR = SecretInspector()


def found(text: str) -> list[tuple[str, str]]:
    """The kinds and the exact texts that are found in a string."""
    findings = INSPECTOR.inspect({"a": text})
    assert all(one.where == ("a",) for one in findings)
    return [(one.kind, text[one.start : one.end]) for one in findings]


def test_there_are_a_hundred_and_fifty_issuers() -> None:
    assert len(KINDS) >= 150
    assert set(SECRETS) <= set(KINDS)
    assert all(re.fullmatch(r"secret\.[a-z0-9-]+", kind) for kind in KINDS)


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
@pytest.mark.parametrize(
    "sentence",
    ["{}", "The key is {}.", '{{"field":"{}"}}', "é {} é", "line\n{}\nline", "a={};", "'{}'"],
)
def test_a_credential_is_found_with_its_exact_place(kind: str, secret: str, sentence: str) -> None:
    assert found(sentence.format(secret)) == [(kind, secret)]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("secret.aws", "ASIA" + "QZ7RTM3KXW5PLN2B"),
        ("secret.openai", "sk-" + some(LETTERS, 20)),
        ("secret.github", "ghs_" + some(LETTERS, 36)),
        ("secret.github", "github_pat_" + some(LETTERS, 22)),
        ("secret.slack", "xoxe-" + some(LETTERS, 10)),
        ("secret.stripe", "rk_test_" + some(LETTERS, 16)),
        ("secret.google", "AIza" + some(LETTERS, 60)),
        ("secret.google", "AQ." + "Ab8RN6" + some(LETTERS, 44)),
        ("secret.google", "ya29." + "c." + some(LETTERS, 40)),
        ("secret.gitlab", "glpat-" + some(LETTERS, 27) + ".01.0w1" + some(HEX, 6)),
        ("secret.slack", "xoxd-" + some(LETTERS, 30) + "%2F" + some(LETTERS, 20)),
        ("secret.docker-swarm", "SWMKEY-1-" + some(LETTERS, 43)),
        ("secret.configcat", "configcat-sdk-1/" + some(LETTERS, 22) + "/" + some(LETTERS, 22)),
        ("secret.onfido", "api_live." + some(LETTERS, 11) + "." + some(LETTERS, 32)),
        ("secret.packagist", "packagist_out_" + some(HEX, 68)),
        ("secret.canva", "cnvca" + some(LETTERS, 50)),
        ("secret.razorpay", "rzp_live_" + some(LETTERS, 14)),
        ("secret.sumsub", "prd:" + some(LETTERS, 24) + "." + some(LETTERS, 32)),
        ("secret.paseto", "v4.local." + some(LETTERS, 80)),
        ("secret.teamcity", "eyJ0eXAiOiAiVENWMiJ9." + some(LETTERS, 30) + "." + some(LETTERS, 40)),
        ("secret.fal", str(uuid.UUID(int=CHANCE.getrandbits(128))) + ":" + some(HEX, 32)),
        ("secret.generic", "acme_live_" + "9fK2mX81qzRt7LpW4vBn"),
        ("secret.generic", "acme_" + "9fK2mX81qzRt7LpW4vBn3cD5gH6jS0yA"),
    ],
)
def test_the_other_forms_of_a_shape_are_found_too(kind: str, secret: str) -> None:
    assert found(f"see {secret} there") == [(kind, secret)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "An ordinary sentence about risk-adjusted-returns-of-bonds.",
        "AKIA" + "QZ7RTM3KXW5PLN2",
        "AKIA" + "QZ7RTM3KXW5PLN2BK",
        "xAKIA" + "QZ7RTM3KXW5PLN2B",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "ghp_" + "x" * 36,
        "ghp_" + "0" * 36,
        "sk-your-" + "api-key-goes-right-here",
        "task-" + some(LETTERS, 20),
        "eyJhbGciOiJFUzI1.c2lnbmF0dXJlLXNpZ24",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "A key begins with -----BEGIN PRIVATE KEY----- and goes on.",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        str(uuid.UUID(int=CHANCE.getrandbits(128))),
        some(HEX, 40),
        some(HEX, 64),
        "data:image/png;base64," + encoded(CHANCE.randbytes(3000)),
        "sha512-" + encoded(CHANCE.randbytes(64)),
        "password: <your password>",
        "password = os.environ['DB_PASSWORD_1']",
        "password: ${DB_PASSWORD}",
        "password: string",
        '{"token_type": "Bearer", "expires_in": 3600}',
        '{"next_page_token": "CAUQAA7dkf83kdf93"}',
        '{"secretName": "prod-db-1", "password_reset_url": "https://example.com/reset/1"}',
        "postgres://user:password@localhost/db",
        "https://example.com:8080/@someone",
        "postgres://user:pass%2Fword@localhost/db",
        '{"method": "password", "alpha_3": "PLW"}',
        '["password", "scram-sha-256"]',
        "    --- PASS: TestVet/5 (0.00s)",
        "GET /resource?access_token=mF_9.B5f-4.1JqM",
        "https://codecov.example/graph/badge.svg?token=id42cGNZ5Z",
        "password_type = WEBAUTHN_PASSWORD_2",
        '{"Cloud::Gateway::ApiKey": "' + some(HEX, 12) + "1a2b" + '"}',
        "cs_test_a1b2c3d4e5f6g7h8i9j0k1l2m3",
        "check_all_of_the_things_live_in_production_4",
        "The basic dXNlciBtYW51YWw approach",
        "sentry: 7.112.2, twitter: @somebody, asana_task: 1203948576123456",
        'def login(password: str, token: Optional[str] = None) -> "Session2":',
    ],
)
def test_what_only_resembles_one_is_not_reported(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        ("password = 'Tr0ub4dor&3'", "secret.password", "Tr0ub4dor&3"),
        ('{"db_password": "s3cr3t!pw,x"}', "secret.password", "s3cr3t!pw,x"),
        ("DB_PASS=kJ8#mq2L", "secret.password", "kJ8#mq2L"),
        ("Your temporary password is: Xy7#k2Lm.", "secret.password", "Xy7#k2Lm."),
        ("<password>Hx92!kfla</password>", "secret.password", "Hx92!kfla"),
        ("mysql --password Hx92!kfla -u me", "secret.password", "Hx92!kfla"),
        ("mysql -h db -pHx92!kfla", "secret.password", "Hx92!kfla"),
        ("api_key: a8f3k2m9x7q1z5", "secret.generic", "a8f3k2m9x7q1z5"),
        ("export MY_SECRET_KEY=q8Zk2mX9vLr4Tn7", "secret.generic", "q8Zk2mX9vLr4Tn7"),
        ("oauth_consumer_key:        q8Zk2mX9vLr4Tn7", "secret.generic", "q8Zk2mX9vLr4Tn7"),
        ("authorization: q8Zk2mX9/vLr4-Tn7", "secret.generic", "q8Zk2mX9/vLr4-Tn7"),
        ("client_secret => 'q8Zk2mX9vLr4Tn7'", "secret.generic", "q8Zk2mX9vLr4Tn7"),
        ("postgres://app:h8Kq2!x@db.internal/app", "secret.connection", "h8Kq2!x"),
        ("redis://:h8Kq2x91@cache:6379", "secret.connection", "h8Kq2x91"),
        ("Authorization: Bearer q8Zk2mX9vLr4Tn7_aB", "secret.bearer", "q8Zk2mX9vLr4Tn7_aB"),
        ("machine h login me password kq83jd0", "secret.netrc", "kq83jd0"),
        ("machine h\n  login me\n  password kq83jd0", "secret.netrc", "kq83jd0"),
        ("curl -u me:kq83jd0 https://x", "secret.basic", "me:kq83jd0"),
        ("datadog_api = " + "9f" * 3 + some(HEX, 26), "secret.datadog", ""),
        (
            "Authorization: Basic " + encoded(b"me:kq83jd0"),
            "secret.basic",
            encoded(b"me:kq83jd0"),
        ),
        ('{"auth": "' + encoded(b"me:kq83jd0") + '"}', "secret.basic", encoded(b"me:kq83jd0")),
    ],
)
def test_a_credential_is_known_by_what_stands_before_it(text: str, kind: str, secret: str) -> None:
    assert [one for one, there in found(text) if there.endswith(secret)] == [kind]
    assert not secret or found(text) == [(kind, secret)]


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"db": {"password": "Tr0ub4dor&3"}}, ("db", "password")),
        ({"SecretAccessKey": some(LETTERS, 40)}, ("SecretAccessKey",)),
        ({"env": [{"name": "API_TOKEN", "value": "q8Zk2mX9vLr4"}]}, ("env", 0, "value")),
        ({"passwords": ["Tr0ub4dor&3"]}, ("passwords", 0)),
        ({"heroku": "8d3f2a10-7b6c-4e5d-9f81-2a3b4c5d6e7f"}, ("heroku",)),
    ],
)
def test_a_member_of_an_object_is_known_by_its_name(value: object, where: tuple[object]) -> None:
    findings = INSPECTOR.inspect(value)
    assert [(one.where, one.start) for one in findings] == [(where, 0)]


@pytest.mark.parametrize("label", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_a_private_key_is_found_with_its_body(label: str) -> None:
    body = "Proc-Type: 4,ENCRYPTED\nMIIE+v/IB"
    key = f"-----BEGIN {label}PRIVATE KEY-----\n{body}\n-----END {label}PRIVATE KEY-----"
    assert found(f"before {key} after") == [("secret.private-key", key)]


def test_a_private_key_without_an_end_goes_to_the_end_of_the_text() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIB\n and more"
    assert found(f"before {key}") == [("secret.private-key", key)]


@pytest.mark.parametrize("kind", sorted(SECRETS.keys()))
def test_a_dash_before_a_credential_hides_nothing(kind: str) -> None:
    assert (kind, SECRETS[kind]) in found(f"key-{SECRETS[kind]}")


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_what_stands_right_after_a_private_key_is_found_too(kind: str, secret: str) -> None:
    key = SECRETS["secret.private-key"]
    assert found(f"{key}{secret}") == [("secret.private-key", key), (kind, secret)]


def test_two_private_keys_are_two_findings() -> None:
    key = SECRETS["secret.private-key"]
    assert found(f"{key}\nand\n{key}") == [("secret.private-key", key)] * 2


def test_several_credentials_are_reported_in_document_order() -> None:
    secret = SECRETS["secret.gitlab"]
    value = {"b": [secret, {"c": f" {secret}"}], "a": f"{secret} {SECRETS['secret.aws']}"}
    end = len(secret)
    assert INSPECTOR.inspect(value) == (
        Finding("secret.gitlab", ("b", 0), 0, end),
        Finding("secret.gitlab", ("b", 1, "c"), 1, end + 1),
        Finding("secret.gitlab", ("a",), 0, end),
        Finding("secret.aws", ("a",), end + 1, end + 21),
    )


def test_a_credential_in_a_key_is_reported_at_the_key() -> None:
    secret = SECRETS["secret.aws"]
    assert INSPECTOR.inspect({"x": {secret: [1]}}) == (
        Finding("secret.aws", ("x", secret, KEY), 0, 20),
    )


@pytest.mark.parametrize("value", [None, True, 7, 1.5, [], {}, "plain", {"a": [1, None, "plain"]}])
def test_other_values_hold_nothing(value: object) -> None:
    assert INSPECTOR.inspect(value) == ()


def test_half_a_surrogate_pair_hides_nothing() -> None:
    secret = SECRETS["secret.aws"]
    assert INSPECTOR.inspect([f"\ud800 {secret}"]) == (Finding("secret.aws", (0,), 2, 22),)


def test_what_is_nested_too_deeply_cannot_be_inspected() -> None:
    value: object = "deep"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        INSPECTOR.inspect(value)


def in_lines(text: str) -> str:
    return "\n".join(text[at : at + 16] for at in range(0, len(text), 16))


FORMS: dict[str, Callable[[str], str]] = {
    "base64": lambda text: encoded(text.encode()),
    "base64 of base64": lambda text: encoded(encoded(text.encode()).encode()),
    "base64 for addresses": lambda text: encoded(text.encode()).translate(URL_SAFE),
    "base64 in lines": lambda text: in_lines(encoded(text.encode())),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in pairs": lambda text: text.encode().hex(" "),
    "gzip": lambda text: encoded(gzip.compress(text.encode())),
    "gzip without padding": lambda text: encoded(gzip.compress(text.encode())).rstrip("="),
    "gzip in lines": lambda text: in_lines(encoded(gzip.compress(text.encode()))),
    "gzip in pairs": lambda text: gzip.compress(text.encode()).hex(":"),
    "zlib": lambda text: encoded(zlib.compress(text.encode())),
    "zlib in pairs": lambda text: zlib.compress(text.encode()).hex("|"),
    "hexadecimal of C": lambda text: " ".join(f"0X{octet:02X}" for octet in text.encode()),
    "among bytes": lambda text: encoded(b"\xff\xfe" + text.encode() + b"\xff"),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent": lambda text: "".join(f"%{octet:02X}" for octet in text.encode()),
    "references": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "unseen": "\u200b".join,
    "wide": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", SECRETS)
def test_an_encoding_hides_nothing(kind: str, form: str) -> None:
    text = FORMS[form](f"the key is {SECRETS[kind]} there")
    findings = INSPECTOR.inspect({"a": f"see {text} now"})
    assert kind in {one.kind for one in findings}
    assert kind in {one.kind for one in INSPECTOR.inspect({"a": text})}


@pytest.mark.parametrize("kind", sorted(SECRETS.keys() - {"secret.private-key", "secret.telegram"}))
def test_what_is_backwards_or_broken_over_lines_is_found_at_its_place(kind: str) -> None:
    secret = SECRETS[kind]
    if all(shape.distinct for shape in SHAPES if shape.kind == kind):
        broken = f"{secret[:6]}\n  {secret[6:]}"
        assert found(f"see {secret[::-1]} now") == [(kind, secret[::-1])]
        [(there, text)] = found(f"the key is\n{broken}\n, and more")
        assert there == kind
        assert text.startswith(broken)


def test_a_form_is_found_in_its_place() -> None:
    plain = f"key={SECRETS['secret.aws']}"
    assert found(f"a {quote(plain, safe='')} b") == [("secret.aws", SECRETS["secret.aws"])]
    coded = encoded(f"the key is {SECRETS['secret.aws']}".encode())
    assert found(f"a {coded} b") == [("secret.aws", coded)]


_PIECES = st.sampled_from(
    [
        *SECRETS.values(),
        *[FORMS["base64"](one) for one in SECRETS.values()],
        *["-", "_", ".", " ", "a", "é", '"', "\n", "sk-", "eyJ", "-----BEGIN ", "password: "],
        *["%41", "\u200b", "Tr0ub4dor&3", "secret=", "://a:", "@b", "&#65;"],
    ]
)


@given(st.lists(_PIECES, max_size=6).map("".join), st.lists(_PIECES, max_size=6).map("".join))
def test_what_is_found_lies_in_the_text(text: str, key: str) -> None:
    for one in INSPECTOR.inspect({"a": [text], key: text}):
        there = key if one.where[-1] == KEY and one.where[-2] == key else text
        assert 0 <= one.start < one.end <= len(there)


@given(st.lists(_PIECES, max_size=6).map("".join))
def test_after_redactions_nothing_is_found_any_more(text: str) -> None:
    value = {"a": [text]}
    once = redact(value, INSPECTOR.inspect(value))
    assert INSPECTOR.inspect(once) == ()
