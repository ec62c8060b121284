"""TLS at the gateway's port (RFC 8446, RFC 5246): its certificate, and those of its clients.

What the certificate is and who signs for clients is looked at in every handshake, so that either
may change while the gateway runs. What cannot be used changes nothing, and is told to the operator.
A client may show a certificate or none; one that leads to no authority ends the handshake. There
are no tickets, whose keys would open what was said before.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from safeconduct.kit.certificate import Certificate, UnusableCertificate

_log = logging.getLogger(__name__)

HANDSHAKE_S: Final = 10.0
"""How long a handshake may take, and the farewell of a connection, in seconds."""

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Those of TLS 1.2 that keep what was sent secret when a key gets known; 1.3 has no others."""


_MAX_BYTES: Final = 1024 * 1024
_DER: Final = 2  # OpenSSL's name for it: SSL_FILETYPE_ASN1


Pair = Callable[[], bytes]
"""Gives the certificate, those above it, and its key, as PEM. Raises UnusableCertificate."""


def pair(certificate: Path, key: Path) -> Pair:
    """What is in two files. Nobody but the owner and the group may read the key."""

    def read() -> bytes:
        return b"%b\n%b" % (_content(certificate, secret=False), _content(key, secret=True))

    return read


class Tls:
    """Shows clients the certificate that there is now. Not for several threads."""

    def __init__(self, pair: Pair, authorities: Callable[[], frozenset[bytes]] | None) -> None:
        """`authorities` gives those of clients, in DER; None asks no client for a certificate.

        Raises UnusableCertificate.
        """
        self._pair = pair
        self._authorities = authorities
        self._complaint = ""
        self._made_of = self._sources()
        self._context = self._context_of(*self._made_of)
        self.entry = self._context_of(*self._made_of)
        """What a server listens with."""
        self.entry.sslobject_class = _Handshake
        self.entry.sni_callback = self._turn

    def _turn(
        self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, entry: ssl.SSLContext
    ) -> None:
        """Joins a handshake when the client has spoken, whether or not it said a name."""
        del name, entry
        try:
            made_of = self._sources()
            if made_of != self._made_of:
                self._context = self._context_of(*made_of)
                self._made_of = made_of
            self._complaint = ""
        except UnusableCertificate as error:
            self._complain(str(error))
        handshake.context = self._context

    def _sources(self) -> tuple[bytes, frozenset[bytes]]:
        known = frozenset[bytes]() if self._authorities is None else self._authorities()
        return self._pair(), known

    def _context_of(self, shown: bytes, authorities: frozenset[bytes]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.set_ciphers(_CIPHERS)
        context.set_alpn_protocols(["http/1.1"])
        _load(context, shown)
        if self._authorities is not None:
            context.verify_mode = ssl.CERT_OPTIONAL
            # An authority of a bundle is one, whether or not it signed itself.
            context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
            for authority in authorities:
                _believe(context, authority)
        return context

    def _complain(self, what: str) -> None:
        if what != self._complaint:
            self._complaint = what
            _log.error("the certificate stays the one before: %s", what)


class _Handshake(ssl.SSLObject):
    """Tells the operator why a certificate was refused; the client hears next to nothing."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            _log.info("refused a client certificate: %s", error.verify_message)
            raise


def shown(transport: asyncio.BaseTransport) -> Certificate | None:
    """The certificate that a client showed in its handshake, and proved to have the key of."""
    handshake = transport.get_extra_info("ssl_object")
    chain = () if handshake is None else _chain(handshake)
    try:
        return Certificate.read(chain) if chain else None
    except ValueError as error:
        _log.info("refused a client certificate: %s", error)
        return None


def _chain(handshake: ssl.SSLObject) -> list[bytes]:
    """What the client sent, its own certificate first; nothing if it sent none."""
    if handshake.getpeercert(binary_form=True) is None:
        return []
    if sys.version_info >= (3, 13):
        return handshake.get_unverified_chain()
    # There in every version, and public since 3.13.
    sent: list[Any] = cast("Any", handshake)._sslobj.get_unverified_chain() or []  # noqa: SLF001 ssl shows the whole chain from Python 3.13 on
    return [one.public_bytes(_DER) for one in sent]


def _believe(context: ssl.SSLContext, authority: bytes) -> None:
    """One that OpenSSL cannot read signs for nobody, and keeps nobody else from connecting."""
    try:
        context.load_verify_locations(cadata=authority)
    except ssl.SSLError as error:
        _log.error("an X.509 authority of clients cannot be used: %s", error.reason)


def _load(context: ssl.SSLContext, shown: bytes) -> None:
    """Has a context show a certificate. A context reads files alone, so this is one in memory."""
    try:
        with os.fdopen(os.memfd_create("certificate", os.MFD_CLOEXEC), "wb") as file:
            file.write(shown)
            file.flush()
            # Without a password, whoever started the gateway would be asked for one.
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password="")
    except ssl.SSLError as error:
        raise UnusableCertificate(
            "gateway.tls: the key belongs to another certificate"
            if error.reason == "KEY_VALUES_MISMATCH"
            else "gateway.tls: no certificate with its key as PEM, the key without a passphrase"
        ) from None
    except OSError as error:
        raise UnusableCertificate(f"gateway.tls: {error.strerror}") from None


def _content(path: Path, *, secret: bool) -> bytes:
    try:
        with path.open("rb") as file:
            if secret and os.fstat(file.fileno()).st_mode & stat.S_IRWXO:
                raise UnusableCertificate(f"{path}: everybody can read this key; chmod o= it")
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise UnusableCertificate(f"{path}: {error.strerror}") from None
