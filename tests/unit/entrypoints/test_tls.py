from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from safeconduct.entrypoints.tls import Tls, pair
from safeconduct.kit.certificate import Certificate, UnusableCertificate
from tests.support.certificates import HOUR, Authority, Held, anonymous
from tests.support.front import listening
from tests.support.sockets import WHOLE, Served, Socket, dialled

ID = "spiffe://crm.example/agents/copilot"

CORPORATE = Authority("corporate.example")  # signs for gateways
HOME, OTHER = Authority("crm.example"), Authority("other.example")


class Gateway:
    """A gateway that serves over TLS, and what is about it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.shown = CORPORATE.server()
        self.files = self.shown.write(directory, "gateway")
        self.authorities = frozenset({HOME.der})
        self.served = Served()
        self.tls = Tls(pair(*self.files), lambda: self.authorities)

    @asynccontextmanager
    async def open(self, client: ssl.SSLContext) -> AsyncGenerator[Socket]:
        """A connection to it."""
        async with (
            listening(self.served.site, tls=self.tls.entry) as port,
            dialled(port, client) as link,
        ):
            yield link

    async def ask(self, client: ssl.SSLContext) -> Certificate | None:
        """The certificate with which a request arrives."""
        async with self.open(client) as link:
            link.send(WHOLE)
            assert (await link.response())[::2] == (200, b"hi")
        return self.served.requests[-1].certificate

    async def shows(self) -> bytes | None:
        """The certificate that it shows."""
        async with self.open(anonymous(CORPORATE)) as link:
            tls: ssl.SSLObject = link.writer.get_extra_info("ssl_object")
            return tls.getpeercert(binary_form=True)

    def client(self, held: Held) -> ssl.SSLContext:
        return held.client(self.directory, CORPORATE)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


async def refused(gateway: Gateway, client: ssl.SSLContext) -> None:
    """The handshake fails, before anything is served."""
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await gateway.ask(client)
    assert gateway.served.requests == []


# --- certificates of clients ----------------------------------------------------------------------


async def test_who_shows_no_certificate_is_served(gateway: Gateway) -> None:
    assert await gateway.ask(anonymous(CORPORATE)) is None


async def test_a_certificate_reaches_who_answers(gateway: Gateway) -> None:
    held = HOME.svid(ID)
    assert await gateway.ask(gateway.client(held)) == held.shown


async def test_those_between_a_certificate_and_its_authority_come_with_it(
    gateway: Gateway,
) -> None:
    held = Authority("crm.example", by=HOME).svid(ID)
    assert len(held.shown.chain) == 2
    assert await gateway.ask(gateway.client(held)) == held.shown


async def test_an_authority_need_not_have_signed_itself(gateway: Gateway) -> None:
    below = Authority("crm.example", by=HOME)
    gateway.authorities = frozenset({below.der})
    held = below.svid(ID)
    assert await gateway.ask(gateway.client(held)) == held.shown


@pytest.mark.parametrize(
    "held",
    [
        OTHER.svid(ID),
        Authority("crm.example", name=HOME.x509.subject).svid(ID),
        HOME.svid(ID, begins=-2 * HOUR, ends=-HOUR),
        HOME.svid(ID, begins=HOUR, ends=2 * HOUR),
    ],
    ids=["unknown authority", "self-signed in its name", "expired", "not yet valid"],
)
async def test_a_certificate_that_leads_nowhere_ends_the_handshake(
    gateway: Gateway, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "safeconduct")
    await refused(gateway, gateway.client(held))
    assert "refused a client certificate" in caplog.text


async def test_without_authorities_every_certificate_is_refused(gateway: Gateway) -> None:
    gateway.authorities = frozenset()
    await refused(gateway, gateway.client(HOME.svid(ID)))
    assert await gateway.ask(anonymous(CORPORATE)) is None


async def test_an_authority_that_cannot_be_used_takes_none_of_the_others_away(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.authorities = frozenset({b"junk", HOME.der})
    held = HOME.svid(ID)
    assert await gateway.ask(gateway.client(held)) == held.shown
    assert "an X.509 authority of clients cannot be used" in caplog.text


async def test_where_nothing_can_be_opened_the_one_before_is_shown(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(name: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    CORPORATE.server().write(gateway.directory, "gateway")
    monkeypatch.setattr(os, "memfd_create", full)
    assert await gateway.shows() == gateway.shown.der
    assert "stays the one before: gateway.tls: Too many open files" in caplog.text
    monkeypatch.undo()
    assert await gateway.shows() not in {None, gateway.shown.der}


async def test_where_no_certificates_are_asked_for_none_arrives(gateway: Gateway) -> None:
    gateway.tls = Tls(pair(*gateway.files), None)
    assert await gateway.ask(gateway.client(HOME.svid(ID))) is None


async def test_authorities_come_and_go_while_it_runs(gateway: Gateway) -> None:
    mine, others = HOME.svid(ID), OTHER.svid(ID)
    async with listening(gateway.served.site, tls=gateway.tls.entry) as port:

        async def accepted(held: Held) -> bool:
            async with dialled(port, gateway.client(held)) as link:
                try:
                    link.send(WHOLE)
                    return await link.status() == 200
                except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
                    return False

        assert [await accepted(mine), await accepted(others)] == [True, False]
        gateway.authorities = frozenset({HOME.der, OTHER.der})
        assert [await accepted(mine), await accepted(others)] == [True, True]
        gateway.authorities = frozenset({OTHER.der})
        assert [await accepted(mine), await accepted(others)] == [False, True]


async def test_a_session_of_tls_1_2_that_is_resumed_comes_with_its_certificate(
    gateway: Gateway,
) -> None:
    held = HOME.svid(ID)
    client = gateway.client(held)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with listening(gateway.served.site, tls=gateway.tls.entry) as port:
        session, _ = await asyncio.to_thread(handshake, port, client, None)
        _, resumed = await asyncio.to_thread(handshake, port, client, session)
    assert resumed
    assert [one.certificate for one in gateway.served.requests] == [held.shown] * 2


async def test_tls_1_3_gives_out_no_tickets(gateway: Gateway) -> None:
    async with listening(gateway.served.site, tls=gateway.tls.entry) as port:
        session, _ = await asyncio.to_thread(handshake, port, anonymous(CORPORATE), None)
    assert session is None or not session.has_ticket


def handshake(
    port: int, client: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[ssl.SSLSession | None, bool | None]:
    """The session afterwards, and whether it is the one before. Streams do not tell."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        client.wrap_socket(plain, server_hostname="localhost", session=session) as link,
    ):
        link.sendall(WHOLE)
        assert link.recv(15) == b"HTTP/1.1 200 OK"
        return link.session, link.session_reused


