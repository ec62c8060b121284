"""Verifies a Safeconduct audit log, or an evidence bundle of one, without Safeconduct.
Needs Python 3.11 and `cryptography`. A log is frames of crc32, kind, length, payload: E a record, a
leaf of one Merkle tree (RFC 6962); T the end of a group, size and root. `checkpoint`, a C2SP note,
has both, signed. Whoever can write the directory can write another log with another key. So give
a --key or --since-checkpoint that you have from elsewhere, a --witness-policy (C2SP tlog-policy).
It looks at no tiles, takes a pruned log for an edited one, and any of several keys for the log's.
exit  0  intact; payloads that were erased, as a record says, are counted
     10  truncated: something is missing that somebody knew of, or that was asked for
     11  edited: bytes are not those that were written, or contradict each other, or are not signed
     12  forked  13  payload missing  14  not witnessed  2  wrong arguments  3  no log, no bundle
"""

import base64
import hashlib
import json
import re
import struct
import time
import zipfile
import zlib
from argparse import ArgumentParser, Namespace, RawTextHelpFormatter
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
except ImportError as error:
    ArgumentParser().error(f"it needs the package `cryptography`: {error}")

EXITS = {"forked": 12, "edited": 11, "truncated": 10, "payload missing": 13, "not witnessed": 14}
found: list[tuple[str, str]] = []  # what is wrong: code and sentence; EXITS has the gravest first
Record = dict[str, Any]


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def grow(peaks: list[tuple[int, bytes]], leaf: bytes) -> bytes:  # perfect subtrees: leaves, hash
    peaks.append((1, leaf))
    while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
        (count, right), (_, left) = peaks.pop(), peaks.pop()
        peaks.append((2 * count, sha(b"\1", left, right)))
    root = peaks[-1][1]
    for _, left in peaks[-2::-1]:
        root = sha(b"\1", left, root)
    return root


def climb(old: int, size: int, path: bytes, root: bytes, leaf: bytes = b"") -> list[bytes]:
    # up to the roots of the first `old` leaves, by theirs or by the last leaf of them, and of all
    if size < 2 or not path or (old == size and not leaf):
        whole = old == size and not (leaf and (path or size > 1))
        return [(leaf or root + path) if whole else b""] * 2
    half, last = 1 << (size - 1).bit_length() - 1, path[-32:]
    if old <= half:
        first, second = climb(old, half, path[:-32], root, leaf)
        return [first, sha(b"\1", second, last)]
    return [sha(b"\1", last, one) for one in climb(old - half, size - half, path[:-32], b"", leaf)]


class Key:
    def __init__(self, text: str) -> None:
        self.name, said, rest = text.split("+", 2)
        raw = base64.b64decode(rest, validate=True)
        self.id, self.kind, self.public = sha(self.name.encode(), b"\n", raw)[:4], raw[0], raw[1:]
        if self.id.hex() != said or self.kind not in (1, 4, 6):
            raise ValueError("a verifier key of another id or kind than it says")


class Note:
    def __init__(self, data: bytes) -> None:
        text, _, lines = data.decode().rpartition("\n\n")
        self.text, (self.origin, size, root) = text + "\n", text.split("\n")[:3]
        self.size, (self.root,) = int(size), struct.unpack("32s", base64.b64decode(root))
        self.lines = [line.split(" ") for line in lines.splitlines()]

    def is_signed(self, key: Key) -> bool:
        mine = (base64.b64decode(line[2]) for line in self.lines if line[1:2] == [key.name])
        raw = next((raw for raw in mine if raw[:4] == key.id), b"")
        when, signature = (b"", raw[4:]) if key.kind == 1 else (raw[4:12], raw[12:])
        message, tree = self.text.encode(), struct.pack(">2Q", 0, self.size) + self.root
        if key.kind == 4:
            message = f"cosignature/v1\ntime {int.from_bytes(when)}\n".encode() + message
        elif key.kind == 6:
            me, log = (bytes([len(one)]) + one for one in map(str.encode, (key.name, self.origin)))
            message = b"subtree/v1\n\0" + me + when + log + tree
        public = mldsa.MLDSA44PublicKey if key.kind == 6 else ed25519.Ed25519PublicKey
        try:
            return public.from_public_bytes(key.public).verify(signature, message) is None
        except (InvalidSignature, ValueError):
            return False


