from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from safeconduct.config.tls import Forwarded
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.forwarded import forwarded
from safeconduct.entrypoints.http import Clients, Peer, Problem, Request, own
from safeconduct.kit.certificate import Certificate
from tests.support.certificates import Authority, Held
from tests.support.sockets import HEAD, Served, connected

HOME = Authority("crm.example")
AGENT = Authority("crm.example", by=HOME).svid("spiffe://crm.example/agents/copilot")
BALANCER = HOME.svid("spiffe://crm.example/balancer")

ENVOY = forwarded(Forwarded(sources=("10.1.0.0/16", "fd00::1"), header="x-forwarded-client-cert"))
STANDARD = forwarded(Forwarded(sources=("10.1.2.3",), header="client-cert"))


class Line:
    """A connection from somebody."""

    def __init__(self, address: str, held: Held | None = BALANCER) -> None:
        self.peer = Peer(address, None if held is None else held.shown)


def read(
    clients: Clients, *fields: tuple[str, str], address: str = "10.1.2.3"
) -> Certificate | None:
    raw = [(name.encode(), value.encode()) for name, value in fields]
    return clients(Request("POST", "/mcp", raw, Line(address)))  # type: ignore[arg-type]  # all of a wire that is looked at


def pem(held: Held, *, whole: bool = False) -> str:
    end = b"-----END CERTIFICATE-----\n"
    text = held.pem if whole else held.pem.partition(end)[0] + end
    return quote(text.decode(), safe="")


def xfcc(held: Held = AGENT) -> tuple[str, str]:
    value = f'By=spiffe://crm.example/lb;Hash=00;Cert="{pem(held)}";Chain="{pem(held, whole=True)}"'
    return "x-forwarded-client-cert", value + ';Subject="CN=\\"a, b; c\\"";URI=spiffe://x/y'


def standard(*chain: bytes) -> list[tuple[str, str]]:
    leaf, *above = [f":{base64.b64encode(one).decode()}:" for one in chain]
    fields = [("client-cert", leaf)]
    return [*fields, ("client-cert-chain", ", ".join(above))] if above else fields


def test_a_load_balancer_says_what_it_was_shown() -> None:
    assert read(ENVOY, xfcc()) == AGENT.shown
    assert read(STANDARD, *standard(AGENT.der, *AGENT.between)) == AGENT.shown


def test_a_certificate_comes_alone_as_well() -> None:
    alone = Certificate.read([AGENT.der])
    assert read(ENVOY, ("x-forwarded-client-cert", f'cert="{pem(AGENT)}"')) == alone
    assert read(STANDARD, *standard(AGENT.der)) == alone


def test_a_load_balancers_own_certificate_is_not_its_clients() -> None:
    assert read(ENVOY) is None


@pytest.mark.parametrize("address", ["10.1.255.1", "::ffff:10.1.2.3", "fd00::1", "fd00::1%eth0"])
def test_load_balancers_are_known_by_their_address(address: str) -> None:
    assert read(ENVOY, xfcc(), address=address) == AGENT.shown


@pytest.mark.parametrize("address", ["10.2.0.1", "::ffff:10.2.0.1", "fd00::2", "", "lb.example"])
def test_others_speak_for_themselves(address: str) -> None:
    assert read(ENVOY, address=address) == BALANCER.shown
    with pytest.raises(Problem, match="not accepted here"):
        read(ENVOY, xfcc(), address=address)


@pytest.mark.parametrize("name", ["x-forwarded-client-cert", "client-cert", "client-cert-chain"])
def test_where_nobody_is_believed_no_header_names_a_certificate(name: str) -> None:
    assert read(own) == BALANCER.shown
    with pytest.raises(Problem, match="not accepted here"):
        read(own, (name, "x"))


def test_a_header_that_the_load_balancer_does_not_write_is_its_clients() -> None:
    for clients, fields in (
        (ENVOY, [xfcc(), *standard(BALANCER.der)]),
        (ENVOY, standard(BALANCER.der)),
        (STANDARD, [*standard(AGENT.der), xfcc(BALANCER)]),
        (STANDARD, [xfcc(BALANCER)]),
        (STANDARD, standard(AGENT.der, HOME.der)[1:]),
        (ENVOY, [xfcc(), xfcc(BALANCER)]),
        (STANDARD, [*standard(AGENT.der), *standard(BALANCER.der)]),
    ):
        with pytest.raises(Problem, match="in one header, and once") as raised:
            read(clients, *fields)
        assert raised.value.status == 400


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Hash=00;URI=spiffe://crm.example/agents/copilot",
        'Cert=""',
        'Cert="junk"',
        f'Cert="{pem(AGENT)}',
        f'Cert="{pem(AGENT, whole=True)}"',
        f'Cert="{pem(AGENT)}";Cert="{pem(BALANCER)}"',
        f'Cert="{pem(AGENT)}",Cert="{pem(BALANCER)}"',
        f'Cert="{pem(AGENT)}";Chain="{pem(BALANCER)}"',
        f'Cert="{pem(AGENT)}";;',
        f'=;Cert="{pem(AGENT)}"',
        f'Cert="%20{pem(AGENT)}"',
        f'Cert="{pem(AGENT)}%0A"',
        f'Cert="{pem(AGENT).replace("%0A", "%0A%0A%20", 1)}"',
        f'Cert="{pem(AGENT)}";Chain=""',
    ],
)
def test_an_element_is_read_in_one_way_or_not_at_all(value: str) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        read(ENVOY, ("x-forwarded-client-cert", value))


@pytest.mark.parametrize("value", ["", "::", ":!:", "junk", ":anVuaw==:", ":anVuaw:"])
def test_bytes_are_read_in_one_way_or_not_at_all(value: str) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        read(STANDARD, ("client-cert", value))
    with pytest.raises(Problem, match="cannot be read"):
        read(STANDARD, *standard(AGENT.der), ("client-cert-chain", f"{value}, {value}"))


async def test_on_a_real_connection_a_header_is_refused_before_the_body() -> None:
    served = Served()
    async with connected(served.site, Limits()) as link:
        link.send(HEAD + b"Client-Cert: :AA==:\r\nContent-Length: 2\r\n\r\n")
        assert await link.status() == 400
    assert served.requests == []
