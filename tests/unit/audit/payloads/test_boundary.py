from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Erased, Keystore
from safeconduct.audit.reading import read
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.ports import LedgerConflict, Sealed
from tests.support.logs import ORIGIN, Memory

ALICE = "alice.distinctive"
AWS = "AKIA" + "Q" * 16

NAMED: list[dict[str, Any]] = [
    {"kind": "task", "tenant": "t", "user": {"id": ALICE, "groups": ["sales"]}},
    {"kind": "decision", "tenant": "t", "decision": "d_1", "user": ALICE},
    {"kind": "approval", "phase": "requested", "tenant": "t", "user": ALICE},
    {"kind": "consent", "phase": "given", "user": ALICE},
    {"kind": "revocation", "what": "user", "id": ALICE},
    {"kind": "revocation", "what": "sign-in", "id": ALICE, "before_ms": 1},
    {"kind": "evaluation", "tenant": "t", "subject": {"type": "user", "id": ALICE}},
    {"kind": "erasure", "user": ALICE, "pseudonym": "u_1", "kids": []},
]
"""A record of each kind that names a user."""

OTHERS: list[dict[str, Any]] = [
    {"kind": "config", "tenant": "t"},
    {"kind": "outcome", "decision": "d_1"},
    {"kind": "revocation", "what": "agent", "id": "spiffe://crm.example/agents/a"},
    {"kind": "revocation", "what": "task", "id": "t_1"},
    {"kind": "evaluation", "subject": {"type": "agent", "id": "spiffe://crm.example/agents/a"}},
    {"kind": "evaluation", "about": "subject"},
    {"kind": "task", "user": {}},
    {"v": 1},
]


class Room:
    def __init__(self, directory: Path, keys: Keystore | None = None) -> None:
        self.directory = directory / "audit"
        self.keys = keys or Keystore(directory / "keys")
        self.boundary = Boundary(self.keys, "t", (SecretInspector(),))
        self.projection = Memory()

    def append(self, *groups: list[dict[str, Any]]) -> list[object]:
        log = Log.open(self.directory, self.projection, origin=ORIGIN, boundary=self.boundary)

        async def all_of_them() -> list[object]:
            waiting = [log.append(*group) for group in groups]
            return list(await asyncio.gather(*waiting, return_exceptions=True))

        try:
            return asyncio.run(all_of_them())
        finally:
            log.close()

    def raw(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.directory.iterdir() if path.is_file())


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def without(records: list[dict[str, Any]], *members: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in one.items() if k not in members} for one in records]


def test_users_are_pseudonyms_on_disk_and_users_everywhere_else(room: Room) -> None:
    room.keys.ask(Erased("u_1", ()))
    room.append(*[[record] for record in NAMED + OTHERS])
    assert without(room.projection.records, "n") == NAMED + OTHERS
    assert ALICE.encode() not in room.raw()
    name = room.keys.pseudonym("t", ALICE)
    hidden = list(read(room.directory))
    assert [str(record).count(name) for record in hidden] == [1] * len(NAMED) + [0] * len(OTHERS)
    assert without(hidden[len(NAMED) :], "n") == OTHERS
    # The projection comes out the same when it is derived anew.
    before, room.projection = room.projection.records, Memory()
    room.append()
    assert room.projection.records == before


def test_after_an_erasure_a_replay_knows_the_pseudonym_alone(room: Room) -> None:
    room.append([NAMED[1]])
    name = room.keys.pseudonym("t", ALICE)
    room.keys.erase("t", ALICE)
    room.projection = Memory()
    room.append([{"kind": "decision", "tenant": "t", "user": name}])
    assert [record["user"] for record in room.projection.records] == [name, name]
    assert [record["user"] for record in read(room.directory)] == [name, name]


def test_credentials_in_what_others_said_are_cut_out_before_anybody_sees_them(room: Room) -> None:
    claims = {
        "tool": f"crm#resource:crm://{AWS}",
        "provenance": {AWS: []},
        "objects": {"id": AWS},
        "purpose": f"use {AWS}",
    }
    room.append([{"kind": "decision", "tenant": "t", "user": ALICE, **claims}])
    assert AWS.encode() not in room.raw()
    (record,) = room.projection.records
    assert record["purpose"] == "use [redacted: secret.aws]"
    assert AWS not in str(record)
    assert record["user"] == ALICE


def test_without_keys_nothing_is_written(room: Room) -> None:
    room.keys.close()
    (refused,) = room.append([NAMED[1]])
    assert isinstance(refused, LogFault)
    assert refused.code == "keys"
    assert room.projection.records == []
    assert list(read(room.directory)) == []


def test_the_payloads_of_refused_records_are_not_kept(room: Room) -> None:
    def record(text: bytes, **more: str) -> dict[str, Any]:
        return {"kind": "pin", "payload": Sealed(text, {"kid": "k_1"}), **more}

    said = room.append(
        [record(b"first")], [record(b"r" * 9), {"conflict": "no"}], [record(b"last")]
    )
    assert [said[0], said[2]] == [0, 1]
    assert isinstance(said[1], LedgerConflict)
    assert b"r" * 9 not in room.raw()
    places = [one["payload"]["at"] for one in read(room.directory)]
    assert [blobs.read(room.directory, *at) for at in places] == [b"first", b"last"]
    assert [one["payload"] for one in room.projection.records] == [
        {"kid": "k_1", "at": at} for at in places
    ]


def test_when_the_disk_is_full_of_payloads_no_record_leads_nowhere(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LogFault("full", "no space")

    payload = {"payload": Sealed(b"lost", {"kid": "k_1"})}
    with monkeypatch.context() as patch:
        patch.setattr(blobs.Blobs, "flush", full)
        (refused,) = room.append([{"kind": "pin", **payload}])
    assert isinstance(refused, LogFault)
    assert refused.code == "full"
    room.append([{"kind": "pin", "payload": Sealed(b"next", {"kid": "k_1"})}])
    (record,) = read(room.directory)
    assert blobs.read(room.directory, *record["payload"]["at"]) == b"next"
