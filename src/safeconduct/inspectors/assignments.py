"""Values that are called passwords, tokens, secrets or keys by the word before them."""

from __future__ import annotations

import re
from typing import Final

from safeconduct.inspectors.secrecy import entropy, is_identifier, mixed, random, stands_for, strong
from safeconduct.inspectors.shapes import Shape

_WORD_BEGINS: Final = r"(?:\b|_)"
_PASSWORD: Final = rf"(?:pass[_ -]?(?:word|wd|phrase|code)|pwd|{_WORD_BEGINS}(?:pass|pw))"
_SECRET: Final = (
    r"(?:secret|token|credentials?|creds?|authorization"
    r"|(?:api|access|auth|account|private|client|encryption|signing|master|service|license"
    r"|subscription|secret|shared|storage|session|app|application|admin|root|webhook|hmac|crypt"
    r"|consumer|oauth|bearer|deploy|ingest|integration|merchant|partner|developer|server|rest|sdk"
    r"|zapi|function)"
    r"[_ .-]?key)"
)
_SUFFIX: Final = (
    r"(?:[_.-]?(?:[0-9]{1,2}|prod|production|live|test|dev|staging|stage|value|string|str|b64"
    r"|base64|text|plain|current|new|old|s))*"
)
_SEPARATOR: Final = (
    r"(?:[\"'`\\\])]{0,3}(?:\s{0,3}(?:=>|:=|={1,3}|:|\|\||>)"
    r"|(?: for [^\s:]{1,40})? (?:is|was)\b:?)"
    r"|\\?[\"']\s?,\s{0,4}\\?[\"'])\s{0,16}"
)
_OPENED: Final = r"\\?[\"'`]?"
_BARE: Final = r"([^\s\"'`,;<>(){}\[\]\\|]{6,256})"
_QUOTED: Final = r"\\?[\"'`]([^\s\"'`\\]{6,256})[\"'`\\]"
_CURSOR: Final = re.compile(
    r"(?:next|prev|previous|page|paging|pagination|continuation|cursor|sync|skip|resume|csrf|xsrf"
    r"|forgery|antiforgery|count|max|min|num|total|input|output|prompt|completion|cached?|per|pad"
    r"|eos|bos|unk|mask|sep|cls|special|watermark|change|delta|upload|scroll|idempotency|first"
    r"|last|stop|start|end|design|syntax|nft|erc20|request|client|dedup\w*)"
    r"[_ .-]?tokens?[^\w]{0,8}$",
    re.IGNORECASE,
)
"""Tokens that say where a list goes on, or how long a text is."""

_NO_SECRET: Final = re.compile(
    r"(?:https?|ftp|file|s3|gs|arn|urn|data|ssm|vault|op|kms|projects|secretsmanager|secretref)[:/]"
    r"|[/~.]|[\w./-]+\.(?:json|ya?ml|pem|key|txt|py|[jt]sx?|go|md|html?|env|xml|crt|cer|toml|sh|rb)$"
    r"|\d{4}-\d\d-\d\d|[A-Za-z_]\w*=[A-Za-z]|\d+(?:[.:,/-]\d+)*$|v?\d+\.\d+"
    r"|[\w.+-]+@[\w-]+\.[\w.]+$|\+?[\d() -]+$"
    r"|(?:scram|hmac|pbkdf2|bcrypt|argon2|sha|md5|aes|rsa|ecdsa|ed25519)(?:[-_]?[a-z\d]{1,6}){0,3}$"
    r"|(?:true|false|null|none|nil|undefined|required|optional|string|basic|bearer)\b"
    r"|(?:self|this|process|os|env|config|settings|options|props|params|args|request|req|ctx|data"
    r"|response|res|var|local|module|secrets|app|user|github|inputs|steps)(?:\.|->|::)",
    re.IGNORECASE,
)
"""Places where one is kept, dates, numbers, versions, addresses, algorithms, words, and expressions
of code."""