def check_notes(has: dict[str, bytes], args: Namespace) -> dict[str, Note]:
    beside = {f"the {name}": Note(has[name]) for name in ("checkpoint", "witnessed") if name in has}
    notes, public, cosigned = {**beside, **args.kept}, has.get("log.pub", b""), {"none"}
    keys = args.key or [Key(line) for line in public.decode().split()]
    for name in (name for name, note in notes.items() if not any(map(note.is_signed, keys))):
        found.append(("edited" if keys else "truncated", f"{name} is not signed by the log's key"))  # noqa: PERF401 a sentence for each name, read one below the other
    witnesses = {words[1]: Key(words[2]) for words in args.policy if words[:1] == ["witness"]}
    for note in beside.values():
        seen = {name for name, key in witnesses.items() if note.is_signed(key)}
        for _, name, count, *members in (one for one in args.policy if one[:1] == ["group"]):
            least = {"any": 1, "all": len(members)}.get(count) or int(count)
            seen |= {name} if len(seen.intersection(members)) >= least else set()
        cosigned |= seen
    if args.policy and not any(["quorum", one] in args.policy for one in cosigned):
        who = " and ".join(sorted(cosigned & {*witnesses})) or "nobody"
        found.append(("not witnessed", f"the policy asks for more than {who}"))
    return notes


def read_record(data: bytes, number: int) -> Record:
    record: Record = json.loads(data, parse_float=str, parse_constant=str)
    again = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if again.encode() != data or record["n"] != number:
        raise ValueError(f"record {number} is not canonical JSON, or of another number")
    return record


def pair_of(said: Record) -> str:
    whose: list[Any] = [said.get(name) for name in ("tenant", "agent", "user")]
    return " ".join(str(one["id"] if hasattr(one, "keys") else one) for one in whose)


class Log:
    def __init__(self, directory: Path) -> None:
        self.directory, self.size, self.roots, self.origin = directory, 0, {0: sha()}, ""
        self.peaks, self.payloads = list[tuple[int, bytes]](), list[tuple[Any, str, int]]()
        self.waiting, self.erased, self.times = set[str](), dict[Any, int](), list[int]()
        self.last, self.pairs = dict[str, int](), dict[str, str]()  # counters; pairs of tasks
        paths = sorted(directory.glob("segment-*.log"))
        for number, path in enumerate(paths):
            if rest := self.read(path.read_bytes() if path.is_file() else b"?", number):
                later = [rest[one.start() - 4 :][:47] for one in re.finditer(rb"T\0\x28", rest)]
                whole = any(zlib.crc32(one[4:]) == int.from_bytes(one[:4]) for one in later)
                sentence = f"{path.name} from record {self.size} on: {len(rest)} bytes are no group"
                found.append(("edited" if whole or path != paths[-1] else "truncated", sentence))
                break  # nothing after it is proven

    def read(self, data: bytes, number: int) -> bytes:
        at, good, group = 0, 0, list[bytes]()
        while at + 7 <= len(data):
            checksum, kind, length = struct.unpack_from(">IBH", data, at)
            payload, start, at = data[at + 7 : at + 7 + length], at, at + 7 + length
            if at > len(data) or zlib.crc32(data[start + 4 : at]) != checksum:
                break
            if kind == ord("H") and not good:
                said, nodes = json.loads(payload), [node.hex() for _, node in self.peaks]
                self.origin = self.origin or said["origin"]
                tree = (said["origin"], said["segment"], said["size"], said["nodes"])
                good = at if tree == (self.origin, number, self.size, nodes) else 0
            elif kind == ord("E") and good:
                group.append(payload)
            elif kind == ord("T") and group:
                (*_, root) = [grow(self.peaks, sha(b"\0", entry)) for entry in group]
                if payload != struct.pack(">Q", self.size + len(group)) + root:
                    return data[good:]
                for entry in group:
                    self.look(read_record(entry, self.size))
                    self.size += 1
                self.roots[self.size], good, group = root, at, []
            else:
                break
        return data[good:].rstrip(b"\0")

    def look(self, record: Record) -> None:
        kind, task, decision = record["kind"], record.get("task", ""), record.get("decision", "")
        if kind == "decision" and record["verdict"] == "permit":
            self.waiting.add(decision)
        elif kind == "outcome" and decision not in self.waiting:
            found.append(("edited", f"record {self.size}: an outcome that no permit waits for"))
        self.waiting -= {decision} if kind == "outcome" else set()
        kids = record["kids"] if kind == "erasure" else ()
        self.erased |= {(record["pseudonym"], kid): self.size for kid in kids}
        self.times.append(record.get("at_ms", max(self.times[-1:], default=0)))
        if "task_n" in record:
            self.pairs.setdefault(task, pair_of(record))  # the first of a task says whose it is
            for name, whose in (("task_n", task), ("pair_n", self.pairs[task])):
                due, self.last[whose] = self.last.get(whose, 0) + 1, record[name]
                if due != record[name]:
                    found.append(("edited", f"record {self.size}: {name} is not {due}: a gap"))
        if "at" in (said := record.get("payload", {})):
            (file, at), size = said["at"], said["bytes"]
            path = self.directory / f"payload-{file:08}.blob"
            with Path(path if path.is_file() else "/dev/null").open("rb") as blob:
                blob.seek(at)
                frame = blob.read(min(8 + size, 1 << 23))
            whole = frame[:8] == struct.pack(">II", zlib.crc32(frame[4:]), size)
            code = "" if whole and sha(frame[8:]).hex() == said["sha256"] else "edited"
            gone = size < 1 << 22 and (len(frame) < 8 + size or not frame.strip(b"\0"))
            whose = (self.pairs.get(task, "").rpartition(" ")[2], said["kid"])
            self.payloads.append((whose, "payload missing" if gone else code, self.size))


