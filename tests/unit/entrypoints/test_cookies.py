from __future__ import annotations

from typing import cast

import pytest

from safeconduct.entrypoints.cookies import Cookies
from safeconduct.entrypoints.http import Request, Wire

PLAIN = Cookies("c", secure=False, lifetime_s=9)


def request(*cookies: bytes) -> Request:
    fields = [(b"cookie", cookie) for cookie in cookies]
    return Request("GET", "/", fields, cast("Wire", None))


def test_are_for_the_server_alone_and_for_a_while() -> None:
    assert PLAIN.keep("v") == (
        b"set-cookie",
        b"c=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=9",
    )
    assert Cookies("c", secure=True).keep("v", "tab") == (
        b"set-cookie",
        b"__Host-c-tab=v; Path=/; HttpOnly; SameSite=Lax; Secure",
    )
    assert PLAIN.drop("tab")[1] == b"c-tab=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ([b"c-tab=v"], "v"),
        ([b'odd="{}, \xff"; c=x;c-tab=v; c-tab2=y'], "v"),
        ([b"a=b", b"c-tab=v"], "v"),
        ([b"c-tab=v; c-tab=w"], ""),
        ([b"c=v"], ""),
        ([b"C-TAB=v"], ""),
        ([b""], ""),
        ([], ""),
    ],
)
def test_are_found_among_others_if_there_is_one(sent: list[bytes], found: str) -> None:
    assert PLAIN.brought(request(*sent), "tab") == found
