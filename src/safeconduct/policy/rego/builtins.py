"""Which builtin functions a rule may call with what, and which are made to fail whatever happens.

Permitted is what gives the same answer everywhere and for ever, has no effect, cannot be made to
run away by its arguments, passed all cases of OPA's conformance suite in this engine, and takes no
argument for something else than OPA does. So these are missing:

- `numbers.range`, `units.parse`, `json.patch`, `net.cidr_expand`: a short argument exhausts time or
  memory;
- `strings.count`, `object.subset`, `time.parse_ns`: an empty argument panics;
- `to_number`, `time.parse_rfc3339_ns`, `urlquery.decode`: what is an error in OPA has a value here,
  as `to_number(" 1")`;
- `net.cidr_contains`, which does not see an IPv4 address in an IPv6 one, `regex.split`,
  `regex.replace`, `strings.replace_n`, `walk`, `json.match_schema`, `base64.is_valid`,
  `json.is_valid`, `semver.is_valid`: answers that differ from OPA's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PERMITTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("abs", "ceil", "floor", "round", "bits.negate"), "n"),
    **dict.fromkeys(("bits.and", "bits.or", "bits.rsh", "bits.xor"), "nn"),
    **dict.fromkeys(("count", "max", "min", "product", "sort", "sum"), "."),
    **dict.fromkeys(
        (
            "is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string",
            "type_name",
        ),
        ".",
    ),
    "array.concat": "..", "array.reverse": ".", "array.slice": ".nn",
    "graph.reachable": "..", "intersection": ".", "union": ".",
    **dict.fromkeys(
        ("json.filter", "json.remove", "object.filter", "object.remove", "object.union"), ".."
    ),
    "object.get": "...", "object.keys": ".", "object.union_n": ".",
    **dict.fromkeys(("contains", "endswith", "indexof", "indexof_n", "startswith", "split"), "ss"),
    **dict.fromkeys(("trim", "trim_left", "trim_prefix", "trim_right", "trim_suffix"), "ss"),
    **dict.fromkeys(("lower", "strings.reverse", "trim_space", "upper"), "s"),
    **dict.fromkeys(("strings.any_prefix_match", "strings.any_suffix_match"), ".."),
    **dict.fromkeys(("concat", "sprintf"), "s."),
    "format_int": "nn", "replace": "sss", "substring": "snn",
    "glob.match": "s.s", "glob.quote_meta": "s",
    "regex.find_all_string_submatch_n": "ssn", "regex.find_n": "ssn", "regex.match": "ss",
    **dict.fromkeys(
        (
            "base64.decode", "base64.encode", "base64url.decode", "base64url.encode",
            "base64url.encode_no_pad", "hex.decode", "hex.encode", "urlquery.encode",
        ),
        "s",
    ),
    "json.marshal": ".", "json.unmarshal": "s", "urlquery.encode_object": ".",
    "semver.compare": "ss",
    "time.add_date": ".nnn", "time.clock": ".", "time.date": ".", "time.diff": "..",
    "time.format": ".", "time.now_ns": "", "time.parse_duration_ns": "s", "time.weekday": ".",
}  # fmt: skip
"""By name a letter for each argument: `s` a string, `n` a number, `.` whatever it is."""

FORBIDDEN: Final = {
    "http.send": 1,
    "io.jwt.encode_sign": 3,
    "io.jwt.encode_sign_raw": 3,
    "net.lookup_ip_addr": 1,
    "opa.runtime": 0,
    "rand.intn": 2,
    "trace": 1,
    "uuid.rfc4122": 1,
}
"""Builtins with an effect, a secret or chance in them, and how many arguments each takes.

The engine answers `http.send` with undefined, which makes `not http.send(…)` true: overridden, a
call of any of them is an error, even in rules that nobody checked.
"""
