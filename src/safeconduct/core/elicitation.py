"""Questions to a person: a form, or a page to be sent to. Rebuilt member by member. Pure.

Source: MCP 2025-11-25 and 2026-07-28, client features, "Elicitation".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final, cast

from safeconduct.core.shapes import (
    JSON,
    Malformed,
    NotAllowed,
    is_number,
    object_of,
    strings_of,
    text_of,
)

MAX_FIELDS: Final = 32
"""How many fields one form may have."""

MAX_TEXT: Final = 16_384
"""How much text one form may have in all, in characters: each of them is looked at."""


_SECRET: Final = re.compile(
    r"pass\W?(?:word|wd|phrase|code|key)|secret|token|credential|(?:api|private|access|recovery"
    r"|encryption|signing)\W?key|\bpins?\b|\botp\b|one\W?time|\b[2m]fa\b|verification\W?code|\bcv[vc]\b"
    r"|card\W?(?:number|no)\b|security\W?code|seed\W?phrase|mnemonic|\bssn\b|social\W?security|iban",
    re.IGNORECASE,
)
"""What nobody may be asked to type into a form (MCP, elicitation: servers must not ask for such
things in form mode)."""

_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")

_ALIKE: Final = frozenset({"LATIN", "CYRILLIC", "GREEK"})

_FIELD_TEXTS: Final = ("title", "description", "format")
_FIELD_NUMBERS: Final = (
    *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
)  # fmt: skip
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::(?P<port>[1-9]\d{0,4}))?(?=[/?#]|\Z)"
)
_NAME: Final = re.compile(r"(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*")
"""A host that no reader takes for an address: what ends in a number is one, in any spelling."""
_MAX_PORT: Final = 65_535
_STRANGE: Final = re.compile(r"[^\x21-\x7E]|[\\\"<>`]")
"""What readers of URLs do not agree on."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_FIELD_TYPES: Final = ("string", "number", "integer", "boolean", "array")


def form(params: Mapping[str, Any]) -> JSON:
    """A form with fields for scalars and choices.

    Raises:
        Malformed: it is not what the protocol says.
        NotAllowed: a field asks for what looks like a secret.
    """
    schema = object_of(params.get("requestedSchema"))
    properties = object_of(schema.get("properties"))
    if schema.get("type") != "object" or len(properties) > MAX_FIELDS:
        raise Malformed
    fields = {name: _field(object_of(field)) for name, field in properties.items()}
    required = [name for name in strings_of(schema.get("required", [])) if name in fields]
    rebuilt: JSON = {"type": "object", "properties": fields}
    if required:
        rebuilt["required"] = required
    asked: JSON = {"message": text_of(params, "message"), "requestedSchema": rebuilt}
    if sum(map(len, _texts(asked))) > MAX_TEXT:
        raise Malformed
    # Nobody types a secret into a form that an upstream made up: there is URL mode for that.
    if any(_SECRET.search(text) or _disguised(text) for text in map(_plain, _texts(asked))):
        raise NotAllowed
    return {"mode": "form", **asked}


def _texts(value: object) -> Iterator[str]:
    """All strings in a JSON value, the names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, item in cast("JSON", value).items():
            yield name
            yield from _texts(item)


def _plain(text: str) -> str:
    """The text in one spelling of each letter, with its words apart."""
    shown = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return _WORD_ENDS.sub(" ", unicodedata.normalize("NFKC", shown))


def _disguised(plain: str) -> bool:
    """Whether a word has letters of several alphabets that look alike."""
    return any(
        len({unicodedata.name(c, "").partition(" ")[0] for c in word} & _ALIKE) > 1
        for word in plain.split()
    )


def _field(field: JSON) -> JSON:
    kind = field.get("type")
    if kind not in _FIELD_TYPES:
        raise Malformed
    kept: JSON = {"type": kind}
    kept |= {key: field[key] for key in _FIELD_TEXTS if isinstance(field.get(key), str)}
    kept |= {key: field[key] for key in _FIELD_NUMBERS if is_number(field.get(key))}
    kept |= {key: strings_of(field[key]) for key in ("enum", "enumNames") if key in field}
    if "oneOf" in field:
        kept["oneOf"] = _choices(field["oneOf"])
    if kind == "array":
        kept["items"] = _choice_of_several(object_of(field.get("items")))
    if "default" in field:
        kept["default"] = _value(field["default"])
    return kept


def _choice_of_several(items: JSON) -> JSON:
    if "anyOf" in items:
        return {"anyOf": _choices(items["anyOf"])}
    if items.get("type") != "string":
        raise Malformed
    return {"type": "string", "enum": strings_of(items.get("enum"))}


def _choices(value: object) -> list[JSON]:
    if not isinstance(value, list):
        raise Malformed
    return [
        {key: text_of(object_of(one), key) for key in ("const", "title")}
        for one in cast("list[object]", value)
    ]


def page(params: Mapping[str, Any], origins: tuple[str, ...]) -> JSON:
    """A page to send a person to, its origin before what the upstream says of it.

    Raises:
        Malformed: it is not what the protocol says.
        NotAllowed: the origin is not among the registered ones, or there is doubt about it.
    """
    url = text_of(params, "url")
    origin = origin_of(url)
    if origin is None or origin not in origins:
        raise NotAllowed
    kept: JSON = {"mode": "url", "url": url, "message": f"[{origin}] {text_of(params, 'message')}"}
    if "elicitationId" in params:
        kept["elicitationId"] = text_of(params, "elicitationId")
    return kept


def origin_of(url: str) -> str | None:
    """The origin of a URL in its one spelling, or None where there is doubt about it.

    What is not https is an origin on this machine only.
    """
    parts = _URL.match(url)
    if parts is None or _STRANGE.search(url):
        return None
    scheme, host, port = parts["scheme"], parts["host"].lower(), parts["port"] or ""
    if scheme == "http" and host not in _LOOPBACK:
        return None
    if not (_NAME.fullmatch(host) or _is_address(host)) or int(port or 0) > _MAX_PORT:
        return None
    default = "443" if scheme == "https" else "80"
    return f"{scheme}://{host}" + (f":{port}" if port not in ("", default) else "")


def _is_address(host: str) -> bool:
    """Whether a host is an IP address in its one spelling."""
    address = host.strip("[]")
    try:
        return str(ip_address(address)) == address
    except ValueError:
        return False


def elicited(result: Mapping[str, Any]) -> JSON:
    """What a person answered. Raises Malformed."""
    action = result.get("action")
    if action not in ("accept", "decline", "cancel"):
        raise Malformed
    kept: JSON = {"action": action}
    if action == "accept" and "content" in result:
        content = object_of(result["content"])
        kept["content"] = {name: _value(value) for name, value in content.items()}
    return kept


def _value(value: object) -> object:
    """A scalar, or a list of strings: what a field of a form may hold."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return strings_of(value)
