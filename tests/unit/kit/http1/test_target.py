"""The bytes of a request, and the fields that never become part of one."""

import pytest

from safeconduct.kit.http1.target import Target, Unwritable

FIXED = {"accept": "application/json"}


def head(target: Target, headers: dict[str, str] | None = None) -> list[str]:
    text, _, body = target.post(headers or {}, b"{}").partition(b"\r\n\r\n")
    assert body == b"{}"
    return text.decode().split("\r\n")


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("http://a.example", "POST / HTTP/1.1", "host: a.example"),
        ("http://a.example:80/mcp", "POST /mcp HTTP/1.1", "host: a.example"),
        ("https://a.example:443/", "POST / HTTP/1.1", "host: a.example"),
        ("http://a.example:8080/a%20b?c=%2F", "POST /a%20b?c=%2F HTTP/1.1", "host: a.example:8080"),
        ("http://[::1]:9/ż ó", "POST /%C5%BC%20%C3%B3 HTTP/1.1", "host: [::1]:9"),
        ("http://żółw.example/", "POST / HTTP/1.1", "host: xn--w-uga1v8h.example"),
    ],
)
def test_the_url_becomes_a_request_line_and_a_host(url: str, line: str, host: str) -> None:
    assert head(Target(url, FIXED))[:2] == [line, host]


def test_a_request_is_framed_by_its_length_and_asks_for_no_coding() -> None:
    assert head(Target("http://a.example", FIXED), {"x-y": "z"})[2:] == [
        "user-agent: safeconduct",
        "accept-encoding: identity",
        "accept: application/json",
        "x-y: z",
        "content-length: 2",
    ]
    farewell = Target("http://a.example", FIXED).delete({"x-y": "z"})
    assert farewell.startswith(b"DELETE / HTTP/1.1\r\nhost: a.example\r\n")
    assert farewell.endswith(b"x-y: z\r\n\r\n")
    assert b"accept: " not in farewell
    listening = Target("http://a.example", FIXED).get({"x-y": "z"})
    assert listening.startswith(b"GET / HTTP/1.1\r\nhost: a.example\r\n")
    assert listening.endswith(b"accept: text/event-stream\r\nx-y: z\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("x", f"a{bad}b") for bad in ("\r", "\n", "\0", "\x7f", "\t", "é", "\u2028")),
        *((bad, "v") for bad in ("", " ", "a b", "a:", "a\r\nb", "a\n", "\0", "é")),
        *((name, "v") for name in ("Host", "content-length", "Transfer-Encoding", "connection")),
        ("Accept", "text/html"),
    ],
)
def test_a_field_that_could_change_the_message_is_not_written(name: str, value: str) -> None:
    target = Target("http://a.example", FIXED)
    with pytest.raises(Unwritable) as caught:
        target.post({name: value}, b"{}")
    assert value not in str(caught.value) or len(value) < 2


@pytest.mark.parametrize(
    "url",
    ["ftp://a.example", "http://", "http://a b/", "http://a.example:x/", "http://[fe80::1%25e]/"],
)
def test_a_url_without_a_plain_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Target(url, FIXED)


def test_no_byte_of_a_path_ends_the_request_line() -> None:
    assert head(Target("http://a.example/a\tb\x01 HTTP/1.0", FIXED))[0] == (
        "POST /ab%01%20HTTP/1.0 HTTP/1.1"
    )
