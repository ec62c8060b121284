"""A small company as configuration values: one CRM, one mail tool, one agent, one user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from safeconduct.cli import init, main
from safeconduct.config import schema
from safeconduct.config.users import UserEntry
from safeconduct.core.manifest import Manifest, Threshold
from safeconduct.core.policy import PolicyAnswer

AGENT = "spiffe://crm.example/agents/copilot"
USER = "jane@crm.example"

SCOPES = ("case:read", "customer:read", "deal:update", "mail:send", "secret:read")

CRM: dict[str, Any] = {
    "upstream": "crm",
    "tools": {
        "get_case": {
            "effect": "read",
            "scopes": ["case:read"],
            "arguments": {"case_id": {"role": "object-id", "type": "crm.case"}},
            "returns": {
                "source": {"integrity": "trusted", "confidentiality": "internal"},
                "fields": {
                    "messages.*.body": {"integrity": "untrusted"},
                    "customer_email": {"categories": ["pii"], "vouches_for": ["recipient"]},
                    "deal_id": {"vouches_for": ["object-id"], "type": "crm.deal"},
                },
            },
        },
        "list_customers": {
            "effect": "read",
            "scopes": ["customer:read"],
            "returns": {"source": {"integrity": "trusted", "confidentiality": "restricted"}},
        },
        "get_deal": {
            "effect": "read",
            "scopes": ["case:read"],
            "arguments": {"id": {"role": "object-id", "type": "crm.deal"}},
            "sink": {"clearance": "confidential"},
            "returns": {"source": {"integrity": "trusted", "confidentiality": "internal"}},
        },
        "update_deal": {
            "effect": "write",
            "scopes": ["deal:update"],
            "arguments": {
                "id": {"role": "object-id", "type": "crm.deal"},
                "amount_minor": {"role": "amount"},
                "next_step": {"role": "content"},
            },
            "resolvers": {
                "old_amount_minor": {
                    "tool": "get_deal",
                    "arguments": {"id": "$.arguments.id"},
                    "take": "$.amount_minor",
                }
            },
            "returns": {"source": {"integrity": "trusted", "confidentiality": "internal"}},
            "sink": {"clearance": "confidential"},
            "reversible": True,
        },
        "on_file": {
            "effect": "read",
            "scopes": ["customer:read"],
            "returns": {"source": {"integrity": "trusted", "confidentiality": "internal"}},
        },
    },
}

MAIL: dict[str, Any] = {
    "upstream": "mail",
    "resolvers": {"on_file": {"tool": "crm.on_file", "take": "$.emails.*"}},
    "tools": {
        "send": {
            "effect": "send",
            "scopes": ["mail:send"],
            "arguments": {
                "to": {"role": "recipient"},
                "subject": {"role": "content"},
                "body": {"role": "content"},
            },
            "returns": {"source": {"integrity": "trusted", "confidentiality": "public"}},
            "sink": {
                "clearance": "confidential",
                "categories_refused": ["pricing"],
                "allow": {"recipients": {"resolver": "on_file"}},
            },
        }
    },
}


def config(
    directory: Path,
    *,
    budgets: dict[str, int] | None = None,
    max_refusals: int = 20,
    approval_scopes: tuple[str, ...] = (),
    stateless: bool = True,
    egress: tuple[str, ...] = ("crm", "mail"),
    max_label: str = "restricted",
    asks: dict[str, Any] | None = None,
) -> schema.Config:
    """The company's configuration, as `safeconduct.config` would have read it."""
    upstream = {"role": "retrieval", "credential": {"kind": "none"}, "manifests": "unused.yaml"}
    root = {
        "gateway": {
            "issuer": "http://127.0.0.1:8700",
            "listen": "127.0.0.1:8700",
            "tenant": "crm.example",
        },
        "agents": "unused.yaml",
        "zones": "unused.yaml",
        "assignments": {AGENT: {"zone": "office", "tier": 2, "profiles": ["triage"]}},
        "trust": {"crm.example": {"jwks": "unused.json"}},
        "users": {
            "issuer": "http://127.0.0.1:8701",
            "jwks": "unused.json",
            "audience": "copilot",
            "entitlements": "unused.yaml",
        },
        "scopes": {
            scope: {
                "system": "crm",
                "object": scope.split(":")[0],
                "action": scope.split(":")[1],
            }
            for scope in SCOPES
        },
        "profiles": {
            "triage": {
                "scopes": list(SCOPES),
                "budgets": budgets or {},
                "max_refusals": max_refusals,
            }
        },
        "upstreams": {
            "crm": {**upstream, "mcp": "http://127.0.0.1:9/mcp", "asks": asks or {}},
            "mail": {**upstream, "mcp": "http://127.0.0.1:9/mcp"},
        },
        "policy": {"bundle": "unused"},
        "audit": {"directory": "audit"},
    }
    agent = {
        "spiffe_id": AGENT,
        "trust_domain": "crm.example",
        "attestation": "unix",
        "delegation": {
            "on_behalf_of": f"user:{USER}",
            "scope": [scope for scope in SCOPES if scope not in approval_scopes],
            "audience": "crm",
        },
        "jit_approval_required": list(approval_scopes),
        "stateless": stateless,
    }
    zone = {"id": "office", "egress": list(egress), "max_label": max_label}
    return schema.Config(
        directory=str(directory),
        root=msgspec.convert(root, schema.Root),
        agents={AGENT: msgspec.convert(agent, schema.Agent)},
        zones={"office": msgspec.convert(zone, schema.Zone)},
        users={USER: UserEntry(scopes=SCOPES)},
        manifests={
            "crm": msgspec.convert(CRM, Manifest),
            "mail": msgspec.convert(MAIL, Manifest),
        },
    )


def asking(config: schema.Config, calls: int) -> schema.Config:
    """A person is asked about cases after so many."""
    crm = config.manifests["crm"]
    asks = (Threshold(template="often", calls=calls),)
    get_case = msgspec.structs.replace(crm.tools["get_case"], asks=asks)
    manifest = msgspec.structs.replace(crm, tools={**crm.tools, "get_case": get_case})
    return msgspec.structs.replace(config, manifests={**config.manifests, "crm": manifest})


def configured(directory: Path) -> Path:
    """Makes a directory with the log and state of a simulated task one that a command takes as its
    configuration; the directory.
    """
    init.write(directory)
    path = directory / "safeconduct.yaml"
    text = path.read_text()
    for old, new in (("tenant: example\n", "tenant: crm.example\n"), ("state/audit", "audit")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return directory


def operated(*words: str) -> int:
    """The exit code of a command, which has its own event loop, wherever this is called."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(main.main, words).result()


class Rules:
    """A policy engine that gives one answer, and remembers what it was asked."""

    digest = "0" * 64
    unsafe: tuple[str, ...] = ()
    members: frozenset[str] | None = None

    def __init__(self, answer: PolicyAnswer | None = None) -> None:
        self.answer = answer or PolicyAnswer(permit=("all",))
        self.asked: list[Any] = []

    def evaluate(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        del now_ms
        self.asked.append(msgspec.json.decode(input_json))
        return self.answer
