from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.payloads import blobs, sealing
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.opening import Opened, Opener, PayloadUnsealer, opener
from safeconduct.audit.payloads.sealing import PayloadSealer, Salts, associated, commitment
from safeconduct.core.model import KEY, Finding
from safeconduct.core.recorded_input import UNOPENED
from safeconduct.kit.work import AT_ONCE, spend
from safeconduct.ports import JSON, About, Place

NOW_MS = 1_795_000_000_000
ABOUT = About("decision", "d_1", "crm.example", "alice", NOW_MS)
SECRET = "hunter2-hunter2"
KIND = "secret.held"


class Finder:
    """Finds one text, in strings and keys."""

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        assert data is None or orjson.loads(data) == value
        return tuple(self._look(value, ()))

    def _look(self, value: Any, path: Place) -> list[Finding]:
        if isinstance(value, str) and SECRET in value:
            start = value.index(SECRET)
            return [Finding(KIND, path, start, start + len(SECRET))]
        if isinstance(value, list):
            return [one for i, item in enumerate(value) for one in self._look(item, (*path, i))]
        if isinstance(value, dict):
            return [
                one
                for key, item in value.items()
                for one in (*self._look(key, (*path, key, KEY)), *self._look(item, (*path, key)))
            ]
        return []


class Room:
    """A keystore, and the payloads of a log."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.keys = Keystore(directory / "keys")
        self.sealer = PayloadSealer(self.keys, (Finder(),))
        self.blobs = Blobs(directory)
        self.opener = Opener(directory, self.keys)

    def record(self, content: JSON, about: About = ABOUT, masked: tuple[Place, ...] = ()) -> JSON:
        said = self.blobs.stage(self.sealer.seal(about, content, masked))
        self.blobs.flush()
        return {
            "kind": about.kind,
            "decision": about.decision,
            "user": self.keys.pseudonym(about.tenant, about.user),
            "payload": said,
        }

    def content(self, record: JSON) -> Any:
        opened = self.opener.opened(record)
        assert opened is not None
        assert opened.why is None
        return opened.content


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_what_was_sealed_is_what_is_opened(room: Room) -> None:
    content = {"result": {"text": "ärger \U0001f511" * 100, "ratio": 0.5, "none": None, "all": [1]}}
    record = room.record(content)
    assert room.content(record) == content
    said = record["payload"]
    assert set(said) == {"at", "bytes", "kid", "sha256", "commit"}
    data = blobs.read(room.directory, *said["at"])
    assert (len(data), hashlib.sha256(data).hexdigest()) == (said["bytes"], said["sha256"])
    assert b"rger" not in blobs.path(room.directory, 0).read_bytes()


def test_equal_contents_look_alike_in_nothing(room: Room) -> None:
    one = room.record({"arguments": {"sure": True}})["payload"]
    two = room.record(
        {"arguments": {"sure": True}}, About("decision", "d_2", "crm.example", "alice", NOW_MS)
    )["payload"]
    assert one["kid"] == two["kid"]
    assert one["sha256"] != two["sha256"]
    assert one["commit"] != two["commit"]


def test_who_has_the_key_shows_that_a_content_is_the_one_of_the_record(room: Room) -> None:
    content = {"arguments": {"amount": 5}}
    said = room.record(content)["payload"]
    key = room.keys.find(said["kid"])
    assert key is not None
    salt = Salts(key, associated(key, "decision", "d_1")).of("")
    # Section by section what the page of formats says, without our functions.
    plain = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    assert hashlib.sha256(salt + bytes(4) + plain).hexdigest() == said["commit"]
    assert len(salt) == 16


def test_a_credential_is_replaced_by_its_kind_and_a_commitment(room: Room) -> None:
    record = room.record({"arguments": {"body": f"it is {SECRET}!", f"x{SECRET}": [SECRET]}})
    arguments = room.content(record)["arguments"]
    assert SECRET not in str(arguments)
    key = room.keys.find(record["payload"]["kid"])
    assert key is not None
    salts = Salts(key, associated(key, "decision", "d_1"))
    name = "/arguments/body/6"
    commit = commitment(salts.of(name), name, SECRET.encode())
    assert arguments["body"] == f"it is [redacted: {KIND} {commit}]!"
    assert len(arguments) == 2
    assert len({*map(str, arguments.values()), *arguments}) == 4


def test_findings_that_overlap_leave_nothing_between_them(room: Room) -> None:
    class Overlapping:
        def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
            del value, data
            at = ("text",)
            return (Finding("b", at, 4, 9), Finding("a", at, 2, 6), Finding("c", at, 3, 5))

    room.sealer = PayloadSealer(room.keys, (Overlapping(),))
    text = room.content(room.record({"text": "0123456789"}))["text"]
    assert text.startswith("01[redacted: a ")
    assert "][redacted: b " in text
    assert text.endswith("]9")
    assert text.count("redacted") == 2


def test_what_is_masked_is_replaced_whole(room: Room) -> None:
    content = {"arguments": {"to": {"name": "bob"}, "n": 1}, "list": ["a", "b"]}
    record = room.record(content, masked=(("arguments", "to"), ("list", 1), ("absent",)))
    found = room.content(record)
    assert found["arguments"]["n"] == 1
    assert found["list"][0] == "a"
    for one in (found["arguments"]["to"], found["list"][1]):
        assert one["redacted"] == "masked"
        assert len(one["commit"]) == 64
    assert found["arguments"]["to"]["commit"] != found["list"][1]["commit"]


def test_of_what_is_too_large_only_the_commitment_is_kept(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MAX_PLAIN_BYTES", 100)
    record = room.record({"result": "x" * 100})
    assert set(record["payload"]) == {"bytes", "kid", "commit", "left_out"}
    assert record["payload"]["left_out"] == "too-large"
    assert record["payload"]["bytes"] == 113
    assert room.opener.opened(record) == Opened(why="too-large")


def test_an_erased_payload_says_so(room: Room) -> None:
    record = room.record({"input": {}})
    kept = room.record({"input": {}}, About("decision", "d_2", "crm.example", "bob", NOW_MS))
    room.keys.erase("crm.example", "alice")
    assert room.opener.opened(record) == Opened(why="erased")
    assert room.content(kept) == {"input": {}}
    assert room.opener.shown(record) == record
    assert room.opener.shown(kept) == {**kept, "user": "bob"}


def test_without_keys_all_stays_sealed_and_nothing_fails(room: Room, tmp_path: Path) -> None:
    record = room.record({"input": {}})
    for reader in (
        Opener(room.directory, None),
        Opener(room.directory, Keystore(tmp_path / "another")),
    ):
        assert reader.opened(record) == Opened(why="sealed")
        assert reader.shown(record) == record
        assert reader.whole(record) == {**record, UNOPENED: "sealed"}
        reader.close()


def test_a_missing_file_and_a_damaged_one_are_told_apart(room: Room) -> None:
    record = room.record({"input": {}})
    path = blobs.path(room.directory, 0)
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes([data[20] ^ 1]) + data[21:])
    assert room.opener.opened(record) == Opened(why="damaged")
    path.unlink()
    assert room.opener.opened(record) == Opened(why="missing")


def test_a_payload_of_another_record_is_none_of_this_one(room: Room) -> None:
    one = room.record({"input": {}})
    assert room.opener.opened({**one, "decision": "d_2"}) == Opened(why="damaged")
    assert room.opener.opened({**one, "kind": "outcome"}) == Opened(why="damaged")
    for member in ("sha256", "commit"):
        forged = {**one, "payload": {**one["payload"], member: "0" * 64}}
        assert room.opener.opened(forged) == Opened(why="damaged")


def test_a_record_without_a_payload_has_none(room: Room) -> None:
    record = {"kind": "pin", "pin": "1"}
    assert room.opener.opened(record) is None
    assert room.opener.whole(record) == record


def test_the_whole_of_a_decision_has_what_the_rules_saw(room: Room) -> None:
    record = {**room.record({"arguments": {}, "input": {"user": 1}}), "policy": {"permit": []}}
    whole = room.opener.whole(record)
    assert whole["policy"] == {"permit": [], "input": {"user": 1}}
    assert whole["user"] == "alice"
    screened = room.record({"arguments": {}})
    assert "policy" not in room.opener.whole(screened)


def test_nothing_is_sealed_without_a_key(room: Room) -> None:
    room.keys.close()
    with pytest.raises(LogFault):
        room.sealer.seal(ABOUT, {})


def test_the_keystore_of_a_log_stands_beside_it_and_one_that_cannot_be_used_opens_nothing(
    room: Room, tmp_path: Path
) -> None:
    record = room.record({"input": {}})
    (tmp_path / "audit").mkdir()
    blobs.path(tmp_path, 0).rename(blobs.path(tmp_path / "audit", 0))
    reader = opener(tmp_path / "audit")
    assert reader.opened(record) == Opened(content={"input": {}})
    reader.close()
    (tmp_path / "keys" / "kek").chmod(0o644)
    assert opener(tmp_path / "audit").opened(record) == Opened(why="sealed")
    assert opener(tmp_path / "elsewhere" / "audit").opened(record) == Opened(why="sealed")


def test_parts_are_committed_to_by_their_names(room: Room) -> None:
    parts: JSON = {"prompt": {"messages": []}, "completion": {"messages": []}}
    sealed = room.sealer.seal(ABOUT, {}, parts=parts)
    key = room.keys.find(sealed.said["kid"])
    assert key is not None
    salts = Salts(key, associated(key, "decision", "d_1"))
    plain = b'{"messages":[]}'
    assert sealed.commits == {
        name: commitment(salts.of(name), name, plain) for name in ("prompt", "completion")
    }
    assert sealed.commits["prompt"] != sealed.commits["completion"]


def test_it_says_whether_all_of_it_is_kept(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(content: JSON, masked: tuple[Place, ...] = ()) -> bool:
        return room.sealer.seal(ABOUT, content, masked).whole

    assert whole({"a": "b"})
    assert whole({"a": "b"}, (("result", "a"),))  # there is no such place
    assert not whole({"a": "b"}, (("a",),))
    assert not whole({"a": SECRET})
    monkeypatch.setattr(sealing, "MAX_PLAIN_BYTES", 4)
    assert not whole({"a": "b"})


def test_who_writes_the_log_opens_what_is_still_there(room: Room) -> None:
    said = room.record({"a": "b"})["payload"]
    unsealer = PayloadUnsealer(room.directory, room.keys)
    assert unsealer.unsealed("decision", "d_1", said) == {"a": "b"}
    # It belongs to what it was sealed for.
    assert unsealer.unsealed("decision", "d_2", said) is None
    assert unsealer.unsealed("outcome", "d_1", said) is None
    assert unsealer.unsealed("decision", "d_1", {**said, "kid": "k_another"}) is None
    assert unsealer.unsealed("decision", "d_1", {**said, "sha256": "0" * 64}) is None
    assert unsealer.unsealed("decision", "d_1", {**said, "at": [0, 1]}) is None
    file = blobs.path(room.directory, 0)
    file.rename(file.with_suffix(".away"))
    assert unsealer.unsealed("decision", "d_1", said) is None
    file.with_suffix(".away").rename(file)
    room.keys.erase(ABOUT.tenant, ABOUT.user)
    assert unsealer.unsealed("decision", "d_1", said) is None


class Long:
    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        del value, data
        spend(AT_ONCE + 1)
        return ()


def test_of_what_takes_too_long_to_look_at_only_the_commitment_is_kept(room: Room) -> None:
    sealed = PayloadSealer(room.keys, (Long(),)).seal(ABOUT, {"a": "b"})
    assert (sealed.data, sealed.whole) == (b"", False)
    assert (sealed.said["left_out"], sealed.said["bytes"]) == ("unread", 9)