def check_log(directory: Path, args: Namespace) -> str:
    if any(one.stat().st_size > 1 << 30 for one in directory.glob("[!p]*")):
        raise ValueError("a file is longer than any of a log")
    files = [directory / name for name in ("checkpoint", "witnessed", "log.pub")]
    notes = check_notes({one.name: one.read_bytes() for one in files if one.is_file()}, args)
    log = Log(directory)
    if "the checkpoint" not in notes:
        found.append(("truncated", "the checkpoint is gone, and perhaps what it knew of"))
    signed = max((note.size for note in notes.values() if note.size <= log.size), default=0)
    for name, note in notes.items():
        if log.origin not in ("", note.origin):
            found.append(("edited", f"{name} is of another log, {note.origin!r}"))
        elif note.size > log.size:
            found.append(("truncated", f"{name} knows {note.size} records, there are {log.size}"))
        elif log.roots.get(note.size) != note.root:
            found.append(("forked", f"{name} has another root for the first {note.size} records"))
    until = [time.time() * 1000] if args.key or args.kept or args.policy else log.times[-1:]
    tail = log.times[signed:]  # of whoever can write to the files; they excuse nothing
    if tail and abs(until[0] - tail[0]) > 60_000:  # a log that cannot have itself signed stops
        found.append(("edited", f"records from {signed} on are not signed"))
    kept = [one[1:] for one in log.payloads if not one[2] < log.erased.get(one[0], 0) < signed]
    found.extend((code, f"record {seq}: its payload") for code, seq in kept if code)
    said = f"{log.size} records" + f", {len(tail)} of them not signed yet" * bool(tail)
    return f"{said}, {len(kept)} payloads, {len(log.payloads) - len(kept)} erased"


