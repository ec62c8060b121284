"""Opening an upstream from its configuration."""

import pytest

from safeconduct.upstreams import open_upstream
from safeconduct.upstreams.http import HttpUpstream
from safeconduct.upstreams.stdio import StdioUpstream


def test_a_url_or_a_command_opens_without_doing_anything_yet() -> None:
    over_http = open_upstream("crm", url="https://crm.example/mcp?x=1")
    as_child = open_upstream("mail", command=["/does/not/exist"], env={"A": "b"})
    assert isinstance(over_http, HttpUpstream)
    assert isinstance(as_child, StdioUpstream)
    assert (over_http.id, as_child.id) == ("crm", "mail")


def test_it_is_one_of_both() -> None:
    with pytest.raises(ValueError, match="either"):
        open_upstream("crm")
    with pytest.raises(ValueError, match="either"):
        open_upstream("crm", url="https://crm.example", command=["x"])
    with pytest.raises(ValueError, match="empty"):
        open_upstream("crm", command=[])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crm.example/mcp",
        "ftp://crm.example",
        "http:///mcp",
        "https://user:secret@crm.example/mcp",
        "https://crm.example/mcp#part",
    ],
)
def test_other_urls_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="url must") as caught:
        open_upstream("crm", url=url)
    assert "secret" not in str(caught.value)
