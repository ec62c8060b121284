"""Credentials where formats and protocols put them: keys, headers, addresses, command lines."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from typing import Final
from urllib.parse import unquote

from safeconduct.inspectors.secrecy import entropy, in_blob, mixed, random, stands_for
from safeconduct.inspectors.shapes import Shape

_KEY_BODY: Final = re.compile(
    r"-----(?:\s|\\+[nr])+(?:[A-Za-z][\w-]{0,40}:[^\n]{0,200}(?:\s|\\+[nr])+)*[A-Za-z0-9+/=]{4,}"
    r"|-----\s?[A-Za-z0-9+/=]{40,}"
)
_LEFT_OUT: Final = re.compile(r"\.\.\.|…|x{4}|<[\w ]+>", re.IGNORECASE)
_WORDS: Final = frozenset(
    ("pass", "password", "passwd", "passphrase", "pwd", "pw", "secret", "token", "user", "username")
)
"""What stands for a password in documentation."""


_SOMEBODY: Final = frozenset(("user", "username"))
"""Who is nobody: a password of letters alone beside it is an example as well."""


def _private_key(text: str, start: int, end: int) -> bool:
    """Whether more than its first line is there: it is named in documentation as well."""
    header = text.index("-----", start + 5)
    return bool(_KEY_BODY.match(text, header, end)) and not _LEFT_OUT.search(
        text, header, min(end, header + 200)
    )


def _password(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    return value.lower() not in _WORDS and not stands_for(value)


def _in_address(text: str, start: int, end: int) -> bool:
    user = re.split(r"[/\s]", text[max(start - 64, 0) : start - 1])[-1]
    value = text[start:end]
    if user.lower() in _SOMEBODY and not re.search(r"\d", unquote(value)):
        return False
    return user != value and _password(text, start, end)


def _pair(text: str, start: int, end: int) -> bool:
    """Whether it is `user:password` in base64 (RFC 7617)."""
    coded = text[start:end].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        pair = b64decode(coded + "=" * (-len(coded) % 4), validate=True).decode()
    except (Error, UnicodeDecodeError):
        return False
    _, colon, password = pair.partition(":")
    return bool(colon and password) and pair.isprintable() and _password(password, 0, len(password))


def _after_colon(text: str, start: int, end: int) -> bool:
    return _password(text, text.index(":", start, end) + 1, end)


def _bearer(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    return random(value, 3.0) and not stands_for(value)


def _key_of_pair(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    return entropy(value) >= 4 and random(value, 4) and not stands_for(value)


def _issued(text: str, start: int, end: int) -> bool:
    value = re.split("[_.]", text[start:end])[-1]
    return (
        random(value, 3.3)
        and mixed(value)
        and not stands_for(text[start:end])
        and not in_blob(text, start, end)
    )


def _of_three_sorts(text: str, start: int, end: int) -> bool:
    value = text[start:end].partition("_")[2]
    return (
        any(char.islower() for char in value)
        and any(char.isupper() for char in value)
        and entropy(value) >= 4.2
        and _issued(text, start, end)
    )


_KEY: Final = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?"

PROTOCOLS: Final = (
    # The whole key: up to its end, or that of the text (RFC 7468, RFC 9580 section 6.2).
    Shape(
        "secret.private-key",
        rf"-----BEGIN {_KEY}-----(?s:.*?-----END {_KEY}-----|.*)",
        "-----BEGIN ",
        _private_key,
    ),
    Shape(
        "secret.private-key",
        r"PuTTY-User-Key-File-\d: (?s:.*?Private-MAC: [0-9a-f]+|.*)",
        "PuTTY-User-Key-File-",
    ),
    # RFC 3986 section 3.2.1, which deprecates it.
    Shape(
        "secret.connection",
        r"(?i)\b[a-z][a-z0-9+.-]{1,24}://[^\s:/@\"'<>]{0,64}:([^\s@/\"'<>]{3,128})@[\w\[.-]",
        r"://[^\s:/@\"'<>]*:[^\s/\"'<>]*@",
        _in_address,
        distinct=True,
    ),
    Shape(
        "secret.basic",
        r"(?i)\bbasic\s{1,3}([A-Za-z0-9+/_-]{8,}={0,2})",
        "(?i:basic)(?:\\s|\\\\[nrt])+[A-Za-z0-9+/_-]{8}",
        _pair,
    ),
    Shape(
        "secret.basic",
        r"""(?i)\b_?auth\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?([A-Za-z0-9+/]{8,}={0,2})""",
        r"(?i:auth)[\"'\\]*\s*[:=]",
        _pair,
        keyed=True,
    ),
    Shape(
        "secret.basic",
        r"""(?i)\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[ =]?["']?([^\s:"']{1,64}:[^\s"']{3,128})""",
        "(?:-u|--user)[ =]?[\"'\\\\]*[^\\s:\"']+:",
        _after_colon,
    ),
    Shape(
        "secret.bearer",
        r"(?i)\b(?:bearer|token)\s{1,3}([A-Za-z0-9_.~+/-]{16,}={0,2})",
        "(?i:bearer|token)(?:\\s|\\\\[nrt])+[A-Za-z0-9_.~+/-]{16}",
        _bearer,
    ),
    Shape(
        "secret.netrc",
        r"(?i)\blogin\s{1,8}\S{1,128}\s{1,8}password\s{1,8}(\S{3,128})",
        r"(?i:login)(?:\s|\\[nrt])+[^\s]+(?:\s|\\[nrt])*(?i:password)",
        _password,
    ),
    Shape(
        "secret.password",
        r"""(?i)\b(?:mysql(?:dump|admin)?\b[^\n]{0,120}?\s-p|sshpass\s+-p\s?)["']?([^\s"'-][^\s"']{3,64})""",
        "(?i:mysql|sshpass)",
        _password,
    ),
    # How issuers that have no shape of their own write tokens: whose, for what, and chance.
    Shape(
        "secret.generic",
        r"\b(?:[a-bd-z]|c[a-rt-z0-9])[a-z0-9]{0,15}_(?:[a-z0-9]{2,12}_)?"
        r"(?:live|test|prod|production|sandbox|secret|sk|pat|key|apikey|api|token)"
        r"(?:_[a-z]{2})?[_.][A-Za-z0-9]{16,}\b",
        "(?:live|test|prod|production|sandbox|secret|sk|pat|key|apikey|api|token)"
        "(?:_[a-z]{2})?[_.][A-Za-z0-9]{12}",
        _issued,
    ),
    Shape(
        "secret.generic",
        r"\b(?:[a-bd-z]|c[a-rt-z])[a-z]{0,8}_[A-Za-z0-9]{32,128}\b",
        "[a-z]_[A-Za-z0-9]{32}",
        _of_three_sorts,
    ),
    Shape(
        "secret.aws",
        r"(?:AKIA|ASIA)[A-Z2-7]{16}[^A-Za-z0-9/+=](?s:.{0,80}?)([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)",
        "A[KS]IA[A-Z2-7]{16}",
        _key_of_pair,
    ),
)
