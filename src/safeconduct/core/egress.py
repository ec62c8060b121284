"""What in a text reaches outside by itself, or by a click: hosts, and people's addresses. Pure.

Programs that show a text fetch its images, preview its links, make links of its names and mail to
its addresses, so each of them can carry data away. Hosts are read as browsers read them (WHATWG
URL, "host parsing"): slashes either way round and in any number, names in any script, an IPv4
address as one number or in hexadecimal. Where programs do not agree on the host, each reading
counts.

A text is read as it is, without what is not seen in it. What it holds encoded is for
`safeconduct.core.decoding` to find first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from itertools import islice
from typing import Final, Literal

import msgspec

from safeconduct.core.lookalikes import visible

MAX_ADDRESSES: Final = 1024
"""How many addresses are read; one that stands there twice is read twice."""

MAX_URL: Final = 2048
"""How much of a URL is returned, in characters from its host on."""

MAX_HOST: Final = 253
"""The longest name of a host, in characters (RFC 1035)."""

Kind = Literal["url", "name", "mail"]
"""A URL; a host without a scheme, of which many programs make a link; an e-mail address."""


class Address(msgspec.Struct, frozen=True):
    """One address: `text` as it stands there, of a URL no more than MAX_URL from its host on; with
    a name stands what follows it: port, path, query.

    `host` is in lower case and ASCII (RFC 3492 where need be), without port and full stop at its
    end; an IP address in its usual form. It is empty where no reading of the text has a host.
    """

    kind: Kind
    host: str
    text: str


class Egress(msgspec.Struct, frozen=True):
    """The addresses in a text, each once.

    `whole` is False where MAX_ADDRESSES was reached, so that there may be more.
    """

    addresses: tuple[Address, ...]
    whole: bool


def egress(text: str) -> Egress:
    """The addresses in any text, in time proportional to its length."""
    addresses = _addresses(visible(text))
    found = tuple(dict.fromkeys(islice(addresses, MAX_ADDRESSES)))
    return Egress(found, whole=next(addresses, None) is None)


_REST: Final = r"[^\s<>\"'`|{}\x00-\x1f]"
_HEAD: Final = (
    # With two slashes after any scheme, or none in an attribute, in Markdown, in a style sheet; and
    # where a browser does without them. A letter of a drive is no scheme.
    r"(?:(?<![^A-Za-z0-9][A-Za-z]):[\\/]{2}|(?:https?|wss?|ftp):[\\/]?(?![\\/])"
    r"|[=(\"'<]\s{0,8}[\\/]{2}|(?<![\w\\/:])\\\\(?=[\w.-]{1,253}\\))[\\/]*+"
)
_URL: Final = re.compile(rf"{_HEAD}(?=(?P<rest>{_REST}{{1,{MAX_URL}}}))", re.IGNORECASE)
"""One URL may hold another."""
_WHOLE_URL: Final = re.compile(rf"{_HEAD}{_REST}++", re.IGNORECASE)
_VALUE: Final = re.compile(r"=\s{0,8}(?:\"([^\"]*+)|'([^']*+))")
_BREAK: Final = re.compile(r"[\t\r\n]")
_SCHEME: Final = re.compile(r"[A-Za-z0-9+.-]*\Z")
_BEFORE: Final = "=(\"'< \t\r\n"
_AROUND: Final = ".,;:!?)]*_~"

_LOCAL: Final = r"\w.!#$%&*+/=?^{|}~\-"
_MAIL: Final = re.compile(
    rf"(?<![{_LOCAL}])[{_LOCAL}]*+@(?P<host>\[[^\]\s]{{1,64}}\]|[\w.\u3002\uff0e\uff61-]++)"
)
_NAME: Final = re.compile(
    r"(?<![\w.@-])(?<![\w.~]/)(?P<host>[\w-]++(?:[.\u3002\uff0e\uff61][\w-]++)++)(?![@\w-])"
    rf"(?=(?P<more>(?::\d{{1,5}})?(?:[/?#]{_REST}{{0,{MAX_URL}}})?))"
)
_QUAD: Final = re.compile(r"\d+(?:\.\d+){3}")
_TOP: Final = frozenset(
    (
        *("com", "net", "org", "edu", "gov", "mil", "int", "arpa", "info", "biz", "name", "pro"),
        *("mobi", "app", "dev", "page", "web", "cloud", "online", "site", "website", "store"),
        *("shop", "tech", "xyz", "top", "club", "live", "link", "click", "space", "icu", "win"),
        *("bid", "vip", "world", "email", "chat", "blog", "zip", "mov", "onion"),
        *("test", "example", "local", "internal"),
    )
)
"""Ends of names of hosts. A name with another end, but for a country's two letters, is taken for
that of a file, unless a path or a port follows."""


def _addresses(text: str) -> Iterator[Address]:
    yield from _urls(text)
    for value in _VALUE.finditer(text) if "=" in text else ():
        written = value[1] or value[2] or ""
        if _BREAK.search(written):
            # Browsers leave these out of an attribute's URL.
            yield from _urls(f"={_BREAK.sub('', written)}")
    rest = _WHOLE_URL.sub(" ", text)
    for mail in _MAIL.finditer(rest) if "@" in rest else ():
        host = mail["host"].translate(_DOTS).strip(_AROUND)
        if "." in host or host.startswith("["):
            yield Address("mail", _host(host), mail[0].rstrip(_AROUND))
    for name in _NAME.finditer(rest):
        host = _host(name["host"])
        last = host.rpartition(".")[2]
        known = last in _TOP or (len(last) == 2 and last.isalpha()) or last.startswith("xn--")
        followed = name["more"].startswith(("/", ":"))
        if known or (host and (followed or _QUAD.fullmatch(name["host"]))):
            yield Address("name", host, (name["host"] + name["more"]).rstrip(_AROUND))


def _urls(text: str) -> Iterator[Address]:
    for found in _URL.finditer(text):
        written = found["rest"].rstrip(_AROUND)
        head = found[0].lstrip(_BEFORE)
        if head.startswith(":"):
            head = _SCHEME.findall(text, max(found.start() - 32, 0), found.start())[0] + head
        for host in sorted(_hosts(written)) if written else ():
            yield Address("url", host, head + written)


_BROWSER: Final = re.compile(r"[^/\\?#]*+")
_STANDARD: Final = re.compile(r"[^/?#]*+")
_LINKER: Final = re.compile(r"\[[^\]]*+\]|[\w.\u3002\uff0e\uff61%-]*+")
_MAX_AUTHORITY: Final = 512


def _hosts(written: str) -> set[str]:
    """The hosts that programs may find at the beginning of a URL: of a browser, of RFC 3986, and
    where these find none, of a program that looks for the end of a link in a text.
    """
    hosts: set[str] = set()
    for reading in (_BROWSER, _STANDARD):
        authority = reading.findall(written, 0, _MAX_AUTHORITY)[0]
        if len(authority) == _MAX_AUTHORITY:
            return {""}
        hosts.add(_host(authority.rpartition("@")[2]))
    if hosts == {""}:
        hosts.add(_host(_LINKER.findall(written, 0, _MAX_AUTHORITY)[0]))
    return hosts - {""} or {""}


_PORT: Final = re.compile(r":\d*\Z")
_OCTETS: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_DOTS: Final = str.maketrans("\u3002\uff0e\uff61", "...")
_LABELS: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*+\.?")
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")


def _host(written: str) -> str:
    """The host that a browser reaches by this name or number, in its usual form; empty if none."""
    if len(written) > 3 * MAX_HOST:
        return ""
    if written.startswith("["):
        return _literal(written[1:].partition("]")[0].removeprefix("IPv6:"))
    plain = _OCTETS.sub(_octets, _PORT.sub("", written)).translate(_DOTS)
    name = unicodedata.normalize("NFKC", plain).lower()
    if not _LABELS.fullmatch(name):
        return ""
    labels = name.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(labels)
    host = ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )
    return host if len(host) <= MAX_HOST else ""


def _octets(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("%", "")).decode(errors="replace")


def _literal(written: str) -> str:
    try:
        return str(ip_address(written))
    except ValueError:
        return ""


def _ipv4(labels: list[str]) -> str:
    """Of one to four numbers the last fills what the others leave (WHATWG URL, "IPv4 parser")."""
    numbers: list[int] = []
    for label in labels:
        try:
            numbers.append(_number(label))
        except ValueError:
            return ""
    *first, last = numbers
    if len(first) > 3 or any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        return ""
    return str(IPv4Address(sum(number << 24 - 8 * at for at, number in enumerate(first)) + last))


def _number(label: str) -> int:
    """In base 16, 8 or 10. Raises ValueError."""
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)