_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""How programs write the names of values, algorithms and states, which are none."""

_HEX: Final = re.compile(r"[0-9a-f]{16,}", re.IGNORECASE)
_RESOURCE: Final = re.compile(r"\barn:[\w:-]{0,80}$")
_OF_SECRETS: Final = re.compile(r":secrets?[:/]$")
"""The name of something, in which `secret` is its type."""

_TYPE: Final = re.compile(r"(?:::|[a-z]/|[a-z]\.)[A-Z]\w*[\"'`\s:=>,|]{1,8}$")
"""The name of a type in a list of them, as that of a resource is: before a digest of it."""

_REPORT: Final = re.compile(r"(?:-{3}|={3}|\*{3}) {0,2}PASS:? {0,2}$")
"""What tests tell that they did."""

_BADGE: Final = re.compile(r"(?:badge|\.svg|shields\.io)[^\s\"'<>]*[?&]token=$")
"""A picture's address, which is made to be published."""

_LISTED: Final = re.compile(r"[\"'`]\s?,\s{0,4}\\?[\"'`]$")
_MEMBER: Final = re.compile(r"[\"'`]\s{0,4}:(?!:)")

_REACH: Final = 96
_NEAR: Final = 12


def _not_meant(text: str, start: int, end: int) -> bool:
    before = text[max(start - _REACH, 0) : start]
    # Looking for what ends in a place begins everywhere: a word that it has is found faster.
    said = before.lower()
    return bool(
        ("token" in said and (_CURSOR.search(before) or _BADGE.search(before)))
        or ("arn:" in said and _RESOURCE.search(before))
        or _OF_SECRETS.search(before[-_NEAR:])
        or _NO_SECRET.match(text, start, end)
        or ("PASS" in before and _REPORT.search(before))
        or _CONSTANT.fullmatch(text, start, end)
        or (_HEX.fullmatch(text, start, end) and _TYPE.search(before))
        or (_LISTED.search(before[-_NEAR:]) and _MEMBER.match(text, end))
        or text[end : end + 1] in {"(", "["}
        or stands_for(text[start:end])
        or is_identifier(text, start)
    )


def _is_password(text: str, start: int, end: int) -> bool:
    return strong(text[start:end]) and not _not_meant(text, start, end)


def _is_secret(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    if len(value) < 10 or not random(value, 3.0):
        return False
    return (mixed(value) or entropy(value) >= 4.2) and not _not_meant(text, start, end)


def _shape(kind: str, word: str, *, value: str) -> Shape:
    return Shape(
        kind,
        rf"(?i){word}{_SUFFIX}{_SEPARATOR}{value}",
        rf"(?i){_anywhere(word)}{_SUFFIX}[\"'`\\\])\s]*(?:[:=>|,]|(?:for [^\s:]+ )?(?:is|was)\b)",
        _is_password if word is _PASSWORD else _is_secret,
        keyed=True,
    )


def _option(kind: str, word: str) -> Shape:
    """An option on a command line."""
    return Shape(
        kind,
        rf"(?i)(?:^|[\s\"'])--?[\w-]{{0,20}}{_anywhere(word)}\s{{1,2}}{_OPENED}{_BARE}",
        rf"(?i)--?[\w-]*{_anywhere(word)}\s",
        _is_password if word is _PASSWORD else _is_secret,
    )


def _anywhere(word: str) -> str:
    return word.replace(_WORD_BEGINS, "")


ASSIGNMENTS: Final = (
    _shape("secret.password", _PASSWORD, value=_QUOTED),
    _shape("secret.password", _PASSWORD, value=_OPENED + _BARE),
    _option("secret.password", _PASSWORD),
    _shape("secret.generic", _SECRET, value=_QUOTED),
    _shape("secret.generic", _SECRET, value=_OPENED + _BARE),
    _option("secret.generic", _SECRET),
)
