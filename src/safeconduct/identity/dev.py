"""The embedded development issuer: throwaway keys that play every party outside of the gateway.

It stands in for SPIRE, the user issuer, front ends and user devices, so that a first task needs
none of them. Whoever can read the state directory can be anybody, hence the name of the switch that
it asks for; what it makes carries that name too, and is refused where the switch is off.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import orjson

from safeconduct.config.keys import is_url
from safeconduct.config.schema import Config
from safeconduct.core.subgrants import SubGrant
from safeconduct.identity import front_end
from safeconduct.kit import jose, keyfile
from safeconduct.kit.jwk import PrivateKey

MARK: Final = "unsafe_dev_identity"
LIFETIME_S: Final = 300


class DevIdentityRefused(ValueError):
    """The development issuer does not run here; the message says why and what to do."""


def create(state: Path, config: Config) -> None:
    """Make what is missing: private keys under `state`, and the public key files that the
    configuration names. Existing files stay as they are.

    Raises:
        DevIdentityRefused: the switch is off, or a public key file holds somebody else's keys.
        KeyFileError: a private key of before cannot be used.
    """
    _require_switch(config)
    for kind, name, jwks, use in _parties(config):
        path = Path(config.directory) / jwks
        key, _ = keyfile.load_or_create(_key_path(state, kind, name))
        document = orjson.dumps({"keys": [key.public.jwk(use=use)]})
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            aside.write_bytes(document)
            aside.replace(path)
        elif path.read_bytes() != document:
            raise DevIdentityRefused(
                f"{path}: holds keys that the development issuer did not make; remove the file, "
                f"or turn gateway.{MARK} off"
            )


def svid(state: Path, config: Config, agent: str, now_ms: int) -> str:
    """A JWT-SVID of this agent for the gateway. Raises DevIdentityRefused."""
    domain = agent.removeprefix("spiffe://").partition("/")[0]
    return _sign(
        _key(state, config, "trust", domain),
        "JWT",
        now_ms,
        {"sub": agent, "aud": [config.root.gateway.issuer]},
    )


def user_token(state: Path, config: Config, user: str, now_ms: int) -> str:
    """A user's live token. Raises DevIdentityRefused."""
    users, entry = config.root.users, config.users.get(user)
    return _sign(
        _key(state, config, "users", ""),
        "JWT",
        now_ms,
        {
            "iss": users.issuer,
            "sub": user,
            "aud": users.audience,
            "tenant": config.root.gateway.tenant,
            "groups": [] if entry is None else list(entry.groups),
            "auth_time": now_ms // 1000,
        },
    )


def purpose(
    state: Path,
    config: Config,
    *,
    issuer: str,
    user: str,
    agent: str,
    text: str,
    now_ms: int,
    task: str | None = None,
    follow: Sequence[SubGrant] = (),
) -> str:
    """An attestation by a front end, or by the user's device if `issuer` is the user; of a new
    purpose, or of what the user said later in a task, and of what it is to `follow`.

    Raises DevIdentityRefused.
    """
    kind = "front-end" if issuer in config.root.front_ends else "device"
    return _sign(
        _key(state, config, kind, issuer),
        front_end.TYPE,
        now_ms,
        {
            "iss": issuer,
            "sub": user,
            "aud": config.root.gateway.issuer,
            "act": {"sub": agent},
            "purpose": text,
        }
        | ({} if task is None else {"txn": task})
        | ({"follow": [msgspec.to_builtins(one) for one in follow]} if follow else {}),
    )


def _parties(config: Config) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, public key file and key use of every party that has a file: nobody plays those
    who publish their keys themselves, as the embedded issuer does.
    """
    root = config.root
    issued = {agent.split("/")[2] for agent in root.workloads}
    everyone = (
        *(
            ("trust", domain, trust.jwks, "jwt-svid")
            for domain, trust in root.trust.items()
            if domain not in issued
        ),
        ("users", "", root.users.jwks, "sig"),
        *(("front-end", name, ref.jwks, "sig") for name, ref in root.front_ends.items()),
        *(("device", user, ref.jwks, "sig") for user, ref in root.user_devices.items()),
    )
    for kind, name, jwks, use in everyone:
        if jwks is not None and not is_url(jwks):
            yield kind, name, jwks, use


def _require_switch(config: Config) -> None:
    if not config.root.gateway.unsafe_dev_identity:
        raise DevIdentityRefused(f"the development issuer needs gateway.{MARK}: true")


def _key_path(state: Path, kind: str, name: str) -> Path:
    return state / "dev" / f"{kind}-{quote(name, safe='')}.jwk"


def _key(state: Path, config: Config, kind: str, name: str) -> PrivateKey:
    _require_switch(config)
    try:
        return keyfile.load(_key_path(state, kind, name))
    except FileNotFoundError:
        raise DevIdentityRefused(f"no development key for {kind} {name}".rstrip()) from None


def _sign(key: PrivateKey, typ: str, now_ms: int, claims: dict[str, Any]) -> str:
    now_s = now_ms // 1000
    common = {
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
        # Also on SVIDs, which need none: two of one second would otherwise be one.
        "jti": secrets.token_urlsafe(16),
        MARK: True,
    }
    return jose.sign({**claims, **common}, key, typ)
