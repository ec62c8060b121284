import pytest

from safeconduct.core.calls import COMPLETE, HANDSHAKE, MODERN, REVISIONS, TABLE, kind_of

NAMED = {"tools/call", "resources/read", "prompts/get"}
PAGE = NAMED | {COMPLETE}


def test_exactly_these_methods_take_the_page() -> None:
    assert {method for (_, method), kind in TABLE.items() if kind.page} == PAGE


@pytest.mark.parametrize("method", sorted(NAMED))
def test_what_takes_the_page_names_its_subject_and_is_source_and_sink(method: str) -> None:
    kind = kind_of("from-client", method)
    assert kind is not None
    assert kind.source
    assert kind.sink
    assert not kind.notification
    assert kind.names is not None
    assert kind.subject == method.split("/", maxsplit=1)[0].removesuffix("s")


def test_a_completion_is_source_and_sink_like_what_it_refers_to() -> None:
    kind = kind_of("from-client", COMPLETE)
    assert kind is not None
    assert (kind.source, kind.sink, kind.names, kind.notification) == (True, True, None, False)


def test_a_list_is_answered_here_under_the_name_that_the_protocol_gives_it() -> None:
    lists = {method: row for (_, method), row in TABLE.items() if row.lists is not None}
    assert {method: row.lists for method, row in lists.items()} == {
        "tools/list": "tools",
        "resources/list": "resources",
        "resources/templates/list": "resourceTemplates",
        "prompts/list": "prompts",
    }
    assert all(row.source and row.cacheable and not row.page for row in lists.values())
    assert len({row.subject for row in lists.values()}) == len(lists)


@pytest.mark.parametrize(
    "method",
    [
        "sampling/createMessage",
        "completion/Complete",
        "logging/setlevel",
        "TOOLS/CALL",
        "tools/call ",
        "",
    ],
)
def test_a_method_outside_the_table_is_refused(method: str) -> None:
    assert kind_of("from-client", method) is None


def test_a_direction_does_not_lend_its_methods_to_the_other() -> None:
    assert kind_of("from-upstream", "tools/call") is None
    assert kind_of("from-client", "notifications/progress") is None


def test_what_an_upstream_says_is_a_source_and_what_it_asks_for_a_sink() -> None:
    sent = {method: kind for (way, method), kind in TABLE.items() if way == "from-upstream"}
    assert {method for method, kind in sent.items() if kind.source} == {
        "notifications/progress",
        "notifications/message",
        "elicitation/create",
        "sampling/createMessage",
    }
    assert {method for method, kind in sent.items() if kind.sink} == {
        "elicitation/create",
        "sampling/createMessage",
        "roots/list",
    }
    assert not any(kind.page for kind in sent.values())


def test_each_revision_has_its_own_greeting_and_way_to_subscribe() -> None:
    greetings = {
        method: kind.revisions
        for (way, method), kind in TABLE.items()
        if way == "from-client" and kind.revisions != REVISIONS
    }
    assert greetings == {
        "initialize": (HANDSHAKE,),
        "notifications/initialized": (HANDSHAKE,),
        "notifications/roots/list_changed": (HANDSHAKE,),
        "ping": (HANDSHAKE,),
        "logging/setLevel": (HANDSHAKE,),
        "server/discover": (MODERN,),
        "resources/subscribe": (HANDSHAKE,),
        "resources/unsubscribe": (HANDSHAKE,),
        "subscriptions/listen": (MODERN,),
    }
