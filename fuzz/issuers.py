"""Targets that read what authorization servers say: of themselves, and when they issue a token."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import urlsplit

from safeconduct.ports import CredentialUnavailable
from safeconduct.secrets.authorization import MAX_LIFE_S, issued_of, metadata_of

ISSUER: Final = "https://as.example"
ASKED: Final = frozenset({"read", "write"})


def issued(data: bytes) -> None:
    """A token that is taken ends, can stand in a header field, and is for what was asked."""
    try:
        found = issued_of(ISSUER, data, ASKED)
    except CredentialUnavailable:
        return
    said = json.loads(data)
    assert said["access_token"] == found.access_token
    assert re.fullmatch(r"[!-~]+", found.access_token)
    assert said["token_type"].lower() == "bearer"
    assert 0 < found.expires_in <= min(said["expires_in"], MAX_LIFE_S)
    assert set((said.get("scope") or "").split()) <= ASKED


def server_metadata(data: bytes) -> None:
    """Where we go next is a place of TLS, and no second header field."""
    try:
        found = metadata_of(ISSUER, data)
    except CredentialUnavailable:
        return
    said = json.loads(data)
    assert said["issuer"] == ISSUER
    for endpoint in filter(None, (found.token_endpoint, found.authorization_endpoint)):
        assert endpoint in said.values()
        assert re.fullmatch(r"[!-~]+", endpoint)
        assert urlsplit(endpoint).scheme == "https"
        assert urlsplit(endpoint).hostname
