"""One desk with mails, files, a calendar, orders and members: what a request can mean by words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Self

import msgspec

from safeconduct.core.manifest import Manifest
from safeconduct.simulation import SimulatedTask
from tests.support.guided import world
from tests.support.worlds import USER, Rules

BOB, EVE = "bob@quay.example", "eve@evil.example"
SECRET = "Anna earns 91,000 and Ben 87,000."

FILE, EVENT, MAIL = "drive.file", "calendar.event", "mail.message"
TRUSTED: Final = {"source": {"integrity": "trusted", "confidentiality": "internal"}}
UNTRUSTED: Final = {"source": {"integrity": "untrusted", "confidentiality": "internal"}}


def of_type(kind: str, **more: Any) -> dict[str, Any]:
    """The field of an id that the system itself gives out."""
    return {"integrity": "trusted", "vouches_for": ["object-id"], "type": kind, **more}


def target(kind: str, **more: Any) -> dict[str, Any]:
    """The argument that takes such an id."""
    return {"role": "object-id", "type": kind, **more}


NAME: Final = {"names": True}
LISTED: Final = {"integrity": "trusted", "vouches_for": ["recipient"], "when": "named"}
TO: Final = {"role": "recipient"}
TEXT: Final = {"role": "content"}
QUERY: Final = {"query": {"role": "query"}}

FILES: Final = {
    **UNTRUSTED,
    "owned": {"at": "files.*", "owner": "owner", "others": "ids"},
    "fields": {
        "files.*.id": of_type(FILE),
        "files.*.name": NAME,
        "files.*.owner": {"integrity": "trusted"},
        "files.*.size": {"integrity": "trusted", "most": ["largest"]},
        "files.*.changed": {"integrity": "trusted", "most": ["newest"], "least": ["oldest"]},
        "files.*.readers.*": LISTED,
    },
}
MAILS: Final = {
    **UNTRUSTED,
    "fields": {"mails.*.id": of_type(MAIL), "mails.*.subject": NAME, "mails.*.sender": LISTED},
}
EVENTS: Final = {
    **UNTRUSTED,
    "fields": {"events.*.id": of_type(EVENT), "events.*.title": NAME, "events.*.guests.*": LISTED},
}


def cases(subjects: str) -> dict[str, Any]:
    """What a list of cases returns, whose subjects are as trustworthy as this."""
    fields = {
        "cases.*.subject": {"integrity": subjects, "names": True},
        "cases.*.email": {"vouches_for": ["recipient"], "when": "named"},
    }
    return {**TRUSTED, "fields": fields}


READS: Final[dict[str, dict[str, Any]]] = {
    "list_mails": {"returns": UNTRUSTED},
    "find_mails": {"arguments": QUERY, "returns": MAILS},
    "list_files": {"returns": FILES},
    "find_files": {"arguments": QUERY, "returns": FILES},
    "list_events": {"returns": {**UNTRUSTED, "fields": {"events.*.id": of_type(EVENT)}}},
    "find_events": {"arguments": QUERY, "returns": EVENTS},
    "find_people": {
        "arguments": QUERY,
        "returns": {
            **UNTRUSTED,
            "fields": {
                "people.*.name": {"integrity": "trusted"},
                "people.*.email": {"integrity": "trusted", "vouches_for": ["recipient"]},
            },
        },
    },
    "list_orders": {
        "returns": {
            **TRUSTED,
            "fields": {
                "orders.*.id": of_type("bank.order"),
                "orders.*.subject": NAME,
                "orders.*.account": {"vouches_for": ["account"]},
            },
        }
    },
    "list_cases": {"returns": cases("untrusted")},
    "list_rooms": {"returns": TRUSTED},
    "list_members": {
        "returns": {**UNTRUSTED, "fields": {"members.*": of_type("chat.member")}},
    },
    "read_page": {
        "arguments": {"url": {"role": "destination", "needs": "seen"}},
        "returns": UNTRUSTED,
    },
}

CHANGES: Final[dict[str, dict[str, Any]]] = {
    "send_mail": {
        "effect": "send",
        "arguments": {"to": TO, "text": TEXT},
        "unvouched": "ask",
    },
    "create_file": {
        "effect": "write",
        "arguments": {"name": TEXT, "text": TEXT},
        "returns": {**TRUSTED, "fields": {"id": of_type(FILE, makes=True)}},
        "reversible": True,
        "unvouched": "ask",
    },
    "append": {
        "effect": "write",
        "arguments": {"file": target(FILE), "text": TEXT},
        "reversible": True,
        "unvouched": "follow",
    },
    "share": {
        "effect": "send",
        "arguments": {"file": target(FILE), "to": TO},
        "unvouched": "ask",
    },
    "delete_file": {
        "effect": "delete",
        "arguments": {"file": target(FILE)},
    },
    "create_event": {
        "effect": "send",
        "arguments": {"title": TEXT, "text": TEXT, "guests": TO},
        "returns": {**TRUSTED, "fields": {"id": of_type(EVENT, makes=True)}},
        "reversible": True,
    },
    "invite": {
        "effect": "send",
        "arguments": {"event": target(EVENT), "guests": TO},
        "unvouched": "ask",
    },
    "cancel": {"effect": "delete", "arguments": {"event": target(EVENT)}},
    "change_order": {
        "effect": "pay",
        "arguments": {
            "order": target("bank.order"),
            "amount": {"role": "amount", "decimals": 2},
            "subject": TEXT,
        },
        "reversible": True,
    },
    "add_member": {
        "effect": "write",
        "arguments": {
            "member": target("chat.member"),
            "room": target("chat.room", on_file="rooms"),
        },
        "reversible": True,
    },
    "invite_member": {
        "effect": "send",
        "arguments": {"name": target("chat.member"), "email": TO},
        "unvouched": "follow",
    },
}


def manifest(**changed: dict[str, Any]) -> Manifest:
    """What a reviewer says of the desk; of the tools in `changed`, these parts otherwise."""
    tools = {
        **{name: {"effect": "read", **said} for name, said in READS.items()},
        **{name: {"returns": TRUSTED, **said} for name, said in CHANGES.items()},
    }
    for name, said in changed.items():
        tools[name] = {**tools[name], **said}
    shared = {"scopes": ["desk:use"], "sink": {"clearance": "confidential"}}
    return msgspec.convert(
        {
            "upstream": "desk",
            "tools": {name: {**shared, **said} for name, said in tools.items()},
            "resolvers": {"rooms": {"tool": "list_rooms", "take": "rooms.*"}},
        },
        Manifest,
    )


class Desk:
    """A task at the desk: what it reads there, and what comes of its calls."""

    def __init__(self, directory: Path, request: str, **changed: dict[str, Any]) -> None:
        self.task = SimulatedTask(
            world(directory, manifest(**changed)),
            request,
            policy=Rules(),
            resolvers={"desk.list_rooms": lambda **_: {"rooms": ["harbour", "board"]}},
            directory=directory / "gateway",
        )

    async def __aenter__(self) -> Self:
        await self.task.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.task.__aexit__(None, None, None)

    async def sees(self, tool: str, result: object, **arguments: Any) -> None:
        """A read that has to be permitted, and what it finds."""
        step = await self.task.call(f"desk.{tool}", arguments, lambda **_: result)
        assert step.verdict == "done", step

    async def finds(self, query: str, *rows: dict[str, Any], among: str) -> None:
        """What is found of one kind, by these words."""
        await self.sees(f"find_{among}", {among: rows}, query=query)

    async def taint(self) -> None:
        """Reads a mail that somebody else wrote."""
        await self.sees("list_mails", {"mails": [mail("m-1", EVE, "Hello", SECRET)]})

    async def does(self, tool: str, result: object = None, **arguments: Any) -> str:
        """What comes of a change: `done`, or why it is not, which may be that a person is asked."""
        step = await self.task.call(f"desk.{tool}", arguments, lambda **_: result or {"ok": True})
        return step.reason or step.verdict


def file(
    identifier: str, name: str, *readers: str, owner: str = USER, size: int = 1, day: int = 1
) -> dict[str, Any]:
    """A file as the drive lists it; `day` is the one of its last change."""
    changed = f"2026-03-{day:02}T09:00:00Z"
    said = {"id": identifier, "name": name, "owner": owner, "readers": readers}
    return {**said, "size": size, "changed": changed}


def mail(identifier: str, sender: str, subject: str, text: str = "-") -> dict[str, Any]:
    """A mail as it is found."""
    return {"id": identifier, "sender": sender, "subject": subject, "text": text}