# --- what clients are offered ---------------------------------------------------------------------


async def test_a_client_that_says_no_name_is_served_the_same(gateway: Gateway) -> None:
    client = gateway.client(HOME.svid(ID))
    client.check_hostname = False
    async with (
        listening(gateway.served.site, tls=gateway.tls.entry) as port,
        dialled(port, client) as link,
    ):
        link.send(WHOLE)
        assert await link.status() == 200
    assert gateway.served.requests[-1].certificate is not None


async def test_http_1_1_is_agreed_on(gateway: Gateway) -> None:
    client = anonymous(CORPORATE)
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with gateway.open(client) as link:
        tls = link.writer.get_extra_info("ssl_object")
        assert (tls.selected_alpn_protocol(), tls.version()) == ("http/1.1", "TLSv1.3")


async def test_tls_1_2_is_the_oldest_and_keeps_the_past_secret(gateway: Gateway) -> None:
    client = anonymous(CORPORATE)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with gateway.open(client) as link:
        tls = link.writer.get_extra_info("ssl_object")
        assert tls.version() == "TLSv1.2"
        assert tls.cipher()[0].startswith("ECDHE-")
    client.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        client.maximum_version = ssl.TLSVersion.TLSv1_1
    await refused(gateway, client)


async def test_plain_http_is_not_answered(gateway: Gateway) -> None:
    async with (
        listening(gateway.served.site, tls=gateway.tls.entry) as port,
        dialled(port) as link,
    ):
        link.send(WHOLE)
        assert b"HTTP" not in await link.rest()
    assert gateway.served.requests == []


async def test_a_long_answer_arrives_whole(gateway: Gateway) -> None:
    gateway.served.answer = bytes(3_000_000)
    async with gateway.open(anonymous(CORPORATE)) as link:
        for _ in range(2):
            link.send(WHOLE)
            assert (await link.response())[2] == gateway.served.answer


# --- the certificate of the gateway ---------------------------------------------------------------


async def test_a_new_certificate_is_shown_from_the_next_handshake_on(gateway: Gateway) -> None:
    assert await gateway.shows() == gateway.shown.der
    renewed = CORPORATE.server()
    renewed.write(gateway.directory, "gateway")
    assert await gateway.shows() == renewed.der


async def test_those_above_its_certificate_are_shown_too(gateway: Gateway) -> None:
    below = Authority("corporate.example", by=CORPORATE).server()
    below.write(gateway.directory, "gateway")
    assert await gateway.shows() == below.der


def unusable(gateway: Gateway) -> dict[str, tuple[str, bytes]]:
    other, (_, key) = CORPORATE.server(), gateway.files
    locked = gateway.shown.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )
    return {
        "gateway.pem": ("as PEM", b"-----BEGIN CERTIFICATE-----\njunk"),
        str(key): ("another certificate", other.key_pem),
        "gateway.key": ("without a passphrase", locked),
    }


@pytest.mark.parametrize("which", range(3))
async def test_what_cannot_be_shown_changes_nothing_and_is_told_once(
    gateway: Gateway, which: int, caplog: pytest.LogCaptureFixture
) -> None:
    name, (sentence, content) = list(unusable(gateway).items())[which]
    path = gateway.directory / name
    good = path.read_bytes()
    path.write_bytes(content)
    for _ in range(2):
        assert await gateway.shows() == gateway.shown.der
    assert [sentence in record.message for record in caplog.records] == [True]
    path.write_bytes(good)
    assert await gateway.shows() == gateway.shown.der


async def test_a_certificate_that_is_gone_goes_on_being_shown(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.files[0].unlink()
    assert await gateway.shows() == gateway.shown.der
    assert "gateway.pem: No such file" in caplog.text


async def test_a_key_that_everybody_can_read_is_not_used(gateway: Gateway) -> None:
    gateway.files[1].chmod(0o644)
    with pytest.raises(UnusableCertificate, match="everybody can read this key"):
        Tls(pair(*gateway.files), None)
    gateway.files[1].chmod(0o640)
    Tls(pair(*gateway.files), None)


@pytest.mark.parametrize("which", range(3))
def test_it_does_not_begin_with_what_cannot_be_shown(gateway: Gateway, which: int) -> None:
    name, (sentence, content) = list(unusable(gateway).items())[which]
    (gateway.directory / name).write_bytes(content)
    with pytest.raises(UnusableCertificate, match=sentence):
        Tls(pair(*gateway.files), None)
