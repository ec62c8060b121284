from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from safeconduct.config.tls import Forwarded, Tls
from safeconduct.delegation import details, request
from safeconduct.delegation.steps import TOKEN_PATH
from safeconduct.entrypoints import metadata
from tests.support.parties import ISSUER, configuration


def test_the_server_says_what_is_so(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    told = metadata.server_metadata(gateway, id_jag=False)
    assert told["issuer"] == ISSUER
    assert told["token_endpoint"] == f"{ISSUER}{TOKEN_PATH}"
    assert told["grant_types_supported"] == [request.TOKEN_EXCHANGE]
    assert told["authorization_details_types_supported"] == [details.TYPE]
    assert told["dpop_signing_alg_values_supported"] == ["ES256", "Ed25519", "EdDSA"]
    assert "authorization_grant_profiles_supported" not in told


def test_grants_of_identity_providers_are_named_where_they_are_taken(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    told = metadata.server_metadata(gateway, id_jag=True)
    assert request.JWT_BEARER in told["grant_types_supported"]
    assert told["authorization_grant_profiles_supported"] == [
        "urn:ietf:params:oauth:grant-profile:id-jag"
    ]


def test_signing_in_is_offered_where_people_can(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    without = metadata.server_metadata(gateway, id_jag=False)
    assert "authorization_endpoint" not in without
    assert without["response_types_supported"] == []
    told = metadata.server_metadata(gateway, id_jag=False, login=True)
    assert told["authorization_endpoint"] == f"{ISSUER}/oauth/authorize"
    assert told["grant_types_supported"] == [request.TOKEN_EXCHANGE, request.AUTHORIZATION_CODE]
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["client_id_metadata_document_supported"] is True


def test_each_endpoint_is_a_resource_of_its_own_name(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    whole, part = metadata.resource_metadata(gateway), metadata.resource_metadata(gateway, "crm")
    assert (whole["resource"], part["resource"]) == (f"{ISSUER}/mcp", f"{ISSUER}/mcp/crm")
    assert whole["authorization_servers"] == part["authorization_servers"] == [ISSUER]
    assert whole["dpop_bound_access_tokens_required"] is True
    weak = configuration(tmp_path, unsafe_bearer_tokens=True).root.gateway
    assert metadata.resource_metadata(weak)["dpop_bound_access_tokens_required"] is False


def test_nothing_is_told_of_scopes_and_upstreams(tmp_path: Path) -> None:
    gateway = configuration(tmp_path).root.gateway
    for told in (
        metadata.server_metadata(gateway, id_jag=True),
        metadata.resource_metadata(gateway),
    ):
        assert "scopes_supported" not in told
        assert "crm" not in str(told).replace(gateway.tenant, "")


def test_certificates_are_named_where_they_are_taken(tmp_path: Path) -> None:
    plain = configuration(tmp_path).root.gateway
    balancer = Forwarded(sources=("10.1.2.3",), header="client-cert")
    for gateway, taken in (
        (plain, False),
        (replace(plain, tls=Tls(svid="spiffe://crm.example/gateway")), False),
        (replace(plain, tls=Tls(client_certificates=True)), True),
        (replace(plain, forwarded_certificate=balancer), True),
    ):
        server = metadata.server_metadata(gateway, id_jag=False, login=False)
        resource = metadata.resource_metadata(gateway)
        assert ("spiffe_x509" in server["token_endpoint_auth_methods_supported"]) is taken
        assert server["tls_client_certificate_bound_access_tokens"] is taken
        assert resource["tls_client_certificate_bound_access_tokens"] is taken
        assert resource["dpop_bound_access_tokens_required"] is not taken
        assert "mtls_endpoint_aliases" not in server
