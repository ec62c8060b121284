"""Which builtin functions a rule may call, and which are made to fail whatever happens.

Permitted is what gives the same answer everywhere and for ever, has no effect, cannot be made to
run away by its arguments, and passed all cases of OPA's conformance suite in this engine. So
`numbers.range`, `units.parse`, `json.patch` and `net.cidr_expand` are missing (a short argument
exhausts time or memory), `strings.count`, `object.subset` and `time.parse_ns` (an empty argument
panics), and `walk` and `json.match_schema` (answers that differ from OPA's).
"""

from __future__ import annotations

from typing import Final

PERMITTED: Final = frozenset({
    "abs", "ceil", "floor", "round", "to_number",
    "count", "max", "min", "product", "sort", "sum",
    "is_array", "is_boolean", "is_null", "is_number", "is_object", "is_set", "is_string",
    "type_name",
    "array.concat", "array.reverse", "array.slice",
    "bits.and", "bits.negate", "bits.or", "bits.rsh", "bits.xor",
    "graph.reachable", "intersection", "union",
    "json.filter", "json.remove", "object.filter", "object.get", "object.keys", "object.remove",
    "object.union", "object.union_n",
    "concat", "contains", "endswith", "format_int", "indexof", "indexof_n", "lower", "replace",
    "split", "sprintf", "startswith", "substring",
    "trim", "trim_left", "trim_prefix", "trim_right", "trim_space", "trim_suffix", "upper",
    "strings.any_prefix_match", "strings.any_suffix_match", "strings.replace_n",
    "strings.reverse",
    "glob.match", "glob.quote_meta", "regex.find_all_string_submatch_n", "regex.find_n",
    "regex.is_valid", "regex.match", "regex.replace", "regex.split", "regex.template_match",
    "base64.decode", "base64.encode", "base64.is_valid", "base64url.decode", "base64url.encode",
    "base64url.encode_no_pad",
    "hex.decode", "hex.encode", "json.is_valid", "json.marshal", "json.unmarshal",
    "urlquery.decode", "urlquery.decode_object", "urlquery.encode", "urlquery.encode_object",
    "net.cidr_contains", "net.cidr_is_valid",
    "semver.compare", "semver.is_valid",
    "time.add_date", "time.clock", "time.date", "time.diff", "time.format", "time.now_ns",
    "time.parse_duration_ns", "time.parse_rfc3339_ns",
    "time.weekday",
})  # fmt: skip

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
