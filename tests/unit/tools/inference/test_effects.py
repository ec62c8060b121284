"""What inference says that a call does: for tools that are known, and for tools that mislead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.manifest import Effect
from safeconduct.tools.inference.definition import definition
from safeconduct.tools.inference.effects import Guess, guess
from safeconduct.tools.inference.vocabulary import (
    LAST,
    NOUNS_TOO,
    READING,
    READING_NOUNS,
    STRICTNESS,
    SURE,
)

LABELLED = Path(__file__).parents[3] / "data" / "tools" / "effects.txt"
RIGHT_PERCENT = 95
LAXER_PERCENT = 1


def guessed(name: str, description: str = "", **more: Any) -> Guess:
    return guess(definition({"name": name, "description": description, **more}))


def labelled() -> list[tuple[str, Effect, Effect]]:
    """Tool, what it does, and what inference says."""
    found: list[tuple[str, Effect, Effect]] = []
    for line in LABELLED.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        server, name, effect, *description = (part.strip() for part in line.split("|"))
        said = guessed(name, *description).effect
        found.append((f"{server}.{name}", Effect(effect), said))
    return found


def test_no_known_tool_that_changes_something_counts_as_a_read() -> None:
    rows = labelled()
    right = sum(does is said for _, does, said in rows)
    laxer = [name for name, does, said in rows if STRICTNESS[said] < STRICTNESS[does]]
    dangerous = [name for name, does, said in rows if does.changes_state and said is Effect.read]
    print(f"{right} of {len(rows)} right, {len(laxer)} laxer, {len(dangerous)} dangerous")
    assert len(rows) >= 600
    assert dangerous == []
    assert 100 * right >= RIGHT_PERCENT * len(rows)
    assert 100 * len(laxer) <= LAXER_PERCENT * len(rows), laxer


READS = (
    ("list_deleted_users", "List the users that were deleted."),
    ("get_updates", "Get updates of the feed."),
    ("get_sent_messages", "Returns messages that were sent to a room."),
    ("getHTTPResponse", "Gets the response that is stored."),
    ("search_posts", "Search posts, comments and replies."),
    ("get_order", "Get an order and its charge details."),
    ("issue_read", "Get information about an issue."),
    ("read_file", "Read a file. Use this tool to examine it before editing. Only works inside."),
    ("list_users", "List users. Set `limit` to 10 for short answers. To delete one, use another."),
    ("list_users", "List users, as https://example.com/delete says. A read-only tool."),
    ("get_item", "Get an item.\n\nArgs:\n    update: bool\n    delete: what to delete"),
    ("user_profile_info", "Show the profile of a user."),
    ("fetch_page", "Fetches a page and optionally extracts its contents."),
    ("find_rows", "Find rows and sort them."),
    ("check_order", "Checks an order."),
    ("get_file", "Obtains the file."),
    ("get_file", "This tool gets the file."),
    ("get_file", "All the files."),
    ("web_search", "Performs real-time web searches."),
    ("get_file", "Call this tool to fetch a file. It does NOT send or modify anything."),
    ("get_page", "Gets a page and converts it to markdown."),
)


@pytest.mark.parametrize(("name", "description"), READS)
def test_what_only_looks_is_a_read(name: str, description: str) -> None:
    said = guessed(name, description)
    assert said.effect is Effect.read, said


MISLEADING = (
    ("get_and_clear", "", Effect.delete),
    ("fetch_then_ack", "", Effect.write),
    ("read_and_zap", "", Effect.execute),
    ("readAndDelete", "", Effect.delete),
    ("search_n_replace", "", Effect.write),
    ("check_out_book", "", Effect.execute),
    ("order_status", "", Effect.pay),
    ("get_link", "Creates a public link and returns it.", Effect.send),
    ("get_token", "Issues a new token.", Effect.write),
    ("get_link", "Get a link by creating a share.", Effect.write),
    ("lookup_user", "Look up the user and notify them.", Effect.send),
    ("read_inbox", "Reads the inbox. Messages are marked as read.", Effect.write),
    ("read_inbox", "Reads the inbox. Also marks messages as read.", Effect.write),
    ("get_note", "Get the note, deleting it afterwards.", Effect.delete),
    ("get_note", "Get a note and permanently delete it.", Effect.delete),
    ("get_note", "Get a note and reply to its author.", Effect.send),
    ("get_note", "Get a note. It does not ask and deletes it.", Effect.delete),
    ("get_note", "Call this tool to email the note.", Effect.send),
    ("get_note", "Get & delete a note.", Effect.delete),
    ("get_note", "Get/update a note.", Effect.write),
    ("get_note", "Gets a note:\n- deletes it afterwards\n- says so", Effect.delete),
    ("get_note", "Gets a note and auto-deletes it.", Effect.delete),
    ("get_note", "Gets a note, and may delete it.", Effect.delete),
    ("get_note", "Gets a note. **Deletes** it.", Effect.delete),
    ("get_note", "Get a note and frobnicate it.", Effect.execute),
    ("get_note", "Get a note. This tool deletes it.", Effect.delete),
    ("get_note", "Get a note - a copy is e-mailed. The customer will be notified.", Effect.send),
    ("get_quote", "Get a quote. The card is charged.", Effect.pay),
    ("view_report", "A tool that sends the report.", Effect.send),
    ("fetch_next", "Consumes the next message.", Effect.delete),
    ("list_all", "Lists everything and e-mails nobody; then purges the trash.", Effect.delete),
    ("diff_apply", "", Effect.execute),
    ("list_archive", "", Effect.write),
    ("query_run", "", Effect.execute),
    ("search_index_rebuild", "Rebuilds the index.", Effect.execute),
    ("get_index", "Recompacts all of it.", Effect.execute),
    ("obtener_usuario", "Obtiene un usuario.", Effect.execute),
    ("zap_account", "Returns the account.", Effect.execute),
    ("", "", Effect.execute),
    ("42", "Get it.", Effect.execute),
    ("gеt_user", "Get a user.", Effect.execute),  # one letter is Cyrillic
)


@pytest.mark.parametrize(("name", "description", "effect"), MISLEADING)
def test_what_sounds_like_a_read_and_is_none(name: str, description: str, effect: Effect) -> None:
    assert guessed(name, description).effect is effect


def with_arguments(name: str, **properties: object) -> Effect:
    return guessed(name, inputSchema={"properties": properties}).effect


STRING, SWITCH = {"type": "string"}, {"type": "boolean"}

RAISING: tuple[tuple[str, dict[str, Any], Effect], ...] = (
    ("get_mail", {"mark_as_read": SWITCH}, Effect.write),
    ("get_mail", {"deleteAfter": SWITCH}, Effect.delete),
    ("get_mail", {"archive": SWITCH}, Effect.write),
    ("get_mail", {"purge_cache": SWITCH}, Effect.delete),
    ("get_report", {"email_to": STRING}, Effect.send),
    ("get_report", {"webhook_url": STRING}, Effect.send),
    ("get_report", {"recipients": {"type": "array", "items": STRING}}, Effect.send),
    ("fetch", {"url": STRING, "body": STRING}, Effect.send),
    ("fetch", {"url": STRING, "method": STRING}, Effect.send),
    ("query", {"sql": STRING}, Effect.execute),
    ("query_postgres", {"query": STRING}, Effect.execute),
    ("query_graphql", {"query": STRING}, Effect.execute),
    ("view_output", {"command": STRING}, Effect.execute),
    ("get_it", {"action": STRING}, Effect.execute),
    ("get_it", {"action": {"enum": ["get", "delete"]}}, Effect.delete),
    ("get_it", {"action": {"enum": ["get", "frobnicate"]}}, Effect.execute),
    ("get_it", {"mode": {"enum": ["fast", "overwrite"]}}, Effect.write),
    ("create_event", {"attendees": {"type": "array", "items": STRING}}, Effect.send),
    ("add_entry", {"amount": {"type": "number"}, "iban": STRING}, Effect.pay),
)


@pytest.mark.parametrize(("name", "properties", "effect"), RAISING)
def test_arguments_raise_an_effect(name: str, properties: dict[str, Any], effect: Effect) -> None:
    assert with_arguments(name, **properties) is effect


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("search_mail", {"recipient": STRING, "to": STRING}),
        ("get_mail", {"include_deleted": SWITCH, "follow_links": SWITCH}),
        ("get_mail", {"action": {"enum": ["get", "list"]}}),
        ("get_mail", {"type": {"enum": ["text", "post"]}}),
        ("get_rates", {"amount": {"type": "number"}, "currency": STRING}),
        ("fetch", {"url": STRING}),
    ],
)
def test_arguments_of_a_read_do_not(name: str, properties: dict[str, Any]) -> None:
    assert with_arguments(name, **properties) is Effect.read


@pytest.mark.parametrize("name", ["get_note", "create_note", "send_note", "delete_note", "zap"])
@pytest.mark.parametrize("hint", ["readOnlyHint", "idempotentHint"])
def test_a_hint_makes_nothing_laxer(name: str, hint: str) -> None:
    said = guessed(name, annotations={hint: True, "destructiveHint": False})
    assert said.effect is guessed(name).effect


def test_hints_make_it_stricter() -> None:
    assert guessed("get_note", annotations={"readOnlyHint": False}).effect is Effect.write
    assert guessed("get_note", annotations={"destructiveHint": True}).effect is Effect.delete
    assert guessed("edit_note", annotations={"destructiveHint": True}).effect is Effect.delete
    assert guessed("send_note", annotations={"destructiveHint": True}).effect is Effect.send


def test_a_scope_is_called_after_what_words_say_and_not_after_a_hint() -> None:
    assert guessed("edit_note", annotations={"destructiveHint": True}).action is Effect.write


def test_a_verb_has_one_meaning() -> None:
    assert not READING & (SURE.keys() | NOUNS_TOO.keys())
    assert READING_NOUNS <= READING
    assert NOUNS_TOO.keys() >= LAST
