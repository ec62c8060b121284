import base64
import hashlib

import httpx2
from joserfc import jwt

from safeconduct.demo.dpop import DpopAuth
from safeconduct.kit.jwk import PrivateKey

URL = "http://127.0.0.1:8700/mcp"


def sent(auth: DpopAuth, url: str = URL) -> httpx2.Request:
    return next(auth.auth_flow(httpx2.Request("POST", url)))


def claims(request: httpx2.Request, key: PrivateKey) -> dict[str, object]:
    token = jwt.decode(request.headers["DPoP"], key.key, algorithms=["ES256"])
    assert token.header["typ"] == "dpop+jwt"
    assert token.header["jwk"] == key.key.as_dict(private=False)
    return token.claims


def test_a_request_carries_the_token_and_a_proof_over_it() -> None:
    key = PrivateKey.generate()
    request = sent(DpopAuth("token", key), URL + "?q=1#f")
    assert request.headers["Authorization"] == "DPoP token"
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()
    found = claims(request, key)
    assert found.items() >= {"htm": "POST", "htu": URL, "ath": digest}.items()


def test_no_two_requests_carry_the_same_proof() -> None:
    key = PrivateKey.generate()
    auth = DpopAuth("token", key)
    assert claims(sent(auth), key)["jti"] != claims(sent(auth), key)["jti"]


def test_a_proof_never_holds_the_private_key() -> None:
    key = PrivateKey.generate()
    token = jwt.decode(sent(DpopAuth("token", key)).headers["DPoP"], key.key, algorithms=["ES256"])
    assert "d" not in token.header["jwk"]
