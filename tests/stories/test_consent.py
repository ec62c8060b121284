"""A user consents to an upstream once; their agents act in their name there until they end it."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.credentials import authorization_server, issued
from tests.support.installation import USER, Gateway, done, install, refusal, running
from tests.support.tools import Tools, consent
from tests.support.web import Answer, Asked, serving


def browse(url: str, cookie: str = "") -> tuple[int, dict[str, str], str]:
    """Opens a page, and follows nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET", target, headers={"Cookie": cookie} if cookie else {})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read().decode()
    finally:
        connection.close()


def agreed(gateway: Gateway, page: str) -> str:
    """A user reads the page, goes on, agrees at the other server, and comes back."""
    status, _, text = browse(page)
    assert status == 200
    assert USER in text
    assert "office" in text
    link = text.partition('href="')[2].partition('"')[0]
    status, headers, _ = browse(gateway.issuer + link)
    assert status == 303
    asked = parse_qs(urlsplit(headers["location"]).query)
    back = urlencode({"code": "c-1", "state": asked["state"][0]})
    cookie = headers["set-cookie"].partition(";")[0]
    status, _, text = browse(f"{asked['redirect_uri'][0]}?{back}", cookie)
    assert status == 200, text
    return text


@pytest.mark.timeout(120)
def test_a_consent_begins_and_ends_with_the_user(tmp_path: Path) -> None:
    def token(asked: Asked) -> Answer:
        last = {"refresh_token": "r-1"} if asked.form["grant_type"] == "authorization_code" else {}
        return issued(f"issued-{web.count('/token')}", **last)

    with serving() as web:
        authorization_server(web)
        web.pages["/token"] = token
        tools = Tools(web)
        oauth = {"issuer": web.url, "grant": "authorization-code", "lists_as": USER}
        config = install(tmp_path, tools, credential={"kind": "upstream-oauth", "oauth": oauth})
        with running(config) as gateway:
            agent = gateway.task()
            assert (
                agent.call("office__get_case", {"case_id": "C-1"}).json["error"]["code"] == -32602
            )
            page = str(consent(tmp_path)["url"])
            assert "may use office now" in agreed(gateway, page)
            assert browse(page)[0] == 400
            document = json.loads(browse(f"{gateway.issuer}/oauth/clients/office")[2])
            assert document["redirect_uris"] == [f"{gateway.issuer}/oauth/callback"]
            assert browse(document["jwks_uri"])[0] == 200
            assert browse(f"{gateway.issuer}/oauth/clients/another")[0] == 404
            assert done(agent.call("office__get_case", {"case_id": "C-1"}))
            assert consent(tmp_path, "--withdraw") == {"withdrawn": True}
            reply = gateway.task().call("office__get_case", {"case_id": "C-2"})
            assert refusal(reply) == "credential-unavailable"
            phases = [one["phase"] for one in gateway.records("consent")]
            assert phases == ["given", "withdrawn"]
            gateway.verified()
