"""A question in words: what the templates show of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from safeconduct.approvals.questions import Question
from safeconduct.core.approvers import USER, Party
from safeconduct.core.canonical import canonical
from safeconduct.ports import JSON

SAID: Final = {
    "user": "signed by that user's own device",
    "app": "said by the application that the user asked",
    "agent": "claimed by the agent itself; nobody vouches for it",
}

EFFECTS: Final = {
    "read": "reads",
    "write": "changes something",
    "send": "sends something out",
    "delete": "deletes something",
    "execute": "carries something out",
}

_ASKS: Final = {
    "scope": "the scope {} needs a yes each time",
    "policy": "the rule {} of the policy asks",
    "threshold": "it is above a threshold: {}",
    "flow": "nothing vouches for a value that steers it ({})",
    "sink": "of where it would go: {}",
    "review": "a second model did not find it in keeping with what was asked for",
}

CHOICES: Final = {
    "granted": "approved once",
    "narrowed": "approved less",
    "elevated": "allowed more",
    "denied": "denied",
}


class Argument(msgspec.Struct, frozen=True):
    """One argument: its exact JSON, and where its value stood."""

    name: str
    text: str
    places: tuple[str, ...]


class Change(msgspec.Struct, frozen=True):
    """What stands there now, and what would."""

    name: str
    before: str
    after: str
    by: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown of one question besides its own text."""

    shown: JSON
    title: str
    effect: str
    said: str
    why: tuple[str, ...]
    arguments: tuple[Argument, ...]
    besides: tuple[Argument, ...]
    changes: tuple[Change, ...]
    labels: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    agreed: tuple[tuple[str, str], ...]
    left_ms: int
    until: str


def view(question: Question, now_ms: int) -> View:
    """The question as it stands now."""
    shown = question.shown
    arguments: JSON = json.loads(shown["arguments"])
    origins: Mapping[str, Sequence[str]] = shown["origins"]
    return View(
        shown=shown,
        title=title(question),
        effect=EFFECTS.get(shown["effect"]) or str(shown["effect"]),
        said=SAID.get(shown["purpose_source"]) or str(shown["purpose_source"]),
        why=tuple(asks(source) for source in shown["requires"]),
        arguments=tuple(
            Argument(name, _text(value), tuple(origins.get(name, ())))
            for name, value in arguments.items()
        ),
        besides=tuple(
            Argument(name, "", tuple(places))
            for name, places in origins.items()
            if name not in arguments
        ),
        changes=tuple(_change(name, one) for name, one in shown["changes"].items()),
        labels=tuple(label_words(shown["labels"])),
        missing=tuple(party(one) for one in question.missing()),
        agreed=tuple((by, _who(who)) for by, who in question.agreed),
        left_ms=max(0, question.expires_ms - now_ms),
        until=moment(question.expires_ms),
    )


def title(question: Question) -> str:
    """What the question is about, in the words of its templates; else in its tool's name."""
    return str(question.shown["title"]) or f"Run {question.shown['tool']}"


def party(one: Party) -> str:
    """Who has still to say yes."""
    if one.who == USER:
        whom = "the user whom this is done for"
    elif one.count == 1:
        whom = f"one of {one.who}"
    else:
        whom = f"{one.count} persons of {one.who}"
    return whom + (", with a device-bound passkey" if one.keys == "device-bound" else "")


def moment(at_ms: int) -> str:
    """Date and time in UTC, to the second."""
    return f"{stamp(at_ms)} UTC"


def stamp(at_ms: int) -> str:
    """As `moment`, where all around it is UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def left(ms: int) -> str:
    """How much time is left, in words."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def asks(source: str) -> str:
    """Why a person is asked."""
    kind, _, rest = source.partition(":")
    return _ASKS.get(kind, source).format(rest) if kind in _ASKS else source


def _text(value: object) -> str:
    return canonical(value).decode()


def _change(name: str, one: Mapping[str, Any]) -> Change:
    bps: int | None = one.get("change_bps")
    by = "" if bps is None else f"{bps / 100:+.2f} %"
    return Change(name, _text(one["before"]), _text(one["after"]), by)


def label_words(labels: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The members of a label by their names, those that say something."""
    told = [("integrity", str(labels["integrity"])), ("secrecy", str(labels["confidentiality"]))]
    more = ("categories", "readers", "tenants", "regions")
    return told + [(name, ", ".join(map(str, labels[name]))) for name in more if labels.get(name)]


def _who(who: str) -> str:
    return "for themselves" if who == USER else f"for {who}"
