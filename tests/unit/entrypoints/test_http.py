import pytest

from safeconduct.entrypoints.http import (
    Doors,
    Problem,
    Request,
    Response,
    Route,
    Site,
    doors,
    head,
    require_type,
    whole,
)
from tests.support.front import BASE, Fields, ask, exchange, replaced, without

HERE = Doors(frozenset({b"gateway.example"}), frozenset({b"https://console.example"}))


async def echo(request: Request) -> Response:
    return Response(200, request.body)


ECHO = Site({"/x": {"POST": Route(echo, 10)}}, HERE)


async def ok(request: Request) -> Response:
    return Response(200, f"{request.path} {request.tail}".encode())


APP = Site({"/here": {"POST": Route(ok), "GET": Route(ok)}, "/under/": {"POST": Route(ok)}}, HERE)


async def test_a_path_is_served_as_it_stands_in_the_table() -> None:
    assert (await ask(APP, path="/here")).body == b"/here "


async def test_a_path_that_ends_in_a_slash_takes_one_more_segment() -> None:
    assert (await ask(APP, path="/under/one")).body == b"/under/one one"


@pytest.mark.parametrize(
    "path",
    ["/", "/Here", "/here/", "/under/", "/under", "/under/one/two", "/h%65re", "//here", "/here?"],
)
async def test_another_path_is_not_found(path: str) -> None:
    assert (await ask(APP, path=path)).status == 404


async def test_a_site_that_is_opening_says_so_until_it_is_open() -> None:
    site = Site({"/keys": {"POST": Route(ok)}}, HERE, opening=True)
    assert (await ask(site, path="/keys")).status == 200
    for path in ("/here", "/nowhere", "/here?a=b"):
        refused = await ask(site, path=path)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    site.open({"/here": {"POST": Route(ok)}})
    assert (await ask(site, path="/here")).status == 200
    assert (await ask(site, path="/keys")).status == 404


QUERIED = Site(
    {
        "/asks": {"GET": Route(ok, query=True)},
        "/some": {"GET": Route(ok, query=True), "POST": Route(ok)},
    },
    HERE,
)


async def test_a_query_is_taken_where_one_is_meant() -> None:
    got = await exchange(QUERIED, path="/asks?a=b", method="GET").run()
    assert (got.status, got.body) == (200, b"/asks?a=b ")
    assert (await exchange(QUERIED, path="/asks", method="GET").run()).status == 200


@pytest.mark.parametrize("path", ["/some?a=b", "/asks?", "/asks/?a", "/other?a", "/here?a"])
async def test_a_query_anywhere_else_is_another_path(path: str) -> None:
    assert (await exchange(QUERIED, path=path, method="GET").run()).status == 404


async def test_another_method_is_told_which_are_allowed() -> None:
    reply = await exchange(APP, path="/here", method="DELETE").run()
    assert (reply.status, reply.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("host", ["evil.example", "gateway.example:81", "", "gateway.example."])
async def test_another_host_is_not_served_here(host: str) -> None:
    assert (await ask(APP, fields=replaced(BASE, "host", host), path="/here")).status == 421


async def test_a_request_without_a_host_is_not_served() -> None:
    assert (await ask(APP, fields=without(BASE, "host"), path="/here")).status == 421


async def test_the_host_is_compared_without_regard_to_case() -> None:
    fields = replaced(BASE, "host", "Gateway.Example")
    assert (await ask(APP, fields=fields, path="/here")).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://console.example", "https://gateway.example"]
)
async def test_a_web_page_that_is_not_on_the_list_is_refused(origin: str) -> None:
    fields: Fields = [*BASE, ("origin", origin)]
    assert (await ask(APP, fields=fields, path="/here")).status == 403


async def test_a_web_page_on_the_list_is_served() -> None:
    fields: Fields = [*BASE, ("origin", "https://console.example")]
    assert (await ask(APP, fields=fields, path="/here")).status == 200


@pytest.mark.parametrize("name", ["host", "authorization", "content-type"])
async def test_a_header_that_decides_may_stand_once(name: str) -> None:
    value = dict(BASE)[name]
    assert (await ask(APP, fields=[*BASE, (name, value)], path="/here")).status == 400


async def test_a_header_that_decides_nothing_may_stand_twice() -> None:
    fields: Fields = [*BASE, ("x-anything", "1"), ("x-anything", "2")]
    assert (await ask(APP, fields=fields, path="/here")).status == 200


async def test_a_fault_is_told_as_a_number_that_the_log_explains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_: Request) -> Response:
        raise RuntimeError("the secret of the house")

    reply = await ask(Site({"/x": {"POST": Route(broken)}}, HERE), path="/x")
    number = str(reply.json["detail"]).removeprefix("Internal error ")
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert number in caplog.text
    assert "the secret of the house" in caplog.text


