"""Credentials made from rules that others wrote, plainly and in encodings."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

import rstr
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from faker import Faker
from joserfc import jwt
from joserfc.jwk import OctKey
from kingfisher_sdk import Rules, Scanner

from bench.inspectors.cases import Case, Set, strings
from bench.inspectors.sets import outputs
from bench.inspectors.sets.outputs import result

KINDS: Final = ("secret",)
AS_IT_IS: Final = "as it is"

EACH: Final = 3
"""How many are made from a rule."""

_PUBLIC: Final = re.compile(
    r"-id$|-id\.|-name$|-name\.|-host|-url$|-url\.|address|domain|username|email|endpoint"
    r"|publishable|pub-key|public|site-key|client-sdk|generic|region|repository|cookie-name"
)
"""Rules for what stands beside a credential and is none."""

_TOKEN: Final = re.compile(r"[\w.~+/=:@$%!|?&;,-]+", re.ASCII)
"""What a rule that excludes a few characters leaves to chance is no credential."""

_NAMED: Final = "(?:=|>|:{1,3}="
"""What rules have in which the name of a credential stands before it."""


def made(chance: Random) -> Set:
    """The set. Recall counts each rule alike, for each has as many cases."""
    scanner = Scanner()
    tokens = list(_tokens(chance, scanner))
    plain = [*_plain(tokens), *_others(chance)]
    return Set(name="secrets", wanted=plain, clean=list(clean(chance, scanner)))


def encoded(chance: Random) -> Set:
    """What has a shape of its own, in an encoding: the same ones in each, and as they are."""
    shaped = [token for named, _, token in _tokens(chance, Scanner()) if not named]
    texts = [_setting(token, chance) for token in chance.sample(shaped, 80)]
    wanted = [
        _encoded(name, encode(text), chance) for name, encode in ENCODINGS.items() for text in texts
    ]
    apart = frozenset({AS_IT_IS})
    return Set(name="secrets_encoded", wanted=wanted, clean=[], apart=apart)


def _tokens(chance: Random, scanner: Scanner) -> Iterator[tuple[bool, str, str]]:
    """Whether it is known by the name before it alone, that name, and a credential. Those that
    the scanner whose rules they are does not see have a check that chance does not meet.
    """
    rules, random = Rules(cache=False), rstr.Rstr(chance)
    for row in rules.metadata():
        name = str(row["id"]).partition(".")[2].rpartition("/")[2].rstrip("0123456789").rstrip(".")
        pattern = str(rules.detail(row["id"])["pattern"])
        if _PUBLIC.search(row["id"]) or not pattern:
            continue
        named = _NAMED in pattern
        for _ in range(EACH):
            for _ in range(8):
                token = random.xeger(_group(_python(pattern))).strip("\"'` \t\n;")
                seen = f"{_name(name)} = '{token}'" if named else f"x = '{token}'"
                if _TOKEN.fullmatch(token) and list(scanner.scan(seen)):
                    yield named, _name(name), token
                    break


def _python(pattern: str) -> str:
    """A rule's pattern as Python and the generator have it: no flags within, nothing endless."""
    pattern = pattern.replace("[[:alnum:]]", "[A-Za-z0-9]").replace(r"\z", r"\Z")
    pattern = re.sub(r"\{(\d+),\}", r"{\1}", pattern.replace("(?i)", ""))
    return _LONG.sub(_shared, pattern)


_LONG: Final = re.compile(r"(\[(?:\\.|[^\]\\])+\]|\\w)\{(\d{3,})(?:,\d+)?\}")


def _shared(found: re.Match[str]) -> str:
    """What is repeated more than a hundred times, which is more than the generator does."""
    hundreds, rest = divmod(int(found[2]), 100)
    return f"(?:{found[1]}{{100}}){{{hundreds}}}{found[1]}{{{rest}}}"


def _group(pattern: str) -> str:
    """The pattern of what is captured, or all of it."""
    depth, start, level, inside = 0, -1, 0, False
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if inside:
            inside = char != "]"
        elif char == "[":
            inside = True
            at += pattern[at + 1 : at + 2] == "]"
        elif char == "(":
            if start < 0 and pattern[at + 1 : at + 2] != "?":
                start, level = at, depth
            depth += 1
        elif char == ")":
            depth -= 1
            if start >= 0 and depth == level:
                return pattern[start : at + 1]
        at += 1
    return pattern


def _name(rule: str) -> str:
    return re.sub(r"\W+", "_", rule)


def _plain(tokens: Sequence[tuple[bool, str, str]]) -> Iterator[Case]:
    for number, (named, name, token) in enumerate(tokens):
        forms: Sequence[Callable[[str, str], Any]] = NAMED if named else BARE
        value = forms[number % len(forms)](name, token)
        yield _case("named" if named else "shaped", value, token)


def _env(name: str, token: str) -> dict[str, Any]:
    return result(f"# settings\nDEBUG=0\n{name.upper()}={token}\nPORT=8080\n")


def _member(name: str, token: str) -> dict[str, Any]:
    return {"structuredContent": {"service": "billing", name: token, "retries": 3}}


def _yaml(name: str, token: str) -> dict[str, Any]:
    return result(f"production:\n  {name}: '{token}'\n  timeout: 30\n")


def _source(name: str, token: str) -> dict[str, Any]:
    return result(f'const {name} = "{token}"; // FIXME\nmodule.exports = connect({name});')


