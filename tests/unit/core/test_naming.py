"""Names on the aggregated wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.naming import joined, split, unwrapped, with_wrapped_uris, wrapped

UPSTREAMS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


@given(UPSTREAMS, st.text())
def test_a_name_has_one_reading(upstream: str, name: str) -> None:
    assert split(joined(upstream, name)) == (upstream, name)


@given(UPSTREAMS, st.text())
def test_a_uri_has_one_reading(upstream: str, uri: str) -> None:
    assert unwrapped(wrapped(upstream, uri)) == (upstream, uri)


@pytest.mark.parametrize("name", ["", "get_case", "crm.get_case", "crm/_get"])
def test_a_bare_name_is_nobodys(name: str) -> None:
    assert split(name) is None


@pytest.mark.parametrize(
    "uri", ["", "file:///a", "safeconduct://crm", "Safeconduct://crm/x", "safeconduct:crm/x"]
)
def test_a_bare_uri_is_nobodys(uri: str) -> None:
    assert unwrapped(uri) is None


def test_every_uri_of_a_result_is_wrapped() -> None:
    text = {"type": "text", "text": "see file:///a"}
    link = {"type": "resource_link", "uri": "file:///a", "name": "a"}
    embedded = {"type": "resource", "resource": {"uri": "file:///a", "text": "x"}}
    there = "safeconduct://crm/file:///a"
    assert with_wrapped_uris("crm", {"content": [text, link, embedded], "isError": False}) == {
        "content": [
            text,
            {**link, "uri": there},
            {"type": "resource", "resource": {"uri": there, "text": "x"}},
        ],
        "isError": False,
    }
    assert with_wrapped_uris("crm", {"contents": [{"uri": "file:///a"}]}) == {
        "contents": [{"uri": there}]
    }
    assert with_wrapped_uris("crm", {"messages": [{"role": "user", "content": link}]}) == {
        "messages": [{"role": "user", "content": {**link, "uri": there}}]
    }
    assert with_wrapped_uris("crm", {"completion": {"values": []}}) == {
        "completion": {"values": []}
    }
