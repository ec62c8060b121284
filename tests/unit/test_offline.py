"""The guard in conftest that keeps tests on this machine."""

import socket

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0)])
def test_an_address_beyond_loopback_is_refused(address: tuple[str, int]) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client, pytest.raises(PermissionError, match="stay on this"):
        client.connect(address)


def test_a_datagram_beyond_loopback_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        pytest.raises(PermissionError, match="stay on this"),
    ):
        client.sendto(b"", ("192.0.2.1", 9))


def test_a_name_is_not_looked_up() -> None:
    with pytest.raises(PermissionError, match="stay on this"):
        socket.getaddrinfo("crm.example", 443)


def test_loopback_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
