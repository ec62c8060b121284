"""The security token service over HTTP: its endpoint, and the documents that describe it.

Nothing here knows of a web framework: a request comes in as bytes and a caller, an answer goes out
as status, headers and a JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from safeconduct.config.schema import GatewayBlock
from safeconduct.ports import JSON, Caller, TokenRefused, TokenService

TOKEN_PATH: Final = "/oauth/token"
JWKS_PATH: Final = "/oauth/jwks"
RESOURCE_PATH: Final = "/mcp"
SERVER_METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{RESOURCE_PATH}"

_PROOF_ALGORITHMS: Final = ("ES256", "Ed25519", "EdDSA")
_MAX_FORM_BYTES: Final = 64 * 1024
_MAX_FIELDS: Final = 32
_HEADERS: Final = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "pragma": "no-cache",
}

Answer = tuple[int, dict[str, str], JSON]


def parse_form(body: bytes) -> dict[str, str]:
    """Read an `application/x-www-form-urlencoded` body; a parameter twice is refused (RFC 6749
    section 3.2), and so is text that is not UTF-8.

    Raises TokenRefused.
    """
    if len(body) > _MAX_FORM_BYTES:
        raise TokenRefused("invalid_request", "The form is too long.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise TokenRefused("invalid_request", "The body is not a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefused("invalid_request", "A parameter is given twice.")
    return form


async def token_endpoint(exchange: TokenService, form: Mapping[str, str], caller: Caller) -> Answer:
    """Answer a token request (RFC 6749 sections 5.1 and 5.2)."""
    try:
        return 200, dict(_HEADERS), await exchange.exchange(form, caller)
    except TokenRefused as refused:
        return refusal(refused)


def refusal(refused: TokenRefused) -> Answer:
    """The error response, also for a form that could not be read."""
    told = {"error": refused.error, "error_description": refused.sentence, **refused.told}
    return refused.status, dict(_HEADERS), told


def server_metadata(gateway: GatewayBlock) -> JSON:
    """Authorization server metadata (RFC 8414 section 2). The actor token authenticates clients."""
    return {
        "issuer": gateway.issuer,
        "token_endpoint": gateway.issuer + TOKEN_PATH,
        "jwks_uri": gateway.issuer + JWKS_PATH,
        "grant_types_supported": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "dpop_signing_alg_values_supported": list(_PROOF_ALGORITHMS),
    }


def resource_metadata(gateway: GatewayBlock) -> JSON:
    """Protected resource metadata of the MCP endpoint (RFC 9728 section 2)."""
    return {
        "resource": gateway.issuer + RESOURCE_PATH,
        "authorization_servers": [gateway.issuer],
        "jwks_uri": gateway.issuer + JWKS_PATH,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(_PROOF_ALGORITHMS),
        "dpop_bound_access_tokens_required": not gateway.unsafe_bearer_tokens,
    }