def _sentence(_: str, token: str) -> dict[str, Any]:
    return result(f"Hi Jo, until the vault is back please use {token} for it, and tell nobody.")


def _header(_: str, token: str) -> dict[str, Any]:
    return {"request": {"headers": {"Authorization": f"Bearer {token}", "Accept": "*/*"}}}


NAMED: Final = (_env, _member, _yaml, _source)
IN_TEXT: Final = (*NAMED, _sentence)
BARE: Final = (_sentence, _env, _member, _header, _source, _yaml)


def _case(category: str, value: object, token: str) -> Case:
    return Case(category=category, value=value, planted=token, kinds=KINDS)


def _others(chance: Random) -> Iterator[Case]:
    """What chance cannot make from a pattern: keys, JWTs, passwords in URLs and by name."""
    fake = Faker()
    fake.seed_instance(chance.randrange(1 << 30))
    for number in range(12):
        for key in _keys(number):
            yield _case("private key", result(f"Here it is:\n\n{key}\n\nKeep it."), key)
            yield _case("private key", {"key": key, "id": number}, key)
    for _ in range(40):
        secret = OctKey.import_key(chance.randbytes(32))
        token = jwt.encode({"alg": "HS256"}, {"sub": fake.name(), "jti": fake.uuid4()}, secret)
        yield _case("jwt", chance.choice(BARE)("session", token), token)
    schemes = ("postgres", "postgresql", "mysql", "mongodb+srv", "redis", "amqp", "https", "ftp")
    for number in range(80):
        word = fake.password(14, special_chars=False)
        url = f"{schemes[number % 8]}://{fake.user_name()}:{word}@{fake.domain_name()}:5432/main"
        yield _case("password in a URL", chance.choice(IN_TEXT)("database_url", url), word)
    for number in range(80):
        word = fake.password(chance.randrange(12, 24))
        name = ("password", "db_password", "admin_passwd", "client_secret", "SMTP_PASS")[number % 5]
        if not set(word) & set("\"'`\\#;,$ "):
            yield _case("password by name", chance.choice(NAMED)(name, word), word)
    for _ in range(40):
        word = f"{fake.user_name()}:{fake.password(14)}"
        basic = base64.b64encode(word.encode()).decode()
        value = {"request": {"headers": {"Authorization": f"Basic {basic}"}}}
        yield _case("basic authorization", value, basic)


def _keys(number: int) -> Iterator[str]:
    traditional, new, ssh = (
        PrivateFormat.TraditionalOpenSSL,
        PrivateFormat.PKCS8,
        PrivateFormat.OpenSSH,
    )
    none, some = NoEncryption(), BestAvailableEncryption(b"words")
    if not number:
        large = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        yield large.private_bytes(Encoding.PEM, traditional, none).decode()
        yield large.private_bytes(Encoding.PEM, new, some).decode()
    curve = ec.generate_private_key(ec.SECP256R1())
    yield curve.private_bytes(Encoding.PEM, traditional, none).decode()
    yield curve.private_bytes(Encoding.PEM, new, none).decode()
    small = ed25519.Ed25519PrivateKey.generate()
    yield small.private_bytes(Encoding.PEM, ssh, none).decode()


def _setting(token: str, chance: Random) -> str:
    return chance.choice(("api key: {}", "{}", '{{"token": "{}"}}', "export TOKEN={}\n")).format(
        token
    )


def _hidden(text: str) -> str:
    return "\u200b".join(text)


def _split(text: str) -> str:
    """In lines, as a mail program breaks them."""
    coded = base64.b64encode(text.encode()).decode()
    return "\n".join(coded[at : at + 20] for at in range(0, len(coded), 20))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


ENCODINGS: Final[dict[str, Callable[[str], str]]] = {
    AS_IT_IS: str,
    "base64": lambda text: _base64(text.encode()),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: _base64(_base64(text.encode()).encode()),
    "hex": lambda text: text.encode().hex(),
    "hex with colons": lambda text: text.encode().hex(":"),
    "percent": lambda text: "".join(f"%{one:02X}" for one in text.encode()),
    "gzip and base64": lambda text: _base64(gzip.compress(text.encode())),
    "zero-width": _hidden,
    "base64 in lines": _split,
    "references": lambda text: "".join(f"&#{ord(one)};" for one in text),
}


def _encoded(name: str, text: str, chance: Random) -> Case:
    whole = chance.choice(("{}", "attachment: {}", "see below\n\n{}\n\nthat is all", "data={}"))
    value = result(whole.format(text))
    return Case(category=name, value=value, planted=text, kinds=KINDS, cover=0.5)


def clean(chance: Random, scanner: Scanner) -> Iterator[Case]:
    """Tool outputs in which another's scanner sees nothing either, and that hold no JWT or password
    in so many words: AgentDojo's have some.
    """
    sources = {
        "agentdojo": outputs.agentdojo(),
        "readmes": outputs.readmes(chance, 200),
        "code": outputs.code(chance, 400),
        "data": outputs.data(chance, 250),
        "logs": outputs.logs(chance, 300),
        "mails": outputs.mails(chance, 150),
    }
    for category, values in sources.items():
        for value in values:
            texts = list(strings(value))
            if not any(_HELD.search(text) or list(scanner.scan(text)) for text in texts):
                yield Case(category=category, value=value, kinds=KINDS)


_HELD: Final = re.compile(r"password: |password-reset/token|\beyJ[\w-]+\.eyJ[\w-]+\.")
