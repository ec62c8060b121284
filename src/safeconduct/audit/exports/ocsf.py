"""The Open Cybersecurity Schema Framework 1.8: events of class API Activity (6003), profiles
`security_control` and `ai_operation`, as JSON arrays over HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from safeconduct import __version__
from safeconduct.audit.exports import said
from safeconduct.audit.exports.sink import ALL, Sink, Taken, Where, bearer, post
from safeconduct.audit.following import Copy

VERSION: Final = "1.8.0"

_CATEGORY: Final = 6
_CLASS: Final = 6003
_OTHER: Final = 99
_ACTIVITIES: Final = {"create": 1, "read": 2, "update": 3, "write": 3, "delete": 4}
_ACTIVITY_NAMES: Final = {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}
_CONTROLS: Final = {
    "permit": {"action_id": 1, "action": "Allowed", "disposition_id": 1, "disposition": "Allowed"},
    "deny": {"action_id": 2, "action": "Denied", "disposition_id": 2, "disposition": "Blocked"},
    "elevate": {
        "action_id": 2,
        "action": "Denied",
        "disposition_id": 23,
        "disposition": "Challenge",
    },
}
_SUCCESS: Final = {"status_id": 1, "status": "Success"}
_FAILURE: Final = {"status_id": 2, "status": "Failure"}
_PERSON: Final = 1
_AGENT_ROLE: Final = 4
_SHA256: Final = 3


class Ocsf(Sink):
    """Events to whatever takes a JSON array of them."""

    max_items = 500
    max_bytes = 4_000_000

    def __init__(self, where: Where) -> None:
        self._where = where

    def encode(self, copy: Copy) -> bytes:
        return orjson.dumps(event(copy))

    def send(self, items: Sequence[bytes]) -> Taken:
        headers = {"content-type": "application/json", **bearer(self._where)}
        post(self._where, "", headers, b"[%b]" % b",".join(items))
        return ALL


def event(copy: Copy) -> dict[str, Any]:
    """A record as an event. The record as a whole is its `raw_data`."""
    record = copy.record
    kind = said.text(record, "kind")
    activity = _ACTIVITIES.get(said.text(record, "effect"), _OTHER)
    agent, upstream = said.named(record, "agent"), said.target(record)[0]
    raw = orjson.dumps(record).decode()
    value: dict[str, Any] = {
        "category_uid": _CATEGORY,
        "category_name": "Application Activity",
        "class_uid": _CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "activity_name": _ACTIVITY_NAMES.get(activity, kind),
        "type_uid": _CLASS * 100 + activity,
        "severity_id": 2 if said.denied(record) else 1,
        "time": said.at_ms(record),
        "message": said.title(record),
        "metadata": _metadata(copy, record),
        "actor": _actor(record, agent),
        "src_endpoint": {"name": agent or "safeconduct"},
        "api": {
            "operation": said.text(record, "tool") or said.text(record, "method") or kind,
            "request": {"uid": said.text(record, "decision") or copy.id},
            **({"service": {"name": upstream}} if upstream else {}),
        },
        "message_context": {
            "application": {"name": "safeconduct"},
            "ai_role_id": _AGENT_ROLE,
            "ai_role": "Agent",
            "uid": said.text(record, "task") or copy.id,
        },
        "raw_data": raw,
        "raw_data_size": len(raw.encode()),
        "unmapped": copy.evidence | said.traced(record),
        **_CONTROLS.get(said.text(record, "verdict"), {}),
    }
    value |= _status(record)
    rules = record.get("policy")
    if isinstance(rules, dict) and (bundle := said.text(rules, "bundle")):  # pyright: ignore[reportUnknownArgumentType]
        value["policy"] = {"uid": bundle}
    return value


def _metadata(copy: Copy, record: said.Record) -> dict[str, Any]:
    value: dict[str, Any] = {
        "version": VERSION,
        "product": {"name": "Safeconduct", "vendor_name": "Safeconduct", "version": __version__},
        "profiles": ["security_control", "ai_operation"],
        "uid": copy.id,
        "log_name": copy.place.origin,
        "sequence": copy.place.n,
        "event_code": said.text(record, "kind"),
    }
    for name, source in (("tenant_uid", "tenant"), ("correlation_uid", "decision")):
        if found := said.text(record, source):
            value[name] = found
    return value


def _actor(record: said.Record, agent: str) -> dict[str, Any]:
    value: dict[str, Any] = {"app_name": "safeconduct"}
    if agent:
        value["app_uid"] = agent
    if user := said.named(record, "user"):
        value["user"] = {"uid": user, "type_id": _PERSON}
    if task := said.text(record, "task"):
        value["session"] = {"uid": task}
    return value


def _status(record: said.Record) -> dict[str, Any]:
    if said.text(record, "verdict") == "elevate" or not (
        said.text(record, "verdict") or said.text(record, "status")
    ):
        return {}
    value: dict[str, Any] = dict(_FAILURE if said.denied(record) else _SUCCESS)
    if code := said.text(record, "reason"):
        value["status_code"] = code
    return value