async def test_a_problem_is_told_as_rfc_9457_has_it() -> None:
    async def refusing(_: Request) -> Response:
        raise Problem(401, "Why.", reason="token-invalid", headers=((b"a", b"b"),))

    reply = await ask(Site({"/x": {"POST": Route(refusing)}}, HERE), path="/x")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["a"] == "b"
    assert reply.json == {
        "type": "urn:safeconduct:reason:token-invalid",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Why.",
    }


async def test_a_body_may_come_in_pieces() -> None:
    assert (await ask(ECHO, [b"12345", b"6", b"7890"], path="/x")).body == b"1234567890"


@pytest.mark.parametrize("body", [b"12345678901", [b"123456", b"78901"], [b"1", b"0" * 99, b"1"]])
async def test_a_body_has_a_limit(body: bytes | list[bytes]) -> None:
    assert (await ask(ECHO, body, path="/x")).status == 413


@pytest.mark.parametrize("length", ["11", "999999999999999999"])
async def test_a_body_over_the_limit_is_refused_before_it_is_read(length: str) -> None:
    fields: Fields = [*BASE, ("content-length", length)]
    assert (await ask(ECHO, fields=fields, path="/x")).status == 413


async def test_what_takes_no_body_is_sent_none() -> None:
    assert (await ask(APP, b"1", path="/here")).status == 413


async def test_an_encoded_body_is_refused() -> None:
    reply = await ask(ECHO, b"1", [*BASE, ("content-encoding", "gzip")], path="/x")
    assert reply.status == 415


async def test_a_head_is_checked_before_its_body_is_read() -> None:
    def check(request: Request) -> None:
        raise Problem(409, request.path)

    site = Site({"/x": {"POST": Route(echo, 10, check)}}, HERE)
    fields: Fields = [*BASE, ("content-length", "10")]
    assert (await ask(site, fields=fields, path="/x")).status == 409


async def test_the_answer_to_a_head_request_has_no_body() -> None:
    sent = await exchange(APP, path="/here", method="HEAD").bytes()
    assert sent.startswith(b"HTTP/1.1 405 ")
    assert sent.endswith(b"\r\n\r\n")
    assert b"content-length: 0" not in sent


def test_a_response_is_its_head_its_length_and_its_body() -> None:
    response = Response(200, b"hi", ((b"a", b"b"),))
    assert whole(response, close=True) == (
        b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
    )


@pytest.mark.parametrize("field", [(b"a", b"b\r\nc: d"), (b"a\r\nb", b"c"), (b"a", b"\0")])
async def test_a_field_is_one_field(
    field: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="control character"):
        head(200, (field,))

    async def broken(_: Request) -> Response:
        return Response(200, b"", (field,))

    reply = await ask(Site({"/x": {"POST": Route(broken)}}, HERE), path="/x")
    assert (reply.status, "control character" in caplog.text) == (500, True)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("application/json", 200),
        ("Application/JSON", 200),
        ("application/json; charset=utf-8", 200),
        ('application/json;charset="UTF-8"', 200),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=utf-8; charset=utf-16", 415),
        ("application/jsonp", 415),
        ("text/plain", 415),
        ("text/plain, application/json", 415),
        ("", 415),
    ],
)
async def test_a_media_type_means_itself_in_utf_8(given: str, status: int) -> None:
    async def handler(request: Request) -> Response:
        require_type(request, b"application/json")
        return Response(200)

    app = Site({"/x": {"POST": Route(handler)}}, HERE)
    fields = replaced(BASE, "content-type", given)
    assert (await ask(app, fields=fields, path="/x")).status == status


@pytest.mark.parametrize(
    ("issuer", "hosts"),
    [
        ("http://gw.example:8700", {b"gw.example:8700", b"127.0.0.1:1"}),
        ("https://GW.example", {b"gw.example", b"gw.example:443", b"127.0.0.1:1"}),
        ("http://gw.example:80", {b"gw.example", b"gw.example:80", b"127.0.0.1:1"}),
        ("https://[::1]:443", {b"[::1]", b"[::1]:443", b"127.0.0.1:1"}),
        ("https://gw.example:80", {b"gw.example:80", b"127.0.0.1:1"}),
    ],
)
def test_a_gateway_answers_to_its_issuer_and_where_it_listens(
    issuer: str, hosts: set[bytes]
) -> None:
    assert doors(issuer, "127.0.0.1:1").hosts == hosts


def test_a_gateway_takes_requests_of_its_own_pages() -> None:
    entry = doors("https://gw.example", "127.0.0.1:1", ("https://console.example",))
    assert entry.origins == {b"https://gw.example", b"https://console.example"}