def check_bundle(archive: zipfile.ZipFile, args: Namespace) -> str:
    if sum(one.file_size for one in archive.filelist) > 1 << 30:
        raise ValueError("more is in it than in any bundle")
    has = {one.filename: archive.read(one) for one in archive.filelist}
    case, notes = json.loads(has["case.json"]), check_notes(has, args)
    head, old = notes["the checkpoint"], notes.get("the witnessed", notes["the checkpoint"])
    path = bytes.fromhex("".join(json.loads(has.get("consistency.json", '{"proof":[]}'))["proof"]))
    if climb(old.size, head.size, path, old.root) != [old.root, head.root]:
        found.append(("forked", "the witnessed checkpoint is not of the checkpoint's tree"))
    if {case["origin"]} != {one.origin for one in notes.values()} or [*has] != archive.namelist():
        found.append(("edited", "case and checkpoints are of different logs, or members twice"))
    records, leaves = dict[int, Record](), dict[int, str]()
    lines = zip(has["records.jsonl"].splitlines(), has["proofs.jsonl"].splitlines(), strict=True)
    for data, proof in lines:
        seq, path = (said := json.loads(proof))["n"], bytes.fromhex("".join(said["proof"]))
        if climb(seq + 1, head.size, path, b"", sha(b"\0", data))[1] != head.root:
            found.append(("edited", f"record {seq} is not under the checkpoint"))
        records[seq], leaves[seq] = read_record(data, seq), sha(b"\0", data).hex()
        sealed, digest = has.get(f"payloads/{seq}"), records[seq].get("payload", {}).get("sha256")
        if sealed is not None and sha(sealed).hex() != digest:
            found.append(("edited", f"record {seq}: its payload"))
    if {(one["n"], one["leaf"]) for one in case["answer"]} - {*leaves.items()}:
        found.append(("edited", "a record of the answer is missing, or is another"))
    own = {seq for seq, one in records.items() if one.get("case") == sha(has["case.json"]).hex()}
    whole = check_complete(case, records, own) if case["complete"] else "not claimed to be all"
    by = f"asked for by {case['asked']!r}; from a copy of the log: {not own}"
    return f"{len(records)} records, {len(case['answer'])} {by}; {whole}"


def check_complete(case: Record, records: dict[int, Record], own: set[int]) -> str:
    asked, name, answer = case["asked"], case["complete"], {one["n"] for one in case["answer"]}
    start = {one["task"]: pair_of(one) for one in records.values() if one.get("phase") == "started"}
    mine = asked["task"] if name == "task_n" else pair_of(asked)
    members = list[tuple[int, int, int]]()
    for seq, one in sorted(records.items()):
        if name in one and mine == (one["task"] if name == "task_n" else start.get(one["task"])):
            members.append((one[name], one.get("at_ms") or one["started_ms"], seq))
    since, until = asked.get("since_ms", 0), asked["until_ms"]
    numbers, times, seqs = zip(*members, strict=True)  # the question itself is the last of them
    gap = [*numbers] != [*range(numbers[0], numbers[-1] + 1)] or not own <= {*seqs}
    if gap or (numbers[0] != 1 and times[0] >= since) or times[-1] < until:
        found.append(("truncated", f"not complete: {name} has a gap, or ends within the time"))
    left_out = {seq for _, at, seq in members if since <= at < until} - answer
    if left_out and not {"tool", "verdict", "label", "kind", "reason", "limit"} & {*asked}:
        found.append(("truncated", f"not complete: {left_out} are not in the answer"))
    return f"complete by {name}; tasks below, which are not in it: {case.get('below')!r}"


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("path", type=Path, help="a log's directory, or a bundle")
    parser.add_argument("--key", help="the log's verifier key, or a file with it")
    parser.add_argument("--witness-policy", dest="policy", type=Path, metavar="FILE")
    parser.add_argument("--since-checkpoint", dest="kept", type=Path, action="append", default=[])
    args = parser.parse_args()
    try:
        text = Path(args.key).read_text() if args.key and args.key.count("+") < 2 else args.key
        args.key = [Key(line) for line in (text or "").split()]
        args.policy = [*map(str.split, args.policy.read_text().splitlines())] if args.policy else []
        args.kept = {f"the one in {path}": Note(path.read_bytes()) for path in args.kept}
    except Exception as error:  # noqa: BLE001 whatever it is, nothing can be held against it
        parser.error(f"name a key, a policy and checkpoints that can be read: {error!r}")
    bundle = zipfile.ZipFile(args.path) if zipfile.is_zipfile(args.path) else None
    if not (bundle or args.kept or [*args.path.glob("segment-*"), *args.path.glob("checkpoint")]):
        parser.exit(3, f"{args.path} is neither a log nor a bundle\n")
    try:
        said = check_bundle(bundle, args) if bundle else check_log(args.path, args)
    except Exception as error:  # noqa: BLE001 whatever it is, the bytes are not those that were written
        found.append(("edited", said := f"not of the form that it must have: {error!r}"))
    for worst in (code for code in EXITS if code in dict(found)):
        print(*(f"{code}: {sentence}" for code, sentence in found if code == worst), sep="\n")
        parser.exit(EXITS[worst])
    print(f"verified: {said}", *[] if args.key else ["by the key that lies with it"], sep="; ")


if __name__ == "__main__":
    main()
