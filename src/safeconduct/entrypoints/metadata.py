"""The documents that describe the token service and what its tokens are for.

They say what is so and nothing more: neither scopes nor upstreams, which are nobody's business who
has no task.
"""

from __future__ import annotations

from typing import Final

from safeconduct.config.schema import GatewayBlock
from safeconduct.ports import JSON

TOKEN_PATH: Final = "/oauth/token"
INTROSPECTION_PATH: Final = "/oauth/introspect"
REVOCATION_PATH: Final = "/oauth/revoke"
JWKS_PATH: Final = "/oauth/jwks"
AUTHORIZE_PATH: Final = "/oauth/authorize"
SIGNED_IN_PATH: Final = "/oauth/signed-in"
QUESTION_PATH: Final = "/oauth/question/"
ALLOW_PATH: Final = "/oauth/allow"
RESOURCE_PATH: Final = "/mcp"
SERVER_METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{RESOURCE_PATH}"

_PROOF_ALGORITHMS: Final = ("ES256", "Ed25519", "EdDSA")
_DETAILS: Final = ("safeconduct_task",)
_CLIENTS: Final = ("spiffe_jwt",)
_CERTIFIED: Final = ("spiffe_x509",)
"""How clients authenticate (draft-ietf-oauth-spiffe-client-auth). At the token endpoint the actor
token does it as well, which no name is registered for, and a certificate where one is taken."""


def server_metadata(gateway: GatewayBlock, *, id_jag: bool, login: bool = False) -> JSON:
    """Authorization server metadata (RFC 8414 section 2); `login`: people sign in here."""
    grants = ["urn:ietf:params:oauth:grant-type:token-exchange"]
    document: JSON = {
        "issuer": gateway.issuer,
        "token_endpoint": gateway.issuer + TOKEN_PATH,
        "introspection_endpoint": gateway.issuer + INTROSPECTION_PATH,
        "revocation_endpoint": gateway.issuer + REVOCATION_PATH,
        "jwks_uri": gateway.issuer + JWKS_PATH,
        "grant_types_supported": grants,
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": [
            *_CLIENTS,
            *(_CERTIFIED if gateway.takes_certificates else ()),
            "none",
        ],
        "introspection_endpoint_auth_methods_supported": list(_CLIENTS),
        "revocation_endpoint_auth_methods_supported": list(_CLIENTS),
        "dpop_signing_alg_values_supported": list(_PROOF_ALGORITHMS),
        "authorization_details_types_supported": list(_DETAILS),
        "tls_client_certificate_bound_access_tokens": gateway.takes_certificates,
    }
    if id_jag:
        grants.append("urn:ietf:params:oauth:grant-type:jwt-bearer")
        document["authorization_grant_profiles_supported"] = [
            "urn:ietf:params:oauth:grant-profile:id-jag"
        ]
    if login:
        grants.append("authorization_code")
        document |= {
            "authorization_endpoint": gateway.issuer + AUTHORIZE_PATH,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
        }
    return document


def resource_metadata(gateway: GatewayBlock, upstream: str | None = None) -> JSON:
    """Protected resource metadata of an MCP endpoint (RFC 9728 section 2): of all upstreams, or of
    one.
    """
    path = RESOURCE_PATH if upstream is None else f"{RESOURCE_PATH}/{upstream}"
    return {
        "resource": gateway.issuer + path,
        "authorization_servers": [gateway.issuer],
        "jwks_uri": gateway.issuer + JWKS_PATH,
        "bearer_methods_supported": ["header"],
        "authorization_details_types_supported": list(_DETAILS),
        "dpop_signing_alg_values_supported": list(_PROOF_ALGORITHMS),
        "dpop_bound_access_tokens_required": not (
            gateway.unsafe_bearer_tokens or gateway.takes_certificates
        ),
        "tls_client_certificate_bound_access_tokens": gateway.takes_certificates,
    }
