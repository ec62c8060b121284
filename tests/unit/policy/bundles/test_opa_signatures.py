"""What Open Policy Agent itself makes of our signatures, with its own readers of tokens and JSON.

OPA as it is installed for tests reads no bundles, so its two halves are asked one by one: whether
the token holds, and what the hash of data is (v1/bundle/verify.go, v1/bundle/hash.go).
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import Any

import orjson
import pytest

from safeconduct.kit import jose
from safeconduct.policy.bundles import layout
from safeconduct.policy.bundles.signing import file_hash
from tests.support.releases import FILES, KEY, released

DATA: dict[str, Any] = {
    "crm": {"b": [1, -2, 0.5, 1e-7, 1e21, True, None], "a": {}, "c": []},
    "texts": ["", '\u0000\b\f\n\r\t"\\/', "<&>", "é\u2028\u2029😀", "\x7f"],
    "keys": {"é": 1, "z": 2, "😀": 3, "\uffff": 4, "<": 5, "\u2028": 6},
}
QUESTION = """
import json, sys
from opa_bindings import OpaEngine
token, jwks, data = json.load(sys.stdin)
opa = OpaEngine()
opa.add_policy("t.rego", '''package t
holds := io.jwt.verify_es256(input.token, input.jwks)
decoded := io.jwt.decode(input.token)
hash := crypto.sha256(json.marshal(json.unmarshal(input.data)))
''')
answer = opa.eval_document("t", {"token": token, "jwks": jwks, "data": data})
print(json.dumps(answer))
"""


def opa(token: str, jwks: str, data: str) -> dict[str, Any]:
    """Asked in a process of its own, as its runtime must not be where something forks."""
    done = subprocess.run(
        [sys.executable, "-c", QUESTION],
        input=json.dumps([token, jwks, data]),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(importlib.util.find_spec("opa_bindings") is None, reason="OPA is not installed")
def test_opa_accepts_the_token_and_computes_the_same_hash() -> None:
    # Where OPA's `json.marshal` escapes and its hash does not: `<`, `>` and `&`.
    plain = {"crm": DATA["crm"], "keys": {"é": 1, "z": 2, "😀": 3, "\uffff": 4, "\u2028": 6}}
    files = released({**FILES, "data/crm.json": orjson.dumps(plain)})
    token = json.loads(files[layout.SIGNATURES])["signatures"][0]
    jwks = json.dumps({"keys": [KEY.public.jwk(use="sig")]})
    answer = opa(token, jwks, files[layout.DATA].decode())
    assert answer["holds"] is True
    header, payload, _ = answer["decoded"]
    assert header["kid"] == KEY.public.kid
    listed = {one["name"]: one for one in payload["files"]}
    assert listed["data.json"] == {
        "name": "data.json",
        "hash": answer["hash"],
        "algorithm": "SHA-256",
    }
    assert listed.keys() == files.keys() - {layout.SIGNATURES}


def test_structured_files_are_hashed_as_go_writes_them() -> None:
    written = (
        '{"crm":{"a":{},"b":[1,-2,0.5,1e-7,1e+21,true,null],"c":[]},'
        '"keys":{"<":5,"z":2,"é":1,"\\u2028":6,"\uffff":4,"😀":3},'
        '"texts":["","\\u0000\\b\\f\\n\\r\\t\\"\\\\/","<&>","é\\u2028\\u2029😀","\x7f"]}'
    )
    content = layout.content_of({"data.json": orjson.dumps(DATA)})[layout.DATA]
    assert file_hash("data.json", content) == file_hash("any.bin", written.encode())
    assert file_hash("rules/data.rego", b"{ }") != file_hash("data.json", b"{ }")


def test_what_opa_needs_stands_in_the_manifest_and_the_header() -> None:
    files = released(
        {
            **FILES,
            "lib/money.rego": b"# money\npackage lib.money\n",
            "tests/x": b"",
            "lib/n.rego": b"",
        }
    )
    manifest = json.loads(files[layout.MANIFEST])
    assert manifest["roots"] == ["agent", "crm", "lib"]
    assert manifest["rego_version"] == 1
    kid, claims = jose.peek(json.loads(files[layout.SIGNATURES])["signatures"][0])
    assert kid == KEY.public.kid
    assert [one["name"] for one in claims["files"]] == sorted(files.keys() - {layout.SIGNATURES})
